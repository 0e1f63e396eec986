"""A journal's files on a disk that fails when told to, and short ways to look into them."""

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from appliance.core.chain import Head, Line, Stamp, content, journal_files, read
from appliance.core.chain_file import ChainFile, JournalFile, JournalSettings, SystemFile
from appliance.core.chain_verify import verify

STAMP = Stamp(1_795_500_000_000_000, "held", bytes(16).hex(), 5_000_000)


def names(directory: Path, rotate_bytes: int = 1 << 20) -> JournalSettings:
    return JournalSettings(directory, "recorder", "box-7", "Collège Jean-Zay", rotate_bytes)


@dataclass
class Faults:
    """Errors to come, and what was asked of the files: a disk as an opener sees it."""

    write: int | None = None  # errno of every write
    room: int | None = None  # bytes that may still be written before ENOSPC
    sync: int | None = None
    open: int | None = None
    syncs: int = 0
    sizes: dict[Path, int] = field(default_factory=dict)  # bytes durable at the last flush

    def __call__(self, path: Path) -> JournalFile:
        if self.open is not None:
            raise OSError(self.open, os.strerror(self.open))
        return FaultyFile(path, self)


class FaultyFile(SystemFile):
    def __init__(self, path: Path, faults: Faults) -> None:
        super().__init__(path)
        self.path, self.faults = path, faults

    def write(self, data: bytes) -> int:
        faults = self.faults
        if faults.write is not None:
            raise OSError(faults.write, os.strerror(faults.write))
        if faults.room is not None:
            data = data[: faults.room]
            faults.room -= len(data)
            if not data:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)

    def sync(self) -> None:
        if self.faults.sync is not None:
            raise OSError(self.faults.sync, os.strerror(self.faults.sync))
        self.faults.syncs += 1
        self.faults.sizes[self.path] = self.path.stat().st_size


def record(number: int) -> bytes:
    return content(STAMP, "hour-erased", {"count": number})


def opened(directory: Path, opener: Callable[[Path], JournalFile] = SystemFile, rotate: int = 1 << 20) -> ChainFile:
    file = ChainFile(names(directory, rotate), lambda: STAMP, opener)
    file.ready()
    return file


def lived(directory: Path, number: int) -> Head:
    """One start, one line, one clean end."""
    file = opened(directory)
    file.write([record(number)])
    file.sync()
    file.close()
    return file.durable


def lines(directory: Path) -> list[Line]:
    return list(read(journal_files(directory, "recorder")))


def counts(directory: Path) -> list[int]:
    return [int(line.facts["count"]) for line in lines(directory) if line.kind == "hour-erased"]


def holds(directory: Path, anchors: Sequence[Head] = ()) -> bool:
    return verify(journal_files(directory, "recorder"), anchors).ok
