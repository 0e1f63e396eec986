"""The chunk file, byte by byte: the format in which video lies on the disks.

A chunk is one file of constant size C (`Geometry.chunk_size`) with a reserve T at its end; it holds one stream and
is at every moment an MP4 file that players open (ISO/IEC 14496-12, fragmented). All numbers are big-endian, all
writes whole 4 KiB blocks at 4 KiB offsets, every box size is an explicit 32-bit size (npm's mp4box refuses size 0).

Life: FREE (all zeros) -> OPEN (header, parts, terminator) -> CLOSED (header, parts, free, table) -> FREE (zeroed).

Header, bytes 0 to H (a multiple of 4 KiB, 4 KiB as a rule)::

    0        ftyp, moov   the init segment (media/boxes.py), I bytes; a player needs nothing else before a part
    I        uuid         usertype HEADER_USERTYPE at I+8; then from I:
             +24  u8, u24 version 1, flags 0
             +28  u32     H, length of the header
             +32  u32     I, length of the init segment
             +36  u32     C, size of the file
             +40  u32     T, bytes kept at the end for table and mfra
             +44  u64     generation: rises with every opening of any chunk of the disk, never used twice
             +52  u32     number of the chunk on its disk
             +56  16 B    uuid of the disk
             +72  i64     UTC at opening, microseconds
             +80  i64     monotonic microseconds at opening, in the boot below
             +88  16 B    boot id
             +104 i64     dts of `tfdt` 0, in ticks of 1/90 000 s of that boot's monotonic clock
             +112 u32     length of the text
             +116 text    UTF-8 JSON: site, camera, stream, title, codec, width, height, rfc6381,
                          parameter_sets (base64); in the protected pool also "protected": the hold that the
                          chunk is a copy for, as it was at opening (ring/protect/policy.py, Hold.plain)
             then u32     CRC-32 (zlib) of all bytes of the file before it; "the header CRC"
    then     free         8 bytes or more, zeros, up to H

Parts follow without a hole, from H (media/part.py has their bytes). The first one's `previous CRC` is the header
CRC, each further one's is the header CRC of the part before: so a part belongs to this opening of this file and to
this place in it, or it is not read.

Behind the last part of an OPEN chunk lies the terminator: one block that begins with a `free` box whose size runs
to the end of the file. The next part overwrites it and brings its own.

Closed, the last T bytes hold, from C-T::

    0        uuid         usertype TABLE_USERTYPE, size T - size of mfra
             +24  u8, u24 version 1, flags 0
             +28  u64     generation, as in the header
             +36  u32     header CRC of the chunk
             +40  u32     number of parts N
             +44  u32     offset of the first part (= H)
             +48  u32     offset behind the last part E
             +52  u32     header CRC of the last part (of the chunk when N = 0)
             +56  u32     0
             +60  u32     CRC-32 (zlib) of bytes 0..60 and 64..64+32N of this box
             +64  rows    N rows of 32 bytes, then zeros
    T-size   mfra         tfra version 1, one entry per part that starts with a keyframe (time = tfdt, offset of its
                          moof); mfro in the last 16 bytes of the file

    row: i64 UTC of tfdt in us | u48 tfdt in ticks | u16 length in blocks | u32 duration in ticks | u32 run |
         u32 sequence | u16 samples | u8 flags (1 keyframe, 2 run start, clock state << 4) | u8 cause

and the terminator's size becomes C-T-E, so that players come to the table and `mfra` at box level. Parts lie
without holes, so a row needs no offset: it is the sum of the lengths before.

Write order when closing: first the table (all of T), flushed; then the block at E, flushed or not. Before the
second write the terminator still hides the table, and nobody believes it (`sealed`): it went to the disk in one flush
with the last parts, and a cut may have kept it without them. The chunk is walked as an OPEN one. In the other order a
cut could leave `free` pointing at half a table: players still show every picture, but mp4box complains and GStreamer
searches byte by byte (seconds).
"""

import base64
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from appliance.core.units import BLOCK
from appliance.media.boxes import BOX_HEADER, free_header, init_segment, iter_boxes, mfra, mfra_size, uuid_box
from appliance.media.errors import BoxUnreadable
from appliance.media.part import STARTS_KEYFRAME, STARTS_RUN, UUID_SIZE, PartEntry
from appliance.media.stream import CodecParameters, StreamKey
from appliance.ring.errors import ChunkUnreadable, HeaderTooLong, TableUnreadable

HEADER_USERTYPE: Final = bytes.fromhex("7e3d1b0a5c6f4a2e9b41d0f2a86c5e02")
"""Names the chunk header among `uuid` boxes."""

TABLE_USERTYPE: Final = bytes.fromhex("7e3d1b0a5c6f4a2e9b41d0f2a86c5e03")
"""Names the part table among `uuid` boxes."""

VERSION: Final = 1
"""Version of header and table; another one is refused, never guessed."""

MAX_CHUNK: Final = 256 * 1024 * 1024
"""Bytes. A row of the table counts a part's length in 16 bits of 4 KiB blocks."""

MAX_HEADER: Final = 64 * 1024
"""Bytes. Longest chunk header: names and parameter sets need 1 to 2 KiB; reading this much always suffices."""

ROW: Final = 32
"""Bytes of one row of the part table."""

_HEADER: Final = struct.Struct(">IIIIIQI16sqq16sqI")  # from +24 of the header box
_HEADER_TEXT: Final = 116
_TABLE: Final = struct.Struct(">I4s16sIQIIIIIII")
_ROW: Final = struct.Struct(">qQIIIHBB")
_TABLE_CRC_AT: Final = 60


@dataclass(frozen=True, slots=True)
class Geometry:
    """Sizes constant for a disk's life, in bytes: 64 MiB/192 KiB in the field, 4 MiB/32 KiB in demo and tests."""

    chunk_size: int
    table_reserve: int

    def __post_init__(self) -> None:
        whole = self.chunk_size % BLOCK == 0 and self.table_reserve % BLOCK == 0
        if not whole or not 0 < self.table_reserve < self.chunk_size - 2 * BLOCK or self.chunk_size > MAX_CHUNK:
            raise ValueError(f"chunks of {self.chunk_size} bytes with {self.table_reserve} reserved")


@dataclass(frozen=True, slots=True)
class ChunkHeader:
    """What a chunk says about itself. `disk_uuid`: 32 hex digits; `base_ticks`: dts of tfdt 0; `protected`: the
    hold of a protected copy, None in the ring.
    """

    generation: int
    number: int
    disk_uuid: str
    site: str
    key: StreamKey
    title: str
    parameters: CodecParameters
    opened_utc_us: int
    opened_monotonic_us: int
    boot_id: bytes
    base_ticks: int
    protected: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class HeaderInfo:
    """A header that holds: what it says, its lengths in bytes, its CRC (`previous CRC` of the first part)."""

    header: ChunkHeader
    length: int
    init_length: int
    geometry: Geometry
    crc: int


@dataclass(frozen=True, slots=True)
class Table:
    """The part table of a closed chunk."""

    generation: int
    header_crc: int
    end_offset: int
    last_crc: int
    entries: list[PartEntry]


def encode_header(h: ChunkHeader, geometry: Geometry) -> bytes:
    """The first bytes of a chunk, whole blocks. Raises CodecNotRecorded, HeaderTooLong."""
    init = init_segment(h.parameters, h.title)
    text = _text(h)
    content = len(init) + _HEADER_TEXT + len(text) + 4
    length = -(-(content + BOX_HEADER) // BLOCK) * BLOCK
    if length > MAX_HEADER:
        raise HeaderTooLong(size=length)
    # fmt: off
    fixed = _HEADER.pack(
        VERSION << 24, length, len(init), geometry.chunk_size, geometry.table_reserve, h.generation, h.number,
        bytes.fromhex(h.disk_uuid), h.opened_utc_us, h.opened_monotonic_us, h.boot_id, h.base_ticks, len(text),
    )
    # fmt: on
    whole = init + uuid_box(HEADER_USERTYPE, fixed, text, bytes(4))
    crc = zlib.crc32(memoryview(whole)[:-4])
    padding = length - len(whole)
    return whole[:-4] + struct.pack(">I", crc) + free_header(padding) + bytes(padding - BOX_HEADER)


def _text(h: ChunkHeader) -> bytes:
    p = h.parameters
    names = {
        "site": h.site,
        "camera": h.key.camera,
        "stream": h.key.stream,
        "title": h.title,
        "codec": p.codec,
        "width": p.width,
        "height": p.height,
        "rfc6381": p.rfc6381,
        "parameter_sets": [base64.b64encode(s).decode("ascii") for s in p.parameter_sets],
        **({} if h.protected is None else {"protected": dict(h.protected)}),
    }
    return json.dumps(names, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def read_header(prefix: bytes | memoryview) -> HeaderInfo:
    """Read and check a chunk header from the first bytes of a file (MAX_HEADER always suffices).

    Raises ChunkUnreadable on anything that is not a whole header of ours whose CRC holds; nothing else.
    """
    at, end = _find_header(prefix)
    fixed = _HEADER.unpack_from(prefix, at + 24)
    version, length, init_length, chunk_size, reserve, generation, number, disk, *times, base, size = fixed
    if version >> 24 != VERSION:
        raise ChunkUnreadable(why=f"version {version >> 24}")
    if at + _HEADER_TEXT + size + 4 != end or init_length != at or length % BLOCK or length < end + BOX_HEADER:
        raise ChunkUnreadable(why="sizes disagree")
    (crc,) = struct.unpack_from(">I", prefix, end - 4)
    if crc != zlib.crc32(memoryview(prefix)[: end - 4]):
        raise ChunkUnreadable(why="header CRC")
    try:
        geometry = Geometry(chunk_size, reserve)
        names = json.loads(bytes(prefix[at + _HEADER_TEXT : end - 4]).decode("utf-8"))
        key, site, title, parameters = _names(names)
        protected = names.get("protected")
        if protected is not None and not isinstance(protected, dict):
            raise TypeError("protected")
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ChunkUnreadable(why="text") from error
    header = ChunkHeader(
        generation=generation,
        number=number,
        disk_uuid=disk.hex(),
        site=site,
        key=key,
        title=title,
        parameters=parameters,
        opened_utc_us=times[0],
        opened_monotonic_us=times[1],
        boot_id=times[2],
        base_ticks=base,
        protected=protected,
    )
    return HeaderInfo(header, length, init_length, geometry, crc)


def _find_header(prefix: bytes | memoryview) -> tuple[int, int]:
    """Start and end of our `uuid` box, which is the third box of the file."""
    try:
        walk = iter_boxes(prefix)
        kinds = [next(walk, (b"", 0, 0)) for _ in range(3)]
    except BoxUnreadable as error:
        raise ChunkUnreadable(why="boxes") from error
    kind, start, end = kinds[2]
    if [k for k, _, _ in kinds] != [b"ftyp", b"moov", b"uuid"] or end - start < _HEADER_TEXT + 4:
        raise ChunkUnreadable(why=f"no chunk header ({kind.hex()})")
    if prefix[start + BOX_HEADER : start + 24] != HEADER_USERTYPE:
        raise ChunkUnreadable(why="no chunk header (another usertype)")
    return start, end


def _names(names: dict[str, Any]) -> tuple[StreamKey, str, str, CodecParameters]:
    stream, codec = names["stream"], names["codec"]
    if stream not in {"main", "sub"} or codec not in {"h264", "h265"}:
        raise ValueError("stream or codec")
    sets = tuple(base64.b64decode(s, validate=True) for s in names["parameter_sets"])
    parameters = CodecParameters(codec, sets, int(names["width"]), int(names["height"]), str(names["rfc6381"]))
    return StreamKey(str(names["camera"]), stream), str(names["site"]), str(names["title"]), parameters


def decode_header(prefix: bytes | memoryview) -> tuple[ChunkHeader, int]:
    """The header and its length in bytes. Raises ChunkUnreadable."""
    info = read_header(prefix)
    return info.header, info.length


def header_crc(prefix: bytes | memoryview) -> int:
    """The header CRC: `previous_crc` of the chunk's first part. Raises ChunkUnreadable."""
    return read_header(prefix).crc


def parts_limit(geometry: Geometry) -> int:
    """First byte that parts may not use: the terminator's block and the table lie from here."""
    return geometry.chunk_size - geometry.table_reserve - BLOCK


def table_offset(geometry: Geometry) -> int:
    """Where the part table of a closed chunk begins; it runs to the end of the file."""
    return geometry.chunk_size - geometry.table_reserve


def terminator(offset: int, geometry: Geometry) -> bytes:
    """The block behind the last part of an open chunk: a `free` box from `offset` to the end of the file."""
    return free_header(geometry.chunk_size - offset) + bytes(BLOCK - BOX_HEADER)


def table_full(entries_count: int, keyframes: int, geometry: Geometry) -> bool:
    """True when the table has no room for one more part that starts with a keyframe: close the chunk."""
    return _TABLE.size + ROW * (entries_count + 1) + mfra_size(keyframes + 1) > geometry.table_reserve


def closing(
    entries: Sequence[PartEntry],
    end_offset: int,
    geometry: Geometry,
    *,
    generation: int,
    header_crc: int,
    last_crc: int,
) -> list[tuple[int, bytes]]:
    """What closes a chunk: (offset, whole blocks) in the order in which they must become durable.

    Flush the first before the second is written (see the module's last paragraph). Writing both again is harmless.
    `last_crc`: header CRC of the last part, of the chunk header when there is no part.
    """
    index = mfra([(e.tfdt, e.offset + UUID_SIZE) for e in entries if e.starts_keyframe])
    size = geometry.table_reserve - len(index)
    first = entries[0].offset if entries else end_offset
    if first + sum(e.length for e in entries) != end_offset or end_offset > parts_limit(geometry):
        raise ValueError("parts do not lie without holes up to the end")
    rows = b"".join(map(_row, entries))
    if _TABLE.size + len(rows) > size:
        raise ValueError("more parts than the table holds: ask table_full before each part")
    # fmt: off
    head = _TABLE.pack(
        size, b"uuid", TABLE_USERTYPE, VERSION << 24, generation, header_crc, len(entries), first, end_offset,
        last_crc, 0, 0,
    )[:_TABLE_CRC_AT]
    # fmt: on
    crc = struct.pack(">I", zlib.crc32(rows, zlib.crc32(head)))
    zeros = bytes(size - _TABLE.size - len(rows))
    table = b"".join((head, crc, rows, zeros, index))
    border = free_header(table_offset(geometry) - end_offset) + bytes(BLOCK - BOX_HEADER)
    return [(table_offset(geometry), table), (end_offset, border)]


def sealed(head: bytes, end_offset: int, geometry: Geometry) -> bool:
    """Do the first bytes behind the parts say that the chunk is closed?

    They are written only when parts and table are durable. A table without them may list parts that a cut took.
    """
    return head[:BOX_HEADER] == free_header(table_offset(geometry) - end_offset)


def _row(e: PartEntry) -> bytes:
    flags = (STARTS_KEYFRAME if e.starts_keyframe else 0) | (STARTS_RUN if e.starts_run else 0) | e.clock_state << 4
    return _ROW.pack(
        e.utc_us, e.tfdt << 16 | e.length // BLOCK, e.duration, e.run, e.sequence, e.samples, flags, e.cause
    )


def parse_table(tail: bytes | memoryview) -> Table:
    """Read and check the table from a file's last `table_reserve` bytes. Raises TableUnreadable, nothing else."""
    if len(tail) < _TABLE.size:
        raise TableUnreadable(why="cut short")
    fields = _TABLE.unpack_from(tail)
    size, kind, usertype, version, generation, chunk_crc, count, first, end_offset, last_crc, _, crc = fields
    if (kind, usertype, version >> 24) != (b"uuid", TABLE_USERTYPE, VERSION):
        raise TableUnreadable(why="none")
    end = _TABLE.size + ROW * count
    if not end <= size <= len(tail):
        raise TableUnreadable(why="sizes disagree")
    rows = memoryview(tail)[_TABLE.size : end]
    if crc != zlib.crc32(rows, zlib.crc32(tail[:_TABLE_CRC_AT])):
        raise TableUnreadable(why="CRC")
    entries, offset = _entries(rows, first)
    if offset != end_offset:
        raise TableUnreadable(why="sizes disagree")
    return Table(generation, chunk_crc, end_offset, last_crc, entries)


def _entries(rows: memoryview, offset: int) -> tuple[list[PartEntry], int]:
    entries: list[PartEntry] = []
    for utc_us, packed, duration, run, sequence, samples, flags, cause in _ROW.iter_unpack(rows):
        length = (packed & 0xFFFF) * BLOCK
        entries.append(
            PartEntry(
                offset=offset,
                length=length,
                utc_us=utc_us,
                tfdt=packed >> 16,
                duration=duration,
                run=run,
                sequence=sequence,
                samples=samples,
                starts_keyframe=bool(flags & STARTS_KEYFRAME),
                starts_run=bool(flags & STARTS_RUN),
                cause=cause,
                clock_state=flags >> 4,
            )
        )
        offset += length
    return entries, offset


def read_table(tail: bytes | memoryview) -> list[PartEntry]:
    """The parts of a closed chunk from its last `table_reserve` bytes. Raises TableUnreadable."""
    return parse_table(tail).entries
