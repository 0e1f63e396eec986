"""Opens disks without ever waiting for one that does not answer."""

import asyncio
import contextlib
import errno
import mmap
import os
from pathlib import Path
from typing import Final, Protocol

from appliance.core.units import BLOCK
from appliance.ring.disk import HEARTBEAT, Disk
from appliance.ring.faults import DiskSilent
from appliance.ring.thread import DiskThreads

ANSWER_S: Final = 3.0
"""Seconds for a disk to answer 4 KiB at start; one that is well takes 10 ms, one that spins up is mounted later."""


class DiskPath(Protocol):
    """What the ring needs to know of a disk of the site description. `bay`: "" when nothing is said."""

    @property
    def path(self) -> Path: ...

    @property
    def bay(self) -> str: ...


class Opener:
    """Opens disks in threads of their own, one a path: while one hangs, its path is not tried again."""

    def __init__(self) -> None:
        self._hanging: set[Path] = set()

    async def open(self, slot: DiskPath, former: Disk | None) -> Disk | None:
        """The disk at this path; None while it is still `former`, which failed and was not unmounted since.

        Raises DiskSilent and what Disk raises.
        """
        path = slot.path
        if path in self._hanging:
            raise DiskSilent(path=str(path))
        threads = DiskThreads(f"ring-open-{path.name}")

        def work() -> Disk | None:
            if former is not None and not left(former):
                return None
            _ask(path)
            disk = Disk(path, slot.bay)
            if threads.abandoned:
                disk.close()
            return disk

        self._hanging.add(path)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await asyncio.get_running_loop().run_in_executor(threads, work)
        except TimeoutError as error:
            raise DiskSilent(path=str(path)) from error
        finally:
            threads.abandon(OSError(errno.ETIMEDOUT, "no answer"), lambda: self._hanging.discard(path))


def left(former: Disk) -> bool:
    """Is a disk that failed gone from its path, unmounted or replaced, so that what is there now may be looked at?"""
    if former.watch.left():
        return True
    try:
        return not former.there()
    except OSError:
        return False


def _ask(path: Path) -> None:
    """Read a block from the drive itself, not from memory, where the filesystem allows it."""
    with contextlib.suppress(OSError), mmap.mmap(-1, BLOCK) as block:  # Disk() names what is wrong
        fd = os.open(path / HEARTBEAT, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECT)
        try:
            os.preadv(fd, [block], 0)
        finally:
            os.close(fd)
