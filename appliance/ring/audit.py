"""The catalogues are compared with the files all the time, slowly: a header now and then, when nothing else reads.

What does not hold is said in the catalogue itself (a `fault` note, then the chunk's new state) and counted; the chunk
leaves the circle with whatever it holds, and the index forgets it.
"""

import logging
from typing import Final

from appliance.ring.catalog.log import Line, words
from appliance.ring.disks.member import Member
from appliance.ring.disks.pool import ChunkState
from appliance.ring.index.cache import Index
from appliance.ring.recovery import scan

log = logging.getLogger(__name__)

PERIOD_S: Final = 10.0
"""Seconds between two headers of a disk: 300 000 chunks in 35 days, about a lap, for a thousandth of a hard disk."""


class Audit:
    """Of all disks of a ring. `looked`, `faults`: how many chunks were compared, and were not as told, by disk uuid."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._next: dict[str, int] = {}
        self.looked: dict[str, int] = {}
        self.faults: dict[str, int] = {}

    async def once(self, members: list[Member]) -> None:
        """Periodic work: the next closed chunk of each disk. Raises IndexUnavailable."""
        for member in members:
            number = self._choose(member)
            if number is not None:
                await self._look(member, number)

    def _choose(self, member: Member) -> int | None:
        states, start = member.pool.states, self._next.get(member.uuid, 0)
        for first, end in ((start, len(states)), (0, start)):
            number = states.find(ChunkState.CLOSED, first, end)
            if number >= 0:
                self._next[member.uuid] = number + 1
                return number
        return None

    async def _look(self, member: Member, number: int) -> None:
        held = (await self._index.held(member.uuid, [number])).get(number)
        if held is None:
            return  # the index is being made, or it goes just now
        generation = held[0].generation
        try:
            found = await member.disk.aside(scan, member.disk, {number: generation}, [number])
        except OSError:
            return  # the disk was given up meanwhile
        self.looked[member.uuid] = self.looked.get(member.uuid, 0) + 1
        if found.known or member.failed or member.pool.states[number] != ChunkState.CLOSED:
            return
        now = (await self._index.held(member.uuid, [number])).get(number)
        if now is None or now[0].generation != generation:
            return  # it was freed and used again while it was read
        why = "its file is empty" if found.free else "its file is not as the catalogue says"
        log.error("chunk %d of %s set aside: %s", number, member.disk.path, why)
        self.faults[member.uuid] = self.faults.get(member.uuid, 0) + 1
        member.pool.closed.remove(number)
        member.pool.say(Line("fault", number, words(why)))
        member.pool.set(number, ChunkState.SUSPECT, "audit")
        await self._index.forget(member.uuid, [number])
