"""How disks become members of the ring: opened at start, again as new members when they return, and by adoption."""

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from appliance.core.errors import ApplianceError
from appliance.ring.chunk import HeaderInfo
from appliance.ring.disks.arrivals import Arrivals, first_ready
from appliance.ring.disks.loss import Loss, losses
from appliance.ring.disks.member import STUCK_US, Member
from appliance.ring.disks.membership import Membership
from appliance.ring.disks.naming import name_of
from appliance.ring.disks.opening import ANSWER_S, NO_OWNER, DiskPath, Opener, Owner
from appliance.ring.disks.returning import may_return
from appliance.ring.disks.survey import Survey, survey
from appliance.ring.disks.thread import DiskThreads
from appliance.ring.faults import (
    DiskFailed,
    DiskForeign,
    DiskLate,
    DiskNotConfigured,
    DiskOwn,
    DiskRemoved,
    DiskSilent,
    DiskStuck,
    DiskTooSmall,
    DiskTwin,
    NoDisk,
)
from appliance.ring.placement import chunks_needed
from appliance.ring.shared import Shared
from appliance.ring.start import Learnt

log = logging.getLogger(__name__)

Entered = tuple[Member, Learnt]


class Members(Membership):
    """The disks of one ring, and those on their way.

    `started`: set once the ring records; those that come late join from then on.
    `joined` is called with each member that joins later on; `before_serving` is awaited before its past is served.
    """

    def __init__(self, disks: Sequence[DiskPath], shared: Shared, quarantine_us: int, owner: Owner = NO_OWNER) -> None:
        super().__init__(shared)
        self.slots = list(disks)
        self._quarantine_us = quarantine_us
        self._opener = Opener(owner)
        self._joining, self._looking = asyncio.Lock(), asyncio.Lock()
        self._arrivals = Arrivals()
        self._entering: set[str] = set()  # uuids
        self._reading: dict[Path, Member] = {}  # opened at the start, not read yet
        self._learnt: dict[int, Learnt] = {}  # what the start's members told, until it is taken
        self.started = asyncio.Event()
        self.foreign: dict[Path, Survey] = {}
        self._surveys: dict[Path, asyncio.Task[None]] = {}
        self.joined: Callable[[Member], None] = lambda _member: None
        self.before_serving: Callable[[Member], Awaitable[None]] | None = None

    # coming

    async def open(self) -> None:
        """Open and read every disk, all at once; one that is not ready when others are joins later. Raises NoDisk."""
        entering = {slot.path: asyncio.create_task(self._enter(slot)) for slot in self.slots}
        try:
            await first_ready(entering.values())
        except asyncio.CancelledError:
            for task in entering.values():
                task.cancel()
            raise
        for slot in self.slots:
            task = entering[slot.path]
            if not task.done():
                self._set_aside_for_now(slot, task)
            elif entered := task.result():
                self._enlist(slot, *entered)
        if not self.all:
            raise NoDisk
        here = [member.uuid for member in self.all]
        if self.unusable:
            self.absent = await self._held_elsewhere(here)
        await self._shared.index.forget_other_disks([*here, *self._shared.index.hidden])
        self._announce()

    def _set_aside_for_now(self, slot: DiskPath, task: "asyncio.Task[Entered | None]") -> None:
        """The start waits no longer for this one; what the index knows of it stays, and is served when it is in."""
        member = self._reading.get(slot.path)
        name = name_of(slot.path, slot.bay) if member is None else member.disk.name
        self.unusable[slot.path] = error = DiskLate(**name.facts)
        log.error("%s", error)
        if member is not None and all(other.uuid != member.uuid for other in self.all):
            self._shared.index.hidden.add(member.uuid)
        self._arrivals.begin(slot.path, self._follow(task))

    def _enlist(self, slot: DiskPath, member: Member, learnt: Learnt) -> None:
        if any(member.uuid == other.uuid for other in self.all):  # both were opened at once
            self._leave_twin(member, learnt.fds)
            return
        self._shared.index.hidden.discard(member.uuid)
        member.index = len(self.all)
        self.all.append(member)
        self._learnt[member.index] = learnt
        self.unusable.pop(slot.path, None)

    async def _enter(self, slot: DiskPath) -> Entered | None:
        member = await self._open(slot)
        if member is None:
            return None
        self._reading[slot.path] = member
        try:
            learnt = await self._read(member)
        finally:
            del self._reading[slot.path]
        return None if learnt is None else (member, learnt)

    async def _read(self, member: Member) -> Learnt | None:
        try:
            return await self._shared.start.read(member)
        except (OSError, ApplianceError) as error:
            await self._refuse(member, error)
        except asyncio.CancelledError:
            self._leave(member, "stopped", [])
            raise
        return None

    async def _follow(self, task: "asyncio.Task[Entered | None]") -> None:
        """A disk that was not ready in time joins when it is, once the recording has begun."""
        entered: Entered | None = None
        try:
            entered = await task
            await self.started.wait()
        except asyncio.CancelledError:
            if entered is not None:
                self._leave(entered[0], "stopped", entered[1].fds)
            raise
        if entered is None:  # nothing will be told of it: the index fills again what it lacks of the others
            await self._shared.index.forget_other_disks([member.uuid for member in self.all])
            return
        entered[0].late = True
        await self._admit(*entered)

    async def _held_elsewhere(self, here: list[str]) -> list[Loss]:
        try:
            return losses(await self._shared.index.held_elsewhere(here))
        except ApplianceError as error:
            log.error("what is on absent disks is not known: %s", error)  # noqa: TRY400
            return []

    async def take(self) -> list[tuple[Member, list[HeaderInfo]]]:
        """Learn every chunk's state; returns the open chunks, which are still to be read (`recover`)."""
        return [(member, await self._take(member)) for member in self.live]

    async def _take(self, member: Member) -> list[HeaderInfo]:
        try:
            return await self._shared.start.take(member, self._learnt.pop(member.index))
        except OSError as error:
            self.fail(member, str(error))
            return []

    async def answered(self, member: Member, work: Awaitable[None]) -> None:
        """Something a disk is asked at the start, besides; one that does not answer fails."""
        try:
            async with asyncio.timeout(STUCK_US / 1e6):
                await work
        except TimeoutError:
            self.fail(member, "no answer", DiskStuck(**member.disk.name.facts))
        except OSError as error:
            self.fail(member, str(error))

    def recover(self, opened: Sequence[tuple[Member, list[HeaderInfo]]]) -> None:
        """Read open chunks beside the ticks."""
        for member, infos in opened:
            if infos:
                self._shared.help(self._shared.start.recover(member, infos, self.fail))

    async def look(self) -> None:
        """Are the disks that record still where they were, and has one of the others come back?"""
        async with self._looking:
            absent = [slot for slot in self.slots if (last := self.at(slot.path)) is None or last.failed]
            for slot in absent:
                if slot.path not in self._arrivals:
                    self._arrivals.begin(slot.path, self._join(slot))
            await asyncio.gather(self._arrivals.wait(), *(self._check(member) for member in self.live))

    async def _check(self, member: Member) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                there = await member.disk.aside(member.disk.there)
        except TimeoutError:
            return  # its ticks will tell
        except OSError as error:
            self.fail(member, str(error))
            return
        if not there:
            self.fail(member, "removed", DiskRemoved(**member.disk.name.facts))

    async def _open(self, slot: DiskPath) -> Member | None:
        """The disk of this path as a member that is in no list yet."""
        last = self.at(slot.path)
        try:
            in_use = {member.uuid for member in self.live}
            former = None if last is None else last.disk
            if last is not None and self._answers_again(last):
                last.disk.watch.close()  # no need to wait for its unmounting
                former = None
            disk = await self._opener.open(slot, former, in_use)
        except ApplianceError as error:
            known = self.unusable.get(slot.path)
            if known is None or known.code != error.code:  # once, not at each look
                log.error("disk left aside: %s", error)  # noqa: TRY400 - the sentence says all
            self.unusable[slot.path] = error
            if isinstance(error, DiskForeign) and slot.path not in self._surveys:
                self._surveys[slot.path] = asyncio.create_task(self._survey(slot.path), name="survey of a disk")
            return None
        if disk is None:
            return None
        member = Member(-1, disk, self._shared.clock, self._quarantine_us)
        member.known = any(other.uuid == member.uuid for other in self.all)
        return member

    def _answers_again(self, last: Member) -> bool:
        """Was it given up for its silence alone, and is that over for long enough?"""
        if not isinstance(last.fault, DiskStuck):
            return False
        silences = sum(each.uuid == last.uuid and isinstance(each.fault, DiskStuck) for each in self.all)
        away_us = self._shared.clock.monotonic_us() - last.left_us
        return may_return(silences, away_us, returned=last.returned(), well=last.writer.well)

    async def _survey(self, path: Path) -> None:
        """What a foreign disk holds, for the state. It may take long, and nobody waits for it."""
        threads = DiskThreads(f"ring-survey-{path.name}")
        try:
            self.foreign[path] = await asyncio.get_running_loop().run_in_executor(threads, survey, path)
        except (OSError, ApplianceError) as error:
            log.error("%s cannot be looked through: %s", path, error)  # noqa: TRY400
        finally:
            threads.shutdown()

    def _forget_survey(self, path: Path) -> None:
        self.foreign.pop(path, None)
        task = self._surveys.pop(path, None)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """Look through no disk any more, and let none in."""
        self._arrivals.cancel()
        self._opener.close()
        for path in list(self._surveys):
            self._forget_survey(path)

    async def surveyed(self) -> None:
        """Wait until every foreign disk has been looked through."""
        await asyncio.gather(*self._surveys.values())

    async def _join(self, slot: DiskPath) -> None:
        """A disk that was absent or had failed is here: it becomes a new member, and its past is served again."""
        member = await self._open(slot)
        if member is None:
            return
        if isinstance(self.unusable.get(slot.path), DiskSilent):  # it answers now; to read all of it may take longer
            self.unusable[slot.path] = DiskLate(**member.disk.name.facts)
        member.late = True
        if any(member.uuid == other.uuid for other in self.live):
            self._leave_twin(member)
            return
        for former in self.all:
            if former.uuid == member.uuid:
                await former.accounted.wait()
        learnt = await self._read(member)
        if learnt is not None:
            await self._admit(member, learnt)

    async def _admit(self, member: Member, learnt: Learnt) -> None:
        """Into the ring that records. Several at once: one that falls silent meanwhile keeps no other one out."""
        if member.uuid in self._entering or any(member.uuid == other.uuid for other in self.live):
            self._leave_twin(member, learnt.fds)
            return
        self._entering.add(member.uuid)
        try:
            infos = await self._taken(member, learnt)
        finally:
            self._entering.discard(member.uuid)
        if infos is None:
            return
        self._shared.help(member.prepare(member.rewipe, [], self._shared.index))
        self.joined(member)
        self.recover([(member, infos)])

    async def _taken(self, member: Member, learnt: Learnt) -> list[HeaderInfo] | None:
        """Its open chunks, once it is a member; None when it is refused after all."""
        self._shared.index.hidden.add(member.uuid)
        try:
            infos = await self._shared.start.take(member, learnt)
            self._check_size(member)
        except (OSError, ApplianceError) as error:
            await self._refuse(member, error)
            return None
        async with self._joining:
            member.index = len(self.all)
            self.all.append(member)
            self.unusable.pop(member.disk.path, None)
            self._forget_survey(member.disk.path)
            self._announce()
            await self._make_servable(member)
        return infos

    async def _make_servable(self, member: Member) -> None:
        """What expired meanwhile goes before anything is shown; what hinders it hides the disk's past, not its use."""
        try:
            if self.before_serving is not None:
                await self.before_serving(member)
        except ApplianceError as error:
            log.error("past of disk %s not shown: %s", member.disk.name.words("en"), error)  # noqa: TRY400
            return
        for former in self.all:
            if former.uuid == member.uuid:
                former.losses = []
        self._shared.index.hidden.discard(member.uuid)
        self._announce()
        log.info("disk %s records again", member.disk.name.words("en"))

    def _leave_twin(self, member: Member, fds: Sequence[int] = ()) -> None:
        self.unusable[member.disk.path] = DiskTwin(**member.disk.name.facts)
        self._leave(member, "twin", fds)

    @staticmethod
    def _leave(member: Member, why: str, fds: Sequence[int]) -> None:
        """A disk that was opened and does not get in."""
        member.failed = why
        member.abandon(OSError(errno.EIO, why), list(fds))

    async def adopt(self, path: Path, typed: str = "") -> None:
        """Another appliance's disk becomes ours, when what a person typed names it; it joins as if it had returned.

        Raises DiskNotConfigured, DiskOwn, NameNotTyped, DiskFailed and what opening raises.
        """
        slot = next((slot for slot in self.slots if slot.path == path), None)
        if slot is None:
            raise DiskNotConfigured(path=str(path))
        refused = self.unusable.get(path)
        name = name_of(path, slot.bay)
        if not isinstance(refused, DiskForeign):
            raise DiskOwn(**name.facts) if refused is None else refused
        try:
            await self._opener.take_over(path, typed)
        except OSError as error:
            raise DiskFailed(**name.facts, why=error.strerror or str(error)) from error
        async with self._looking:
            await self._arrivals.wait_for(path)
            self._arrivals.begin(path, self._join(slot))
            await self._arrivals.wait_for(path)
        if (still := self.unusable.get(path)) is not None:
            raise still

    async def _refuse(self, member: Member, error: OSError | ApplianceError) -> None:
        named = error if isinstance(error, ApplianceError) else DiskFailed(**member.disk.name.facts, why=str(error))
        log.error("disk left aside: %s", named)
        self.unusable[member.disk.path] = named
        self._leave(member, "refused", [])
        await self._forget(member)

    def check_size(self) -> None:
        """A disk must hold its share of the streams and the stock that goes with them. Raises DiskTooSmall."""
        for member in self.live:
            self._check_size(member)

    def _check_size(self, member: Member) -> None:
        share = -(-len(self._shared.lanes) // len(self.slots))
        needed = chunks_needed(share)
        held = member.pool.of_ring
        if held < needed:
            raise DiskTooSmall(**member.disk.name.facts, chunks=held, needed=needed, streams=share)
