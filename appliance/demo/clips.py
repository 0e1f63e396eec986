"""The clips of the four demonstration cameras: real footage when it is there, else drawn scenes; made once, cached.

With `$APPLIANCE_ASSETS/videos` the clips there are coded again (12.5 and 10 pictures a second, lowest rows left to
the counter strip); without it the scenes of `scenes` are drawn. Either way every stream carries the counter in its
SEI *and* burnt in. The cache is keyed by what goes in: recipe and bytes of the source.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import av
import numpy as np

from appliance.demo import clip as clip_file
from appliance.demo.clip import Clip
from appliance.demo.encode import EncodeSettings, Planes, encode
from appliance.demo.scenes import SCENES, pictures

ASSETS_VARIABLE = "APPLIANCE_ASSETS"

FOOTAGE = {"portail": "road", "cour": "campus_a", "couloir": "hall_a", "parking": "parking"}
"""Which clip of the assets stands for which scene."""

MAIN_FPS, SUB_FPS = Fraction(25, 2), Fraction(10)
MAIN_BITRATE, SUB_BITRATE = 1_000_000, 220_000
"""bit/s: the demo's small ring laps in a few minutes with four cameras."""

_RECIPE = 2
"""Raise when drawing or encoding changes: old caches are then not used."""


@dataclass(frozen=True, slots=True)
class ClipOrder:
    """One clip to make. `source`: an MP4 of real footage, None for the drawn scene."""

    scene: str
    stream: str
    source: str | None
    width: int
    height: int
    fps: tuple[int, int]
    bitrate: int
    noise: float = 2.2
    seconds: float = 24.0

    def key(self) -> str:
        """File name in the cache."""
        facts = json.dumps([_RECIPE, asdict(self) | {"source": None}]).encode()
        content = Path(self.source).read_bytes() if self.source else b""
        return f"{self.scene}-{self.stream}-{hashlib.sha256(facts + content).hexdigest()[:16]}"


def assets_folder() -> Path | None:
    """The videos folder of the assets, when it holds all that is needed."""
    root = os.environ.get(ASSETS_VARIABLE)
    folder = Path(root) / "videos" if root else None
    if folder is None:
        return None
    return (
        folder if all((folder / f"{n}_{s}.mp4").exists() for n in FOOTAGE.values() for s in ("main", "sub")) else None
    )


def orders(folder: Path | None) -> list[ClipOrder]:
    """What the four cameras need, two streams each."""
    found = []
    for scene in SCENES:
        for stream, fps, bitrate in (("main", MAIN_FPS, MAIN_BITRATE), ("sub", SUB_FPS, SUB_BITRATE)):
            source = None if folder is None else folder / f"{FOOTAGE[scene]}_{stream}.mp4"
            width, height = (1280, 720) if stream == "main" else (640, 360)
            if source is not None:
                width, height = _size(source)
            rate = (fps.numerator, fps.denominator)
            found.append(ClipOrder(scene, stream, str(source) if source else None, width, height, rate, bitrate))
    return found


def make(order: ClipOrder, cache: Path) -> str:
    """Make one clip unless it is cached; its name in the cache. Blocking: seconds of CPU."""
    name = order.key()
    if clip_file.load(cache, name) is None:
        fps = Fraction(*order.fps)
        source = (
            footage(Path(order.source), fps)
            if order.source
            else pictures(order.scene, order.width, order.height, fps, noise=order.noise, seconds=order.seconds)
        )
        settings = EncodeSettings(order.width, order.height, fps, order.bitrate)
        clip_file.save(encode(name, source, settings), cache)
    return name


def make_all(wanted: list[ClipOrder], cache: Path, progress: Callable[[int, int], None]) -> dict[tuple[str, str], Clip]:
    """Make and load all clips, by (scene, stream); two at a time. `progress(done, of)`. Blocking."""
    done = sum((cache / f"{order.key()}.json").exists() for order in wanted)
    progress(done, len(wanted))
    if done < len(wanted):
        with ProcessPoolExecutor(min(2, os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
            futures: list[Future[str]] = [pool.submit(make, order, cache) for order in wanted]
            for index, future in enumerate(futures):
                future.result()
                progress(index + 1, len(wanted))
    found = {}
    for order in wanted:
        loaded = clip_file.load(cache, order.key())
        assert loaded is not None
        found[order.scene, order.stream] = loaded
    return found


def footage(path: Path, fps: Fraction) -> Iterator[Planes]:
    """Pictures of an MP4 at `fps` (at most its own rate), a whole number of 2 s GOPs of them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        own = Fraction(stream.average_rate or 25)
        total = int(stream.frames / own / 2) * 2 * fps
        made = 0
        for index, frame in enumerate(container.decode(stream)):
            if made >= total:
                break
            if index / own >= made / fps:
                made += 1
                planes = frame.reformat(format="yuv420p").to_ndarray()
                yield _split(planes, frame.width, frame.height)


def _split(planes: np.ndarray, width: int, height: int) -> Planes:  # type: ignore[type-arg]  # PyAV's own
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    return planes[:height], chroma[0], chroma[1]


def _size(path: Path) -> tuple[int, int]:
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        return context.width, context.height
