"""An alert that goes on is followed: playing runs on to the newest picture on disk, and nothing else leads to "now"."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from appliance.accounts.look import Given, Reason
from appliance.core.units import ticks_to_us
from appliance.web.recorder import Answer
from tests.browser.conftest import Desk, served
from tests.browser.screen import SCREEN
from tests.peers.fake_recorder import START_US
from tests.peers.long_tape import DayRecorder
from tests.peers.looking import open_all
from tests.peers.sign_in import DURAND

SECOND = 1_000_000

pytestmark = pytest.mark.full

FLUSH_US = 250_000
"""us after its last picture at which a part is safe on disk and told of: half a tick and a flush."""

BEGUN_US = START_US + 3600 * SECOND
BEHIND_US = 1_500_000
STEP_S = 0.05


class Recording(DayRecorder):
    """A recorder whose tape grows, a whole part at a time."""

    async def ranges(
        self, camera: str, stream: str, from_us: int, to_us: int, *, from_keyframe: bool = False
    ) -> Answer:
        found = await super().ranges(camera, stream, from_us, to_us, from_keyframe=from_keyframe)
        chunks = []
        for chunk in found["chunks"]:
            rows = [row for row in chunk["parts"] if row[2] + ticks_to_us(row[4]) + FLUSH_US <= self.now_us]
            if rows:
                chunks.append({**chunk, "parts": rows})
        return {**found, "chunks": chunks}


@asynccontextmanager
async def going_on(desk: Desk) -> AsyncIterator[None]:
    """Time passes for the recorder."""

    async def pass_by() -> None:
        loop = asyncio.get_running_loop()
        began, from_us = loop.time(), desk.recorder.now_us
        while True:
            await asyncio.sleep(STEP_S)
            desk.recorder.now_us = from_us + round((loop.time() - began) * SECOND)

    task = asyncio.create_task(pass_by())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def scene(built_page: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    """A page over it, with nothing open."""
    recorder = Recording()
    async with served(recorder, built_page, tmp_path, opened=False) as found:
        recorder.now_us = BEGUN_US
        yield found


async def behind(desk: Desk) -> int:
    """us between the scene and the picture on screen."""
    at = int(await desk.page.run(f"{SCREEN}.player.position()"))
    return desk.recorder.now_us - at


async def test_a_replay_of_an_open_alert_runs_on_behind_the_scene(scene: Desk) -> None:
    await scene.book.open(DURAND, Given(Reason.ALERT, alert=1), ["portail"], START_US, None)
    async with going_on(scene):
        await scene.at(scene.recorder.now_us - 2 * SECOND)
        await scene.page.run(f"{SCREEN}.player.setSpeed(2), {SCREEN}.player.play()")
        await scene.page.until(f"{SCREEN}.player.speed === 1", 10)
        async with asyncio.timeout(20):
            while await behind(scene) > BEHIND_US:
                pass
        found = []
        for _ in range(30):
            await asyncio.sleep(0.2)
            found.append(await behind(scene))
        assert sorted(found)[len(found) // 2] <= BEHIND_US, found
        assert min(found) >= 0
        assert await scene.page.run(f"{SCREEN}.player.playing")
        assert await scene.page.text(".notice") == ""
        assert await scene.page.run("document.querySelector('video').paused") is False
    await scene.page.until("document.querySelector('.notice').innerText.startsWith('Fin de ce qui est enregistré')")
    assert await scene.page.run(f"{SCREEN}.player.playing"), "what comes later is shown"
    async with going_on(scene):
        await scene.page.until("document.querySelector('.notice').innerText === ''")


async def test_a_typed_reason_leads_to_no_now(scene: Desk) -> None:
    await open_all(scene.book, ["portail"], START_US, BEGUN_US + 3600 * SECOND, DURAND)
    async with going_on(scene):
        await scene.at(scene.recorder.now_us - 2 * SECOND)
        await scene.page.run(f"{SCREEN}.player.play()")
        await scene.page.until(f"!{SCREEN}.player.playing", 10)
        await scene.page.until("document.querySelector('.notice').innerText.startsWith('Fin de ce qui est enregistré')")


TILE = "[...document.querySelector('t-tiles').followers.values()][0]"


async def test_the_linked_camera_beside_it_runs_on_too_and_only_what_is_new_is_fetched(scene: Desk) -> None:
    await scene.book.open(DURAND, Given(Reason.ALERT, alert=1), ["portail", "cour"], START_US, None)
    async with going_on(scene):
        await scene.page.open(f"{scene.base}/lecture?cam=portail&avec=cour&t={scene.recorder.now_us - 2 * SECOND}")
        await scene.page.until(f"{SCREEN}?.player?.at != null && {TILE}?.position() > {BEGUN_US - 9 * SECOND}")
        await scene.page.run(f"{SCREEN}.player.setSpeed(2), {SCREEN}.player.play()")
        await scene.page.until(f"{SCREEN}.player.speed === 1", 15)
        asked = len(scene.page.requests)
        apart, late, began = [], [], scene.recorder.now_us
        for _ in range(30):
            await asyncio.sleep(0.2)
            large, small = await scene.page.run(f"[{SCREEN}.player.position(), {TILE}.position()]")
            apart.append(abs(large - small))
            late.append(scene.recorder.now_us - int(small))
        assert sorted(apart)[len(apart) // 2] <= SECOND // 4, (apart, late)
        assert sorted(late)[len(late) // 2] <= BEHIND_US, (apart, late)
        assert await scene.page.run("document.querySelectorAll('.tile .over').length") == 0
        gops = [each for each in scene.page.requests[asked:] if "/gop?" in each]
        more = [each for each in gops if "skip=" in each]
        assert {each.split("/cameras/")[1].split("/")[0] for each in more} == {"portail", "cour"}
        seconds = (scene.recorder.now_us - began) / SECOND
        assert len(gops) - len(more) <= 2 * (seconds + 2), "each of these GOPs lasts a second: whole ones once"
    await scene.page.until(f"{TILE}.problem !== null || {TILE}.video.readyState < 3", 10)
    async with going_on(scene):
        at = await scene.page.run(f"{TILE}.position()")
        await scene.page.until(f"{TILE}.position() > {at + 2 * SECOND} && !document.querySelector('.tile .over')", 15)
