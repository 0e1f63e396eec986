"""Opens disks without ever waiting for one that does not answer."""

import asyncio
import contextlib
import errno
import mmap
import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from appliance.core.units import BLOCK
from appliance.ring.disks.adoption import TYPED, Kin, kin, names
from appliance.ring.disks.claim import holder
from appliance.ring.disks.disk import HEARTBEAT, Disk
from appliance.ring.disks.identity import DiskIdentity, read_identity, write_identity
from appliance.ring.disks.naming import look_up
from appliance.ring.disks.thread import DiskThreads
from appliance.ring.faults import DiskForeign, DiskInUse, DiskSilent, DiskTwin, NameNotTyped

ANSWER_S: Final = 3.0
"""Seconds for a disk to answer 4 KiB at start; one that is well takes 10 ms, one that spins up is mounted later."""


class DiskPath(Protocol):
    """What the ring needs to know of a disk of the site description. `bay`: "" when nothing is said."""

    @property
    def path(self) -> Path: ...

    @property
    def bay(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Owner:
    """This appliance: its id ("" where none is known: every disk is ours) and the name of its site."""

    appliance: str = ""
    site: str = ""


NO_OWNER: Final = Owner()


@dataclass(frozen=True, slots=True)
class _Asked:
    """A disk that was asked, and the thread that waits for it."""

    answer: "asyncio.Future[Disk | None]"
    threads: DiskThreads

    def late(self) -> Disk | None:
        """What an answer that nobody waited for has opened."""
        return None if self.answer.cancelled() or self.answer.exception() else self.answer.result()


class Opener:
    """Opens disks in threads of their own, one a path: while one hangs, its path is not tried again.

    A disk that takes too long is told to be silent, and whoever asks next finds it opened: on a machine so busy that
    every disk takes too long none would come in otherwise.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._asked: dict[Path, _Asked] = {}

    async def open(self, slot: DiskPath, former: Disk | None, in_use: Collection[str] = ()) -> Disk | None:
        """The disk at this path; None while it is still `former`, which failed and was not unmounted since.

        `in_use`: uuids of disks that record. Raises DiskForeign, DiskTwin, DiskSilent and what Disk raises.
        """
        path = slot.path
        if (asked := self._asked.get(path)) is not None:
            if not asked.answer.done():
                raise DiskSilent(path=str(path))
            del self._asked[path]
            if (found := asked.late()) is not None:
                return found  # what it refused or lacked then, it is asked about again
        asked = self._asked[path] = self._ask(slot, former, in_use)
        # not by a time-out: when the loop itself is late it drops an answer that has come, and a disk that is open
        answered, _ = await asyncio.wait([asked.answer], timeout=ANSWER_S)
        if not answered:
            raise DiskSilent(path=str(path))
        del self._asked[path]
        return asked.answer.result()

    def close(self) -> None:
        """The ring stops: what comes in now is closed again."""
        why = OSError(errno.ECANCELED, "stopped")
        for path, asked in self._asked.items():
            if asked.answer.done() and (found := asked.late()) is not None:
                DiskThreads(f"ring-leave-{path.name}").abandon(why, found.leave)
            asked.threads.abandon(why)
        self._asked.clear()

    def _ask(self, slot: DiskPath, former: Disk | None, in_use: Collection[str]) -> _Asked:
        threads = DiskThreads(f"ring-open-{slot.path.name}")

        def work() -> Disk | None:
            if former is not None and not left(former):
                return None
            _ask(slot.path)
            found = self._judge(slot, in_use)
            disk = Disk(slot.path, slot.bay)
            if found is Kin.NOBODYS:  # now that no other process uses it
                disk.identity = _claim(slot.path, disk.identity, self._owner)
            if threads.abandoned:
                disk.leave()
            return disk

        answer = asyncio.get_running_loop().run_in_executor(threads, work)
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())  # late, nobody asks for it
        answer.add_done_callback(lambda _: threads.shutdown())
        return _Asked(answer, threads)

    def _judge(self, slot: DiskPath, in_use: Collection[str]) -> Kin:
        """May it be written to? Nothing is, before this has returned."""
        identity = read_identity(slot.path)
        found = kin(identity, self._owner.appliance, in_use)
        facts = look_up(slot.path, slot.bay).facts
        if found is Kin.TWIN:
            raise DiskTwin(**facts)
        if found is Kin.FOREIGN:
            raise DiskForeign(**facts, site=identity.site or "?", box=identity.appliance[-TYPED:], path=str(slot.path))
        return found

    async def take_over(self, path: Path, typed: str) -> None:
        """A disk becomes this appliance's, with all that is on it and every date as it is.

        `typed`: by a person, to name it. Raises NameNotTyped, DiskSilent, what read_identity raises, OSError.
        """

        def take() -> None:
            identity = read_identity(path)
            if not names(identity, typed):
                raise NameNotTyped(typed=typed, last=identity.uuid[-TYPED:])
            if pid := holder(path):
                raise DiskInUse(path=str(path), pid=pid)
            _claim(path, identity, self._owner)

        threads = DiskThreads(f"ring-adopt-{path.name}")
        work = asyncio.get_running_loop().run_in_executor(threads, take)
        try:
            async with asyncio.timeout(ANSWER_S):
                await work
        except TimeoutError as error:
            raise DiskSilent(path=str(path)) from error
        finally:
            threads.shutdown()


def _claim(path: Path, identity: DiskIdentity, owner: Owner) -> DiskIdentity:
    ours = replace(identity, appliance=owner.appliance, site=owner.site)
    write_identity(path, ours)
    return ours


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
