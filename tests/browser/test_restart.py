"""Check 20 of twenty: a service starts anew under open pages; no word for seconds, and all goes on by itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.browser.conftest import Desk, served
from tests.browser.screen import SCREEN
from tests.peers.fake_recorder import START_US, FakeRecorder

SECOND = 1_000_000

pytestmark = pytest.mark.full

REFUSED = ("ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET", "ERR_INCOMPLETE", "503 (Service")
"""What the browser itself says of a server that is away."""

SAID = "[...document.querySelectorAll('[role=alert], .refusal, .over')].map((each) => each.innerText).join(' ')"

WATCH = f"""(() => {{ window.said = []; window.watch = setInterval(() => {{
  const text = {SAID}; if (text) window.said.push(text); }}, 20); }})()"""
"""Notes all that a page says of trouble, were it there for a blink."""

BRIEF_S = 2.0
"""Seconds: a service that starts anew; the page keeps quiet for three."""

BACK_S = 10
"""Seconds in which an open page is well again."""


async def away(desk: Desk, seconds: float) -> None:
    """The page's service is gone for so long."""
    await desk.stop()
    await asyncio.sleep(seconds)
    await desk.start()


@pytest.fixture
async def pair(built_page: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    """Two cameras side by side."""
    async with served(FakeRecorder(), built_page, tmp_path) as found:
        found.page.expected = REFUSED
        yield found


async def test_home_says_nothing_of_a_brief_restart_and_follows_again(pair: Desk) -> None:
    await pair.home()
    await pair.page.until("document.querySelector('t-watch tbody tr')")
    await pair.page.run(WATCH)
    asked = len(pair.page.requests)
    await away(pair, BRIEF_S)
    assert len(pair.page.requests) - asked <= 25, "asked less and less often"
    pair.recorder.now_us += 61 * SECOND
    before = await pair.page.text(".verdict .hint")
    await pair.page.until(f"document.querySelector('.verdict .hint').innerText !== {before!r}", BACK_S)
    following = len([each for each in pair.page.requests if each.endswith("/api/v1/events")])
    assert following >= 2, "told again, not asked for alone"
    assert await pair.page.run("window.said") == []


async def test_home_says_a_silence_that_lasts_and_is_well_again_by_itself(pair: Desk) -> None:
    await pair.home()
    await pair.stop()
    began = await pair.page.run("performance.now()")
    await pair.page.until("document.querySelector('[role=alert]')?.innerText.includes('ne répond pas')", BACK_S)
    assert await pair.page.run("performance.now()") - began >= 2500
    await pair.start()
    await pair.page.until("!document.querySelector('[role=alert]')", BACK_S)
    assert await pair.page.text("h1") == "Tout va bien"


async def test_a_recorder_that_is_brief_away_is_not_told_of(pair: Desk) -> None:
    await pair.home()
    await pair.page.run(WATCH)
    pair.recorder.down = True
    await asyncio.sleep(BRIEF_S)
    pair.recorder.down = False
    pair.recorder.now_us += 61 * SECOND
    before = await pair.page.text(".verdict .hint")
    await pair.page.until(f"document.querySelector('.verdict .hint').innerText !== {before!r}", BACK_S)
    assert await pair.page.run("window.said") == []


async def test_cameras_side_by_side_play_on_over_a_restart_without_a_word(pair: Desk) -> None:
    await pair.page.open(f"{pair.base}/lecture?cam=portail&avec=cour&t={START_US + SECOND}")
    tile = "[...document.querySelector('t-tiles').followers.values()][0]"
    await pair.page.until(f"{SCREEN}?.player?.at != null && {tile}")
    await pair.page.run(f"{SCREEN}.player.play()")
    await pair.page.until(
        f"{SCREEN}.player.at > {START_US + 2 * SECOND} && {tile}.position() > {START_US + 2 * SECOND}"
    )
    await pair.page.run(WATCH)
    await away(pair, BRIEF_S)
    stood = await pair.page.run(f"{SCREEN}.player.at")
    goes = f"{SCREEN}.player.playing && Math.min({SCREEN}.player.at, {tile}.position()) > {stood + 4 * SECOND}"
    await pair.page.until(goes, BACK_S)
    assert await pair.page.run("window.said") == []


async def test_an_instant_that_was_asked_for_meanwhile_comes_by_itself(pair: Desk) -> None:
    await pair.at(START_US + SECOND)
    await pair.stop()
    await pair.page.run(f"void {SCREEN}.goTo({START_US + 12 * SECOND})")
    await pair.page.until(f"({SAID}).includes('ne répond pas')", BACK_S)
    await pair.start()
    await pair.page.until(
        f"!document.querySelector('.over') && {SCREEN}.querySelector('video').readyState >= 2", BACK_S
    )
    assert abs(await pair.page.run(f"{SCREEN}.player.at") - START_US - 12 * SECOND) < SECOND // 5
