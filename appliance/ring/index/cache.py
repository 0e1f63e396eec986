"""index.db: which chunk holds what, as a cache of the disks.

One row per closed chunk and one per run inside it. The disks are the truth: the file may be deleted at any time and
is made again from headers and tables. One dedicated thread owns the connection; the event loop only waits for it.
The recording never waits for it and never fails with it: a write that SQLite refuses (system disk full, file locked
or damaged) is kept in memory by chunk, answers questions from there, and is tried again at each commit.
Rows are tuples, never model instances. WAL, synchronous NORMAL, a commit every half hour: what a power cut takes
back is read again from the disks at the next start.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import peewee

from appliance.core.clock import Clock
from appliance.media.stream import StreamKey
from appliance.ring.faults import IndexUnavailable
from appliance.ring.index.file import IndexFile, holds
from appliance.ring.index.rows import MAX_CHUNK_SPAN_US, MAX_STRETCH_US, ChunkRow, Held, SpanRow, joined, row_of

log = logging.getLogger(__name__)

COMMIT_US: Final = 1_800_000_000
"""Microseconds between commits. Each row touches four pages of 4 KiB that other rows of its stream touch too: with 64
cameras a commit every 5 s wrote 3.2 GB a day to the system SSD, every 15 min 0.6, every 30 min 0.46. What a power cut
takes back stands in the disks' catalogues."""

T = TypeVar("T")


class Index(IndexFile):
    """The cache; every method but open and close may be awaited from the event loop."""

    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__(path, clock)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ring-index")
        self.hidden: set[str] = set()  # disks that are being looked through: nothing of them is told yet
        self.dated: Callable[[Held], Held] = lambda held: held  # puts true times on what is told as it was written

    async def open(self) -> None:
        """Open the file; a damaged one or one of another version is renamed aside and made again, empty.

        Where the system disk takes nothing the index lives in memory until the next start.
        """
        await self._do(self._open)

    async def check(self) -> bool:
        """Read all of a file that was not read when it was opened: does it hold? Beside all other work."""
        return await asyncio.to_thread(holds, self._path)

    async def whole(self) -> None:
        """The index knows all that the disks hold."""
        await self._do(self._whole)

    async def remember(self) -> None:
        """Keep what comes from now on until the index is `whole`: it is to be made again by `begin_build`."""
        await self._do(self._remember)

    async def begin_build(self) -> Path:
        """Another process makes the file: its path. Until `end_build` the index knows what came since it was opened,
        or since `remember`.
        """
        return await self._do(self._begin_build)

    async def end_build(self, *, built: bool) -> None:
        """The file is there, or is not: then the index begins empty. What came meanwhile is added."""
        await self._do(lambda: self._end_build(built))

    async def close(self) -> None:
        """Commit and close."""
        await self._do(self._close)
        self._thread.shutdown(wait=False)  # it has nothing left to do

    async def known(self, disk: str) -> dict[int, int]:
        """Generation of each closed chunk of a disk, by number."""
        rows = await self.query("SELECT number, generation FROM chunk WHERE disk = ?", disk)
        return {int(number): int(generation) for number, generation in rows}

    async def head(self, disk: str) -> str:
        """Head of the disk's catalogue up to which every line is in the index for sure, "" when it is not known."""
        rows = await self.query("SELECT head FROM catalog WHERE disk = ?", disk)
        return str(rows[0][0]) if rows else ""

    async def note(self, heads: Mapping[str, str]) -> None:
        """Of these disks everything up to these heads was put or forgotten; saved with the next commit."""
        batch = dict(heads)
        if self._since is None:  # before, rows may be missing that no line will bring again
            await self._do(lambda: self._noted.update(batch))

    async def held(self, disk: str, numbers: Iterable[int]) -> dict[int, Held]:
        """Rows and stretches of these closed chunks; those the index does not know are left out."""
        batch = list(numbers)
        return await self._do(lambda: self._held(disk, batch))

    async def rows_of(self, disk: str) -> list[tuple[int, str, str, int, int, int, int]]:
        """(number, camera, stream, opened_us, size, last_run, last_sequence) of a disk, the one opened first is first.

        By generation: UTC may have stepped, and the newest footage would be the first to go.
        """
        sql = """SELECT number, camera, stream, opened_us, size, last_run, last_sequence FROM chunk WHERE disk = ?
                 ORDER BY generation, number"""
        return cast("list[tuple[int, str, str, int, int, int, int]]", await self.query(sql, disk))

    async def held_on(self, disk: str) -> list[tuple[StreamKey, int, int]]:
        """(stream, from, to) of every stretch on a disk, UTC microseconds, in no order."""
        sql = "SELECT camera, stream, from_us, to_us, number FROM span WHERE disk = ?"
        rows = [(row[0], row[1], int(row[2]), int(row[3]), int(row[4])) for row in await self.query(sql, disk)]
        if self._refused:
            rows = [row for row in rows if (disk, row[4]) not in self._unsaved]
            unsaved = [held for held in self._unsaved.values() if held is not None and held[0].disk == disk]
            rows += [(r.camera, r.stream, s.from_us, s.to_us, r.number) for r, spans in unsaved for s in spans]
        return [(StreamKey(c, "main" if s == "main" else "sub"), start, end) for c, s, start, end, _ in rows]

    async def held_elsewhere(self, disks: Collection[str]) -> list[tuple[StreamKey, int, int]]:
        """The same of every disk but these: what is gone while one of them is absent."""
        found: list[tuple[StreamKey, int, int]] = []
        for row in await self.query("SELECT DISTINCT disk FROM chunk"):
            if row[0] not in disks:
                found += await self.held_on(str(row[0]))
        return found

    async def put(self, rows: Iterable[tuple[ChunkRow, list[SpanRow]]]) -> None:
        """Add closed chunks, replacing what the index knew of these files."""
        batch = {(held[0].disk, held[0].number): self.dated(held) for held in rows}
        await self._do(lambda: self._change(dict(batch)))

    async def forget(self, disk: str, numbers: Iterable[int]) -> None:
        """These chunks hold nothing any more."""
        batch = dict.fromkeys((disk, number) for number in numbers)
        if batch:
            await self._do(lambda: self._change(dict(batch)))

    async def forget_other_disks(self, disks: Iterable[str]) -> None:
        """Rows of disks that are not here are not served."""
        batch = list(disks)
        await self._do(lambda: self._forget_others(batch))

    async def chunks(self, key: StreamKey, from_us: int, to_us: int) -> list[ChunkRow]:
        """Closed chunks of a stream with a stretch that overlaps [from, to), oldest first.

        By stretches: a chunk whose clock stepped reaches over years and holds but minutes.
        """
        sql = """SELECT chunk.* FROM chunk JOIN (SELECT DISTINCT disk, number FROM span WHERE camera = ?
                 AND stream = ? AND from_us >= ? AND from_us < ? AND to_us > ?) USING (disk, number)
                 ORDER BY first_us"""
        oldest = from_us - MAX_CHUNK_SPAN_US
        rows = await self.query(sql, key.camera, key.stream, oldest, to_us, from_us)
        if not self._refused:
            return [row_of(row) for row in rows]
        found = [row for row in map(row_of, rows) if (row.disk, row.number) not in self._unsaved]
        found += [
            row
            for row, spans in self._unsaved_of(key)
            if any(span.from_us < to_us and span.to_us > from_us for span in spans)
        ]
        return sorted(found, key=lambda row: row.first_us)

    async def before(self, key: StreamKey, first_us: int) -> ChunkRow | None:
        """The closed chunk of a stream that begins last before `first_us`."""
        sql = "SELECT * FROM chunk WHERE camera = ? AND stream = ? AND first_us < ? ORDER BY first_us DESC LIMIT 1"
        rows = [row_of(row) for row in await self.query(sql, key.camera, key.stream, first_us)]
        if self._refused:
            rows = [row for row in rows if (row.disk, row.number) not in self._unsaved]
            rows += [row for row, _ in self._unsaved_of(key) if row.first_us < first_us]
        return max(rows, key=lambda row: row.first_us, default=None)

    async def spans(self, key: StreamKey, from_us: int, to_us: int) -> list[SpanRow]:
        """Stretches of runs that overlap [from, to), oldest first; none of `hidden` disks. A row per chunk and run, or
        for several that go on in one another: a month of a camera has 20 000, and nobody asks for their borders.
        """
        sql = """SELECT run, from_us, to_us, cause, first_sequence, last_sequence, clock, disk, number FROM span
                 WHERE camera = ? AND stream = ? AND from_us >= ? AND from_us < ? AND to_us > ? ORDER BY from_us"""
        oldest = from_us - MAX_STRETCH_US
        asked = (key.camera, key.stream, oldest, to_us, from_us)
        if not self._refused:
            return await self._do(lambda: joined(self._rows(sql, asked), self.hidden))
        rows = await self.query(sql, *asked)
        found = [SpanRow(*row[:7]) for row in rows if row[7:] not in self._unsaved and row[7] not in self.hidden]
        held = (span for _, spans in self._unsaved_of(key) for span in spans)
        found += [span for span in held if span.from_us < to_us and span.to_us > from_us]
        return sorted(found)

    async def oldest(self, keys: Iterable[StreamKey]) -> dict[StreamKey, int]:
        """UTC of the oldest picture held of each stream that has one in a closed chunk."""
        wanted = list(keys)
        return await self._do(lambda: self._oldest(wanted))

    async def commit_if_due(self) -> None:
        """Called often; commits when the oldest change is COMMIT_US old. Raises IndexUnavailable."""
        since = self._dirty_since_us
        if self._refused or (since is not None and self._clock.monotonic_us() - since >= COMMIT_US):
            await self._do(self._commit)

    def unsaved(self) -> list[Held]:
        """Chunks that SQLite would not take yet: they are missing in `query`, or there in an older state."""
        return [held for held in list(self._unsaved.values()) if held is not None] if self._refused else []

    def _unsaved_of(self, key: StreamKey) -> list[Held]:
        unsaved = list(self._unsaved.values())
        return [held for held in unsaved if held is not None and (held[0].camera, held[0].stream) == tuple(key)]

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, work)

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (peewee.DatabaseError, peewee.InterfaceError, sqlite3.Error) as error:
            raise IndexUnavailable(path=str(self._path), why=str(error)) from error

    async def query(self, sql: str, *parameters: str | int) -> list[tuple[Any, ...]]:
        """Rows of a SELECT, as far as they are saved; see `unsaved`. Raises IndexUnavailable."""
        return await self._do(lambda: self._rows(sql, parameters))
