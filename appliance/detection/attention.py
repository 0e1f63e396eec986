"""Where the model looks, and when: at most RUNS looks a second and camera, at most two squares each.

What moves and who is already known are regions; squares around them, at least LEAST of the picture's height, are what
the model gets, so that a person of 20 pixels fills enough of its input. Regions that were not looked at for longest go
first. The whole picture is looked at when movement begins and at every WHOLE_EVERY-th look. Nothing moves: only those
who stand are looked at again, once a second.
"""

from collections.abc import Sequence
from typing import Final

from appliance.core.units import US_PER_SECOND
from appliance.detection.motion import Motion
from appliance.detection.shapes import WHOLE, Box, Kind, intersection
from appliance.detection.track import CONFIRM_US, LOST_US, Track

EVERY_US: Final = 400_000
"""Between two looks: 2.5 a second find one who runs twice before he is 4 m further."""

SOON_US: Final = 200_000
"""While an object waits to be confirmed: each picture, for an alert that comes early."""

KNOWN_US: Final = 800_000
"""What is known already may wait for two looks, so that a newcomer beside a car is found while the car passes."""

AGAIN_US: Final = US_PER_SECOND
"""Between two looks at one who stands still."""

AGAIN_VEHICLE_US: Final = 5 * US_PER_SECOND
PARKED_US: Final = 30 * US_PER_SECOND
"""A vehicle that stands longer is parked: it is looked at again when something moves."""

SQUARES: Final = 2
"""A third square would find little more and cost as much as the second."""

LEAST: Final = 0.4
"""Of the picture's height: 144 lines of 360, more than doubled for a network of 320."""

SEEN: Final = 0.12
"""Of a square's height: 38 pixels of 320. What is smaller is not seen in that square and gets one of its own."""

MARGIN: Final = 1.4
"""Square by region: a network finds badly what touches its sides."""

WHOLE_EVERY: Final = 10
BEGINS_US: Final = 2 * US_PER_SECOND
"""Without a look for this long, movement begins anew."""

_GRID: Final = 8
"""Cells each way of the map of when each place was looked at last."""


class Attention:
    """Decides for one camera. `aspect`: the picture's width by height."""

    def __init__(self, aspect: float) -> None:
        self._aspect = aspect
        self._last_us: int | None = None
        self._looks = 0
        self._seen_us = [[-LOST_US] * _GRID for _ in range(_GRID)]

    def squares(self, motion: Motion, tracks: Sequence[Track], time_us: int) -> list[Box]:
        """What to look at now, none to WHOLE and one square or two squares; recorded as looked at."""
        since_us = EVERY_US if self._last_us is None else time_us - self._last_us
        if 0 <= since_us < EVERY_US - SOON_US // 4:
            return self._between(tracks, time_us) if since_us >= SOON_US - SOON_US // 4 else []
        known = [track for track in tracks if self._due(track, time_us)]
        if motion.boxes:
            known += [t for t in tracks if t not in known and time_us - t.seen_us <= LOST_US]
        if not motion.boxes and not known:
            return []
        begins = self._last_us is None or time_us - self._last_us > BEGINS_US
        guesses = [track.expected(time_us).cut() for track in _guesses(known, time_us)[:1]]
        objects = [track.expected(time_us).cut() for track in known if track.confirmed]
        chosen = self._around(guesses, motion.boxes, objects)
        if motion.boxes and not guesses and (begins or self._looks % WHOLE_EVERY == 0):
            chosen = [WHOLE, *(square for square in chosen if square != WHOLE)]
        chosen = chosen[:SQUARES]
        self._looks += 1
        self._last_us = time_us
        for square in chosen:
            self._mark(square, time_us)
        return chosen

    def _between(self, tracks: Sequence[Track], time_us: int) -> list[Box]:
        """One square around what moved and waits to be confirmed."""
        guesses = [track.expected(time_us).cut() for track in _guesses(tracks, time_us)[:1]]
        chosen = self._around(guesses, (), ())
        for square in chosen:
            self._mark(square, time_us)
        return chosen

    @staticmethod
    def _due(track: Track, time_us: int) -> bool:
        age = time_us - track.seen_us
        if not track.confirmed:
            return age <= CONFIRM_US
        if track.kind is Kind.VEHICLE and track.still(time_us):
            return time_us - track.home_us < PARKED_US and age >= AGAIN_VEHICLE_US
        return AGAIN_US - EVERY_US // 4 <= age <= LOST_US

    def _around(self, first: Sequence[Box], moving: Sequence[Box], objects: Sequence[Box]) -> list[Box]:
        """Squares around the regions; one square may do for many.

        Behind the first come those not looked at for longest; what is known already, KNOWN_US later.
        """

        def turn(region: Box) -> tuple[int, float]:
            known = any(intersection(region, one) >= 0.5 * min(region.area, one.area) > 0 for one in objects)
            return self._age(region) + (KNOWN_US if known else 0), -region.area

        waiting = [*first, *sorted([*moving, *objects], key=turn)]
        chosen: list[Box] = []
        for region in waiting:
            if not any(self._serves(square, region) for square in chosen):
                chosen.append(self._square(region, waiting))
        return chosen

    def _serves(self, square: Box, region: Box) -> bool:
        """True when the square holds the region, and large enough for a network to see it."""
        size = max(region.height, region.width * self._aspect)
        return size >= SEEN * square.height and intersection(region, square) >= 0.9 * region.area

    def _square(self, region: Box, others: Sequence[Box]) -> Box:
        """A square (in pixels) around the region, moved and not widened to take in neighbours that fit."""
        side = max(LEAST, MARGIN * max(region.height, region.width * self._aspect))
        if side >= 0.9:
            return WHOLE
        group = region
        for other in others:
            left, top = min(group.left, other.left), min(group.top, other.top)
            right, bottom = max(group.right, other.right), max(group.bottom, other.bottom)
            if max((right - left) * self._aspect, bottom - top) * 1.1 <= side:
                group = Box(left, top, right, bottom)
        wide = min(1.0, side / self._aspect)
        x, y = group.centre
        left = min(max(0.0, x - wide / 2), 1 - wide)
        top = min(max(0.0, y - side / 2), 1 - side)
        return Box(left, top, left + wide, top + side)

    def _cell(self, x: float, y: float) -> tuple[int, int]:
        return min(_GRID - 1, max(0, int(y * _GRID))), min(_GRID - 1, max(0, int(x * _GRID)))

    def _age(self, region: Box) -> int:
        row, column = self._cell(*region.centre)
        return self._seen_us[row][column]

    def _mark(self, square: Box, time_us: int) -> None:
        for row in range(_GRID):
            for column in range(_GRID):
                x, y = (column + 0.5) / _GRID, (row + 0.5) / _GRID
                if square.left <= x <= square.right and square.top <= y <= square.bottom:
                    self._seen_us[row][column] = time_us


def _guesses(tracks: Sequence[Track], time_us: int) -> list[Track]:
    """What moved and waits to be confirmed, persons first; what was looked for twice in vain waits no longer."""
    waiting = [
        track
        for track in tracks
        if not track.confirmed and track.moved and track.missed < 2 and 0 <= time_us - track.born_us <= CONFIRM_US
    ]
    return sorted(waiting, key=lambda track: (track.kind is not Kind.PERSON, -track.score))
