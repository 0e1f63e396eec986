"""A part: the pictures of one stream between two ticks, as it lies on disk and as it goes to a player.

A part is whole 4 KiB blocks at a 4 KiB offset of its chunk. Big-endian, byte offsets from the part's start,
n = number of samples:

======================  ===========  ====================================================================
bytes                   field        meaning
======================  ===========  ====================================================================
0                       u32, 'uuid'  size 112
8                       16 bytes     usertype PART_USERTYPE
24                      u8           version 1
25                      u24          flags: 1 starts with a keyframe, 2 starts a run
28                      u64          generation of the chunk
36                      u32          run number of the stream
40                      u32          sequence number of the part: rises through the life of the stream
44                      i64          UTC of the part's `tfdt`, microseconds
52                      i64          monotonic microseconds of the same instant, in the boot below
60                      16 bytes     boot id
76                      u8, u8, u16  clock state, cause of the gap before (GapCause), 0
80                      i64          UTC by the camera's sender reports, or -2^63 when unknown
88                      u32          length of the whole part, padding included
92                      u32          length of the `mdat` payload
96                      u32          header CRC of the part before (of the chunk header for the first part)
100                     u32          payload CRC: CRC-32 (zlib) of the `mdat` payload
104                     u32          number of the 4 KiB block of its chunk where the part begins
108                     u32          header CRC: CRC-32 (zlib) of bytes 0..108 and 112..h
112                     `moof`       mfhd, traf(tfhd, tfdt version 1, trun version 1): 88 + 16 n bytes
h-8 = 200 + 16 n        u32, 'mdat'  8 + payload length
h                       payload      access units: NAL units behind 4-byte lengths, as the camera sent them
h + payload             `free`       8 bytes or more, zeros: to the next 4 KiB border; absent when it fits exactly
======================  ===========  ====================================================================

`mfhd` sequence number = the part's sequence number: rising by one as ISO/IEC 14496-12 section 8.8.5 wishes and VLC
expects. The block number finds out a part that lies where it was not written to. The layout is fixed, so that a
reader patches `mfhd` and `tfdt` at MFHD_SEQUENCE and TFDT_TIME without parsing.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from appliance.core.units import BLOCK
from appliance.media.boxes import BOX_HEADER, TRACK_ID, free_header
from appliance.media.errors import PartUnreadable, TimelineBroken
from appliance.media.stream import AccessUnit

PART_USERTYPE: Final = bytes.fromhex("7e3d1b0a5c6f4a2e9b41d0f2a86c5e01")
"""Names our part header among `uuid` boxes (random, ours for ever)."""

VERSION: Final = 1
"""Version of the part header; another one is refused, never guessed."""

UUID_SIZE: Final = 112
"""Bytes of the part header box: `moof` begins here."""

MFHD_SEQUENCE: Final = UUID_SIZE + 20
"""Where the 32-bit mfhd sequence number lies."""

TFDT_TIME: Final = UUID_SIZE + 60
"""Where the 64-bit base media decode time lies."""

FIXED_SIZE: Final = 208
"""Bytes before the payload of a part without samples; each sample adds SAMPLE_ROW."""

SAMPLE_ROW: Final = 16
"""Bytes of one trun row: duration, size, flags, composition offset."""

MAX_SAMPLES: Final = 65_535
"""Samples of a part: the part table stores 16 bits. At 0.4 s that is 163 000 pictures a second."""

SYNC_SAMPLE: Final = 0x02000000
"""trun flags: depends on no other picture (ISO/IEC 14496-12 section 8.8.3.1)."""

NON_SYNC_SAMPLE: Final = 0x01010000
"""trun flags: depends on others, is not a sync sample."""

STARTS_KEYFRAME: Final = 1
STARTS_RUN: Final = 2
"""Flags of the part header and of `ranges`."""

U32: Final = 0xFFFFFFFF
ZEROS: Final = bytes(BLOCK + BOX_HEADER)

_HEADER: Final = ">I4s16sIQIIqq16sBBHqIIIIII"
HEADER_CRC_AT: Final = 108
"""Where the header CRC lies, which covers everything before the payload but itself."""

_MOOF: Final = "I4sI4sIII4sI4sIII4sIQI4sIII"  # moof, mfhd, traf, tfhd, tfdt, trun
_MOOF_FIXED: Final = 88  # bytes of moof without rows
_HEADER_FIELDS: Final = 20
_MOOF_FIELDS: Final = 21
_TFDT_FIELD: Final = 15


@dataclass(frozen=True, slots=True)
class PartHeader:
    """The `uuid` box of a part; units as in the module's table."""

    generation: int
    run: int
    sequence: int
    utc_us: int
    monotonic_us: int
    boot_id: bytes
    clock_state: int
    camera_us: int
    starts_keyframe: bool
    starts_run: bool
    cause: int
    payload_crc: int
    previous_crc: int
    header_crc: int


@dataclass(frozen=True, slots=True)
class PartEntry:
    """One part as the chunk's table and the index know it. Offsets and lengths in bytes, times in ticks or us.

    `utc_us` is the UTC of `tfdt`, so UTC of any time t of the part = utc_us + ticks_to_us(t - tfdt).
    """

    offset: int
    length: int
    utc_us: int
    tfdt: int
    duration: int
    run: int
    sequence: int
    samples: int
    starts_keyframe: bool
    starts_run: bool
    cause: int
    clock_state: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of trun: ticks, bytes, `trun` flags, ticks (signed)."""

    duration: int
    size: int
    flags: int
    composition_offset: int


@dataclass(frozen=True, slots=True)
class ParsedPart:
    """A part header that holds, and its place. `offset`, `payload_offset` count from the block given to parse_part.

    `rows`: the trun table as it lies on disk, four unsigned numbers per sample (see `samples`).
    """

    header: PartHeader
    offset: int
    length: int
    payload_offset: int
    payload_length: int
    block_number: int
    tfdt: int
    rows: tuple[int, ...]

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The rows as named fields."""
        r = self.rows
        signed = ((c ^ 0x80000000) - 0x80000000 for c in r[3::4])
        return tuple(map(Sample, r[0::4], r[1::4], r[2::4], signed))

    @property
    def duration(self) -> int:
        """Ticks of all samples together."""
        return sum(self.rows[0::4])

    def entry(self, chunk_offset: int) -> PartEntry:
        """The table row of this part lying at `chunk_offset`."""
        h = self.header
        return PartEntry(
            offset=chunk_offset,
            length=self.length,
            utc_us=h.utc_us,
            tfdt=self.tfdt,
            duration=self.duration,
            run=h.run,
            sequence=h.sequence,
            samples=len(self.rows) // 4,
            starts_keyframe=h.starts_keyframe,
            starts_run=h.starts_run,
            cause=h.cause,
            clock_state=h.clock_state,
        )


def header_size(samples: int) -> int:
    """Bytes before the payload: `uuid`, `moof` and the header of `mdat`."""
    return FIXED_SIZE + SAMPLE_ROW * samples


def _padded(content: int) -> int:
    size = -(-content // BLOCK) * BLOCK
    return size if size - content >= BOX_HEADER or size == content else size + BLOCK


def part_size(units: Sequence[AccessUnit]) -> int:
    """Bytes of the part these units become, padding to 4 KiB included, terminator block not."""
    return _padded(header_size(len(units)) + sum(len(unit.data) for unit in units))


@lru_cache(maxsize=1024)
def _layout(samples: int) -> struct.Struct:
    """Everything before the payload for so many samples; the CRC field of the header included."""
    return struct.Struct(f"{_HEADER}{_MOOF}{4 * samples}II4s")


def build_part(
    into: memoryview,
    units: Sequence[AccessUnit],
    *,
    offset: int,
    generation: int,
    run: int,
    sequence: int,
    utc_us: int,
    monotonic_us: int,
    boot_id: bytes,
    clock_state: int,
    starts_run: bool,
    cause: int,
    previous_crc: int,
    tfdt: int,
    last_duration: int,
    not_before: int = 0,
) -> tuple[PartEntry, int]:
    """Write the part of these units to the start of `into`; returns its table row and its header CRC.

    `offset`: where in the chunk it will lie (multiple of 4 KiB). `tfdt`: ticks since the chunk's first sample;
    `not_before`: the smallest `tfdt` the chunk allows (decoding time of its last sample plus one). Durations are
    differences to the next unit's dts; the last one is `last_duration`. `into` must hold `part_size(units)` bytes;
    every byte of that length is written, so an arena never leaks what it held before. Whether it starts with a
    keyframe and the camera's time are the first unit's. Raises TimelineBroken when dts or tfdt do not rise.
    """
    if tfdt < not_before:
        raise TimelineBroken(before=not_before, after=tfdt)
    count = len(units)
    start = header_size(count)
    first = units[0]
    rows, end, duration = _copy(into, units, start, last_duration)
    payload_length = end - start
    length = _padded(end)
    payload_crc = zlib.crc32(into[start:end])
    moof_size = start - UUID_SIZE - BOX_HEADER
    flags = (STARTS_KEYFRAME if first.keyframe else 0) | (STARTS_RUN if starts_run else 0)
    # fmt: off
    _layout(count).pack_into(
        into, 0,
        UUID_SIZE, b"uuid", PART_USERTYPE, VERSION << 24 | flags, generation, run, sequence, utc_us, monotonic_us,
        boot_id, clock_state, cause, 0, first.camera_us, length, payload_length, previous_crc, payload_crc,
        offset // BLOCK, 0,
        moof_size, b"moof",
        16, b"mfhd", 0, sequence,
        moof_size - 24, b"traf",
        16, b"tfhd", 0x020000, TRACK_ID,  # default-base-is-moof
        20, b"tfdt", 1 << 24, tfdt,
        20 + SAMPLE_ROW * count, b"trun", 1 << 24 | 0xF01, count, moof_size + BOX_HEADER,  # all four fields per sample
        *rows,
        payload_length + BOX_HEADER, b"mdat",
    )
    # fmt: on
    header_crc = header_crc_at(into, 0, start)
    struct.pack_into(">I", into, HEADER_CRC_AT, header_crc)
    if length > end:
        into[end : end + BOX_HEADER] = free_header(length - end)
        into[end + BOX_HEADER : length] = ZEROS[: length - end - BOX_HEADER]
    entry = PartEntry(
        offset, length, utc_us, tfdt, duration, run, sequence, count, first.keyframe, starts_run, cause, clock_state
    )
    return entry, header_crc


def _copy(into: memoryview, units: Sequence[AccessUnit], at: int, last_duration: int) -> tuple[list[int], int, int]:
    """Copy the units' bytes and make the trun rows; returns rows, end of payload, duration of all."""
    rows: list[int] = []
    start_dts = dts = units[0].dts_ticks
    last = len(units) - 1
    for i, unit in enumerate(units):
        size = len(unit.data)
        if i < last:
            following = units[i + 1].dts_ticks
            duration = following - dts
        else:
            following, duration = dts + last_duration, last_duration
        if duration <= 0:
            raise TimelineBroken(before=dts, after=following)
        flags = SYNC_SAMPLE if unit.keyframe else NON_SYNC_SAMPLE
        rows += (duration, size, flags, (unit.pts_ticks - dts) & U32)
        into[at : at + size] = unit.data
        at += size
        dts = following
    return rows, at, dts - start_dts


def header_crc_at(data: bytes | memoryview, offset: int, length: int) -> int:
    """Header CRC of the part that begins at `offset` and whose payload begins `length` bytes behind it."""
    crc = zlib.crc32(data[offset : offset + HEADER_CRC_AT])
    return zlib.crc32(data[offset + UUID_SIZE : offset + length], crc)


def header_size_at(block: bytes | memoryview, offset: int = 0) -> int:
    """Bytes up to the payload of the part that claims to begin at `offset`; enough to read before parse_part.

    Needs the first UUID_SIZE + 8 bytes. Raises PartUnreadable when no part of ours begins there.
    """
    if len(block) - offset < UUID_SIZE + BOX_HEADER:
        raise PartUnreadable(offset=offset, why="cut short")
    size, kind, usertype, version_flags = struct.unpack_from(">I4s16sI", block, offset)
    if (size, kind, usertype, version_flags >> 24) != (UUID_SIZE, b"uuid", PART_USERTYPE, VERSION):
        raise PartUnreadable(offset=offset, why="no part header")
    moof_size, kind = struct.unpack_from(">I4s", block, offset + UUID_SIZE)
    count, rest = divmod(moof_size - _MOOF_FIXED, SAMPLE_ROW)
    if kind != b"moof" or rest or not 1 <= count <= MAX_SAMPLES:
        raise PartUnreadable(offset=offset, why="no moof behind the part header")
    return header_size(count)


def parse_part(block: bytes | memoryview, offset: int = 0) -> ParsedPart:
    """Read the header of the part that begins at `offset` of `block`; the payload itself need not be there.

    Checks the header CRC and that every size agrees with the others; not the payload (verify_payload), not the
    chain and not the generation (the reader knows what to expect). Raises PartUnreadable, nothing else.
    """
    start = header_size_at(block, offset)
    if len(block) - offset < start:
        raise PartUnreadable(offset=offset, why="cut short")
    count = (start - FIXED_SIZE) // SAMPLE_ROW
    fields = _layout(count).unpack_from(block, offset)
    (
        *_box, version_flags, generation, run, sequence, utc_us, monotonic_us, boot_id, clock_state, cause, _,
        camera_us, length, payload_length, previous_crc, payload_crc, block_number, header_crc,
    ) = fields[:_HEADER_FIELDS]  # fmt: skip
    if header_crc != header_crc_at(block, offset, start):
        raise PartUnreadable(offset=offset, why="header CRC")
    moof = fields[_HEADER_FIELDS : _HEADER_FIELDS + _MOOF_FIELDS]
    rows = fields[_HEADER_FIELDS + _MOOF_FIELDS : -2]
    sizes_agree = payload_length == sum(rows[1::4]) and length == _padded(start + payload_length)
    if not sizes_agree or fields[-2:] != (payload_length + BOX_HEADER, b"mdat"):
        raise PartUnreadable(offset=offset, why="sizes disagree")
    header = PartHeader(
        generation=generation,
        run=run,
        sequence=sequence,
        utc_us=utc_us,
        monotonic_us=monotonic_us,
        boot_id=boot_id,
        clock_state=clock_state,
        camera_us=camera_us,
        starts_keyframe=bool(version_flags & STARTS_KEYFRAME),
        starts_run=bool(version_flags & STARTS_RUN),
        cause=cause,
        payload_crc=payload_crc,
        previous_crc=previous_crc,
        header_crc=header_crc,
    )
    return ParsedPart(header, offset, length, offset + start, payload_length, block_number, moof[_TFDT_FIELD], rows)


def verify_payload(block: bytes | memoryview, part: ParsedPart) -> bool:
    """True when the payload is whole in `block` and its CRC holds (about 1 us a kilobyte)."""
    payload = memoryview(block)[part.payload_offset : part.payload_offset + part.payload_length]
    return len(payload) == part.payload_length and zlib.crc32(payload) == part.header.payload_crc
