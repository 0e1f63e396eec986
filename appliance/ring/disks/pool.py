"""The chunks of one disk by state, as the event loop knows them.

FREE -> OPEN -> CLOSED -> FREED -> FREE; SUSPECT leaves the circle. The chunks of the protected pool, the last ones of
the disk, go POOL_FREE -> POOL_OPEN -> POOL_CLOSED -> FREED -> POOL_FREE and are never handed out to recording.
A chunk is *ready* when it is FREE, was zeroed in this life of the process, and its descriptor is open: only ready
chunks are handed out, so a tick never opens a file and never reads one, and whatever a torn write left in a chunk that
looks free is gone before it is used.

Each change of state is a line of the disk's catalogue (ring/catalog/log.py); the pool keeps them for the next tick.
While there is a catalogue (`gated`) two steps wait until a line is durable: zeros until FREED is, so that no chunk that
the catalogue calls CLOSED is empty; handing a chunk out until READY is, so that none that it calls free gets footage.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import islice
from typing import Final

from appliance.ring.catalog.log import Line

READY_AHEAD_US: Final = 2_000_000
"""Microseconds before the end of its quarantine at which a chunk's READY line is asked for: a few ticks."""


class ChunkState(IntEnum):
    """State of a chunk; FREED means zeroed or about to be, in quarantine for the sake of readers."""

    FREE = 0
    OPEN = 1
    CLOSED = 2
    FREED = 3
    SUSPECT = 4
    POOL_FREE = 5
    POOL_OPEN = 6
    POOL_CLOSED = 7


@dataclass(slots=True)
class Wiped:
    """A chunk on its way to be ready. `fd` is None until a helper thread has opened the file.

    `until_us`: monotonic end of its quarantine, None until the zeros are durable. `spare`: the stock does not need
    it, its file is closed once it is zeroed.
    """

    number: int
    quarantine_us: int
    fd: int | None = None
    until_us: int | None = None
    sent: bool = False  # a tick is zeroing it
    spare: bool = False  # not for the stock: FREE is all it becomes
    unused: bool = False  # believed to be empty: looked at before it is zeroed
    ready_asked: bool = False  # its READY line is durable, or on its way


@dataclass(slots=True)
class Pool:
    """States of the chunks of one disk; `closed` holds numbers, oldest recording first.

    `protected`: how many of them, the last ones, are the protected pool's; `protected_ready`: those of them that are
    ready.
    """

    count: int
    protected: int = 0
    states: bytearray = field(init=False)
    closed: deque[int] = field(default_factory=deque)
    wiped: list[Wiped] = field(default_factory=list)
    ready: deque[Wiped] = field(default_factory=deque)
    protected_ready: deque[Wiped] = field(default_factory=deque)
    tainted: set[int] = field(default_factory=set)  # could not be written to once: SUSPECT when they are free again
    freed_early: int = 0
    leases_broken: int = 0
    opened_us: deque[int] = field(default_factory=deque)  # monotonic, within the last quarantine
    lines: list[Line] = field(default_factory=list)  # for the catalogue, in order
    late: list[Line] = field(default_factory=list)  # for the tick after the next
    reopened: set[int] = field(default_factory=set)  # since the start: their footage is another
    gated: bool = False  # there is a catalogue, steps wait for its lines
    unsaid: dict[int, int] = field(default_factory=dict)  # lines not durable yet, by chunk
    _opened: int = 0  # since `opened_within` was asked last
    open_count: int = 0
    _next: int = 0

    def __post_init__(self) -> None:
        self.states = bytearray([ChunkState.FREE] * self.of_ring + [ChunkState.POOL_FREE] * self.protected)

    @property
    def of_ring(self) -> int:
        """Chunks that recording goes round in; the protected pool's begin with this number."""
        return self.count - self.protected

    def set(self, number: int, state: ChunkState, facts: str = "", *, told: bool = False, late: bool = False) -> None:
        """Change the state of a chunk.

        `facts`: of its line; `told`: the catalogue says it already, write none; `late`: the line is for the tick
        after the next, because what it tells becomes durable with the next one.
        """
        if not told:
            self.say(Line(state.name, number, facts), late=late)
        if state == ChunkState.OPEN:
            self.reopened.add(number)
        self._opened += state == ChunkState.OPEN
        self.open_count += (state == ChunkState.OPEN) - (self.states[number] == ChunkState.OPEN)
        self.states[number] = state

    def learn(self, states: bytes | bytearray, closed: Iterable[int]) -> None:
        """What the catalogue says of the ring's chunks, from number 0; `closed`: in their order."""
        self.states[: len(states)] = states
        self.closed.extend(closed)
        self.open_count = self.states.count(ChunkState.OPEN)

    def say(self, line: Line, *, late: bool = False) -> None:
        """A line for the catalogue, with the next tick or the one after; those of one chunk keep their order."""
        if not late:
            self.lines += [before for before in self.late if before.number == line.number]
            self.late = [other for other in self.late if other.number != line.number]
        (self.late if late else self.lines).append(line)
        self.unsaid[line.number] = self.unsaid.get(line.number, 0) + 1

    def take_lines(self) -> list[Line]:
        """The lines of the next tick."""
        lines, self.lines, self.late = self.lines, self.late, []
        return lines

    def forget_lines(self) -> None:
        """What would be said is in a new catalogue from its beginning."""
        self.lines, self.late, self.unsaid = [], [], {}

    def said(self, lines: Iterable[Line]) -> None:
        """These lines are durable, or will never be."""
        for line in lines:
            left = self.unsaid.get(line.number, 0) - 1
            if left > 0:
                self.unsaid[line.number] = left
            else:
                self.unsaid.pop(line.number, None)

    def settled(self, number: int) -> bool:
        """Does the catalogue say all about this chunk, if there is one?"""
        return not self.gated or number not in self.unsaid

    def start_after(self, number: int) -> None:
        """Hand out chunks that were never used in ring order, behind the one opened last."""
        self._next = (number + 1) % self.of_ring

    def coming(self) -> int:
        """Chunks that are ready or will be without freeing more."""
        return len(self.ready) + sum(chunk.number < self.of_ring and not chunk.spare for chunk in self.wiped)

    def take_unused(self, wanted: int) -> list[Wiped]:
        """Up to `wanted` FREE chunks in number order, to be zeroed and opened; no quarantine, nobody read them."""
        held = {chunk.number for chunk in self.wiped} | {chunk.number for chunk in self.ready}
        taken: list[Wiped] = []
        for first, end in ((self._next, self.of_ring), (0, self._next)):
            number = first
            while len(taken) < wanted and (number := self.states.find(ChunkState.FREE, number, end)) >= 0:
                if number not in held:
                    taken.append(Wiped(number, 0, unused=True))
                number += 1
        if taken:
            self._next = (taken[-1].number + 1) % self.of_ring
        self.wiped += taken
        return taken

    def take_protected(self, wanted: int) -> list[Wiped]:
        """Up to `wanted` POOL_FREE chunks in number order, to be zeroed and opened as those of `take_unused`."""
        held = {chunk.number for chunk in (*self.wiped, *self.protected_ready)}
        free = (n for n in range(self.of_ring, self.count) if self.states[n] == ChunkState.POOL_FREE and n not in held)
        taken = [Wiped(number, 0) for number in islice(free, wanted)]
        self.wiped += taken
        return taken

    def opened_within(self, now_us: int, period_us: int) -> int:
        """Chunks that streams opened in the last `period_us`: as many as must be on their way through it."""
        self.opened_us.extend([now_us] * self._opened)
        self._opened = 0
        while self.opened_us and now_us - self.opened_us[0] > period_us:
            self.opened_us.popleft()
        return len(self.opened_us)

    def free(self, number: int, quarantine_us: int, reason: str = "early", *, spare: bool = False) -> Wiped:
        """Give up a CLOSED chunk, or one of the protected pool. `reason`: a word for the catalogue; `spare`: it is
        not for the stock.
        """
        if number < self.of_ring:
            self.closed.remove(number)
        self.set(number, ChunkState.FREED, reason)
        wiped = Wiped(number, quarantine_us, spare=spare)
        self.wiped.append(wiped)
        return wiped

    def release(self, now_us: int) -> None:
        """Chunks whose quarantine has ended become ready."""
        waiting: list[Wiped] = []
        for chunk in self.wiped:
            soon = chunk.until_us is not None and now_us >= chunk.until_us - READY_AHEAD_US
            if soon and not chunk.ready_asked and not chunk.spare:
                chunk.ready_asked = True
                self.say(Line("READY", chunk.number))
            if chunk.until_us is None or now_us < chunk.until_us or not self.settled(chunk.number):
                waiting.append(chunk)
            elif chunk.spare:
                self.set(chunk.number, ChunkState.FREE if chunk.number < self.of_ring else ChunkState.POOL_FREE)
            elif chunk.number < self.of_ring:
                self.set(chunk.number, ChunkState.FREE, told=True)  # READY says it
                self.ready.append(chunk)
            else:
                self.set(chunk.number, ChunkState.POOL_FREE, told=True)
                self.protected_ready.append(chunk)
        self.wiped = waiting

    def stocked(self) -> list[Wiped]:
        """Every chunk that is ready or on its way."""
        return [*self.ready, *self.protected_ready, *self.wiped]

    def leave(self) -> None:
        """The disk is out: nothing of it is handed out any more."""
        self.ready.clear()
        self.protected_ready.clear()
        self.wiped.clear()

    def counts(self) -> dict[str, int]:
        """How many chunks are in each state, names in lower case."""
        return {state.name.lower(): self.states.count(state) for state in ChunkState}
