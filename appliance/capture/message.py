"""RTSP 1.0 messages (RFC 2326) as text: requests out; answers, Transport, Session and RTP-Info headers in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from appliance.capture.errors import RtspInvalid

USER_AGENT: Final = "Temoin"

CHALLENGE: Final = "www-authenticate"
"""The header that asks for a password."""

_BLANK: Final = " \t\r\0"
"""Around names and values; some firmware writes a string's end (NUL) too."""

OK: Final = 200
"""What success is as good as always told by (RFC 2326 section 7.1.1)."""

SUCCESS: Final = range(200, 300)
"""All of its class: 201 and 250 (Low on Storage Space) are no refusals either."""

DEFAULT_SESSION_S: Final = 60
"""Seconds a session lives without keep-alive when the camera does not say (RFC 2326 section 12.37)."""

_STATUS_LINE = re.compile(r"RTSP/\d\.\d\s+(\d{3})(?!\d)", re.IGNORECASE | re.ASCII)
_REQUEST_LINE = re.compile(r"([A-Z_]+)\s+(\S+)\s+RTSP/\d\.\d$")
_TIMEOUT = re.compile(r"[;,\s]timeout\s*=\s*\"?(\d{1,9})", re.IGNORECASE | re.ASCII)
_CHANNELS = re.compile(r"\D{0,3}(\d{1,3})(?!\d)(?:\D{1,3}(\d{1,3})(?!\d))?", re.ASCII)
_OFFERS = re.compile(r",\s{0,9}(?=RTP\s?/|$)", re.IGNORECASE)
_SSRC = re.compile(r"(?:0x)?([0-9A-Fa-f]{1,8})$", re.ASCII)


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
        return _leading_number(self.header("cseq"))


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
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def parse_head(head: bytes, at: int) -> tuple[Message, int]:
    """Start line and headers (without the empty line), and the length of the body that follows.

    `at`: position in the connection, for the error. Raises RtspInvalid.
    """
    lines = head.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = lines[0].strip()
    status, method = 0, ""
    if found := _STATUS_LINE.match(first):
        status = int(found[1])
    elif found := _REQUEST_LINE.match(first):
        method = found[1]
    else:
        raise RtspInvalid(reason=f"unexpected line {_readable(first[:40])!r}", at=at)
    message = Message(status, method, _headers(lines[1:]))
    lengths = [_leading_number(text) for text in message.headers.get("content-length", []) if text]
    if None in lengths:
        raise RtspInvalid(reason="Content-Length is no number", at=at)
    # Told twice: what is too large ends with our patience, what is too small loses the description.
    return message, max((length for length in lengths if length is not None), default=0)


def _headers(lines: list[str]) -> dict[str, list[str]]:
    """Header lines, one that begins with a blank being more of the one before (RFC 2326 section 15.1).

    Octets that are no UTF-8 are kept (as surrogates) in a challenge alone: its realm goes into a digest as it came.
    """
    headers: dict[str, list[str]] = {}
    last: list[str] | None = None
    for line in lines:
        if line[:1] in {" ", "\t"} and last is not None:
            last[-1] = f"{last[-1]} {line.strip(_BLANK)}".strip()
            continue
        name, colon, value = line.partition(":")
        name = _readable(name.strip(_BLANK).lower())
        last = headers.setdefault(name, []) if colon else None
        if last is not None:
            last.append(value.strip(_BLANK))
    for name, values in headers.items():
        if name != CHALLENGE:
            values[:] = [_readable(value) for value in values]
    return headers


def _readable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def parse_session(value: str) -> SessionHeader:
    """`Session: 708345999;timeout=60`, blanks anywhere, quotes, other separators."""
    identifier = re.split(r"[;,\s]", value.strip(), maxsplit=1)[0]
    found = _TIMEOUT.search(value)
    return SessionHeader(identifier, int(found[1]) or None if found else None)


def parse_transport(value: str) -> TransportHeader:
    """The Transport header of SETUP's answer, its parts in any order and padded as they like.

    Of several, apart by commas as values may hold them (`mode="PLAY,RECORD"`), the first over this connection.
    """
    offers = [_offer(text) for text in _OFFERS.split(value)]
    return next((offer for offer in offers if offer.tcp), offers[0])


def _offer(value: str) -> TransportHeader:
    items = [item.strip() for item in value.split(";")]
    profile = "".join(items[0].split()).upper()
    if "SAVP" in profile:  # SRTP, which was not asked for, and whose keys nobody has
        return TransportHeader(False, None, None)
    tcp = profile in {"RTP/AVP/TCP", "RTP/AVPF/TCP"}
    channels, ssrc = None, None
    for item in items:
        name, _, text = item.partition("=")
        name, text = name.strip().lower(), text.strip()
        if name == "interleaved":
            found = _CHANNELS.match(text)
            if found and int(found[1]) <= 255:
                rtp, rtcp = int(found[1]), int(found[2] or 256)
                channels = (rtp, rtcp if rtcp <= 255 else rtp + 1)
        elif name == "ssrc" and (number := _SSRC.match(text.strip('"'))):
            ssrc = int(number[1], 16)
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


def _leading_number(text: str | None) -> int | None:
    """The decimal number that a value begins with, whatever follows it, or None."""
    found = re.match(r"\s*(\d{1,9})(?!\d)", text or "", re.ASCII)
    return int(found[1]) if found else None


def _number(text: str | None, limit: int = 10**9) -> int | None:
    """A plain decimal number up to `limit`, or None."""
    text = (text or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    value = int(text)
    return value if value <= limit else None
