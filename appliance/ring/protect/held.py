"""One hold and what the disks have of it: copies closed and open, by stream, answered like the ring itself."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from appliance.core.clock import Clock
from appliance.media.stream import StreamKey
from appliance.ring.access.lookup import Catalogue
from appliance.ring.dating.redate import Redating
from appliance.ring.disks.disk import Disk
from appliance.ring.index.rows import ChunkRow, Held, SpanRow
from appliance.ring.protect.policy import Hold
from appliance.ring.writer import OpenChunk


class Numbers:
    """A set of part numbers, as the stretches it consists of: parts are numbered without holes as a rule."""

    def __init__(self) -> None:
        self._first: list[int] = []
        self._last: list[int] = []

    def __contains__(self, number: int) -> bool:
        i = bisect_right(self._first, number) - 1
        return i >= 0 and number <= self._last[i]

    def holds(self, first: int, last: int) -> bool:
        """Are all numbers from `first` to `last` in it?"""
        i = bisect_right(self._first, first) - 1
        return i >= 0 and last <= self._last[i]

    def add(self, first: int, last: int) -> None:
        """All numbers from `first` to `last`, both included."""
        i = bisect_right(self._first, first) - 1
        if i >= 0 and first <= self._last[i] + 1:
            first = self._first[i]
        else:
            i += 1
        j = i
        while j < len(self._first) and self._first[j] <= last + 1:
            last = max(last, self._last[j])
            j += 1
        self._first[i:j], self._last[i:j] = [first], [last]

    def stretches(self) -> list[tuple[int, int]]:
        """(first, last) of each stretch, rising."""
        return list(zip(self._first, self._last, strict=True))


@dataclass(slots=True)
class HeldRows:
    """Closed copies of one hold, as written. Answers with true times as `Index` does (catalogue.Rows)."""

    dated: Callable[[Held], Held]
    held: list[Held] = field(default_factory=list)

    def of(self, key: StreamKey) -> list[Held]:
        """Those of one stream, with their true times."""
        return [self.dated(held) for held in self.held if (held[0].camera, held[0].stream) == tuple(key)]

    async def chunks(self, key: StreamKey, from_us: int, to_us: int) -> list[ChunkRow]:
        """See Index.chunks."""
        found = [row for row, spans in self.of(key) if any(s.from_us < to_us and s.to_us > from_us for s in spans)]
        return sorted(found, key=lambda row: row.first_us)

    async def before(self, key: StreamKey, first_us: int) -> ChunkRow | None:
        """See Index.before."""
        earlier = [row for row, _ in self.of(key) if row.first_us < first_us]
        return max(earlier, key=lambda row: row.first_us, default=None)

    async def spans(self, key: StreamKey, from_us: int, to_us: int) -> list[SpanRow]:
        """See Index.spans."""
        return sorted(s for _, spans in self.of(key) for s in spans if s.from_us < to_us and s.to_us > from_us)


@dataclass(slots=True)
class Progress:
    """How far the copy of one stream is.

    `known`: parts that are copied, on their way, or lost for good; `lost_us`: footage that was gone or damaged before
    it could be copied; `passes`: how often all that was recorded had been copied; `waiting`: for room in the pool;
    `seen_us`: the stream's durable mark at the last pass; `rescanned`: the whole time was looked at once more at the
    end, because clocks step.
    """

    known: Numbers = field(default_factory=Numbers)
    lost_us: int = 0
    passes: int = 0
    cursor_us: int | None = None
    seen_us: int | None = None
    waiting: bool = False
    rescanned: bool = False
    finished: bool = False


@dataclass(slots=True, eq=False)
class Kept:
    """A hold under way or complete. `promised`: chunks it was admitted for and has not opened; `sources`: chunks of
    the ring, (disk uuid, number), that still have to be copied.
    """

    hold: Hold
    clock: Clock
    disks: dict[str, Disk]
    redating: Redating
    rows: HeldRows = field(init=False)
    open: dict[StreamKey, list[OpenChunk]] = field(default_factory=dict)
    progress: dict[StreamKey, Progress] = field(default_factory=dict)
    promised: int = 0
    sources: set[tuple[str, int]] = field(default_factory=set)
    catalogue: Catalogue = field(init=False)

    def __post_init__(self) -> None:
        for key in self.hold.streams:
            self.progress[key] = Progress()
        self.rows = HeldRows(self.redating.held)
        self.catalogue = Catalogue(self.rows, self.open, self.clock, self.redating)
        self.catalogue.disks = self.disks

    @property
    def chunks(self) -> int:
        """Chunks of the pool it has."""
        return len(self.rows.held) + sum(map(len, self.open.values()))

    @property
    def size(self) -> int:
        """Bytes of pictures that are safe in the pool, headers and padding included."""
        opened = (c.entries[c.durable - 1] for chunks in self.open.values() for c in chunks if c.durable)
        return sum(row.size for row, _ in self.rows.held) + sum(e.offset + e.length for e in opened)

    @property
    def lost_us(self) -> int:
        """Microseconds of footage that could not be copied."""
        return sum(progress.lost_us for progress in self.progress.values())

    @property
    def covered(self) -> bool:
        """Everything recorded up to now is safe in the pool, or waits for room and says so."""
        return all(p.passes or p.finished or p.waiting for p in self.progress.values())

    @property
    def state(self) -> str:
        """One word: ended, waiting (for room), copying, growing, partial (complete but for what was lost), complete."""
        if self.hold.ended:
            return "ended"
        states = self.progress.values()
        if any(p.waiting for p in states):
            return "waiting"
        if not all(p.finished for p in states):
            return "growing" if all(p.passes for p in states) else "copying"
        return "partial" if self.lost_us else "complete"

    def drop_disk(self, index: int, uuid: str) -> list[OpenChunk]:
        """A disk is gone: its copies do not count any more, and are made again from what the ring has.

        Returns its open chunks.
        """
        self.rows.held = [held for held in self.rows.held if held[0].disk != uuid]
        gone = [chunk for chunks in self.open.values() for chunk in chunks if chunk.disk == index]
        for chunks in self.open.values():
            chunks[:] = [chunk for chunk in chunks if chunk.disk != index]
        for key in self.hold.streams:
            self.learn(key)
        return gone

    def covers(self, row: ChunkRow, spans: list[SpanRow]) -> bool:
        """Has it these parts in other chunks? A disk that comes back may hold what was copied again meanwhile."""
        numbers = Numbers()
        for held, others in self.rows.held:
            if (held.camera, held.stream) == (row.camera, row.stream):
                for span in others:
                    numbers.add(span.first_sequence, span.last_sequence)
        return all(numbers.holds(span.first_sequence, span.last_sequence) for span in spans)

    def learn(self, key: StreamKey) -> None:
        """What is copied of a stream or on its way, from the copies themselves."""
        progress = self.progress[key]
        progress.known, progress.lost_us = Numbers(), 0
        for _, spans in self.rows.of(key):
            for span in spans:
                progress.known.add(span.first_sequence, span.last_sequence)
        for chunk in self.open.get(key, ()):
            for first, last in runs_of(entry.sequence for entry in chunk.entries):
                progress.known.add(first, last)
        progress.cursor_us, progress.rescanned, progress.finished = None, False, False

    def report(self) -> dict[str, object]:
        """For `holds`: the hold and how it stands."""
        return {
            **self.hold.plain(),
            "state": self.state,
            "size": self.size,
            "chunks": self.chunks,
            "lost_us": self.lost_us,
        }


def runs_of(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Rising numbers as stretches (first, last) without holes."""
    given = list(numbers)
    if not given:
        return []
    cuts = [i for i, (a, b) in enumerate(pairwise(given), 1) if b != a + 1]
    return [(given[i], given[j - 1]) for i, j in pairwise([0, *cuts, len(given)])]
