"""The lists of holds of all disks, written together: each disk with a pool has the whole list."""

import asyncio
from collections.abc import Sequence

from appliance.ring.disks.member import Member
from appliance.ring.protect.faults import TooManyHolds
from appliance.ring.protect.hold_list import SLOT, encode_list, slot_offset
from appliance.ring.protect.policy import MAX_HOLDS, Hold


class HoldLists:
    """Writes them through the slices of each disk. Holds the descriptors of the files, by disk uuid."""

    def __init__(self) -> None:
        self._fds: dict[str, int] = {}
        self._count = 0
        self._turn = asyncio.Lock()

    def __contains__(self, uuid: object) -> bool:
        """Is the list of this disk open?"""
        return uuid in self._fds

    def add(self, member: Member, fd: int, count: int) -> None:
        """A disk whose newest list has this count."""
        self._fds[member.uuid] = fd
        self._count = max(self._count, count)

    def close(self, member: Member) -> None:
        """The ring stops."""
        fd = self._fds.pop(member.uuid, None)
        if fd is not None:
            member.writer.close_later(fd)

    def check(self, holds: Sequence[Hold]) -> None:
        """Raises TooManyHolds when a list has no room for these."""
        if len(holds) > MAX_HOLDS or len(encode_list(self._count, holds)) > SLOT:
            raise TooManyHolds(limit=len(holds) - 1)

    async def save(self, members: Sequence[Member], holds: Sequence[Hold], gone: list[Hold]) -> bool:
        """Write `holds`, and of those that ended the latest that have room; True when one disk has it durable."""
        async with self._turn:
            self._count += 1
            data = encode_list(self._count, [*holds, *gone])
            while len(data) > SLOT and gone:
                gone = gone[len(gone) // 2 + 1 :]
                data = encode_list(self._count, [*holds, *gone])
            offset = slot_offset(self._count)
            puts = [
                member.slices.put(self._fds[member.uuid], offset, data, urgent=True, overwrites=True)
                for member in members
            ]
            results = await asyncio.gather(*puts, return_exceptions=True)
            return any(result is None for result in results)
