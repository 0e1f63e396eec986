"""`nvr-backup/` of a recording disk: copies of databases and small records, as files.

Each disk keeps the last two copies of a name; `NAME.json` tells their length and SHA-256 and is written when a copy
is durable, so a copy that a power cut tore is never taken for one.
"""

import contextlib
import hashlib
import json
import logging
import os
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from appliance.ring.faults import BackupFailed, NoBackup
from appliance.ring.small_file import save

log = logging.getLogger(__name__)

FOLDER: Final = "nvr-backup"

MAX_SIZE: Final = 128 << 20
"""Bytes of one copy, which is held in memory while it is written; events and accounts of years are a tenth."""

SQLITE: Final = b"SQLite format 3\x00"

BACKUP_NAME: Final = r"^[a-z0-9][a-z0-9.-]{0,31}$"
"""Names of copied files: they name files of the disks."""


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


def copies_of(folder: Path, name: str) -> list[Copy]:
    """Copies of a name on one disk, the newest first; blocks."""
    try:
        told = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        return [Copy(int(c["slot"]), int(c["size"]), str(c["sha256"]), int(c["utc_us"])) for c in told]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def forget_before(disk: Path, utc_us: int) -> None:
    """Overwrite and remove the copies of a disk that were taken before; blocks. Raises OSError."""
    folder = disk / FOLDER
    for told in sorted(folder.glob("*.json")):
        name = told.name.removesuffix(".json")
        known = copies_of(folder, name)
        kept = [copy for copy in known if copy.utc_us >= utc_us]
        if len(kept) == len(known):
            continue
        for copy in known:
            if copy not in kept:
                _wipe(folder / f"{name}.{copy.slot}")
        save(told, json.dumps([asdict(copy) for copy in kept]).encode())


def _wipe(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            left, zeros = os.fstat(fd).st_size, bytes(1 << 20)
            while left > 0:
                left -= os.write(fd, zeros[:left])
            os.fdatasync(fd)
        finally:
            os.close(fd)
        path.unlink()


def newest(disks: Iterable[Path], name: str) -> tuple[Copy, bytes]:
    """The newest whole copy of any of these disks. Blocks. Raises NoBackup."""
    found = [(copy, disk / FOLDER) for disk in disks for copy in copies_of(disk / FOLDER, name)]
    for copy, folder in sorted(found, key=lambda pair: -pair[0].utc_us):
        try:
            with (folder / f"{name}.{copy.slot}").open("rb") as file:
                data = file.read(min(max(copy.size, 0), MAX_SIZE))
        except OSError as error:
            log.error("copy of %s in %s: %s", name, folder, error.strerror)  # noqa: TRY400 - an older one may do
            continue
        if hashlib.sha256(data).hexdigest() == copy.sha256:
            return copy, data
        log.error("copy of %s in %s does not hold", name, folder)
    raise NoBackup(name=name)


def restore(disks: Iterable[Path], name: str, target: Path) -> int:
    """Put the newest whole copy of any of these disks at `target`; UTC of its taking. Blocks. Raises NoBackup, OSError.

    What lies at `target` is kept beside it as `.damaged`. A database's `-wal` and `-shm` belong to what was there
    before: they are removed.
    """
    copy, data = newest(disks, name)
    if target.exists():
        target.replace(target.with_name(target.name + ".damaged"))
    for suffix in ("-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    save(target, data)
    return copy.utc_us
