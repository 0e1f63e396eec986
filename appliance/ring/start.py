"""How a ring goes on after a stop: states of chunks, numbers of runs, open chunks continued or closed."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.media.stream import StreamKey
from appliance.ring.catalog.log import Head, Line, closed_facts, open_facts
from appliance.ring.catalog.start import Settled, settle
from appliance.ring.chunk import ChunkHeader, HeaderInfo
from appliance.ring.disks.member import Member
from appliance.ring.disks.pool import ChunkState, Pool, Wiped
from appliance.ring.errors import CatalogUnreadable
from appliance.ring.index.cache import Index
from appliance.ring.index.fill import IndexFill
from appliance.ring.index.rows import ChunkRow, Held
from appliance.ring.lane import Lane
from appliance.ring.placement import HOUR_US, Opening
from appliance.ring.planner import Planner
from appliance.ring.recovery import Scan, recover, scan
from appliance.ring.writer import OpenChunk, let_go

log = logging.getLogger(__name__)

Fail = Callable[[Member, str], None]


FREED: Final = ChunkState.FREED

SILENT: Final = frozenset({ChunkState.FREE, ChunkState.CLOSED, ChunkState.POOL_FREE})
"""States without a line of their own in a new catalogue: FREE needs none, CLOSED has the index's facts."""


def facts_of(info: HeaderInfo) -> str:
    """Facts of an OPEN line of this chunk."""
    return facts_of_header(info.header)


def facts_of_header(header: ChunkHeader) -> str:
    """The same by its header."""
    return open_facts(header.generation, header.key.camera, header.key.stream, header.opened_utc_us)


@dataclass(slots=True)
class Learnt:
    """What a disk told. `witness`, `generation`: of its heartbeat; `mark`: head the index had, `known`: its rows then.

    `settled`: by its catalogue; None where that does not hold (`why`), then `scanned`: by its headers.
    """

    witness: str
    generation: int
    mark: str
    settled: Settled | None
    scanned: Scan = field(default_factory=Scan)
    known: dict[int, int] = field(default_factory=dict)
    why: str = ""

    @property
    def fds(self) -> list[int]:
        """What it holds open, until it is taken."""
        return [] if self.settled is None else [self.settled.fd]


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
        self.fill = IndexFill(index, clock)
        self.stale: list[OpenChunk] = []

    async def read(self, member: Member) -> Learnt:
        """What a disk tells, by its own threads alone: it may never answer, and nothing is changed by it.

        By the catalogue; where it is missing or not to be believed, by the header of every chunk. Raises OSError,
        IndexUnavailable.
        """
        loop = asyncio.get_running_loop()
        beat = member.last_beat = await member.disk.aside(member.disk.read_heartbeat)
        witness, generation = (beat.catalog, beat.generation) if beat else ("", 0)
        mark = await self._index.head(member.uuid)
        now_us = self._clock.utc_us()
        try:
            settled = await loop.run_in_executor(member.thread, settle, member.disk, witness, mark, now_us)
        except CatalogUnreadable as error:
            log.warning("%s: %s", member.disk.path, error)
            known = await self._index.known(member.uuid)
            scanned = await loop.run_in_executor(member.thread, scan, member.disk, known)
            return Learnt(witness, generation, mark, None, scanned, known, str(error.facts["why"]))
        return Learnt(witness, generation, mark, settled)

    async def take(self, member: Member, learnt: Learnt) -> list[HeaderInfo]:
        """States of a disk's chunks, the index made to agree with them; returns the open chunks. Raises OSError.

        Without a catalogue that is to be believed a new one is begun, which says so.
        """
        self._planner.generation = max(self._planner.generation, learnt.generation)
        if learnt.settled is None:
            return await self._scan(member, learnt)
        if await self._index.head(member.uuid) != learnt.mark:  # the index was made anew meanwhile
            learnt.settled.current = False
        return await self._settled(member, learnt.settled)

    async def _settled(self, member: Member, settled: Settled) -> list[HeaderInfo]:
        """The catalogue is believed."""
        pool = member.pool
        pool.learn(settled.states, settled.closed)
        if settled.closed:
            pool.start_after(settled.closed[-1])
        for (camera, stream), numbers in settled.found.past.items():
            self._remember(member, StreamKey(camera, "main" if stream == "main" else "sub"), *numbers)
        for key, opening in settled.openings:
            self._openings.setdefault(key, []).append(opening)
        member.catalog.go_on(settled.found, settled.fd)
        looked = settled.looked
        self._planner.generation = max(self._planner.generation, settled.found.generation, looked.generation)
        for number in looked.suspect:
            pool.set(number, ChunkState.SUSPECT, "header")
        for row, spans in looked.closed:
            self._closed(member, row)
            pool.set(row.number, ChunkState.CLOSED, closed_facts(row, spans))
        if self.fill.started:  # a disk that joins the ring
            if not settled.current:
                await self.fill.fill(member, settled.closed, settled.found.at)
            await self._index.forget(member.uuid, settled.forget)
            await self._index.put([*settled.put, *looked.closed])
        else:
            self.fill.add(member, settled)
        pool.wiped += [Wiped(number, 0) for number in settled.freed]
        member.rewipe = list(pool.wiped)
        return self._open(pool, looked.opened, told=False)

    async def _scan(self, member: Member, learnt: Learnt) -> list[HeaderInfo]:
        """No catalogue: every header was read."""
        pool = member.pool
        self.fill.scanned = True
        found, known = learnt.scanned, await self._index.known(member.uuid)
        if known != learnt.known:  # the index was made anew meanwhile
            found = await asyncio.get_running_loop().run_in_executor(member.thread, scan, member.disk, known)
        await self._index.forget(member.uuid, set(known) - set(found.known))
        await self._index.put(found.closed)
        self._planner.generation = max(self._planner.generation, found.generation)
        for number in found.suspect:
            pool.set(number, ChunkState.SUSPECT, "header")
        for number, camera, stream, opened_us, size, run, sequence in await self._index.rows_of(member.uuid):
            pool.set(number, ChunkState.CLOSED, told=True)
            pool.closed.append(number)
            pool.start_after(number)
            self._remember(member, StreamKey(camera, "main" if stream == "main" else "sub"), run, sequence)
            self._opened(StreamKey(camera, "main" if stream == "main" else "sub"), opened_us, size)
        opened = self._open(pool, found.opened, told=True)
        seen = Head.of(learnt.witness)
        self.begin_catalog(member, learnt.why, seen.epoch + 1 if seen else 1, opened)
        return opened

    def begin_catalog(self, member: Member, why: str, epoch: int, opened: Iterable[HeaderInfo] = ()) -> None:
        """Write what is known of the disk's chunks as a catalogue. `opened`: open ones that nobody has read yet."""
        pool = member.pool
        facts = {info.header.number: facts_of(info) for info in opened}
        for chunks in self._open_chunks.values():
            facts |= {c.number: facts_of_header(c.header) for c in chunks if c.disk == member.index}
        others: list[Line] = []
        for number, state in enumerate(pool.states):
            if state not in SILENT:
                others.append(Line(ChunkState(state).name, number, facts.get(number, why if state == FREED else "")))
        others += [Line("READY", chunk.number) for chunk in (*pool.ready, *pool.protected_ready)]

        async def rows(numbers: list[int]) -> dict[int, Held]:
            return await self._index.held(member.uuid, numbers)

        pool.forget_lines()
        member.catalog.begin(pool.closed, others, rows, why, epoch)

    def _closed(self, member: Member, row: ChunkRow) -> None:
        key = StreamKey(row.camera, "main" if row.stream == "main" else "sub")
        member.pool.closed.append(row.number)
        self._remember(member, key, row.last_run, row.last_sequence)
        self._opened(key, row.opened_us, row.size)

    def _open(self, pool: Pool, infos: list[HeaderInfo], *, told: bool) -> list[HeaderInfo]:
        for info in infos:
            key = info.header.key
            pool.set(info.header.number, ChunkState.OPEN, facts_of(info), told=told)
            self._unread[key] = self._unread.get(key, 0) + 1
            self._opened(key, info.header.opened_utc_us, 0)  # a crash loop may never read them
        return infos

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
                chunk = await member.disk.aside(recover, member.disk, member.index, left[0])
                if member.failed:  # in this very moment
                    if chunk is not None:
                        await asyncio.to_thread(let_go, chunk.fd)
                    break
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
            self._remember(member, key, chunk.entries[-1].run, chunk.entries[-1].sequence)
        self._open_chunks.setdefault(key, []).append(chunk)
        self._count_again(key, Opening(info.header.opened_utc_us, 0))
        lane = self._lanes.get(key)
        other = self._adopted.get(key) if lane is None else lane.chunk
        if member.late and not self._goes_on(member, lane, chunk):
            self._leave(chunk)
            return
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

    @staticmethod
    def _goes_on(member: Member, lane: Lane | None, chunk: OpenChunk) -> bool:
        """May a stream continue this chunk of a disk that came while it records? Not one of another appliance, not
        when it has another chunk, and not when it is to write again what the disk did not acknowledge.
        """
        if lane is None or lane.chunk is not None or not member.known:
            return False
        return not chunk.entries or chunk.entries[-1].sequence <= lane.sequence

    def _read(self, key: StreamKey) -> None:
        self._unread[key] -= 1
        lane = self._lanes.get(key)
        if lane is not None and self._unread[key] == 0:
            lane.number_after(*self._past.get(key, (0, 0)))
            lane.recovering = False

    def _remember(self, member: Member, key: StreamKey, run: int, sequence: int) -> None:
        if member.known:  # numbers of this life: to go on behind them would break the runs under way in two
            return
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

    def forget(self, disk: int) -> None:
        """The disk of this index is out: nobody goes on with its chunks."""
        self.stale = [chunk for chunk in self.stale if chunk.disk != disk]
        self._adopted = {key: chunk for key, chunk in self._adopted.items() if chunk.disk != disk}

    def abandon(self, chunk: OpenChunk) -> None:
        """Nobody will go on with this one: close it."""
        self._adopted.pop(chunk.header.key, None)
        self.stale.append(chunk)
