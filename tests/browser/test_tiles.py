"""Four cameras in step: one scrub moves all, playing keeps them together, keys choose the large one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.demo.counter import Burnt
from tests.browser.barriers import barriers
from tests.browser.conftest import Desk, served
from tests.browser.screen import SCREEN, read_picture
from tests.browser.test_page import GAP_FROM, SECOND, SUB_FPS, counter_at
from tests.peers.fake_recorder import START_US, FakeRecorder

CAMERAS = {"portail": "Portail", "cour": "Cour", "hall": "Hall A", "parking": "Parking"}
TILES = "document.querySelector('t-tiles')"
PLACES = f"[{SCREEN}.player.position(), ...[...{TILES}.followers.values()].map((each) => each.position())]"
"""Where each video is at one moment, UTC us."""


@pytest.fixture
async def wall(built_page: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    """Four cameras' page, on a desk's screen."""
    async with served(FakeRecorder(CAMERAS), built_page, tmp_path) as found:
        await found.page.resize(1280, 900)
        yield found


async def open_wall(desk: Desk, instant: int) -> None:
    await desk.page.open(f"{desk.base}/lecture?cam=portail&avec=cour,hall,parking&t={instant}")
    await desk.page.until(f"{SCREEN}?.player?.at != null && {TILES}?.followers.size === 3")
    await desk.page.until("[...document.querySelectorAll('.stage video')].every((each) => each.readyState >= 2)")


async def counters(desk: Desk) -> list[Burnt]:
    """What each video shows, the large one first."""
    count = int(await desk.page.run("document.querySelectorAll('.stage video').length"))
    return [await read_picture(desk.page, f"document.querySelectorAll('.stage video')[{nth}]") for nth in range(count)]


def camera_of(burnt: Burnt) -> int:
    """Which camera of the site this picture is of, from 0."""
    return (burnt.tag - 1) // 2


async def settled(desk: Desk, instant: int) -> None:
    near = f"{PLACES}.every((each) => Math.abs(each - {instant}) < {SECOND // SUB_FPS})"
    await desk.page.until(f"{near} && [...document.querySelectorAll('.stage video')].every((each) => !each.seeking)")


@pytest.mark.full
async def test_a_scrub_moves_all_four_to_the_pictures_of_one_instant(wall: Desk, tmp_path: Path) -> None:
    await open_wall(wall, START_US + 3 * SECOND)
    for instant in (START_US + 11_730_000, START_US + 5_210_000):
        await wall.page.run(f"{SCREEN}.goTo({instant})")
        await settled(wall, instant)
        await wall.page.until(f"{SCREEN}.player.quality === 'main'")
        shown = await counters(wall)
        assert {each.counter for each in shown[1:]} == {counter_at(instant, SUB_FPS)}
        assert [camera_of(each) for each in shown] == [0, 1, 2, 3]
    await wall.page.screenshot(tmp_path / "wall.png")


async def test_keys_choose_the_large_camera_and_the_address_keeps_the_group(desk: Desk) -> None:
    instant = START_US + 6 * SECOND
    await desk.page.open(f"{desk.base}/lecture?cam=portail&t={instant}")
    await desk.page.until(f"{SCREEN}?.player?.at != null")
    await desk.page.run("document.querySelector('.also input[value=cour]').click()")
    await desk.page.until("document.querySelectorAll('.stage video').length === 2")
    await settled(desk, instant)
    assert [camera_of(each) for each in await counters(desk)] == [0, 1]
    assert "cam=portail&avec=cour" in await desk.page.run("location.search")
    await desk.page.press("2")
    await desk.page.until(f"{SCREEN}.camera === 'cour' && {SCREEN}.player.at != null")
    assert await desk.page.text(".badge") == "2 Cour"
    await settled(desk, instant)
    assert [camera_of(each) for each in await counters(desk)] == [1, 0]
    assert "cam=cour&avec=portail" in await desk.page.run("location.search")
    await desk.page.run("document.querySelector('.also input').click()")
    await desk.page.until(f"!{TILES} && document.querySelectorAll('.stage video').length === 1")


@pytest.mark.full
async def test_a_camera_without_a_picture_then_says_why_and_comes_back(wall: Desk) -> None:
    await open_wall(wall, GAP_FROM - 2 * SECOND)
    await wall.page.run(f"{SCREEN}.goTo({GAP_FROM + 4 * SECOND})")
    await wall.page.until("document.querySelectorAll('.tile .over').length === 3")
    assert "la caméra n'envoie plus d'image" in await wall.page.text(".tile .over")
    await wall.page.run(f"{SCREEN}.goTo({GAP_FROM - SECOND})")
    await wall.page.until("document.querySelectorAll('.tile .over').length === 0")


async def spread(desk: Desk, seconds: float) -> list[float]:
    """Ms between the first and the last of the four while they play, every 100 ms."""
    await desk.page.run(
        f"""(() => {{ window.spread = []; window.watch = setInterval(() => {{
        const at = {PLACES}; window.spread.push((Math.max(...at) - Math.min(...at)) / 1000); }}, 100); }})()"""
    )
    await asyncio.sleep(seconds)
    found: Any = await desk.page.run("(clearInterval(window.watch), window.spread)")
    return [float(each) for each in found]


@pytest.mark.full
async def test_playing_keeps_the_four_together_and_a_gap_is_jumped_by_all(wall: Desk) -> None:
    await open_wall(wall, GAP_FROM - 5 * SECOND)
    await wall.page.run(f"{SCREEN}.player.play()")
    await wall.page.until(f"{SCREEN}.player.at > {GAP_FROM - 3 * SECOND}")
    apart = await spread(wall, 1.5)
    assert np.percentile(apart, 50) <= 50, apart
    await wall.page.until(f"{SCREEN}.player.at > {GAP_FROM + 14 * SECOND}", 20)
    assert "Trou de 12 s sauté" in await wall.page.text(".notice")
    apart = await spread(wall, 1.5)
    assert np.percentile(apart, 50) <= 50, apart
    assert await wall.page.text(".quality") == "Flux léger"
    await wall.page.run(f"{SCREEN}.player.pause()")


@pytest.mark.full
@pytest.mark.parametrize("width", [1280, 320])
async def test_no_barrier_that_axe_can_see(wall: Desk, width: int, tmp_path: Path) -> None:
    await wall.page.resize(width, 900)
    await open_wall(wall, START_US + 6 * SECOND)
    assert "Parking" in await wall.page.text(".tile:last-child")
    assert await barriers(wall.page, "Parking") == []
    await wall.page.screenshot(tmp_path / f"wall-{width}.png", whole=True)
