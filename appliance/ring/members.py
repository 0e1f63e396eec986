"""Which disks are members of the ring: opened at start, left aside when they cannot be used, out when they fail."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from appliance.core.errors import ApplianceError
from appliance.ring.chunk import MAX_HEADER, HeaderInfo, parts_limit
from appliance.ring.disk import Disk
from appliance.ring.faults import DiskFailed, DiskTooSmall, NoDisk
from appliance.ring.lane import Lane
from appliance.ring.member import Member
from appliance.ring.placement import chunks_needed
from appliance.ring.planner import DiskPlan
from appliance.ring.pool import ChunkState
from appliance.ring.shared import Shared
from appliance.ring.writer import ChunkJob, PartJob

log = logging.getLogger(__name__)


class Members:
    """The disks of one ring. `all`: by index, failed ones included; `unusable`: by path, why it was left aside."""

    def __init__(self, paths: Sequence[Path], shared: Shared, quarantine_us: int) -> None:
        self._paths = list(paths)
        self._shared = shared
        self._quarantine_us = quarantine_us
        self.all: list[Member] = []
        self.unusable: dict[str, ApplianceError] = {}

    async def open(self) -> None:
        """Open every disk that can be used. Raises NoDisk."""
        for path in self._paths:
            await self._open_disk(path)
        if not self.all:
            raise NoDisk
        await self._shared.index.forget_other_disks([member.uuid for member in self.all])
        self._shared.planner.largest_part = min(parts_limit(m.disk.geometry) - MAX_HEADER for m in self.all)
        self._shared.catalogue.disks = {member.uuid: member.disk for member in self.all}

    async def load(self) -> list[tuple[Member, list[HeaderInfo]]]:
        """Learn every chunk's state; returns the open chunks, which are still to be read (`recover`)."""
        opened = await asyncio.gather(*(self._load(member) for member in self.all))
        return list(zip(self.all, opened, strict=True))

    def recover(self, opened: Sequence[tuple[Member, list[HeaderInfo]]]) -> None:
        """Read open chunks beside the ticks."""
        for member, infos in opened:
            if infos:
                self._shared.help(self._shared.start.recover(member, infos, self.fail))

    async def _open_disk(self, path: Path) -> None:
        try:
            disk = await asyncio.to_thread(Disk, path)
        except ApplianceError as error:
            log.error("disk left aside: %s", error)  # noqa: TRY400 - the sentence says all
            self.unusable[str(path)] = error
            return
        self.all.append(Member(len(self.all), disk, self._shared.clock, self._quarantine_us))

    async def _load(self, member: Member) -> list[HeaderInfo]:
        try:
            return await self._shared.start.load(member)
        except OSError as error:
            self.fail(member, str(error))
            return []

    def check_size(self) -> None:
        """A disk must hold its share of the streams and the stock that goes with them. Raises DiskTooSmall."""
        share = -(-len(self._shared.lanes) // len(self._paths))
        needed = chunks_needed(share)
        for member in self.all:
            held = member.pool.of_ring
            if held < needed:
                raise DiskTooSmall(path=str(member.disk.path), chunks=held, needed=needed, streams=share)

    def fail(self, member: Member, why: str, plan: DiskPlan | None = None) -> None:
        """A write or flush failed: the chunks of the tick are set aside, the disk leaves the pool, pictures stay."""
        if not member.failed:
            log.error("%s", DiskFailed(path=str(member.disk.path), why=why))
        member.failed = why
        member.slices.fail(DiskFailed(path=str(member.disk.path), why=why))
        for job in plan.job.chunks if plan else ():
            member.pool.set(job.chunk.number, ChunkState.SUSPECT)
            del job.chunk.entries[job.chunk.durable :]
        for lane in self._shared.lanes.values():
            here = lane.chunk is not None and lane.chunk.disk == member.index
            if here:
                lane.chunk = None
            unwritten = _parts_of(plan, lane)
            if unwritten and (here or lane.chunk is None):
                lane.give_back(unwritten)
            elif unwritten:  # it went on elsewhere in the same tick: these parts would come out of order
                lane.counters.lost += sum(len(part.units) for part in unwritten)


def _parts_of(plan: DiskPlan | None, lane: Lane) -> list[PartJob]:
    if plan is None:
        return []
    jobs: list[ChunkJob] = [job for job in plan.job.chunks if plan.owners[job.chunk.number] is lane]
    return sorted((part for job in jobs for part in job.parts), key=lambda part: part.sequence)
