"""How long a camera that failed is left alone. Pure but for the dice."""

import random
from typing import Final

BACKOFF_BASE: Final = 1.8
BACKOFF_MAX_S: Final = 60.0
"""Waits of 1, 1.8, 3.2, 5.8 ... 60 s: a camera that reboots (30-60 s) is met soon after, a dead one costs nothing."""

AUTH_BACKOFF_S: Final = 60.0
AUTH_BACKOFF_MAX_S: Final = 300.0
"""Seconds after a refused password, doubling. Cameras lock an account after 5 wrong tries in some minutes (Dahua: 5
in 5 min): one try in five minutes never locks it, and the first is still quick after a typing error."""


def backoff_s(failures: int, rng: random.Random) -> float:
    """Seconds before the next try after `failures` in a row; up to a quarter less, so that cameras spread out."""
    wait = BACKOFF_MAX_S if failures >= 7 else min(BACKOFF_BASE**failures, BACKOFF_MAX_S)
    return wait * (0.75 + 0.25 * rng.random())


def auth_backoff_s(refusals: int, rng: random.Random) -> float:
    """Seconds before a refused password is tried again, never less than AUTH_BACKOFF_S; `refusals` from 1."""
    wait = min(AUTH_BACKOFF_S * 2.0 ** min(refusals - 1, 8), AUTH_BACKOFF_MAX_S)
    return float(wait * (1 + 0.25 * rng.random()))
