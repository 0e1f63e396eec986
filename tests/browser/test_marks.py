"""Bookmarks on the playback page: set at the instant shown, listed, opened again, taken away."""

from pathlib import Path

import pytest

from tests.browser.barriers import barriers
from tests.browser.conftest import Desk
from tests.browser.screen import SCREEN
from tests.peers.fake_recorder import START_US

SECOND = 1_000_000


async def set_one(desk: Desk, text: str) -> None:
    await desk.page.press("b")
    assert await desk.page.run("document.activeElement.name") == "text"
    await desk.page.tab.keyboard.insert_text(text)
    await desk.page.run("document.querySelector('.marks form').requestSubmit()")
    await desk.page.until(f"document.querySelector('.marks table')?.innerText.includes({text!r})")


@pytest.mark.full
async def test_one_is_set_and_leads_back_to_its_camera_and_instant(desk: Desk) -> None:
    await desk.at(START_US + 5 * SECOND)
    await desk.page.until("document.querySelector('.marks form')")
    await set_one(desk, "sac noir, <b>gauche</b>")
    assert await desk.page.text(".marks [role=status]") == "Repère posé à 08:00:05."
    row = await desk.page.text(".marks tbody tr")
    assert "Portail" in row
    assert "08:00:05" in row
    assert "<b>gauche</b>" in row, "words, not a page"
    await desk.page.run(f"{SCREEN}.goTo({START_US + 40 * SECOND})")
    await desk.page.run("document.querySelector('.marks tbody button').click()")
    await desk.page.until(f"Math.abs({SCREEN}.player.at - {START_US + 5 * SECOND}) < 100000")
    await desk.at(START_US + 9 * SECOND, "cour")
    await desk.page.until("document.querySelector('.marks tbody button')")
    await desk.page.run("document.querySelector('.marks tbody button').click()")
    await desk.page.until(
        f"{SCREEN}.camera === 'portail' && Math.abs({SCREEN}.player.at - {START_US + 5 * SECOND}) < 1e5"
    )
    await desk.page.run("document.querySelectorAll('.marks tbody button')[1].click()")
    await desk.page.until("document.querySelector('.marks').innerText.includes('Aucun repère.')")


@pytest.mark.full
@pytest.mark.parametrize("width", [1280, 320])
async def test_no_barrier_that_axe_can_see(desk: Desk, width: int, tmp_path: Path) -> None:
    await desk.page.resize(width, 900)
    await desk.at(START_US + 5 * SECOND)
    await desk.page.until("document.querySelector('.marks form')")
    await set_one(desk, "sac noir")
    assert await barriers(desk.page, "sac noir") == []
    await desk.page.screenshot(tmp_path / f"marks-{width}.png", whole=True)
