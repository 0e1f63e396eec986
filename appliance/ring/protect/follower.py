"""Copies one stream of one hold into the protected pool, part after part, up to the durable mark of the recording.

It reads in helper threads and writes through the slices of the disks' own writers; a few batches are on their way at
a time. What it has copied is known from the copies themselves, so after a restart it goes on where they end.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.units import BLOCK, ticks_to_us
from appliance.media.part import PartEntry
from appliance.media.stream import StreamKey
from appliance.ring.access.lookup import Catalogue, ChunkRanges
from appliance.ring.chunk import closing
from appliance.ring.disks.member import Member
from appliance.ring.disks.pool import ChunkState
from appliance.ring.protect.copying import BATCH, Batch, fitting, follows, new_chunk, place, read_batch, rest
from appliance.ring.protect.held import Kept
from appliance.ring.recovery import chunk_row, extend_spans, span_rows
from appliance.ring.writer import OpenChunk

log = logging.getLogger(__name__)

IN_FLIGHT: Final = 8
"""Batches of one copy that wait for the disk: a tick's largest slice."""

WINDOW_US: Final = 600_000_000
"""Footage looked up at a time: 1 500 parts of a stream."""

REWIND_US: Final = 30_000_000
"""A growing hold looks back so far: parts of a disk that failed are published up to 8 s late."""

END_US: Final = 30_000_000
"""So long after its end a hold is complete even when the camera sent nothing up to it."""


class Room(Protocol):
    """What a follower asks of the pool."""

    def target(self, kept: Kept, source: str, current: int | None) -> Member | None:
        """The disk for the next parts of footage on disk `source` (uuid); None when there is no room."""

    async def ready(self, member: Member) -> bool:
        """Wait until the disk has a zeroed chunk of its pool in stock; False when it will not."""

    def next_generation(self) -> int:
        """A generation never used before."""


class Follower:
    """One stream of one hold."""

    def __init__(
        self,
        kept: Kept,
        key: StreamKey,
        ring: Catalogue,
        members: Sequence[Member],
        room: Room,
        clock: Clock,
        durable_us: Callable[[StreamKey], int | None],
    ) -> None:
        self.kept = kept
        self.key = key
        self._ring = ring
        self._members = members
        self._room = room
        self._clock = clock
        self._durable_us = durable_us
        self._pending: deque[tuple[list[asyncio.Future[None]], OpenChunk, int]] = deque()
        self._sealing: OpenChunk | None = None  # its table is being written

    @property
    def due(self) -> bool:
        """Is there anything to look at?"""
        progress = self.kept.progress[self.key]
        if progress.finished or self.kept.hold.ended:
            return False
        return not progress.passes or progress.waiting or self._over() or self._durable_us(self.key) != progress.seen_us

    def _over(self) -> bool:
        """Nothing more will come of the time that is kept."""
        mark = self._durable_us(self.key)
        end = self.kept.hold.to_us
        return (mark is not None and mark >= end) or self._clock.utc_us() >= end + END_US

    async def advance(self) -> None:
        """Copy all that is durable now. Raises OSError, ApplianceError: the copy goes on at the next call."""
        progress = self.kept.progress[self.key]
        over, mark = self._over(), self._durable_us(self.key)
        if over and progress.passes and not progress.rescanned:
            progress.cursor_us = None
        begins = progress.cursor_us is None
        progress.waiting = False
        try:
            if not await self._copy_recorded():
                progress.waiting = True
                await self._written(0)
                return
            await self._written(0)
            progress.passes += 1
            progress.seen_us = mark
            if over and begins:
                progress.rescanned = True
                for chunk in list(self.kept.open.get(self.key, ())):
                    await self._close(chunk)
                progress.finished = True
                if all(progress.finished for progress in self.kept.progress.values()):
                    self.kept.promised = 0
                    self.kept.sources.clear()
        except (OSError, ApplianceError):
            with contextlib.suppress(OSError, ApplianceError):
                await self._written(0)  # of a healthy disk what is on its way is still written
            self._give_up()
            self._set_aside()
            self.kept.learn(self.key)
            raise
        except asyncio.CancelledError:
            self._give_up()
            raise

    async def _copy_recorded(self) -> bool:
        """Everything recorded that is not copied, window by window. False: the pool has no room."""
        progress, hold = self.kept.progress[self.key], self.kept.hold
        first = progress.cursor_us is None
        at = hold.from_us if progress.cursor_us is None else progress.cursor_us
        while at < hold.to_us:
            end = min(at + WINDOW_US, hold.to_us)
            for chunk in await self._ring.ranges(self.key, at, end, from_keyframe=first and at == hold.from_us):
                if not await self._copy_chunk(chunk):
                    return False
            if end >= self._clock.utc_us():
                break
            at = end
        progress.cursor_us = max(hold.from_us, min(at, self._clock.utc_us()) - REWIND_US)
        return True

    async def _copy_chunk(self, source: ChunkRanges) -> bool:
        progress = self.kept.progress[self.key]
        for group in groups([part for part in source.parts if part.sequence not in progress.known]):
            entries: Sequence[PartEntry] = group
            while entries:
                batch = await self._read(source, entries)
                if batch is None or batch.gone:
                    self._lost(entries)
                    break
                count = len(batch.entries)
                if not await self._put(source, batch):
                    return False
                if batch.bad is not None:
                    self._lost([batch.bad])
                    count += 1
                entries = entries[count:]
        self.kept.sources.discard((source.disk, source.number))
        return True

    async def _read(self, source: ChunkRanges, entries: Sequence[PartEntry]) -> Batch | None:
        disk = self._ring.disks.get(source.disk)
        if disk is None:
            return None
        try:
            return await disk.aside(read_batch, disk, source.number, source.generation, entries)
        except OSError as error:
            log.error("protected copy: %s cannot be read: %s", source.path, error.strerror)  # noqa: TRY400
            return None

    def _lost(self, entries: Sequence[PartEntry]) -> None:
        progress = self.kept.progress[self.key]
        for entry in entries:
            progress.known.add(entry.sequence, entry.sequence)
            progress.lost_us += ticks_to_us(entry.duration)
        log.error(
            "hold %s: %d parts of %s were gone or damaged before they were copied",
            self.kept.hold.id,
            len(entries),
            self.key,
        )

    async def _put(self, source: ChunkRanges, batch: Batch) -> bool:
        """Give these parts to the disks' writers. False: no room."""
        progress = self.kept.progress[self.key]
        while batch.entries:
            opened = await self._chunk_for(source, batch)
            if opened is None:
                return False
            chunk, header = opened
            slices = self._members[chunk.disk].slices
            start, count = chunk.end, fitting(chunk, batch)
            data = place(chunk, batch, count)
            futures = [] if header is None else [slices.put(chunk.fd, 0, header, urgent=True)]
            if header is None:  # the block of the former terminator; the others are fresh
                futures.append(slices.put(chunk.fd, start, data[:BLOCK], urgent=True, overwrites=True))
                start, data = start + BLOCK, data[BLOCK:]
            futures.append(slices.put(chunk.fd, start, data, urgent=True))
            self._pending.append((futures, chunk, len(chunk.entries)))
            for entry in batch.entries[:count]:
                progress.known.add(entry.sequence, entry.sequence)
            batch = rest(batch, count)
            await self._written(IN_FLIGHT)
        return True

    async def _chunk_for(self, source: ChunkRanges, batch: Batch) -> tuple[OpenChunk, bytes | None] | None:
        """The chunk that these parts go to, and its header when it is new; None when the pool has no room."""
        current = next(iter(self.kept.open.get(self.key, ())), None)
        goes_on = current is not None and follows(current, batch)
        member = self._room.target(self.kept, source.disk, current.disk if current is not None and goes_on else None)
        if member is None:
            return None
        if current is not None and goes_on and current.disk == member.index:
            return current, None
        if current is not None:
            await self._close(current)
        if not await self._room.ready(member):
            return None
        stock = member.pool.protected_ready[0]
        assert stock.fd is not None
        generation = self._room.next_generation()
        chunk, header = new_chunk(member.disk, member.index, stock.number, stock.fd, generation, batch, self.kept.hold)
        member.pool.protected_ready.popleft()
        member.pool.set(stock.number, ChunkState.POOL_OPEN)
        self.kept.open.setdefault(self.key, []).append(chunk)
        self.kept.promised = max(0, self.kept.promised - 1)
        return chunk, header

    async def _written(self, left: int) -> None:
        """Wait until at most `left` batches are on their way, and publish what is durable."""
        while len(self._pending) > left:
            futures, chunk, count = self._pending[0]
            await asyncio.gather(*futures)
            self._pending.popleft()
            extend_spans(chunk.spans, chunk.entries[chunk.durable : count])
            chunk.durable = count

    async def _close(self, chunk: OpenChunk) -> None:
        """Table, flush, border: as recording does it."""
        await self._written(0)
        member = self._members[chunk.disk]
        (offset, table), (border_at, border) = closing(
            chunk.entries,
            chunk.end,
            chunk.geometry,
            generation=chunk.header.generation,
            header_crc=chunk.header_crc,
            last_crc=chunk.last_crc,
        )
        self._sealing = chunk
        await member.slices.put(chunk.fd, offset, table, urgent=True)
        await member.slices.put(chunk.fd, border_at, border, urgent=True, overwrites=True)
        self._sealing = None
        self.kept.open[self.key].remove(chunk)
        self.kept.rows.held.append((chunk_row(chunk.header, chunk.init_length, chunk.entries), span_rows(chunk.spans)))
        member.pool.set(chunk.number, ChunkState.POOL_CLOSED)
        _ = member.slices.close_fd(chunk.fd, urgent=True)

    def _set_aside(self) -> None:
        """A chunk that alone took no writing has a hole where it ends: its parts are copied again, elsewhere."""
        chunks = self.kept.open.get(self.key, [])
        sealing, self._sealing = self._sealing, None
        for chunk in [chunk for chunk in chunks if chunk.durable < len(chunk.entries) or chunk is sealing]:
            member = self._members[chunk.disk]
            if not member.failed:
                log.error("%s: chunk %d of the protected pool takes no more", member.disk.path, chunk.number)
                chunks.remove(chunk)
                member.pool.set(chunk.number, ChunkState.SUSPECT, "write")
                _ = member.slices.close_fd(chunk.fd, urgent=True)

    def _give_up(self) -> None:
        """Stopped or failed: what was on its way is not written, or not counted."""
        for futures, _, _ in self._pending:
            for future in futures:
                future.cancel()
        self._pending.clear()


def groups(parts: Sequence[PartEntry]) -> Iterator[list[PartEntry]]:
    """Parts of one chunk as stretches that are read at once: one behind the other, BATCH bytes or a single part."""
    group: list[PartEntry] = []
    size = 0
    for part in parts:
        joins = group and group[-1].offset + group[-1].length == part.offset and size + part.length <= BATCH
        if group and not joins:
            yield group
            group, size = [], 0
        group.append(part)
        size += part.length
    if group:
        yield group
