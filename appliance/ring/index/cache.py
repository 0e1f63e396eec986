"""index.db: which chunk holds what, as a cache of the disks.

One row per closed chunk and one per run inside it. The disks are the truth: the file may be deleted at any time and
is made again from headers and tables. One dedicated thread owns the connection; the event loop only waits for it.
The recording never waits for it and never fails with it: a write that SQLite refuses (system disk full, file locked
or damaged) is kept in memory by chunk, answers questions from there, and is tried again at each commit.
Rows are tuples, never model instances. WAL, synchronous NORMAL, a commit every half hour: what a power cut takes
back is read again from the disks at the next start.
"""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, cast

import peewee

from appliance.core.clock import Clock
from appliance.media.stream import StreamKey
from appliance.ring.faults import IndexUnavailable

log = logging.getLogger(__name__)

SCHEMA_VERSION: Final = 3
"""PRAGMA user_version; a cache of another version is made again, not migrated."""

COMMIT_US: Final = 1_800_000_000
"""Microseconds between commits. Each row touches four pages of 4 KiB that other rows of its stream touch too: with 64
cameras a commit every 5 s wrote 3.2 GB a day to the system SSD, every 15 min 0.6, every 30 min 0.46. What a power cut
takes back stands in the disks' catalogues."""

CHECKPOINT_PAGES: Final = 4000
"""Pages in the WAL before they go into the file, six commits' worth: a page that several of them changed goes once."""

_PRAGMAS: Final = {
    "journal_mode": "wal",
    "synchronous": "normal",
    "journal_size_limit": 16 << 20,
    "wal_autocheckpoint": CHECKPOINT_PAGES,
    "cache_size": -32000,
    "temp_store": "memory",
    "busy_timeout": 200,  # a foreign lock is waited for at the next commit, not in a row
}

CHECKED_AT_ONCE: Final = 64 << 20
"""Bytes of a file that is read whole before it is used, in 0.3 s; a larger one is checked while recording runs."""

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
    """A run's stretch inside a chunk; a stretch goes on in another chunk when the part sequence does.

    `clock`: the judgement of UTC it was recorded under (ClockState), or REDATED (ring/dating/redate.py).
    """

    run: int
    from_us: int
    to_us: int
    cause: int
    first_sequence: int
    last_sequence: int
    clock: int


SPAN_COLUMNS: Final = SpanRow._fields
"""Names of a stretch's columns."""

# The key's columns come first: SQLite 3.40 reports NULLs that are not there (quick_check) in any other order.
CHUNK_SCHEMA: Final = (
    """CREATE TABLE chunk (disk TEXT NOT NULL, number INTEGER NOT NULL, generation INTEGER NOT NULL,
       camera TEXT NOT NULL, stream TEXT NOT NULL, opened_us INTEGER NOT NULL, first_us INTEGER NOT NULL,
       last_us INTEGER NOT NULL, size INTEGER NOT NULL, codec TEXT NOT NULL, width INTEGER NOT NULL,
       height INTEGER NOT NULL, init_length INTEGER NOT NULL, last_run INTEGER NOT NULL,
       last_sequence INTEGER NOT NULL, PRIMARY KEY (disk, number)) WITHOUT ROWID""",
    "CREATE INDEX chunk_time ON chunk (camera, stream, first_us)",
    "CREATE TABLE catalog (disk TEXT PRIMARY KEY, head TEXT NOT NULL) WITHOUT ROWID",
)
SPAN_SCHEMA: Final = (
    """CREATE TABLE span (camera TEXT NOT NULL, stream TEXT NOT NULL, from_us INTEGER NOT NULL, run INTEGER NOT NULL,
       disk TEXT NOT NULL, number INTEGER NOT NULL, to_us INTEGER NOT NULL, cause INTEGER NOT NULL,
       first_sequence INTEGER NOT NULL, last_sequence INTEGER NOT NULL, clock INTEGER NOT NULL,
       PRIMARY KEY (camera, stream, from_us, run, disk, number)) WITHOUT ROWID""",
    "CREATE INDEX span_chunk ON span (disk, number)",
    "CREATE INDEX span_doubtful ON span (disk, number, run) WHERE clock = 3",
)

Held = tuple[ChunkRow, list[SpanRow]]

MAX_CHUNK_SPAN_US: Final = 48 * 3_600_000_000
"""A chunk never spans more (age limit, one idle day): how far back a query must look for chunks that reach in."""

MAX_STRETCH_US: Final = 6 * 3_600_000_000
"""A run's stretch inside a chunk never spans more: an open chunk is closed within an hour, with or without pictures,
and after a stop it is another run."""


class Index:
    """The cache; every method but open and close may be awaited from the event loop."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ring-index")
        self._database = peewee.SqliteDatabase(None)
        self._execute = cast("Callable[..., sqlite3.Cursor]", self._database.execute_sql)
        self._dirty_since_us: int | None = None
        self._unsaved: dict[tuple[str, int], Held | None] = {}  # since the last commit; None: forgotten
        self._noted: dict[str, str] = {}
        self._refused = False  # SQLite does not take them for now
        self._since: dict[tuple[str, int], Held | None] | None = {}  # since it was opened, until it is `whole`
        self.building = False  # its rows are being made by another process: questions know what is new alone
        self.rebuilt = False
        self.hidden: set[str] = set()  # disks that are being looked through: nothing of them is told yet
        self.unchecked = False  # a large file, opened without reading all of it
        self.dated: Callable[[Held], Held] = lambda held: held  # puts true times on what is told as it was written

    async def open(self) -> None:
        """Open the file; a damaged one or one of another version is renamed aside and made again, empty.

        Where the system disk takes nothing the index lives in memory until the next start.
        """
        await self._do(self._open)

    async def check(self) -> bool:
        """Read all of a file that was not read when it was opened: does it hold? Beside all other work."""
        return await asyncio.to_thread(_holds, self._path)

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
        """Stretches of runs that overlap [from, to), oldest first; a row per chunk and run; none of `hidden` disks."""
        sql = """SELECT run, from_us, to_us, cause, first_sequence, last_sequence, clock, disk, number FROM span
                 WHERE camera = ? AND stream = ? AND from_us >= ? AND from_us < ? AND to_us > ? ORDER BY from_us"""
        oldest = from_us - MAX_STRETCH_US
        rows = await self.query(sql, key.camera, key.stream, oldest, to_us, from_us)
        if not self._refused:
            return [SpanRow(*row[:7]) for row in rows if row[7] not in self.hidden]
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

    def _rows(self, sql: str, parameters: tuple[str | int, ...]) -> list[tuple[Any, ...]]:
        return self._execute(sql, parameters).fetchall()

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists() and not self._healthy():
                self._aside()
            self.rebuilt = not self._path.exists()
            self._connect(str(self._path))
            if self.rebuilt:
                self._make()
            self._execute("BEGIN IMMEDIATE")  # a file that takes no writes is of no use
            self._execute("COMMIT")
        except (OSError, peewee.DatabaseError, sqlite3.Error) as error:
            self._in_memory(str(error))

    def _in_memory(self, why: str) -> None:
        log.error("%s", IndexUnavailable(path=str(self._path), why=why))
        self._database.close()
        self.rebuilt = True
        self._connect(":memory:")
        self._make()

    def _whole(self) -> None:
        self._since = None

    def _remember(self) -> None:
        if self._since is None:
            self._since = {}

    def _begin_build(self) -> Path:
        self._refuse()
        self._noted = {}  # not of the new file, before it is whole
        self._database.close()
        self._connect(":memory:")
        self._make()
        self.building = self._refused = True
        self._unsaved = dict(self._since or {})
        return self._path.with_name(self._path.name + ".new")

    def _end_build(self, built: bool) -> None:
        self._database.close()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        if built:
            self._path.with_name(self._path.name + ".new").replace(self._path)
        self._connect(str(self._path))
        if not built:
            self._make()
        self.building = self.unchecked = False
        self._commit()

    def _make(self) -> None:
        for statement in (*CHUNK_SCHEMA, *SPAN_SCHEMA):
            self._execute(statement)
        self._execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _connect(self, path: str) -> None:
        self._database.init(path, pragmas=_PRAGMAS)
        self._database.connect()

    def _healthy(self) -> bool:
        try:
            self._connect(str(self._path))
            version = self._rows("PRAGMA user_version", ())[0][0]
            self.unchecked = self._path.stat().st_size > CHECKED_AT_ONCE
            whole = self.unchecked or self._rows("PRAGMA quick_check", ()) == [("ok",)]
            healthy = version == SCHEMA_VERSION and whole
        except (peewee.DatabaseError, sqlite3.Error):  # rows are fetched outside peewee's own translation
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
            connection = self._database.connection()  # type: ignore[no-untyped-call]  # peewee's own
            if connection.in_transaction:  # a ROLLBACK was refused too: all of it is kept in memory
                self._execute("ROLLBACK")
            self._execute("BEGIN")
            self._dirty_since_us = self._clock.monotonic_us()

    def _commit(self) -> None:
        """Everything since the last commit is in the file; raises what SQLite raises, and nothing is forgotten."""
        if self.building:
            return
        if self._refused:
            self._save(self._unsaved)
        if self._dirty_since_us is not None:
            try:
                for disk, head in self._noted.items():
                    self._execute("REPLACE INTO catalog VALUES (?,?)", (disk, head))
                self._execute("COMMIT")
            except peewee.DatabaseError:
                self._refuse()
                raise
            self._dirty_since_us = None
        if self._refused:
            log.info("index %s works again", self._path)
        self._refused = False
        self._unsaved = {}

    def _save(self, changes: dict[tuple[str, int], Held | None]) -> None:
        """Within the open transaction; when SQLite refuses it is rolled back as a whole."""
        try:
            self._begin()
            for (disk, number), held in changes.items():
                self._execute("DELETE FROM span WHERE disk = ? AND number = ?", (disk, number))
                self._execute("DELETE FROM chunk WHERE disk = ? AND number = ?", (disk, number))
                if held is not None:
                    self._insert(*held)
        except peewee.DatabaseError:
            self._refuse()
            raise

    def _refuse(self) -> None:
        self._refused = True
        self._dirty_since_us = None
        with contextlib.suppress(peewee.DatabaseError):  # SQLite has done it itself after some errors
            self._execute("ROLLBACK")

    def _change(self, changes: dict[tuple[str, int], Held | None]) -> None:
        """Never fails: what cannot be saved now is kept."""
        self._unsaved.update(changes)
        if self._since is not None:
            self._since.update(changes)
        if self._refused:
            return
        try:
            self._save(changes)
        except peewee.DatabaseError as error:
            log.error("%s", IndexUnavailable(path=str(self._path), why=str(error)))  # noqa: TRY400

    def _insert(self, row: ChunkRow, spans: list[SpanRow]) -> None:
        marks = ",".join("?" * len(ChunkRow._fields))
        self._execute(f"REPLACE INTO chunk VALUES ({marks})", row)  # noqa: S608 - only "?"
        for span in spans:
            place = (row.camera, row.stream, span.from_us, span.run, row.disk, row.number)
            rest = (span.to_us, span.cause, span.first_sequence, span.last_sequence, span.clock)
            self._execute("REPLACE INTO span VALUES (?,?,?,?,?,?,?,?,?,?,?)", place + rest)

    def _held(self, disk: str, numbers: list[int]) -> dict[int, Held]:
        marks = ",".join("?" * len(numbers))
        where = f"WHERE disk = ? AND number IN ({marks})"
        rows = self._rows(f"SELECT * FROM chunk {where}", (disk, *numbers))  # noqa: S608 - only "?"
        found: dict[int, Held] = {row[1]: (ChunkRow._make(row), []) for row in rows}
        columns = ", ".join(("number", *SPAN_COLUMNS))
        for number, *span in self._rows(f"SELECT {columns} FROM span {where} ORDER BY from_us", (disk, *numbers)):  # noqa: S608
            if number in found:
                found[number][1].append(SpanRow._make(span))
        if self._refused:
            unsaved = {n: self._unsaved[disk, n] for n in numbers if (disk, n) in self._unsaved}
            found |= {n: held for n, held in unsaved.items() if held is not None}
            found = {n: held for n, held in found.items() if unsaved.get(n, held) is not None}
        return found

    def _forget_others(self, disks: list[str]) -> None:
        if self.building:
            return  # they are not in the new file
        self._begin()
        marks = ",".join("?" * len(disks))
        for table in ("span", "chunk", "catalog"):
            self._execute(f"DELETE FROM {table} WHERE disk NOT IN ({marks})", tuple(disks))  # noqa: S608

    def _oldest(self, keys: list[StreamKey]) -> dict[StreamKey, int]:
        sql = "SELECT first_us FROM chunk WHERE camera = ? AND stream = ? ORDER BY first_us LIMIT 1"
        found = {key: self._rows(sql, (key.camera, key.stream)) for key in keys}
        return {key: int(rows[0][0]) for key, rows in found.items() if rows}

    def _close(self) -> None:
        try:
            self._commit()
        except peewee.DatabaseError as error:
            log.warning("index %s not saved (%s): the next start reads the disks", self._path, error)
        self._database.close()


def _holds(path: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return bool(database.execute("PRAGMA quick_check").fetchall() == [("ok",)])
    except sqlite3.Error:
        return False


def row_of(values: tuple[Any, ...]) -> ChunkRow:
    """A chunk from `SELECT chunk.*`."""
    return ChunkRow(*values)
