"""Brings the index up to what the disks' catalogues say: at the start, beside the recording, and when it is asked for.

Loop side. A few rows are put at once; a large index is made by another process (index_build) while the recording goes
on and questions are answered by what is new; when no such process can do it, the rows are read and put here.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.ring.catalog.file import read_catalog
from appliance.ring.catalog.start import Settled, closed_of
from appliance.ring.disks.member import Member
from appliance.ring.disks.pool import ChunkState
from appliance.ring.faults import IndexNotRebuilt
from appliance.ring.index.cache import Index

log = logging.getLogger(__name__)

AT_ONCE: Final = 20_000
"""Chunks whose rows the index is given before recording begins: about 1 s."""

FILLED: Final = 2000
"""Chunks given to the index at a time."""

TICKS: Final = 4
"""Ticks after which every line of a change that the index had been told is durable: the one under way, the one that
writes the line, the one that writes it when it had to wait for a chunk's seal, and one to spare."""

TRIES: Final = 3
"""A catalogue that is renewed while another process opens it makes that process fail: it is asked again."""


class IndexFill:
    """One of these a ring. `started`: the disks of the start are in the index, or on their way."""

    def __init__(self, index: Index, clock: Clock) -> None:
        self._index = index
        self._clock = clock
        self._settled: list[tuple[Member, Settled]] = []  # at the ring's start
        self._new: Path | None = None  # an index that is to be built
        self._task: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()
        self._again = False
        self.started = False
        self.scanned = False  # a disk's rows come from its headers

    @property
    def rebuilding(self) -> bool:
        """Are questions answered by what is new alone, or will be in a moment?"""
        return self._index.building or self._again

    def add(self, member: Member, settled: Settled) -> None:
        """A disk of the start."""
        self._settled.append((member, settled))

    async def at_once(self) -> bool:
        """Bring the index up to date with the catalogues before recording begins; False when that takes too long.

        Then `later` is to follow, beside the recording.
        """
        self.started = True
        behind = [(member, settled) for member, settled in self._settled if not settled.current]
        many = sum(len(settled.closed) for _, settled in behind) > AT_ONCE
        if many and not self.scanned:
            self._new = await self._index.begin_build()
        for member, settled in self._settled:
            await self._index.forget(member.uuid, settled.forget)
            await self._index.put([*settled.put, *settled.looked.closed])
        if not many:
            for member, settled in behind:
                await self.fill(member, settled.closed, settled.found.at)
        if not many and not self._index.unchecked:
            await self._index.whole()
            return True
        return False

    def later(self) -> None:
        """The rest of it: a large index made again by another process, a large one read for damage."""
        self._task = asyncio.create_task(self._said(self._later), name="ring index later")

    def rebuild(self, members: Sequence[Member]) -> None:
        """Forget every row and fill the index again from the catalogues of these disks, beside the recording.

        Nothing when it is being made already. Raises IndexNotRebuilt when a disk has no catalogue now.
        """
        if self._task is not None and not self._task.done():
            return
        for member in members:
            if member.catalog.head is None:
                raise IndexNotRebuilt(path=str(member.disk.path))
        self._again = True
        self._task = asyncio.create_task(self._said(lambda: self._rebuild(members)), name="ring index again")

    async def wait(self) -> None:
        """Until it is done."""
        if self._task is not None and not self._task.cancelled():
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        """The ring ends: what is not done is done at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def moved(self) -> None:
        """A tick has ended."""
        self._moved.set()

    async def _said(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except (OSError, ApplianceError) as error:
            log.error("the index is not whole until the next start: %s", error)  # noqa: TRY400 - says all
        finally:
            self._again = False

    async def _later(self) -> None:
        if self._index.unchecked and not self._index.building and not await self._index.check():
            log.error("the index is damaged: it is made again from the disks' catalogues")
            if self.scanned:
                return  # the next start reads the disks
            self._new = await self._index.begin_build()
        if self._new is not None:
            disks = [f"{member.disk.path}={settled.found.head}" for member, settled in self._settled]
            if not await self._build(self._new, lambda: disks):
                for member, settled in self._settled:
                    await self.fill(member, settled.closed, settled.found.at)
        elif self.scanned:
            for member, settled in self._settled:
                if not settled.current:
                    await self.fill(member, settled.closed, settled.found.at)
        await self._index.whole()

    async def _rebuild(self, members: Sequence[Member]) -> None:
        """What the index is told from `remember` on it keeps; what it was told before is durable after TICKS."""
        await self._index.remember()
        until = [(member, member.ticks + TICKS) for member in members]
        while any(member.ticks < ticks and not member.failed for member, ticks in until):
            self._moved.clear()
            await self._moved.wait()
        if any(member.catalog.head is None and not member.failed for member in members):
            await self._index.whole()
            raise IndexNotRebuilt(path=", ".join(str(member.disk.path) for member in members))

        def disks() -> list[str]:
            return [f"{member.disk.path}={member.catalog.head}" for member in members if not member.failed]

        if not await self._build(await self._index.begin_build(), disks):
            for member in members:
                if not member.failed:
                    await self._fill_again(member)
        await self._index.whole()

    async def _fill_again(self, member: Member) -> None:
        identity = member.disk.identity
        member.pool.reopened.clear()  # what is reopened from now on is not what the file says
        found = await member.disk.aside(read_catalog, member.disk.path, identity.uuid, identity.chunks)
        await self._put(member, [number for number in found.closed if number < identity.of_ring], found.at)

    async def _build(self, new: Path, disks: Callable[[], list[str]]) -> bool:
        """By another process. `disks`: PATH=HEAD of each. False: the index is empty but for what is new."""
        began_us = self._clock.monotonic_us()
        out = errors = ""
        for left in reversed(range(TRIES)):
            out, errors = await self._child(new, disks())
            if not errors:
                break
            log.error("the index cannot be made by itself (%d tries left): %s", left, errors)
        await self._index.end_build(built=not errors)
        if errors:
            return False
        took_s = (self._clock.monotonic_us() - began_us) / 1e6
        log.info("index of %s files made from the catalogues in %.1f s", out, took_s)
        await self._date()
        return True

    async def _child(self, new: Path, disks: list[str]) -> tuple[str, str]:
        """How many files its index has, and why there is none."""
        module = ("-m", "appliance.ring.index.build")
        child = await asyncio.create_subprocess_exec(
            sys.executable, *module, str(new), *disks, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            out, errors = await child.communicate()
        except asyncio.CancelledError:
            child.kill()
            await child.wait()
            raise
        why = "" if child.returncode == 0 else errors.decode("utf-8", "replace").strip() or f"code {child.returncode}"
        return out.decode().strip(), why

    async def _date(self) -> None:
        """The lines say times as they were written; those of a doubtful clock may be known by now."""
        doubtful = await self._index.query("SELECT DISTINCT disk, number FROM span WHERE clock = 3")
        for disk in {str(row[0]) for row in doubtful}:
            held = await self._index.held(disk, [int(row[1]) for row in doubtful if row[0] == disk][:FILLED])
            await self._index.put(held.values())

    async def fill(self, member: Member, closed: Sequence[int], at: Sequence[int]) -> None:
        """The index knows another past of this disk, or none: give it this one. What has changed since is left.

        `closed`: numbers of closed chunks; `at`: where the catalogue has the line of each number.
        """
        known = await self._index.known(member.uuid)
        pool = member.pool
        gone = [n for n in known if pool.states[n] != ChunkState.CLOSED and n not in pool.reopened]
        await self._index.forget(member.uuid, gone)
        await self._put(member, closed, at)

    async def _put(self, member: Member, closed: Sequence[int], at: Sequence[int]) -> None:
        pool, reopened = member.pool, member.pool.reopened
        newest = await self._index.known(member.uuid)  # a line of what was reopened just now may not be durable yet
        for first in range(0, len(closed), FILLED):
            numbers = closed[first : first + FILLED]
            try:
                rows = await member.disk.aside(closed_of, member.disk, numbers, at)
            except OSError:
                if member.gone():
                    return  # given up meanwhile: the others are filled on
                raise
            same = [h for h in rows if pool.states[h[0].number] == ChunkState.CLOSED and h[0].number not in reopened]
            await self._index.put([h for h in same if h[0].generation >= newest.get(h[0].number, 0)])
