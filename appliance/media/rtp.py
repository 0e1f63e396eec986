"""RTP and RTCP headers (RFC 3550). Positions, not copies: the payload stays in the receive buffer."""

from struct import Struct
from typing import Final, NamedTuple

from appliance.media.input_errors import RtcpInvalid, RtpInvalid

HEADER: Final = Struct(">BBHII")
"""The fixed header: V/P/X/CC, M/PT, sequence number, timestamp, SSRC (section 5.1)."""

RTCP_SENDER_REPORT: Final = 200
RTCP_BYE: Final = 203
"""Packet types, section 12.1."""

_SENDER_INFO: Final = Struct(">IQI")


class RtpHeader(NamedTuple):
    """One RTP packet; `payload` and `end` are positions in the buffer that was parsed."""

    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: int
    end: int


class SenderReport(NamedTuple):
    """`ntp`: 64-bit NTP time of the sender, `timestamp`: the RTP timestamp of the same instant (section 6.4.1)."""

    ssrc: int
    ntp: int
    timestamp: int


class Bye(NamedTuple):
    """The named sources end (section 6.6)."""

    ssrcs: tuple[int, ...]


def parse_rtp(data: bytes | bytearray | memoryview, start: int, end: int) -> RtpHeader:
    """Parse the packet in `data[start:end]` with CSRC list, extension and padding; raises RtpInvalid."""
    if end - start < HEADER.size:
        raise RtpInvalid(reason=f"{end - start} bytes")
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data, start)
    if first >> 6 != 2:
        raise RtpInvalid(reason=f"version {first >> 6}")
    payload = start + HEADER.size + 4 * (first & 0x0F)
    if first & 0x10:
        if payload + 4 > end:
            raise RtpInvalid(reason="extension past the end")
        payload += 4 + 4 * int.from_bytes(data[payload + 2 : payload + 4], "big")
    if first & 0x20:
        padding = data[end - 1]
        if not padding:
            raise RtpInvalid(reason="padding of 0 bytes")
        end -= padding
    if payload > end:
        raise RtpInvalid(reason="header past the end")
    return RtpHeader(second >= 0x80, second & 0x7F, sequence, timestamp, ssrc, payload, end)


def parse_rtcp(data: bytes) -> list[SenderReport | Bye]:
    """Sender reports and goodbyes of a compound packet (section 6.1), others skipped; raises RtcpInvalid."""
    found: list[SenderReport | Bye] = []
    at = 0
    while at < len(data):
        if at + 4 > len(data) or data[at] >> 6 != 2:
            raise RtcpInvalid(reason=f"no header at byte {at}")
        count, kind = data[at] & 0x1F, data[at + 1]
        stop = at + 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
        if stop > len(data):
            raise RtcpInvalid(reason=f"packet at byte {at} runs past the end")
        if kind == RTCP_SENDER_REPORT:
            if stop - at < 28:
                raise RtcpInvalid(reason="sender report too short")
            found.append(SenderReport(*_SENDER_INFO.unpack_from(data, at + 4)))
        elif kind == RTCP_BYE:
            if stop - at < 4 + 4 * count:
                raise RtcpInvalid(reason="goodbye too short")
            words = range(at + 4, at + 4 + 4 * count, 4)
            found.append(Bye(tuple(int.from_bytes(data[word : word + 4], "big") for word in words)))
        at = stop
    return found
