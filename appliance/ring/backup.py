"""Hourly copies of databases and small records onto the recording disks, and how they come back.

A database is copied by SQLite's own backup, so the copy is of one moment whatever its owner writes meanwhile; other
files are copied as they are. The bytes go through the disk's writer in slices and delay no tick. Each disk keeps the
last two copies of a name in `nvr-backup/`; `NAME.json` tells their length and SHA-256 and is written when a copy is
durable, so a copy that a power cut tore is never taken for one. Disks take turns.

index.db is a cache of the catalogues and is not copied.
"""

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from appliance.core.clock import Clock
from appliance.core.units import round_up_to_block
from appliance.ring.disks.member import Member
from appliance.ring.faults import BackupFailed, NoBackup
from appliance.ring.small_file import save

log = logging.getLogger(__name__)

FOLDER: Final = "nvr-backup"

PERIOD_S: Final = 3600.0
"""Seconds between copies: what a dead system disk may take of what people entered."""

MAX_SIZE: Final = 128 << 20
"""Bytes of one copy, which is held in memory while it is written; events and accounts of years are a tenth."""

SQLITE: Final = b"SQLite format 3\x00"

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,31}")


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy on one disk. `slot`: the file `NAME.slot`; `utc_us`: when it was taken."""

    slot: int
    size: int
    sha256: str
    utc_us: int


def snapshot(source: Path) -> bytes:
    """The bytes of a file at one moment; blocks. Raises BackupFailed."""
    try:
        with source.open("rb") as file:
            head = file.read(len(SQLITE))
            if head != SQLITE:
                file.seek(0)
                return _bounded(source, file.read(MAX_SIZE + 1))
        with (
            contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as database,
            contextlib.closing(sqlite3.connect(":memory:")) as memory,
        ):
            database.backup(memory, pages=1000)
            return _bounded(source, memory.serialize())
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(name=source.name, why=str(error)) from error


def _bounded(source: Path, data: bytes) -> bytes:
    if len(data) > MAX_SIZE:
        raise BackupFailed(name=source.name, why=f"> {MAX_SIZE >> 20} MiB")
    return data


class Backups:
    """One of these a ring; lives in its event loop. `last_us`: UTC of the last copy of each name."""

    def __init__(self, clock: Clock, members: Callable[[], Sequence[Member]]) -> None:
        self._clock = clock
        self._members = members
        self._sources: list[tuple[str, Path]] = []
        self._turn = 0
        self.last_us: dict[str, int] = {}

    def add(self, name: str, path: Path) -> None:
        """Copy this file each hour from now on; `name` names it on the disks: lower case letters, digits, - and . ."""
        if not _NAME.fullmatch(name) or any(name == known for known, _ in self._sources):
            raise ValueError(name)
        self._sources.append((name, path))

    async def once(self) -> None:
        """Periodic work: a copy of each file that is there. Raises BackupFailed when one cannot be made."""
        failed: BackupFailed | None = None
        self._turn += 1
        for place, (name, path) in enumerate(self._sources, self._turn):
            try:
                if await asyncio.to_thread(path.exists):
                    await self._copy(place, name, await asyncio.to_thread(snapshot, path))
            except BackupFailed as error:
                failed = error  # the others are copied all the same
        if failed is not None:
            raise failed

    async def _copy(self, turn: int, name: str, data: bytes) -> None:
        members = self._members()
        if not members:
            raise BackupFailed(name=name, why="no disk")
        member = members[turn % len(members)]
        folder = member.disk.path / FOLDER
        try:
            known = await asyncio.to_thread(copies_of, folder, name)
            slot = 1 - known[0].slot if known else 0
            fd = await asyncio.to_thread(_open, member, folder / f"{name}.{slot}")
            await member.slices.put(fd, 0, data.ljust(round_up_to_block(max(len(data), 1)), b"\0"))
            await member.slices.close_fd(fd)
            made = Copy(slot, len(data), hashlib.sha256(data).hexdigest(), self._clock.utc_us())
            text = json.dumps([asdict(copy) for copy in (made, *known[:1])]).encode()
            await asyncio.get_running_loop().run_in_executor(member.thread, save, folder / f"{name}.json", text)
        except OSError as error:
            raise BackupFailed(name=name, why=error.strerror or str(error)) from error
        self.last_us[name] = made.utc_us


def _open(member: Member, path: Path) -> int:
    path.parent.mkdir(exist_ok=True)
    fd = member.disk.open_file(path, create=True)
    os.ftruncate(fd, 0)
    return fd


def copies_of(folder: Path, name: str) -> list[Copy]:
    """Copies of a name on one disk, the newest first; blocks."""
    try:
        told = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        return [Copy(int(c["slot"]), int(c["size"]), str(c["sha256"]), int(c["utc_us"])) for c in told]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def restore(disks: Iterable[Path], name: str, target: Path) -> int:
    """Put the newest whole copy of any of these disks at `target`; UTC of its taking. Blocks. Raises NoBackup, OSError.

    A database's `-wal` and `-shm` beside `target` belong to what was there before: they are removed.
    """
    found = [(copy, disk / FOLDER) for disk in disks for copy in copies_of(disk / FOLDER, name)]
    for copy, folder in sorted(found, key=lambda pair: -pair[0].utc_us):
        try:
            data = (folder / f"{name}.{copy.slot}").read_bytes()[: copy.size]
        except OSError as error:
            log.error("copy of %s in %s: %s", name, folder, error.strerror)  # noqa: TRY400 - an older one may do
            continue
        if hashlib.sha256(data).hexdigest() != copy.sha256:
            log.error("copy of %s in %s does not hold", name, folder)
            continue
        for suffix in ("-wal", "-shm"):
            target.with_name(target.name + suffix).unlink(missing_ok=True)
        save(target, data)
        return copy.utc_us
    raise NoBackup(name=name)
