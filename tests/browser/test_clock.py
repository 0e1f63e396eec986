"""A clock that nobody has verified, on the page: said on every screen, and no picture while it is doubtful."""

from pathlib import Path

import pytest

from appliance.core.clock_reason import CONTINUOUS, STEPPED
from tests.browser.conftest import Desk
from tests.peers.fake_recorder import START_US

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


async def test_a_held_clock_is_said_on_every_screen_and_pictures_are_shown(desk: Desk, tmp_path: Path) -> None:
    desk.recorder.judged("held", CONTINUOUS, START_US - 3 * DAY_US)
    await desk.home()
    await desk.page.until("document.querySelector('.banner.clock')")
    words = await desk.page.text(".banner.clock")
    assert words.startswith("Heure non vérifiée depuis ")
    assert "Heure tenue sans le réseau" in words
    assert "ne sont pas montrées" not in words
    assert await desk.page.text("h1") == "Tout va bien"
    await desk.page.screenshot(tmp_path / "held.png")
    await desk.at(START_US + 1_000_000)
    assert "Heure non vérifiée depuis" in await desk.page.text(".banner.clock")
    assert (await desk.burnt()).counter >= 0
    await desk.page.run("document.querySelectorAll('.language button')[1].click()")
    await desk.page.until("document.querySelector('.banner.clock').innerText.startsWith('Time not verified since')")


@pytest.mark.full
async def test_a_doubtful_clock_shows_no_picture_and_says_what_to_do(desk: Desk, tmp_path: Path) -> None:
    desk.recorder.judged("doubtful", STEPPED, START_US - DAY_US)
    desk.recorder.retention = [{"camera": "cour", "longer_us": 3 * DAY_US, "shorter_us": 0}]
    await desk.home()
    await desk.page.until("document.querySelector('.banner.clock.doubtful')")
    assert await desk.page.text("h1") == "2 points demandent votre attention"
    issues = await desk.page.text(".issues")
    assert "Heure non vérifiée\u202f: les images ne sont pas montrées" in issues
    assert "page «\u202fHeure\u202f»" in issues
    assert "Cour\u202f: des images sont gardées 3 jours de trop" in issues
    await desk.page.screenshot(tmp_path / "doubtful.png")
    desk.page.expected = ("503 (Service Unavailable)",)
    await desk.page.open(f"{desk.base}/lecture?cam=portail&t={START_US + 1_000_000}")
    await desk.page.until("document.querySelector('.over')?.innerText.includes('Heure non vérifiée')")
    assert await desk.page.run("[...document.querySelectorAll('video')].filter((each) => each.videoWidth).length") == 0
    await desk.page.screenshot(tmp_path / "doubtful-player.png")
    desk.recorder.judged("verified", STEPPED, None)
    await desk.page.until("!document.querySelector('.banner.clock')")
