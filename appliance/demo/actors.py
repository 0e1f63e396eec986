"""Who and what moves through the drawn scenes: a walking figure, a vehicle from the side, one from the front.

Each is a place and a size that draws itself and knows its box, so that whoever shows a scene to a detector also knows
what there is to be found. Coordinates are fractions of the canvas; shapes keep their proportions on any canvas.
"""

import math
from dataclasses import dataclass

from appliance.demo.draw import Canvas, Colour, rgb

PERSON, VEHICLE = "person", "vehicle"
"""Labels, as the detector's models name what they find."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in fractions; parts outside 0..1 lie outside the picture."""

_SKIN, _TROUSERS = rgb(205, 160, 130), rgb(40, 44, 60)
_GLASS, _TYRE, _LAMP, _PLATE = rgb(70, 88, 104), rgb(45, 48, 52), rgb(235, 230, 200), rgb(225, 225, 225)


def _across(canvas: Canvas, height: float) -> float:
    """A length given in fractions of the canvas's height, in fractions of its width."""
    rows, columns = canvas.y.shape
    return height * rows / columns


@dataclass(frozen=True, slots=True)
class Figure:
    """A walking person: `x` and `foot` where the feet are, `phase` of the step in radians."""

    x: float
    foot: float
    height: float
    coat: Colour
    phase: float
    trousers: Colour = _TROUSERS
    skin: Colour = _SKIN

    @property
    def label(self) -> str:
        """What a detector calls it."""
        return PERSON

    def draw(self, canvas: Canvas) -> None:
        """Legs, arms, body, head."""
        x, foot, height = self.x, self.foot, self.height
        wide = _across(canvas, height)
        swing = 0.16 * wide * math.sin(self.phase)
        hip, shoulder, limb = foot - 0.46 * height, foot - 0.8 * height, 0.055 * wide
        for side in (-1, 1):
            ankle, hand = x + side * swing, x - side * swing * 1.2
            canvas.polygon(
                [(x - limb, hip), (x + limb, hip), (ankle + limb, foot), (ankle - limb, foot)], self.trousers
            )
            canvas.polygon(
                [(x - limb, shoulder), (x + limb, shoulder), (hand + limb, hip), (hand - limb, hip)], self.coat
            )
        canvas.rectangle(x - 0.12 * wide, foot - 0.83 * height, x + 0.12 * wide, hip, self.coat)
        canvas.ellipse((x, foot - 0.91 * height), 0.075 * wide, 0.09 * height, self.skin)

    def box(self, canvas: Canvas) -> Box:
        """The smallest upright box round what `draw` draws."""
        half = _across(canvas, self.height) * max(0.12, 0.055 + 1.2 * 0.16 * abs(math.sin(self.phase)))
        return self.x - half, self.foot - self.height, self.x + half, self.foot


@dataclass(frozen=True, slots=True)
class Car:
    """A car seen from the side, its middle at `x`, wheels on `ground`, `length` in fractions of the width."""

    x: float
    ground: float
    length: float
    paint: Colour

    @property
    def label(self) -> str:
        """What a detector calls it."""
        return VEHICLE

    def draw(self, canvas: Canvas) -> None:
        """Body, roof, windows, wheels."""
        x, ground, length = self.x, self.ground, self.length
        tall, half = length / _across(canvas, 1.0), length / 2
        canvas.rectangle(x - half, ground - 0.22 * tall, x + half, ground - 0.06 * tall, self.paint)
        roof = [
            (x - 0.36 * length, ground - 0.21 * tall),
            (x - 0.22 * length, ground - 0.36 * tall),
            (x + 0.2 * length, ground - 0.36 * tall),
            (x + 0.36 * length, ground - 0.21 * tall),
        ]
        canvas.polygon(roof, self.paint)
        canvas.rectangle(x - 0.2 * length, ground - 0.33 * tall, x + 0.18 * length, ground - 0.23 * tall, _GLASS)
        for wheel in (-0.29, 0.29):
            canvas.ellipse((x + wheel * length, ground - 0.06 * tall), 0.07 * length, 0.07 * tall, _TYRE)

    def box(self, canvas: Canvas) -> Box:
        """The smallest upright box round what `draw` draws."""
        tall, half = self.length / _across(canvas, 1.0), self.length / 2
        return self.x - half, self.ground - 0.36 * tall, self.x + half, self.ground + 0.01 * tall


@dataclass(frozen=True, slots=True)
class Van:
    """A van seen from the front, its middle at `x`, wheels on `ground`, `height` in fractions of the height."""

    x: float
    ground: float
    height: float
    paint: Colour

    @property
    def label(self) -> str:
        """What a detector calls it."""
        return VEHICLE

    def draw(self, canvas: Canvas) -> None:
        """Wheels, body, windscreen, lamps, plate."""
        x, ground, tall = self.x, self.ground, self.height
        half = self._half(canvas)
        for side in (-1, 1):
            middle = x + side * 0.78 * half
            canvas.rectangle(middle - 0.16 * half, ground - 0.2 * tall, middle + 0.16 * half, ground, _TYRE)
        canvas.rectangle(x - half, ground - 0.6 * tall, x + half, ground - 0.1 * tall, self.paint)
        cab = [(x - half, ground - 0.58 * tall), (x - 0.86 * half, ground - tall)]
        canvas.polygon([*cab, (x + 0.86 * half, ground - tall), (x + half, ground - 0.58 * tall)], self.paint)
        screen = [(x - 0.84 * half, ground - 0.6 * tall), (x - 0.74 * half, ground - 0.92 * tall)]
        canvas.polygon(
            [*screen, (x + 0.74 * half, ground - 0.92 * tall), (x + 0.84 * half, ground - 0.6 * tall)], _GLASS
        )
        canvas.rectangle(x - 0.5 * half, ground - 0.4 * tall, x + 0.5 * half, ground - 0.26 * tall, _TYRE)
        canvas.rectangle(x - 0.22 * half, ground - 0.2 * tall, x + 0.22 * half, ground - 0.13 * tall, _PLATE)
        for side in (-1, 1):
            canvas.ellipse((x + side * 0.74 * half, ground - 0.34 * tall), 0.15 * half, 0.06 * tall, _LAMP)

    def box(self, canvas: Canvas) -> Box:
        """The smallest upright box round what `draw` draws."""
        half = self._half(canvas)
        return self.x - half, self.ground - self.height, self.x + half, self.ground

    def _half(self, canvas: Canvas) -> float:
        return 0.46 * _across(canvas, self.height)


Actor = Figure | Car | Van
