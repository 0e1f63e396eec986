"""The ticks of a ring: what is due is planned in the loop, done by each disk's thread, then published.

Only what a flush covers is published: the durable mark, the index, the feed and `ranges` never speak of a byte that a
power cut could take back. A disk whose tick is late starts the next one at once and never runs two at a time.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from appliance.core.cause import GapCause
from appliance.media.stream import ClockState
from appliance.ring.access.feed import FeedPart
from appliance.ring.catalog.log import closed_facts
from appliance.ring.disks.member import Member
from appliance.ring.disks.members import Members
from appliance.ring.disks.pool import ChunkState, Wiped
from appliance.ring.expiry.destruction import EARLY, Destruction
from appliance.ring.lane import Lane
from appliance.ring.placement import SLOW_AGE_LIMIT_TICKS, WISHES_PER_HOUR, DiskLoad, may_open
from appliance.ring.planner import DiskPlan, close
from appliance.ring.recovery import chunk_row, end_us, extend_spans, span_rows
from appliance.ring.shared import Shared
from appliance.ring.writer import ChunkJob, OpenChunk, TickResult

IDLE_CHUNK_US: Final = SLOW_AGE_LIMIT_TICKS * 100 // 9
"""An open chunk that is this old and gets no picture is closed: a camera that is off pins no chunk."""

TURN_US: Final = 5_000
"""Microseconds of taking pictures after which the event loop gets its turn: all keyframes of 64 cameras at once are
20 ms of work, and answers, timers and the other disks must not wait for all of it."""


class Ticker:
    """Schedules and runs the ticks. `before_tick`, `after_tick`: called in the loop at each one's start and end.

    A start may take several turns of the loop, one call of `before_tick` is never divided.
    """

    def __init__(self, shared: Shared, members: Members, destruction: Destruction, tick_us: int) -> None:
        self._shared = shared
        self._members = members
        self._tick_us = tick_us
        self.destruction = destruction
        self.before_tick: list[Callable[[], None]] = []
        self.after_tick: list[Callable[[], None]] = []

    async def tick(self) -> None:
        """One tick of every idle disk; returns when it is durable and published. A stuck disk is given up first."""
        self._members.watch()
        await self._take_pictures()
        tasks = self._start_ticks([member for member in self._members.all if member.task is None])
        await asyncio.gather(*tasks)

    async def run(self) -> None:
        """The tick scheduler; ends never."""
        while True:
            self._members.watch()
            now = self._shared.clock.monotonic_us()
            if self._due(now):
                await self._take_pictures()
            due = self._due(now)
            for member in due:
                member.due_us = max(member.due_us, now - self._tick_us) + self._tick_us
            self._start_ticks(due)
            busy = [member.task for member in self._members.all if member.task is not None]
            idle = [m.due_us for m in self._members.all if m.task is None and not m.failed]
            wait_s = max(0.0, (min(idle) - self._shared.clock.monotonic_us()) / 1e6) if idle else self._tick_us / 1e6
            if busy:
                done, _ = await asyncio.wait(busy, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            else:
                await asyncio.sleep(wait_s)

    def _due(self, now_us: int) -> list[Member]:
        return [m for m in self._members.all if m.task is None and not m.failed and m.due_us <= now_us]

    async def _take_pictures(self) -> None:
        """`before_tick`, with a turn of the loop in between whenever it took long enough."""
        clock = self._shared.clock
        began_us = clock.monotonic_us()
        for callback in tuple(self.before_tick):
            callback()
            if clock.monotonic_us() - began_us >= TURN_US:
                await asyncio.sleep(0)
                began_us = clock.monotonic_us()

    def _start_ticks(self, due: Sequence[Member]) -> list[asyncio.Task[None]]:
        if not due:
            return []
        plans = {m.index: DiskPlan(m.index, m.disk, m.pool) for m in due if not m.failed}
        for index in plans:
            self._members.all[index].pool.release(self._shared.clock.monotonic_us())
        if not plans:
            return []
        self._close_stale(plans)
        usable = [member.load() for member in self._members.all]
        for lane in self._shared.lanes.values():
            if lane.segments:
                self._shared.planner.plan(lane, plans, usable)
        self._plan_rescued(plans, usable)
        return [self._submit(self._members.all[index], plan) for index, plan in plans.items()]

    def _plan_rescued(self, plans: dict[int, DiskPlan], usable: Sequence[DiskLoad]) -> None:
        """Parts whose stream has gone on without them: a chunk of their own, closed at once."""
        for lane in self._shared.rescued:
            if lane.pending:
                self._shared.planner.plan(lane, plans, usable)
            if lane.chunk is not None and not lane.pending and lane.chunk.disk in plans:
                close(lane, plans[lane.chunk.disk])

    def _close_stale(self, plans: dict[int, DiskPlan]) -> None:
        """Close chunks that nobody goes on with, and those of cameras that have sent nothing for long."""
        now_us = self._shared.clock.utc_us()
        old_us = now_us - IDLE_CHUNK_US
        for lane in self._shared.lanes.values():
            chunk = lane.chunk
            if chunk is None or lane.pending or chunk.disk not in plans:
                continue
            if chunk.header.opened_utc_us < old_us or _paused(lane, chunk, now_us):
                close(lane, plans[chunk.disk])
        for chunk in self._shared.start.unclaimed():
            if chunk.header.opened_utc_us < old_us:
                self._shared.start.abandon(chunk)
        for chunk in list(self._shared.start.stale):
            if chunk.disk in plans:
                self._shared.start.stale.remove(chunk)
                plans[chunk.disk].chunk_job(None, chunk).close = True

    def _submit(self, member: Member, plan: DiskPlan) -> asyncio.Task[None]:
        wiping = member.to_wipe()
        job = plan.job
        job.slices = member.slices.take()
        job.catalog = member.catalog.take()
        job.zero = [chunk.fd for chunk in wiping if chunk.fd is not None]
        idle = not job.chunks and not job.zero
        shared = self._shared
        job.heartbeat = member.heartbeat(shared.planner.generation, shared.clock_state(), shared.anchor(), idle=idle)
        for chunk_job in job.chunks:
            chunk_job.copy = bool(chunk_job.parts) and self._shared.feed.wanted(chunk_job.chunk.header.key)
        member.plan, member.asked_us = plan, self._shared.clock.monotonic_us()
        member.task = asyncio.create_task(self._tick(member, plan, wiping), name=f"ring tick {member.index}")
        return member.task

    async def _tick(self, member: Member, plan: DiskPlan, wiping: list[Wiped]) -> None:
        done = False
        try:
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(member.thread, member.writer.tick, plan.job)
            member.asked_us = None
            if result.error is None and not member.failed:
                member.plan = None  # durable: nothing of it is to be written again
                member.account(result)
                member.wiped(wiping)
                self.destruction.destroyed(member, [chunk.number for chunk in wiping])
                self._members.spoil(member, plan, result.spoiled)
                await self._publish(member, plan, result)
                self.restock(member)
            elif result.error is not None:
                self._members.fail(member, str(result.error))
            done = True
        except OSError:  # the disk was given up while its thread was at it
            done = member.failed != ""
        finally:
            member.task = None
            member.asked_us = None
            for event in plan.published.values():
                event.set()  # whoever waits for a disk that failed waits no longer
            if not done:  # a bug of ours or a cancelled task: nothing of this disk is believed any more
                self._members.fail(member, "tick interrupted")
            for callback in self.after_tick:
                callback()

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
        if closed and not member.gone():
            held = [(chunk_row(c.header, c.init_length, c.entries), span_rows(c.spans)) for c in closed]
            await self._shared.index.put(held)
            for chunk, (row, spans) in zip(closed, held, strict=True) if not member.gone() else ():
                self._shared.open_chunks[chunk.header.key].remove(chunk)
                member.pool.set(chunk.number, ChunkState.CLOSED, closed_facts(row, spans), late=True)  # after the seal
                member.pool.closed.append(chunk.number)

    def _publish_chunk(self, member: Member, plan: DiskPlan, job: ChunkJob, result: TickResult) -> None:
        if member.failed:  # while this waited for its turn: the pictures are on a disk that is gone
            return
        chunk = job.chunk
        new = chunk.entries[chunk.durable :]
        chunk.durable = len(chunk.entries)
        key = chunk.header.key
        if job.header is not None:
            self._shared.open_chunks.setdefault(key, []).append(chunk)
        extend_spans(chunk.spans, new)
        lane = plan.owners[chunk.number]
        if lane is not None and new:
            lane.counters.parts += len(new)
            lane.counters.size += sum(entry.length for entry in new)
            lane.durable_utc_us = max(lane.durable_utc_us or 0, end_us(new[-1]))
            if new[-1].clock_state != ClockState.DOUBTFUL:  # a year ahead, the mark would never move again
                member.mark_utc_us = max(member.mark_utc_us, end_us(new[-1]))
            if lane in self._shared.rescued and not lane.pending:
                self._shared.rescued.remove(lane)
        copies = result.copies.get(chunk.number)
        if copies:
            self._shared.feed.publish(
                key, [FeedPart(key, e, data, chunk.init, chunk.header.generation) for e, data in copies]
            )
        if chunk.number in plan.published:
            plan.published[chunk.number].set()

    def restock(self, member: Member) -> None:
        """Prepare as many chunks as the disk's stock lacks, beside the ticks."""
        if self._shared.stopping or member.failed:
            return
        share = -(-len(self._shared.lanes) // len(self._members.live))
        leases = self._shared.catalogue.leases.leased
        # while the index is made again nobody could say what went: nothing goes but what the next chunks need
        leased = _all_leased if self._shared.index.building else leases
        prepared, freed = member.restock(share, leased)
        if prepared:
            self._shared.help(self._prepare(member, prepared, freed))

    async def _prepare(self, member: Member, prepared: list[Wiped], freed: list[int]) -> None:
        await self.destruction.condemn(member, freed, EARLY)
        await member.prepare(prepared, freed, self._shared.index)


def _all_leased(_disk: str, _number: int) -> bool:
    return True


def _paused(lane: Lane, chunk: OpenChunk, now_us: int) -> bool:
    """A planned pause has begun: the chunk is closed before the site opens, so that not even its table is written then.

    A calendar that pauses ever again eats no past: a stream that opened many chunks of late keeps this one.
    """
    if lane.end_cause is not GapCause.PLANNED:
        return False
    return may_open(lane.current_openings(now_us), now_us, chunk.geometry.chunk_size, WISHES_PER_HOUR)
