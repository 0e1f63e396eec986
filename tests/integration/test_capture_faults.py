"""The reader against the simulated camera: what it sent is what was stored, and each fault has its name."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Self

import pytest

from appliance.capture.camera import CameraRunner
from appliance.capture.state import CaptureState
from appliance.capture.url import Credentials
from appliance.core.cause import GapCause
from appliance.core.clock import SystemClock
from appliance.core.units import ticks_to_us
from appliance.demo.camera import CameraOptions, SimulatedCamera
from appliance.demo.clip import Clip
from appliance.demo.counter import find_stamp
from appliance.demo.encode import EncodeSettings, encode
from appliance.demo.scenes import pictures
from appliance.demo.stream import StreamOptions, digest
from appliance.media.nal import stored_units
from appliance.media.stream import CAMERA_TIME_UNKNOWN, ClockState, StreamKey
from tests.peers.sink import KeepingSink, Run

CLOCK = SystemClock()
FAST = CameraOptions(report_period_s=0.5, stream=StreamOptions(rate=5))
"""50 pictures and 2.5 keyframes a second."""


@pytest.fixture(scope="module")
def clip() -> Clip:
    """Four seconds of a drawn scene, GOP 2 s."""
    fps = Fraction(10)
    return encode("cour", pictures("cour", 640, 360, fps, seconds=4), EncodeSettings(640, 360, fps, 600_000))


@dataclass
class Recording:
    """A runner with its sink; waits of the reconnect state machine are a tenth of theirs."""

    camera: SimulatedCamera
    password: str | None = None
    sink: KeepingSink = field(default_factory=KeepingSink)

    def __post_init__(self) -> None:
        async def brief(seconds: float) -> None:
            await asyncio.sleep(min(seconds / 10, 1.0))

        self.runner = CameraRunner(
            StreamKey("cour", "sub"),
            self.camera.url("sub"),
            Credentials(self.camera.user, self.password or self.camera.password),
            self.sink,
            CLOCK,
            rng=random.Random(1),
            sleep=brief,
            clock_state=lambda: ClockState.HELD,
        )

    async def until(self, done: Callable[["Recording"], bool], within_s: float = 20.0) -> None:
        async with asyncio.timeout(within_s):
            while not done(self):
                await asyncio.sleep(0.02)
                self.runner.drain()

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.runner.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def more(pictures_wanted: int, runs: int = 1) -> Callable[[Recording], bool]:
    """The run of that number has so many pictures."""
    return lambda rec: len(rec.sink.runs) >= runs and len(rec.sink.runs[runs - 1].units) >= pictures_wanted


def nals(run: Run) -> list[tuple[tuple[int, bytes], ...]]:
    return [tuple((len(nal), digest(bytes(nal))) for nal in stored_units(unit.data)) for unit in run.units]


def check_truth(recording: Recording) -> None:
    """Every stored picture is one that was sent, whole, in order, none missing inside a run, at its time."""
    sent = recording.camera.sent("sub")
    place = {row.nals: at for at, row in enumerate(sent)}
    for run in recording.sink.runs:
        found = [place[picture] for picture in nals(run)]
        assert found == list(range(found[0], found[0] + len(found)))
        assert not any(sent[at].damaged for at in found)
        for at, unit in zip(found, run.units, strict=True):
            utc_us = unit.pts_ticks * 100 // 9 + run.start.utc_offset_us
            assert abs(utc_us - sent[at].utc_us) < 300_000  # the machine is busy; the envelope takes it back
            if unit.camera_us != CAMERA_TIME_UNKNOWN:
                assert abs(unit.camera_us - sent[at].utc_us) < 1000


async def test_what_was_sent_is_what_is_stored(clip: Clip) -> None:
    options = replace(FAST, audio=True)
    async with SimulatedCamera({"sub": clip}, options=options) as camera, Recording(camera) as recording:
        await recording.until(more(120))
        state = recording.runner.state()
    check_truth(recording)
    assert recording.sink.causes == [(GapCause.NONE, GapCause.APPLIANCE_OFF)]
    assert state.state is CaptureState.PLAYING
    assert state.audio_offered
    assert state.camera_clock_offset_us is not None
    assert (camera.counts.setups, camera.counts.audio_setups, camera.counts.teardowns) == (1, 0, 1)
    assert any(unit.camera_us != CAMERA_TIME_UNKNOWN for unit in recording.sink.runs[0].units)


@pytest.mark.parametrize(
    "stream",
    [
        StreamOptions(rate=5, aggregate_sets=True),
        StreamOptions(rate=5, in_band_sets=False),
        StreamOptions(rate=5, max_payload=200),
    ],
    ids=["STAP-A", "sets in SDP only", "small packets"],
)
async def test_every_way_of_packing(clip: Clip, stream: StreamOptions) -> None:
    options = replace(FAST, stream=stream)
    async with SimulatedCamera({"sub": clip}, options=options) as camera, Recording(camera) as recording:
        await recording.until(more(50))
    check_truth(recording)
    assert len(recording.sink.runs) == 1


async def test_sets_in_band_only(clip: Clip) -> None:
    options = replace(FAST, sprop=False, auth="none")
    async with SimulatedCamera({"sub": clip}, options=options) as camera, Recording(camera) as recording:
        await recording.until(more(50))
    check_truth(recording)


@pytest.mark.full
async def test_a_short_session_is_kept_alive(clip: Clip) -> None:
    options = replace(FAST, session_timeout_s=4.0)
    async with SimulatedCamera({"sub": clip}, options=options) as camera, Recording(camera) as recording:
        await recording.until(more(260))  # five seconds
        assert camera.counts.expired == 0
    assert len(recording.sink.runs) == 1
    check_truth(recording)


async def test_a_reset_is_a_gap_of_its_name_and_soon_over(clip: Clip) -> None:
    async with SimulatedCamera({"sub": clip}, options=FAST) as camera, Recording(camera) as recording:
        await recording.until(more(30))
        camera.faults.reset()
        await recording.until(more(30, runs=2))
        assert recording.runner.state().reconnects == 1
    assert recording.sink.causes[:2] == [
        (GapCause.NONE, GapCause.CAMERA_CLOSED),
        (GapCause.CAMERA_CLOSED, GapCause.APPLIANCE_OFF),
    ]
    check_truth(recording)


async def test_lost_packets_end_the_run_and_none_of_the_damage_is_stored(clip: Clip) -> None:
    async with SimulatedCamera({"sub": clip}, options=FAST) as camera, Recording(camera) as recording:
        await recording.until(more(30))
        camera.faults.lose_burst(2)
        await recording.until(more(30, runs=2))
        assert recording.runner.state().lost_packets == 2
        assert recording.runner.state().reconnects == 0
    assert [start for start, _ in recording.sink.causes] == [GapCause.NONE, GapCause.PACKET_LOSS]
    check_truth(recording)


async def fall_silent(clip: Clip, fault: Callable[[SimulatedCamera], None]) -> None:
    """A camera that plays, then sends nothing more: noticed in 8-11 s, recorded again when it speaks."""
    async with SimulatedCamera({"sub": clip}, options=FAST) as camera, Recording(camera) as recording:
        await recording.until(more(30))
        began_us = CLOCK.monotonic_us()
        fault(camera)
        await recording.until(lambda rec: rec.sink.runs[0].ended is not None)
        assert CLOCK.monotonic_us() - began_us < 11_000_000
        await recording.until(more(10, runs=2))
    assert recording.sink.causes[0] == (GapCause.NONE, GapCause.CAMERA_SILENT)
    assert recording.sink.runs[1].start.cause is GapCause.CAMERA_SILENT
    check_truth(recording)


async def answer_by_halves(clip: Clip) -> None:
    """A camera whose answers break off is given up after 10 s."""
    async with SimulatedCamera({"sub": clip}, options=FAST) as camera, Recording(camera) as recording:
        camera.faults.half_answers(100)
        await recording.until(lambda rec: rec.runner.state().state is CaptureState.WAITING)
        assert recording.runner.state().cause is GapCause.CAMERA_SILENT


async def stay_well(clip: Clip) -> None:
    """Beside them all a healthy camera loses nothing."""
    async with SimulatedCamera({"sub": clip}, options=FAST) as camera, Recording(camera) as recording:
        await recording.until(more(500))
    assert len(recording.sink.runs) == 1
    check_truth(recording)


@pytest.mark.full
async def test_every_kind_of_silence_is_noticed_in_time_and_touches_no_other_camera(clip: Clip) -> None:
    async with asyncio.TaskGroup() as together:
        _ = together.create_task(fall_silent(clip, lambda camera: camera.faults.silence(9.5)))
        _ = together.create_task(fall_silent(clip, lambda camera: camera.faults.stall(60.0)))
        _ = together.create_task(answer_by_halves(clip))
        _ = together.create_task(stay_well(clip))


async def test_a_short_stall_costs_nothing(clip: Clip) -> None:
    async with SimulatedCamera({"sub": clip}, options=FAST) as camera, Recording(camera) as recording:
        await recording.until(more(30))
        camera.faults.stall(1.0)
        await recording.until(more(150))
    assert len(recording.sink.runs) == 1


async def test_a_refused_connection_is_named_while_it_lasts(clip: Clip) -> None:
    async with SimulatedCamera({"sub": clip}, options=FAST) as camera, Recording(camera) as recording:
        await recording.until(more(20))
        camera.faults.refuse(1.0)
        await recording.until(lambda rec: rec.runner.state().cause is GapCause.CAMERA_REFUSED)
        assert "refuse" in recording.runner.state().sentence_fr
        await recording.until(more(20, runs=2))
    assert recording.sink.runs[1].start.cause is GapCause.CAMERA_REFUSED
    check_truth(recording)


async def test_a_wrong_password_is_tried_once_per_connection(clip: Clip) -> None:
    async with SimulatedCamera({"sub": clip}, options=FAST) as camera, Recording(camera, "other") as recording:
        await recording.until(lambda rec: rec.runner.state().state is CaptureState.WAITING)
        assert recording.runner.state().cause is GapCause.CAMERA_AUTH
        assert (camera.counts.connections, camera.counts.setups) == (1, 0)
        assert camera.counts.requests == {"DESCRIBE": 2}  # without, and with the password
    assert recording.sink.runs == []


@pytest.mark.full
@pytest.mark.parametrize(("drift_ppm", "report_s"), [(400, 0.5), (-400, 0.0)], ids=["reports, fast", "none, slow"])
async def test_a_drifting_camera_is_stored_at_its_true_time(clip: Clip, drift_ppm: int, report_s: float) -> None:
    """The budget of a stored time: 40 ms (p99) with sender reports, 250 ms without."""
    options = CameraOptions(report_period_s=report_s, stream=StreamOptions(rate=5, drift_ppm=drift_ppm))
    async with SimulatedCamera({"sub": clip}, options=options) as camera, Recording(camera) as recording:
        await recording.until(more(900))  # 18 s: 7 ms of drift, which the slew must follow
    errors = []
    (run,) = recording.sink.runs
    for unit in run.units:
        stamp = find_stamp(unit.data)
        assert stamp is not None
        errors.append(abs(ticks_to_us(unit.pts_ticks) + run.start.utc_offset_us - stamp.utc_us))
    errors.sort()
    assert errors[len(errors) * 99 // 100] <= (40_000 if report_s else 250_000)
