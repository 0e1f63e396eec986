"""Expiry by age at work: what is due is shown to nobody from that moment on, destroyed pass by pass, and told.

A pass asks the index for each camera's oldest chunks (O(due), not O(all)), and gives up at most BATCH of a disk at a
time, so that ticks stay short and few files are open. Nothing runs while the clock is doubtful.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Container, Iterable
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final, NamedTuple, Protocol

from appliance.core.units import US_PER_SECOND
from appliance.ring.access.lookup import NOTHING_EXPIRED
from appliance.ring.disks.member import Member
from appliance.ring.disks.pool import ChunkState
from appliance.ring.expiry.destruction import Destruction
from appliance.ring.expiry.policy import (
    HOUR_US,
    SHORTEST_MONTH_DAYS,
    Retention,
    due,
    expired_until,
    pass_limit,
    retention,
)
from appliance.ring.index import ages
from appliance.ring.index.rows import ChunkRow
from appliance.ring.shared import Shared

log = logging.getLogger(__name__)

PASSES: Final = 150
"""Passes of a run, one a tick: a minute. What is left then goes with the next run."""

BATCH: Final = 64
"""Chunks of a disk on their way at a time: 2 ms of zeroing in a tick, and as many open files."""

REASON: Final = "age"

ChunkId = tuple[str, int]
"""(disk uuid, number)."""


class Terms(NamedTuple):
    """How long a camera's pictures are kept. Days; `required` 0: no minimum."""

    allowed: int
    required: int


class Ages(Protocol):
    """The clock that expiry goes by (the clock keeper)."""

    @property
    def elapsed_confirmed(self) -> bool: ...

    def expiry_now_us(self) -> int | None:
        """By which pictures are destroyed; None: nothing may be."""

    def shown_now_us(self) -> int | None:
        """By which they are shown no more; None: nothing is shown anyway."""
        ...


@dataclass(slots=True)
class Keeping:
    """What the site says: terms of each camera, its zone. `holds`: chunks that a hold or a copy still needs."""

    zone: tzinfo
    terms: Callable[[str], Terms]
    ages: Ages
    holds: Container[ChunkId] = ()


@dataclass(slots=True)
class Slow:
    """Chunks freed without confirmation that the time has gone by, by disk: (monotonic us, count).

    `since_us`: since when it has counted; what was freed before is not known, so that it may have been all.
    """

    since_us: int
    freed: dict[str, deque[tuple[int, int]]] = field(default_factory=dict)

    def last_hour(self, disk: str, now_us: int, chunks: int) -> int:
        """How many of a disk's chunks in the last hour, at the most."""
        if now_us - self.since_us < HOUR_US:
            return chunks
        freed = self.freed.setdefault(disk, deque())
        while freed and now_us - freed[0][0] > HOUR_US:
            freed.popleft()
        return sum(count for _, count in freed)

    def add(self, disk: str, now_us: int, count: int) -> None:
        """Count a pass."""
        self.freed.setdefault(disk, deque()).append((now_us, count))


class Expirer:
    """One of these a ring; lives in its event loop. `keeping` None: nothing expires."""

    def __init__(
        self, shared: Shared, members: Callable[[], Iterable[Member]], destruction: Destruction, quarantine_us: int
    ) -> None:
        self._shared = shared
        self._members = members
        self._destruction = destruction
        self._quarantine_us = quarantine_us
        self._slow = Slow(shared.clock.monotonic_us())
        self._turn = asyncio.Lock()
        self._limits: dict[int, tuple[int, int]] = {}  # by days: as of when, the limit
        self.keeping: Keeping | None = None
        self._more = False  # the last pass left something for lack of room in the ticks
        self.alarms: dict[str, Retention[ChunkId]] = {}
        shared.catalogue.expired_until = self.expired_until

    def expired_until(self, camera: str) -> int:
        """UTC up to which this camera's pictures are shown to nobody any more."""
        keeping = self.keeping
        now_us = None if keeping is None else keeping.ages.shown_now_us()
        if keeping is None or now_us is None:
            return NOTHING_EXPIRED
        return self._limit(keeping, now_us, keeping.terms(camera).allowed)

    def _limit(self, keeping: Keeping, now_us: int, days: int) -> int:
        """As of the next full second, or ten where a calendar must be asked, 3 ms of work: it serves every question
        until then.
        """
        step_us = US_PER_SECOND * (10 if days >= SHORTEST_MONTH_DAYS else 1)
        until_us = -(-now_us // step_us) * step_us
        if self._limits.get(days, (0, 0))[0] != until_us:
            self._limits[days] = (until_us, expired_until(until_us, days, keeping.zone))
        return self._limits[days][1]

    async def once(self) -> int:
        """One pass: gives up at most BATCH chunks of each disk. Returns how many. Raises IndexUnavailable."""
        async with self._turn:
            keeping = self.keeping
            now_us = None if keeping is None else keeping.ages.expiry_now_us()
            if keeping is None or now_us is None:
                return 0
            self._more = False
            self.alarms = {}
            wanted: dict[str, list[ChunkRow]] = {}
            for camera in await ages.cameras(self._shared.index):
                rows = await self._due(keeping, camera, now_us)
                for row in rows:
                    wanted.setdefault(row.disk, []).append(row)
            freed = 0
            for member in list(self._members()):
                freed += await self._free(keeping, member, wanted.get(member.uuid, []))
            return freed

    async def run(self, progress: Callable[[], Awaitable[None]]) -> None:
        """Passes until nothing is left to do, or a minute of ticks is over; `progress` waits for one. Periodic work."""
        for _ in range(PASSES):
            if not await self.once() and not self._more:
                return
            await progress()

    async def _due(self, keeping: Keeping, camera: str, now_us: int) -> list[ChunkRow]:
        """Chunks of a camera whose time is over and that are still there, oldest first; judges both alarms."""
        terms = keeping.terms(camera)
        rows = await ages.oldest(self._shared.index, camera, self._limit(keeping, now_us, terms.allowed))
        there = {(row.disk, row.number): row for row in rows if self._closed(row)}
        held = [(chunk, row.first_us, row.last_us, False) for chunk, row in there.items()]
        self.alarms[camera] = retention(
            held,
            now_us,
            keeping.zone,
            allowed_days=terms.allowed,
            required_days=terms.required,
            freed_early_newest_us=self._destruction.early_us.get(camera) if terms.required else None,
            holds=keeping.holds,
        )
        return [there[chunk] for chunk in due(held, now_us, keeping.zone, terms.allowed, keeping.holds)]

    def _closed(self, row: ChunkRow) -> bool:
        """Is it there, and nobody's business but expiry's?"""
        member = next((m for m in self._members() if m.uuid == row.disk and not m.failed), None)
        return member is not None and member.pool.states[row.number] == ChunkState.CLOSED

    async def _free(self, keeping: Keeping, member: Member, rows: list[ChunkRow]) -> int:
        """Give up what this pass may of one disk."""
        now_us = self._shared.clock.monotonic_us()
        confirmed = keeping.ages.elapsed_confirmed
        rows = sorted(rows, key=lambda row: row.first_us)
        some = pass_limit(
            rows,
            member.pool.count,
            elapsed_confirmed=confirmed,
            freed_last_hour=self._slow.last_hour(member.uuid, now_us, member.pool.count),
        )
        on_their_way = sum(chunk.until_us is None for chunk in member.pool.wiped)
        leased = self._shared.catalogue.leases.leased  # no reader gets more of it, and a lease lasts a minute at most
        numbers = [row.number for row in some if self._closed(row) and not leased(member.uuid, row.number)]
        room = max(0, BATCH - on_their_way)
        self._more |= len(numbers) > room
        numbers = numbers[:room]
        if not numbers or member.failed:
            return 0
        chunks = [member.pool.free(number, self._quarantine_us, REASON, spare=True) for number in numbers]
        if not confirmed:
            self._slow.add(member.uuid, now_us, len(numbers))
        await self._destruction.condemn(member, numbers, REASON)
        await member.prepare(chunks, numbers, self._shared.index)
        return len(numbers)

    def state(self) -> list[dict[str, object]]:
        """Per camera with an alarm: by how much too long, by how much too short. Microseconds."""
        return [
            {"camera": camera, "longer_us": seen.late_us, "shorter_us": seen.short_us, "overdue": len(seen.overdue)}
            for camera, seen in sorted(self.alarms.items())
            if seen.held_longer or seen.held_shorter
        ]
