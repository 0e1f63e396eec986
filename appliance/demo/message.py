"""RTSP messages as text (RFC 2326 sections 4 to 7) and the SDP a camera describes itself with (RFC 8866)."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.demo.clip import Clip

MAX_REQUEST = 16384
"""Octets of request a camera accepts before it gives up: players send under 1 kB."""

REASONS = {
    200: "OK",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport",
    501: "Not Implemented",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Header names are in lower case."""

    method: str
    url: str
    headers: dict[str, str]

    @property
    def path(self) -> str:
        """The path of the URL without leading and trailing slash."""
        _, _, rest = self.url.partition("://")
        return rest.partition("/")[2].partition("?")[0].strip("/") if rest else self.url.strip("/")


def take_message(buffer: bytearray) -> Request | bytes | None:
    """Take the next message off `buffer`: a request, an interleaved packet's bytes, None when incomplete.

    Raises ValueError on what is neither.
    """
    while buffer[:2] == b"\r\n":
        del buffer[:2]
    if not buffer:
        return None
    if buffer[0] == 0x24:
        if len(buffer) < 4 or len(buffer) < 4 + int.from_bytes(buffer[2:4], "big"):
            return None
        end = 4 + int.from_bytes(buffer[2:4], "big")
        packet = bytes(buffer[:end])
        del buffer[:end]
        return packet
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > MAX_REQUEST:
            raise ValueError("request too long")
        return None
    first, *lines = buffer[:end].decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = int(headers.get("content-length", "0"))
    if len(buffer) < end + 4 + body:
        return None
    del buffer[: end + 4 + body]
    method, url, version = first.split(" ")
    if not version.startswith("RTSP/"):
        raise ValueError("not RTSP")
    return Request(method, url, headers)


def response(status: int, cseq: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"") -> bytes:
    """A response with its body."""
    lines = [f"RTSP/1.0 {status} {REASONS.get(status, 'Error')}"]
    lines += [f"CSeq: {cseq}"] if cseq else []
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


_H265_SETS = ("vps", "sps", "pps")


def _text(nal: bytes) -> str:
    return base64.b64encode(nal).decode("ascii")


def describe(
    clip: Clip, session_id: int, *, sprop: bool, audio: bool, control: str = "trackID=0", broken: bool = False
) -> bytes:
    """The SDP of one stream: the video on trackID=0, and a PCMA track on trackID=1 when audio is offered."""
    if clip.codec == "h265":
        encoding, parameters = "H265", f"profile-id={clip.sps[3] & 0x1F}"
        if sprop:
            parameters += "".join(f";sprop-{n}={_text(nal)}" for n, nal in zip(_H265_SETS, clip.sets, strict=True))
    else:
        encoding, parameters = "H264", f"profile-level-id={clip.sps[1:4].hex().upper()};packetization-mode=1"
        if sprop:
            parameters += f";sprop-parameter-sets={','.join(map(_text, clip.sets))}"
    lines = [
        "v=0",
        f"o=- {session_id} 1 IN IP4 127.0.0.1",
        "s=Simulated camera",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=0-",
        "m=video 0 RTP/AVP 96",
        f"b=AS:{max(1, clip.bitrate // 1000)}",
        f"a=rtpmap:96 {encoding}/90000",
        f"a=fmtp:96 {parameters}",
        f"a=framerate:{float(clip.fps):g}",
        f"a=control:{control}",
    ]
    if broken:
        lines[7:7] = ["m=application/ACME 0 RTP/AVP smart/1/90000", "a=rtpmap:95 ACME/90000", "a=control:track9"]
    if audio:
        lines += ["m=audio 0 RTP/AVP 8", "b=AS:64", "a=rtpmap:8 PCMA/8000", "a=control:trackID=1"]
    return ("\r\n".join(lines) + "\r\n").encode("ascii")
