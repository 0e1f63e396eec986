"""The ring: streams in, durable parts out. One event loop, one writer thread per disk, a tick every 0.4 s.

A tick cuts what every stream has complete, writes, flushes once, and only then publishes: the durable mark, the
index, the feed and `ranges` never speak of a byte that a power cut could take back. A disk whose tick is late starts
the next one at once and never runs two at a time.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol

from appliance.core.cause import GapCause
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.supervise import Supervisor
from appliance.media.stream import StreamKey, StreamSink
from appliance.ring.catalogue import Catalogue, ChunkRanges, StreamSpan
from appliance.ring.chunk import MAX_HEADER, HeaderInfo, parts_limit
from appliance.ring.disk import Disk
from appliance.ring.faults import DiskFailed, DiskTooSmall, NoDisk, UnknownStream
from appliance.ring.feed import Feed, FeedPart, Subscriber
from appliance.ring.index import Index
from appliance.ring.lane import Budget, Lane
from appliance.ring.member import Member
from appliance.ring.placement import SLOW_AGE_LIMIT_TICKS, chunks_needed
from appliance.ring.planner import DiskPlan, Planner, close
from appliance.ring.pool import ChunkState, Wiped
from appliance.ring.recovery import chunk_row, end_us, extend_spans, span_rows
from appliance.ring.report import absent_disk_state, disk_state, live, stream_state
from appliance.ring.start import Start
from appliance.ring.writer import ChunkJob, OpenChunk, PartJob, TickResult

log = logging.getLogger(__name__)

TICK_S: Final = 0.4
"""Seconds between ticks: what a power cut may take, at 2.5 flushes a second and disk."""

QUEUE_LIMIT: Final = 256 << 20
"""Bytes of pictures in memory, all streams together: 8 s of 64 cameras at 4 Mbit/s."""

IDLE_CHUNK_US: Final = SLOW_AGE_LIMIT_TICKS * 100 // 9
"""An open chunk that is this old and gets no picture is closed: a camera that is off pins no chunk."""


class DiskPath(Protocol):
    """What the ring needs to know of a disk of the site description."""

    @property
    def path(self) -> Path: ...


class Ring:
    """Recorder side of the ring. Lives in one event loop; create, `open`, feed the sinks of `stream`, `close`."""

    def __init__(
        self,
        disks: Sequence[DiskPath],
        clock: Clock,
        index_path: Path,
        *,
        site_name: str = "",
        tick_s: float = TICK_S,
        quarantine_s: float = 120,
        queue_limit: int = QUEUE_LIMIT,
        automatic: bool = True,
        supervisor: Supervisor | None = None,
    ) -> None:
        """`automatic` False: nothing ticks by itself, `tick()` is called (tests, accelerated runs).

        `before_tick` is called at the start of each tick, in the loop: capture drains its sockets there.
        """
        self._paths = [disk.path for disk in disks]
        self._clock = clock
        self._tick_us = round(tick_s * 1_000_000)
        self._quarantine_us = round(quarantine_s * 1_000_000)
        self._automatic = automatic
        self._supervisor = supervisor or Supervisor(clock)
        self._index = Index(index_path, clock)
        self._planner = Planner(clock, site_name)
        self._budget = Budget(queue_limit)
        self._members: list[Member] = []
        self._unusable: dict[str, ApplianceError] = {}
        self._lanes: dict[StreamKey, Lane] = {}
        self._open_chunks: dict[StreamKey, list[OpenChunk]] = {}
        self._start = Start(self._index, self._planner, self._lanes, self._open_chunks, clock)
        self._catalogue = Catalogue(self._index, self._open_chunks, clock)
        self._feed = Feed(clock)
        self._helpers: set[asyncio.Task[None]] = set()
        self._first_us: dict[StreamKey, int] = {}
        self._jobs: list[asyncio.Task[None]] = []
        self._opened = False
        self._stopping = False
        self.before_tick: list[Callable[[], None]] = []

    # life

    async def open(self) -> None:
        """Open disks and index, learn every chunk's state, prepare the stock; open chunks are read in background.

        A disk that cannot be used is left aside and named in the state. Raises NoDisk, DiskTooSmall.
        """
        await self._index.open()
        for path in self._paths:
            await self._open_disk(path)
        if not self._members:
            await self._index.close()
            raise NoDisk
        await self._index.forget_other_disks([member.uuid for member in self._members])
        self._planner.largest_part = min(parts_limit(m.disk.geometry) - MAX_HEADER for m in self._members)
        self._catalogue.disks = {member.uuid: member.disk for member in self._members}
        recovery = [
            self._start.recover(m, opened, self._fail) for m in self._members if (opened := await self._load(m))
        ]
        self._opened = True
        for lane in self._lanes.values():
            self._start.attach(lane)
        self._check_size()
        for member in self._members:
            self._restock(member)
        await self.settle()
        for job in recovery:
            self._help(job)
        await self.tick()
        if self._automatic:
            self._jobs = [
                self._supervisor.keep("ring ticks", self._run),
                self._supervisor.supervise("ring index", 1.0, self.keep_index),
            ]

    async def close(self) -> None:
        """A last tick; everything appended is durable, open chunks stay open for the next start."""
        self._stopping = True
        for job in self._jobs:
            job.cancel()
        if self._jobs:
            await asyncio.wait(self._jobs)
        busy = [member.task for member in self._members if member.task is not None]
        if busy:
            await asyncio.wait(busy)
        await self.settle()
        await self.tick()
        await self.tick()  # the blocks that complete the tables written by the last one
        await self.settle()
        for chunk in (chunk for chunks in self._open_chunks.values() for chunk in chunks):
            self._members[chunk.disk].writer.close_later(chunk.fd)
        for member in self._members:
            member.close()
        await self._index.close()

    def stream(self, key: StreamKey, title: str, priority: int = 0) -> StreamSink:
        """The sink of a stream; a higher `priority` loses pictures later when the queue is full."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key, title, priority, self._budget, self._overflow)
            if self._opened:
                self._start.attach(lane)
                self._check_size()
        return lane

    async def _open_disk(self, path: Path) -> None:
        try:
            disk = await asyncio.to_thread(Disk, path)
        except ApplianceError as error:
            log.error("disk left aside: %s", error)  # noqa: TRY400 - the sentence says all
            self._unusable[str(path)] = error
            return
        self._members.append(Member(len(self._members), disk, self._clock, self._quarantine_us))

    async def _load(self, member: Member) -> list[HeaderInfo]:
        try:
            return await self._start.load(member)
        except OSError as error:
            self._fail(member, str(error))
            return []

    def _check_size(self) -> None:
        """A disk must hold its share of the streams and the stock that goes with them. Raises DiskTooSmall."""
        share = -(-len(self._lanes) // len(self._paths))
        needed = chunks_needed(share)
        for member in self._members:
            if member.pool.count < needed:
                raise DiskTooSmall(path=str(member.disk.path), chunks=member.pool.count, needed=needed, streams=share)

    # ticks

    async def tick(self) -> None:
        """One tick of every idle disk; returns when it is durable and published."""
        tasks = self._start_ticks([member for member in self._members if member.task is None])
        await asyncio.gather(*tasks)

    async def settle(self) -> None:
        """Wait for what runs beside the ticks: files being opened, chunks being recovered."""
        while self._helpers:
            await asyncio.gather(*self._helpers)

    async def _run(self) -> None:
        """The tick scheduler; ends never."""
        while True:
            now = self._clock.monotonic_us()
            due = [m for m in self._members if m.task is None and not m.failed and m.due_us <= now]
            for member in due:
                member.due_us = max(member.due_us, now - self._tick_us) + self._tick_us
            self._start_ticks(due)
            busy = [member.task for member in self._members if member.task is not None]
            idle = [m.due_us for m in self._members if m.task is None and not m.failed]
            wait_s = max(0.0, (min(idle) - self._clock.monotonic_us()) / 1e6) if idle else self._tick_us / 1e6
            if busy:
                done, _ = await asyncio.wait(busy, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            else:
                await asyncio.sleep(wait_s)

    def _start_ticks(self, due: Sequence[Member]) -> list[asyncio.Task[None]]:
        if not due:
            return []
        for callback in self.before_tick:
            callback()
        plans = {m.index: DiskPlan(m.index, m.disk, m.pool) for m in due if not m.failed}
        for index in plans:
            self._members[index].pool.release(self._clock.monotonic_us())
        if not plans:
            return []
        self._close_stale(plans)
        usable = [member.load() for member in self._members]
        for lane in self._lanes.values():
            if lane.segments:
                self._planner.plan(lane, plans, usable)
        return [self._submit(self._members[index], plan) for index, plan in plans.items()]

    def _close_stale(self, plans: dict[int, DiskPlan]) -> None:
        """Close chunks that nobody goes on with, and those of cameras that have sent nothing for long."""
        old_us = self._clock.utc_us() - IDLE_CHUNK_US
        for lane in self._lanes.values():
            chunk = lane.chunk
            if chunk is not None and not lane.pending and chunk.header.opened_utc_us < old_us and chunk.disk in plans:
                close(lane, plans[chunk.disk])
        for chunk in self._start.unclaimed():
            if chunk.header.opened_utc_us < old_us:
                self._start.abandon(chunk)
        for chunk in list(self._start.stale):
            if chunk.disk in plans:
                self._start.stale.remove(chunk)
                plans[chunk.disk].chunk_job(None, chunk).close = True

    def _submit(self, member: Member, plan: DiskPlan) -> asyncio.Task[None]:
        wiping = member.to_wipe()
        job = plan.job
        job.zero = [chunk.fd for chunk in wiping if chunk.fd is not None]
        job.heartbeat = member.heartbeat(self._planner.generation, idle=not job.chunks and not job.zero)
        for chunk_job in job.chunks:
            chunk_job.copy = bool(chunk_job.parts) and self._feed.wanted(chunk_job.chunk.header.key)
        member.task = asyncio.create_task(self._tick(member, plan, wiping), name=f"ring tick {member.index}")
        return member.task

    async def _tick(self, member: Member, plan: DiskPlan, wiping: list[Wiped]) -> None:
        done = False
        try:
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(member.thread, member.writer.tick, plan.job)
            if result.error is None:
                member.account(result)
                member.wiped(wiping)
                await self._publish(member, plan, result)
                self._restock(member)
                done = True
            else:
                self._fail(member, str(result.error), plan)
                done = True
        finally:
            member.task = None
            for event in plan.published.values():
                event.set()  # whoever waits for a disk that failed waits no longer
            if not done:  # a bug of ours or a cancelled task: nothing of this disk is believed any more
                self._fail(member, "tick interrupted", plan)

    async def _publish(self, member: Member, plan: DiskPlan, result: TickResult) -> None:
        """Everything of the tick is durable: say so, each stream's parts in their order."""

        async def in_turn(job: ChunkJob) -> None:
            await plan.after[job.chunk.number].wait()
            self._publish_chunk(member, plan, job, result)

        for job in plan.job.chunks:
            if job.chunk.number not in plan.after:
                self._publish_chunk(member, plan, job, result)
        if plan.after:  # together: one that waits must not keep another from being waited for
            await asyncio.gather(*(in_turn(job) for job in plan.job.chunks if job.chunk.number in plan.after))
        closed = [job.chunk for job in plan.job.chunks if job.close]
        if closed:
            await self._index.put([(chunk_row(c.header, c.init_length, c.entries), span_rows(c.spans)) for c in closed])
            for chunk in closed:
                self._open_chunks[chunk.header.key].remove(chunk)
                member.pool.set(chunk.number, ChunkState.CLOSED)
                member.pool.closed.append(chunk.number)

    def _publish_chunk(self, member: Member, plan: DiskPlan, job: ChunkJob, result: TickResult) -> None:
        chunk = job.chunk
        new = chunk.entries[chunk.durable :]
        chunk.durable = len(chunk.entries)
        key = chunk.header.key
        if job.header is not None:
            self._open_chunks.setdefault(key, []).append(chunk)
        extend_spans(chunk.spans, new)
        lane = plan.owners[chunk.number]
        if lane is not None and new:
            lane.counters.parts += len(new)
            lane.counters.size += sum(entry.length for entry in new)
            lane.durable_utc_us = end_us(new[-1])
            member.mark_utc_us = max(member.mark_utc_us, lane.durable_utc_us)
        copies = result.copies.get(chunk.number)
        if copies:
            self._feed.publish(key, [FeedPart(key, e, data, chunk.init, chunk.header.generation) for e, data in copies])
        if chunk.number in plan.published:
            plan.published[chunk.number].set()

    def _restock(self, member: Member) -> None:
        if self._stopping:
            return
        share = -(-len(self._lanes) // len(self._members))
        prepared, freed = member.restock(share, self._catalogue.leases.leased)
        if prepared:
            self._help(member.prepare(prepared, freed, self._index))

    def _help(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._helpers.add(task)
        task.add_done_callback(self._helpers.discard)

    # trouble

    def _fail(self, member: Member, why: str, plan: DiskPlan | None = None) -> None:
        """A write or flush failed: the chunks of the tick are set aside, the disk leaves the pool, pictures stay."""
        if not member.failed:
            log.error("%s", DiskFailed(path=str(member.disk.path), why=why))
        member.failed = why
        for job in plan.job.chunks if plan else ():
            member.pool.set(job.chunk.number, ChunkState.SUSPECT)
            del job.chunk.entries[job.chunk.durable :]
        for lane in self._lanes.values():
            here = lane.chunk is not None and lane.chunk.disk == member.index
            if here:
                lane.chunk = None
            unwritten = _parts_of(plan, lane)
            if unwritten and (here or lane.chunk is None):
                lane.give_back(unwritten)
            elif unwritten:  # it went on elsewhere in the same tick: these parts would come out of order
                lane.counters.lost += sum(len(part.units) for part in unwritten)

    def _overflow(self) -> None:
        """The queue is full: whole GOPs go, of the least important stream that waits most."""
        while self._budget.used > self._budget.limit:
            waiting = [lane for lane in self._lanes.values() if lane.pending]
            if not waiting:
                return
            lane = min(waiting, key=lambda lane: (lane.priority, -lane.pending))
            lane.counters.dropped += lane.drop_gop(GapCause.OVERLOAD)

    # questions

    async def ranges(
        self, key: StreamKey, from_us: int, to_us: int, *, from_keyframe: bool = False
    ) -> list[ChunkRanges]:
        """Durable parts of a stream that overlap [from, to): see Catalogue.ranges. Raises UnknownStream."""
        return await self._catalogue.ranges(self._known(key), from_us, to_us, from_keyframe=from_keyframe)

    async def spans(self, key: StreamKey, from_us: int, to_us: int) -> list[StreamSpan]:
        """Durable stretches of a stream: see Catalogue.spans. Raises UnknownStream."""
        return await self._catalogue.spans(self._known(key), from_us, to_us)

    async def lease(self, key: StreamKey, from_us: int, to_us: int, seconds: float) -> tuple[str, int]:
        """(lease, UTC microseconds of its end). Raises UnknownStream."""
        return await self._catalogue.lease(self._known(key), from_us, to_us, seconds)

    def release(self, lease: str) -> None:
        """End a lease. Raises UnknownLease."""
        self._catalogue.leases.release(lease)

    def subscribe(self, keys: Iterable[StreamKey]) -> Subscriber:
        """Newest durable parts of these streams. Raises UnknownStream."""
        return self._feed.subscribe([self._known(key) for key in keys])

    def durable_us(self, key: StreamKey) -> int | None:
        """UTC up to which the stream is safe on disk, in this life of the process."""
        return self._lanes[self._known(key)].durable_utc_us

    def has_past(self, key: StreamKey) -> bool:
        """Did the stream record anything that is still on the disks when the ring was opened?"""
        return self._start.has_past(key)

    def live(self, key: StreamKey) -> tuple[str, GapCause]:
        """("recording", NONE), or ("gap", why nothing comes)."""
        return live(self._lanes[self._known(key)])

    def _known(self, key: StreamKey) -> StreamKey:
        if key not in self._lanes:
            raise UnknownStream(stream=str(key))
        return key

    async def keep_index(self) -> None:
        """Periodic work: commit the index, refresh how far the past reaches."""
        await self._index.commit_if_due()
        first = await self._index.oldest(self._lanes)
        for key, chunks in self._open_chunks.items():
            held = [span.from_us for chunk in chunks for span in chunk.spans]
            if held:
                first[key] = min(first.get(key, held[0]), *held)
        self._first_us = first

    def state(self) -> dict[str, object]:
        """Disks and streams as plain values for the socket's `state`."""
        return {
            "now_utc_us": self._clock.utc_us(),
            "tick_ms": self._tick_us // 1000,
            "pending": self._budget.used,
            "disks": [disk_state(member, self._tick_us) for member in self._members]
            + [absent_disk_state(path, error) for path, error in self._unusable.items()],
            "streams": {
                str(key): {**stream_state(lane), "first_utc_us": self._first_us.get(key)}
                for key, lane in self._lanes.items()
            },
        }


def _parts_of(plan: DiskPlan | None, lane: Lane) -> list[PartJob]:
    if plan is None:
        return []
    jobs: list[ChunkJob] = [job for job in plan.job.chunks if plan.owners[job.chunk.number] is lane]
    return sorted((part for job in jobs for part in job.parts), key=lambda part: part.sequence)
