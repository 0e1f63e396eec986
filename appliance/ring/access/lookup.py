"""What the ring holds of a time: closed chunks by the index, open ones by memory, up to the durable mark only."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate, count
from typing import Final, Protocol

from appliance.core.clock import Clock
from appliance.core.units import ticks_to_us
from appliance.media.part import PartEntry
from appliance.media.stream import StreamKey
from appliance.ring.access.stretches import StreamSpan, merged
from appliance.ring.dating.redate import Redating
from appliance.ring.disks.disk import Disk, chunk_name
from appliance.ring.disks.loss import Loss
from appliance.ring.faults import TooManyLeases, UnknownLease
from appliance.ring.index.rows import ChunkRow, SpanRow
from appliance.ring.part_rows import PartRows
from appliance.ring.recovery import chunk_row, end_us, read_entries, span_rows
from appliance.ring.writer import OpenChunk

log = logging.getLogger(__name__)

NOTHING_EXPIRED: Final = -(1 << 62)
"""Before any time: sums with it stay within SQLite's 64 bits."""

TABLES_KEPT: Final = 256
"""Part tables of closed chunks kept in memory: about 2 h of four streams, 20 to 160 kB each (see PartRows)."""

INLINE_ROWS: Final = 1000
"""Rows merged in the event loop, in 1 ms. A day of one stream is 700; a visit to a thread waits for a busy machine."""

CHUNKS_BACK: Final = 8
"""How many chunks back the keyframe is looked for: a GOP longer than that is no GOP."""

MAX_LEASE_S: Final = 60
"""Seconds; a reader renews."""


MAX_LEASES: Final = 256
"""Readers at a time, with room: each lease is looked at for each chunk that is to be freed."""


@dataclass(frozen=True, slots=True)
class ChunkRanges:
    """Parts of one chunk. `disk`: its uuid; `path` absolute; lengths in bytes; `base_utc_us`: UTC of `tfdt` 0."""

    disk: str
    path: str
    number: int
    generation: int
    codec: str
    width: int
    height: int
    init_length: int
    base_utc_us: int
    parts: list[PartEntry]


@dataclass(slots=True)
class Leases:
    """Chunks that readers ask to keep for some seconds. Times are monotonic microseconds."""

    clock: Clock
    _held: dict[str, tuple[int, frozenset[tuple[str, int]]]] = field(default_factory=dict)
    _ids: "count[int]" = field(default_factory=lambda: count(1))

    def grant(self, chunks: Iterable[tuple[str, int]], seconds: float) -> tuple[str, int]:
        """(lease, UTC microseconds of its end); chunks are (disk uuid, number). Raises TooManyLeases."""
        self._prune()
        if len(self._held) >= MAX_LEASES:
            raise TooManyLeases(limit=MAX_LEASES)
        length_us = round(min(max(seconds, 0), MAX_LEASE_S) * 1_000_000)
        lease = str(next(self._ids))
        self._held[lease] = (self.clock.monotonic_us() + length_us, frozenset(chunks))
        return lease, self.clock.utc_us() + length_us

    def release(self, lease: str) -> None:
        """End a lease. Raises UnknownLease."""
        self._prune()
        if self._held.pop(lease, None) is None:
            raise UnknownLease(lease=lease)

    def leased(self, disk: str, number: int) -> bool:
        """Does anybody read this chunk?"""
        self._prune()
        return any((disk, number) in chunks for _, chunks in self._held.values())

    def _prune(self) -> None:
        now = self.clock.monotonic_us()
        if any(until <= now for until, _ in self._held.values()):
            self._held = {lease: held for lease, held in self._held.items() if held[0] > now}


class Rows(Protocol):
    """Closed chunks and their stretches: the ring's by the index, a hold's by memory. See `Index` for each."""

    async def chunks(self, key: StreamKey, from_us: int, to_us: int) -> list[ChunkRow]: ...

    async def before(self, key: StreamKey, first_us: int) -> ChunkRow | None: ...

    async def spans(self, key: StreamKey, from_us: int, to_us: int) -> list[SpanRow]: ...


class Catalogue:
    """Answers `ranges`, `spans` and `lease`. `disks` by uuid; `open_chunks` is the ring's own, by stream.

    `lost`: what left with disks that are out, so that a hole in it is not taken for one that the ring made.
    `expired_until`: UTC microseconds by camera; nothing taken up to then is told of, however long it takes to destroy.
    """

    def __init__(
        self, index: Rows, open_chunks: Mapping[StreamKey, list[OpenChunk]], clock: Clock, redating: Redating
    ) -> None:
        self._index = index
        self._redating = redating
        self.expired_until: Callable[[str], int] = lambda _camera: NOTHING_EXPIRED
        self._open = open_chunks
        self.disks: dict[str, Disk] = {}
        self.lost: list[Loss] = []
        self.leases = Leases(clock)
        self._tables: OrderedDict[tuple[str, int, int], PartRows] = OrderedDict()

    async def spans(self, key: StreamKey, from_us: int, to_us: int) -> list[StreamSpan]:
        """Stretches that overlap [from, to), cut to it; consecutive chunks of one run are one stretch.

        Disks free their own oldest chunk, so at the far end of the ring stretches may be missing between others.
        """
        from_us = self._lawful(key, from_us)
        rows = await self._index.spans(key, from_us, to_us)
        found: dict[tuple[int, int], SpanRow] = {}
        for s in rows:
            other = found.get((s.from_us, s.run))  # a part on two disks begins a stretch on both
            found[s.from_us, s.run] = s if other is None or s.last_sequence >= other.last_sequence else other
        for chunk in self._open.get(key, ()):
            for s in self._redating.spans(key, span_rows(chunk.spans)):
                if s.from_us < to_us and s.to_us > from_us:
                    found[s.from_us, s.run] = s
        lost = [(loss.from_us, loss.to_us) for loss in self.lost if loss.key == key]
        if len(found) > INLINE_ROWS:  # a month of a camera that flaps
            return await asyncio.to_thread(merged, found, from_us, to_us, lost)
        return merged(found, from_us, to_us, lost)

    async def ranges(
        self, key: StreamKey, from_us: int, to_us: int, *, from_keyframe: bool = False
    ) -> list[ChunkRanges]:
        """Parts that overlap [from, to), in order of time, chunk by chunk.

        With `from_keyframe` the list begins with the keyframe part that the first picture needs.
        """
        lawful_us = self._lawful(key, NOTHING_EXPIRED)
        rows = await self._rows(key, max(from_us, lawful_us), to_us)
        found = await self._parts(rows, from_us, to_us, lawful_us)
        if from_keyframe and found:
            found = await self._with_keyframe(key, found, lawful_us)
        return found

    def _lawful(self, key: StreamKey, from_us: int) -> int:
        """`from_us`, or the first instant of which pictures may still be shown."""
        return max(from_us, self.expired_until(key.camera) + 1)

    def _dated_row(self, chunk: OpenChunk) -> ChunkRow:
        """What the index will say of an open chunk, as far as it is durable."""
        return self._redating.held((open_row(chunk), span_rows(chunk.spans)))[0]

    async def lease(self, key: StreamKey, from_us: int, to_us: int, seconds: float) -> tuple[str, int]:
        """Keep the chunks of a time from being freed: (lease, UTC of its end)."""
        from_us = self._lawful(key, from_us)
        rows = await self._rows(key, from_us, to_us)
        first = await self._index.before(key, rows[0].first_us) if rows else None
        chunks = [(row.disk, row.number) for row in rows] + ([(first.disk, first.number)] if first else [])
        return self.leases.grant(chunks, seconds)

    async def rows(self, key: StreamKey, from_us: int, to_us: int) -> list[ChunkRow]:
        """Chunks with parts of [from, to), open ones included, oldest first."""
        return await self._rows(key, from_us, to_us)

    async def _rows(self, key: StreamKey, from_us: int, to_us: int) -> list[ChunkRow]:
        closed = await self._index.chunks(key, from_us, to_us)
        rows = {(row.disk, row.number): row for row in closed if row.disk in self.disks}
        for chunk in self._open.get(key, ()):
            row = self._dated_row(chunk)
            spans = self._redating.spans(key, span_rows(chunk.spans))
            if any(span.from_us < to_us and span.to_us > from_us for span in spans):
                rows[row.disk, row.number] = row
        return sorted(rows.values(), key=lambda row: (row.first_us, row.generation))

    async def _parts(self, rows: Iterable[ChunkRow], from_us: int, to_us: int, lawful_us: int) -> list[ChunkRanges]:
        found: list[ChunkRanges] = []
        for row in rows:
            entries = await self._entries(row)
            chosen = entries.overlapping(from_us, to_us, lawful_us)
            if chosen and row.disk in self.disks:  # it may have gone while its table was read
                found.append(self._ranges(row, chosen))
        found.sort(key=lambda ranges: ranges.parts[0].utc_us)  # a chunk may begin under a wrong clock
        return once(found)

    async def _with_keyframe(self, key: StreamKey, found: list[ChunkRanges], lawful_us: int) -> list[ChunkRanges]:
        """Begin earlier, within the run of the first part, at the keyframe that it needs.

        One that has expired is not shown: then the answer begins at the next.
        """
        first = found[0]
        row: ChunkRow | None = await self._row_of(key, first)
        wanted = first.parts[0]
        for _ in range(CHUNKS_BACK):
            if row is None or wanted.starts_keyframe:
                break
            entries = await self._entries(row)
            added = entries.leading_to(wanted.run, wanted.sequence)
            if any(e.utc_us < lawful_us for e in added):
                return _from_next_keyframe(found)
            if added:
                same = found[0].number == row.number and found[0].disk == row.disk
                parts = [*added, *found[0].parts] if same else added
                found = [self._ranges(row, parts), *found[1 if same else 0 :]]
            if any(e.starts_keyframe or e.starts_run for e in added):
                break
            row = await self._previous(key, row)
        return found

    async def _row_of(self, key: StreamKey, first: ChunkRanges) -> ChunkRow | None:
        rows = await self._rows(key, first.parts[0].utc_us, first.parts[0].utc_us + 1)
        return next((row for row in rows if (row.disk, row.number) == (first.disk, first.number)), None)

    async def _previous(self, key: StreamKey, row: ChunkRow) -> ChunkRow | None:
        candidates = [r for r in map(self._dated_row, self._open.get(key, ())) if r.first_us < row.first_us]
        closed = await self._index.before(key, row.first_us)
        if closed is not None:
            candidates.append(closed)
        return max(candidates, key=lambda r: r.first_us, default=None)

    async def _entries(self, row: ChunkRow) -> PartRows:
        for chunk in self._open.get(StreamKey(row.camera, "main" if row.stream == "main" else "sub"), ()):
            if (chunk.header.disk_uuid, chunk.number) == (row.disk, row.number):
                return self._dated(chunk.header.key, chunk.entries.head(chunk.durable))
        name = (row.disk, row.number, row.generation)
        entries = self._tables.get(name)
        if entries is None:
            disk, read = self.disks.get(row.disk), None
            try:
                read = None if disk is None else await disk.aside(read_entries, disk, row.number, row.generation)
            except OSError as error:  # this disk's trouble: what the others hold is given
                log.warning("table of chunk %d not read: %s", row.number, error.strerror)
            if read is None:
                return PartRows()  # freed in the meantime
            entries = self._tables[name] = PartRows(read)
            if len(self._tables) > TABLES_KEPT:
                self._tables.popitem(last=False)
        else:
            self._tables.move_to_end(name)
        return self._dated(StreamKey(row.camera, "main" if row.stream == "main" else "sub"), entries)

    def _dated(self, key: StreamKey, rows: PartRows) -> PartRows:
        dated = self._redating.entries(key, rows)
        return rows if dated is rows else PartRows(dated)

    def _ranges(self, row: ChunkRow, parts: list[PartEntry]) -> ChunkRanges:
        return ChunkRanges(
            disk=row.disk,
            path=str(self.disks[row.disk].path / chunk_name(row.number)),
            number=row.number,
            generation=row.generation,
            codec=row.codec,
            width=row.width,
            height=row.height,
            init_length=row.init_length,
            base_utc_us=parts[0].utc_us - ticks_to_us(parts[0].tfdt),
            parts=parts,
        )


def _from_next_keyframe(found: list[ChunkRanges]) -> list[ChunkRanges]:
    for at, chunk in enumerate(found):
        first = next((i for i, part in enumerate(chunk.parts) if part.starts_keyframe), None)
        if first is not None:
            parts = chunk.parts[first:]
            base_us = parts[0].utc_us - ticks_to_us(parts[0].tfdt)
            return [replace(chunk, parts=parts, base_utc_us=base_us), *found[at + 1 :]]
    return []


def once(found: list[ChunkRanges]) -> list[ChunkRanges]:
    """The same with each part once; `found` in order of time.

    A part that was written again because its disk failed is on two disks when that one comes back. Both begin with the
    same picture; the one written later may hold more, so the longer one is given.
    """
    ends = list(accumulate((end_us(ranges.parts[-1]) for ranges in found), max))
    if all(end <= ranges.parts[0].utc_us for end, ranges in zip(ends, found[1:], strict=False)):
        return found
    best: dict[tuple[int, int, int], tuple[int, int]] = {}
    for ranges in found:
        for e in ranges.parts:
            name = (e.run, e.sequence, e.utc_us)
            best[name] = max(best.get(name, (0, 0)), (e.samples, ranges.generation))
    kept: list[ChunkRanges] = []
    for ranges in found:
        parts = [e for e in ranges.parts if best[e.run, e.sequence, e.utc_us] == (e.samples, ranges.generation)]
        if parts:
            base = parts[0].utc_us - ticks_to_us(parts[0].tfdt)
            kept.append(ranges if len(parts) == len(ranges.parts) else replace(ranges, parts=parts, base_utc_us=base))
    return sorted(kept, key=lambda ranges: ranges.parts[0].utc_us)


def open_row(chunk: OpenChunk) -> ChunkRow:
    """What the index will say of this chunk, as far as it is durable."""
    row = chunk_row(chunk.header, chunk.init_length, chunk.entries[max(chunk.durable - 1, 0) : chunk.durable])
    first = min((span.from_us for span in chunk.spans), default=row.first_us)
    last = max((span.to_us for span in chunk.spans), default=row.last_us)
    return row._replace(first_us=first, last_us=last)
