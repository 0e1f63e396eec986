"""SOAP 1.2 messages: envelopes, the WS-UsernameToken of ONVIF Core (5.9.4, OASIS WSS 1.1), and faults. Pure."""

import hashlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from appliance.inputs.errors import OnvifFault, OnvifPasswordRefused, OnvifXmlRefused
from appliance.inputs.xml import Node, clean

ENVELOPE: Final = "http://www.w3.org/2003/05/soap-envelope"
DEVICE: Final = "http://www.onvif.org/ver10/device/wsdl"
MEDIA: Final = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2: Final = "http://www.onvif.org/ver20/media/wsdl"
SCHEMA: Final = "http://www.onvif.org/ver10/schema"
_WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_TOKEN: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"  # noqa: S105 - a name
_BASE64: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def call(namespace: str, name: str, inner: str = "") -> str:
    """The body of a call: its element in `namespace`, `inner` already XML of the same default namespace."""
    return f"<{name} xmlns={quoteattr(namespace)} xmlns:tt={quoteattr(SCHEMA)}>{inner}</{name}>"


def element(name: str, text: str) -> str:
    """A leaf with its text."""
    return f"<{name}>{escape(text)}</{name}>"


def envelope(body: str, header: str = "") -> bytes:
    """A whole message."""
    head = f"<s:Header>{header}</s:Header>" if header else ""
    text = f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{ENVELOPE}">{head}<s:Body>{body}</s:Body>'
    return f"{text}</s:Envelope>".encode()


def username_token(user: str, password: str, nonce: bytes, created_us: int) -> str:
    """The security header: Base64(SHA-1(nonce + created + password)). `created_us`: UTC as the camera has it."""
    created = (_EPOCH + timedelta(microseconds=created_us)).strftime("%Y-%m-%dT%H:%M:%SZ")
    proof = hashlib.sha1(nonce + created.encode() + password.encode(), usedforsecurity=False).digest()
    return (
        f'<Security s:mustUnderstand="1" xmlns="{_WSSE}"><UsernameToken>{element("Username", user)}'
        f'<Password Type="{_TOKEN}">{b64encode(proof).decode("ascii")}</Password>'
        f'<Nonce EncodingType="{_BASE64}">{b64encode(nonce).decode("ascii")}</Nonce>'
        f'<Created xmlns="{_WSU}">{created}</Created></UsernameToken></Security>'
    )


def answer_of(root: Node, name: str) -> Node:
    """The body's element of a good answer. Raises OnvifPasswordRefused, OnvifFault, OnvifXmlRefused."""
    body = root.find("Body") if root.name == "Envelope" else None
    if body is None:
        raise OnvifXmlRefused(reason="no SOAP envelope")
    fault = body.find("Fault")
    if fault is not None:
        raise _fault(fault, name)
    found = body.find(f"{name}Response")
    if found is None:
        raise OnvifXmlRefused(reason=f"no {name}Response")
    return found


_NOT_AUTHORIZED: Final = frozenset({"notauthorized", "failedauthentication", "sendernotauthorized", "unauthorized"})
"""Subcodes by which cameras refuse a login (ONVIF Core 5.8.2.3, WSS 1.1 section 12), without prefix."""


def _fault(fault: Node, name: str) -> OnvifFault | OnvifPasswordRefused:
    """SOAP 1.2's Code, Subcode and Reason, or SOAP 1.1's faultcode and faultstring, which old cameras send."""
    codes = [
        node.text.strip().rpartition(":")[2].lower() for node in (*fault.every("Value"), *fault.every("faultcode"))
    ]
    reason = clean(fault.value("Reason", "Text") or fault.value("faultstring"))
    if _NOT_AUTHORIZED & set(codes) or "not authorized" in reason.lower():
        return OnvifPasswordRefused()
    return OnvifFault(call=name, reason=reason or clean(codes[-1] if codes else "?"))
