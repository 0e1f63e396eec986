"""An open alert is followed in Chromium over a real recorder: how far behind the scene the picture on screen is.

A simulated camera sends in real time; the recorder runs in its own process on real disks. Ten times a second the page
itself reads its clock and the instant of the picture it shows, once it has caught up. An instant is when the picture
came to the recorder: what the camera takes to code it is not in it.
"""

import asyncio
import statistics
from pathlib import Path
from typing import Final

from appliance.core.clock import SimulatedClock, SystemClock
from appliance.ring.access.reader import RecorderClient
from tests.bench.row import Options, Turn, bench_folder, row
from tests.bench.seek import built_page, page_over
from tests.browser.chromium import chromium
from tests.browser.screen import SCREEN
from tests.peers.fake_detector import FakeDetector
from tests.peers.live import chain, small_clips

FOLLOWED_S: Final = 60
QUICK_S: Final = 20
EVERY_MS: Final = 100
CATCH_UP_S: Final = 15
"""s from two seconds behind what is on disk, at double speed."""

_samples: dict[int, list[float]] = {}  # by turn: the rows share one measurement
_turns = {"p50": 0, "p95": 0}


async def measure(seconds: int) -> list[float]:
    """Ms behind the scene, sorted. Raises AssertionError when the replay stops or shows what is still to come."""
    built_page()
    clips = await asyncio.to_thread(small_clips)
    with bench_folder() as folder:
        async with chain(folder, [clips]) as site:
            recorder = await site.recorder()
            await site.durable(6.0)
            async with site.client() as client:
                found = await _follow(site.folder, client, seconds)
            assert await recorder.stop() == 0
    return found


async def _follow(folder: Path, client: RecorderClient, seconds: int) -> list[float]:
    sub = (await client.state())["cameras"][0]["streams"]["sub"]
    opening = (["cam0"], int(sub["first_utc_us"]), None)
    clock = SimulatedClock(SystemClock().utc_us())  # the alert goes on: nobody is asked whether it does
    async with page_over(folder, client, FakeDetector(folder, ()), clock, opening) as served, chromium() as page:
        await page.resize(1280, 900)
        await served.enter(page)
        newest = int((await client.state())["cameras"][0]["streams"]["sub"]["durable_utc_us"])
        await page.open(f"{served.base}/lecture?cam=cam0&t={newest - 2_000_000}")
        await page.until(f"{SCREEN}?.player?.at != null")
        await page.run(f"{SCREEN}.player.setSpeed(2), {SCREEN}.player.play()")
        await page.until(f"{SCREEN}.player.speed === 1", CATCH_UP_S)
        await page.run(
            f"""(() => {{ window.behind = []; setInterval(() =>
            window.behind.push(Date.now() - {SCREEN}.player.position() / 1000), {EVERY_MS}); }})()"""
        )
        await asyncio.sleep(seconds)
        assert await page.run(f"{SCREEN}.player.playing"), "it follows to the end"
        found = sorted(float(each) for each in await page.run("window.behind"))
        assert page.troubles == []
    assert len(found) >= seconds * 1000 // EVERY_MS * 3 // 4, f"looked at {len(found)} times"
    assert found[0] >= 0, "nothing that is still to come"
    return found


def _turn(which: str, options: Options) -> list[float]:
    turn = _turns[which]
    _turns[which] += 1
    if turn not in _samples:
        _samples[turn] = asyncio.run(measure(QUICK_S if options.quick else FOLLOWED_S))
    return _samples[turn]


@row("follow-behind-ms", unit="ms", better="lower", target=1500)
def follow_behind(options: Options) -> Turn:
    """Median over a minute."""
    return Turn(statistics.median(_turn("p50", options)))


@row("follow-behind-p95-ms", unit="ms", better="lower")
def follow_behind_p95(options: Options) -> Turn:
    """95th percentile of the same minute: no target of its own."""
    return Turn(statistics.quantiles(_turn("p95", options), n=20)[-1])
