"""RTSP 1.0 messages (RFC 2326) as text: requests out; answers, Transport, Session and RTP-Info headers in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from appliance.capture.errors import RtspInvalid

USER_AGENT: Final = "Temoin"

DEFAULT_SESSION_S: Final = 60
"""Seconds a session lives without keep-alive when the camera does not say (RFC 2326 section 12.37)."""

_STATUS_LINE = re.compile(r"RTSP/\d\.\d\s+(\d{3})(?:\s+(.*))?$")
_REQUEST_LINE = re.compile(r"([A-Z_]+)\s+(\S+)\s+RTSP/\d\.\d$")


@dataclass(frozen=True, slots=True)
class Message:
    """An answer (`status`) or a request of the camera's (`method`). Header names are in lower case."""

    status: int
    method: str
    headers: Mapping[str, list[str]]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        values = self.headers.get(name)
        return values[0] if values else None

    @property
    def sequence(self) -> int | None:
        """CSeq, or None when it is absent or no number."""
        return _number(self.header("cseq"))


class SessionHeader(NamedTuple):
    """Session identifier and time-out in seconds, None when not said."""

    identifier: str
    timeout_s: int | None


class TransportHeader(NamedTuple):
    """What the camera will do: `channels` RTP and RTCP, None when not over this connection; `ssrc` is a hint."""

    tcp: bool
    channels: tuple[int, int] | None
    ssrc: int | None


class RtpInfo(NamedTuple):
    """One entry of RTP-Info: hints only, wrong in many cameras and dropped when unreadable."""

    url: str
    sequence: int | None
    rtptime: int | None


def encode_request(method: str, url: str, sequence: int, headers: Mapping[str, str]) -> bytes:
    """A request without body."""
    lines = [f"{method} {url} RTSP/1.0", f"CSeq: {sequence}", f"User-Agent: {USER_AGENT}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def parse_head(head: bytes, at: int) -> tuple[Message, int]:
    """Start line and headers (without the empty line), and the length of the body that follows.

    `at`: position in the connection, for the error. Raises RtspInvalid.
    """
    lines = head.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = lines[0].strip()
    status, method = 0, ""
    if found := _STATUS_LINE.match(first):
        status = int(found[1])
    elif found := _REQUEST_LINE.match(first):
        method = found[1]
    else:
        raise RtspInvalid(reason=f"unexpected line {first[:40]!r}", at=at)
    headers: dict[str, list[str]] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), []).append(value.strip())
    message = Message(status, method, headers)
    text = message.header("content-length")
    length = _number(text)
    if text is not None and length is None:
        raise RtspInvalid(reason="Content-Length is no number", at=at)
    return message, length or 0


def parse_session(value: str) -> SessionHeader:
    """`Session: 708345999;timeout=60`, blanks anywhere."""
    identifier, *options = (item.strip() for item in value.split(";"))
    for option in options:
        name, _, text = option.partition("=")
        if name.strip().lower() == "timeout" and (seconds := _number(text)):
            return SessionHeader(identifier, seconds)
    return SessionHeader(identifier, None)


def parse_transport(value: str) -> TransportHeader:
    """The Transport header of SETUP's answer, its parts in any order and padded as they like."""
    items = [item.strip() for item in value.split(",", maxsplit=1)[0].split(";")]
    tcp = items[0].upper() == "RTP/AVP/TCP"
    channels, ssrc = None, None
    for item in items:
        name, _, text = item.partition("=")
        name, text = name.strip().lower(), text.strip()
        if name == "interleaved":
            first, _, second = text.partition("-")
            rtp = _number(first)
            rtcp = _number(second) if second else None
            if rtp is not None and rtp <= 255:
                channels = (rtp, rtcp if rtcp is not None and rtcp <= 255 else rtp + 1)
        elif name == "ssrc" and re.fullmatch(r"[0-9A-Fa-f]{1,8}", text):
            ssrc = int(text, 16)
    return TransportHeader(tcp or channels is not None, channels, ssrc)


def parse_rtp_info(value: str) -> list[RtpInfo]:
    """All entries; URLs may hold commas and equal signs, numbers may be anything."""
    entries: list[RtpInfo] = []
    for item in re.split(r",\s*(?=url=)", value.strip().rstrip(";")):
        url, sequence, rtptime = "", None, None
        for part in item.split(";"):
            name, _, text = part.strip().partition("=")
            if name.lower() == "url":
                url = text
            elif name.lower() == "seq":
                sequence = _number(text, 0xFFFF)
            elif name.lower() == "rtptime":
                rtptime = _number(text, 0xFFFFFFFF)
        entries.append(RtpInfo(url, sequence, rtptime))
    return entries


def _number(text: str | None, limit: int = 10**9) -> int | None:
    """A plain decimal number up to `limit`, or None."""
    text = (text or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    value = int(text)
    return value if value <= limit else None
