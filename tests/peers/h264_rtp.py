"""An RTP sender for tests, written from RFC 6184 and apart from the product: NAL units in, packets out."""

import struct
from collections.abc import Sequence

SPS = bytes.fromhex("674d4028da01e0089f961000000300100000030320f1832a")
PPS = bytes.fromhex("68ef0fc8")


def slice_nal(kind: int, fill: int, size: int, *, first: bool = True) -> bytes:
    """A NAL unit of `size` bytes that looks like a slice of type `kind`; `first`: first_mb_in_slice is 0."""
    body = bytes(1 + (fill + index) % 255 for index in range(max(0, size - 2)))
    return bytes((0x60 | kind, 0xB8 if first else 0x5C)) + body


def picture(number: int, *, keyframe: bool, size: int = 300, sets: bool = True) -> list[bytes]:
    """The NAL units of one picture."""
    if keyframe:
        return [*([SPS, PPS] if sets else []), slice_nal(5, number, size)]
    return [slice_nal(1, number, size)]


class Packetiser:
    """Keeps sequence numbers. `limit`: bytes of payload above which a NAL unit is fragmented."""

    def __init__(
        self, *, payload_type: int = 96, ssrc: int = 0x1234ABCD, sequence: int = 65_500, limit: int = 120
    ) -> None:
        self.payload_type = payload_type
        self.ssrc = ssrc
        self.sequence = sequence
        self.limit = limit

    def raw(self, payload: bytes, timestamp: int, *, marker: bool = False, first: int = 0x80) -> bytes:
        """One packet with this payload."""
        second = self.payload_type | (0x80 if marker else 0)
        head = struct.pack(">BBHII", first, second, self.sequence, timestamp & 0xFFFFFFFF, self.ssrc)
        self.sequence = (self.sequence + 1) & 0xFFFF
        return head + payload

    def fragments(self, nal: bytes) -> list[bytes]:
        """FU-A payloads of one NAL unit."""
        pieces = [nal[at : at + self.limit] for at in range(1, len(nal), self.limit)]
        last = len(pieces) - 1
        indicator = (nal[0] & 0xE0) | 28
        return [
            bytes((indicator, (nal[0] & 0x1F) | (0x80 if at == 0 else 0) | (0x40 if at == last else 0))) + piece
            for at, piece in enumerate(pieces)
        ]

    def unit(self, nals: Sequence[bytes], timestamp: int, *, marker: bool = True) -> list[bytes]:
        """The packets of one access unit; the last carries the marker."""
        payloads: list[bytes] = []
        for nal in nals:
            payloads += [nal] if len(nal) <= self.limit + 1 else self.fragments(nal)
        last = len(payloads) - 1
        return [self.raw(payload, timestamp, marker=marker and at == last) for at, payload in enumerate(payloads)]


def framed(packet: bytes, channel: int = 0) -> bytes:
    """An interleaved message (RFC 2326 section 10.12)."""
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet


def sender_report(ssrc: int, ntp: int, timestamp: int) -> bytes:
    """RTCP sender report without report blocks, and an SDES behind it (RFC 3550 section 6.4.1)."""
    report = struct.pack(">BBHIQIII", 0x80, 200, 6, ssrc, ntp, timestamp & 0xFFFFFFFF, 7, 7)
    return report + struct.pack(">BBHI", 0x81, 202, 2, ssrc) + b"\x01\x01a\x00"


def goodbye(ssrc: int) -> bytes:
    """RTCP BYE."""
    return struct.pack(">BBHI", 0x81, 203, 1, ssrc)


def stored(nals: Sequence[bytes]) -> bytes:
    """NAL units as an access unit holds them."""
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
