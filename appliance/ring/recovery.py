"""What a disk holds at start: every chunk's state from its first block, open chunks cut and sealed again.

All of it blocks and runs in helper threads; nothing of a chunk is written before its end is known.
"""

import errno
import logging
import mmap
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from appliance.core.units import BLOCK, ticks_to_us
from appliance.media.boxes import BOX_HEADER
from appliance.media.part import PartEntry
from appliance.ring.chunk import (
    MAX_HEADER,
    ChunkHeader,
    Geometry,
    HeaderInfo,
    parse_table,
    read_header,
    sealed,
    table_offset,
    terminator,
)
from appliance.ring.disks.disk import Disk, chunk_name
from appliance.ring.disks.identity import DiskIdentity
from appliance.ring.errors import ChunkUnreadable, TableUnreadable
from appliance.ring.faults import DiskUnreadable
from appliance.ring.index.rows import ChunkRow, SpanRow
from appliance.ring.part_rows import PartRows
from appliance.ring.walk import ChunkState as Found
from appliance.ring.walk import walk
from appliance.ring.writer import DATA_ERRORS, OpenChunk, Span

log = logging.getLogger(__name__)

FIRST_READ: Final = 2 * BLOCK
"""Bytes read of each chunk at start: nearly every header is shorter, a longer one is read again."""


MAX_UNREADABLE: Final = 16
"""Chunk files that may fail at start; more, each after seconds of retries of the drive, are a disk that fails."""


class Formatted(Protocol):
    """A disk whose chunks can be read, opened for recording or not."""

    @property
    def path(self) -> Path: ...

    @property
    def identity(self) -> DiskIdentity: ...

    @property
    def geometry(self) -> Geometry: ...


@dataclass(slots=True)
class Scan:
    """State of every chunk of a disk. `known`: closed and in the index already."""

    free: list[int] = field(default_factory=list)
    suspect: list[int] = field(default_factory=list)
    opened: list[HeaderInfo] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    closed: list[tuple[ChunkRow, list[SpanRow]]] = field(default_factory=list)
    generation: int = 0


def scan(disk: Formatted, known: dict[int, int], numbers: Iterable[int] | None = None) -> Scan:
    """Read the header of every chunk of the ring; of closed chunks the index does not know, the table too.

    `numbers`: of these chunks only. A file that is missing, short or unreadable is suspect and costs itself. Raises
    OSError when MAX_UNREADABLE files cannot be read: then it is the disk.
    """
    result = Scan()
    unreadable = 0
    for number in range(disk.identity.of_ring) if numbers is None else numbers:
        try:
            fd = os.open(disk.path / chunk_name(number), os.O_RDONLY | os.O_CLOEXEC)
            try:
                _one(disk, number, fd, known, result)
            finally:
                os.close(fd)
        except OSError as error:
            log.error("chunk %s set aside: %s", disk.path / chunk_name(number), error.strerror)  # noqa: TRY400
            result.suspect.append(number)
            unreadable += 1
            if unreadable == MAX_UNREADABLE:
                raise
    return result


def _one(disk: Formatted, number: int, fd: int, known: dict[int, int], result: Scan) -> None:
    if os.fstat(fd).st_size != disk.geometry.chunk_size:
        raise OSError(errno.EIO, "another size than formatted")
    prefix = os.pread(fd, FIRST_READ, 0)
    if not any(prefix[:BLOCK]):
        result.free.append(number)
        return
    info = _header(fd, prefix, number)
    if info is None or not _own(disk, number, info):
        result.suspect.append(number)
        return
    header = info.header
    result.generation = max(result.generation, header.generation)
    if known.get(number) == header.generation:
        result.known.append(number)
        return
    entries = _table(disk, fd, info)
    if entries is None:
        result.opened.append(info)
    else:
        row = chunk_row(header, info.init_length, entries)
        result.closed.append((row, span_rows(spans_of(entries))))


def _header(fd: int, prefix: bytes, number: int) -> HeaderInfo | None:
    try:
        return read_header(prefix)
    except ChunkUnreadable:
        pass
    try:
        return read_header(os.pread(fd, MAX_HEADER, 0))
    except ChunkUnreadable as error:
        log.error("chunk %d: %s", number, error)  # noqa: TRY400 - the sentence says all
        return None


def _own(disk: Formatted, number: int, info: HeaderInfo) -> bool:
    """Written here, to this file of this disk?"""
    own = info.header.disk_uuid == disk.identity.uuid and info.header.number == number
    if not own or info.geometry != disk.geometry:
        log.error("chunk %d of %s belongs to another disk or place: set aside", number, disk.path)
        return False
    return True


def _table(disk: Formatted, fd: int, info: HeaderInfo) -> list[PartEntry] | None:
    """The parts of a chunk that was closed, None when it is open or its closing was cut short."""
    try:
        table = parse_table(os.pread(fd, disk.geometry.table_reserve, table_offset(disk.geometry)))
    except TableUnreadable:
        return None
    if (table.generation, table.header_crc) != (info.header.generation, info.crc):
        return None
    head = os.pread(fd, BOX_HEADER, table.end_offset)
    return table.entries if sealed(head, table.end_offset, disk.geometry) else None


def read_entries(disk: Formatted, number: int, generation: int) -> list[PartEntry] | None:
    """The part table of a closed chunk, None when the chunk is another one by now. Raises OSError."""
    return read_entries_at(disk.path, disk.geometry, number, generation)


def read_entries_at(path: Path, geometry: Geometry, number: int, generation: int) -> list[PartEntry] | None:
    """The same on a disk that is not opened, at `path`."""
    fd = os.open(path / chunk_name(number), os.O_RDONLY | os.O_CLOEXEC)
    try:
        table = parse_table(os.pread(fd, geometry.table_reserve, table_offset(geometry)))
    except TableUnreadable:
        return None
    finally:
        os.close(fd)
    return table.entries if table.generation == generation else None


def chunk_row(header: ChunkHeader, init_length: int, entries: Sequence[PartEntry]) -> ChunkRow:
    """The index's row of a chunk with these parts."""
    opened = header.opened_utc_us
    return ChunkRow(
        disk=header.disk_uuid,
        number=header.number,
        generation=header.generation,
        camera=header.key.camera,
        stream=header.key.stream,
        opened_us=opened,
        first_us=min((e.utc_us for e in entries), default=opened),
        last_us=max((end_us(e) for e in entries), default=opened),
        size=entries[-1].offset + entries[-1].length if entries else 0,
        codec=header.parameters.rfc6381,
        width=header.parameters.width,
        height=header.parameters.height,
        init_length=init_length,
        last_run=entries[-1].run if entries else 0,
        last_sequence=entries[-1].sequence if entries else 0,
    )


def end_us(entry: PartEntry) -> int:
    """UTC of the end of a part."""
    return entry.utc_us + ticks_to_us(entry.duration)


def spans_of(entries: Iterable[PartEntry]) -> list[Span]:
    """The stretches of runs among parts in order."""
    spans: list[Span] = []
    extend_spans(spans, entries)
    return spans


def span_rows(spans: list[Span]) -> list[SpanRow]:
    """The same stretches as rows of the index."""
    return [SpanRow(s.run, s.from_us, s.to_us, s.cause, s.first_sequence, s.last_sequence, s.clock) for s in spans]


def extend_spans(spans: list[Span], entries: Iterable[PartEntry]) -> None:
    """Add parts to the stretches found so far; a stretch grows while its run goes on."""
    for entry in entries:
        if spans and spans[-1].run == entry.run:
            spans[-1].to_us = end_us(entry)
            spans[-1].last_sequence = entry.sequence
        else:
            cause = entry.cause if entry.starts_run else 0
            sequence = entry.sequence
            spans.append(Span(entry.run, entry.utc_us, end_us(entry), cause, sequence, sequence, entry.clock_state))


def _sealed(fd: int, end: int, geometry: Geometry) -> bool:
    """Write the terminator; False when it is only this file that takes none. Raises OSError."""
    with mmap.mmap(-1, BLOCK) as block:
        block[:] = terminator(end, geometry)
        try:
            os.pwrite(fd, block, end)
        except OSError as error:
            os.close(fd)
            if error.errno not in DATA_ERRORS:
                raise
            log.error("a chunk cannot be sealed at byte %d: %s", end, error.strerror)  # noqa: TRY400
            return False
    return True


def recover(disk: Disk, index: int, info: HeaderInfo) -> OpenChunk | None:
    """Read an OPEN chunk, cut it behind its last good part, seal it there and flush. Raises OSError.

    Everything behind the seal is wiped: a part that reached the disk without the one before it must not be played
    after the next cut. None when the chunk turns out to be damaged or cannot be read.
    """
    number = info.header.number
    path = disk.path / chunk_name(number)
    try:
        reading = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            result = walk(reading, disk.geometry)
        finally:
            os.close(reading)
    except OSError as error:
        log.error("chunk %s cannot be continued: %s", path, error.strerror)  # noqa: TRY400 - the sentence says all
        return None
    if result.header is None or result.state is not Found.OPEN:
        log.error("chunk %s cannot be continued: %s %s", path, result.state.value, result.reason)
        return None
    if result.reason:
        log.warning("chunk %s: cut at byte %d (%s)", path, result.end_offset, result.reason)
    end = result.end_offset
    try:
        fd = disk.open_chunk(number)
        if not _sealed(fd, end, disk.geometry):
            return None
    except DiskUnreadable as error:
        log.error("chunk cannot be continued: %s", error)  # noqa: TRY400 - the sentence says all
        return None
    disk.zero(fd, end + BLOCK)
    os.fdatasync(fd)
    with path.open("rb") as file:
        init = file.read(info.init_length)
    entries = result.entries
    first = entries[0].utc_us - ticks_to_us(entries[0].tfdt) if entries else info.header.opened_utc_us
    return OpenChunk(
        disk=index,
        geometry=disk.geometry,
        number=number,
        fd=fd,
        header=info.header,
        header_length=info.length,
        init_length=info.init_length,
        header_crc=info.crc,
        first_utc_us=first,
        base_ticks=info.header.base_ticks,
        base_boot=info.header.boot_id,
        end=end,
        last_crc=result.last_header_crc,
        init=init,
        last_end=entries[-1].tfdt + entries[-1].duration if entries else 0,
        parts=len(entries),
        keyframes=sum(entry.starts_keyframe for entry in entries),
        durable=len(entries),
        entries=PartRows(entries),
        spans=spans_of(entries),
    )
