"""RTP packets of coded pictures, cut once and patched for each client (RFC 3550, 6184, 7798, RFC 2326 section 10.12).

A picture is kept as one block of bytes: its packets one behind the other, each with its interleaved header
and an RTP header whose sequence number, timestamp and SSRC are filled in when it is sent. Serving a picture is
one copy, a few bytes written per packet and one send.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

PAYLOAD_TYPE = 96
"""Dynamic payload type of the video."""

MAX_PAYLOAD = 1400
"""Octets of RTP payload per packet: fits an Ethernet frame beside IP, TCP and RTP headers, as cameras do."""

_RTP_V2 = 0x80
_MARKER = 0x80
_FU_A = 28
_STAP_A = 24
_AP = 48
_FU = 49
_PREFIX = struct.Struct(">BBHBBHII")  # '$', channel, length, V/P/X/CC, M/PT, sequence, timestamp, SSRC
_PATCH = struct.Struct(">HII")
_HEADER = _PREFIX.size
_RTP_HEADER = 12
_SEQUENCE_AT = 6
"""Offset of the sequence number behind the '$' of an interleaved packet."""


def payloads_of(nal: bytes, limit: int = MAX_PAYLOAD) -> list[bytes]:
    """RTP payloads of one NAL unit: a single NAL unit packet, or FU-A fragments (RFC 6184 sections 5.6, 5.8)."""
    if len(nal) <= limit:
        return [nal]
    indicator = bytes(((nal[0] & 0xE0) | _FU_A,))
    kind = nal[0] & 0x1F
    step = limit - 2
    body = nal[1:]
    count = -(-len(body) // step)
    return [
        indicator
        + bytes(((0x80 if i == 0 else 0) | (0x40 if i == count - 1 else 0) | kind,))
        + body[i * step : (i + 1) * step]
        for i in range(count)
    ]


def payloads_of_h265(nal: bytes, limit: int = MAX_PAYLOAD) -> list[bytes]:
    """The same for H.265: a single NAL unit packet, or FU fragments (RFC 7798 sections 4.4.1, 4.4.3)."""
    if len(nal) <= limit:
        return [nal]
    head = bytes((nal[0] & 0x81 | _FU << 1, nal[1]))
    kind = nal[0] >> 1 & 0x3F
    step = limit - 3
    body = nal[2:]
    count = -(-len(body) // step)
    return [
        head
        + bytes(((0x80 if i == 0 else 0) | (0x40 if i == count - 1 else 0) | kind,))
        + body[i * step : (i + 1) * step]
        for i in range(count)
    ]


def ap(nals: Sequence[bytes]) -> bytes:
    """One aggregation packet of several small H.265 units (RFC 7798 section 4.4.2)."""
    return bytes((_AP << 1, 1)) + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)


def stap_a(nals: Sequence[bytes]) -> bytes:
    """One aggregation packet of several small NAL units (RFC 6184 section 5.7.1)."""
    reference = max(nal[0] & 0x60 for nal in nals)
    return bytes((reference | _STAP_A,)) + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)


@dataclass(slots=True)
class PacketBlock:
    """Packets of one picture (or of its last slice) as one block.

    `data`: interleaved packets with channel 0; `starts`: offset of each packet's '$', ascending.
    """

    data: bytearray
    starts: list[int]

    def packets(self) -> list[tuple[int, int]]:
        """(start, end) of each packet."""
        return list(zip(self.starts, [*self.starts[1:], len(self.data)], strict=True))


def block_of(payloads: Sequence[bytes], *, marker: bool) -> PacketBlock:
    """Frame payloads as interleaved RTP packets; the last one carries the marker bit when `marker`."""
    data = bytearray()
    starts = []
    for index, payload in enumerate(payloads):
        starts.append(len(data))
        mark = _MARKER if marker and index == len(payloads) - 1 else 0
        data += _PREFIX.pack(0x24, 0, _RTP_HEADER + len(payload), _RTP_V2, mark | PAYLOAD_TYPE, 0, 0, 0)
        data += payload
    return PacketBlock(data, starts)


def payload_at(start: int) -> int:
    """Offset of the payload of the packet that starts at `start`."""
    return start + _HEADER


@dataclass(slots=True)
class RtpState:
    """One client's RTP sender state for one stream (RFC 3550 section 5.1)."""

    channel: int
    ssrc: int
    sequence: int
    timestamp_base: int
    packets: int = 0
    octets: int = 0

    def fill(self, block: PacketBlock, data: bytearray, timestamp: int) -> None:
        """Write this client's numbers into `data`, a copy of `block.data`."""
        sequence, ssrc = self.sequence, self.ssrc
        pack = _PATCH.pack_into
        for start in block.starts:
            pack(data, start + _SEQUENCE_AT, sequence, timestamp, ssrc)
            sequence = (sequence + 1) & 0xFFFF
        if self.channel:
            for start in block.starts:
                data[start + 1] = self.channel
        self.sequence = sequence
        self.packets += len(block.starts)
        self.octets += len(data) - _HEADER * len(block.starts)

    def rtp_time(self, ticks: int) -> int:
        """RTP timestamp of camera media time `ticks` (90 kHz)."""
        return (self.timestamp_base + ticks) & 0xFFFFFFFF

    def sender_report(self, ntp: int, ticks: int, cname: bytes) -> bytes:
        """An interleaved RTCP compound packet: sender report and CNAME (RFC 3550 sections 6.4.1, 6.5).

        `ntp`: 64-bit NTP time of the same instant as `ticks`.
        """
        report = struct.pack(
            ">BBHIQIII", 0x80, 200, 6, self.ssrc, ntp, self.rtp_time(ticks), self.packets, self.octets & 0xFFFFFFFF
        )
        item = b"\x01" + bytes((len(cname),)) + cname + b"\x00"
        item += b"\x00" * (-len(item) % 4)
        description = struct.pack(">BBHI", 0x81, 202, 1 + len(item) // 4, self.ssrc) + item
        body = report + description
        return b"$" + bytes((self.channel + 1,)) + len(body).to_bytes(2, "big") + body

    def goodbye(self) -> bytes:
        """An interleaved RTCP BYE (RFC 3550 section 6.6)."""
        return b"$" + bytes((self.channel + 1,)) + struct.pack(">HBBHI", 8, 0x81, 203, 1, self.ssrc)


NTP_EPOCH_S = 2_208_988_800
"""Seconds from 1900 (NTP) to 1970 (UTC), RFC 5905."""


def ntp_of(utc_us: int) -> int:
    """64-bit NTP timestamp of a UTC instant."""
    return (utc_us // 1_000_000 + NTP_EPOCH_S) << 32 | (utc_us % 1_000_000) * (1 << 32) // 1_000_000
