"""RTSP authentication as cameras do it: Basic and Digest (RFC 2617, RFC 7616; MD5 or SHA-256)."""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Literal

AuthScheme = Literal["none", "basic", "digest", "digest-sha256", "all"]
"""`all` offers Basic first, then MD5, then SHA-256: a client has to pick the strongest by itself."""

REALM = "Simulated camera"

_FIELD = re.compile(r'(\w+)=(?:"([^"]*)"|([^,\s]*))')
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_OFFERS: dict[AuthScheme, tuple[str, ...]] = {
    "none": (),
    "basic": ("Basic",),
    "digest": ("MD5",),
    "digest-sha256": ("SHA-256",),
    "all": ("Basic", "MD5", "SHA-256"),
}


class Authenticator:
    """Checks requests of one connection against one user and password. The nonce lives as long as it does."""

    def __init__(self, scheme: AuthScheme) -> None:
        self._scheme = scheme
        self._nonce = secrets.token_hex(16)

    def challenges(self) -> list[str]:
        """Values of the WWW-Authenticate headers of a 401."""
        found = []
        for offer in _OFFERS[self._scheme]:
            if offer == "Basic":
                found.append(f'Basic realm="{REALM}"')
            else:
                algorithm = "" if offer == "MD5" else f", algorithm={offer}"
                found.append(f'Digest realm="{REALM}", nonce="{self._nonce}"{algorithm}')
        return found

    def accepts(self, method: str, header: str | None, user: str, password: str) -> bool:
        """True when `header` (the Authorization value) proves user and password for `method`."""
        if self._scheme == "none":
            return True
        kind, _, value = (header or "").partition(" ")
        if kind.lower() == "basic" and "Basic" in _OFFERS[self._scheme]:
            wanted = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
            return hmac.compare_digest(value.strip(), wanted)
        return kind.lower() == "digest" and self._digest(method, value, user, password)

    def _digest(self, method: str, value: str, user: str, password: str) -> bool:
        fields = {m[1].lower(): m[2] if m[2] is not None else m[3] for m in _FIELD.finditer(value)}
        algorithm = fields.get("algorithm", "MD5").upper()
        if algorithm not in _OFFERS[self._scheme] or algorithm not in _HASHES:
            return False
        if fields.get("nonce") != self._nonce or fields.get("username") != user or fields.get("realm") != REALM:
            return False

        def digest(text: str) -> str:
            return _HASHES[algorithm](text.encode()).hexdigest()

        first = digest(f"{user}:{REALM}:{password}")
        second = digest(f"{method}:{fields.get('uri', '')}")
        if fields.get("qop"):
            middle = f"{self._nonce}:{fields.get('nc', '')}:{fields.get('cnonce', '')}:{fields['qop']}"
        else:
            middle = self._nonce
        return hmac.compare_digest(fields.get("response", ""), digest(f"{first}:{middle}:{second}"))
