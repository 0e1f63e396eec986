"""A canvas for plain shapes in Y'CbCr 4:2:0, drawn with numpy. Coordinates are fractions of width and height."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Colour = tuple[int, int, int]
"""Y, Cb, Cr as in BT.601 limited range: black is (16, 128, 128), white (235, 128, 128)."""

Point = tuple[float, float]


def rgb(red: int, green: int, blue: int) -> Colour:
    """An 8-bit RGB colour in Y'CbCr (BT.601)."""
    y = 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255
    cb = 128 + (-37.797 * red - 74.203 * green + 112.0 * blue) / 255
    cr = 128 + (112.0 * red - 93.786 * green - 18.214 * blue) / 255
    return round(y), round(cb), round(cr)


@dataclass(slots=True)
class Canvas:
    """Three planes: y (H, W), u and v (H/2, W/2), uint8."""

    y: npt.NDArray[np.uint8]
    u: npt.NDArray[np.uint8]
    v: npt.NDArray[np.uint8]

    @classmethod
    def blank(cls, width: int, height: int, colour: Colour = (16, 128, 128)) -> "Canvas":
        """A canvas of one colour."""
        half = (height // 2, width // 2)
        return cls(
            np.full((height, width), colour[0], np.uint8),
            np.full(half, colour[1], np.uint8),
            np.full(half, colour[2], np.uint8),
        )

    def copy(self) -> "Canvas":
        """The same picture, to draw on."""
        return Canvas(self.y.copy(), self.u.copy(), self.v.copy())

    def rectangle(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill an upright rectangle; parts outside are cut off."""
        for plane, value in zip((self.y, self.u, self.v), colour, strict=True):
            rows, columns = plane.shape
            x0, x1 = (min(columns, max(0, round(x * columns))) for x in (left, right))
            y0, y1 = (min(rows, max(0, round(y * rows))) for y in (top, bottom))
            plane[y0:y1, x0:x1] = value

    def ellipse(self, centre: Point, radius_x: float, radius_y: float, colour: Colour) -> None:
        """Fill an ellipse; radii are fractions of width and of height."""
        for plane, value in zip((self.y, self.u, self.v), colour, strict=True):
            rows, columns = plane.shape
            box = _box(
                plane.shape, centre[0] - radius_x, centre[1] - radius_y, centre[0] + radius_x, centre[1] + radius_y
            )
            yy, xx = np.ogrid[box[0], box[1]]
            inside = ((xx + 0.5) / columns - centre[0]) ** 2 / max(radius_x, 1e-6) ** 2 + (
                (yy + 0.5) / rows - centre[1]
            ) ** 2 / max(radius_y, 1e-6) ** 2 <= 1
            plane[box][inside] = value

    def polygon(self, points: list[Point], colour: Colour) -> None:
        """Fill a convex polygon given in either direction."""
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        for plane, value in zip((self.y, self.u, self.v), colour, strict=True):
            rows, columns = plane.shape
            box = _box(plane.shape, min(xs), min(ys), max(xs), max(ys))
            yy, xx = np.ogrid[box[0], box[1]]
            px, py = (xx + 0.5) / columns, (yy + 0.5) / rows
            sides = [
                (bx - ax) * (py - ay) - (by - ay) * (px - ax)
                for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True)
            ]
            inside = np.logical_and.reduce([s >= 0 for s in sides]) | np.logical_and.reduce([s <= 0 for s in sides])
            plane[box][inside] = value

    def grain(self, strength: float, seed: int) -> None:
        """Add fixed texture to the luma: asphalt, plaster, leaves."""
        noise = np.random.default_rng(seed).normal(0.0, strength, self.y.shape)
        self.y[:] = np.clip(self.y + noise, 16, 235).astype(np.uint8)


def _box(shape: tuple[int, ...], left: float, top: float, right: float, bottom: float) -> tuple[slice, slice]:
    rows, columns = shape
    x0, x1 = max(0, int(left * columns)), min(columns, int(right * columns) + 2)
    y0, y1 = max(0, int(top * rows)), min(rows, int(bottom * rows) + 2)
    return slice(y0, max(y0, y1)), slice(x0, max(x0, x1))


class SensorNoise:
    """Noise that changes with each picture, as a sensor's does: a clip without it costs a tenth of the bits."""

    def __init__(self, width: int, height: int, strength: float, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        noise = self._random.normal(0.0, strength, (height + _ROLL, width + _ROLL))
        self._field = np.rint(noise).astype(np.int16)

    def add(self, luma: npt.NDArray[np.uint8]) -> None:
        """Add one picture's noise to `luma` (height, width) in place."""
        dy, dx = self._random.integers(0, _ROLL, 2)
        rows, columns = luma.shape
        noisy = luma.astype(np.int16) + self._field[dy : dy + rows, dx : dx + columns]
        luma[:] = np.clip(noisy, 16, 235).astype(np.uint8)


_ROLL = 64
"""Pixels by which the noise field is shifted at random: 4096 different pictures of noise."""
