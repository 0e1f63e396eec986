"""Alerts in a real browser: read, opened, played with what was seen drawn on it, answered; a fact; the watch."""

import pytest

from tests.browser.conftest import Desk
from tests.browser.screen import SCREEN
from tests.peers.fake_recorder import FIRST_RUN_S, START_US

SECOND = 1_000_000


async def visited(desk: Desk) -> int:
    """A visit at a second of the tape that is recorded."""
    desk.detector.clock.step_utc((START_US + (FIRST_RUN_S - 8) * SECOND - desk.detector.clock.utc_us()) / SECOND)
    return await desk.detector.visit("portail", seconds=4)


async def click(desk: Desk, selector: str) -> None:
    await desk.page.run(f"document.querySelector({selector!r}).click()")


async def fill(desk: Desk, selector: str, text: str) -> None:
    await desk.page.run(f"document.querySelector({selector!r}).value = {text!r}")


async def test_an_alert_is_read_played_with_its_box_and_answered(desk: Desk) -> None:
    await visited(desk)
    await desk.page.open(f"{desk.base}/alertes")
    await desk.page.until("document.querySelector('.review tbody tr')")
    told = await desk.page.text("t-alerts")
    assert "Présence\u202f: une personne dans «\u202fcour\u202f»" in told
    assert "À vérifier" in told
    assert "Images pas encore protégées" not in told
    await desk.page.until("document.body.innerText.includes('de démonstration')")
    await desk.page.until("document.querySelector('.picture img').naturalWidth > 0")
    await click(desk, ".review th a")
    await desk.page.until(f"{SCREEN}?.player?.at != null")
    first = (await desk.detector.desk.store.entry(1)).opened_us
    await desk.page.run(f"{SCREEN}.goTo({first + SECOND})")
    await desk.page.until("document.querySelector('.boxes rect')")
    x, width = await desk.page.run(
        "(r => [r.x.baseVal.value, r.ownerSVGElement.viewBox.baseVal.width])(document.querySelector('.boxes rect'))"
    )
    assert abs(x / width - 0.15) < 0.001
    assert "/alertes?n=1" in await desk.page.run("location.href"), "the address of the alert stays"
    await desk.page.run("document.querySelector('.judge input[value=false]').checked = true")
    await click(desk, ".judge button")
    await desk.page.until("document.querySelector('.judge').innerText.includes('Avis enregistré')")
    assert "Fausse alerte, avis de Mme Durand" in await desk.page.text(".judge")
    answer = (await desk.detector.desk.store.entry(1)).answer
    assert answer is not None
    assert (answer.by, answer.verdict.value) == ("Mme Durand", "false")


async def test_a_fact_is_reported_by_hand_and_opens(desk: Desk) -> None:
    await desk.page.open(f"{desk.base}/alertes")
    await desk.page.until("document.querySelector('.report form')")
    await fill(desk, ".report input[name=note]", "vitre cassée")
    await click(desk, ".report button")
    await desk.page.until("document.querySelector('h1').innerText.includes('Fait signalé par Mme Durand')")
    assert "/alertes?n=1" in await desk.page.run("location.href")


async def test_the_watch_is_said_on_the_home_page_and_can_be_suspended_by_name(desk: Desk) -> None:
    await desk.home()
    await desk.page.until("document.querySelector('t-watch tbody tr')")
    assert "Détection en service" in await desk.page.text("t-watch tbody tr")
    await fill(desk, "t-watch input[name=why]", "ménage du soir")
    await click(desk, "t-watch button")
    await desk.page.until("document.querySelector('t-watch tbody tr').innerText.includes('Par Mme Durand')")
    assert "ménage du soir" in await desk.page.text("t-watch tbody tr")


@pytest.mark.full
async def test_without_detection_the_page_says_so_and_goes_on(desk: Desk) -> None:
    desk.page.expected = ("503 (Service Unavailable)",)
    desk.detector.down = True
    await desk.page.open(f"{desk.base}/alertes")
    await desk.page.until("document.querySelector('.refusal')")
    assert "La détection ne répond pas" in await desk.page.text(".refusal")
    shown = await desk.page.text(".views button")
    assert shown == "À vérifier", "how many wait is not known: none would be a lie"
    await desk.home()
    assert await desk.page.text("h1") == "Tout va bien"
    desk.detector.down = False
    await desk.page.until("document.querySelector('t-watch tbody tr')")
