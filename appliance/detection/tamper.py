"""Camera truth: does the camera still see? Once a second, on the luma, without a model and without a person.

| state     | is said when                                                                                | for |
|-----------|---------------------------------------------------------------------------------------------|-----|
| covered   | hardly any contrast: below 3 levels, or a third of this camera's least (cloth, spray)      | 3 s |
| defocused | detail by contrast below a quarter of the hour's median: light takes both alike; fine or,   | 3 s |
|           | where the sensor's noise looks like fine detail, coarse                                     |     |
| moved     | the landmarks (strongest edges) are no longer where they were, a few pixels aside           | 5 s |
| frozen    | nearly all pictures equal the one before, and coded sizes say that the encoder found hardly | 5 s |
|           | anything new; the others, and keyframes, differ no more than by being coded anew            |     |

In this order: a covered camera is neither defocused nor moved. The landmarks are learned, then checked, and learned
again when they do not hold (a car stood there): until they do, *moved* cannot be said and is not. They follow slowly,
as shadows do. The switch to infrared and back (colour goes or comes) is none of the four: everything is learned anew.
A room that goes dark looks covered, because nothing can be seen there: the sentence says so.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt

from appliance.core.errors import Language
from appliance.core.units import US_PER_SECOND
from appliance.detection.decode import Picture, Pixels
from appliance.detection.thresholds import THRESHOLDS, Thresholds


class Truth(StrEnum):
    """What is wrong with the view."""

    COVERED = "covered"
    DEFOCUSED = "defocused"
    MOVED = "moved"
    FROZEN = "frozen"


HOLD_US: Final = {
    Truth.COVERED: 3 * US_PER_SECOND,
    Truth.DEFOCUSED: 3 * US_PER_SECOND,
    Truth.MOVED: 5 * US_PER_SECOND,
    Truth.FROZEN: 5 * US_PER_SECOND,
}
"""How long a sign must last: a hand, a lorry that passes, a still moment are shorter."""

CLEAR_US: Final = 2 * US_PER_SECOND
"""How long it must be gone before it is over."""

EVERY_US: Final = US_PER_SECOND
SLACK_US: Final = US_PER_SECOND // 4
"""Looks are a second apart, give or take a picture."""

FLAT_MOST: Final = 15.0
"""Levels: a picture with more contrast than this shows something, whatever is usual."""

HOUR_LOOKS: Final = 3600 // 10
"""An hour's median is kept from one look in ten seconds."""

LEARN: Final = 5
CHECK: Final = 5
"""Looks from which landmarks are learned, and looks in which they must hold."""

HOLDS: Final = 0.5
"""Score of landmarks that hold: measured 0.5 to 0.97 in normal parts."""

LANDMARKS: Final = 0.15
LEAST_LANDMARKS: Final = 40
EDGE: Final = 3.0
"""The strongest 15 % of cells of 8 x 8 pixels whose edge is 3 levels or more: fewer than 40, and the view has none."""

SHIFT: Final = 2
"""Cells to each side: a camera that sways by 16 pixels on its mast has not moved."""

FOLLOW: Final = 0.02
"""Weight of a new look in the landmarks: a minute."""

ADOPT_US: Final = 30 * 60 * US_PER_SECOND
"""A turned camera's new view becomes the known one after half an hour: the alert was given, and it must see again."""

SMALL: Final = 100
PIXELS_A_BYTE: Final = 1500
"""A coded picture without news has so many bytes at most, or a byte for so many pixels: headers and runs of blocks that
are skipped. Measured frozen at 360 lines: 17 to 152 bytes; live: half of the pictures more than 100 to 700."""

LARGE: Final = 8
"""Times that size: a picture that large has news, and is not compared."""

QUIET: Final = 0.8
"""Share of pictures that equal the one before: all but one or two behind a keyframe."""

COLOUR: Final = 2.0
"""Levels of chroma: measured 0.7 to 30 in colour by scene; an infrared picture has 0 to 0.3."""

GREY: Final = 0.4

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Look:
    """What one picture shows. `contrast` in levels; `sharpness` and `coarse`: detail of 2 and of 4 pixels by contrast;
    `edges` (2, rows, columns) in levels; `colour`: mean chroma in levels.
    """

    contrast: float
    sharpness: float
    coarse: float
    edges: Floats
    colour: float


def measure(luma: Pixels, colour: float) -> Look:
    """A picture's features, about a millisecond at 640x360."""
    half = luma[::2, ::2].astype(np.float32)
    variance = float(half.var())
    small = _cells(luma, max(4, round(luma.shape[1] / 80)))
    edges = np.stack([small[1:-1, 2:] - small[1:-1, :-2], small[2:, 1:-1] - small[:-2, 1:-1]])
    detail = _detail(half) / (variance + 1.0)
    coarse = _detail(_cells(luma, 4)) / (variance + 1.0)
    return Look(variance**0.5, detail, coarse, edges, colour)


def _cells(luma: Pixels, step: int) -> Floats:
    """Means of squares of `step` pixels."""
    rows, columns = luma.shape[0] // step, luma.shape[1] // step
    cut = luma[: rows * step, : columns * step].reshape(rows, step, columns * step)
    summed = cut.sum(axis=1, dtype=np.uint16).reshape(rows, columns, step)  # whole rows first: four times as fast
    made: Floats = summed.sum(axis=2, dtype=np.float32) / np.float32(step * step)
    return made


def _detail(luma: Floats) -> float:
    """Variance of the Laplacian."""
    inner = 4 * luma[1:-1, 1:-1] - luma[:-2, 1:-1] - luma[2:, 1:-1] - luma[1:-1, :-2] - luma[1:-1, 2:]
    return float(inner.var())


def resemblance(edges: Floats, known: Floats) -> float | None:
    """How well the landmarks of `known` are found in `edges`, -1 to 1 (mean cosine); None when it has too few."""
    strength = np.hypot(known[0], known[1])[SHIFT:-SHIFT, SHIFT:-SHIFT]
    weakest = max(EDGE, float(np.quantile(strength, 1 - LANDMARKS)))
    rows, columns = np.nonzero(strength >= weakest)
    if rows.size < LEAST_LANDMARKS:
        return None
    marks = known[:, rows + SHIFT, columns + SHIFT]
    size = np.hypot(marks[0], marks[1])
    best = -1.0
    for down in range(2 * SHIFT + 1):
        for across in range(2 * SHIFT + 1):
            here = edges[:, rows + down, columns + across]
            cosine = (here * marks).sum(axis=0) / ((np.hypot(here[0], here[1]) + 2.0) * size)  # 2 levels: noise
            best = max(best, float(cosine.mean()))
    return best


@dataclass(slots=True)
class Landmarks:
    """What a camera's view is known by: learned, checked, followed."""

    known: Floats | None = None
    usual: float | None = None
    _taken: list[Floats] = field(default_factory=list)
    _checks: list[float] = field(default_factory=list)

    def score(self, edges: Floats) -> float | None:
        """Resemblance by this camera's usual one; None while the landmarks are not known."""
        if self.known is None or self.usual is None or self.known.shape != edges.shape:
            return None
        found = resemblance(edges, self.known)
        return None if found is None else found / self.usual

    def take(self, edges: Floats) -> None:
        """A look at a view that is not in doubt."""
        if self.known is None or self.known.shape != edges.shape:
            self._learn(edges)
            return
        found = resemblance(edges, self.known)
        if found is None:
            self.restart()
        elif self.usual is None:
            self._check(found)
        elif found >= HOLDS * self.usual:
            self.known += FOLLOW * (edges - self.known)
            self.usual += FOLLOW * (found - self.usual)

    def restart(self) -> None:
        """Forget the view."""
        self.known, self.usual = None, None
        self._taken.clear()
        self._checks.clear()

    def _learn(self, edges: Floats) -> None:
        self._taken = [*(one for one in self._taken if one.shape == edges.shape), edges]
        if len(self._taken) >= LEARN:
            self.known = np.median(np.stack(self._taken), axis=0).astype(np.float32)
            self.usual = None
            self._taken.clear()

    def _check(self, found: float) -> None:
        if found < HOLDS:
            self.restart()
            return
        self._checks.append(found)
        if len(self._checks) >= CHECK:
            self.usual = median(self._checks)
            self._checks.clear()


@dataclass(slots=True)
class _Sign:
    """One state: since when its sign is there or gone, and whether it is said."""

    present_us: int | None = None
    absent_us: int | None = None
    said: bool = False

    def step(self, here: bool, time_us: int, hold_us: int) -> bool | None:
        """True when it begins now, False when it ends now, None otherwise."""
        if here:
            self.absent_us = None
            self.present_us = time_us if self.present_us is None else self.present_us
            if not self.said and time_us - self.present_us >= hold_us - SLACK_US:
                self.said = True
                return True
            return None
        self.present_us = None
        self.absent_us = time_us if self.absent_us is None else self.absent_us
        if self.said and time_us - self.absent_us >= CLEAR_US - SLACK_US:
            self.said = False
            return False
        return None


class Tamper:
    """Watches one camera's view. `look` every picture; it measures once a second."""

    def __init__(self, thresholds: Thresholds = THRESHOLDS) -> None:
        self._thresholds = thresholds
        self._signs = {truth: _Sign() for truth in Truth}
        self._landmarks = Landmarks()
        self._sharp: deque[float] = deque(maxlen=HOUR_LOOKS)
        self._coarse: deque[float] = deque(maxlen=HOUR_LOOKS)
        self._contrast: deque[float] = deque(maxlen=HOUR_LOOKS)
        self._looks = 0
        self._last_us: int | None = None
        self._before: Pixels | None = None
        self._news_us = 0  # when a picture last differed from the one before by more than being coded anew
        self._quiet: deque[tuple[int, bool]] = deque()  # of those since: time, does it equal the one before?
        self._in_colour: bool | None = None
        self._moved_us: int | None = None
        self.flipped = False

    def look(self, picture: Picture) -> list[tuple[Truth, bool]]:
        """(state, True when it begins, False when it ends) of this picture. `flipped`: infrared was just switched."""
        time_us = picture.time_us
        self.flipped = False
        self._compare(picture.luma, picture.size, time_us, keyframe=picture.keyframe)
        if self._last_us is not None and 0 <= time_us - self._last_us < EVERY_US - SLACK_US:
            return []
        if self._last_us is None:
            self._news_us = time_us
        self._last_us = time_us
        return self.judge(measure(picture.luma, picture.colourfulness()), time_us)

    def judge(self, seen: Look, time_us: int) -> list[tuple[Truth, bool]]:
        """The same from features."""
        self._flip(seen.colour)
        now = self._now(seen, time_us)
        changes = []
        for truth, sign in self._signs.items():
            change = sign.step(truth is now, time_us, 0 if truth is Truth.FROZEN else HOLD_US[truth])
            if change is not None:
                changes.append((truth, change))
        if now is None or now is Truth.FROZEN:
            self._follow(seen, in_doubt=any(sign.said for sign in self._signs.values()))
        self._adopt(now, time_us)
        return changes

    def relearn(self) -> None:
        """A person says that the view is right as it is."""
        self._landmarks.restart()
        self._sharp.clear()
        self._coarse.clear()
        self._contrast.clear()

    def _compare(self, luma: Pixels, size: int, time_us: int, *, keyframe: bool) -> None:
        sample = luma[::2, ::2]
        before, self._before = self._before, sample
        small = max(SMALL, luma.size / PIXELS_A_BYTE)
        difference = float("inf")
        if before is not None and before.shape == sample.shape and (keyframe or size <= LARGE * small):
            difference = float(np.abs(sample.astype(np.int16) - before).mean())
        if difference >= self._thresholds.key_still:
            self._news_us = time_us
            self._quiet.clear()
            return
        quiet = keyframe or (difference < self._thresholds.still and size <= small)
        self._quiet.append((time_us, quiet))
        while time_us - self._quiet[0][0] > HOLD_US[Truth.FROZEN]:
            self._quiet.popleft()

    def _frozen(self, time_us: int) -> bool:
        """No news for as long as it takes, and nearly no difference at all."""
        if time_us - self._news_us < HOLD_US[Truth.FROZEN] - SLACK_US or not self._quiet:
            return False
        return sum(quiet for _, quiet in self._quiet) >= QUIET * len(self._quiet)

    def _flip(self, colour: float) -> None:
        in_colour = colour > COLOUR if self._in_colour is None else colour > (GREY if self._in_colour else COLOUR)
        if self._in_colour is not None and in_colour is not self._in_colour:
            self.flipped = True
            self.relearn()
        self._in_colour = in_colour

    def _now(self, seen: Look, time_us: int) -> Truth | None:
        """The state this one look speaks for."""
        t = self._thresholds
        flat = t.flat
        if len(self._contrast) >= LEARN:
            lowest = sorted(self._contrast)[len(self._contrast) // 10]
            flat = max(flat, min(FLAT_MOST, t.flat_share * lowest))
        if seen.contrast < flat:
            return Truth.COVERED
        if len(self._sharp) >= LEARN and (
            seen.sharpness < t.blurred_share * median(self._sharp)
            or seen.coarse < t.blurred_share * median(self._coarse)
        ):
            return Truth.DEFOCUSED
        score = self._landmarks.score(seen.edges)
        if score is not None and score < t.moved_share:
            return Truth.MOVED
        return Truth.FROZEN if self._frozen(time_us) else None

    def _follow(self, seen: Look, *, in_doubt: bool) -> None:
        self._landmarks.take(seen.edges)
        self._looks += 1
        often = len(self._sharp) < 3 * LEARN  # each look at first, then one in ten
        if not in_doubt and (often or self._looks % 10 == 0):
            self._sharp.append(seen.sharpness)
            self._coarse.append(seen.coarse)
            self._contrast.append(seen.contrast)

    def _adopt(self, now: Truth | None, time_us: int) -> None:
        if now is not Truth.MOVED:
            self._moved_us = None
        elif self._moved_us is None:
            self._moved_us = time_us
        elif time_us - self._moved_us >= ADOPT_US:
            self.relearn()


_WORDS: Final = {
    Truth.COVERED: (
        "La caméra ne voit plus rien : objectif couvert, ou lieu sans aucune lumière.",
        "The camera sees nothing: its lens is covered, or the place has no light at all.",
    ),
    Truth.DEFOCUSED: (
        "L'image est floue : mise au point perdue, ou objectif sali.",
        "The picture is blurred: out of focus, or a dirty lens.",
    ),
    Truth.MOVED: (
        "La caméra ne regarde plus au même endroit.",
        "The camera no longer looks at the same place.",
    ),
    Truth.FROZEN: (
        "L'image est figée : la caméra envoie toujours la même.",
        "The picture is frozen: the camera keeps sending the same one.",
    ),
}


def sentence(truth: Truth, language: Language) -> str:
    """For the alert."""
    return _WORDS[truth][0 if language == "fr" else 1]
