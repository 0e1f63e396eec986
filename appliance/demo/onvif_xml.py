"""ONVIF messages of the simulated camera, by hand after the published WSDL (device, media, media2)."""

import gzip
import html
import re
from dataclasses import dataclass
from typing import Final

from appliance.demo.onvif_quirks import Bomb

ENVELOPE: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:tds="http://www.onvif.org/ver10/device/wsdl"'
    ' xmlns:trt="http://www.onvif.org/ver10/media/wsdl" xmlns:tr2="http://www.onvif.org/ver20/media/wsdl"'
    ' xmlns:ter="http://www.onvif.org/ver10/error" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">'
)

DEVICE: Final = "http://www.onvif.org/ver10/device/wsdl"
MEDIA: Final = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2: Final = "http://www.onvif.org/ver20/media/wsdl"


SOURCE: Final = "source-1"
"""Token of the camera's one picture."""


@dataclass(slots=True)
class Encoder:
    """Settings of one stream."""

    codec: str
    width: int
    height: int
    fps: int
    gop: int
    kbps: int


def envelope(body: str, header: str = "") -> bytes:
    """A whole message."""
    head = f"<SOAP-ENV:Header>{header}</SOAP-ENV:Header>" if header else ""
    return f"{ENVELOPE}{head}<SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>".encode()


def fault(subcode: str, reason: str, *, old: bool) -> bytes:
    """SOAP 1.2's, or SOAP 1.1's of old firmware."""
    if old:
        soap = "http://schemas.xmlsoap.org/soap/envelope/"
        body = f"<faultcode>s:Client</faultcode><faultstring>{reason}</faultstring>"
        return f'<s:Envelope xmlns:s="{soap}"><s:Body><s:Fault>{body}</s:Fault></s:Body></s:Envelope>'.encode()
    code = f"<SOAP-ENV:Subcode><SOAP-ENV:Value>ter:{subcode}</SOAP-ENV:Value></SOAP-ENV:Subcode>"
    return envelope(
        f"<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:Sender</SOAP-ENV:Value>{code}</SOAP-ENV:Code>"
        f'<SOAP-ENV:Reason><SOAP-ENV:Text xml:lang="en">{reason}</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>'
    )


def called(body: str) -> str:
    """Name of the call in a request; empty for what is none."""
    found = re.search(r"<(?:[\w-]+:)?Body[^>]*>\s*<(?:[\w-]+:)?(\w+)", body)
    return found[1] if found else ""


def value(body: str, name: str) -> str:
    """Text of the first element of a local name."""
    found = re.search(rf"<(?:[\w-]+:)?{name}(?:\s[^>]*)?>([^<]*)<", body)
    return html.unescape(found[1]).strip() if found else ""


def attribute(body: str, name: str) -> str:
    """The first attribute of a name."""
    found = re.search(rf'\s{name}="([^"]*)"', body)
    return html.unescape(found[1]) if found else ""


def source(one: Encoder, tag: str) -> str:
    """tt:VideoSourceConfiguration: the one picture that every stream of the camera is made of."""
    bounds = f'<tt:Bounds x="0" y="0" width="{one.width}" height="{one.height}"/>'
    head = f"<tt:Name>{SOURCE}</tt:Name><tt:UseCount>2</tt:UseCount><tt:SourceToken>{SOURCE}</tt:SourceToken>"
    return f'<{tag} token="{SOURCE}-config">{head}{bounds}</{tag}>'


def encoder(one: Encoder, token: str, tag: str, *, ver20: bool) -> str:
    """tt:VideoEncoderConfiguration, or tt:VideoEncoder2Configuration. Media 1 has no word for H.265."""
    size = f"<tt:Resolution><tt:Width>{one.width}</tt:Width><tt:Height>{one.height}</tt:Height></tt:Resolution>"
    address = "<tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address></tt:Address>"
    multicast = f"<tt:Multicast>{address}<tt:Port>0</tt:Port><tt:TTL>1</tt:TTL><tt:AutoStart>false</tt:AutoStart>"
    multicast += "</tt:Multicast>"
    head = f"<tt:Name>{token}</tt:Name><tt:UseCount>1</tt:UseCount>"
    if ver20:
        rate = f'<tt:RateControl ConstantBitRate="false"><tt:FrameRateLimit>{one.fps}.0</tt:FrameRateLimit>'
        rate += f"<tt:BitrateLimit>{one.kbps}</tt:BitrateLimit></tt:RateControl>"
        inner = f"{head}<tt:Encoding>{one.codec}</tt:Encoding>{size}{multicast}{rate}<tt:Quality>4.0</tt:Quality>"
        return f'<{tag} token="{token}" GovLength="{one.gop}" Profile="Main">{inner}</{tag}>'
    rate = f"<tt:RateControl><tt:FrameRateLimit>{one.fps}</tt:FrameRateLimit><tt:EncodingInterval>1"
    rate += f"</tt:EncodingInterval><tt:BitrateLimit>{one.kbps}</tt:BitrateLimit></tt:RateControl>"
    codec = "H264" if one.codec == "H265" else one.codec
    own = f"<tt:H264><tt:GovLength>{one.gop}</tt:GovLength><tt:H264Profile>Main</tt:H264Profile></tt:H264>"
    inner = f"{head}<tt:Encoding>{codec}</tt:Encoding>{size}<tt:Quality>4.0</tt:Quality>{rate}"
    inner += f"{own if codec == 'H264' else ''}{multicast}<tt:SessionTimeout>PT60S</tt:SessionTimeout>"
    return f'<{tag} token="{token}">{inner}</{tag}>'


def bomb(kind: Bomb) -> bytes:
    """A body that does harm, but for `endless`, which whoever sends it makes as it goes."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bodies: dict[str, bytes] = {
        "entities": f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]><x>&l9;</x>'.encode(),
        "external": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>',
        "deep": b"<a>" * 100_000,
        "wide": b"<a>" + b"<b/>" * 200_000 + b"</a>",
        "attributes": b"<a " + b" ".join(b'a%d="1"' % n for n in range(50_000)) + b"/>",
        "cut": envelope("<tds:GetDeviceInformationResponse/>")[:-30],
    }
    if kind == "gzip":
        return gzip.compress(b"<a>" + b" " * (32 << 20) + b"</a>")
    return bodies.get(kind, b"Bonjour")
