"""NAL units of H.264 (ISO/IEC 14496-10): types, framing, emulation prevention.

Bytes in, bytes out. Two framings occur: start codes (Annex B, as some cameras send even where RFC 6184 forbids
it) and 4-byte big-endian lengths (ISO/IEC 14496-15 section 5.3, as stored).
"""

from collections.abc import Iterator
from typing import Final

from appliance.media.input_errors import NalInvalid

SLICE: Final = 1
IDR: Final = 5
SEI: Final = 6
SPS: Final = 7
PPS: Final = 8
AUD: Final = 9
"""nal_unit_type, ISO/IEC 14496-10 table 7-1."""

LENGTH_BYTES: Final = 4
"""Bytes before each NAL unit of a stored access unit: lengthSizeMinusOne = 3, the only size every player reads."""

START_CODE: Final = b"\x00\x00\x01"
"""Annex B; never inside a NAL unit, where emulation prevention breaks it up."""


def nal_type(nal: bytes | bytearray | memoryview) -> int:
    """nal_unit_type of a unit without framing; raises NalInvalid when it is empty."""
    if not len(nal):
        raise NalInvalid(reason="empty unit")
    return nal[0] & 0x1F


def unescape(nal: bytes | bytearray) -> bytes:
    """The unit with its emulation prevention bytes (00 00 03) removed: section 7.3.1."""
    return bytes(nal).replace(b"\x00\x00\x03", b"\x00\x00")


def annex_b_ranges(data: bytes | bytearray, start: int, end: int) -> list[tuple[int, int]]:
    """Ranges of the NAL units of `data[start:end]`, divided at start codes (Annex B).

    A range without any start code is one unit, whole. Zero bytes before and behind a start code belong to the
    framing (leading_zero_8bits, trailing_zero_8bits); empty units are left out.
    """
    at = data.find(START_CODE, start, end)
    if at < 0:
        return [(start, end)] if end > start else []
    ranges: list[tuple[int, int]] = []
    begin = start
    while True:
        stop = end if at < 0 else at
        while stop > begin and data[stop - 1] == 0:
            stop -= 1
        if stop > begin:
            ranges.append((begin, stop))
        if at < 0:
            return ranges
        begin = at + 3
        at = data.find(START_CODE, begin, end)


def split_annex_b(data: bytes) -> list[bytes]:
    """NAL units of a byte stream, without start codes."""
    return [data[begin:stop] for begin, stop in annex_b_ranges(data, 0, len(data))]


def stored_units(data: bytes | bytearray | memoryview) -> Iterator[memoryview]:
    """NAL units of an access unit stored with 4-byte lengths; raises NalInvalid when the lengths do not add up."""
    view = memoryview(data)
    at = 0
    while at < len(view):
        body = at + LENGTH_BYTES
        stop = body + int.from_bytes(view[at:body], "big")
        if body > len(view) or stop > len(view):
            raise NalInvalid(reason=f"length at byte {at} runs past the end")
        yield view[body:stop]
        at = stop
