"""Slow and fast streams with short and long groups of pictures: one run, each picture once, measured as they are."""

from itertools import pairwise

import pytest

from appliance.capture.measure import StoredMeter
from appliance.capture.runs import RunKeeper
from appliance.core.clock import SimulatedClock
from appliance.media.depacketiser import Picture
from appliance.media.stream import ClockState
from tests.peers.h264_rtp import PPS, SPS
from tests.peers.sink import KeepingSink

SECONDS = 72
"""A minute is measured; its groups of 10 s are whole."""


@pytest.mark.parametrize("fps", [3, 12.5, *(pytest.param(fps, marks=pytest.mark.full) for fps in (25, 60))])
@pytest.mark.parametrize("gop_s", [0.5, 1, 4, 10])
def test_any_rate_and_any_group_is_one_run(fps: float, gop_s: float) -> None:
    clock, sink = SimulatedClock(), KeepingSink()
    meter = StoredMeter(sink)
    runs = RunKeeper(meter, clock, lambda: ClockState.VERIFIED)
    runs.connected(())
    step, group = round(90_000 / fps), max(2, round(fps * gop_s))
    count = round(SECONDS * fps)
    for number in range(count):
        keyframe = number % group == 0
        body = (b"\x65" if keyframe else b"\x41") + number.to_bytes(4, "big") * (900 if keyframe else 200)
        data = bytearray(len(body).to_bytes(4, "big") + body)
        runs.picture(
            Picture(data, number * step % 2**32, keyframe, (SPS, PPS) if keyframe else ()), clock.monotonic_us()
        )
        clock.advance(step / 90_000)
    (run,) = sink.runs
    assert len(run.units) == count
    assert {after.pts_ticks - before.pts_ticks for before, after in pairwise(run.units)} <= {step - 1, step, step + 1}
    assert meter.stored is not None
    assert meter.stored.fps == pytest.approx(90_000 / step, rel=0.02)
    assert meter.stored.real_fps == meter.stored.fps
    assert meter.stored.gop_s == pytest.approx(group * step / 90_000, rel=0.02)
