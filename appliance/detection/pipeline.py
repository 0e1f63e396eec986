"""One camera's way from a decoded picture to events: gate, camera truth, motion, model, tracks, rules.

In two steps, so that a process can put a queue between them: `prepare` does what each picture costs (a millisecond)
and says where a model should look; `conclude` takes what it found. `look` is both at once. A camera that waits in the
queue loses its older work to its newer (latest wins): nothing here counts on every `prepare` being concluded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from appliance.core.units import US_PER_SECOND
from appliance.detection.attention import Attention
from appliance.detection.decode import Order, Picture, Pixels
from appliance.detection.gate import Watch
from appliance.detection.model import Model, ModelDescription
from appliance.detection.motion import STILL, Motion, MotionGate, mask
from appliance.detection.rules import Event, Rules
from appliance.detection.shapes import Box, Detection, Kind, distinct, inside, intersection, overlap
from appliance.detection.tamper import Tamper
from appliance.detection.thresholds import THRESHOLDS, Thresholds
from appliance.detection.track import HITS, Track, Tracker
from appliance.site.detection import DetectionSettings
from appliance.site.model import CameraSettings, Site

PRESENT_US: Final = 1_500_000
"""How long after its last finding an object is still said to be there: one look at one who stands, and a half."""

MISSED: Final = 2
BRIEF_US: Final = 600_000
"""One who was looked for twice in vain has left, unless it was a moment ago."""

MOTION_HITS: Final = 4
"""Findings that confirm an object of which only motion is known: of 5 pictures a second, 4 within 1.2 s."""

MOTION_LEAST: Final = 3
"""Blocks that motion must cover to be an object where no model tells leaves from legs."""

SAME_OBJECT: Final = 0.5
PART: Final = 0.7
"""Share of a finding at a square's side that lies in another finding: the same object, cut off."""

AT_SIDE: Final = 0.01

_NEAR_MOTION_US: Final = US_PER_SECOND


@dataclass(frozen=True, slots=True)
class Input:
    """What a model wants: pixels of its input, channel order, what fills the rest."""

    width: int
    height: int
    order: Order
    fill: int

    @classmethod
    def of(cls, description: ModelDescription) -> "Input":
        """What the described model wants."""
        return cls(description.width, description.height, description.order, description.fill)


Finder = Callable[[Pixels, float], list[Detection]]
"""(pixels, lowest score) -> findings in fractions of the pixels given: `Model.find`."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is left to do about a picture: `squares` for a model, none when it has nothing to look at."""

    picture: Picture
    motion: Motion
    squares: tuple[Box, ...]

    @property
    def time_us(self) -> int:
        """The picture's time."""
        return self.picture.time_us

    def find(self, finder: Finder, wanted: Input, least: float) -> list[Detection]:
        """Run the model on each square: findings in fractions of the picture, each object once."""
        found: list[Detection] = []
        for square in self.squares:
            pixels, view = self.picture.view(square, wanted.width, wanted.height, wanted.order, wanted.fill)
            back = [one._replace(box=view.back(one.box)) for one in finder(pixels, least)]
            found += [one for one in back if one.box.area > 0]
        return once(found, self.squares)


def once(found: Sequence[Detection], squares: Sequence[Box]) -> list[Detection]:
    """Findings of several squares, each object once: a part cut off by a square's side goes before the whole."""
    kept = distinct(found, SAME_OBJECT)
    if len(squares) < 2:
        return kept
    return [
        one
        for one in kept
        if not any(
            other is not one
            and other.kind is one.kind
            and other.box.area > one.box.area
            and intersection(one.box, other.box) > PART * one.box.area
            and any(_at_side(one.box, square) for square in squares)
            for other in kept
        )
    ]


def _at_side(box: Box, square: Box) -> bool:
    """True when the box touches a side of the square that is not the picture's own."""
    return (
        (square.left > 0 and abs(box.left - square.left) < AT_SIDE)
        or (square.top > 0 and abs(box.top - square.top) < AT_SIDE)
        or (square.right < 1 and abs(box.right - square.right) < AT_SIDE)
        or (square.bottom < 1 and abs(box.bottom - square.bottom) < AT_SIDE)
    )


@dataclass(slots=True)
class Counts:
    """What the pipeline did, for metrics."""

    pictures: int = 0
    looks: int = 0
    squares: int = 0


@dataclass(slots=True)
class Pipeline:
    """The pipeline of one camera. `kinds_known` False: thermal camera or no model; motion and size only."""

    settings: DetectionSettings
    zone: ZoneInfo
    kinds_known: bool = True
    thresholds: Thresholds = THRESHOLDS
    counts: Counts = field(default_factory=Counts)
    tracker: Tracker = field(init=False)
    rules: Rules = field(init=False)
    tamper: Tamper = field(init=False)
    _gate: MotionGate = field(init=False)
    _attention: Attention | None = None
    _shape: tuple[int, ...] = (0, 0)
    _moved: list[tuple[int, tuple[Box, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tracker = Tracker(self.thresholds, HITS if self.kinds_known else MOTION_HITS)
        self.tamper = Tamper(self.thresholds)
        self.rules = Rules.of(self.settings, self.zone, kinds_known=self.kinds_known)
        ignored = mask([area.polygon for area in self.settings.ignore])
        self._gate = MotionGate(self.thresholds, self.settings.sensitivity, ignored)

    @classmethod
    def of(cls, site: Site, camera: CameraSettings, model: Model | None) -> "Pipeline":
        """For a camera of the site; without a model, or for a thermal camera, by motion and size."""
        kinds_known = model is not None and camera.spectrum == "visible"
        thresholds = THRESHOLDS.at_score(model.description.score) if model is not None else THRESHOLDS
        return cls(camera.detection, site.site.zone, kinds_known, thresholds)

    def look(
        self, picture: Picture, watch: Watch, finder: Finder | None, wanted: Input | None, utc_us: int | None = None
    ) -> list[Event]:
        """All of it for one picture, at once. `utc_us`: for the hours of zones, else the picture's own time."""
        events, work = self.prepare(picture, watch)
        if work is None:
            return events
        found = work.find(finder, wanted, self.thresholds.weak) if finder is not None and wanted is not None else []
        return events + self.conclude(work, found, picture.time_us if utc_us is None else utc_us)

    def prepare(self, picture: Picture, watch: Watch, *, look: bool = True) -> tuple[list[Event], Work | None]:
        """Camera truth events of this picture, and what a model should do about it; None when nothing is to be done.

        `look` False: the model has no time for this one; what moved in it is remembered.

        STATISTICS must not come here: its pictures are not decoded. Raises ValueError if it does.
        """
        if watch is Watch.STATISTICS:
            raise ValueError("a picture that must not be analysed")
        self.counts.pictures += 1
        if self._shape != picture.luma.shape:
            self._begin(picture)
        events = [Event(picture.time_us, truth, ended=not begins) for truth, begins in self.tamper.look(picture)]
        if watch is not Watch.PERSONS:
            self.tracker.forget()
            self._gate.restart()
            return events, None
        if self.tamper.flipped:
            self._gate.restart()
        motion = self._gate.look(picture.luma, picture.time_us)
        self._remember(motion, picture.time_us)
        return events, self._work(picture, motion) if look else None

    def conclude(self, work: Work, found: Sequence[Detection], utc_us: int) -> list[Event]:
        """Events after the model's findings on `work`."""
        views: Sequence[Box] = work.squares
        if not self.kinds_known:
            found = [Detection(box, Kind.MOTION, 1.0) for box in work.motion.boxes if _is_object(box)]
            views = (Box(0, 0, 1, 1),)
        else:
            self.counts.looks += 1
            self.counts.squares += len(work.squares)
        wanted = [one for one in _no_animals(found) if not self._ignored(one.box)]
        moving = [box for _, boxes in self._moved for box in boxes]
        self.tracker.update(wanted, views, moving, work.time_us)
        return self.rules.judge(self.tracker.tracks, work.time_us, utc_us)

    def present(self, kind: Kind, time_us: int) -> list[Track]:
        """Confirmed objects of a kind that are there at `time_us`."""
        return [track for track in self.tracker.tracks if track.kind is kind and _there(track, time_us)]

    def moving(self, time_us: int) -> bool:
        """True when something moved in the picture of that time."""
        return bool(self._moved) and self._moved[-1][0] == time_us

    def _begin(self, picture: Picture) -> None:
        self._shape = picture.luma.shape
        self._attention = Attention(picture.aspect)
        self.rules.aspect = picture.aspect
        self.tracker.forget()
        self._gate.restart()

    def _remember(self, motion: Motion, time_us: int) -> None:
        self._moved = [(at, boxes) for at, boxes in self._moved if 0 <= time_us - at <= _NEAR_MOTION_US]
        if motion.boxes:
            self._moved.append((time_us, motion.boxes))

    def _work(self, picture: Picture, motion: Motion) -> Work | None:
        if not self.kinds_known:
            return Work(picture, motion, ())
        if motion.flash or self._attention is None:
            motion = STILL
        squares = self._attention.squares(motion, self.tracker.tracks, picture.time_us) if self._attention else []
        return Work(picture, motion, tuple(squares)) if squares else None

    def _ignored(self, box: Box) -> bool:
        x, y = box.foot
        return any(inside((x, min(y, 0.999)), area.polygon) for area in self.settings.ignore)


def _there(track: Track, time_us: int) -> bool:
    """True when a confirmed object was found a moment ago and has not walked out of the picture since."""
    x, y = track.expected(time_us).centre
    hold_us = PRESENT_US if track.missed < MISSED else BRIEF_US
    return track.confirmed and time_us - track.seen_us <= hold_us and 0 <= x <= 1 and 0 <= y <= 1


def _is_object(box: Box) -> bool:
    return box.area >= MOTION_LEAST / 576  # a block is 1/576 of the picture


def _no_animals(found: Sequence[Detection]) -> list[Detection]:
    """Without persons that are more surely animals in the same place."""
    animals = [one for one in found if one.kind is Kind.ANIMAL]
    return [
        one
        for one in found
        if one.kind is not Kind.PERSON
        or not any(beast.score > one.score and overlap(beast.box, one.box) > SAME_OBJECT for beast in animals)
    ]
