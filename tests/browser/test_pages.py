"""The pages beside home, alerts and playback; and that nobody is shut out of any, in either language."""

from typing import Final

import pytest

from appliance.accounts.roles import Role
from appliance.alerts.model import Kind, Signal, Source
from appliance.core.cause import GapCause
from tests.browser.barriers import barriers, speak
from tests.browser.conftest import Desk
from tests.browser.test_alerts import visited
from tests.peers.fake_recorder import FIRST_RUN_S, START_US

SECOND = 1_000_000

PAGES: Final = {
    "/": ("1 caméra sur 2", "1 camera out of 2"),
    "/alertes": ("À vérifier", "To check"),
    "/alertes?n=1": ("Votre avis", "Your verdict"),
    f"/lecture?cam=portail&t={START_US + (FIRST_RUN_S + 1) * SECOND}": ("n'envoie plus d'image", "sends no picture"),
    "/consultations": ("fait signalé ou remarqué", "something reported or noticed"),
    "/acces": ("Adj. Moreau", "Withdraw"),
    "/cadrage?cam=portail": ("Une image par seconde", "One picture a second"),
    "/compte": ("pas de fiche de secours", "no recovery sheet"),
    "/affiche": ("Lieu sous vidéosurveillance", "under video surveillance"),
    "/accessibilite": ("déclarée non conforme", "declared not compliant"),
}
"""Address of each screen, and a word that stands there only when it is filled."""


async def seen(desk: Desk, address: str) -> None:
    """Open a screen of a site with a dead camera, a gap and an alert."""
    desk.recorder.stopped["cour"] = GapCause.CAMERA_AUTH
    desk.recorder.main_gap = (2 * SECOND, 5 * SECOND)
    await visited(desk)
    if address.startswith("/cadrage"):  # the only screen that a manager has not
        await desk.sign_in(Role.TECHNICIAN)
    await desk.page.open(f"{desk.base}{address}")


@pytest.mark.parametrize("address", ["/", "/alertes", next(each for each in PAGES if "lecture" in each)])
async def test_no_barrier_that_axe_can_see(desk: Desk, address: str) -> None:
    await seen(desk, address)
    assert await barriers(desk.page, PAGES[address][0]) == []


@pytest.mark.full  # some ten seconds a screen
@pytest.mark.parametrize("address", PAGES)
async def test_no_barrier_in_either_language_light_or_dark_narrow_or_large(desk: Desk, address: str) -> None:
    """Check 18 of twenty, by axe."""
    await seen(desk, address)
    for number, language in enumerate(("fr", "en")):
        await desk.page.until("document.querySelector('.language button')")
        await speak(desk.page, language)
        for scheme in ("light", "dark"):
            await desk.page.media(scheme)
            for width, size in ((1280, 100), (320, 100), (1280, 200)):
                await desk.page.resize(width, 900)
                await desk.page.run(f"document.documentElement.style.fontSize = '{size}%'")
                found = await barriers(desk.page, PAGES[address][number])
                assert found == [], (language, scheme, width, size)


async def test_home_tells_of_the_night_a_power_cut_a_dead_disk_a_blind_camera_what_waits(desk: Desk) -> None:
    now = desk.recorder.now_us
    desk.recorder.begun = {"cause": "POWER", "before_us": now - 17 * 60 * SECOND, "at_us": now - 60 * SECOND}
    await visited(desk)
    await desk.home()
    await desk.page.until("document.querySelector('.issues a[href=\"/alertes\"]')")
    told = await desk.page.text("main")
    assert await desk.page.text("h1") == "Tout va bien"
    assert "1 alerte à vérifier" in told
    assert "rien n'a été enregistré pendant ce temps de 07:43:56 à 07:59:56 (16 min)" in told
    assert await barriers(desk.page, "faites vérifier l'onduleur") == []
    await desk.page.run("document.querySelector('t-home').rights = new Set(['state', 'alerts', 'looks'])")
    await desk.page.until("document.querySelector('t-access').innerText.includes('fait signalé ou remarqué')")
    desk.recorder.disk_error = "gone", "débranché"
    covered = Signal(desk.detector.clock.utc_us(), "cour", Source.CAMERA, Kind.TECHNICAL, "covered")
    await desk.detector.desk.signal(covered)
    await desk.page.until("document.querySelector('h1').innerText === '2 points demandent votre attention'")
    told = await desk.page.text(".issues")
    assert "Cour\u202f: la caméra est masquée, elle ne voit plus rien" in told
    assert "Allez ôter ce qui la couvre" in told
    assert "Disque /disques/a\u202f: n'enregistre plus (débranché)" in told
    assert "L'enregistrement continue sur un autre disque" in told
    row = "[...document.querySelectorAll('t-home tbody tr')].find((each) => each.innerText.includes('Cour'))"
    await desk.page.until(f'{row}.innerText.includes("N\'y voit pas bien")')
    assert await desk.page.run("document.querySelector('h1').getBoundingClientRect().bottom < 300")


async def test_the_notice_panel_tells_what_really_holds_and_what_is_missing(desk: Desk) -> None:
    await desk.page.open(f"{desk.base}/affiche")
    await desk.page.until("document.querySelectorAll('.panel').length === 2")
    public, private = await desk.page.run("[...document.querySelectorAll('.panel')].map((each) => each.innerText)")
    assert "Lieu sous vidéoprotection" in public
    assert "arrêté n° 2026-0042" in public
    assert "au bout de 10 jours au plus" in public
    assert "Lieu sous vidéosurveillance" in private
    assert "au bout de 5 jours au plus" in private
    assert "en dehors des heures d'ouverture" in private
    assert "secrétariat, 04 99 00 00 00" in private
    assert "Il manque\u202f: le délégué à la protection des données." in await desk.page.text(".refusal")
    assert await barriers(desk.page, "Lieu sous vidéosurveillance") == []
    await desk.page.tab.emulate_media(media="print")
    seen = "document.querySelector({!r}).checkVisibility()"
    assert not await desk.page.run(seen.format("t-app > header"))
    assert not await desk.page.run(seen.format(".screen-only"))
    assert await desk.page.run(seen.format(".panel"))


async def test_the_accessibility_statement_is_reached_from_every_page_and_is_honest(desk: Desk) -> None:
    await desk.home()
    await desk.page.run("document.querySelector('footer a[href=\"/accessibilite\"]').click()")
    await desk.page.until("document.querySelector('h1').innerText === \"Déclaration d'accessibilité\"")
    told = await desk.page.text("main")
    assert "déclarée non conforme" in told
    assert await desk.page.run("document.title") == "Accessibilité\u202f: non conforme · Collège Émile-Zola · Témoin"
    assert await desk.page.run("document.activeElement.localName") == "main"
    await desk.page.until("document.querySelector('main').innerText.includes('secrétariat, 04 99 00 00 00')")
    assert await barriers(desk.page, "Défenseur des droits") == []
    await speak(desk.page, "en")
    assert "declared not compliant" in await desk.page.text("main")
