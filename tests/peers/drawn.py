"""Pictures with figures and vehicles in endless variety, and the truth about them: the starter model's material.

Everything is drawn by the demonstration's own actors, encoded by its encoder at the rate of its sub-stream, completed
with its counter strip and decoded again: these are the pictures that a detector sees during `make demo`. A seed gives
the same pictures for ever. Training takes seeds below UNSEEN (see .setup/starter-model), tests take those from it on.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation

from appliance.demo.actors import Actor, Box, Car, Figure, Van
from appliance.demo.clip import START_CODE, Clip
from appliance.demo.clips import SUB_BITRATE, SUB_FPS
from appliance.demo.counter import Stamp
from appliance.demo.draw import Canvas, Colour, rgb
from appliance.demo.encode import EncodeSettings, Planes, encode
from appliance.demo.scenes import DRAWN, LOOP_S, NOISE, SCENES, Scene, boxes, play, scene_of
from appliance.demo.strip import StripWriter

UNSEEN = 1_000_000
"""The first seed that no training ever takes."""

WIDTH, HEIGHT = 640, 360

HIDDEN = 0.5
"""Whoever shows less than this share of himself need not be found, and finding him is no mistake."""

MOMENTS = 2
_EVERY, _PICTURES = 3, 4
"""Of a short film of so many pictures every third is taken: a keyframe and one predicted from it."""

_Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Seen:
    """One to be found: label, box in fractions of the picture, the share of him that shows."""

    label: str
    box: Box
    shows: float


@dataclass(frozen=True, slots=True)
class Shot:
    """A decoded picture and who is on it."""

    frame: av.VideoFrame
    seen: tuple[Seen, ...]


def shots(seed: int, *, wild: bool | None = None) -> Iterator[Shot]:
    """MOMENTS of one random short film, at a place of the demonstration or, `wild`, at one of any shape and colour."""
    random = np.random.default_rng(seed)
    scene = _random_scene(random, wild)
    start = random.uniform(9, 11)
    times = [start + index / float(SUB_FPS) for index in range(_PICTURES)]
    noise = NOISE if random.random() < 0.5 else random.uniform(1.0, 4.0)
    drawn = _lit(play(scene, WIDTH, HEIGHT, times, noise=noise, seed=seed), random)
    for index, frame in enumerate(_through_a_camera(drawn, seed)):
        if index % _EVERY == 0:
            yield Shot(frame, who_shows(scene, times[index]))


def demo_shots(scene: str, times: list[float]) -> Iterator[Shot]:
    """The demonstration's scene at `times`, s, each the last picture of a film of half a second."""
    for t in times:
        before = [max(0.0, t - 0.4), max(0.0, t - 0.2), t]
        drawn = play(scene_of(scene), WIDTH, HEIGHT, before, seed=SCENES.index(scene))
        *_, frame = _through_a_camera(drawn, 0)
        yield Shot(frame, who_shows(scene_of(scene), t))


def who_shows(scene: Scene, t: float) -> tuple[Seen, ...]:
    """All who are on the picture at `t`, s; those who come later in the cast stand before the others."""
    found = boxes(scene, WIDTH, HEIGHT, t)
    seen = []
    for index, (label, (left, top, right, bottom)) in enumerate(found):
        box = (max(0.0, left), max(0.0, top), min(1.0, right), min(float(DRAWN), bottom))
        covered = max((overlap(box, nearer) for _, nearer in found[index + 1 :]), default=0.0)
        seen.append(Seen(label, box, max(0.0, area(box) - covered) / area((left, top, right, bottom))))
    return tuple(seen)


def area(box: Box) -> float:
    """Area of a box."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def overlap(one: Box, other: Box) -> float:
    """Area that two boxes share."""
    return area((max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])))


@dataclass(frozen=True, slots=True)
class View:
    """What a model gets: RGB (H, W, 3) uint8, and who is on it in fractions of the whole input, padding included."""

    picture: npt.NDArray[np.uint8]
    seen: tuple[Seen, ...]


def view(
    shot: Shot, size: tuple[int, int], crop: Box = (0.0, 0.0, 1.0, 1.0), *, pad: int = 114, align: float = 0.5,
    interpolation: Interpolation = Interpolation.BILINEAR,
) -> View:  # fmt: skip
    """A crop of the picture in an input of `size` (width, height): scaled to fit, the rest padded (`align` 0: at the
    right and below, 0.5: on both sides)."""
    x0, y0, x1, y1 = (2 * round(part * span / 2) for part, span in zip(crop, (WIDTH, HEIGHT) * 2, strict=True))
    scale = min(size[0] / (x1 - x0), size[1] / (y1 - y0))
    width, height = round((x1 - x0) * scale), round((y1 - y0) * scale)
    left, top = round((size[0] - width) * align), round((size[1] - height) * align)
    cut = shot.frame
    if (x0, y0, x1, y1) != (0, 0, WIDTH, HEIGHT):
        planes = shot.frame.to_ndarray()
        half = WIDTH // 2
        chroma = planes[HEIGHT:].reshape(2, HEIGHT // 2, half)[:, y0 // 2 : y1 // 2, x0 // 2 : x1 // 2]
        parts = [planes[y0:y1, x0:x1].reshape(-1), chroma[0].reshape(-1), chroma[1].reshape(-1)]
        cut = av.VideoFrame.from_ndarray(np.concatenate(parts).reshape(-1, x1 - x0), format="yuv420p")
    picture = np.full((size[1], size[0], 3), pad, np.uint8)
    scaled = cut.reformat(width, height, "rgb24", interpolation=interpolation).to_ndarray()
    picture[top : top + height, left : left + width] = scaled
    seen = []
    for one in shot.seen:
        box = (
            (one.box[0] * WIDTH - x0) / (x1 - x0),
            (one.box[1] * HEIGHT - y0) / (y1 - y0),
            (one.box[2] * WIDTH - x0) / (x1 - x0),
            (one.box[3] * HEIGHT - y0) / (y1 - y0),
        )
        inside = (max(0.0, box[0]), max(0.0, box[1]), min(1.0, box[2]), min(1.0, box[3]))
        if area(inside) > 0:
            placed = (
                (left + inside[0] * width) / size[0],
                (top + inside[1] * height) / size[1],
                (left + inside[2] * width) / size[0],
                (top + inside[3] * height) / size[1],
            )
            seen.append(Seen(one.label, placed, one.shows * area(inside) / area(box)))
    return View(picture, tuple(seen))


def random_crop(random: _Random, shot: Shot) -> Box:
    """A square as a motion gate asks for: 45 % to all of the picture's height, round somebody if anybody is there."""
    side = random.uniform(0.45, 1.0)
    wide = side * HEIGHT / WIDTH
    x, y = random.random(), random.random()
    if shot.seen and random.random() < 0.85:
        box = shot.seen[int(random.integers(len(shot.seen)))].box
        side = min(1.0, max(side, random.uniform(1.1, 1.6) * (box[3] - box[1])))
        wide = side * HEIGHT / WIDTH
        x = (box[0] + box[2]) / 2 + random.uniform(-0.3, 0.3) * wide
        y = (box[1] + box[3]) / 2 + random.uniform(-0.3, 0.3) * side
    left, top = min(max(0.0, x - wide / 2), 1 - wide), min(max(0.0, y - side / 2), 1 - side)
    return left, top, left + wide, top + side


def _through_a_camera(drawn: Iterator[Planes], seed: int) -> Iterator[av.VideoFrame]:
    clip = encode(f"drawn-{seed}", drawn, EncodeSettings(WIDTH, HEIGHT, SUB_FPS, SUB_BITRATE))
    yield from decoded(clip, seed)


def decoded(clip: Clip, counter: int) -> Iterator[av.VideoFrame]:
    """The pictures as a simulated camera sends them, its counter beginning at `counter`."""
    strip = StripWriter(clip)
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    for index, coded in enumerate(clip.frames):
        stamp = Stamp(counter + index, (counter + index) * 100_000, 1)
        nals = [*([clip.sps, clip.pps] if coded.keyframe else []), *coded.slices, strip.nal(index, stamp)]
        yield from decoder.decode(av.Packet(b"".join(START_CODE + nal for nal in nals)))
    yield from decoder.decode(None)


def _lit(drawn: Iterator[Planes], random: _Random) -> Iterator[Planes]:
    """The same by the light of some hour: dimmer, flatter, paler, or without colour as by night."""
    plain = random.random() < 0.35
    gain = 1.0 if plain else random.uniform(0.5, 1.12)
    lift = 0.0 if plain else random.uniform(0.0, 24.0)
    colour = 1.0 if plain else (0.0 if random.random() < 0.2 else random.uniform(0.5, 1.1))
    for y, u, v in drawn:
        luma = np.clip((y.astype(np.float32) - 16) * gain + 16 + lift, 16, 235).astype(np.uint8)
        chroma = [np.rint((plane.astype(np.float32) - 128) * colour + 128).astype(np.uint8) for plane in (u, v)]
        yield luma, chroma[0], chroma[1]


def _colour(random: _Random) -> Colour:
    red, green, blue = (int(value) for value in random.integers(15, 240, 3))
    if random.random() < 0.3:  # clothes, walls and cars are often grey
        green, blue = (min(240, max(10, red + int(value))) for value in random.integers(-12, 13, 2))
    return rgb(red, green, blue)


def _random_scene(random: _Random, wild: bool | None) -> Scene:
    elsewhere = random.random() >= 0.5
    elsewhere = elsewhere if wild is None else wild
    own = None if elsewhere else scene_of(SCENES[int(random.integers(4))])
    paths = [_random_path(random) for _ in range(int(random.choice([0, 1, 2, 3, 4], p=[0.15, 0.35, 0.28, 0.15, 0.07])))]
    if random.random() < 0.12:
        paths += _random_row(random)
    things = [_random_thing(random) for _ in range(int(random.integers(0, 5)))]
    hour = random.uniform(0, LOOP_S)
    if random.random() < 0.2:
        things += _random_fence(random)

    def fittings(canvas: Canvas, t: float) -> None:
        if own is not None and own.fittings is not None:
            own.fittings(canvas, hour + t)
        for thing in things:
            thing.draw(canvas, t)

    def cast(t: float) -> list[Actor]:
        return sorted((path.at(t) for path in paths), key=lambda actor: actor.box(_PLAIN)[3])

    return Scene(own.ground if own is not None else _random_ground(random), cast, fittings)


_PLAIN = Canvas.blank(WIDTH, round(DRAWN * HEIGHT))


@dataclass(frozen=True, slots=True)
class _Path:
    """An actor that moves evenly: `first` as it is at second 10, `speed` per second in fractions of the width."""

    first: Actor
    speed: float
    steps: float

    def at(self, t: float) -> Actor:
        first, x = self.first, self.first.x + self.speed * (t - 10)
        if isinstance(first, Figure):
            phase = first.phase + self.steps * t
            return Figure(x, first.foot, first.height, first.coat, phase, first.trousers, first.skin)
        if isinstance(first, Car):
            return Car(x, first.ground, first.length, first.paint)
        return Van(x, first.ground, first.height, first.paint)


def _random_path(random: _Random) -> _Path:
    kind, x = random.random(), random.uniform(-0.03, 1.03)
    speed = 0.0 if random.random() < 0.25 else random.uniform(-0.12, 0.12)
    if kind < 0.6:
        height = float(np.exp(random.uniform(math.log(0.17), math.log(0.85))))
        foot = random.uniform(max(0.45, 0.75 * height), min(1.3, 0.98 + 0.4 * height))
        skin = int(random.integers(0, 110))
        usual = random.random() < 0.5
        figure = Figure(
            *(x, foot, height, _colour(random), random.uniform(0, 7)),
            trousers=rgb(40, 44, 60) if usual else _colour(random),
            skin=rgb(205 - skin, 160 - skin, 130 - skin) if random.random() < 0.5 else rgb(205, 160, 130),
        )
        return _Path(figure, speed, random.uniform(5, 9))
    if kind < 0.82:
        length = float(np.exp(random.uniform(math.log(0.09), math.log(0.5))))
        return _Path(Car(x, random.uniform(0.42, 0.98), length, _colour(random)), 2 * speed, 0.0)
    height = float(np.exp(random.uniform(math.log(0.15), math.log(0.65))))
    return _Path(Van(x, random.uniform(max(0.45, height), 1.05), height, _colour(random)), 0.5 * speed, 0.0)


def _random_row(random: _Random) -> list[_Path]:
    """Cars that stand side by side."""
    ground, length = random.uniform(0.45, 0.6), random.uniform(0.09, 0.13)
    return [
        _Path(Car(0.08 + place * 1.15 * length, ground, length, _colour(random)), 0.0, 0.0)
        for place in range(int(0.9 / (1.15 * length)))
        if random.random() < 0.4
    ]


@dataclass(frozen=True, slots=True)
class _Thing:
    """Something that is neither person nor vehicle: a pole, a door, a bush, a ball; may move."""

    round: bool
    at: tuple[float, float]
    half: tuple[float, float]
    colour: Colour
    speed: float

    def draw(self, canvas: Canvas, t: float) -> None:
        x = self.at[0] + self.speed * (t - 10)
        if self.round:
            canvas.ellipse((x, self.at[1]), *self.half, self.colour)
        else:
            left, top = x - self.half[0], self.at[1] - self.half[1]
            canvas.rectangle(left, top, x + self.half[0], self.at[1] + self.half[1], self.colour)


def _random_thing(random: _Random) -> _Thing:
    half = (float(np.exp(random.uniform(-5.5, -2))), float(np.exp(random.uniform(-4.5, -1.3))))
    at = (random.uniform(0, 1), random.uniform(0.1, 0.95))
    speed = random.uniform(-0.15, 0.15) if random.random() < 0.4 else 0.0
    return _Thing(bool(random.random() < 0.5), at, half, _colour(random), speed)


def _random_fence(random: _Random) -> list[_Thing]:
    """Bars side by side, as thin as legs."""
    first, step = random.uniform(-0.1, 0.8), random.uniform(0.012, 0.06)
    half = (random.uniform(0.1, 0.35) * step, random.uniform(0.06, 0.25))
    high, colour = random.uniform(0.25, 0.75), _colour(random)
    return [_Thing(False, (first + bar * step, high), half, colour, 0.0) for bar in range(int(random.integers(4, 16)))]


def _random_ground(random: _Random) -> "_Ground":
    horizon = random.uniform(0.1, 0.6)
    things = [_random_thing(random) for _ in range(int(random.integers(2, 12)))]
    tiles = (int(random.integers(3, 14)), random.uniform(0.2, 0.8), random.uniform(0.05, 0.3))
    return _Ground(horizon, [_colour(random) for _ in range(4)], things, tiles if random.random() < 0.6 else None)


@dataclass(frozen=True, slots=True)
class _Ground:
    """A wall with windows over a floor with a lane, and things."""

    horizon: float
    colours: list[Colour]
    things: list[_Thing]
    windows: tuple[int, float, float] | None

    def __call__(self, canvas: Canvas) -> None:
        canvas.rectangle(0, 0, 1, self.horizon, self.colours[0])
        canvas.rectangle(0, self.horizon, 1, 1, self.colours[1])
        far = [(0.55, self.horizon), (0.35, self.horizon)]
        canvas.polygon([(0.1, 1.0), (0.9, 1.0), *far], self.colours[2])
        if self.windows is not None:
            count, share, top = self.windows
            for window in range(count):
                left = (window + 0.5 - share / 2) / count
                canvas.rectangle(left, top, left + share / count, top + 0.25, self.colours[3])
        for thing in self.things:
            thing.draw(canvas, 10)
