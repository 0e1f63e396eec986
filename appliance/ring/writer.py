"""One thread per disk does everything that touches the disk: a tick at a time, one flush at its end.

A tick's job is planned in the event loop with every offset fixed; this side builds the bytes, writes them with one
`pwrite` per chunk from one page-aligned arena, flushes once and says what happened. While a job is under way its
OpenChunk objects belong to this thread; `entries` beyond `durable` are not published until the loop says so.
"""

import contextlib
import errno
import mmap
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from appliance.core.clock import Clock
from appliance.core.units import BLOCK
from appliance.media.part import PartEntry, build_part
from appliance.media.stream import AccessUnit, RunStart
from appliance.ring.catalog.log import Appender, Line
from appliance.ring.chunk import ChunkHeader, Geometry, closing, terminator
from appliance.ring.disks.disk import Disk
from appliance.ring.disks.thread import DiskThreads
from appliance.ring.part_rows import PartRows

ARENA: Final = 4 << 20
"""Bytes the arena starts with: ticks write the same first pages again and again, which stay in the CPU's cache."""

SLICES_US: Final = 25_000
"""Microseconds after which a tick begins no further slice: half of what they may delay it by, the flush takes the
rest. A disk that is suddenly slow is noticed within the tick, not after it."""


DATA_ERRORS: Final = frozenset({errno.EIO, errno.EBADMSG, errno.EREMOTEIO})
"""What a drive says of blocks that it cannot write, others being well; a read-only or absent disk says something else.
(ENODATA, a medium error of reads, cannot come from a write.)"""

NO_HEARTBEAT: Final = b" " * BLOCK
"""A heartbeat block that tells nothing, until there is one."""


@dataclass(slots=True)
class Span:
    """One run's stretch inside a chunk, UTC microseconds as written; `cause`: GapCause of the gap before the run.

    `clock`: the judgement of UTC it was recorded under (ClockState).
    """

    run: int
    from_us: int
    to_us: int
    cause: int
    first_sequence: int
    last_sequence: int
    clock: int


@dataclass(slots=True)
class OpenChunk:
    """A chunk being written.

    Loop side: `end` (where the next part will lie), `parts`, `keyframes` (planned counts), `base_ticks` (dts of
    tfdt 0 in the boot `base_boot`), `last_end` (tfdt behind the last planned sample), `durable` (how many entries
    are published). Writer side: `entries`, `last_crc`.
    """

    disk: int
    geometry: Geometry
    number: int
    fd: int
    header: ChunkHeader
    header_length: int
    init_length: int
    header_crc: int
    first_utc_us: int
    base_ticks: int
    base_boot: bytes
    end: int
    last_crc: int
    init: bytes
    last_end: int = 0
    parts: int = 0
    keyframes: int = 0
    durable: int = 0
    entries: PartRows = field(default_factory=PartRows)
    spans: list[Span] = field(default_factory=list)


@dataclass(slots=True)
class PartJob:
    """One part to be built; times as in PartEntry."""

    units: list[AccessUnit]
    run: RunStart
    run_id: int
    sequence: int
    utc_us: int
    monotonic_us: int
    tfdt: int
    last_duration: int
    starts_run: bool
    cause: int
    size: int


@dataclass(slots=True)
class ChunkJob:
    """What happens to one chunk in a tick, in this order: header, parts and terminator, table."""

    chunk: OpenChunk
    at: int  # offset of the first byte written: 0 with a header, else the end of the last part
    header: bytes | None = None
    parts: list[PartJob] = field(default_factory=list)
    close: bool = False
    copy: bool = False  # somebody subscribed to the stream: keep the bytes of the parts


@dataclass(frozen=True, slots=True)
class Slice:
    """Whole blocks of something else than recording (ring/slices.py); without bytes: a descriptor to be closed.

    `overwrites`: the blocks were written before, so that no extents change.
    """

    fd: int
    offset: int
    data: memoryview
    overwrites: bool


@dataclass(slots=True)
class CatalogJob:
    """Lines for the end of one catalogue file; `appender` is this thread's while the tick runs."""

    fd: int
    appender: Appender
    lines: list[Line]


@dataclass(slots=True)
class TickJob:
    """All work of a tick. `zero`: descriptors of chunks to wipe; `heartbeat`: a whole block."""

    chunks: list[ChunkJob] = field(default_factory=list)
    zero: list[int] = field(default_factory=list)
    heartbeat: bytes | None = None
    slices: list[Slice] = field(default_factory=list)
    catalog: list[CatalogJob] = field(default_factory=list)


@dataclass(slots=True)
class TickResult:
    """`error` set: nothing of the tick counts. `copies`: per chunk the (entry, bytes) of its new parts.

    `slices`: how many of the job's, from the first, there was time for. `catalog_error`: the catalogue could not be
    written, the rest was. `spoiled`: chunks that alone could not be written to; what the tick did to them does not
    count, the rest of the tick does.
    """

    error: OSError | None = None
    took_us: int = 0
    written: int = 0
    flushes: int = 0
    copies: dict[int, list[tuple[PartEntry, bytes]]] = field(default_factory=dict)
    slices: int = 0
    catalog_error: OSError | None = None
    spoiled: dict[int, OSError] = field(default_factory=dict)
    refused: dict[int, OSError] = field(default_factory=dict)  # slices, by place in the job, that were not written


class DiskWriter:
    """The disk's side of the ticks. Every method blocks; all are called by one and the same thread."""

    def __init__(self, disk: Disk, clock: Clock) -> None:
        self.disk = disk
        self._clock = clock
        self._arena = mmap.mmap(-1, ARENA)
        self._view = memoryview(self._arena)
        self._borders: list[tuple[int, int, bytes]] = []  # closed in the last tick: fd, offset, block
        self._held: list[int] = []
        self._written: list[int] = []
        self._bytes = 0
        self._heartbeat = NO_HEARTBEAT
        self._doubt = self._closed = False
        self.well = True  # the last tick has come back, and without an error

    def tick(self, job: TickJob) -> TickResult:
        """Do the job and flush once. An OSError ends the tick: the caller sets its chunks aside."""
        started = self._clock.monotonic_us()
        result = TickResult()
        self._written, self._bytes, self._doubt, self.well = [], 0, False, False
        done, self._borders = self._borders, []
        try:
            self._first(job, done, result)
            for chunk_job in job.chunks:
                self._guarded(chunk_job, result)
            if result.spoiled or self._doubt:  # a few blocks, or the whole disk? One that was good until now tells.
                self._write(self.disk.heartbeat_fd, 0, self._heartbeat)
                self._written.insert(0, self._written.pop())
            self._slices(job.slices, result)
            if self._written:
                result.flushes = self.disk.flush(self._written)
        except OSError as error:
            result.error = error.with_traceback(None)
        for fd, _, _ in done:
            let_go(fd)
        for piece in job.slices[: result.slices]:
            if not piece.data:
                let_go(piece.fd)
        self.well = result.error is None
        result.took_us = self._clock.monotonic_us() - started
        result.written = self._bytes
        return result

    def _first(self, job: TickJob, borders: list[tuple[int, int, bytes]], result: TickResult) -> None:
        """What changes no extents, then what may (the catalogue), then the wiping: the last write is one that does."""
        if job.heartbeat is not None:
            self._heartbeat = job.heartbeat
            self._write(self.disk.heartbeat_fd, 0, job.heartbeat)
        for fd, offset, block in borders:
            try:
                self._write(fd, offset, block)
            except OSError as error:  # the table is durable: only players miss this block
                if error.errno not in DATA_ERRORS:
                    raise
                self._doubt = True
        result.catalog_error = self._catalog(job.catalog)
        for fd in job.zero:
            self.disk.zero(fd)
            self._written.append(fd)

    def _catalog(self, jobs: list[CatalogJob]) -> OSError | None:
        """The lines of the tick; a catalogue that cannot be written stops nothing. What begins a block goes last."""
        utc_us = self._clock.utc_us()
        pieces = [(job.fd, *job.appender.append(job.lines, utc_us)) for job in jobs]
        try:
            for fd, offset, blocks in sorted(pieces, key=lambda piece: len(piece[2])):
                self._write(fd, offset, blocks)
        except OSError as error:
            return error.with_traceback(None)  # which would hold the arena
        return None

    def _slices(self, slices: list[Slice], result: TickResult) -> None:
        """As many as there is time for, the first in any case. What changes no extents must not be written last."""
        started = self._clock.monotonic_us()
        last_fresh = self._written[-1] if self._written else None
        overwritten = False
        for piece in slices:
            if result.slices and self._clock.monotonic_us() - started > SLICES_US:
                break
            if piece.data and self._slice(piece, result):
                overwritten = piece.overwrites
                if not piece.overwrites:
                    last_fresh = piece.fd
            result.slices += 1
        if overwritten and last_fresh is not None:
            self._written.append(last_fresh)

    def _guarded(self, job: ChunkJob, result: TickResult) -> None:
        """A job whose file alone cannot be written to spoils its chunk, not the tick."""
        chunk = job.chunk
        count, crc = len(chunk.entries), chunk.last_crc
        try:
            self._chunk(job, result)
        except OSError as error:
            if error.errno not in DATA_ERRORS:
                raise
            chunk.entries.cut(count)
            chunk.last_crc = crc
            self._written = [fd for fd in self._written if fd != chunk.fd]  # its flush would fail for the others too
            result.spoiled[chunk.number] = error.with_traceback(None)  # its frames hold views of the arena

    def _slice(self, piece: Slice, result: TickResult) -> bool:
        """A backup that finds the disk full costs itself, not the recording. Raises what the whole disk fails with."""
        try:
            self._write(piece.fd, piece.offset, piece.data)
        except OSError as error:
            result.refused[result.slices] = error.with_traceback(None)
            self._write(self.disk.heartbeat_fd, 0, self._heartbeat)  # a block that was good until now tells
            self._written.insert(0, self._written.pop())
            return False
        return True

    def _chunk(self, job: ChunkJob, result: TickResult) -> None:
        chunk = job.chunk
        geometry = self.disk.geometry
        if job.parts or job.header is not None:
            filled, at = 0, job.at
            if job.header is not None:
                filled = len(job.header)
                self._view[:filled] = job.header
            copies: list[tuple[PartEntry, bytes]] = []
            for part in job.parts:
                if filled + part.size + BLOCK > len(self._view):
                    self._pwrite(chunk.fd, filled, at)
                    at, filled = at + filled, 0
                    self._grow(part.size + BLOCK)
                entry = self._part(chunk, part, filled, at + filled)
                if job.copy:
                    copies.append((entry, bytes(self._view[filled : filled + entry.length])))
                filled += part.size
            self._view[filled : filled + BLOCK] = terminator(at + filled, geometry)
            self._pwrite(chunk.fd, filled + BLOCK, at)
            if copies:
                result.copies[chunk.number] = copies
        if job.close:
            self._close(chunk)

    def _part(self, chunk: OpenChunk, part: PartJob, at: int, offset: int) -> PartEntry:
        entry, chunk.last_crc = build_part(
            self._view[at : at + part.size],
            part.units,
            offset=offset,
            generation=chunk.header.generation,
            run=part.run_id,
            sequence=part.sequence,
            utc_us=part.utc_us,
            monotonic_us=part.monotonic_us,
            boot_id=part.run.boot_id,
            clock_state=part.run.clock_state,
            starts_run=part.starts_run,
            cause=part.cause,
            previous_crc=chunk.last_crc,
            tfdt=part.tfdt,
            last_duration=part.last_duration,
        )
        chunk.entries.append(entry)
        return entry

    def _close(self, chunk: OpenChunk) -> None:
        """Write the table now; the block that lets players see it goes with the next tick, after the flush."""
        (offset, table), (border_at, border) = closing(
            chunk.entries,
            chunk.end,
            self.disk.geometry,
            generation=chunk.header.generation,
            header_crc=chunk.header_crc,
            last_crc=chunk.last_crc,
        )
        self._write(chunk.fd, offset, table)
        self._borders.append((chunk.fd, border_at, border))

    def _write(self, fd: int, offset: int, data: bytes | memoryview) -> None:
        self._grow(len(data))
        self._view[: len(data)] = data
        self._pwrite(fd, len(data), offset)

    def _pwrite(self, fd: int, length: int, offset: int) -> None:
        done = 0
        while done < length:
            done += os.pwrite(fd, self._view[done:length], offset + done)
        self._bytes += length
        self._written.append(fd)

    def _grow(self, size: int) -> None:
        """A larger arena when one piece asks for it (a table of the field, a huge keyframe)."""
        if size > len(self._view):
            self._view.release()
            self._arena.close()
            self._arena = mmap.mmap(-1, -(-size // BLOCK) * BLOCK)
            self._view = memoryview(self._arena)

    def close_later(self, fd: int) -> None:
        """A descriptor to close with the rest; at once where that has been done."""
        if self._closed:
            DiskThreads("ring-close").abandon(OSError("closed"), lambda: let_go(fd))
        else:
            self._held.append(fd)

    def close(self, fds: Iterable[int] = ()) -> None:
        """Release the arena, the descriptors this thread still holds, and these."""
        self._closed = True
        for fd in {*fds, *self._held, *(fd for fd, _, _ in self._borders)}:
            let_go(fd)
        self._borders, self._held = [], []
        with contextlib.suppress(BufferError):  # the trace of an error still shows it: it goes with that
            self._view.release()
            self._arena.close()


def let_go(fd: int) -> None:
    """Close a descriptor of a disk that may have failed: it is closed whatever the kernel says (close(2))."""
    with contextlib.suppress(OSError):
        os.close(fd)
