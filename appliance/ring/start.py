"""How a ring goes on after a stop: states of chunks, numbers of runs, open chunks continued or closed."""

import asyncio
import logging
from collections.abc import Callable

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.media.stream import StreamKey
from appliance.ring.chunk import HeaderInfo
from appliance.ring.index import Index
from appliance.ring.lane import Lane
from appliance.ring.member import Member
from appliance.ring.placement import HOUR_US, Opening
from appliance.ring.planner import Planner
from appliance.ring.pool import ChunkState
from appliance.ring.recovery import recover, scan
from appliance.ring.writer import OpenChunk

log = logging.getLogger(__name__)

Fail = Callable[[Member, str], None]


class Start:
    """What the disks told at start, and the recovery of their open chunks. `open_chunks` is the ring's own.

    `stale`: recovered chunks that no stream goes on with; the next tick closes them.
    """

    def __init__(
        self,
        index: Index,
        planner: Planner,
        lanes: dict[StreamKey, Lane],
        open_chunks: dict[StreamKey, list[OpenChunk]],
        clock: Clock,
    ) -> None:
        self._index = index
        self._planner = planner
        self._lanes = lanes
        self._open_chunks = open_chunks
        self._clock = clock
        self._past: dict[StreamKey, tuple[int, int]] = {}  # highest run and sequence on the disks
        self._openings: dict[StreamKey, list[Opening]] = {}
        self._unread: dict[StreamKey, int] = {}  # open chunks still to be read
        self._adopted: dict[StreamKey, OpenChunk] = {}
        self.stale: list[OpenChunk] = []

    async def load(self, member: Member) -> list[HeaderInfo]:
        """States of a disk's chunks, the index made to agree with them; returns the open chunks. Raises OSError."""
        pool = member.pool
        known = await self._index.known(member.uuid)
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(member.thread, scan, member.disk, known)
        await self._index.forget(member.uuid, set(known) - set(found.known))
        await self._index.put(found.closed)
        beat = await asyncio.to_thread(member.disk.read_heartbeat)
        self._planner.generation = max(self._planner.generation, found.generation, beat.generation if beat else 0)
        for number in found.suspect:
            pool.set(number, ChunkState.SUSPECT)
        for number, camera, stream, opened_us, size, run, sequence in await self._index.rows_of(member.uuid):
            pool.set(number, ChunkState.CLOSED)
            pool.closed.append(number)
            pool.start_after(number)
            self._remember(StreamKey(camera, "main" if stream == "main" else "sub"), run, sequence)
            self._opened(StreamKey(camera, "main" if stream == "main" else "sub"), opened_us, size)
        for info in found.opened:
            pool.set(info.header.number, ChunkState.OPEN)
            self._unread[info.header.key] = self._unread.get(info.header.key, 0) + 1
            self._opened(info.header.key, info.header.opened_utc_us, 0)  # a crash loop may never read them
        return found.opened

    def attach(self, lane: Lane) -> None:
        """A stream goes on where its past ends."""
        key = lane.key
        lane.number_after(*self._past.get(key, (0, 0)))
        lane.openings.extend(sorted(self._openings.pop(key, []), key=lambda opening: opening.opened_us))
        lane.recovering = self._unread.get(key, 0) > 0
        lane.chunk = self._adopted.pop(key, None)

    async def recover(self, member: Member, infos: list[HeaderInfo], fail: Fail) -> None:
        """Read a disk's open chunks one after the other, newest first: those are the ones streams wait for."""
        left = sorted(infos, key=lambda info: -info.header.generation)
        try:
            while left:
                chunk = await asyncio.to_thread(recover, member.disk, member.index, left[0])
                info = left.pop(0)
                self._recovered(member, info, chunk)
                self._read(info.header.key)
        except (OSError, ApplianceError) as error:
            fail(member, str(error))
        finally:
            for info in left:
                self._read(info.header.key)

    def _recovered(self, member: Member, info: HeaderInfo, chunk: OpenChunk | None) -> None:
        if chunk is None:
            member.pool.set(info.header.number, ChunkState.SUSPECT)
            return
        key = info.header.key
        if chunk.entries:
            self._remember(key, chunk.entries[-1].run, chunk.entries[-1].sequence)
        self._open_chunks.setdefault(key, []).append(chunk)
        self._count_again(key, Opening(info.header.opened_utc_us, 0))
        lane = self._lanes.get(key)
        other = self._adopted.get(key) if lane is None else lane.chunk
        if other is not None and other.header.generation > chunk.header.generation:
            self._leave(chunk)
            return
        if other is not None:
            self._leave(other)
        if lane is None:
            self._adopted[key] = chunk
        else:
            lane.chunk = chunk
            lane.number_after(*self._past.get(key, (0, 0)))

    def _read(self, key: StreamKey) -> None:
        self._unread[key] -= 1
        lane = self._lanes.get(key)
        if lane is not None and self._unread[key] == 0:
            lane.number_after(*self._past.get(key, (0, 0)))
            lane.recovering = False

    def _remember(self, key: StreamKey, run: int, sequence: int) -> None:
        past = self._past.get(key, (0, 0))
        self._past[key] = (max(past[0], run), max(past[1], sequence))

    def _opened(self, key: StreamKey, opened_us: int, size: int) -> None:
        if abs(self._clock.utc_us() - opened_us) < HOUR_US:
            self._openings.setdefault(key, []).append(Opening(opened_us, size))

    def _count_again(self, key: StreamKey, unread: Opening) -> None:
        """An open chunk was counted as empty; now its stream counts it, or `_leave` does."""
        lane = self._lanes.get(key)
        for openings in (self._openings.get(key, []), lane.openings if lane else []):
            if unread in openings:
                openings.remove(unread)
                return

    def _leave(self, chunk: OpenChunk) -> None:
        """No stream goes on with this chunk: it is closed, and stays in the account."""
        self.stale.append(chunk)
        lane = self._lanes.get(chunk.header.key)
        if lane is None:
            self._opened(chunk.header.key, chunk.header.opened_utc_us, chunk.end)
        else:
            lane.openings.appendleft(Opening(chunk.header.opened_utc_us, chunk.end))

    def has_past(self, key: StreamKey) -> bool:
        """Was anything of this stream found?"""
        return key in self._past or key in self._unread

    def unclaimed(self) -> list[OpenChunk]:
        """Continued chunks of streams that nobody feeds."""
        return list(self._adopted.values())

    def abandon(self, chunk: OpenChunk) -> None:
        """Nobody will go on with this one: close it."""
        self._adopted.pop(chunk.header.key, None)
        self.stale.append(chunk)
