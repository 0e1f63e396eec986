"""The motion gate: does anything move, and where? Numpy on a luma of 160 x 90, about half a millisecond a picture.

Against a running mean of about a second (slower backgrounds stay on for minutes after each change of light or parked
car; one who stands still is the tracker's business). The median of the difference, which is the light, is taken off.
A pixel has changed when it differs by more than the threshold and by more than the noise of the picture; a block of
5 x 5 pixels when enough of its pixels have; a block counts when it changed in 2 of 3 pictures. When most blocks change
at once it is light, an infrared switch or a turned camera: no motion, and the background begins again.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from appliance.core.units import US_PER_SECOND
from appliance.detection.decode import Pixels
from appliance.detection.shapes import Box, Polygon, inside
from appliance.detection.thresholds import THRESHOLDS, Thresholds

WIDTH: Final = 160
HEIGHT: Final = 90
"""Pixels looked at: a person of a twentieth of the picture's height still covers a block."""

BLOCK: Final = 5
ROWS: Final = HEIGHT // BLOCK
COLUMNS: Final = WIDTH // BLOCK

ALPHA: Final = 0.2
"""Weight of the newest picture in the running mean: a second at 5 pictures a second."""

SENSITIVITY: Final[dict[str, float]] = {"low": 1.4, "normal": 1.0, "high": 0.7}
"""Factor of the threshold in levels: `high` is for dark coats on dark ground."""

NOISE_ALPHA: Final = 0.05
LOUDEST: Final = 15.0
"""The noise follows in four seconds, and no further than what sensors have (levels): one who stands before the lens is
no noise."""

PIXELS: Final = 5
"""Changed pixels of a block's 25 that make it changed: below, it is leaves and compression."""

PAUSE_US: Final = US_PER_SECOND
"""After a flash the running mean needs a second to follow."""

Blocks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Motion:
    """`boxes` of connected moving blocks, largest first, and `share` of all blocks that move. `flash`: not motion."""

    boxes: tuple[Box, ...] = ()
    share: float = 0.0
    flash: bool = False


STILL: Final = Motion()


def mask(areas: Sequence[Polygon]) -> Blocks:
    """Blocks (ROWS, COLUMNS) whose middle lies in one of the areas: there, nothing is motion."""
    made = np.zeros((ROWS, COLUMNS), np.bool_)
    for row in range(ROWS):
        for column in range(COLUMNS):
            middle = ((column + 0.5) / COLUMNS, (row + 0.5) / ROWS)
            made[row, column] = any(inside(middle, area) for area in areas)
    return made


def small(luma: Pixels) -> npt.NDArray[np.float32]:
    """(HEIGHT, WIDTH) of a luma plane of any size, one pixel in each cell."""
    height, width = luma.shape
    if height % HEIGHT == 0 and width % WIDTH == 0:
        down, across = height // HEIGHT, width // WIDTH
        made: npt.NDArray[np.float32] = luma[down // 2 :: down, across // 2 :: across].astype(np.float32)
        return made
    rows = (np.arange(HEIGHT) * 2 + 1) * height // (2 * HEIGHT)
    columns = (np.arange(WIDTH) * 2 + 1) * width // (2 * WIDTH)
    cells: npt.NDArray[np.float32] = luma[rows[:, np.newaxis], columns].astype(np.float32)
    return cells


class MotionGate:
    """The gate of one camera. Times must not go back; after a hole of PAUSE_US or more the background begins again."""

    def __init__(
        self, thresholds: Thresholds = THRESHOLDS, sensitivity: str = "normal", ignored: Blocks | None = None
    ) -> None:
        self._threshold = thresholds.motion * SENSITIVITY[sensitivity]
        self._noises = thresholds.noises
        self._flash = thresholds.flash
        self._noise = 0.0
        self._watched = None if ignored is None or not ignored.any() else ~ignored
        self._mean: npt.NDArray[np.float32] | None = None
        self._recent: deque[Blocks] = deque(maxlen=2)
        self._last_us = 0
        self._quiet_until_us = 0

    def look(self, luma: Pixels, time_us: int) -> Motion:
        """What moves in this picture."""
        now = small(luma)
        hole = time_us - self._last_us >= PAUSE_US
        self._last_us = time_us
        if self._mean is None or hole:
            return self._begin(now, time_us, flash=False)
        changed = self._changed(now - self._mean)
        self._mean += ALPHA * (now - self._mean)
        watched = int(changed.size if self._watched is None else self._watched.sum())
        if changed.sum() > self._flash * max(1, watched):
            return self._begin(now, time_us, flash=True)
        before = self._recent
        lasting = changed & (before[0] | before[1]) if len(before) == 2 else np.zeros_like(changed)
        if len(before) == 2:
            lasting |= before[0] & before[1]
        before.append(changed)
        if time_us < self._quiet_until_us or not lasting.any():
            return STILL
        return Motion(_boxes(lasting), float(lasting.mean()))

    def restart(self) -> None:
        """Forget the background: the picture is another one (infrared switched, stream began again)."""
        self._mean = None

    def _begin(self, now: npt.NDArray[np.float32], time_us: int, *, flash: bool) -> Motion:
        self._mean = now
        self._recent.clear()
        if flash:
            self._quiet_until_us = time_us + PAUSE_US
        return Motion(flash=flash)

    def _changed(self, difference: npt.NDArray[np.float32]) -> Blocks:
        sparse = difference[1::2, 1::2]  # a quarter of the pixels gives the same medians
        difference -= np.median(sparse)
        size = np.abs(difference, out=difference)
        above = size > max(self._threshold, self._noises * self._noise)
        noise = float(np.median(size[1::2, 1::2])) * 1.4826  # of a normal distribution
        self._noise += NOISE_ALPHA * (min(noise, LOUDEST) - self._noise)
        changed: Blocks = above.reshape(ROWS, BLOCK, COLUMNS, BLOCK).sum(axis=(1, 3)) >= PIXELS
        if self._watched is not None:
            changed &= self._watched
        return changed


def _boxes(blocks: Blocks) -> tuple[Box, ...]:
    """Rectangles around connected blocks (8 neighbours), the one of most blocks first."""
    left = {(int(row), int(column)) for row, column in np.argwhere(blocks)}
    found: list[tuple[int, Box]] = []
    while left:
        edge = [left.pop()]
        group = list(edge)
        while edge:
            row, column = edge.pop()
            near = [(row + dy, column + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
            new = [place for place in near if place in left]
            left.difference_update(new)
            edge += new
            group += new
        rows, columns = [row for row, _ in group], [column for _, column in group]
        box = Box(min(columns) / COLUMNS, min(rows) / ROWS, (max(columns) + 1) / COLUMNS, (max(rows) + 1) / ROWS)
        found.append((len(group), box))
    return tuple(box for _, box in sorted(found, key=lambda one: -one[0]))
