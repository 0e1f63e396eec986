"""The disks that are members of a ring, and how one of them goes.

A disk that leaves takes its past with it and nothing of the present: parts that it has not acknowledged go to other
disks under the identity they had, (stream, run, sequence). Nothing here waits for a disk that may never answer.
"""

import errno
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from appliance.core.errors import ApplianceError
from appliance.media.stream import StreamKey
from appliance.ring.chunk import MAX_HEADER, parts_limit
from appliance.ring.disks.loss import Loss, losses
from appliance.ring.disks.member import Member
from appliance.ring.disks.pool import ChunkState
from appliance.ring.faults import (
    DiskFailed,
    DiskStuck,
)
from appliance.ring.lane import Lane
from appliance.ring.planner import DiskPlan
from appliance.ring.shared import Shared
from appliance.ring.writer import ChunkJob, PartJob

log = logging.getLogger(__name__)

MAX_SPOILED: Final = 16
"""Files a disk may fail to write to in one life of the process; more, and it is the disk."""


class Membership:
    """The disks of one ring. `all`: by index, failed ones included; `unusable`: by path, why it was left aside.

    `absent`: what of the past is on disks that were not there at the start, as far as the index knew.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.all: list[Member] = []
        self.unusable: dict[Path, ApplianceError] = {}
        self.absent: list[Loss] = []

    @property
    def live(self) -> list[Member]:
        """Those that record."""
        return [member for member in self.all if not member.failed]

    def at(self, path: Path) -> Member | None:
        """The last member at this path, failed or not."""
        return next((member for member in reversed(self.all) if member.disk.path == path), None)

    def _announce(self) -> None:
        """What depends on which disks there are."""
        live = self.live
        self._shared.planner.largest_part = min((parts_limit(m.disk.geometry) - MAX_HEADER for m in live), default=0)
        hidden = self._shared.index.hidden
        disks = self._shared.catalogue.disks  # others hold it too
        disks.clear()
        disks.update({member.uuid: member.disk for member in live if member.uuid not in hidden})
        if not self.unusable:
            self.absent = []
        self._shared.catalogue.lost = [*self.absent, *(loss for member in self.all for loss in member.losses)]

    def watch(self) -> None:
        """Give up every disk that has not answered for too long."""
        for member in self.live:
            if member.stuck():
                self.fail(member, "no answer", DiskStuck(**member.disk.name.facts))

    def fail(self, member: Member, why: str, fault: ApplianceError | None = None) -> None:
        """A disk is out, at once and for good: the chunks of its tick are set aside, pictures in memory go elsewhere.

        `why`: a word for the log; `fault` says it to people.
        """
        if member.failed:
            return
        member.failed = why or "failed"
        member.fault = fault or DiskFailed(**member.disk.name.facts, why=why)
        member.left_utc_us, member.left_us = self._shared.clock.utc_us(), self._shared.clock.monotonic_us()
        log.error("%s", member.fault)
        member.slices.fail(member.fault)
        plan, member.plan = member.plan, None
        jobs = plan.job.chunks if plan else []
        for job in jobs:
            member.pool.set(job.chunk.number, ChunkState.SUSPECT, "flush")
            job.chunk.entries.cut(job.chunk.durable)
        chunks = [c for held in self._shared.open_chunks.values() for c in held if c.disk == member.index]
        stretches = [(c.header.key, span.from_us, span.to_us) for c in chunks for span in c.spans]
        for chunk in chunks:
            self._shared.open_chunks[chunk.header.key].remove(chunk)
        self._shared.start.forget(member.index)
        for lane in [*self._shared.lanes.values(), *self._shared.rescued]:
            if lane.chunk is not None and lane.chunk.disk == member.index:
                lane.left(lane.chunk)
            self._take_back(lane, _parts_of(plan, lane), member.index)
        for event in plan.published.values() if plan else ():
            event.set()  # whoever waits for a disk that failed waits no longer
        self._announce()
        fds = {chunk.fd for chunk in chunks} | {job.chunk.fd for job in jobs}
        member.abandon(OSError(errno.EIO, why), sorted(fds))
        self._shared.help(self._account(member, stretches))

    def spoil(self, member: Member, plan: DiskPlan, spoiled: Mapping[int, OSError]) -> None:
        """Files that alone took no writing: their new parts go elsewhere, what they held before is kept.

        Nothing is written to them again but the table, once, at the other end of the file; when their footage is
        freed they are used no more.
        """
        for number, error in spoiled.items():
            job, lane = plan.chunks[number], plan.owners[number]
            chunk = job.chunk
            log.error("%s: chunk %d takes no more (%s)", member.disk.name.words("en"), number, error.strerror)
            plan.job.chunks.remove(job)
            member.spoiled += 1
            chunk.end = job.at
            if lane is not None:
                if lane.chunk is chunk:
                    lane.left(chunk)
                self._take_back(lane, job.parts, member.index)
            if job.header is None and job.parts:
                member.pool.tainted.add(number)
                self._shared.start.stale.append(chunk)
            else:
                self._give_up(member, job)
            if number in plan.published:
                plan.published[number].set()
        if member.spoiled > MAX_SPOILED:
            self.fail(member, f"{member.spoiled} chunks could not be written")

    def _give_up(self, member: Member, job: ChunkJob) -> None:
        """Neither parts nor table can be written: the chunk is out, and what it held is lost."""
        chunk = job.chunk
        member.pool.set(chunk.number, ChunkState.SUSPECT, "write")
        member.writer.close_later(chunk.fd)
        held = self._shared.open_chunks.get(chunk.header.key, [])
        if chunk in held:
            held.remove(chunk)
            stretches = [(chunk.header.key, span.from_us, span.to_us) for span in chunk.spans]
            member.losses = [*member.losses, *losses(stretches)]

    def _take_back(self, lane: Lane, parts: list[PartJob], disk: int) -> None:
        """Parts that a disk did not acknowledge are written elsewhere, with the numbers they had."""
        if not parts:
            return
        if parts[-1].sequence == lane.sequence:
            lane.give_back(parts)
        else:  # the stream has gone on in another chunk in the same tick: these get a chunk of their own
            self._shared.rescued.append(lane.rescue(parts, disk))

    async def _account(self, member: Member, stretches: list[tuple[StreamKey, int, int]]) -> None:
        """What of the past is gone with the disk; then the index forgets it."""
        try:
            held = await self._shared.index.held_on(member.uuid)
            member.losses = losses([*held, *stretches])
            await self._forget(member)
            self._announce()
        except ApplianceError as error:
            log.error("loss of disk %s not known: %s", member.disk.name.words("en"), error)  # noqa: TRY400
        finally:
            member.accounted.set()

    async def _forget(self, member: Member) -> None:
        await self._shared.index.forget(member.uuid, _numbers(member))


def _numbers(member: Member) -> Iterable[int]:
    states = member.pool.states
    return [number for number in range(member.pool.count) if states[number] != ChunkState.FREE]


def _parts_of(plan: DiskPlan | None, lane: Lane) -> list[PartJob]:
    if plan is None:
        return []
    jobs: list[ChunkJob] = [job for job in plan.job.chunks if plan.owners[job.chunk.number] is lane]
    return sorted((part for job in jobs for part in job.parts), key=lambda part: part.sequence)
