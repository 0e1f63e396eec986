"""Guesses are slowed down, nobody is ever locked out. Pure; one `Tries` an account and one an address, kept durably."""

from dataclasses import dataclass
from typing import Final

from appliance.core.units import US_PER_SECOND

FREE: Final = 5
"""Wrong answers in a row that cost nothing: a person who mistypes is not a thief."""

FREE_OF_ACCOUNT: Final = 25
"""Wrong answers for one account from whatever addresses that cost nothing: one address cannot keep its owner out at
another, and a guesser with many addresses still meets the wait.
"""

FIRST_US: Final = 1 * US_PER_SECOND
"""us of the first wait; each further wrong answer doubles it."""

LONGEST_US: Final = 900 * US_PER_SECOND
"""us. A quarter of an hour leaves 96 guesses a day, and a manager never waits longer than that."""

FORGET_US: Final = 24 * 3600 * US_PER_SECOND
"""us after the last wrong answer after which all is as before."""


@dataclass(frozen=True, slots=True)
class Tries:
    """Wrong answers in a row, and the UTC us of the last one."""

    wrong: int = 0
    last_us: int = 0


def opens_us(tries: Tries, now_us: int, free: int = FREE) -> int:
    """UTC us from which on the next answer is looked at; `now_us` or before: at once.

    After a clock was set back nobody waits for it to catch up: the next wrong answer dates the wait anew.
    """
    if tries.wrong < free or not 0 <= now_us - tries.last_us < FORGET_US:
        return now_us
    doubled = FIRST_US << min(tries.wrong - free, 32)
    return max(now_us, tries.last_us + min(doubled, LONGEST_US))


def failed(tries: Tries, now_us: int) -> Tries:
    """After one more wrong answer. A right one is `Tries()`."""
    before = 0 if now_us - tries.last_us >= FORGET_US else tries.wrong
    return Tries(before + 1, now_us)
