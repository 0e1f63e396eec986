"""Who meets a camera when: no more than so many a second, however many want to at once.

After a start, a power cut or a switch that restarted, every stream of the site wants its camera in the same moment.
The first bytes of each are dear (a connection, an answer to parse, a keyframe, a chunk to begin), and small switches
and recorders of cameras lose packets when all keyframes are asked for together.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from appliance.core.clock import Clock

SPACING_US: Final = 20_000
"""Microseconds between two meetings: 128 streams in 2.6 s of the 10 s in which all must be recorded again. A camera
that answers slowly, or not at all, holds up nobody: what is spaced is the beginning."""


class Entrance:
    """Shared by all streams of a recorder. `sleep`: for tests."""

    def __init__(self, clock: Clock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._next_us = clock.monotonic_us()

    def turn_us(self, now_us: int) -> int:
        """The monotonic time at which who asks now may begin, in the order of asking."""
        turn_us = max(now_us, self._next_us)
        self._next_us = turn_us + SPACING_US
        return turn_us

    async def turn(self) -> None:
        """Wait for one's turn. Who is cancelled meanwhile leaves it unused."""
        now_us = self._clock.monotonic_us()
        wait_us = self.turn_us(now_us) - now_us
        if wait_us:
            await self._sleep(wait_us / 1_000_000)
