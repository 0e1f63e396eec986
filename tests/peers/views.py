"""Pictures drawn for tests of detection: a textured yard, blocks that walk through it, and what goes wrong with a view.

Nothing here is encoded: luma arrays become decoded frames as libav gives them.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from appliance.detection.decode import Picture, Pixels
from appliance.detection.shapes import Box

WIDTH: Final = 640
HEIGHT: Final = 360
STEP_US: Final = 200_000
"""Five pictures a second."""

DARK: Final = 20
"""Luma of a drawn object: far from the yard's 90 to 200."""


@cache
def yard(seed: int = 1) -> Pixels:
    """A view with landmarks: rectangles of many greys, and fine texture. Not to be drawn on (see with_boxes)."""
    random = np.random.default_rng(seed)
    made = np.full((HEIGHT, WIDTH), 130.0)
    for _ in range(60):
        x, y = random.integers(0, WIDTH - 40), random.integers(0, HEIGHT - 30)
        w, h = random.integers(20, 120), random.integers(15, 80)
        made[y : y + h, x : x + w] = random.integers(90, 200)
    made += random.normal(0, 4, made.shape)
    view: Pixels = np.clip(made, 16, 235).astype(np.uint8)
    view.flags.writeable = False
    return view


@cache
def _noise() -> npt.NDArray[np.float32]:
    return np.random.default_rng(5).normal(0, 1, (HEIGHT + 64, WIDTH + 64)).astype(np.float32)


def noisy(luma: Pixels, number: int, sigma: float = 1.5) -> Pixels:
    """The same with the sensor's noise of picture `number`."""
    down, across = number * 23 % 64, number * 37 % 64  # another part of one field for each picture
    noise = _noise()[down : down + luma.shape[0], across : across + luma.shape[1]]
    made: Pixels = np.clip(luma + sigma * noise, 16, 235).astype(np.uint8)
    return made


def with_boxes(luma: Pixels, boxes: Sequence[Box], grey: int = DARK) -> Pixels:
    """The view with objects in it."""
    made = luma.copy()
    for box in boxes:
        rows = slice(round(box.top * HEIGHT), round(box.bottom * HEIGHT))
        made[rows, round(box.left * WIDTH) : round(box.right * WIDTH)] = grey
    return made


def blurred(luma: Pixels, radius: int = 9) -> Pixels:
    """Out of focus: a mean over a square, twice."""
    made = luma.astype(np.float64)
    for _ in range(2):
        for axis in (0, 1):
            total = np.cumsum(
                np.pad(made, [(radius + 1, radius) if a == axis else (0, 0) for a in (0, 1)], "edge"), axis
            )
            ends = np.take(total, range(2 * radius + 1, total.shape[axis]), axis)
            made = (ends - np.take(total, range(total.shape[axis] - 2 * radius - 1), axis)) / (2 * radius + 1)
    return np.clip(made, 0, 255).astype(np.uint8)


def picture(luma: Pixels, time_us: int, *, chroma: int = 150, size: int = 3000, keyframe: bool = False) -> Picture:
    """A decoded picture of this luma, its colour the same everywhere (128: infrared)."""
    height, width = luma.shape
    planes: list[npt.NDArray[np.uint8]] = [luma.ravel(), np.full(height * width // 2, chroma, np.uint8)]
    frame = VideoFrame.from_ndarray(np.concatenate(planes).reshape(height * 3 // 2, width), format="yuv420p")
    made = Picture(frame, time_us, size, VideoReformatter())
    made.keyframe = keyframe
    return made


def walk(first: float, last: float, pictures: int, *, foot: float = 0.8, height: float = 0.3) -> list[Box]:
    """Boxes of one who walks from left to right or back, one a picture; foot and height in the picture's height."""
    steps = np.linspace(first, last, pictures)
    return [Box(x - height / 8, foot - height, x + height / 8, foot) for x in map(float, steps)]
