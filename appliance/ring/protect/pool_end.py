"""The end of protected copies: the account of what goes first, then the zeros, as for footage that expires by age.

A copy ends because its time is over, it was given back, it makes room for a newer alert, or a disk came back with a
copy that was made again meanwhile. Each is a reason of its own in the register of destruction.
"""

from collections.abc import Iterable
from typing import Final

from appliance.ring.disks.member import Member
from appliance.ring.disks.pool import Wiped
from appliance.ring.expiry.destruction import Destruction
from appliance.ring.index.rows import ChunkRow, Held
from appliance.ring.recovery import chunk_row, span_rows, spans_of
from appliance.ring.shared import Shared
from appliance.ring.writer import OpenChunk

FREED: Final = "hold-ended"
"""Why chunks of the pool are freed, for the catalogue."""

COPIED_AGAIN: Final = "copied-again"
"""What ends a copy whose pictures another chunk of the same hold has too."""


def written(chunk: OpenChunk) -> Held:
    """An open copy as a closed one is known; parts that are on their way to the disk count."""
    return chunk_row(chunk.header, chunk.init_length, chunk.entries), span_rows(spans_of(chunk.entries))


class PoolEnd:
    """One of these a ring; lives in its event loop."""

    def __init__(self, shared: Shared, destruction: Destruction, quarantine_us: int) -> None:
        self._shared = shared
        self._destruction = destruction
        self._quarantine_us = quarantine_us
        self._there: dict[int, dict[int, int]] = {}  # by member: generation of each chunk of its pool, as looked at

    def give_up(self, member: Member, copies: Iterable[Held], why: str) -> list[Wiped]:
        """These copies are free from now on. `why`: how their hold ended, or COPIED_AGAIN. Zeroed in a coming tick."""
        rows = [self._shared.redating.held(held)[0] for held in copies]
        chunks = [member.pool.free(row.number, self._quarantine_us, FREED) for row in rows]
        if chunks:
            self._shared.help(self._account(member, chunks, [row for row in rows if row.size], f"hold-{why}"))
        return chunks

    async def _account(self, member: Member, chunks: list[Wiped], rows: list[ChunkRow], reason: str) -> None:
        await self._destruction.condemn_rows(member, rows, reason)
        await member.prepare(chunks, [], self._shared.index)

    def looked(self, member: Member, there: dict[int, int]) -> None:
        """What the pool of a disk holds, before anything of it is given up: generation by number."""
        self._there[member.index] = there

    def settle(self, member: Member) -> None:
        """After a tick: what was being destroyed as the last life ended is told, or zeroed once more and then told."""
        if member.index not in self._there or member.index not in self._destruction.loaded:
            return
        numbers = self._destruction.settle_pool(member, self._there.pop(member.index))
        chunks = [member.pool.free(number, self._quarantine_us, FREED, spare=True) for number in numbers]
        if chunks:
            self._shared.help(member.prepare(chunks, [], self._shared.index))
