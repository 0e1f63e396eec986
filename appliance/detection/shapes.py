"""Boxes, kinds and places in a picture: fractions of its width and height, (0, 0) top left."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

Point = tuple[float, float]
Polygon = Sequence[Point]


class Kind(StrEnum):
    """What is told apart, and all of it: no face, plate, emotion or identity has a name here.

    ANIMAL is known so that a fox is no burglar. MOTION: something moves and no model says what (thermal cameras, or
    no model installed).
    """

    PERSON = "person"
    VEHICLE = "vehicle"
    ANIMAL = "animal"
    MOTION = "motion"


class Box(NamedTuple):
    """An upright rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Fraction of the picture's width."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Fraction of the picture's height."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Share of the picture."""
        return max(0.0, self.width) * max(0.0, self.height)

    @property
    def centre(self) -> Point:
        """The middle."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def foot(self) -> Point:
        """Where it stands: the middle of the lower side."""
        return (self.left + self.right) / 2, self.bottom

    def moved(self, dx: float, dy: float) -> "Box":
        """The same size, elsewhere."""
        return Box(self.left + dx, self.top + dy, self.right + dx, self.bottom + dy)

    def cut(self) -> "Box":
        """What lies in the picture."""
        left, top, right, bottom = (min(1.0, max(0.0, value)) for value in self)
        return Box(left, top, right, bottom)


WHOLE = Box(0.0, 0.0, 1.0, 1.0)


class Detection(NamedTuple):
    """One finding of a model: where, what, how sure (0 to 1)."""

    box: Box
    kind: Kind
    score: float


def intersection(a: Box, b: Box) -> float:
    """Area that both cover."""
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    return width * height if width > 0 and height > 0 else 0.0


def overlap(a: Box, b: Box) -> float:
    """Intersection over union, 0 to 1."""
    common = intersection(a, b)
    return common / (a.area + b.area - common) if common > 0 else 0.0


def union(a: Box, b: Box) -> Box:
    """The smallest box around both."""
    return Box(min(a.left, b.left), min(a.top, b.top), max(a.right, b.right), max(a.bottom, b.bottom))


def inside(point: Point, polygon: Polygon) -> bool:
    """True when `point` lies in `polygon` (even-odd rule; a point on a side may be either)."""
    x, y = point
    within = False
    ax, ay = polygon[-1]
    for bx, by in polygon:
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            within = not within
        ax, ay = bx, by
    return within


def distinct(found: Sequence[Detection], most: float) -> list[Detection]:
    """Non-maximum suppression: of findings of one kind that overlap by more than `most`, the surest. Surest first."""
    kept: list[Detection] = []
    for candidate in sorted(found, key=lambda one: -one.score):
        if all(one.kind is not candidate.kind or overlap(one.box, candidate.box) <= most for one in kept):
            kept.append(candidate)
    return kept
