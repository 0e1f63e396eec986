"""The files of a journal being written: lock, recovery at start, appending, flushing, rotation. Everything blocks.

Invariants. Only lines behind `durable` may be rewritten, and only after an error. A file is never renamed or removed
once it holds a whole good line, except that the newest one, found damaged at a start, gets a name that says so. A new
file begins only when the one before is durable to its end. A failed flush is never retried on the same file: the
kernel forgets which pages it lost, and a second flush would report success (PostgreSQL's fsync trouble of 2018). The
file is cut to what was durable and a new one takes the lines, which the caller still has.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from appliance.core.chain import (
    FORMAT_VERSION,
    GENESIS,
    HEADER_KIND,
    Begin,
    Facts,
    Head,
    Stamp,
    Value,
    content,
    file_name,
    first_number,
    is_damaged,
    journal_files,
    link,
)
from appliance.core.chain_errors import JournalDamaged, JournalFactsRefused, JournalInUse
from appliance.core.chain_verify import FileScan, Findings, Problem, scan
from appliance.core.durable import sync_directory
from appliance.core.lock_file import lock_file

ROTATE_BYTES: Final = 16 << 20
"""A file of about 60 000 lines: checked in 0.2 s at a start, and small enough to copy onto a stick."""

MAX_NAMES: Final = 1000
"""Characters of appliance and site together: they stand in each file's first line."""


class JournalFile(Protocol):
    """A file opened for appending. Every method may raise OSError; `write` may write less than it was given."""

    def write(self, data: bytes) -> int: ...

    def sync(self) -> None: ...

    def truncate(self, size: int) -> None: ...

    def close(self) -> None: ...


class SystemFile:
    """A JournalFile of the operating system, made when it does not exist."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def write(self, data: bytes) -> int:
        return os.write(self._fd, data)

    def sync(self) -> None:
        os.fsync(self._fd)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._fd, size)

    def close(self) -> None:
        os.close(self._fd)


Opener = Callable[[Path], JournalFile]


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """Whose journal it is and where. `process`: lower case words with dashes; it begins the files' names."""

    directory: Path
    process: str
    appliance: str
    site: str
    rotate_bytes: int = ROTATE_BYTES


class ChainFile:
    """The one writer of a journal's files.

    `durable` is the head that a power cut does not take; `head` the last line handed to the kernel.
    """

    def __init__(self, settings: JournalSettings, stamp: Callable[[], Stamp], opener: Opener = SystemFile) -> None:
        """Raises JournalFactsRefused when the process's name makes no file name, or the names are too long."""
        self.settings = settings
        self._names: dict[str, Value] = {
            "version": FORMAT_VERSION,
            "process": settings.process,
            "appliance": settings.appliance,
            "site": settings.site,
        }
        if first_number(file_name(settings.process, 1)) != 1 or len(settings.appliance + settings.site) > MAX_NAMES:
            raise JournalFactsRefused(kind=HEADER_KIND, reason="names")
        self.durable = Head(0, GENESIS)
        self.head = self.durable
        self.damage: JournalDamaged | None = None  # found at this start
        self.cut = 0  # bytes of unfinished lines taken off at this start
        self.path: Path | None = None
        self.syncs = 0
        self._stamp = stamp
        self._opener = opener
        self._lock: int | None = None
        self._file: JournalFile | None = None
        self._suspect = False  # a flush of the file has failed
        self._due: tuple[Begin, Facts] | None = None  # a file that must begin before anything else
        self._size = 0
        self._durable_size = 0

    def ready(self) -> None:
        """Make the next write possible: lock and recover at the first call, mend after an error.

        Raises JournalInUse, or OSError: call again later.
        """
        if self._lock is None:
            self._take_lock()
        if self._due is not None:
            self._begin(*self._due)
        elif self.path is None:
            self._recover()
        elif self._file is None:
            self._mend(self.path)
        elif self._size >= self.settings.rotate_bytes and self.durable == self.head:
            self._drop()
            self._begin(Begin.ROTATED, {})

    def write(self, records: Sequence[bytes]) -> None:
        """Chain records (`chain.content`) and hand them to the kernel. On OSError none of them counts as written."""
        if not records:
            return
        head, lines = self.head, []
        for record in records:
            line, head = link(head, record)
            lines.append(line)
        data = b"".join(lines)
        try:
            _write_all(self._opened(), data)
        except OSError:
            self._drop()
            raise
        self.head = head
        self._size += len(data)

    def sync(self) -> None:
        """Make all that was written durable. On OSError `head` is `durable` again: write the lines behind it again."""
        file = self._opened()
        try:
            self.syncs += 1
            file.sync()
        except OSError:
            self._suspect = True
            self.head, self._size = self.durable, self._durable_size
            self._drop()
            raise
        self.durable, self._durable_size = self.head, self._size

    def close(self) -> None:
        """Give up file and lock; what was not flushed is the kernel's business."""
        self._drop()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _opened(self) -> JournalFile:
        if self._file is None:
            raise AssertionError("ready() first")
        return self._file

    def _drop(self) -> None:
        """Close the file."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # told by the write or flush before, or without consequence
                self._file.close()
        self._file = None

    def _take_lock(self) -> None:
        """Flock dies with the process, however it dies (flock(2)); a file of its own, as the others are renamed."""
        directory = self.settings.directory
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{self.settings.process}.lock"
        try:
            self._lock = lock_file(path)
        except BlockingIOError as error:
            raise JournalInUse(path=str(path)) from error

    def _recover(self) -> None:
        """Find where the journal ends, cut an unfinished line, set a damaged file aside."""
        directory, process = self.settings.directory, self.settings.process
        files = journal_files(directory, process)
        while files:
            newest = files[-1]
            findings = Findings()
            with newest.open("rb", buffering=0) as stream:
                found = scan(newest.name, stream, findings)
            if findings.count or is_damaged(newest.name):
                self._set_aside(newest, found, findings.problems[0] if findings.count else None)
                return
            if found.last is not None:
                self._continue(newest, found)
                return
            newest.unlink()  # a file whose first line was never finished: nothing was ever built on it
            self.cut += found.torn
            files.pop()
        self._begin(Begin.FIRST, {})

    def _continue(self, path: Path, found: FileScan) -> None:
        file = self._opener(path)
        try:
            if found.torn:
                file.truncate(found.end)
                self.cut += found.torn
            file.sync()  # whole lines that a killed process left with the kernel only
        except OSError:
            file.close()
            raise
        sync_directory(path.parent)
        self._file, self.path = file, path
        self.durable = self.head = found.last or self.durable
        self._size = self._durable_size = found.end

    def _set_aside(self, path: Path, found: FileScan, problem: Problem | None) -> None:
        kept = path.with_name(file_name(self.settings.process, first_number(path.name), damaged=True))
        if path != kept:
            path.rename(kept)
        line, why = (problem.line, problem.why) if problem else (0, "set aside before")
        self.damage = JournalDamaged(line=line, why=why, kept=kept.name)
        good = found.good.hash if found.good else GENESIS
        self.durable = self.head = Head(found.next_number() - 1, good)
        self.path = kept
        self._begin(Begin.DAMAGED, {"line": line, "why": why})

    def _mend(self, path: Path) -> None:
        """After an error: cut the file to its last line, and go on in it, or in a new one when a flush failed."""
        file = self._opener(path)
        try:
            file.truncate(self._size)
            if self._suspect:
                file.sync()
        except OSError:
            file.close()
            raise
        if self._suspect:
            file.close()
            self._begin(Begin.FLUSH_FAILED, {})
        else:
            self._file = file

    def _begin(self, reason: Begin, facts: Facts) -> None:
        """A new file with its first line, durable.

        On OSError it stays due, and nothing else is written before it: the attempt may lie on the disk after all.
        """
        self._due = reason, facts
        settings, previous = self.settings, self.durable
        told: dict[str, Value] = {
            **self._names,
            "reason": reason.value,
            "previous": previous.hash,
            "previous_file": self.path.name if self.path else "",
        }
        line, head = link(previous, content(self._stamp(), HEADER_KIND, {**facts, **told}))
        path = settings.directory / file_name(settings.process, head.sequence)
        file = self._opener(path)
        try:
            file.truncate(0)  # an attempt before this one
            _write_all(file, line)
            self.syncs += 1
            file.sync()
            sync_directory(settings.directory)
        except OSError:
            with contextlib.suppress(OSError):
                file.close()
            raise
        self._file, self.path = file, path
        self.durable = self.head = head
        self._size = self._durable_size = len(line)
        self._suspect = False
        self._due = None


def _write_all(file: JournalFile, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written = file.write(bytes(view))
        if written <= 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        view = view[written:]
