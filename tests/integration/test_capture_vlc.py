"""The reader against VLC's server, which broadcasts by UDP only: refused by the native reader, read by the other."""

import asyncio
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from appliance.media import hevc
from appliance.media.nal import nal_type, stored_units
from appliance.media.stream import Codec
from tests.integration.test_capture_gst import is_slice, make_clip
from tests.peers.capturing import capture
from tests.peers.vlc_rtsp import serving

PICTURES = 500
"""20 s: VLC's start, the native reader's refusal, libav's second thoughts, and some seconds to record."""

RECORDED = 75
"""Three groups of pictures, of which the last ones may be cut by the end."""


@pytest.mark.nightly
@pytest.mark.parametrize(("codec", "bframes"), [("h264", 0), ("h264", 2), ("h265", 0), ("h265", 2)])
async def test_a_broadcast_of_vlc_is_recorded_bit_for_bit(codec: Codec, bframes: int, tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    slices = await asyncio.to_thread(make_clip, file, codec, bframes=bframes, pictures=PICTURES)
    with ExitStack() as stack:
        url = await asyncio.to_thread(stack.enter_context, serving(file, tmp_path))
        runner, sink = await capture(url, None, lambda _, s: s.pictures >= RECORDED, seconds=30.0, reader="auto")
        await asyncio.to_thread(stack.close)
    assert (runner.state().reader, runner.state().codec) == ("compatible", codec)
    (run,) = sink.runs
    kept = [bytes(nal) for unit in run.units for nal in stored_units(unit.data) if is_slice(codec, bytes(nal))]
    first = slices.index(kept[0])
    assert kept == slices[first : first + len(kept)], "each once, in order, bit for bit"
    key = nal_type(kept[0]) == 5 if codec == "h264" else hevc.nal_type(kept[0]) in hevc.IRAP
    assert key
    shown = sorted(unit.pts_ticks for unit in run.units)[: -2 * bframes or None]
    assert all(abs(after - before - 3600) <= 20 for before, after in pairwise(shown))
