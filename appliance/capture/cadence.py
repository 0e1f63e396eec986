"""Repeated pictures told by the rhythm of their sizes. Pure.

A camera whose sensor gives 3 pictures a second and whose encoder makes 6 codes each image twice. Where the second
coding is neither skipped nor tiny (an encoder that refines, or that has a bit rate to fill), the sizes still go up and
down in step for seconds. Pictures of a scene do not: their sizes change, but not by the count of pictures.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import log2
from typing import Final, NamedTuple

PERIODS: Final = (2, 3, 4, 5, 6)
"""Pictures after which a rhythm begins again: 6 a second made of 3 have 2, made of 4 or of 2 have 3, of 5 have 6."""

STEP: Final = 0.8
"""Octaves between the sizes of changed and repeated pictures, by their medians: 1.74 times."""

LOOSE_STEP: Final = 0.5
"""Octaves between medians of whole sizes below which a rhythm is not looked for more closely: the scene's own course
hides some of the step there, and most stretches end here."""

IN_STEP: Final = 0.9
"""Share of pictures on their own side of the step."""

LEAST: Final = 6
"""Pictures in each place of a rhythm. With 3, people who walk make one of five pictures large, for 5 s."""


class Rhythm(NamedTuple):
    """`repeated` of every `period` pictures are small."""

    period: int
    repeated: int


def rhythm(sizes: Sequence[int], least_bytes: int) -> Rhythm | None:
    """The clearest rhythm of a stretch, or None.

    `sizes`: bytes of pictures in their order, 0 for those that are not to be judged (keyframes). `least_bytes`: changed
    pictures below it are a still scene, whose sizes mean nothing.
    """
    best, clearest, octaves = None, IN_STEP, None
    for period in PERIODS:
        middles = []
        for place in range(period):
            found = sorted(filter(None, sizes[place::period]))
            if len(found) < LEAST:
                break
            middles.append(found[len(found) // 2])
        if len(middles) == period and max(middles) >= max(least_bytes, min(middles) * 2**LOOSE_STEP):
            octaves = octaves or [log2(size) if size else 0.0 for size in sizes]
            share, repeated = _clearness(octaves, sizes, period)
            if share > clearest or (share == clearest and best is None):
                best, clearest = Rhythm(period, repeated), share
    return best


def _clearness(octaves: Sequence[float], sizes: Sequence[int], period: int) -> tuple[float, int]:
    """(share of pictures on the right side, places of small ones) of the best division of places; (0, 0): none."""
    sums = [0.0, *accumulate(octaves)]
    counts = [0, *accumulate(map(bool, sizes))]
    apart: list[list[float]] = [[] for _ in range(period)]  # of each place, how far from the mean around it
    for at, value in enumerate(octaves):
        first, last = max(0, at - period + 1), min(len(sizes), at + period)
        around = counts[last] - counts[first]
        if sizes[at] and around >= period:
            apart[at % period].append(value - (sums[last] - sums[first]) / around)
    if min(map(len, apart)) < LEAST:
        return 0.0, 0
    middle = [sorted(values)[len(values) // 2] for values in apart]
    order = sorted(range(period), key=middle.__getitem__)
    steps = [middle[high] - middle[low] for low, high in pairwise(order)]
    widest = max(range(period - 1), key=steps.__getitem__)
    if steps[widest] < STEP:
        return 0.0, 0
    border = (middle[order[widest]] + middle[order[widest + 1]]) / 2
    small = set(order[: widest + 1])
    right = sum((value < border) == (place in small) for place, values in enumerate(apart) for value in values)
    return right / sum(map(len, apart)), len(small)
