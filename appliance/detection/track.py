"""Findings of one picture after the other made objects: greedy overlap with a constant velocity, no library.

A weak finding begins a guess and keeps an object alive; an object needs a sure one. An object is *confirmed* by HITS
findings within CONFIRM_US that are sure enough together, and only once something has moved in its place: a coat stand,
a statue or a poster that a model takes for a person never moves. An object that was not looked at is not missed: views
say where the model looked.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import hypot
from typing import Final

from appliance.core.units import US_PER_SECOND
from appliance.detection.shapes import Box, Detection, Kind, intersection, overlap
from appliance.detection.thresholds import THRESHOLDS, Thresholds

HITS: Final = 2
CONFIRM_US: Final = 1_200_000
"""Findings that confirm an object, and the time they must fall in: three looks."""

APART_US: Final = 350_000
"""From the first of them to the last: what a model takes for a person in one picture it also does in the next."""

LOST_US: Final = 3 * US_PER_SECOND
"""How long an object is remembered without a finding: behind a post, or a model's blind moment."""

STILL_AFTER_US: Final = 5 * US_PER_SECOND
STILL: Final = 0.25
"""Box heights that an object may sway within STILL_AFTER_US and still stand."""


@dataclass(slots=True)
class Track:
    """One object. Times in microseconds; `score`: mean of its findings, newest weighing 0.3; velocity per second."""

    number: int
    kind: Kind
    box: Box
    score: float
    born_us: int
    seen_us: int
    hits: int = 1
    moved: bool = False
    confirmed_us: int | None = None
    velocity: tuple[float, float] = (0.0, 0.0)
    home: Box = field(default=Box(0, 0, 0, 0))
    home_us: int = 0
    missed: int = 0
    recent: deque[tuple[int, float]] = field(default_factory=deque)

    @property
    def confirmed(self) -> bool:
        """An object, not a guess."""
        return self.confirmed_us is not None

    def still(self, time_us: int) -> bool:
        """True when it has stood in one place for a while."""
        return time_us - self.home_us >= STILL_AFTER_US

    def expected(self, time_us: int) -> Box:
        """Where it should be, a second ahead at most: beyond, velocity is a guess."""
        seconds = min(1.0, (time_us - self.seen_us) / US_PER_SECOND)
        return self.box.moved(self.velocity[0] * seconds, self.velocity[1] * seconds)

    def hit(self, found: Detection, time_us: int) -> None:
        """Take a new finding."""
        seconds = (time_us - self.seen_us) / US_PER_SECOND
        if seconds > 0:
            dx, dy = (new - old for new, old in zip(found.box.centre, self.box.centre, strict=True))
            vx, vy = self.velocity
            self.velocity = ((vx + dx / seconds) / 2, (vy + dy / seconds) / 2)
        self.box = found.box
        self.score += 0.3 * (found.score - self.score)
        self.seen_us = time_us
        self.hits += 1
        self.missed = 0
        self.recent.append((time_us, found.score))
        while time_us - self.recent[0][0] > CONFIRM_US:
            self.recent.popleft()
        if distance(self.home, self.box) > STILL:
            self.home, self.home_us = self.box, time_us


def distance(a: Box, b: Box) -> float:
    """Between the centres, in heights of the larger box (fractions of width count as if the picture were square)."""
    (ax, ay), (bx, by) = a.centre, b.centre
    return hypot(ax - bx, ay - by) / max(a.height, b.height, 1e-6)


class Tracker:
    """The objects of one camera."""

    def __init__(self, thresholds: Thresholds = THRESHOLDS, hits: int = HITS) -> None:
        """`hits`: findings within CONFIRM_US that confirm; more for findings that say less (bare motion)."""
        self.tracks: list[Track] = []
        self._thresholds = thresholds
        self._hits = hits
        self._numbers = count(1)

    def update(
        self, found: Sequence[Detection], views: Sequence[Box], moving: Iterable[Box], time_us: int
    ) -> list[Track]:
        """Take the findings of one look; returns the tracks that were confirmed by it.

        `views`: rectangles that were looked at. `moving`: where something moved in the last second.
        """
        pairs = self._pairs(found, time_us)
        taken = set()
        for track, index in pairs:
            track.hit(found[index], time_us)
            taken.add(index)
        for index, one in enumerate(found):
            if index not in taken and one.score >= self._thresholds.weak:
                self._begin(one, time_us)
        confirmed = self._confirm(tuple(moving), time_us)
        self.tracks = [t for t in self.tracks if t.seen_us == time_us or not self._gone(t, views, time_us)]
        return confirmed

    def forget(self) -> None:
        """Another picture altogether: no object goes on."""
        self.tracks.clear()

    def _begin(self, one: Detection, time_us: int) -> None:
        track = Track(next(self._numbers), one.kind, one.box, one.score, time_us, time_us)
        track.home, track.home_us = one.box, time_us
        track.recent.append((time_us, one.score))
        self.tracks.append(track)

    def _pairs(self, found: Sequence[Detection], time_us: int) -> list[tuple[Track, int]]:
        """Which finding is which track: best overlap first, then the nearest."""
        close: list[tuple[float, int, int]] = []
        for at, track in enumerate(self.tracks):
            expected = track.expected(time_us)
            for index, one in enumerate(found):
                if one.kind is not track.kind:
                    continue
                common = max(overlap(expected, one.box), overlap(track.box, one.box))
                if common >= self._thresholds.same:
                    close.append((1 + common, at, index))
                elif (far := distance(expected, one.box)) < self._thresholds.near:
                    close.append((1 - far, at, index))
        pairs: list[tuple[Track, int]] = []
        tracks_taken, found_taken = set(), set()
        for _, at, index in sorted(close, reverse=True):
            if at not in tracks_taken and index not in found_taken:
                tracks_taken.add(at)
                found_taken.add(index)
                pairs.append((self.tracks[at], index))
        return pairs

    def _confirm(self, moving: tuple[Box, ...], time_us: int) -> list[Track]:
        confirmed = []
        for track in self.tracks:
            if track.seen_us != time_us or track.confirmed:
                continue
            covered = sum(intersection(track.box, box) for box in moving)
            track.moved = track.moved or covered > self._thresholds.moved * track.box.area
            enough = len(track.recent) >= self._hits and time_us - track.recent[0][0] >= APART_US
            if enough and track.moved and self._sure(track):
                track.confirmed_us = time_us
                confirmed.append(track)
        return confirmed

    def _sure(self, track: Track) -> bool:
        scores = [score for _, score in track.recent]
        return max(scores) >= self._thresholds.sure and sum(scores) >= self._thresholds.evidence

    @staticmethod
    def _gone(track: Track, views: Sequence[Box], time_us: int) -> bool:
        """True when it was looked for and not found for too long, or nobody looked for ten times as long."""
        age = time_us - track.seen_us
        looked = any(intersection(view, track.box) > 0.5 * track.box.area for view in views)
        track.missed += looked
        return age > LOST_US * (1 if looked else 10)
