"""What left of one stream under one opening: disjoint stretches, grown as the player goes on. Pure."""

from bisect import bisect_left
from typing import Final

TOUCHING_US: Final = 100_000
"""us. Stretches nearer than this are one: a GOP's end and the next one's beginning differ by rounding."""


class Stretches:
    """Half open intervals in order; remembers which of them have grown since they were last taken."""

    def __init__(self) -> None:
        self._all: list[tuple[int, int]] = []
        self._grown: set[int] = set()  # beginnings of stretches that nobody has taken yet

    def add(self, start: int, end: int) -> bool:
        """One more; False when all of it was there already."""
        at = bisect_left(self._all, start, key=lambda each: each[1] + TOUCHING_US)
        last = at
        while last < len(self._all) and self._all[last][0] <= end + TOUCHING_US:
            last += 1
        old = self._all[at:last]
        merged = (min([start, *(each[0] for each in old)]), max([end, *(each[1] for each in old)]))
        if old == [merged]:
            return False
        self._all[at:last] = [merged]
        self._grown -= {each[0] for each in old}
        self._grown.add(merged[0])
        return True

    def take(self) -> list[tuple[int, int]]:
        """Those that have grown since the last time, in order."""
        found = [each for each in self._all if each[0] in self._grown]
        self._grown.clear()
        return found
