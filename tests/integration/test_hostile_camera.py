"""One camera of a recorder sends nonsense as fast as it can: the others lose nothing, and memory stays bounded."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from appliance.media.stream import StreamKey
from tests.peers.flood import flooding
from tests.peers.live import SITE_CAMERA, Chain, chain, small_clips
from tests.peers.stored import check_identical, frames_of

SOUND = 7
"""Cameras beside the hostile one, each with a main and a light stream."""

SECONDS = 14
"""s of flood: the first session, the second thoughts, and a few tries more."""

MEMORY = 450 << 20
"""Bytes that the recorder may take at the most: the queue's 256 MiB and what it is without it."""

WITHOUT_A_WORD = {"settings"}
"""Ways that are pictures to be recorded as long as the machine is too slow for more of them than a camera may send."""

WAYS = ("pictures", "settings", "noise", "fragments", "reports", "empty", "blanks", "requests", "bytes")


async def hostile_beside(site: Chain, url: str) -> None:
    """Add the hostile camera to the site's file."""
    text = SITE_CAMERA.format(id="hostile", main=url, sub="")
    await asyncio.to_thread(lambda: site.site.write_text(site.site.read_text("utf-8") + text, encoding="utf-8"))


async def watched(site: Chain, process: psutil.Process, seconds: float) -> tuple[int, str]:
    """(most memory in bytes, what was said of the hostile camera in English when it was not recorded)."""
    most, said = 0, ""
    end = asyncio.get_running_loop().time() + seconds
    async with site.client() as client:
        while asyncio.get_running_loop().time() < end:
            most = max(most, (await asyncio.to_thread(process.memory_info)).rss)
            state = await client.state()
            (camera,) = (one for one in state["cameras"] if one["id"] == "hostile")
            said = camera["streams"]["main"]["sentence_en"] or said
            await asyncio.sleep(0.2)
    return most, said


@pytest.mark.full
@pytest.mark.timeout(120)
@pytest.mark.parametrize("way", WAYS)
async def test_a_flood_costs_the_others_nothing(tmp_path: Path, way: str) -> None:
    clips = await asyncio.to_thread(small_clips)
    with ExitStack() as stack:
        url = await asyncio.to_thread(stack.enter_context, flooding(way))
        async with chain(tmp_path, [clips] * SOUND, chunks=48) as site:
            await hostile_beside(site, url)
            recorder = await site.recorder()
            most, said = await watched(site, psutil.Process(recorder.process.pid), SECONDS)
            ends = {name: camera.sent("main")[-1].counter for name, camera in site.cameras.items()}
            await asyncio.sleep(1.0)
            assert await recorder.stop() == 0, recorder.errors
            stored = await asyncio.to_thread(site.stored)
            for name, camera in site.cameras.items():
                for stream in ("main", "sub"):
                    parts = stored[StreamKey(name, stream)]
                    frames = frames_of(part.data for part in parts)
                    check_identical(frames, camera.sent(stream))
                    counters = [counter for counter, _ in frames]
                    assert counters == list(range(counters[0], counters[-1] + 1)), f"{name}/{stream}"
                    assert len({part.entry.run for part in parts}) == 1, f"{name}/{stream}"
                    assert stream == "sub" or counters[-1] >= ends[name] > counters[0] + 100, f"{name}/{stream}"
        assert most < MEMORY
        assert said or way in WITHOUT_A_WORD
    assert not [line for line in recorder.errors if "Traceback" in line]
