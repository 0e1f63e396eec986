"""Tells changes sparingly: a few at once, then one a while with a count, so that what flaps does not flood a journal.

Each key has a purse of BURST reports that fills again by one each REFILL_US. A change is reported at once while there
is one left; else it waits for the next, which then tells how many changes it stands for. The last state of a key is
always told in the end, and every change is counted in exactly one report. Pure; times are any microseconds that rise.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

BURST: Final = 12
"""Reports at once: a camera lost and found six times is told blow by blow."""

REFILL_US: Final = 600_000_000
"""us for another report. With all 128 streams of a site flapping that is 18 000 lines a day, some 5 MB."""

MAX_KEYS: Final = 4096
"""Keys remembered; the one quiet for longest goes first. Streams are 128, verbs and users of the socket are few."""

K = TypeVar("K", bound=Hashable)
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Report(Generic[K, S]):
    """`changes` since the report before, the first of them at `since_us`; `state`: the newest."""

    key: K
    state: S
    changes: int
    since_us: int


@dataclass(slots=True)
class _Purse(Generic[S]):
    credit_us: int
    at_us: int
    state: S
    changes: int = 0
    since_us: int = 0


class Thrift(Generic[K, S]):
    """Decides what is reported when. `changed` and `due` return what to tell now."""

    def __init__(self, burst: int = BURST, refill_us: int = REFILL_US) -> None:
        self._full_us = burst * refill_us
        self._price_us = refill_us
        self._purses: dict[K, _Purse[S]] = {}

    def changed(self, key: K, state: S, now_us: int) -> list[Report[K, S]]:
        """A key has a new state: its report, or nothing for now."""
        purse = self._purses.pop(key, None)
        if purse is None:
            purse = _Purse(self._full_us, now_us, state)
            if len(self._purses) >= MAX_KEYS:
                del self._purses[next(iter(self._purses))]
        self._purses[key] = purse  # last: dictionaries keep their order
        purse.state = state
        if not purse.changes:
            purse.since_us = now_us
        purse.changes += 1
        return self._pay(key, purse, now_us)

    def due(self, now_us: int) -> list[Report[K, S]]:
        """What waited and may be told now; call it every few seconds."""
        return [
            report for key, purse in self._purses.items() if purse.changes for report in self._pay(key, purse, now_us)
        ]

    def rest(self) -> list[Report[K, S]]:
        """All that waits, told at the end of a process."""
        found = []
        for key, purse in self._purses.items():
            if purse.changes:
                found.append(Report(key, purse.state, purse.changes, purse.since_us))
                purse.changes = 0
        return found

    def _pay(self, key: K, purse: _Purse[S], now_us: int) -> list[Report[K, S]]:
        purse.credit_us = min(self._full_us, purse.credit_us + max(0, now_us - purse.at_us))
        purse.at_us = now_us
        if purse.credit_us < self._price_us:
            return []
        purse.credit_us -= self._price_us
        report = Report(key, purse.state, purse.changes, purse.since_us)
        purse.changes = 0
        return [report]
