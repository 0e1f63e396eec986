"""A part moved to another chunk: same pictures, same identity, another place.

What changes is what ties a part to its chunk: generation, previous CRC, block number, `tfdt`, header CRC. Run,
sequence, UTC, monotonic time, boot, clock state, camera time, flags, cause and every byte of the `mdat` stay.
"""

import struct

from appliance.core.units import BLOCK
from appliance.media.part import HEADER_CRC_AT, TFDT_TIME, ParsedPart, header_crc_at

_GENERATION_AT = 28
_PREVIOUS_CRC_AT = 96
_BLOCK_NUMBER_AT = 104


def move_part(
    block: memoryview, part: ParsedPart, *, offset: int, generation: int, previous_crc: int, tfdt: int
) -> int:
    """Rewrite the header of `part`, parsed from `block`, in place; returns its new header CRC.

    `offset`: where in the new chunk it will lie (multiple of 4 KiB); `tfdt`: ticks since that chunk's first sample.
    """
    at = part.offset
    struct.pack_into(">Q", block, at + _GENERATION_AT, generation)
    struct.pack_into(">I", block, at + _PREVIOUS_CRC_AT, previous_crc)
    struct.pack_into(">I", block, at + _BLOCK_NUMBER_AT, offset // BLOCK)
    struct.pack_into(">Q", block, at + TFDT_TIME, tfdt)
    crc = header_crc_at(block, at, part.payload_offset - at)
    struct.pack_into(">I", block, at + HEADER_CRC_AT, crc)
    return crc


def dts_of(monotonic_us: int) -> int:
    """The decoding time whose microseconds a part header gives: `ticks_to_us` rounds down, this undoes it exactly."""
    return -(-monotonic_us * 9 // 100)
