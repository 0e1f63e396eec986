"""The reader against GStreamer's RTSP server: every NAL unit of the clip arrives, bit for bit, at its time."""

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from appliance.capture.camera import CameraRunner
from appliance.capture.state import CaptureState
from appliance.capture.url import Credentials
from appliance.core.cause import GapCause
from appliance.core.clock import SystemClock
from appliance.media import hevc
from appliance.media.nal import nal_type, stored_units
from appliance.media.stream import ClockState, Codec, StreamKey
from tests.peers.gst_rtsp import serving
from tests.peers.sink import KeepingSink

FPS = 25
PICTURES = 75
VCL = {1, 5}
CLOCK = SystemClock()  # reads the boot id from a file: not in the event loop


def is_slice(codec: Codec, nal: bytes) -> bool:
    return nal_type(nal) in VCL if codec == "h264" else hevc.nal_type(nal) < hevc.VPS


def make_clip(path: Path, codec: Codec, *, bframes: int, pictures: int = PICTURES) -> list[bytes]:
    """An MP4 of noise, GOP one second; returns its slices in decoding order."""
    rng = np.random.default_rng(7)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264" if codec == "h264" else "libx265", rate=FPS)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
        stream.time_base = Fraction(1, FPS)
        stream.options = {"preset": "veryfast", "g": str(FPS), "bf": str(bframes), "crf": "23"}
        if codec == "h265":
            x265 = f"log-level=none:bframes={bframes}:keyint={FPS}:min-keyint={FPS}:open-gop=0:pools=none"
            stream.options = {"preset": "ultrafast", "x265-params": x265}
        for _ in range(pictures):
            frame = av.VideoFrame.from_ndarray(rng.integers(0, 255, (288, 320), dtype=np.uint8), format="yuv420p")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    with av.open(str(path)) as file:
        units = [bytes(unit) for packet in file.demux(video=0) if packet.size for unit in stored_units(bytes(packet))]
    return [unit for unit in units if is_slice(codec, unit)]


@dataclass(frozen=True)
class Served:
    """A clip on the air: its slices, and how many B-frames it has between others."""

    url: str
    slices: list[bytes]
    bframes: int
    codec: Codec


WAYS: tuple[tuple[Codec, int], ...] = (("h264", 0), ("h264", 2), ("h265", 0), ("h265", 2))


OF_EVERY_DAY = ("h264", 2), ("h265", 2)


@pytest.fixture(
    scope="module",
    params=[pytest.param(way, marks=() if way in OF_EVERY_DAY else pytest.mark.full) for way in WAYS],
    ids=lambda way: f"{way[0]}, {way[1]} B-frames",
)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    codec, bframes = request.param
    slices = make_clip(path, codec, bframes=bframes)
    with serving(path, user="user", password="secret", codec=codec) as url:
        yield Served(url, slices, bframes, codec)


async def record(
    url: str, credentials: Credentials | None, done: Callable[[CameraRunner, KeepingSink], bool]
) -> tuple[CameraRunner, KeepingSink]:
    """Run one camera with the ring's tick until `done`."""
    sink = KeepingSink()
    runner = CameraRunner(
        StreamKey("gst", "main"), url, credentials, sink, CLOCK,
        rng=random.Random(1), clock_state=lambda: ClockState.VERIFIED,
    )  # fmt: skip
    task = asyncio.create_task(runner.run())
    try:
        async with asyncio.timeout(25):
            while not done(runner, sink):
                await asyncio.sleep(0.1)
                runner.drain()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return runner, sink


async def test_every_nal_unit_of_the_clip_arrives(served: Served) -> None:
    secret = Credentials("user", "secret")
    _, sink = await record(served.url, secret, lambda _, s: bool(s.runs) and s.runs[0].ended is not None)
    run = sink.runs[0]
    assert run.ended is GapCause.CAMERA_CLOSED  # the clip is over: GStreamer says goodbye
    units = [bytes(nal) for unit in run.units for nal in stored_units(unit.data)]
    assert [nal for nal in units if is_slice(served.codec, nal)] == served.slices
    assert len(run.units) == PICTURES
    assert run.start.parameters.codec == served.codec
    assert (run.start.parameters.width, run.start.parameters.height) == (320, 192)
    shown = sorted(unit.pts_ticks for unit in run.units)
    steps = [after - before for before, after in pairwise(shown)]
    assert all(abs(step - 3600) <= 6 for step in steps), steps  # 500 ppm of three pictures, which B-frames go at a time
    assert any(unit.pts_ticks > unit.dts_ticks for unit in run.units) == bool(served.bframes)


async def test_a_wrong_password_is_named_and_nothing_is_stored(served: Served) -> None:
    wrong = Credentials("user", "other")
    runner, sink = await record(served.url, wrong, lambda r, _: r.state().state is CaptureState.WAITING)
    assert runner.state().cause is GapCause.CAMERA_AUTH
    assert sink.runs == []
