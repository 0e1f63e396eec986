"""The file of index.db and what SQLite has not taken of it yet: all that blocks, for one thread.

A write that SQLite refuses (system disk full, file locked or damaged) is kept in memory by chunk, answers questions
from there, and is tried again at each commit.
"""

import contextlib
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import peewee

from appliance.core.clock import Clock
from appliance.media.stream import StreamKey
from appliance.ring.faults import IndexUnavailable
from appliance.ring.index.rows import CHUNK_SCHEMA, SCHEMA_VERSION, SPAN_COLUMNS, SPAN_SCHEMA, ChunkRow, Held, SpanRow

log = logging.getLogger(__name__)

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


class IndexFile:
    """Every method is called in the index's thread alone."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._database = peewee.SqliteDatabase(None)
        self._execute = cast("Callable[..., sqlite3.Cursor]", self._database.execute_sql)
        self._dirty_since_us: int | None = None
        self._unsaved: dict[tuple[str, int], Held | None] = {}  # since the last commit; None: forgotten
        self._noted: dict[str, str] = {}
        self._refused = False  # SQLite does not take them for now
        self._since: dict[tuple[str, int], Held | None] | None = {}  # since it was opened, until it is `whole`
        self.building = False  # its rows are being made by another process: questions know what is new alone
        self.rebuilt = False
        self.unchecked = False  # a large file, opened without reading all of it

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


def holds(path: Path) -> bool:
    """Does all of the file make sense to SQLite?"""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return bool(database.execute("PRAGMA quick_check").fetchall() == [("ok",)])
    except sqlite3.Error:
        return False
