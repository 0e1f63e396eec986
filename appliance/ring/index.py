"""index.db: which chunk holds what, as a cache of the disks.

One row per closed chunk and one per run inside it. The disks are the truth: the file may be deleted at any time and
is made again from headers and tables. One dedicated thread owns the connection; the event loop only waits for it.
Rows are tuples, never model instances. WAL, synchronous NORMAL, a commit every few seconds: what a power cut takes
back is read again from the disks at the next start.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, cast

import peewee

from appliance.core.clock import Clock
from appliance.media.stream import StreamKey

log = logging.getLogger(__name__)

SCHEMA_VERSION: Final = 1
"""PRAGMA user_version; a cache of another version is made again, not migrated."""

COMMIT_US: Final = 5_000_000
"""Microseconds between commits: a row is 100 bytes, so the system SSD sees pages, not rows."""

_PRAGMAS: Final = {
    "journal_mode": "wal",
    "synchronous": "normal",
    "journal_size_limit": 16 << 20,
    "cache_size": -32000,
    "temp_store": "memory",
}

T = TypeVar("T")


class ChunkRow(NamedTuple):
    """A closed chunk. `disk`: 32 hex digits; times UTC microseconds; `codec`: RFC 6381; `init_length` bytes."""

    disk: str
    number: int
    generation: int
    camera: str
    stream: str
    opened_us: int
    first_us: int
    last_us: int
    size: int
    codec: str
    width: int
    height: int
    init_length: int
    last_run: int
    last_sequence: int


class SpanRow(NamedTuple):
    """A run's stretch inside a chunk; a stretch goes on in another chunk when the part sequence does."""

    run: int
    from_us: int
    to_us: int
    cause: int
    first_sequence: int
    last_sequence: int


# The key's columns come first: SQLite 3.40 reports NULLs that are not there (quick_check) in any other order.
_SCHEMA: Final = (
    """CREATE TABLE chunk (disk TEXT NOT NULL, number INTEGER NOT NULL, generation INTEGER NOT NULL,
       camera TEXT NOT NULL, stream TEXT NOT NULL, opened_us INTEGER NOT NULL, first_us INTEGER NOT NULL,
       last_us INTEGER NOT NULL, size INTEGER NOT NULL, codec TEXT NOT NULL, width INTEGER NOT NULL,
       height INTEGER NOT NULL, init_length INTEGER NOT NULL, last_run INTEGER NOT NULL,
       last_sequence INTEGER NOT NULL, PRIMARY KEY (disk, number)) WITHOUT ROWID""",
    "CREATE INDEX chunk_time ON chunk (camera, stream, first_us)",
    """CREATE TABLE span (camera TEXT NOT NULL, stream TEXT NOT NULL, from_us INTEGER NOT NULL, run INTEGER NOT NULL,
       disk TEXT NOT NULL, number INTEGER NOT NULL, to_us INTEGER NOT NULL, cause INTEGER NOT NULL,
       first_sequence INTEGER NOT NULL, last_sequence INTEGER NOT NULL,
       PRIMARY KEY (camera, stream, from_us, run, disk, number)) WITHOUT ROWID""",
    "CREATE INDEX span_chunk ON span (disk, number)",
)

MAX_CHUNK_SPAN_US: Final = 48 * 3_600_000_000
"""A chunk never spans more (age limit, one idle day): how far back a query must look for chunks that reach in."""


class Index:
    """The cache; every method but open and close may be awaited from the event loop."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ring-index")
        self._database = peewee.SqliteDatabase(None)
        self._execute = cast("Callable[..., sqlite3.Cursor]", self._database.execute_sql)
        self._dirty_since_us: int | None = None
        self.rebuilt = False

    async def open(self) -> None:
        """Open the file; a damaged one or one of another version is renamed aside and made again, empty."""
        await self._do(self._open)

    async def close(self) -> None:
        """Commit and close."""
        await self._do(self._close)
        self._thread.shutdown(wait=False)  # it has nothing left to do

    async def known(self, disk: str) -> dict[int, int]:
        """Generation of each closed chunk of a disk, by number."""
        rows = await self._query("SELECT number, generation FROM chunk WHERE disk = ?", disk)
        return {int(number): int(generation) for number, generation in rows}

    async def rows_of(self, disk: str) -> list[tuple[int, str, str, int, int, int, int]]:
        """(number, camera, stream, opened_us, size, last_run, last_sequence) of a disk, oldest first."""
        sql = """SELECT number, camera, stream, opened_us, size, last_run, last_sequence FROM chunk WHERE disk = ?
                 ORDER BY opened_us, number"""
        return cast("list[tuple[int, str, str, int, int, int, int]]", await self._query(sql, disk))

    async def put(self, rows: Iterable[tuple[ChunkRow, list[SpanRow]]]) -> None:
        """Add closed chunks, replacing what the index knew of these files."""
        batch = list(rows)
        await self._do(lambda: self._put(batch))

    async def forget(self, disk: str, numbers: Iterable[int]) -> None:
        """These chunks hold nothing any more."""
        batch = list(numbers)
        await self._do(lambda: self._forget(disk, batch))

    async def forget_other_disks(self, disks: Iterable[str]) -> None:
        """Rows of disks that are not here are not served."""
        batch = list(disks)
        await self._do(lambda: self._forget_others(batch))

    async def chunks(self, key: StreamKey, from_us: int, to_us: int) -> list[ChunkRow]:
        """Closed chunks of a stream that overlap [from, to), oldest first."""
        sql = """SELECT * FROM chunk WHERE camera = ? AND stream = ? AND first_us >= ? AND first_us < ?
                 AND last_us > ? ORDER BY first_us"""
        oldest = from_us - MAX_CHUNK_SPAN_US
        rows = await self._query(sql, key.camera, key.stream, oldest, to_us, from_us)
        return [ChunkRow(*row) for row in rows]

    async def before(self, key: StreamKey, first_us: int) -> ChunkRow | None:
        """The closed chunk of a stream that begins last before `first_us`."""
        sql = "SELECT * FROM chunk WHERE camera = ? AND stream = ? AND first_us < ? ORDER BY first_us DESC LIMIT 1"
        rows = await self._query(sql, key.camera, key.stream, first_us)
        return ChunkRow(*rows[0]) if rows else None

    async def spans(self, key: StreamKey, from_us: int, to_us: int) -> list[SpanRow]:
        """Stretches of runs that overlap [from, to), oldest first; one row per chunk and run."""
        sql = """SELECT run, from_us, to_us, cause, first_sequence, last_sequence FROM span
                 WHERE camera = ? AND stream = ? AND from_us >= ? AND from_us < ? AND to_us > ? ORDER BY from_us"""
        oldest = from_us - MAX_CHUNK_SPAN_US
        rows = await self._query(sql, key.camera, key.stream, oldest, to_us, from_us)
        return [SpanRow(*row) for row in rows]

    async def oldest(self, keys: Iterable[StreamKey]) -> dict[StreamKey, int]:
        """UTC of the oldest picture held of each stream that has one in a closed chunk."""
        wanted = list(keys)
        return await self._do(lambda: self._oldest(wanted))

    async def commit_if_due(self) -> None:
        """Called often; commits when the oldest change is COMMIT_US old."""
        since = self._dirty_since_us
        if since is not None and self._clock.monotonic_us() - since >= COMMIT_US:
            await self._do(self._commit)

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _query(self, sql: str, *parameters: str | int) -> list[tuple[Any, ...]]:
        return await self._do(lambda: self._rows(sql, parameters))

    def _rows(self, sql: str, parameters: tuple[str | int, ...]) -> list[tuple[Any, ...]]:
        return self._execute(sql, parameters).fetchall()

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists() and not self._healthy():
            self._aside()
        self.rebuilt = not self._path.exists()
        self._connect()
        if self.rebuilt:
            for statement in _SCHEMA:
                self._execute(statement)
            self._execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _connect(self) -> None:
        self._database.init(str(self._path), pragmas=_PRAGMAS)
        self._database.connect()

    def _healthy(self) -> bool:
        try:
            self._connect()
            version = self._rows("PRAGMA user_version", ())[0][0]
            healthy = version == SCHEMA_VERSION and self._rows("PRAGMA quick_check", ()) == [("ok",)]
        except peewee.DatabaseError:
            healthy = False
        self._database.close()
        return healthy

    def _aside(self) -> None:
        aside = self._path.with_name(self._path.name + ".damaged")
        log.error("index %s is damaged or of another version: kept as %s, made again", self._path, aside.name)
        self._path.replace(aside)
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _begin(self) -> None:
        if self._dirty_since_us is None:
            self._execute("BEGIN")
            self._dirty_since_us = self._clock.monotonic_us()

    def _commit(self) -> None:
        if self._dirty_since_us is not None:
            self._execute("COMMIT")
            self._dirty_since_us = None

    def _put(self, batch: list[tuple[ChunkRow, list[SpanRow]]]) -> None:
        self._begin()
        marks = ",".join("?" * len(ChunkRow._fields))
        for row, spans in batch:
            self._execute("DELETE FROM span WHERE disk = ? AND number = ?", (row.disk, row.number))
            self._execute(f"REPLACE INTO chunk VALUES ({marks})", row)  # noqa: S608 - only "?"
            for span in spans:
                place = (row.camera, row.stream, span.from_us, span.run, row.disk, row.number)
                rest = (span.to_us, span.cause, span.first_sequence, span.last_sequence)
                self._execute("REPLACE INTO span VALUES (?,?,?,?,?,?,?,?,?,?)", place + rest)

    def _forget(self, disk: str, numbers: list[int]) -> None:
        if not numbers:
            return
        self._begin()
        for number in numbers:
            self._execute("DELETE FROM span WHERE disk = ? AND number = ?", (disk, number))
            self._execute("DELETE FROM chunk WHERE disk = ? AND number = ?", (disk, number))

    def _forget_others(self, disks: list[str]) -> None:
        self._begin()
        marks = ",".join("?" * len(disks))
        for table in ("span", "chunk"):
            self._execute(f"DELETE FROM {table} WHERE disk NOT IN ({marks})", tuple(disks))  # noqa: S608

    def _oldest(self, keys: list[StreamKey]) -> dict[StreamKey, int]:
        sql = "SELECT first_us FROM chunk WHERE camera = ? AND stream = ? ORDER BY first_us LIMIT 1"
        found = {key: self._rows(sql, (key.camera, key.stream)) for key in keys}
        return {key: int(rows[0][0]) for key, rows in found.items() if rows}

    def _close(self) -> None:
        self._commit()
        self._database.close()
