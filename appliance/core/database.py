"""A process's own SQLite file: opened safely, migrated step by step, used by one thread.

Nobody opens another process's file: requests go to its owner. WAL with `synchronous=FULL`: what `do` returned from is
on the disk. Schema changes are numbered steps, each in one transaction with the number it leads to
(`PRAGMA user_version`), so a power cut in the middle leaves the older, whole schema. A damaged file is kept beside
under `.damaged`. Where the file is missing or was damaged its last copy is put back when there is one (`find_copy`),
else a new one begins: the service goes on, and says so.
"""

import asyncio
import contextlib
import logging
import os
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import peewee

from appliance.core.durable import sync_directory
from appliance.core.errors import ApplianceError

log = logging.getLogger(__name__)

T = TypeVar("T")
Step = Sequence[str]
"""SQL statements that lead from one version of a schema to the next."""

PRAGMAS: Final = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": 1,
    "wal_autocheckpoint": 1000,  # pages: 4 MB of WAL at the most
    "journal_size_limit": 16 << 20,
    "cache_size": -8000,  # kB
    "temp_store": "memory",
    "busy_timeout": 5000,  # ms; only a backup or a technician's shell can hold the file
}


class DatabaseUnusable(ApplianceError):
    """The file cannot be opened or written."""

    code = "database-unusable"
    fr = "La base {path} est inutilisable ({why}) : libérez de la place sur le disque système ou vérifiez-le."
    en = "The database {path} cannot be used ({why}): free space on the system disk, or check it."


class DatabaseTooNew(ApplianceError):
    """Written by a later version of the product."""

    code = "database-too-new"
    fr = "La base {path} vient d'une version plus récente ({found}, ici {known}) : remettez cette version."
    en = "The database {path} comes from a later version ({found}, here {known}): put that version back."


Execute = Callable[..., sqlite3.Cursor]

FindCopy = Callable[[], Awaitable[bytes | None]]
"""The last copy of a file as `Database.copy` made it; None when there is none, or nobody who would know."""


async def no_copy() -> bytes | None:
    """A FindCopy for a file that is copied nowhere."""
    return None


class Database:
    """One file and the one thread that uses it."""

    def __init__(self, path: Path, steps: Sequence[Step], name: str) -> None:
        """`steps[n]` leads from version n to n + 1; never change one that has been delivered."""
        self.path = path
        self.damaged: Path | None = None  # where a damaged file was put aside at this opening
        self.restored = False  # the file was missing or damaged at this opening, and its last copy was put back
        self.find_copy: FindCopy = no_copy
        self.guest = False  # True: beside its owner, for a moment; nothing is made, put aside or put back
        self._steps = steps
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"database-{name}")
        self._database = peewee.SqliteDatabase(None)
        self._execute = cast("Execute", self._database.execute_sql)

    async def open(self) -> None:
        """Open, check, put back from a copy if need be, migrate. Raises DatabaseUnusable, DatabaseTooNew."""
        if self.guest:
            await self._in_thread(self._open_as_guest)
            return
        if not await self._in_thread(self._there):
            data = await self.find_copy()
            if data is not None:
                self.restored = await self._in_thread(lambda: self._put_back(data))
        await self._in_thread(self._open)

    async def close(self) -> None:
        """Close the file; the WAL is folded in."""
        await self._in_thread(self._close)
        self._thread.shutdown(wait=False)

    async def do(self, work: Callable[[Execute], T]) -> T:
        """Run `work` in one transaction; durable when this returns, undone when it raises. Raises DatabaseUnusable."""
        return await self._in_thread(lambda: self._transaction(work))

    async def rows(self, sql: str, *parameters: str | float | None) -> list[tuple[Any, ...]]:
        """A question. Raises DatabaseUnusable."""
        return await self._in_thread(lambda: self._execute(sql, parameters).fetchall())

    async def copy(self, *, without: Sequence[str] = ()) -> bytes:
        """The whole file as it is at one moment, by SQLite's own backup. Raises DatabaseUnusable.

        `without`: statements that take out of the copy what is to be kept nowhere else.
        """
        return await self._in_thread(lambda: self._copy(without))

    def _copy(self, without: Sequence[str]) -> bytes:
        with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
            self._database.connection().backup(memory)  # type: ignore[no-untyped-call]  # peewee's own
            for statement in without:
                memory.execute(statement)
            if without:
                memory.execute("VACUUM")  # pages of what was taken out are in it no more
            return memory.serialize()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._named, work)

    def _named(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (OSError, peewee.PeeweeException, sqlite3.Error) as error:
            raise DatabaseUnusable(path=str(self.path), why=str(error)) from error

    def _transaction(self, work: Callable[[Execute], T]) -> T:
        with self._database.atomic("IMMEDIATE"):
            return work(self._execute)

    def _there(self) -> bool:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and not self._healthy():
            self._aside()
        return self.path.exists()

    def _put_back(self, data: bytes) -> bool:
        draft = self.path.with_name(self.path.name + ".new")
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            with contextlib.closing(sqlite3.connect(draft)) as copy:
                whole = bool(copy.execute("PRAGMA quick_check").fetchall() == [("ok",)])
        except sqlite3.DatabaseError:
            whole = False
        if not whole:
            log.error("the copy of %s does not hold either", self.path)
            draft.unlink()
            return False
        self._remove_wal()
        draft.replace(self.path)
        sync_directory(self.path.parent)
        return True

    def _open_as_guest(self) -> None:
        self.path.stat()  # SQLite makes what is not there, and the owner would take that for its own, and no copy
        if not self._healthy():
            raise sqlite3.DatabaseError("malformed")  # the owner puts it aside when it opens it
        self._open()

    def _open(self) -> None:
        self._connect()
        found = int(self._execute("PRAGMA user_version").fetchone()[0])
        if found > len(self._steps):
            self._database.close()
            raise DatabaseTooNew(path=str(self.path), found=found, known=len(self._steps))
        for version, step in enumerate(self._steps[found:], found + 1):
            with self._database.atomic("IMMEDIATE"):
                for statement in step:
                    self._execute(statement)
                self._execute(f"PRAGMA user_version = {version}")

    def _connect(self) -> None:
        self._database.init(str(self.path), pragmas=PRAGMAS)
        self._database.connect()

    def _healthy(self) -> bool:
        try:
            self._connect()
            healthy = self._execute("PRAGMA quick_check").fetchall() == [("ok",)]
        except peewee.DatabaseError as error:
            if isinstance(error, peewee.OperationalError):  # locked, full, no right: the content may be whole
                self._database.close()
                raise
            healthy = False
        self._database.close()
        return healthy

    def _aside(self) -> None:
        self.damaged = self.path.with_name(self.path.name + ".damaged")
        log.error("database %s is damaged: kept as %s", self.path, self.damaged.name)
        self.path.replace(self.damaged)
        self._remove_wal()

    def _remove_wal(self) -> None:
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def _close(self) -> None:
        self._database.close()
