"""Python's collector of reference cycles, kept from holding up a process: when it runs, and how long it took.

It holds the interpreter while it looks at every object that may be part of a cycle. What lives as long as the process
is therefore put out of its sight, and what comes in great numbers is kept in few objects (ring/part_rows.py).
"""

import gc
from collections.abc import Mapping
from typing import Any, Final

from appliance.core.clock import Clock

THRESHOLD: Final = (50_000, 20, 50)
"""New objects before a collection, and collections before one of the next generation. Pictures make no reference
cycles; at Python's 700 the collector would run some hundred times a second at 64 cameras for nothing."""


class CollectorPauses:
    """How often the collector ran and how long it held the process. Made once, `watch` once, `state` any time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_us = 0
        self._count = 0
        self._worst_us = 0

    def watch(self) -> None:
        """Set the thresholds, put what is loaded out of sight, and measure from now on."""
        gc.set_threshold(*THRESHOLD)
        gc.freeze()
        gc.callbacks.append(self._called)

    def settle(self) -> None:
        """What has been made by now lives as long as the process: it is looked at no more. Nothing before `watch`."""
        if self._called in gc.callbacks:
            gc.freeze()

    def end(self) -> None:
        """Measure no longer."""
        gc.callbacks.remove(self._called)

    def state(self) -> dict[str, float]:
        """Collections since the start, and the longest, ms."""
        return {"count": self._count, "worst_ms": self._worst_us / 1000}

    def _called(self, phase: str, _info: Mapping[str, Any]) -> None:
        now_us = self._clock.monotonic_us()
        if phase == "start":
            self._began_us = now_us
            return
        self._count += 1
        self._worst_us = max(self._worst_us, now_us - self._began_us)
