"""Single pictures in a real browser, made by a real child: a technician aims; H.265 is seen where it is not played."""

import pytest

from appliance.accounts.aim import LASTS_US
from appliance.accounts.roles import Role
from appliance.web.aim import AIMS
from tests.browser.barriers import barriers, speak
from tests.browser.conftest import Desk
from tests.browser.screen import SCREEN
from tests.browser.test_alerts import click
from tests.peers.fake_recorder import START_US

SECOND = 1_000_000
PICTURE = "(document.querySelector('img.still')?.naturalWidth ?? 0)"
STATUS = "document.querySelector('main').innerText"


@pytest.mark.full
async def test_a_technician_aims_for_five_minutes_and_the_journal_shows_it(desk: Desk) -> None:
    await desk.sign_in(Role.TECHNICIAN)
    await desk.home()
    assert await desk.page.run("document.querySelectorAll('td.act a[href^=\"/lecture\"]').length") == 0
    await click(desk, "td.act a[href='/cadrage?cam=cour']")
    await desk.page.until(f"({STATUS}).includes('Une image par seconde')")
    assert not [each for each in desk.page.requests if "aim.jpg" in each], "nothing is shown before it is asked for"
    desk.page.expected = ("429 (Too Many Requests)", "403 (Forbidden)", "404 (Not Found)")
    await click(desk, "button.primary")
    await desk.page.until(f"{PICTURE} === 640", 15)
    first = await desk.page.run("document.querySelector('img.still').src")
    assert await barriers(desk.page, "Reste 5:00") == []
    desk.clock.advance(1)
    await desk.page.until(f"{PICTURE} && document.querySelector('img.still').src !== '{first}'", 10)
    await desk.page.until("document.querySelector('.left').innerText.startsWith('Reste 4:5')")
    await speak(desk.page, "en")
    await desk.page.until(f"({STATUS}).includes('One picture a second')")
    await speak(desk.page, "fr")
    desk.clock.advance(LASTS_US / SECOND)
    await desk.page.until(f"({STATUS}).includes('Le réglage est terminé') && {PICTURE} === 0", 10)
    await desk.runner.app[AIMS].sweep()
    desk.recorder.now_us = desk.clock.utc_us()
    await click(desk, "button.primary")
    await desk.page.until(f"({STATUS}).includes('Arrêter')")
    await click(desk, ".left ~ button")
    await desk.page.until(f"({STATUS}).includes('Voir encore 5 minutes')")
    opened, ended = desk.told.of("aim-opened"), desk.told.of("aim-ended")
    assert [(each["who"], each["camera"]) for each in opened] == [("martin", "cour")] * 2
    assert [each["how"] for each in ended] == ["time", "stopped"]
    assert int(ended[0]["pictures"]) >= 2
    await desk.sign_in(Role.MANAGER)
    await desk.page.open(f"{desk.base}/consultations")
    await desk.page.until("document.querySelector('.aims')?.innerText.includes('arrêté à la main')")
    told = await desk.page.text(".aims")
    assert "M. Martin" in told
    assert "temps écoulé" in told
    assert await barriers(desk.page, "Cadrages réglés") == []


@pytest.mark.full
async def test_h265_without_a_light_stream_is_shown_picture_by_picture_and_it_is_said(desk: Desk) -> None:
    desk.recorder.hevc = {"cour"}
    await desk.page.open(f"{desk.base}/lecture?cam=cour&t={START_US + 3 * SECOND}")
    await desk.page.until(f"{PICTURE} === 320", 15)
    assert "H.265, que ce navigateur ne lit pas" in await desk.page.text(".notice")
    assert "Image fixe de 08:00:02" in await desk.page.text(".quality")
    assert await desk.page.run("document.querySelector('.controls .primary').disabled")
    asked = len([each for each in desk.page.requests if "/gop" in each])
    await desk.page.run(f"{SCREEN}.player.step(1)")
    await desk.page.until(f"{SCREEN}.player.stills.start === {START_US + 4 * SECOND} && {PICTURE} === 320")
    await desk.page.run(f"{SCREEN}.player.step(-1)")
    await desk.page.until(f"{SCREEN}.player.stills.start === {START_US + 2 * SECOND} && {PICTURE} === 320")
    assert len([each for each in desk.page.requests if "/gop" in each]) == asked, "what it cannot show is not fetched"
    assert await barriers(desk.page, "Image fixe") == []
    assert {str(each["stream"]) for each in desk.told.of("look-seen")} == {"main"}
    desk.page.expected = ("403 (Forbidden)",)
    desk.clock.advance(3600)
    await desk.page.run(f"{SCREEN}.player.seek({START_US + 6 * SECOND})")
    await desk.page.until(f"{PICTURE} === 0 && document.querySelector('.over')?.innerText.includes('terminée')", 10)
