"""Room in the protected pool: which disk takes the next chunk of a copy, and who makes room for whom."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from appliance.ring.disks.member import Member
from appliance.ring.disks.members import Members
from appliance.ring.disks.pool import ChunkState, Wiped
from appliance.ring.protect.held import Kept
from appliance.ring.protect.hold_lists import HoldLists
from appliance.ring.protect.policy import HeldChunks, Hold, PoolLoad, admit, choose_target
from appliance.ring.shared import Shared

STOCK: Final = 2
"""Zeroed chunks of the pool that each disk keeps ready: main and sub-stream of the next alert."""


class PoolRoom:
    """The pools of all disks. `end` gives a hold up; `ticked` is notified after each tick (follower.Room)."""

    def __init__(
        self,
        shared: Shared,
        members: Members,
        lists: HoldLists,
        holds: Mapping[str, Kept],
        end: Callable[[Kept, str], object],
        ticked: asyncio.Condition,
    ) -> None:
        self._shared = shared
        self._members = members
        self._lists = lists
        self._holds = holds
        self._end = end
        self._ticked = ticked

    def free(self) -> int:
        """Chunks of all pools that are neither used nor promised."""
        return sum(map(_free, self.with_pool())) - sum(kept.promised for kept in self._holds.values())

    def free_bytes(self) -> int:
        """The same in bytes, as if all disks had chunks of the smallest size."""
        sizes = [member.disk.geometry.chunk_size for member in self.with_pool()]
        return max(0, self.free()) * min(sizes, default=0)

    def target(self, kept: Kept, source: str, current: int | None) -> Member | None:
        """See follower.Room: an alert makes older ones go when nothing is left."""
        origin = next((member.index for member in self._members.live if member.uuid == source), None)
        chosen = choose_target(self._loads(), origin, current)
        if chosen is None or chosen != current:  # a new chunk
            if not self.admit(kept.hold, 1, own=kept.promised):
                return None if current is None else self._members.all[current]
            chosen = choose_target(self._loads(), origin, current)
        return None if chosen is None else self._members.all[chosen]

    def _loads(self) -> list[PoolLoad]:
        return [PoolLoad(member.index, _free(member)) for member in self.with_pool()]

    def with_pool(self) -> list[Member]:
        """Disks that work and of whose pool it is known what it holds."""
        return [member for member in self._members.all if not member.failed and member.uuid in self._lists]

    def admit(self, hold: Hold, needed: int, own: int = 0) -> bool:
        """Room for so many more chunks, made if it must be and may. `own`: promised to this hold already."""
        others = [
            HeldChunks(kept.hold.id, kept.hold.asked_us, kept.chunks + kept.promised, kept.hold.of_person)
            for kept in self._holds.values()
            if kept.hold.id != hold.id
        ]
        result = admit(needed, self.free() + own, others, of_person=hold.of_person, asked_us=hold.asked_us)
        if result.missing:
            return False
        for name in result.evict:
            _ = self._end(self._holds[name], "evicted")
        return True

    async def ready(self, member: Member) -> bool:
        """See follower.Room."""
        while not member.pool.protected_ready:
            pool = member.pool
            if member.failed or not _free(member):
                return False
            if not any(chunk.number >= pool.of_ring for chunk in pool.wiped):
                self.wipe(member, pool.take_protected(1))
            async with self._ticked:
                await self._ticked.wait()
        return True

    def next_generation(self) -> int:
        """See follower.Room."""
        self._shared.planner.generation += 1
        return self._shared.planner.generation

    def restock(self, member: Member) -> None:
        """Keep some zeroed chunks of a disk's pool in stock; not before it is known what the pool holds."""
        pool = member.pool
        coming = len(pool.protected_ready) + sum(chunk.number >= pool.of_ring for chunk in pool.wiped)
        if member.uuid in self._lists and coming < STOCK and not self._shared.stopping:
            self.wipe(member, pool.take_protected(STOCK - coming))

    def wipe(self, member: Member, chunks: list[Wiped]) -> None:
        """Have chunks zeroed in a coming tick."""
        if chunks:
            self._shared.help(member.prepare(chunks, [], self._shared.index))


def _free(member: Member) -> int:
    """Chunks of a disk's pool that hold nothing, or will in a moment."""
    pool = member.pool
    states = pool.states[pool.of_ring :]
    return states.count(ChunkState.POOL_FREE) + states.count(ChunkState.FREED)
