"""Runs: when they begin, why they end, and what the next one says."""

from itertools import pairwise

import pytest

from appliance.capture.runs import RunKeeper
from appliance.capture.timeline import NTP_UNIX_S
from appliance.core.cause import GapCause
from appliance.core.clock import SimulatedClock
from appliance.core.units import ticks_to_us, us_to_ticks
from appliance.media.depacketiser import Picture
from appliance.media.stream import CAMERA_TIME_UNKNOWN, ClockState
from tests.peers.h264_rtp import PPS, SPS
from tests.peers.h265_rtp import encoded
from tests.peers.sink import KeepingSink

SMALL = bytes.fromhex("674d401eda0280bfe584000003000400000300c83c58ba80")
REORDERED = bytes.fromhex("6764001facd9405005ba1000000300100000030320f1831960")  # two B-frames, says so
SETS_H265 = tuple(nal for nal in encoded(12, "bframes=2:open-gop=1")[0][0] if nal[0] >> 1 in {32, 33, 34})
UNSAID = bytes.fromhex("67640033ace501e00879")  # High, no VUI: reorder depth unknown


class Camera:
    """Feeds pictures at 25 a second; GOP of five."""

    def __init__(self, first_cause: GapCause = GapCause.NONE, sets: tuple[bytes, ...] = (SPS, PPS)) -> None:
        self.clock = SimulatedClock()
        self.sink = KeepingSink()
        self.judged = ClockState.HELD
        self.runs = RunKeeper(self.sink, self.clock, lambda: self.judged, first_cause)
        self.runs.connected(())
        self.sets = sets
        self.number = 0
        self.timestamp = 2**32 - 7200

    def send(self, count: int, *, jump: int = 0, late_s: float = 0.0) -> None:
        for _ in range(count):
            keyframe = self.number % 5 == 0
            self.show(self.timestamp + jump, keyframe=keyframe, late_s=late_s)
            self.number += 1
            self.timestamp += 3600

    def show(self, timestamp: int, *, keyframe: bool, late_s: float = 0.0) -> None:
        sets = self.sets if keyframe else ()
        picture = Picture(bytearray(b"\x00\x00\x00\x01\x65"), timestamp & 0xFFFFFFFF, keyframe, sets)
        self.runs.picture(picture, self.clock.monotonic_us() + int(late_s * 1e6))
        self.clock.advance(0.04)


def test_a_run_waits_for_a_keyframe_with_parameter_sets() -> None:
    camera = Camera(sets=())
    camera.number = 3
    camera.send(7)  # the keyframe among them has no sets yet
    assert camera.sink.runs == []
    camera.sets = (SPS, PPS)
    camera.send(8)
    run = camera.sink.runs[0]
    assert run.start.parameters.width == 1920
    assert (run.start.clock_state, run.start.boot_id) == (ClockState.HELD, camera.clock.boot_id)
    assert [unit.keyframe for unit in run.units] == [True, False, False, False, False, True, False, False]
    assert {after.pts_ticks - before.pts_ticks for before, after in pairwise(run.units)} == {3600}
    assert run.units[0].camera_us == CAMERA_TIME_UNKNOWN


def test_utc_of_a_picture_is_its_ticks_and_the_runs_offset() -> None:
    camera = Camera()
    arrived = camera.clock.utc_us()
    camera.send(1)
    run = camera.sink.runs[0]
    assert abs(ticks_to_us(run.units[0].pts_ticks) + run.start.utc_offset_us - arrived) < 12


def test_packet_loss_ends_the_run_until_the_next_keyframe() -> None:
    camera = Camera()
    camera.send(3)
    camera.runs.gap()
    camera.runs.gap()
    camera.send(4)
    assert camera.sink.causes == [(GapCause.NONE, GapCause.PACKET_LOSS), (GapCause.PACKET_LOSS, None)]
    assert [len(run.units) for run in camera.sink.runs] == [3, 2]
    first, second = camera.sink.runs
    assert second.units[0].pts_ticks - first.units[-1].pts_ticks == 3 * 3600  # media time runs on over the hole


def test_changed_parameters_lose_no_picture() -> None:
    camera = Camera()
    camera.send(5)
    camera.sets = (SMALL, PPS)
    camera.send(5)
    assert camera.sink.causes == [(GapCause.NONE, GapCause.PARAMETERS), (GapCause.PARAMETERS, None)]
    assert camera.sink.pictures == 10
    assert camera.sink.runs[1].start.parameters.height == 360


def test_parameters_that_change_before_the_first_keyframe_are_no_change() -> None:
    camera = Camera()
    camera.runs.connected((SMALL, PPS))
    camera.send(10)
    assert camera.sink.causes == [(GapCause.NONE, None)]
    assert camera.sink.runs[0].start.parameters.height == 1080


def test_another_judgement_of_the_clock_begins_a_run_at_the_next_keyframe() -> None:
    camera = Camera()
    camera.send(3)
    camera.judged = ClockState.DOUBTFUL
    camera.send(7)
    assert camera.sink.causes == [(GapCause.NONE, GapCause.CLOCK), (GapCause.CLOCK, None)]
    assert camera.sink.pictures == 10
    assert [run.start.clock_state for run in camera.sink.runs] == [ClockState.HELD, ClockState.DOUBTFUL]


def test_a_stepped_clock_begins_a_run_at_the_next_keyframe() -> None:
    camera = Camera()
    camera.send(3)
    camera.clock.step_utc(-3600)
    camera.send(7)
    assert camera.sink.causes == [(GapCause.NONE, GapCause.CLOCK), (GapCause.CLOCK, None)]
    assert camera.sink.pictures == 10
    offsets = [run.start.utc_offset_us for run in camera.sink.runs]
    assert offsets[1] - offsets[0] == -3_600_000_000


@pytest.mark.parametrize("jump", [30 * 90_000, -30 * 90_000])
def test_a_jump_of_media_time_begins_a_run(jump: int) -> None:
    camera = Camera()
    camera.send(3)
    camera.send(10, jump=jump)
    assert camera.sink.causes == [(GapCause.NONE, GapCause.CAMERA_TIME), (GapCause.CAMERA_TIME, None)]
    assert [len(run.units) for run in camera.sink.runs] == [3, 8]


def test_a_small_step_back_without_reordering_is_a_jump_too() -> None:
    camera = Camera()
    camera.send(3)
    camera.send(7, jump=-9000)
    assert camera.sink.causes[0] == (GapCause.NONE, GapCause.CAMERA_TIME)
    assert len(camera.sink.runs[1].units) == 5


def test_a_jump_while_no_run_was_open_costs_nothing() -> None:
    camera = Camera()
    camera.send(3)
    camera.runs.gap()
    camera.send(10, jump=3600 * 90_000)
    assert camera.sink.causes == [(GapCause.NONE, GapCause.PACKET_LOSS), (GapCause.PACKET_LOSS, None)]


def test_another_session_goes_on_behind_what_was_stored() -> None:
    camera = Camera()
    camera.send(5, late_s=3.0)  # placed three seconds late
    camera.runs.failed(GapCause.CAMERA_CLOSED)
    camera.runs.failed(GapCause.CAMERA_REFUSED)
    camera.runs.connected(())
    camera.send(5)
    assert camera.sink.causes == [(GapCause.NONE, GapCause.CAMERA_CLOSED), (GapCause.CAMERA_REFUSED, None)]


@pytest.mark.parametrize(
    ("first", "failure", "expected"),
    [
        (GapCause.NONE, None, GapCause.NONE),
        (GapCause.NONE, GapCause.CAMERA_AUTH, GapCause.NONE),
        (GapCause.APPLIANCE_OFF, None, GapCause.APPLIANCE_OFF),
        (GapCause.APPLIANCE_OFF, GapCause.CAMERA_AUTH, GapCause.CAMERA_AUTH),
    ],
)
def test_the_cause_of_the_first_run(first: GapCause, failure: GapCause | None, expected: GapCause) -> None:
    camera = Camera(first)
    if failure is not None:
        camera.runs.failed(failure)
    camera.send(1)
    assert camera.sink.runs[0].start.cause is expected


def test_camera_time_comes_from_sender_reports() -> None:
    camera = Camera()
    camera.send(1)
    ahead_us = 7_000_000
    report_us = camera.clock.utc_us() + ahead_us
    ntp = (report_us + NTP_UNIX_S * 1_000_000) * 2**32 // 1_000_000
    camera.runs.camera_clock.report(ntp, camera.timestamp & 0xFFFFFFFF)
    camera.send(1)
    assert abs(camera.sink.runs[0].units[1].camera_us - report_us) < 12
    assert camera.runs.camera_clock_offset_us is not None
    assert abs(camera.runs.camera_clock_offset_us - ahead_us) < 100


def test_b_frames_get_decoding_times() -> None:
    camera = Camera(sets=(REORDERED, PPS))
    order = [0, 4, 2, 1, 3, 8, 6, 5, 7]
    for at, shown in enumerate(order):
        camera.show(shown * 3600, keyframe=at == 0)
    units = camera.sink.runs[0].units
    shown_ticks = [unit.pts_ticks - units[0].pts_ticks for unit in units]
    assert all(abs(ticks - shown * 3600) <= 20 for ticks, shown in zip(shown_ticks, order, strict=True))
    assert units[0].pts_ticks - units[0].dts_ticks == 2 * 3600


@pytest.mark.parametrize("paced", [True, False], ids=["evenly sent", "sent when coded"])
def test_b_frames_are_stored_at_the_time_of_their_exposure_from_the_first_picture_on(paced: bool) -> None:
    """An encoder that sends evenly keeps the keyframe back for two pictures' time: 80 ms that would else be slewed."""
    camera, late_us = Camera(sets=(REORDERED, PPS)), 10_000
    began = camera.clock.monotonic_us()
    order = [0] + [first + shown for first in range(0, 75 * 60, 3) for shown in (3, 1, 2)]
    for at, shown in enumerate(order):
        newest = max(order[: at + 1]) if at < 4 else -(-shown // 3) * 3  # what had to be exposed before it was coded
        sent_us = (at + 2 if paced else newest) * 40_000 + late_us
        picture = Picture(bytearray(b"x"), shown * 3600, at == 0, (REORDERED, PPS) if at == 0 else ())
        camera.runs.picture(picture, began + sent_us)
    (run,) = camera.sink.runs
    assert len(run.units) == len(order)
    off = [ticks_to_us(unit.pts_ticks) - began - shown * 40_000 for unit, shown in zip(run.units, order, strict=True)]
    assert min(off) >= late_us - 20
    assert max(off) <= late_us + 20


@pytest.mark.parametrize("count", [1, 3])
def test_what_was_held_back_is_stored_when_the_session_ends(count: int) -> None:
    for end in (camera_end, RunKeeper.gap):
        camera = Camera(sets=(REORDERED, PPS))
        for at, shown in enumerate([0, 4, 2][:count]):
            camera.show(shown * 3600, keyframe=at == 0)
        assert camera.sink.runs == []
        end(camera.runs)
        (run,) = camera.sink.runs
        assert len(run.units) == count
        assert run.ended is not None


def camera_end(runs: RunKeeper) -> None:
    runs.failed(GapCause.CAMERA_CLOSED)


def test_an_unsaid_depth_is_measured_and_kept() -> None:
    camera = Camera(sets=(UNSAID, PPS))
    for gop in range(4):
        for at, shown in enumerate([0, 4, 2, 1, 3]):
            camera.show((gop * 5 + shown) * 3600, keyframe=at == 0)
    assert camera.sink.causes[-1][1] is None
    assert len(camera.sink.runs[-1].units) == 10
    assert all(cause is GapCause.PARAMETERS for _, cause in camera.sink.causes[:-1])


def test_stored_times_are_near_the_arrival() -> None:
    camera = Camera()
    began = camera.clock.monotonic_us()
    camera.send(50)
    last = camera.sink.runs[0].units[-1]
    assert abs(last.pts_ticks - us_to_ticks(began + 49 * 40_000)) <= 2


def test_pictures_shown_before_a_runs_first_keyframe_are_its_past() -> None:
    camera = Camera()
    at = camera.timestamp

    def show(place: int, *, keyframe: bool = False, leading: bool = False) -> None:
        picture = Picture(bytearray(b"x"), (at + place * 3600) & 0xFFFFFFFF, keyframe, (), leading)
        camera.runs.picture(picture, camera.clock.monotonic_us())
        camera.clock.advance(0.04)

    camera.runs.connected(SETS_H265, "h265")
    show(3, keyframe=True)
    show(1, leading=True)  # refers to pictures of before
    show(2, leading=True)
    show(6)
    show(4)
    show(5)
    show(9, keyframe=True)
    show(7, leading=True)  # what it refers to is there
    show(8, leading=True)
    (run,) = camera.sink.runs
    first = run.units[0].pts_ticks
    assert [round((unit.pts_ticks - first) / 3600) + 3 for unit in run.units] == [3, 6, 4, 5, 9, 7, 8]
    assert run.start.parameters.codec == "h265"
