"""The three clocks: monotonic, slewed within 500 ppm, unwrapped, and honest about jumps and unknown times."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.capture.timeline import (
    MAX_SLEW,
    NTP_UNIX_S,
    CameraClock,
    DecodeOrder,
    MediaClock,
    clock_stepped,
    signed_difference,
)
from appliance.core.units import us_to_ticks
from appliance.media.stream import CAMERA_TIME_UNKNOWN

START_US = 40_000_000
STEPS = st.lists(st.tuples(st.integers(1, 90_000), st.integers(0, 400_000)), min_size=1, max_size=200)


def test_media_time_and_not_arrival_spaces_the_pictures() -> None:
    clock = MediaClock()
    jitter = [0, 35_000, 0, 20_000, 1_000, 0]
    placed = [clock.place(n * 3600, START_US + n * 40_000 + delay) for n, delay in enumerate(jitter)]
    assert placed == [us_to_ticks(START_US) + n * 3600 for n in range(6)]


@given(st.integers(0, 2**32 - 1), STEPS)
def test_times_rise_with_a_slope_within_500_ppm(first: int, steps: list[tuple[int, int]]) -> None:
    clock, media = MediaClock(), 0
    out = [clock.place(first, START_US)]
    spans = []
    for forward, delay in steps:
        media += forward
        out.append(clock.place((first + media) & 0xFFFFFFFF, START_US + media * 100 // 9 + delay))
        spans.append(forward)
    for before, after, span in zip(out[:-1], out[1:], spans, strict=True):
        assert before is not None
        assert after is not None
        assert abs(after - before - span) <= MAX_SLEW * span + 1
        assert after >= before
    assert out[-1] is not None
    assert out[0] is not None
    assert abs(out[-1] - out[0] - media) <= MAX_SLEW * media + 1


@pytest.mark.parametrize("drift_ppm", [-150, 0, 150])
def test_a_drifting_camera_is_followed(drift_ppm: int) -> None:
    clock, late = MediaClock(), 0.0
    for number in range(60 * 60 * 5):  # an hour at 5 pictures a second
        true_us = number * 200_000
        media = round(true_us * 9 / 100 * (1 + drift_ppm * 1e-6))
        delay = 30_000 + (number * 7919) % 50_000
        placed = clock.place(media & 0xFFFFFFFF, START_US + true_us + delay)
        assert placed is not None
        late = placed - us_to_ticks(START_US + true_us + 30_000)
    assert abs(late) < 0.05 * 90_000  # 0.54 s of drift in the hour, all but taken back


def test_32_bits_wrap_every_13_hours() -> None:
    clock = MediaClock()
    start = 2**32 - 3600
    placed = [clock.place((start + n * 3600) & 0xFFFFFFFF, START_US + n * 40_000) for n in range(3)]
    assert placed == [us_to_ticks(START_US) + n * 3600 for n in range(3)]
    assert signed_difference(5, 2**32 - 5) == 10
    assert signed_difference(2**32 - 5, 5) == -10


@pytest.mark.parametrize("jump_s", [11, -11, 3600, -7200])
def test_a_jump_against_arrival_needs_a_new_run(jump_s: int) -> None:
    clock = MediaClock()
    assert clock.place(1000, START_US) is not None
    assert clock.place((1000 + jump_s * 90_000) & 0xFFFFFFFF, START_US + 40_000) is None
    assert clock.place(1000 + 3600, START_US + 40_000) is not None  # the clock itself is untouched


def test_a_long_silence_is_no_jump() -> None:
    clock = MediaClock()
    first = clock.place(0, START_US)
    later = clock.place(60 * 90_000, START_US + 60_000_000)
    assert first is not None
    assert later == first + 60 * 90_000


def test_a_new_clock_stays_behind_what_was_stored() -> None:
    assert MediaClock(floor_ticks=10**9).place(0, START_US) == 10**9


def test_utc_may_slew_but_not_step() -> None:
    assert not clock_stepped(1_000_000, 1_700_000, 500_000)
    assert clock_stepped(1_000_000, 1_750_001, 500_000)
    assert clock_stepped(1_000_000, 1_249_999, 500_000)


def test_without_reordering_pictures_decode_as_they_show() -> None:
    order = DecodeOrder(0, 3600, 100)
    assert [order.place(pts) for pts in (200, 3800, 3800, 7400)] == [200, 3800, 3801, 7400]
    assert order.place(5000) is None


@pytest.mark.parametrize(
    ("depth", "shown"),
    [(1, [0, 2, 1, 4, 3, 6, 5]), (2, [0, 4, 2, 1, 3, 8, 6, 5, 7]), (2, [0, 3, 1, 2, 6, 4, 5])],
)
def test_b_frames_decode_before_they_show(depth: int, shown: list[int]) -> None:
    order = DecodeOrder(depth, 3600, -(10**9))
    pts = [number * 3600 for number in shown]
    dts = [order.place(value) for value in pts]
    assert all(a is not None and b is not None and a < b for a, b in pairwise(dts))
    assert all(d is not None and d <= p for d, p in zip(dts, pts, strict=True))
    assert dts[depth:] == sorted(pts)[: len(pts) - depth]  # the i-th smallest PTS, `depth` pictures later


def test_a_depth_too_small_is_noticed() -> None:
    order = DecodeOrder(1, 3600, -(10**9))
    assert [order.place(number * 3600) for number in (0, 4, 2)][-1] is not None
    assert order.place(3600) is None


@given(st.integers(1, 4), st.lists(st.integers(0, 10**6), min_size=1, max_size=60))
def test_decoding_times_rise_and_never_pass_the_picture(depth: int, pts: list[int]) -> None:
    order, last = DecodeOrder(depth, 3600, -(10**9)), -(10**9)
    for value in pts:
        dts = order.place(value)
        if dts is None:
            return
        assert last < dts <= value
        last = dts


def ntp(unix_s: float) -> int:
    return int((unix_s + NTP_UNIX_S) * 2**32)


def test_sender_reports_tell_the_cameras_time() -> None:
    clock = CameraClock()
    assert clock.utc_us(0) == CAMERA_TIME_UNKNOWN
    clock.report(ntp(1_795_500_000.5), 2**32 - 90_000)
    assert clock.utc_us(2**32 - 90_000) == 1_795_500_000_500_000
    assert clock.utc_us(90_000) == 1_795_500_002_500_000
    assert clock.utc_us(2**32 - 180_000) == 1_795_499_999_500_000


@pytest.mark.parametrize("unix_s", [0, 3600, -NTP_UNIX_S, 900_000_000])
def test_a_camera_that_was_never_told_the_time_is_unknown(unix_s: int) -> None:
    clock = CameraClock()
    clock.report(ntp(unix_s), 5)
    assert clock.utc_us(5) == CAMERA_TIME_UNKNOWN


def test_a_clock_that_stands_still_is_unknown_until_it_goes() -> None:
    clock = CameraClock()
    for timestamp in (0, 450_000):
        clock.report(ntp(1_795_500_000), timestamp)
    assert clock.utc_us(450_000) == CAMERA_TIME_UNKNOWN
    clock.report(ntp(1_795_500_010), 900_000)
    assert clock.utc_us(900_000) == 1_795_500_010_000_000


def test_ntp_goes_on_after_2036() -> None:
    clock = CameraClock()
    clock.report(ntp(2_100_000_000) & 0xFFFF_FFFF_FFFF_FFFF, 0)
    assert clock.utc_us(0) == 2_100_000_000_000_000
