"""A whole day of a camera's clock: followed within 500 ppm through drift, wraps and changes of the hour.

Where a picture is stored is compared with the instant of its exposure.
"""

import itertools
import random
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.capture.runs import RunKeeper
from appliance.capture.timeline import MAX_SLEW, NTP_UNIX_S, CameraClock, MediaClock
from appliance.core.cause import GapCause
from appliance.core.clock import SimulatedClock
from appliance.core.units import ticks_to_us
from appliance.media.depacketiser import Picture
from appliance.media.stream import CAMERA_TIME_UNKNOWN, ClockState
from tests.peers.h264_rtp import PPS, SPS
from tests.peers.sink import KeepingSink

START_US = 40_000_000
DAY_S = 86_400
WRAP_TICKS = 2**32
STEPS = st.lists(st.tuples(st.integers(11, 80), st.sampled_from([-86_400.0, -0.3, 0.3, 5.0, 3600.0])), max_size=5)
ERROR_US = 40_000
"""The budget for a stored UTC where the camera tells its time; kept without, too."""


@pytest.mark.parametrize("drift_ppm", [-500, -100, 100, 500])
def test_a_day_of_drift_through_two_wraps(drift_ppm: int) -> None:
    noise, clock = random.Random(drift_ppm), MediaClock()
    first, errors, before, media_before = WRAP_TICKS - 90_000, [], None, 0
    for number in range(DAY_S * 2):
        true_us = number * 500_000
        media = round(true_us * 0.09 * (1 + drift_ppm * 1e-6))
        delay_us = 1_000 + int(noise.expovariate(1 / 8_000))
        placed = clock.place((first + media) % WRAP_TICKS, START_US + true_us + delay_us)
        assert placed is not None
        if before is not None:
            span = media - media_before
            assert abs(placed - before - span) <= MAX_SLEW * span + 1
        before, media_before = placed, media
        if true_us > 60_000_000:
            errors.append(abs(ticks_to_us(placed) - START_US - true_us))
    errors.sort()
    assert errors[len(errors) * 99 // 100] <= ERROR_US
    assert errors[-1] <= 2 * ERROR_US


class Day:
    """Runs of one stream with a clock that the test moves; remembers the true UTC of each stored picture."""

    def __init__(self) -> None:
        self.clock = SimulatedClock()
        self.sink = KeepingSink()
        self.runs = RunKeeper(self.sink, self.clock, lambda: ClockState.VERIFIED)
        self.runs.connected((SPS, PPS))
        self.media = 0
        self.number = 0
        self.stored = 0

    def picture(self) -> None:
        self.clock.advance(0.2)
        self.media += 18_000
        self.number += 1
        key = self.number % 10 == 1
        picture = Picture(bytearray(self.number.to_bytes(4, "big")), self.media % WRAP_TICKS, key, ())
        self.runs.picture(picture, self.clock.monotonic_us() + 1000)

    def errors_us(self) -> list[int]:
        """Stored UTC minus the instant of exposure by the appliance's clock as it was in that run."""
        found = []
        for run in self.sink.runs:
            for unit in run.units:
                number = int.from_bytes(unit.data, "big")
                exposed = self.began_us + number * 200_000
                found.append(ticks_to_us(unit.pts_ticks) - exposed)
        return found

    began_us = 0


@settings(max_examples=30)
@given(STEPS)
def test_each_step_of_utc_closes_the_run_at_a_keyframe_and_loses_nothing(steps: list[tuple[int, float]]) -> None:
    day = Day()
    day.began_us = day.clock.monotonic_us()
    for count, step_s in steps:
        for _ in range(count):
            day.picture()
        day.clock.step_utc(step_s)
    for _ in range(11):
        day.picture()
    assert day.sink.pictures == day.number
    assert all(abs(error) <= ERROR_US for error in day.errors_us())  # monotonic spacing knows no step
    causes = [end for _start, end in day.sink.causes][:-1]
    assert set(causes) <= {GapCause.CLOCK}
    assert len(causes) == len(steps)
    offsets = [run.start.utc_offset_us for run in day.sink.runs]
    for (_count, step_s), one, two in zip(steps, offsets[:-1], offsets[1:], strict=True):
        assert two - one == pytest.approx(step_s * 1e6, abs=1)


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_the_change_of_the_hour_is_no_event(day: str) -> None:
    """UTC has no summer time: the runs go on; only local words change."""
    zone = ZoneInfo("Europe/Paris")
    kept = Day()
    change = datetime.fromisoformat(f"{day}T01:00:00+00:00")
    kept.clock.step_utc(change.timestamp() - 10 - kept.clock.utc_us() / 1e6)
    for _ in range(100):
        kept.picture()
    assert len(kept.sink.runs) == 1
    (run,) = kept.sink.runs
    utc = [(ticks_to_us(unit.pts_ticks) + run.start.utc_offset_us) / 1e6 for unit in run.units]
    offsets = {datetime.fromtimestamp(at, zone).utcoffset() for at in utc}
    assert len(offsets) == 2  # the change is inside
    assert all(abs(b - a - 0.2) < 0.001 for a, b in itertools.pairwise(utc))


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)), max_size=20))
def test_reports_that_lie_move_no_picture(reports: list[tuple[int, int]]) -> None:
    honest, lied_to = Day(), Day()
    for number in range(40):
        if number < len(reports):
            lied_to.runs.camera_clock.report(*reports[number])
        honest.picture()
        lied_to.picture()
    times = [[(unit.dts_ticks, unit.pts_ticks) for unit in day.sink.runs[0].units] for day in (honest, lied_to)]
    assert times[0] == times[1]
    assert len(lied_to.sink.runs) == 1


@given(st.integers(978_307_200, 4_000_000_000), st.integers(0, 2**32 - 1), st.integers(-(2**30), 2**30))
def test_the_cameras_time_follows_its_report_through_a_wrap(unix_s: int, rtp: int, later: int) -> None:
    clock = CameraClock()
    clock.report((unix_s + NTP_UNIX_S) % 2**32 << 32, rtp)
    told = clock.utc_us((rtp + later) % WRAP_TICKS)
    assert told != CAMERA_TIME_UNKNOWN
    assert told == unix_s * 1_000_000 + ticks_to_us(later)
