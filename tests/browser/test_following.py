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
