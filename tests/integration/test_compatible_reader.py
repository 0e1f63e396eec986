"""The compatible reader: libav in a child, for what the native reader cannot do; it dies alone and says so."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Self

import psutil
import pytest

from appliance.capture.camera import CameraRunner
from appliance.capture.compatible.reader import CompatibleReader
from appliance.capture.state import CaptureState
from appliance.capture.url import Credentials
from appliance.core.cause import GapCause
from appliance.demo.camera import CameraOptions, SimulatedCamera
from appliance.demo.counter import find_stamp
from appliance.demo.forms import Form, encode_form
from appliance.demo.quirks import Quirks
from appliance.demo.stream import digest
from appliance.media.nal import stored_units
from appliance.media.stream import ClockState, Codec, StreamKey
from tests.peers.capturing import CLOCK
from tests.peers.live import until
from tests.peers.sink import KeepingSink

SECONDS = 30.0


class Recorded:
    """A runner on a camera, until the block ends."""

    def __init__(self, camera: SimulatedCamera, reader: str, password: str | None = None) -> None:
        self.sink = KeepingSink()
        secret = Credentials(camera.user, password or camera.right_password)
        self.runner = CameraRunner(
            StreamKey("cour", "main"), camera.url("main"), secret, self.sink, CLOCK, rng=random.Random(1),
            clock_state=lambda: ClockState.VERIFIED, reader=reader,  # type: ignore[arg-type]
        )  # fmt: skip

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.runner.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def pictures(self, count: int, runs: int = 1) -> None:
        async with asyncio.timeout(SECONDS):
            while self.sink.pictures < count or len(self.sink.runs) < runs:
                assert not self._task.done(), self._task
                await asyncio.sleep(0.05)
                self.runner.drain()

    async def waits(self) -> None:
        await until(lambda: self.runner.state().state is CaptureState.WAITING)


def children() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # what ended meanwhile is none, nor what is waited for just now
            if "appliance.capture.compatible.child" in " ".join(child.cmdline()):
                found.append(child)
    return found


@pytest.mark.parametrize(("codec", "only_udp"), [("h264", True), pytest.param("h265", False, marks=pytest.mark.full)])
async def test_what_libav_reads_is_what_was_sent(codec: Codec, only_udp: bool) -> None:
    clip = await asyncio.to_thread(encode_form, "small", Form(codec, width=192, height=128, gop=10, signed=True))
    options = CameraOptions(quirks=Quirks(only_udp=only_udp))
    async with SimulatedCamera({"main": clip}, options=options) as camera:
        async with Recorded(camera, "compatible") as recorded:
            await recorded.pictures(40)
            state = recorded.runner.state()
            assert (state.reader, state.codec, state.width) == ("compatible", codec, 192)
            assert len(await asyncio.to_thread(children)) == 1
        sent = {frame.counter: frame for frame in camera.sent("main")}
    assert await asyncio.to_thread(children) == []
    kept = [unit for run in recorded.sink.runs for unit in run.units]
    assert len(recorded.sink.runs) == 1
    stamps = [stamp.counter for unit in kept if (stamp := find_stamp(unit.data))]
    assert stamps == list(range(stamps[0], stamps[0] + len(kept)))
    for unit, counter in zip(kept, stamps, strict=True):
        nals = [bytes(nal) for nal in stored_units(unit.data)]
        assert [(len(nal), digest(nal)) for nal in nals] == list(sent[counter].nals)
    spread = (kept[-1].pts_ticks - kept[0].pts_ticks) / (len(kept) - 1)
    assert abs(spread - 3600) < 10


@pytest.mark.full
async def test_a_camera_that_knows_only_udp_is_read_after_the_native_reader_was_refused() -> None:
    clip = await asyncio.to_thread(encode_form, "small", Form(width=192, height=128, gop=10))
    async with SimulatedCamera({"main": clip}, options=CameraOptions(quirks=Quirks(only_udp=True))) as camera:
        async with Recorded(camera, "native") as native:
            await native.waits()
            assert native.runner.state().reader == "native"
            assert "TCP" in native.runner.state().sentence_en
        async with Recorded(camera, "auto") as recorded:
            await recorded.pictures(20)
            assert recorded.runner.state().reader == "compatible"


@pytest.mark.full
async def test_datagrams_that_are_lost_end_the_run_and_no_damaged_picture_is_kept() -> None:
    clip = await asyncio.to_thread(encode_form, "small", Form(width=192, height=128, gop=10))
    async with SimulatedCamera({"main": clip}, options=CameraOptions(quirks=Quirks(only_udp=True))) as camera:
        async with Recorded(camera, "compatible") as recorded:
            await recorded.pictures(30)
            camera.faults.lose_burst(3)
            await recorded.pictures(30, runs=2)
            await recorded.pictures(recorded.sink.pictures + 20)
        sent = {frame.counter: frame for frame in camera.sent("main")}
    assert recorded.sink.runs[1].start.cause is GapCause.PACKET_LOSS
    assert any(frame.damaged for frame in sent.values())
    for unit in (unit for run in recorded.sink.runs for unit in run.units):
        stamp = find_stamp(unit.data)
        assert stamp is not None
        nals = [bytes(nal) for nal in stored_units(unit.data)]
        assert [(len(nal), digest(nal)) for nal in nals] == list(sent[stamp.counter].nals), sent[stamp.counter].damaged


@pytest.mark.full
async def test_a_child_that_is_killed_costs_its_camera_a_moment_and_nobody_else() -> None:
    clip = await asyncio.to_thread(encode_form, "small", Form(width=192, height=128, gop=10))
    async with SimulatedCamera({"main": clip}) as camera:
        async with Recorded(camera, "compatible") as recorded, Recorded(camera, "native") as other:
            await recorded.pictures(10)
            (child,) = await asyncio.to_thread(children)
            os.kill(child.pid, signal.SIGKILL)
            await recorded.pictures(10, runs=2)
            await other.pictures(20)
        assert recorded.sink.runs[1].start.cause is GapCause.CAMERA_PROTOCOL
        assert len(other.sink.runs) == 1


async def test_a_wrong_password_is_named_and_the_right_one_stands_in_no_argument() -> None:
    clip = await asyncio.to_thread(encode_form, "small", Form(width=192, height=128, gop=10))
    async with SimulatedCamera({"main": clip}) as camera:
        async with Recorded(camera, "compatible", password="other") as recorded:
            await recorded.waits()
            assert recorded.runner.state().cause is GapCause.CAMERA_AUTH
        async with Recorded(camera, "compatible") as recorded:
            await recorded.pictures(5)
            (child,) = await asyncio.to_thread(children)
            facts = await asyncio.to_thread(lambda: [*child.cmdline(), *child.environ().values()])
            assert not any(camera.right_password in fact for fact in facts)
            limits = (
                child.rlimit(psutil.RLIMIT_DATA),
                child.rlimit(psutil.RLIMIT_CORE),
                child.rlimit(psutil.RLIMIT_FSIZE),
            )
            assert [soft for soft, _ in limits] == [768 << 20, 0, 0]


@pytest.mark.parametrize(
    "says", ["print('nonsense' * 9)", "import os; os.write(1, b'\\2\\xff\\xff\\xff\\xff' + bytes(8))", ""]
)
async def test_a_child_that_lies_is_ended_by_name(says: str) -> None:
    clip = await asyncio.to_thread(encode_form, "small", Form(width=192, height=128, gop=10))
    async with SimulatedCamera({"main": clip}) as camera:
        sink = KeepingSink()

        lying = partial(CompatibleReader, command=(sys.executable, "-c", says))

        runner = CameraRunner(
            StreamKey("cour", "main"), camera.url("main"), None, sink, CLOCK, reader="compatible", compatible=lying
        )
        task = asyncio.create_task(runner.run())
        await until(lambda: runner.state().state is CaptureState.WAITING)
        assert "compatible reader" in runner.state().sentence_en
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert sink.runs == []


def test_the_recorder_loads_no_libav() -> None:
    script = "import appliance.services.recorder, sys; sys.exit('av' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], timeout=50, check=False)
    assert done.returncode == 0
