"""How long pictures will be kept: what a site asks before it is too late. Pure."""

from collections.abc import Iterable
from typing import Final, NamedTuple

SPARE: Final = 4
"""Free chunks that a disk keeps beside one for each open stream: never filled."""

LEAST_US: Final = 60_000_000
"""us of pictures below which nothing is foretold: what a camera's first minute weighs says little."""


class Filled(NamedTuple):
    """A disk's chunks: that hold pictures, free ones, and those of the protected pool among them."""

    closed: int
    open: int
    free: int
    protected: int = 0


def room_us(first_us: int | None, now_us: int, disks: Iterable[Filled]) -> int | None:
    """How far back the disks reach once they are full, us, when things go on as they did; None: too early to say.

    `first_us`: the oldest picture. A full disk reaches what it holds now; one that is half full twice as far. Chunks
    of the protected pool and the spare ones are never filled by recording. What is destroyed by age before is not
    taken into account: this is what the disks have room for, not what is allowed.
    """
    full = more = 0
    for disk in disks:
        full += disk.closed + disk.open
        more += max(0, disk.free - disk.protected - disk.open - SPARE)
    if first_us is None or not full or now_us - first_us < LEAST_US:
        return None
    return (now_us - first_us) * (full + more) // full
