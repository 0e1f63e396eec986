"""The protected pool at work: holds are admitted, copied, listed on every disk, found again, and destroyed in time.

Lives in the ring's event loop, after each tick. Recording never waits for it: chunks of the ring that are still to be
copied are leased, and the ring breaks a lease when it must.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Final

from appliance.core.chain import Facts, Tell, untold
from appliance.core.errors import ApplianceError
from appliance.media.stream import StreamKey
from appliance.ring.disks.member import Member
from appliance.ring.disks.members import Members
from appliance.ring.disks.pool import ChunkState, Wiped
from appliance.ring.index.rows import Held
from appliance.ring.protect.faults import (
    HoldInterrupted,
    HoldNothing,
    HoldPoolFull,
    NoProtectedPool,
    UnknownHold,
)
from appliance.ring.protect.follower import Follower
from appliance.ring.protect.held import Kept
from appliance.ring.protect.hold_lists import HoldLists
from appliance.ring.protect.policy import (
    LATEST,
    Hold,
    checked,
    due,
    ended,
    extended,
    facts_of,
    latest_expiry_us,
    newest,
)
from appliance.ring.protect.pool_end import COPIED_AGAIN, PoolEnd, written
from appliance.ring.protect.pool_room import PoolRoom
from appliance.ring.protect.source_leases import SourceLeases
from appliance.ring.protect.start import PoolFound, look_at
from appliance.ring.shared import Shared

log = logging.getLogger(__name__)

AT_ONCE: Final = 4
"""Streams copied at a time: eight batches of 1 MiB each are in memory, and a disk takes 8 MiB a tick at most."""

COPY_US: Final = 3_600_000_000
"""Expiry by age waits so long at most for a copy that is under way: a day's sequence takes half an hour."""

RETRY_PASSES: Final = 12
"""A copy that waits for room is tried again every so many ticks: 5 s."""


class Protected:
    """All holds of one ring.

    `zone`: the site's, for calendar months; `expiry_us`: the time that holds expire by, None while the clock is in
    doubt; `tell`: a line of the journal; `new_id`: names for holds.
    """

    def __init__(
        self,
        shared: Shared,
        members: Members,
        end: PoolEnd,
        *,
        zone: tzinfo = UTC,
        expiry_us: Callable[[], int | None] | None = None,
        tell: Tell = untold,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex[:12],
    ) -> None:
        self._shared = shared
        self._members = members
        self._pool_end = end
        self._zone = zone
        self._expiry_us = expiry_us or shared.clock.utc_us
        self._tell = tell
        self._new_id = new_id
        self.holds: dict[str, Kept] = {}
        self._gone: dict[str, Hold] = {}  # ended, remembered until their time is over: a disk may come back with copies
        self._lists = HoldLists()
        self._looked: set[int] = set()
        self._lost: set[int] = set()
        self._followers: dict[tuple[str, StreamKey], asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._leases = SourceLeases(shared)
        self._passes = 0
        self._wake = asyncio.Event()
        self._ticked = asyncio.Condition()
        self._loaded = asyncio.Event()
        self.room = PoolRoom(shared, members, self._lists, self.holds, self._end, self._ticked)

    # life

    def wake(self) -> None:
        """A tick is done."""
        self._wake.set()

    async def run(self) -> None:
        """Ends never."""
        await self._look([member for member in self._members.all if not member.failed])
        self._loaded.set()
        while True:
            self._wake.clear()
            self._pass()
            async with self._ticked:
                self._ticked.notify_all()
            await self._wake.wait()

    async def stop(self) -> None:
        """End every copy where it is; it goes on at the next start."""
        tasks = [*self._followers.values(), *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for kept in self.holds.values():
            for chunk in (chunk for chunks in kept.open.values() for chunk in chunks):
                self._members.all[chunk.disk].writer.close_later(chunk.fd)
        for member in self._members.all:
            self._lists.close(member)

    async def _look(self, members: Iterable[Member]) -> None:
        """Learn what these disks hold."""
        new = [member for member in members if member.index not in self._looked]
        self._looked.update(member.index for member in new)
        found = await look_at([member for member in new if member.pool.protected])
        known = [hold for _, pool in found for hold in pool.holds]
        copied = [closed[0] for _, pool in found for closed in pool.closed]
        copied += [opened[0] for _, pool in found for opened in pool.opened]
        known += copied
        known += [kept.hold for kept in self.holds.values()] + list(self._gone.values())
        now = self._shared.clock.utc_us()
        for hold in newest(known).values():
            if hold.ended:
                self._gone[hold.id] = hold
                if (kept := self.holds.pop(hold.id, None)) is not None:
                    kept.hold = hold
                    _ = self._end(kept, hold.ended)
            elif hold.id in self.holds:
                self.holds[hold.id].hold = hold
            elif hold.expires_us > now or hold.id in {other.id for other in copied}:
                self.holds[hold.id] = self._kept(hold)
        for member, pool in found:
            self._adopt(member, pool)
        for kept in self.holds.values():
            for key in kept.hold.streams:
                kept.learn(key)

    def _adopt(self, member: Member, pool: PoolFound) -> None:
        self._lists.add(member, pool.fd, pool.count)
        self._shared.planner.generation = max(self._shared.planner.generation, pool.generation)
        for number in pool.suspect:
            member.pool.set(number, ChunkState.SUSPECT, told=True)
        there = {row.number: row.generation for _, row, _ in pool.closed}
        there |= {chunk.number: chunk.header.generation for _, chunk in pool.opened}
        self._pool_end.looked(member, there)
        stray: dict[str, list[Held]] = {}
        for hold, row, spans in pool.closed:
            member.pool.set(row.number, ChunkState.POOL_CLOSED, told=True)
            kept = self.holds.get(hold.id)
            if kept is None or kept.covers(row, spans):
                stray.setdefault(self._why_gone(hold, kept), []).append((row, spans))
            else:
                kept.rows.held.append((row, spans))
        for hold, chunk in pool.opened:
            member.pool.set(chunk.number, ChunkState.POOL_OPEN, told=True)
            kept = self.holds.get(hold.id)
            if kept is None:
                _ = member.slices.close_fd(chunk.fd)
                stray.setdefault(self._why_gone(hold, kept), []).append(written(chunk))
            else:
                kept.open.setdefault(chunk.header.key, []).append(chunk)
                kept.open[chunk.header.key].sort(key=lambda chunk: chunk.header.generation)
        for why, copies in stray.items():
            self._pool_end.give_up(member, copies, why)

    def _why_gone(self, hold: Hold, kept: Kept | None) -> str:
        return COPIED_AGAIN if kept is not None else self._gone[hold.id].ended

    def _kept(self, hold: Hold) -> Kept:
        return Kept(hold, self._shared.clock, self._shared.catalogue.disks, self._shared.redating)

    async def loaded(self) -> None:
        """Wait until it is known what the disks hold: minutes after a start in the field, recording goes on."""
        await self._loaded.wait()

    @property
    def ready_for_holds(self) -> bool:
        """Is it known what the disks hold?"""
        return self._loaded.is_set()

    @property
    def busy(self) -> bool:
        """Is anything being copied or destroyed at this moment?"""
        return bool(self._followers or self._tasks)

    # after each tick

    def _pass(self) -> None:
        self._passes += 1
        live = [member for member in self._members.all if not member.failed]
        new = [member for member in live if member.index not in self._looked]
        if new:
            _ = self._do(self._look(new))
        for member in self._members.all:
            if member.failed and member.index not in self._lost:
                self._lost.add(member.index)
                self._lists.close(member)
                for kept in self.holds.values():
                    for chunk in kept.drop_disk(member.index, member.uuid):
                        member.writer.close_later(chunk.fd)
        for member in live:
            self._pool_end.settle(member)
            self.room.restock(member)
        for hold in due([kept.hold for kept in self.holds.values()], self._expiry_us()):
            _ = self._end(self.holds[hold.id], "expired")
        self._leases.renew(source for kept in self.holds.values() for source in kept.sources)
        for kept in sorted(self.holds.values(), key=lambda kept: (not kept.hold.of_person, -kept.hold.asked_us)):
            for key in kept.hold.streams:
                self._follow(kept, key)

    def _follow(self, kept: Kept, key: StreamKey) -> None:
        name = (kept.hold.id, key)
        if name in self._followers or len(self._followers) >= AT_ONCE or self._shared.stopping:
            return
        if kept.progress[key].waiting and self._passes % RETRY_PASSES:
            return
        follower = Follower(
            kept, key, self._shared.catalogue, self._members.all, self.room, self._shared.clock, self._durable_us
        )
        if follower.due:
            task = asyncio.create_task(self._advance(follower), name=f"protected copy {kept.hold.id} {key}")
            self._followers[name] = task
            task.add_done_callback(lambda _task: self._followers.pop(name, None))

    async def _advance(self, follower: Follower) -> None:
        try:
            await follower.advance()
        except (OSError, ApplianceError) as error:
            log.error("protected copy %s: %s", follower.kept.hold.id, error)  # noqa: TRY400 - the sentence says all
        self._wake.set()

    def _durable_us(self, key: StreamKey) -> int | None:
        lane = self._shared.lanes.get(key)
        return None if lane is None else lane.durable_utc_us

    def __contains__(self, chunk: object) -> bool:
        """Is this chunk of the ring, (disk uuid, number), still to be copied? For expiry by age."""
        oldest_us = self._shared.clock.utc_us() - COPY_US
        return any(
            chunk in kept.sources
            for kept in self.holds.values()
            if kept.hold.asked_us > oldest_us and kept.state != "waiting"
        )

    # verbs

    async def hold(self, asked: Hold) -> Kept:
        """Keep a sequence; returns when all that is recorded of it by now is durable in the pool.

        `asked` without id and date; an alert that lasts has its end in the future. Raises what `protect.checked`
        raises, NoProtectedPool, HoldNothing, HoldPoolFull, TooManyHolds, HoldInterrupted.
        """
        await self._loaded.wait()
        now = self._shared.clock.utc_us()
        latest = latest_expiry_us(asked.reason, asked.from_us, now, self._zone)
        expires = latest if asked.expires_us == LATEST else asked.expires_us
        hold = checked(replace(asked, id=self._new_id(), asked_us=now, expires_us=expires), now, self._zone)
        if not any(member.pool.protected for member in self._members.all if not member.failed):
            raise NoProtectedPool
        kept = self._kept(hold)
        needed = 0
        for key in hold.streams:
            rows = await self._shared.catalogue.rows(key, hold.from_us, min(hold.to_us, now))
            kept.sources |= {(row.disk, row.number) for row in rows}
            needed += max(len(rows), hold.to_us > now)
        if not needed:
            raise HoldNothing
        self._lists.check([*(other.hold for other in self.holds.values()), hold])
        self._take(kept, needed)
        if not await self._save():
            _ = self._end(kept, "released")
            raise HoldInterrupted
        self._tell("hold-accepted", facts_of(hold))
        await self._until(lambda: kept.covered or bool(kept.hold.ended))
        if kept.hold.ended:
            raise HoldInterrupted
        return kept

    def _take(self, kept: Kept, needed: int) -> None:
        """Raises HoldPoolFull."""
        if not self.room.admit(kept.hold, needed):
            alerts = (k.chunks + k.promised for k in self.holds.values() if not k.hold.of_person)
            usable = self.room.free() + (0 if kept.hold.of_person else sum(alerts))
            size = max((m.disk.geometry.chunk_size for m in self._members.all), default=0)
            missing = -(-(needed - usable) * size // 1_000_000)
            self._tell("hold-refused", {**facts_of(kept.hold), "missing_mb": missing})
            raise HoldPoolFull(missing=missing)
        kept.promised = needed
        self.holds[kept.hold.id] = kept
        self._leases.hurry()
        self._wake.set()

    async def extend(self, name: str, *, to_us: int | None, expires_us: int | None) -> Kept:
        """Another end (an alert that lasts longer, or is over) or expiry. Raises as `hold`, and UnknownHold."""
        await self._loaded.wait()
        kept = self.known(name)
        now = self._shared.clock.utc_us()
        kept.hold = extended(kept.hold, now, self._zone, to_us=to_us, expires_us=expires_us)
        for progress in kept.progress.values():
            progress.finished = progress.rescanned = False
        if not await self._save():
            raise HoldInterrupted
        self._tell("hold-extended", facts_of(kept.hold))
        self._wake.set()
        return kept

    async def release(self, name: str) -> None:
        """Give a hold back: returns when its copies are destroyed. Raises UnknownHold."""
        await self._loaded.wait()
        await self._end(self.known(name), "released")

    def known(self, name: str) -> Kept:
        """The hold of this name. Raises UnknownHold."""
        kept = self.holds.get(name)
        if kept is None:
            raise UnknownHold(hold=name)
        return kept

    def free(self) -> int:
        """Chunks of all pools that are neither used nor promised."""
        return self.room.free()

    def free_bytes(self) -> int:
        """The same in bytes."""
        return self.room.free_bytes()

    def report(self) -> list[dict[str, object]]:
        """Every hold and how it stands, oldest request first."""
        return [kept.report() for kept in sorted(self.holds.values(), key=lambda kept: kept.hold.asked_us)]

    # end

    def _end(self, kept: Kept, why: str) -> "asyncio.Task[None]":
        """Its chunks are free from now on; the task is done when they are destroyed and it is told."""
        kept.hold = kept.hold if kept.hold.ended else ended(kept.hold, why)
        self.holds.pop(kept.hold.id, None)
        self._gone[kept.hold.id] = kept.hold
        facts = {**facts_of(kept.hold), "chunks": kept.chunks, "size": kept.size}
        for key in kept.hold.streams:
            task = self._followers.get((kept.hold.id, key))
            if task is not None:
                task.cancel()
        copies: dict[str, list[Held]] = {}
        for row, spans in kept.rows.held:
            copies.setdefault(row.disk, []).append((row, spans))
        for chunk in (chunk for chunks in kept.open.values() for chunk in chunks):
            copies.setdefault(chunk.header.disk_uuid, []).append(written(chunk))
            if (member := self._member(chunk.header.disk_uuid)) is not None:
                _ = member.slices.close_fd(chunk.fd)
        kept.rows.held.clear()
        kept.open.clear()
        wiped: list[tuple[Member, Wiped]] = []
        for disk, held in copies.items():
            if (member := self._member(disk)) is not None:
                wiped += [(member, chunk) for chunk in self._pool_end.give_up(member, held, kept.hold.ended)]
        return self._do(self._destroyed(wiped, facts))

    async def _destroyed(self, wiped: list[tuple[Member, Wiped]], facts: Facts) -> None:
        await self._save()
        await self._until(lambda: all(chunk.until_us is not None or member.failed for member, chunk in wiped))
        self._tell("hold-destroyed", facts)

    def _member(self, uuid: str) -> Member | None:
        return next((m for m in self._members.all if m.uuid == uuid and not m.failed), None)

    async def _save(self) -> bool:
        """Write the list to every disk; True when one of them has it durable."""
        now = self._shared.clock.utc_us()
        self._gone = {name: hold for name, hold in self._gone.items() if hold.expires_us > now}
        holds = [kept.hold for kept in self.holds.values()]
        return await self._lists.save(self.room.with_pool(), holds, list(self._gone.values()))

    async def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            async with self._ticked:
                await self._ticked.wait()

    def _do(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
