"""What the parts of a ring share: its clock, index, streams, open chunks, and the work that runs beside the ticks."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from appliance.core.clock import Clock
from appliance.media.stream import ClockState, StreamKey
from appliance.ring.access.feed import Feed
from appliance.ring.access.lookup import Catalogue
from appliance.ring.dating.redate import Redating
from appliance.ring.index.cache import Index
from appliance.ring.lane import Lane
from appliance.ring.planner import Planner
from appliance.ring.start import Start
from appliance.ring.writer import OpenChunk


@dataclass(slots=True)
class Shared:
    """One of these a ring; everything in it lives in the ring's event loop.

    `open_chunks`: by stream, published ones only, oldest first; `rescued`: parts that a disk failed to write after
    their stream had gone on; `stopping`: no new stock is prepared;
    `clock_state`: the judgement of UTC now (ClockState); `anchor`: of the recorder's journal, for heartbeats.
    """

    clock: Clock
    index: Index
    planner: Planner
    feed: Feed
    clock_state: Callable[[], int] = lambda: ClockState.DOUBTFUL
    anchor: Callable[[], str] = lambda: ""
    lanes: dict[StreamKey, Lane] = field(default_factory=dict)
    open_chunks: dict[StreamKey, list[OpenChunk]] = field(default_factory=dict)
    start: Start = field(init=False)
    catalogue: Catalogue = field(init=False)
    rescued: list[Lane] = field(default_factory=list)
    stopping: bool = False
    redating: Redating = field(default_factory=Redating)
    _helpers: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.start = Start(self.index, self.planner, self.lanes, self.open_chunks, self.clock)
        self.index.dated = self.redating.held
        self.catalogue = Catalogue(self.index, self.open_chunks, self.clock, self.redating)

    def help(self, work: Coroutine[None, None, None]) -> None:
        """Do this beside the ticks; `settle` waits for it."""
        task = asyncio.create_task(work)
        self._helpers.add(task)
        task.add_done_callback(self._helpers.discard)

    async def settle(self) -> None:
        """Wait for what runs beside the ticks: files being opened, chunks being recovered."""
        while self._helpers:
            await asyncio.gather(*self._helpers)
