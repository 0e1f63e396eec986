"""Waiting for another program. Blocking: for threads, and for tests without an event loop."""

import time
from collections.abc import Callable
from typing import Final

LOOK_S: Final = 0.05
"""Seconds between two looks: far below what a person notices, and nothing beside a program that starts."""


def reached(ready: Callable[[], bool], seconds: float, look_s: float = LOOK_S) -> bool:
    """True as soon as `ready` is true, False when it was not within so many seconds."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            return False
        time.sleep(look_s)
    return True
