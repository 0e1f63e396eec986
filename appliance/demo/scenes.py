"""Four drawn scenes for machines without real footage: a college out of hours.

At the gate a van comes in and somebody follows it; somebody enters the yard, stays and leaves; the corridor is empty
but for a lamp; in the car park cars stand, two drive through and somebody walks past them.

Each scene is a function of time with period LOOP_S, so that its clip loops without a jump. What is drawn fills the
same DRAWN share of a picture of any size, so that main and sub-stream show the same moment at the same place.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from appliance.demo.actors import Actor, Box, Car, Figure, Van
from appliance.demo.draw import Canvas, SensorNoise, rgb
from appliance.demo.encode import GUARD_ROWS, Planes, coded_height

LOOP_S = 24
"""Seconds of a scene before it repeats (the counter does not): twelve 2 s GOPs."""

NOISE = 2.2
"""Grey levels of sensor noise (standard deviation): gives the bits of a small camera by daylight."""

GRAIN = 3.0
"""Grey levels of the ground's fixed texture (standard deviation)."""

DRAWN = Fraction(21, 25)
"""Share of a picture's height that is drawn, from the top: the counter strip takes the lowest 15 % of a sub-stream."""

_ASPHALT, _PAINT, _GRASS, _SKY = rgb(95, 96, 98), rgb(215, 215, 205), rgb(92, 122, 70), rgb(170, 196, 218)
_BRICK, _GLASS, _IRON, _PLASTER = rgb(150, 92, 76), rgb(70, 88, 104), rgb(45, 48, 52), rgb(200, 196, 184)


@dataclass(frozen=True, slots=True)
class Scene:
    """`ground` is drawn once; for each picture `fittings` (a gate, a lamp), and over them the `cast`, far to near."""

    ground: Callable[[Canvas], None]
    cast: Callable[[float], list[Actor]]
    fittings: Callable[[Canvas, float], None] | None = None


def _way(t: float, *stops: tuple[float, float]) -> float | None:
    """Where one is who is at each `(second, place)` and moves evenly between; None before the first, after the last."""
    for (from_s, first), (to_s, last) in pairwise(stops):
        if from_s <= t <= to_s:
            return first + (last - first) * (t - from_s) / (to_s - from_s)
    return None


def _gate_ground(canvas: Canvas) -> None:
    canvas.rectangle(0, 0, 1, 0.3, _SKY)
    canvas.rectangle(0, 0.3, 1, 0.5, _GRASS)
    canvas.rectangle(0, 0.5, 1, 1, _ASPHALT)
    for left, right in ((0.0, 0.3), (0.7, 1.0)):
        canvas.rectangle(left, 0.22, right, 0.56, _BRICK)
        canvas.rectangle(left, 0.2, right, 0.23, _PLASTER)
    canvas.rectangle(0.28, 0.14, 0.32, 0.6, _PLASTER)
    canvas.rectangle(0.68, 0.14, 0.72, 0.6, _PLASTER)


def _gate_bars(canvas: Canvas, t: float) -> None:
    opened = min(1.0, max(0.0, 1.6 * math.sin(2 * math.pi * t / LOOP_S) + 0.2))
    for bar in range(12):  # the gate slides to the right, its bars closing up behind the pillar
        left = min(0.33 + bar * 0.028 + opened * 0.34, 0.72 + bar * 0.004)
        canvas.rectangle(left, 0.28, left + 0.006, 0.58, _IRON)


def _gate(t: float) -> list[Actor]:
    cast: list[Actor] = []
    van = _way(t, (2.5, 0.52), (5.5, 0.66), (8.5, 1.6))
    if van is not None:
        cast.append(Van(0.5 - 0.22 * max(0.0, van - 0.66), van, 0.42 * van, rgb(205, 205, 200)))
    foot = _way(t, (7.5, 0.57), (12.5, 0.8), (15.5, 0.82))
    if foot is not None:
        x = 0.56 + (_way(t, (7.5, 0.0), (12.5, 0.1), (15.5, 0.6)) or 0.0)
        cast.append(Figure(x, foot, 0.5 * foot, rgb(170, 50, 50), 8 * t))
    return sorted(cast, key=lambda one: one.ground if isinstance(one, Van) else 0.0)


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


def _yard(t: float) -> list[Actor]:
    cast: list[Actor] = []
    far = _way(t, (7, 1.05), (17, -0.05))
    if far is not None:
        cast.append(Figure(far, 0.66 + 0.04 * math.sin(t), 0.3, rgb(200, 170, 40), 6 * t))
    near = _way(t, (1, -0.06), (6, 0.4), (10, 0.44), (16, 1.06))
    if near is not None:
        step = 2 * t if 6 < t < 10 else 6 * t  # from the sixth second to the tenth it shifts from foot to foot
        cast.append(Figure(near, 0.88, 0.4, rgb(140, 60, 130), step))
    return cast


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


def _corridor_lamp(canvas: Canvas, t: float) -> None:
    """The lamp over the way out glows, so that the picture of an empty corridor is not a frozen one."""
    glow = round(40 * math.sin(2 * math.pi * t / 3))
    canvas.rectangle(0.47, 0.31, 0.53, 0.35, rgb(40 + glow // 2, 170 + glow, 90 + glow // 2))


def _corridor(_t: float) -> list[Actor]:
    return []


def _car_park_ground(canvas: Canvas) -> None:
    canvas.rectangle(0, 0, 1, 0.2, _SKY)
    canvas.rectangle(0, 0.2, 1, 0.32, _GRASS)
    canvas.rectangle(0, 0.32, 1, 1, _ASPHALT)
    for line in range(9):
        x = 0.05 + line * 0.115
        canvas.polygon([(x, 0.36), (x + 0.006, 0.36), (x - 0.018, 0.56), (x - 0.028, 0.56)], _PAINT)


def _car_park(t: float) -> list[Actor]:
    parked = ((0, rgb(150, 30, 30)), (3, rgb(220, 220, 220)), (6, rgb(40, 60, 110)))
    cast: list[Actor] = [Car(0.1 + place * 0.115, 0.52, 0.1, paint) for place, paint in parked]
    for stops, ground, paint in (
        (((13, 1.2), (21, -0.2)), 0.68, rgb(190, 190, 60)),
        (((2, -0.2), (8, 1.2)), 0.76, rgb(30, 90, 60)),
    ):
        x = _way(t, *stops)
        if x is not None:
            cast.append(Car(x, ground, 0.26, paint))
    person = _way(t, (8, 1.05), (20, -0.05))
    if person is not None:
        cast.append(Figure(person, 0.93, 0.36, rgb(90, 90, 150), 6 * t))
    return cast


_SCENES = {
    "portail": Scene(_gate_ground, _gate, _gate_bars),
    "cour": Scene(_yard_ground, _yard),
    "couloir": Scene(_corridor_ground, _corridor, _corridor_lamp),
    "parking": Scene(_car_park_ground, _car_park),
}

SCENES = tuple(_SCENES)
"""Names of the scenes, as used for camera ids."""


def scene_of(name: str) -> Scene:
    """A scene by its name, one of SCENES."""
    return _SCENES[name]


def pictures(
    scene: str, width: int, height: int, fps: Fraction, *, noise: float = NOISE, seconds: float = LOOP_S
) -> Iterator[Planes]:
    """One loop of a scene, picture by picture; everything drawn stands above the counter strip."""
    times = [float(index / fps) for index in range(round(seconds * fps))]
    yield from play(_SCENES[scene], width, height, times, noise=noise, seed=SCENES.index(scene))


def play(
    scene: Scene, width: int, height: int, times: list[float], *, noise: float = NOISE, seed: int = 0
) -> Iterator[Planes]:
    """The scene's pictures at `times` (s). `seed` of the ground's grain. The planes are overwritten by the next."""
    rows = coded_height(height)
    empty = _blank(width, height)
    scene.ground(empty)
    empty.grain(GRAIN, seed=seed)
    grain = SensorNoise(width, empty.y.shape[0], noise, seed=7)
    whole = Canvas.blank(width, rows)
    shown = min(empty.y.shape[0], rows - GUARD_ROWS)
    for t in times:
        canvas = empty.copy()
        if scene.fittings is not None:
            scene.fittings(canvas, t)
        for actor in scene.cast(t):
            actor.draw(canvas)
        grain.add(canvas.y)
        whole.y[:shown] = canvas.y[:shown]
        whole.u[: shown // 2], whole.v[: shown // 2] = canvas.u[: shown // 2], canvas.v[: shown // 2]
        yield whole.y, whole.u, whole.v


def boxes(scene: Scene, width: int, height: int, t: float) -> list[tuple[str, Box]]:
    """Label and box of all who are at least in part on the picture at `t` (s), those behind first.

    Boxes are in fractions of the whole picture and uncut: what lies outside it or below DRAWN does not show.
    """
    canvas = _blank(width, height)
    share = canvas.y.shape[0] / height
    found = []
    for actor in scene.cast(t):
        left, top, right, bottom = actor.box(canvas)
        if right > 0 and left < 1 and top < 1:
            found.append((actor.label, (left, top * share, right, bottom * share)))
    return found


def _blank(width: int, height: int) -> Canvas:
    return Canvas.blank(width, 2 * round(DRAWN * height / 2))
