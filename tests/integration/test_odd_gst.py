"""The cases of the protocol that GStreamer's server can show, as `test_odd_servers` shows them of a simulated camera.

Each stream is kept bit for bit, or refused by name.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from appliance.capture.camera import CameraRunner
from appliance.capture.state import CameraState, CaptureState
from appliance.capture.tls import Trust
from appliance.capture.url import Credentials
from appliance.core.cause import GapCause
from appliance.media.nal import stored_units
from tests.integration.test_capture_gst import PICTURES, is_slice, make_clip
from tests.integration.test_odd_servers import certificate
from tests.peers.capturing import capture
from tests.peers.gst_rtsp import serving
from tests.peers.sink import KeepingSink

SECRET = Credentials("user", "secret")


def over(_: CameraRunner, sink: KeepingSink) -> bool:
    return bool(sink.runs) and sink.runs[0].ended is not None


def failed(runner: CameraRunner, _: KeepingSink) -> bool:
    return runner.state().state is CaptureState.WAITING


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return path, make_clip(path, "h264", bframes=0)


@asynccontextmanager
async def served(
    clip: Path, certificate: Path | None = None, *, basic: bool = False, only_udp: bool = False, sound: bool = False
) -> AsyncIterator[str]:
    """The URL of a server that serves so, with SECRET."""
    with ExitStack() as stack:
        server = serving(
            clip, user=SECRET.user, password=SECRET.password, certificate=certificate, basic=basic, only_udp=only_udp,
            sound=sound,
        )  # fmt: skip
        yield await asyncio.to_thread(stack.enter_context, server)
        await asyncio.to_thread(stack.close)


async def kept(url: str, slices: list[bytes], trust: Trust | None = None) -> CameraState:
    """Record the clip to its end, all of it."""
    states: list[CameraState] = []

    def done(runner: CameraRunner, sink: KeepingSink) -> bool:
        states.append(runner.state())
        return over(runner, sink)

    _, sink = await capture(url, SECRET, done, trust=trust)
    run = sink.runs[0]
    units = [bytes(nal) for unit in run.units for nal in stored_units(unit.data)]
    assert [nal for nal in units if is_slice("h264", nal)] == slices
    assert len(run.units) == PICTURES
    assert run.ended in {GapCause.CAMERA_CLOSED, GapCause.CAMERA_SILENT}, "GStreamer does not always hang up at its end"
    return states[-2]


@pytest.mark.full
@pytest.mark.parametrize("way", ["Basic", "sound beside"])
async def test_it_is_kept_whole_whatever_it_is_served_with(way: str, clip: tuple[Path, list[bytes]]) -> None:
    file, slices = clip
    async with served(file, basic=way == "Basic", sound=way == "sound beside") as url:
        state = await kept(url, slices)
    assert (state.reader, state.audio_offered) == ("native", way == "sound beside")


@pytest.mark.full
async def test_over_tls_it_is_believed_by_fingerprint_or_authority(
    clip: tuple[Path, list[bytes]], tmp_path: Path
) -> None:
    file, slices = clip
    key, pin = await asyncio.to_thread(certificate, tmp_path, "camera")
    async with served(file, key) as url:
        assert url.startswith("rtsps://")
        for wrong in (Trust(bytes(32)), Trust()):
            runner, sink = await capture(url, SECRET, failed, trust=wrong)
            assert "certificate" in runner.state().sentence_en
            assert sink.runs == []
        await kept(url, slices, Trust(pin))
        await kept(url, slices, Trust(None, tmp_path / "camera.crt"))


@pytest.mark.full
async def test_one_that_knows_only_udp_is_read_by_the_compatible_reader(clip: tuple[Path, list[bytes]]) -> None:
    file, slices = clip
    async with served(file, only_udp=True) as url:
        runner, sink = await capture(url, SECRET, lambda _, s: s.pictures >= PICTURES // 2, seconds=30.0)
        assert runner.state().reader == "compatible"
    (run,) = sink.runs
    units = [bytes(nal) for unit in run.units for nal in stored_units(unit.data)]
    found = [nal for nal in units if is_slice("h264", nal)]
    first = slices.index(found[0])
    assert found == slices[first : first + len(found)], "each once, in order, bit for bit"
