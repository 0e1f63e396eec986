"""How late an event loop is: the one number that tells whether a process still keeps up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from appliance.core.clock import Clock

PERIOD_S: Final = 0.09
"""Seconds between looks: 667 a minute make a p99 of seven values; the looks themselves cost a thousandth of a core. No
divisor of the ring's 0.4 s: in step with the ticks, each look would meet the same moment of the tick."""

WINDOW_LOOKS: Final = 6_000
"""Looks (9 min) of which the histogram speaks: the last one to two windows."""

STEP_US: Final = 100
"""Microseconds of the histogram's resolution: what is told is exact to it."""

STEPS: Final = 20_000
"""2 s; what is later counts in the last step, `worst_ms` has its length."""


class LoopLag:
    """A histogram of lateness. `run` never returns; `state` is for the process's state."""

    def __init__(self, clock: Clock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._now: dict[int, int] = {}
        self._before: dict[int, int] = {}
        self._looks = 0
        self._worst_us = self._worst_before_us = 0

    async def run(self) -> None:
        """Look for ever."""
        while True:
            due_us = self._clock.monotonic_us() + round(PERIOD_S * 1_000_000)
            await self._sleep(PERIOD_S)
            self.late(self._clock.monotonic_us() - due_us)

    def late(self, us: int) -> None:
        """One look came so late, in microseconds."""
        us = max(us, 0)
        step = min(us // STEP_US, STEPS)
        self._now[step] = self._now.get(step, 0) + 1
        self._worst_us = max(self._worst_us, us)
        self._looks += 1
        if self._looks >= WINDOW_LOOKS:
            self._before, self._now, self._looks = self._now, {}, 0
            self._worst_before_us, self._worst_us = self._worst_us, 0

    def percentile_ms(self, share: float) -> float | None:
        """The lateness that a `share` (0 to 1) of the looks does not exceed, ms; None before the first look."""
        counts = dict(self._before)
        for step, count in self._now.items():
            counts[step] = counts.get(step, 0) + count
        left = share * sum(counts.values())
        for step in sorted(counts):
            left -= counts[step]
            if left <= 0:
                return (step + 1) * STEP_US / 1000
        return None

    def state(self) -> dict[str, float | None]:
        """Median, p99 and the worst of the last 9 to 18 min, ms."""
        worst_us = max(self._worst_us, self._worst_before_us)
        return {"p50_ms": self.percentile_ms(0.5), "p99_ms": self.percentile_ms(0.99), "worst_ms": worst_us / 1000}
