"""Fault points: a process of its own that dies at the n-th call that changes a disk, and what is left is looked at.

`steps` runs a scenario in a forked child and lists what it does to the disks: writes by what they write, flushes,
zeroed chunks, renames. `crash` runs it again and ends the process inside the n-th of them, as SIGKILL or a power cut
would:

* `torn`: every earlier call has reached the disk, of a write under way the first blocks only;
* `lost`: a volatile cache besides. Of each 4 KiB block written since the last flush any version may be left, the one
  before included, independently of every other block; a chunk zeroed since then is zeroed or is not.

The child is forked, so what it does is what the product does, in real files and with real calls; after the end
nothing of it runs on. Scenarios use a simulated clock and are the same each time.
"""

import asyncio
import os
import random
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NoReturn

from appliance.core.units import BLOCK
from appliance.ring.access.checking import check as ring_check
from appliance.ring.chunk import Geometry, table_offset
from appliance.ring.disks import disk as disk_module
from appliance.ring.disks.disk import ORDERED_FILESYSTEMS

CRASHED: Final = 99
FAILED: Final = 70

Model = Literal["torn", "lost"]
Scenario = Callable[["Report"], Awaitable[None]]


class Report:
    """What a child tells before it dies: numbers by name, the last one counts. One line each, so none is torn."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def tell(self, name: str, value: int) -> None:
        """From here on this is known to the outside."""
        os.write(self._fd, f"{name} {value}\n".encode())


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child ended. `status`: 0, CRASHED or FAILED; `told`: by name; `text`: of what went wrong."""

    status: int
    told: dict[str, int]
    steps: list[str]
    text: str


def in_child(scenario: Scenario, breaker: "Breaker | None" = None) -> Outcome:
    """Run a coroutine in a forked process of its own, to its end or to the breaker's point."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(scenario, breaker, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        lines = pipe.read().decode().splitlines()
    _, waited = os.waitpid(child, 0)
    told: dict[str, int] = {}
    steps: list[str] = []
    text: list[str] = []
    for line in lines:
        name, _, value = line.partition(" ")
        if name == "step":
            steps.append(value)
        elif name == "text":
            text.append(value)
        else:
            told[name] = int(value)
    return Outcome(os.waitstatus_to_exitcode(waited), told, steps, "\n".join(text))


def _child(scenario: Scenario, breaker: "Breaker | None", writing: int) -> NoReturn:
    status = FAILED
    try:
        if breaker is not None:
            breaker.install()
        asyncio.run(_awaited(scenario(Report(writing))))
        status = 0
    except BaseException:  # noqa: BLE001 - a child of a test never returns into the test
        for line in traceback.format_exc().splitlines():
            os.write(writing, f"text {line}\n".encode())
    finally:
        if breaker is not None:
            for step in breaker.seen:
                os.write(writing, f"step {step}\n".encode())
        sys.stdout.flush()
        os._exit(status)


async def _awaited(work: Awaitable[None]) -> None:
    await work


def steps(scenario: Scenario, disks: Sequence[Path], geometry: Geometry) -> list[str]:
    """What the scenario does to the disks, step by step, when nothing stops it."""
    outcome = in_child(scenario, Breaker(disks, geometry))
    assert outcome.status == 0, outcome.text
    return outcome.steps


def crash(scenario: Scenario, disks: Sequence[Path], geometry: Geometry, at: int, model: Model) -> Outcome:
    """Run the scenario until its step number `at` (0 is the first) and end it there."""
    outcome = in_child(scenario, Breaker(disks, geometry, at, model))
    assert outcome.status == CRASHED, f"step {at} was not reached: {outcome.status} {outcome.text}"
    return outcome


@dataclass
class Breaker:
    """Stands between a process and its disks. `at`: the step at which the process ends, None: never."""

    disks: Sequence[Path]
    geometry: Geometry
    at: int | None = None
    model: Model = "torn"
    seen: list[str] = field(default_factory=list)
    _old: dict[tuple[str, int], list[bytes]] = field(default_factory=dict)  # versions of a block since the last flush
    _zeroed: list[tuple[str, int, bytes]] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def install(self) -> None:
        """Every call of this process goes through here from now on."""
        self._random = random.Random(self.at)
        self._pwrite, self._pread, self._open, self._close = os.pwrite, os.pread, os.open, os.close
        self._joint = disk_module._filesystem(self.disks[0]) in ORDERED_FILESYSTEMS
        for name in ("fdatasync", "fsync"):
            setattr(os, name, self._flushing(getattr(os, name)))
        for name in ("rename", "replace", "unlink", "remove"):
            setattr(os, name, self._naming(name, getattr(os, name)))
        os.pwrite = self._write
        disk_module._libc = _Libc(self, disk_module._libc)  # type: ignore[assignment]

    # calls

    def _write(self, fd: int, data: Any, offset: int) -> int:
        path = self._path(fd)
        if path is None:
            return self._pwrite(fd, data, offset)
        with self._lock:
            self._remember(path, offset, len(data))
            blocks = -(-len(data) // BLOCK)
            if self._is_last(f"write {self._kind(path, offset, len(data))}"):
                whole = self._random.randrange(blocks + 1)
                if whole:
                    self._pwrite(fd, memoryview(data)[: whole * BLOCK], offset)  # a copy would not be aligned
                self._end()
            return self._pwrite(fd, data, offset)

    def _flushing(self, call: Callable[[int], None]) -> Callable[[int], None]:
        def flush(fd: int) -> None:
            path = self._path(fd)
            if path is None:
                call(fd)
                return
            with self._lock:
                if self._is_last("flush"):
                    self._end()
                call(fd)
                self.flushed(path)

        return flush

    def _naming(self, name: str, call: Callable[..., None]) -> Callable[..., None]:
        def rename(path: Any, *rest: Any, **options: Any) -> None:
            if not any(Path(str(path)).is_relative_to(disk) for disk in self.disks):
                call(path, *rest, **options)
                return
            with self._lock:
                if self._is_last(f"{name} {Path(str(path)).name}"):
                    self._end()
                call(path, *rest, **options)

        return rename

    def zero(self, fd: int, offset: int, length: int, call: Callable[[], int]) -> int:
        """A chunk is wiped: one change of the filesystem's journal, there or not there."""
        path = self._path(fd)
        if path is None:
            return call()
        with self._lock:
            self._zeroed.append((path, offset, self._read(path, offset, length)))
            last = self._is_last("zero")
            if last and self._random.randrange(2):
                self._end()
            result = call()
            if last:
                self._end()
            return result

    def flushed(self, path: str) -> None:
        """What was written to this file (with one journal in order: to this disk) is durable."""
        root = next(str(disk) for disk in self.disks if path.startswith(f"{disk}/"))
        for key in [key for key in self._old if key[0] == path or (self._joint and key[0].startswith(f"{root}/"))]:
            del self._old[key]
        self._zeroed = [
            zero for zero in self._zeroed if zero[0] != path and not (self._joint and zero[0].startswith(f"{root}/"))
        ]

    def flushed_all(self) -> None:
        """`syncfs`."""
        with self._lock:
            if self._is_last("flush"):
                self._end()

    # the end

    def _is_last(self, step: str) -> bool:
        self.seen.append(step)
        return len(self.seen) - 1 == self.at

    def _end(self) -> NoReturn:
        status = FAILED
        try:
            if self.model == "lost":
                self._lose()
            status = CRASHED
        except OSError:
            traceback.print_exc()
        finally:
            os._exit(status)

    def _lose(self) -> None:
        """What a volatile cache takes."""
        for path, offset, old in self._zeroed:
            if self._random.randrange(2):
                self._put(path, offset, old)
        for (path, offset), versions in self._old.items():
            left = self._random.randrange(len(versions) + 1)
            if left < len(versions):
                self._put(path, offset, versions[left])

    def _remember(self, path: str, offset: int, length: int) -> None:
        if self.model == "lost":
            for at in range(offset - offset % BLOCK, offset + length, BLOCK):
                self._old.setdefault((path, at), []).append(self._read(path, at, BLOCK))

    def _read(self, path: str, offset: int, length: int) -> bytes:
        if self.model != "lost":
            return b""
        fd = self._open(path, os.O_RDONLY)
        try:
            return self._pread(fd, length, offset)
        finally:
            self._close(fd)

    def _put(self, path: str, offset: int, data: bytes) -> None:
        fd = self._open(path, os.O_WRONLY)
        try:
            self._pwrite(fd, data, offset)
        finally:
            self._close(fd)

    def _path(self, fd: int) -> str | None:
        try:
            path = os.readlink(f"/proc/self/fd/{fd}")  # noqa: PTH115 - text is what is wanted, many times
        except OSError:
            return None
        return path if any(path.startswith(f"{disk}/") for disk in self.disks) else None

    def _kind(self, path: str, offset: int, length: int) -> str:
        name = Path(path).name
        if not name.endswith(".mp4"):
            return name.removeprefix("nvr-")
        if offset == 0:
            return "header"
        if offset == table_offset(self.geometry):
            return "table"
        return "seal" if length <= BLOCK else "part"


class _Libc:
    """The C library as ring/disks/disk.py uses it."""

    def __init__(self, breaker: Breaker, real: Any) -> None:
        self._breaker = breaker
        self._real = real

    def fallocate(self, fd: int, mode: int, offset: int, length: int) -> int:
        """Wiping a chunk."""
        return self._breaker.zero(fd, offset, length, lambda: int(self._real.fallocate(fd, mode, offset, length)))

    def syncfs(self, fd: int) -> int:
        """A flush of everything."""
        self._breaker.flushed_all()
        return int(self._real.syncfs(fd))


def check_ring(base: Path, about: str) -> None:
    """`appliance ring check --deep` has nothing to say: files, catalogue and pool agree, at whatever step it ended."""
    for disk in sorted(base.glob("disk*")):
        found = ring_check(disk, deep=True).found
        assert found == [], f"{about}: {disk.name}: {found}"
