"""Plans a tick: which parts of which streams go where, with every offset fixed. In the event loop, no input or output.

A stream belongs to the disk of its open chunk. All disks that are idle are planned together, so that a stream that
leaves its chunk goes on in the same tick on another disk.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from appliance.core.cause import GapCause
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.units import ticks_to_us, us_to_ticks
from appliance.media.part import part_size
from appliance.media.stream import AccessUnit, RunStart
from appliance.ring.catalog.log import open_facts
from appliance.ring.chunk import ChunkHeader, encode_header, parts_limit, read_header, table_full
from appliance.ring.disks.disk import Disk
from appliance.ring.disks.pool import ChunkState, Pool
from appliance.ring.faults import PictureTooLarge
from appliance.ring.lane import Lane, Segment
from appliance.ring.placement import (
    OPENINGS_PER_HOUR,
    WISHES_PER_HOUR,
    ChunkRoom,
    DiskLoad,
    Roll,
    age_limit_ticks,
    choose_disk,
    cut,
    may_open,
    roll,
)
from appliance.ring.writer import ChunkJob, OpenChunk, PartJob, TickJob

log = logging.getLogger(__name__)

PATIENCE_US: Final = 2_000_000
"""A stream waits this long for its chunk to be recovered after a start, then takes a spare one."""

UNREAD_NUMBERS: Final = 100_000
"""Runs and parts that the chunk still being read may hold at most, with room to spare: their numbers are skipped."""


@dataclass(slots=True)
class DiskPlan:
    """A disk's tick being planned; everything below by chunk number.

    `owners`: the stream of each chunk job, None when it is nobody's any more. A stream that goes on on another disk
    in the same tick is published in order: its new chunk's job waits (`after`) until the old one is `published`.
    """

    index: int
    disk: Disk
    pool: Pool
    job: TickJob = field(default_factory=TickJob)
    chunks: dict[int, ChunkJob] = field(default_factory=dict)
    owners: dict[int, Lane | None] = field(default_factory=dict)
    published: dict[int, asyncio.Event] = field(default_factory=dict)
    after: dict[int, asyncio.Event] = field(default_factory=dict)

    def chunk_job(self, lane: Lane | None, chunk: OpenChunk) -> ChunkJob:
        """The job of this chunk in this tick, made when it is the first mention."""
        job = self.chunks.get(chunk.number)
        if job is None:
            job = self.chunks[chunk.number] = ChunkJob(chunk, chunk.end)
            self.job.chunks.append(job)
            self.owners[chunk.number] = lane
        return job


class Planner:
    """Plans lanes onto disks.

    `generation`: the highest given out; every opening takes the next. `largest_part`: bytes that fit any chunk.
    """

    def __init__(self, clock: Clock, site: str) -> None:
        self._clock = clock
        self._site = site
        self.generation = 0
        self.largest_part = 0

    def plan(self, lane: Lane, plans: dict[int, DiskPlan], usable: Sequence[DiskLoad]) -> None:
        """Cut what is pending of a stream into the idle disks' ticks; what cannot be placed stays pending."""
        now_us = self._clock.monotonic_us()
        while (segment := lane.first()) is not None:
            if lane.recovering and not self._spare(lane, now_us):
                return
            if lane.chunk is not None and lane.chunk.disk not in plans:
                return  # its disk is still busy with the last tick
            try:
                if not self._segment(lane, segment, plans, usable):
                    return
            except ApplianceError as error:  # a header that cannot be written: this stream's trouble, nobody else's
                self._refuse(lane, error)
        lane.waiting_since_us = None

    def _refuse(self, lane: Lane, error: ApplianceError) -> None:
        if lane.fault is None or lane.fault.code != error.code:
            log.error("%s is not recorded: %s", lane.key, error)
        lane.fault = error
        lane.counters.refused += lane.drop_gop(GapCause.CAMERA_CODEC)

    def _spare(self, lane: Lane, now_us: int) -> bool:
        """The chunk to be continued is still being read: wait a little, then go on in a spare one."""
        if lane.waiting_since_us is None:
            lane.waiting_since_us = now_us
        if now_us - lane.waiting_since_us < PATIENCE_US:
            return False
        utc_us = self._clock.utc_us()
        if not may_open(lane.current_openings(utc_us), utc_us, 1 << 62, WISHES_PER_HOUR):
            return False
        lane.number_after(lane.run_id + UNREAD_NUMBERS, lane.sequence + UNREAD_NUMBERS)
        lane.recovering = False
        return True

    def _segment(self, lane: Lane, segment: Segment, plans: dict[int, DiskPlan], usable: Sequence[DiskLoad]) -> bool:
        """Place a segment's parts; False when something is left that must wait."""
        done = 0
        placed: bool | None = True
        units = segment.units
        try:
            for start, end in cut(units):
                following = units[end] if end < len(units) else None
                placed = self._place(lane, segment, units[start:end], following, plans, usable)
                if not placed:
                    break
                done = end
        finally:
            lane.taken(segment, done)
        if placed is None:
            lane.counters.parameters += lane.drop_gop(GapCause.PARAMETERS)
            return True
        return placed

    def _place(
        self,
        lane: Lane,
        segment: Segment,
        units: list[AccessUnit],
        following: AccessUnit | None,
        plans: dict[int, DiskPlan],
        usable: Sequence[DiskLoad],
    ) -> bool | None:
        """Give one part its place. False: wait; None: its parameters may not have a chunk now, drop the GOP."""
        size = part_size(units)
        if size > self.largest_part:
            raise PictureTooLarge(stream=str(lane.key), size=size, limit=self.largest_part)
        dts = units[0].dts_ticks
        utc_us = ticks_to_us(dts) + segment.run.utc_offset_us
        leave = self._leaves(lane, segment, units[0], size, utc_us)
        if leave is None:
            return None
        if leave or lane.chunk is None:
            chunk = self._open(lane, segment.run, dts, utc_us, plans, usable)
            if chunk is None:
                return False
        else:
            chunk = lane.chunk
        if not chunk.parts:
            _begin(chunk, segment.run, dts, utc_us)
        elif segment.fresh or chunk.base_boot != segment.run.boot_id:
            _rebase(chunk, segment.run, dts, utc_us)
        lane.sequence += 1
        last = units[-1].dts_ticks
        part = PartJob(
            units=units,
            run=segment.run,
            run_id=segment.run_id,
            sequence=lane.sequence,
            utc_us=utc_us,
            monotonic_us=ticks_to_us(dts),
            tfdt=dts - chunk.base_ticks,
            last_duration=following.dts_ticks - last if following is not None else lane.frame_ticks,
            starts_run=segment.fresh,
            cause=_cause(segment),
            size=size,
        )
        plans[chunk.disk].chunk_job(lane, chunk).parts.append(part)
        segment.fresh = False
        chunk.end += size
        chunk.parts += 1
        chunk.keyframes += units[0].keyframe
        chunk.last_end = last - chunk.base_ticks + part.last_duration
        lane.placed(part)
        return True

    def _leaves(self, lane: Lane, segment: Segment, first: AccessUnit, size: int, utc_us: int) -> bool | None:
        """Must this part go to a new chunk? None: it must, and may not."""
        chunk = lane.chunk
        if chunk is None:
            return False
        geometry = chunk.geometry
        gop_size, gop_ticks = lane.largest_gop()
        age = first.dts_ticks - chunk.base_ticks
        if segment.fresh:
            age = max(_elapsed(chunk, segment.run, first.dts_ticks, utc_us), chunk.last_end)
        room = ChunkRoom(
            end=chunk.end,
            limit=parts_limit(geometry),
            age_ticks=age,
            age_limit_ticks=age_limit_ticks(chunk.end, chunk.last_end),
            table_full=table_full(chunk.parts, chunk.keyframes, geometry),
            same_parameters=segment.run.parameters == chunk.header.parameters,
            gop_size=gop_size,
            gop_ticks=gop_ticks,
        )
        decision = roll(room, size, keyframe=first.keyframe)
        if decision is Roll.CONTINUE:
            return False
        if decision is Roll.FULL:
            return True
        now = self._clock.utc_us()
        beyond = WISHES_PER_HOUR if decision is Roll.WISH else OPENINGS_PER_HOUR
        return (
            True
            if may_open(lane.current_openings(now), now, geometry.chunk_size, beyond)
            else None
            if decision is Roll.PARAMETERS
            else False
        )

    def _open(
        self,
        lane: Lane,
        run: RunStart,
        dts: int,
        utc_us: int,
        plans: dict[int, DiskPlan],
        usable: Sequence[DiskLoad],
    ) -> OpenChunk | None:
        """Close the stream's chunk and open another; None when no idle disk has one ready."""
        last = lane.chunk.disk if lane.chunk is not None else lane.last_disk
        idle = [DiskLoad(p.index, p.pool.open_count, len(p.pool.ready)) for p in plans.values()]
        index = choose_disk(idle, last)
        others = any(disk.ready and disk.index != last and disk.index not in plans for disk in usable)
        if index is None or (index == last and others and lane.waiting_since_us is None):
            lane.waiting_since_us = self._clock.monotonic_us()  # the other disk will be idle in a moment
            return None
        lane.waiting_since_us = None
        plan = plans[index]
        stock = plan.pool.ready[0]
        assert stock.fd is not None
        header = ChunkHeader(
            generation=self.generation + 1,
            number=stock.number,
            disk_uuid=plan.disk.identity.uuid,
            site=self._site,
            key=lane.key,
            title=lane.title,
            parameters=run.parameters,
            opened_utc_us=utc_us,
            opened_monotonic_us=ticks_to_us(dts),
            boot_id=run.boot_id,
            base_ticks=dts,
        )
        data = encode_header(header, plan.disk.geometry)
        info = read_header(data)
        self.generation += 1
        before: asyncio.Event | None = None
        if lane.chunk is not None:
            leaving = plans[lane.chunk.disk]
            before = leaving.published.setdefault(lane.chunk.number, asyncio.Event())
            close(lane, leaving)
        plan.pool.ready.popleft()
        facts = open_facts(header.generation, lane.key.camera, lane.key.stream, utc_us)
        plan.pool.set(stock.number, ChunkState.OPEN, facts)
        lane.fault = None
        chunk = OpenChunk(
            disk=index,
            geometry=plan.disk.geometry,
            number=stock.number,
            fd=stock.fd,
            header=header,
            header_length=info.length,
            init_length=info.init_length,
            header_crc=info.crc,
            first_utc_us=utc_us,
            base_ticks=dts,
            base_boot=run.boot_id,
            end=info.length,
            last_crc=info.crc,
            init=data[: info.init_length],
        )
        job = plan.chunk_job(lane, chunk)
        job.at, job.header = 0, data
        if before is not None:
            plan.after[chunk.number] = before
        lane.chunk = chunk
        lane.last_disk = index
        return chunk


_OFF: Final = frozenset({GapCause.APPLIANCE_OFF, GapCause.POWER, GapCause.UPDATE})


def _cause(segment: Segment) -> int:
    """Before a stream's first run ever, nothing is missing because the recorder was off: it was not there yet."""
    first = segment.run_id == 1 and segment.run.cause in _OFF
    return int(GapCause.NONE if first else segment.run.cause)


def close(lane: Lane, plan: DiskPlan) -> None:
    """Close the stream's chunk in this tick."""
    chunk = lane.chunk
    assert chunk is not None
    plan.chunk_job(lane, chunk).close = True
    lane.left(chunk)


def _elapsed(chunk: OpenChunk, run: RunStart, dts: int, utc_us: int) -> int:
    """Ticks since the chunk's first sample: by the monotonic clock, across a reboot by UTC."""
    if run.boot_id == chunk.base_boot:
        return dts - chunk.base_ticks
    return us_to_ticks(utc_us - chunk.first_utc_us)


def _begin(chunk: OpenChunk, run: RunStart, dts: int, utc_us: int) -> None:
    """The first part of a chunk is its time 0, also when a cut left nothing but the header of an earlier boot."""
    chunk.base_ticks = dts
    chunk.base_boot = run.boot_id
    chunk.first_utc_us = utc_us


def _rebase(chunk: OpenChunk, run: RunStart, dts: int, utc_us: int) -> None:
    """A run begins inside a chunk: its `tfdt` jumps by the elapsed time and never back."""
    tfdt = max(_elapsed(chunk, run, dts, utc_us), chunk.last_end)
    chunk.base_ticks = dts - tfdt
    chunk.base_boot = run.boot_id
