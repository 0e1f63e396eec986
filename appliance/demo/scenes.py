"""Four drawn scenes for machines without real footage: a gate, a yard, a corridor and a car park.

Each is a function of time with period LOOP_S, so that its clip loops without a jump, and looks the same at any
size, so that main and sub-stream show the same moment.
"""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction

from appliance.demo.draw import Canvas, Colour, SensorNoise, rgb
from appliance.demo.encode import GUARD_ROWS, Planes, coded_height

LOOP_S = 24
"""Seconds of a scene before it repeats (the counter does not): twelve 2 s GOPs."""

NOISE = 2.2
"""Grey levels of sensor noise (standard deviation): gives the bits of a small camera by daylight."""

_SKIN = rgb(205, 160, 130)
_ASPHALT, _PAINT, _GRASS, _SKY = rgb(95, 96, 98), rgb(215, 215, 205), rgb(92, 122, 70), rgb(170, 196, 218)
_BRICK, _GLASS, _IRON, _PLASTER = rgb(150, 92, 76), rgb(70, 88, 104), rgb(45, 48, 52), rgb(200, 196, 184)


def _figure(canvas: Canvas, x: float, foot: float, height: float, coat: Colour, phase: float) -> None:
    """A walking person: `x` and `foot` where the feet are, `height` in fractions of the picture's height."""
    wide = height * 9 / 16
    swing = 0.16 * wide * math.sin(phase)
    hip = foot - 0.46 * height
    for side in (-1, 1):
        ankle = x + side * swing
        leg = 0.055 * wide
        canvas.polygon(
            [(x - leg, hip), (x + leg, hip), (ankle + leg, foot), (ankle - leg, foot)],
            rgb(40, 44, 60),
        )
        hand = x - side * swing * 1.2
        canvas.polygon(
            [(x - leg, foot - 0.8 * height), (x + leg, foot - 0.8 * height), (hand + leg, hip), (hand - leg, hip)], coat
        )
    canvas.rectangle(x - 0.12 * wide, foot - 0.83 * height, x + 0.12 * wide, hip, coat)
    canvas.ellipse((x, foot - 0.91 * height), 0.075 * wide, 0.09 * height, _SKIN)


def _car(canvas: Canvas, x: float, ground: float, length: float, paint: Colour) -> None:
    """A car seen from the side, its middle at `x`, wheels on `ground`, `length` in fractions of the width."""
    tall = length * 16 / 9
    half = length / 2
    canvas.rectangle(x - half, ground - 0.22 * tall, x + half, ground - 0.06 * tall, paint)
    roof = [
        (x - 0.36 * length, ground - 0.21 * tall),
        (x - 0.22 * length, ground - 0.36 * tall),
        (x + 0.2 * length, ground - 0.36 * tall),
        (x + 0.36 * length, ground - 0.21 * tall),
    ]
    canvas.polygon(roof, paint)
    canvas.rectangle(x - 0.2 * length, ground - 0.33 * tall, x + 0.18 * length, ground - 0.23 * tall, _GLASS)
    for wheel in (-0.29, 0.29):
        canvas.ellipse((x + wheel * length, ground - 0.06 * tall), 0.07 * length, 0.07 * tall, _IRON)


def _walk(t: float, start: float, seconds: float, first: float, last: float) -> float | None:
    """Position of one who walks from `first` to `last` in `seconds` from `start`; None when not there."""
    part = ((t - start) % LOOP_S) / seconds
    return first + (last - first) * part if part <= 1 else None


def _gate_ground(canvas: Canvas) -> None:
    canvas.rectangle(0, 0, 1, 0.3, _SKY)
    canvas.rectangle(0, 0.3, 1, 0.5, _GRASS)
    canvas.rectangle(0, 0.5, 1, 1, _ASPHALT)
    for left, right in ((0.0, 0.3), (0.7, 1.0)):
        canvas.rectangle(left, 0.22, right, 0.56, _BRICK)
        canvas.rectangle(left, 0.2, right, 0.23, _PLASTER)
    canvas.rectangle(0.28, 0.14, 0.32, 0.6, _PLASTER)
    canvas.rectangle(0.68, 0.14, 0.72, 0.6, _PLASTER)


def _gate(canvas: Canvas, t: float) -> None:
    opened = min(1.0, max(0.0, 1.6 * math.sin(2 * math.pi * t / LOOP_S) + 0.2))
    for bar in range(12):  # the gate slides to the right, its bars closing up behind the pillar
        left = min(0.33 + bar * 0.028 + opened * 0.34, 0.72 + bar * 0.004)
        canvas.rectangle(left, 0.28, left + 0.006, 0.58, _IRON)
    x = _walk(t, 1, 9, -0.1, 1.1)
    if x is not None:
        _figure(canvas, x, 0.84, 0.42, rgb(60, 90, 160), 7 * t)
    foot = _walk(t, 4, 8, 0.57, 0.98)
    if foot is not None:
        _figure(canvas, 0.5 + 0.05 * math.sin(t), foot, 0.3 * (foot + 0.3), rgb(170, 50, 50), 8 * t)


def _yard_ground(canvas: Canvas) -> None:
    canvas.rectangle(0, 0, 1, 0.16, _SKY)
    canvas.rectangle(0, 0.12, 1, 0.42, _PLASTER)
    for window in range(8):
        canvas.rectangle(0.03 + window * 0.122, 0.18, 0.11 + window * 0.122, 0.32, _GLASS)
    canvas.rectangle(0, 0.42, 1, 1, rgb(135, 128, 118))
    canvas.polygon([(0.1, 0.95), (0.9, 0.95), (0.75, 0.5), (0.25, 0.5)], rgb(120, 72, 66))
    canvas.polygon([(0.49, 0.95), (0.51, 0.95), (0.505, 0.5), (0.495, 0.5)], _PAINT)
    canvas.rectangle(0.88, 0.2, 0.9, 0.6, rgb(90, 66, 46))
    canvas.ellipse((0.89, 0.2), 0.09, 0.17, _GRASS)


def _yard(canvas: Canvas, t: float) -> None:
    turn = 2 * math.pi * t / LOOP_S
    people = (
        (0.35 + 0.2 * math.cos(2 * turn), 0.62 + 0.08 * math.sin(2 * turn), rgb(200, 170, 40)),
        (0.6 + 0.25 * math.cos(turn + 2), 0.75 + 0.12 * math.sin(turn + 2), rgb(40, 120, 90)),
        (0.5 + 0.42 * math.sin(turn), 0.9, rgb(140, 60, 130)),
    )
    for index, (x, foot, coat) in enumerate(sorted(people, key=lambda who: who[1])):
        _figure(canvas, x, foot, 0.38 * foot, coat, 6 * t + index)


def _corridor_ground(canvas: Canvas) -> None:
    canvas.rectangle(0, 0, 1, 1, _PLASTER)
    canvas.polygon([(0, 0), (1, 0), (0.6, 0.3), (0.4, 0.3)], rgb(225, 225, 220))
    canvas.polygon([(0, 1), (1, 1), (0.6, 0.55), (0.4, 0.55)], rgb(120, 124, 128))
    canvas.rectangle(0.4, 0.3, 0.6, 0.55, rgb(150, 160, 165))
    for near, far in ((0.0, 0.12), (0.2, 0.28), (0.33, 0.37)):
        for flip in (False, True):
            left, right = (1 - near, 1 - far) if flip else (near, far)
            top = [0.62 * (0.5 - abs(0.5 - x)) + 0.12 for x in (left, right)]
            low = [1 - 1.06 * (0.5 - abs(0.5 - x)) for x in (left, right)]
            canvas.polygon([(left, top[0]), (right, top[1]), (right, low[1]), (left, low[0])], rgb(70, 100, 140))


def _corridor(canvas: Canvas, t: float) -> None:
    near = _walk(t, 0, 12, 0.57, 1.25)
    away = _walk(t, 13, 10, 1.2, 0.56)
    for foot, coat, side in ((near, rgb(180, 60, 40), -0.03), (away, rgb(50, 70, 90), 0.05)):
        if foot is not None:
            _figure(canvas, 0.5 + side * foot, foot, 0.9 * (foot - 0.3), coat, 7 * t)


def _car_park_ground(canvas: Canvas) -> None:
    canvas.rectangle(0, 0, 1, 0.2, _SKY)
    canvas.rectangle(0, 0.2, 1, 0.32, _GRASS)
    canvas.rectangle(0, 0.32, 1, 1, _ASPHALT)
    for line in range(9):
        x = 0.05 + line * 0.115
        canvas.polygon([(x, 0.36), (x + 0.006, 0.36), (x - 0.018, 0.56), (x - 0.028, 0.56)], _PAINT)
    for place, paint in ((0, rgb(150, 30, 30)), (3, rgb(220, 220, 220)), (6, rgb(40, 60, 110))):
        _car(canvas, 0.1 + place * 0.115, 0.52, 0.1, paint)


def _car_park(canvas: Canvas, t: float) -> None:
    for start, seconds, ground, paint in ((2, 6, 0.76, rgb(30, 90, 60)), (13, 8, 0.68, rgb(190, 190, 60))):
        x = _walk(t, start, seconds, -0.2, 1.2)
        if x is not None:
            _car(canvas, x if start == 2 else 1 - x, ground, 0.26, paint)
    person = _walk(t, 8, 12, 1.05, -0.05)
    if person is not None:
        _figure(canvas, person, 0.93, 0.36, rgb(90, 90, 150), 6 * t)


_SCENES: dict[str, tuple[Callable[[Canvas], None], Callable[[Canvas, float], None]]] = {
    "portail": (_gate_ground, _gate),
    "cour": (_yard_ground, _yard),
    "couloir": (_corridor_ground, _corridor),
    "parking": (_car_park_ground, _car_park),
}

SCENES = tuple(_SCENES)
"""Names of the scenes, as used for camera ids."""


def pictures(
    scene: str, width: int, height: int, fps: Fraction, *, noise: float = NOISE, seconds: float = LOOP_S
) -> Iterator[Planes]:
    """One loop of a scene, picture by picture; everything drawn stands above the counter strip."""
    ground, actors = _SCENES[scene]
    rows = coded_height(height)
    visible = rows - GUARD_ROWS
    empty = Canvas.blank(width, visible)
    ground(empty)
    empty.grain(3.0, seed=SCENES.index(scene))
    grain = SensorNoise(width, visible, noise, seed=7)
    whole = Canvas.blank(width, rows)
    for index in range(round(seconds * fps)):
        canvas = empty.copy()
        actors(canvas, float(index / fps))
        grain.add(canvas.y)
        whole.y[:visible], whole.u[: visible // 2], whole.v[: visible // 2] = canvas.y, canvas.u, canvas.v
        yield whole.y, whole.u, whole.v
