"""Accelerated runs: an event loop whose time moves on only when nothing is left to do.

Sockets, threads and disks are real; only waiting costs nothing. What a loaded machine does slowly takes no longer by
the clock of the run, so a day of many cameras is accounted for exactly however long it really takes.
"""

import asyncio
import math
import selectors
from asyncio.events import AbstractEventLoop
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar

from appliance.core.clock import SimulatedClock

T = TypeVar("T")

POLL_S = 0.05
"""Seconds of real waiting for a thread at a time; its answer ends the waiting at once."""


class _Selector(selectors.EpollSelector):
    """Where an event loop would wait, the clock is moved to where it would have woken."""

    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__()
        self._clock = clock
        self.busy = 0  # calls that threads are at: as long as they are, time stands still

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        if self.busy or timeout is None:
            return super().select(POLL_S if self.busy else None)
        self._clock.advance(math.ceil(timeout * 1_000_000) / 1_000_000)
        return []


class SwiftLoop(asyncio.SelectorEventLoop):
    """Its time is `clock`'s monotonic time."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._own = _Selector(clock)
        super().__init__(self._own)

    def time(self) -> float:
        return self._clock.monotonic_us() / 1_000_000

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Any, *args: Any
    ) -> "asyncio.Future[Any]":
        self._own.busy += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._answered)
        return future

    def stand_still(self, call: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        """The same call, during which no time passes: for those that wait for a thread of their own."""

        @wraps(call)
        async def still(*args: Any, **kwargs: Any) -> T:
            self._own.busy += 1
            try:
                return await call(*args, **kwargs)
            finally:
                self._own.busy -= 1

        return still

    def _answered(self, _future: "asyncio.Future[Any]") -> None:
        self._own.busy -= 1


def run_swiftly(clock: SimulatedClock, main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in a loop of this clock."""

    def loop() -> AbstractEventLoop:
        return SwiftLoop(clock)

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main)
