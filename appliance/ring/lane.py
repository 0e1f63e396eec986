"""A stream's way into the ring: the sink that capture feeds, and what the next tick will take from it.

Lives in the event loop. `append` is called for every picture of every camera: it only appends and counts.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from appliance.core.cause import GapCause
from appliance.core.errors import ApplianceError
from appliance.media.stream import AccessUnit, RunStart, StreamKey
from appliance.ring.placement import HOUR_US, Opening, oldest_gop
from appliance.ring.writer import OpenChunk, PartJob

RECENT_GOPS: Final = 8
"""GOPs remembered for the largest recent one: about 16 s, so a scene change counts and an hour ago does not."""

MAX_STEP_TICKS: Final = 3600 * 90_000
"""Ticks between two pictures of one run. Capture begins a new run at 10 s; the format counts 32 bits, 13 h."""

FIRST_FRAME_TICKS: Final = 3600
"""Duration of a lone first picture until a rate is known: 25 pictures a second."""


@dataclass(slots=True)
class Segment:
    """The pending pictures of one run. `fresh`: none of its parts has been cut yet; `ended`: no more will come."""

    run: RunStart
    run_id: int
    units: list[AccessUnit] = field(default_factory=list)
    fresh: bool = True
    ended: bool = False


@dataclass(slots=True)
class Counters:
    """What became of a stream's pictures since start: bytes on disk, parts, pictures lost and why."""

    size: int = 0
    parts: int = 0
    dropped: int = 0  # queue full, whole GOPs
    refused: int = 0  # decoding time not rising, no open run, larger than a chunk
    parameters: int = 0  # parameters changed more often than the stream may open chunks
    lost: int = 0  # written to a disk that failed, and not rewritten elsewhere


@dataclass(slots=True)
class Budget:
    """Bytes pending in all streams together."""

    limit: int
    used: int = 0


class Lane:
    """One stream (a StreamSink)."""

    def __init__(self, key: StreamKey, title: str, priority: int, budget: Budget, overflow: Callable[[], None]) -> None:
        self.key = key
        self.title = title
        self.priority = priority
        self.segments: deque[Segment] = deque()
        self.pending = 0
        self.chunk: OpenChunk | None = None
        self.last_disk: int | None = None
        self.openings: deque[Opening] = deque(maxlen=4096)
        self.run_id = 0
        self.sequence = 0
        self.gops: deque[tuple[int, int]] = deque(maxlen=RECENT_GOPS)
        self.frame_ticks = FIRST_FRAME_TICKS
        self.counters = Counters()
        self.durable_utc_us: int | None = None
        self.end_cause: GapCause | None = GapCause.APPLIANCE_OFF  # None while a run is open
        self.recovering = False
        self.fault: ApplianceError | None = None  # why its pictures cannot be stored at all
        self.waiting_since_us: int | None = None
        self._budget = budget
        self._overflow = overflow
        self._open: Segment | None = None
        self._units: list[AccessUnit] | None = None  # of the open segment
        self._last_dts, self._max_dts = -(1 << 62), 1 << 62
        self._resume: GapCause | None = None  # pictures are dropped until the next keyframe, which names this cause
        self._gop = [0, 0]
        self._past_run = 0

    def number_after(self, run: int, sequence: int) -> None:
        """Runs and parts of the past went up to these numbers: go on behind them, pending runs included."""
        self.sequence = max(self.sequence, sequence)
        shift = run - self._past_run
        if shift > 0:
            self._past_run = run
            self.run_id += shift
            for segment in self.segments:
                segment.run_id += shift

    def start_run(self, run: RunStart) -> None:
        """The next access unit begins a new run."""
        if self._open is not None:
            self._open.ended = True
        self._begin(run)
        self.end_cause = None
        self._resume = None

    def _begin(self, run: RunStart) -> None:
        self.run_id += 1
        self._open = Segment(run, self.run_id)
        self._units = self._open.units
        self.segments.append(self._open)
        self._last_dts, self._max_dts = -(1 << 62), 1 << 62

    def append(self, unit: AccessUnit) -> None:
        """The next picture of the open run, in decoding order."""
        if self._resume is not None and not self._resumes(unit):
            return
        units = self._units
        dts = unit.dts_ticks
        if units is None or not self._last_dts < dts < self._max_dts:
            self.counters.refused += 1
            return
        self._last_dts = dts
        self._max_dts = dts + MAX_STEP_TICKS
        units.append(unit)
        size = len(unit.data)
        self.pending += size
        budget = self._budget
        budget.used += size
        if budget.used > budget.limit:
            self._overflow()

    def _resumes(self, unit: AccessUnit) -> bool:
        """After a loss only a keyframe goes on, in a new run that says why."""
        if not unit.keyframe or self._open is None or self._resume is None:
            self.counters.dropped += 1
            return False
        run, cause = self._open.run, self._resume
        self._open.ended = True
        self._begin(replace(run, cause=cause))
        self._resume = None
        return True

    def end_run(self, cause: GapCause) -> None:
        """The run is over; `cause` says why nothing follows for now."""
        if self._open is not None:
            self._open.ended = True
        self._open = self._units = None
        self._resume = None
        self.end_cause = cause

    def first(self) -> Segment | None:
        """The oldest segment with pictures; empty ended ones are forgotten."""
        while self.segments:
            segment = self.segments[0]
            if segment.units:
                return segment
            if not segment.ended:
                return None
            self.segments.popleft()
        return None

    def taken(self, segment: Segment, count: int) -> None:
        """The first `count` pictures of a segment have been cut."""
        size = sum(len(unit.data) for unit in segment.units[:count])
        del segment.units[:count]
        self.pending -= size
        self._budget.used -= size

    def drop_gop(self, cause: GapCause) -> int:
        """Lose the oldest GOP (or what is left of it); the run goes on as a new one at its next keyframe.

        Returns the number of pictures lost, counted by the caller.
        """
        segment = self.first()
        if segment is None:
            return 0
        count = oldest_gop(segment.units)
        self.taken(segment, count)
        if segment.units:
            self._split(segment, cause)
        elif not segment.ended:
            self._resume = cause
        elif len(self.segments) > 1 and segment.fresh:
            following = self.segments[1]
            following.run = replace(following.run, cause=following.run.cause or cause)
        return count

    def _split(self, segment: Segment, cause: GapCause) -> None:
        """What is left of the segment is a new run; later segments keep their order, ids keep rising."""
        if segment.fresh:
            segment.run = replace(segment.run, cause=cause)
            return
        for later in self.segments:
            later.run_id += 1
        self.run_id += 1
        segment.fresh = True
        segment.run = replace(segment.run, cause=cause)

    def give_back(self, parts: list[PartJob]) -> None:
        """Parts that were not written after all become pending again, with the identity they had."""
        for part in reversed(parts):
            size = sum(len(unit.data) for unit in part.units)
            self.pending += size
            self._budget.used += size
            head = self.segments[0] if self.segments else None
            if head is not None and head.run_id == part.run_id and not head.fresh:
                head.units[:0] = part.units
                head.fresh = part.starts_run
            else:
                segment = Segment(part.run, part.run_id, list(part.units), fresh=part.starts_run, ended=True)
                self.segments.appendleft(segment)
        if parts:
            self.sequence = parts[0].sequence - 1

    def rescue(self, parts: list[PartJob], disk: int) -> "Lane":
        """A lane of its own for parts that this one has gone on without; `disk` is the one that did not take them."""
        apart = Lane(self.key, self.title, self.priority, self._budget, self._overflow)
        apart.counters, apart.frame_ticks, apart.last_disk = self.counters, self.frame_ticks, disk
        apart.give_back(parts)
        return apart

    def placed(self, part: PartJob) -> None:
        """Account for a part that has been planned: GOP sizes, frame duration, bytes of the chunk."""
        if part.units[0].keyframe:
            if self._gop[0]:
                self.gops.append((self._gop[0], self._gop[1]))
            self._gop = [0, 0]
        first, last = part.units[0].dts_ticks, part.units[-1].dts_ticks
        if len(part.units) > 1:
            self.frame_ticks = max(1, (last - first) // (len(part.units) - 1))
        self._gop[0] += part.size
        self._gop[1] += last - first + part.last_duration

    def largest_gop(self) -> tuple[int, int]:
        """Bytes and ticks of the largest recent GOP, the one under way included."""
        sizes = [gop[0] for gop in self.gops]
        ticks = [gop[1] for gop in self.gops]
        return max(sizes, default=self._gop[0]), max(ticks, default=self._gop[1])

    def current_openings(self, now_us: int) -> list[Opening]:
        """Chunks opened in the last hour, the open one with what it holds so far."""
        while self.openings and now_us - self.openings[0].opened_us > HOUR_US:
            self.openings.popleft()
        current = list(self.openings)
        if self.chunk is not None:
            current.append(Opening(self.chunk.header.opened_utc_us, self.chunk.end))
        return current

    def left(self, chunk: OpenChunk) -> None:
        """The chunk is closed: it stays in the account of openings."""
        self.openings.append(Opening(chunk.header.opened_utc_us, chunk.end))
        self.chunk = None
        self.last_disk = chunk.disk
