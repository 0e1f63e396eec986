"""What a chunk file holds, found out from its bytes alone: for the start of the recorder, rebuilds and audits.

Nothing is believed that is not chained to this file's own header: a part of an older generation, of another
stream or of another place ends the walk, and so does everything behind the first part that does not hold. The
functions never raise on bytes, whatever they are; an OSError of the disk passes through.
"""

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from appliance.core.units import BLOCK
from appliance.media.boxes import BOX_HEADER
from appliance.media.errors import PartUnreadable
from appliance.media.part import UUID_SIZE, ParsedPart, PartEntry, header_size_at, parse_part
from appliance.ring.chunk import (
    MAX_HEADER,
    ChunkHeader,
    Geometry,
    HeaderInfo,
    Table,
    parse_table,
    parts_limit,
    read_header,
    sealed,
    table_offset,
)
from appliance.ring.errors import ChunkUnreadable, TableUnreadable

READ: Final = 1 << 20
"""Bytes a read: long enough that a hard disk reads at full speed, small beside the recorder's memory."""

Read = Callable[[int, int], bytes]
"""(offset, length) -> bytes; fewer bytes than asked mean the end of the file."""


class ChunkState(StrEnum):
    """What the bytes of a chunk file say. DAMAGED: a header that does not hold, or a table that lies (deep only)."""

    FREE = "free"
    OPEN = "open"
    CLOSED = "closed"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class WalkResult:
    """Header (None: nothing readable), parts that hold, and where and why the walk ended.

    `end_offset`: byte behind the last good part, where a recorder goes on writing; `last_header_crc`: what the next
    part chains to; `reason`: empty when the end is clean, else a few words for a log. `init_length`, bytes.
    """

    header: ChunkHeader | None
    state: ChunkState
    entries: list[PartEntry] = field(default_factory=list)
    end_offset: int = 0
    last_header_crc: int = 0
    reason: str = ""
    init_length: int = 0
    header_crc: int = 0


def walk(read: Read | int, geometry: Geometry, *, deep: bool = False) -> WalkResult:
    """Read a chunk. `read`: a function or a file descriptor.

    A table at the end that belongs to this header, of a chunk that was sealed, is believed without reading the parts
    (CLOSED); with `deep` the parts are read all the same, every CRC is checked, and a table that says something else
    makes it DAMAGED. A table without the seal is of a closing that was cut short: the chunk is OPEN.
    """
    source = _pread(read) if isinstance(read, int) else read
    prefix = source(0, MAX_HEADER)
    if not any(prefix[:BLOCK]):
        return WalkResult(None, ChunkState.FREE)
    try:
        info = read_header(prefix)
    except ChunkUnreadable as error:
        return WalkResult(None, ChunkState.DAMAGED, reason=str(error.facts["why"]))
    if info.geometry != geometry:
        return WalkResult(None, ChunkState.DAMAGED, reason="sizes of another disk")
    table = _own_table(source(table_offset(geometry), geometry.table_reserve), info)
    if table is None or not sealed(source(table.end_offset, BOX_HEADER), table.end_offset, geometry):
        return _result(info, ChunkState.OPEN, _Parts(source, info))
    if deep:
        parts = _Parts(source, info)
        if parts.entries != table.entries or parts.last_crc != table.last_crc:
            return _result(info, ChunkState.DAMAGED, parts)
    return WalkResult(
        info.header,
        ChunkState.CLOSED,
        table.entries,
        table.end_offset,
        table.last_crc,
        init_length=info.init_length,
        header_crc=info.crc,
    )


def _pread(descriptor: int) -> Read:
    def read(offset: int, length: int) -> bytes:
        return os.pread(descriptor, length, offset)

    return read


def _own_table(tail: bytes, info: HeaderInfo) -> Table | None:
    """The table at the end, when it is of this opening of this file and stays within the parts' room."""
    try:
        table = parse_table(tail)
    except TableUnreadable:
        return None
    first = table.entries[0].offset if table.entries else table.end_offset
    own = (table.generation, table.header_crc, first) == (info.header.generation, info.crc, info.length)
    return table if own and table.end_offset <= parts_limit(info.geometry) else None


def _result(info: HeaderInfo, state: ChunkState, parts: "_Parts") -> WalkResult:
    return WalkResult(
        info.header,
        state,
        parts.entries,
        parts.end_offset,
        parts.last_crc,
        parts.reason or ("table and parts disagree" if state is ChunkState.DAMAGED else ""),
        info.init_length,
        info.crc,
    )


class _Parts:
    """The parts that hold, from the header on, in one sequential read."""

    def __init__(self, read: Read, info: HeaderInfo) -> None:
        self._window = _Window(read, info.geometry.chunk_size)
        self._generation = info.header.generation
        self._geometry = info.geometry
        self.entries: list[PartEntry] = []
        self.end_offset = info.length
        self.last_crc = info.crc
        try:
            self.reason = self._run()
        except PartUnreadable as error:
            self.reason = str(error.facts["why"])

    def _run(self) -> str:
        while True:
            if self.end_offset > parts_limit(self._geometry) - BLOCK:
                return self._border()
            if len(head := self._window.bytes_at(self.end_offset, UUID_SIZE + BOX_HEADER)) < UUID_SIZE + BOX_HEADER:
                return "the file is cut short"
            if head[4:8] != b"uuid":
                return self._border()
            part = self._part(header_size_at(head))
            self.entries.append(part.entry(self.end_offset))
            self.last_crc = part.header.header_crc
            self.end_offset += part.length

    def _border(self) -> str:
        """Why no part follows: empty when a terminator or a closed chunk's `free` says so."""
        head = self._window.bytes_at(self.end_offset, BOX_HEADER)
        ends = (self._geometry.chunk_size, table_offset(self._geometry))
        if any(head == struct.pack(">I4s", end - self.end_offset, b"free") for end in ends):
            return ""
        return "zeros behind the last part" if not any(head) else "no part and no terminator"

    def _part(self, header_length: int) -> ParsedPart:
        """The part at the end reached so far; raises PartUnreadable when anything of it does not hold."""
        at = self.end_offset
        part = parse_part(self._window.bytes_at(at, header_length))
        h = part.header
        if h.generation != self._generation:
            raise PartUnreadable(offset=at, why="a part of another generation")
        if h.previous_crc != self.last_crc or part.block_number != at // BLOCK:
            raise PartUnreadable(offset=at, why="a part that does not follow")
        if at + part.length > parts_limit(self._geometry):
            raise PartUnreadable(offset=at, why="a part beyond the limit")
        crc, missing = 0, part.payload_length
        for piece in self._window.pieces(at + header_length, part.payload_length):
            crc = zlib.crc32(piece, crc)
            missing -= len(piece)
        if missing or crc != h.payload_crc:
            raise PartUnreadable(offset=at, why="payload CRC")
        end = header_length + part.payload_length
        padding = self._window.bytes_at(at + end, min(BOX_HEADER, part.length - end))
        if part.length > end and padding != struct.pack(">I4s", part.length - end, b"free"):
            raise PartUnreadable(offset=at, why="padding")
        return part


class _Window:
    """A file read forwards once, READ bytes at a time; what lies behind the offset asked for is dropped."""

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self._size = size
        self._start = 0
        self._data = b""

    def bytes_at(self, offset: int, length: int) -> bytes:
        """`length` bytes, fewer at the end of the file. Offsets never go back by more than what was asked last."""
        while self._start + len(self._data) < offset + length and self._more(offset):
            pass
        first = offset - self._start
        return self._data[first : first + length]

    def pieces(self, offset: int, length: int) -> Iterator[memoryview]:
        """The same bytes in pieces of at most READ, without holding them together."""
        end = offset + length
        while offset < end:
            have = self._start + len(self._data)
            if have <= offset and not self._more(offset):
                return
            first = offset - self._start
            piece = memoryview(self._data)[first : first + min(end - offset, READ)]
            offset += len(piece)
            yield piece

    def _more(self, keep_from: int) -> bool:
        at = self._start + len(self._data)
        block = self._read(at, min(READ, self._size - at)) if at < self._size else b""
        keep = min(max(keep_from - self._start, 0), len(self._data))
        self._data = self._data[keep:] + block
        self._start += keep
        return bool(block)
