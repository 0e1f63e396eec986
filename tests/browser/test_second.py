"""What takes two, in a real browser: asked for, signed by another, or done before witnesses after ten minutes."""

import pytest

from appliance.accounts.second import WAIT_US
from tests.browser.barriers import barriers, speak
from tests.browser.conftest import Desk
from tests.browser.test_alerts import click, fill
from tests.peers.sign_in import add_petit

SECOND = 1_000_000

pytestmark = pytest.mark.full

ROWS = "document.querySelector('t-second')?.innerText ?? ''"


@pytest.fixture(autouse=True)
async def petit(desk: Desk) -> None:
    """A second manager."""
    await add_petit(desk.staff)


async def asked(desk: Desk, told: str = "Reste 10:00") -> None:
    """A manager asks that nothing be watched any more, and is told so."""
    await desk.home()
    await desk.page.until("document.querySelector('t-watch tbody tr')")
    await desk.page.run("document.querySelector('t-watch select[name=camera]').value = ''")
    await fill(desk, "t-watch input[name=why]", "travaux dans toute la cour")
    desk.page.expected = ("403 (Forbidden)",)
    await click(desk, "t-watch form button")
    await desk.page.until("document.querySelector('t-watch .ask')")
    assert "Plus rien ne serait surveillé" in await desk.page.text("t-watch .refusal")
    await click(desk, "t-watch .ask")
    await desk.page.until(f"({ROWS}).includes('tout le site')")
    assert told in await desk.page.text("t-second")
    if told == "Reste 10:00":
        assert await desk.page.run("document.querySelector('t-second button')") is None, "nobody signs their own"


def unwatched(desk: Desk) -> bool:
    return {each["watch"] for each in desk.detector.words.message()} == {"camera_truth"}


async def test_another_manager_signs_on_a_page_of_their_own(desk: Desk) -> None:
    await asked(desk)
    assert not unwatched(desk)
    await desk.sign_in("petit")
    await desk.home()
    await desk.page.until("document.querySelector('t-second button')")
    told = await desk.page.text("t-second")
    assert "Mme Durand demande de suspendre la détection\u202f: tout le site" in told
    assert "«\u202ftravaux dans toute la cour\u202f»" in told
    assert await barriers(desk.page, "Signer la demande de Mme Durand") == []
    await click(desk, "t-second button")
    await desk.page.until(f"({ROWS}).includes('contresigné par M. Petit')")
    await desk.page.until("document.querySelector('t-watch tbody').innerText.includes('suspendue par')", 3)
    assert "Détection suspendue par une personne sur 2 caméras" in await desk.page.text(".verdict.ok")
    assert unwatched(desk)
    (done,) = desk.told.of("second-done")
    assert (done["who"], done["signer"], done["countersigned"]) == ("durand", "petit", True)


async def test_where_nobody_else_could_sign_the_witnesses_are_asked_for_at_once(desk: Desk) -> None:
    for name in ("petit", "centre"):
        await desk.staff.store.revoke(name, desk.clock.utc_us())
    await asked(desk, "Personne d'autre n'a ici de compte valable")
    await desk.page.until("document.querySelector('t-second form')")
    assert await barriers(desk.page, "compte valable pour signer") == []
    assert "appelez l'autre personne" not in await desk.page.text("t-second")
    await desk.page.run(
        "document.querySelectorAll('t-second input').forEach((each, n) => each.value = ['Mme Blanc', 'M. Noir'][n])"
    )
    await click(desk, "t-second form button")
    await desk.page.until(f"({ROWS}).includes('Témoins\u202f: Mme Blanc, M. Noir')")
    assert unwatched(desk)


async def test_nobody_answers_and_two_witnesses_are_named(desk: Desk) -> None:
    await asked(desk)
    desk.clock.advance(WAIT_US / SECOND)
    await desk.page.until("document.querySelector('t-second form')")
    await desk.page.resize(320, 900)
    for language, words in (("en", "entered as not countersigned"), ("fr", "inscrite comme non contresignée")):
        await speak(desk.page, language)
        assert await barriers(desk.page, words) == []
    assert await desk.page.run("document.documentElement.scrollWidth") <= 320
    await desk.page.run(
        "document.querySelectorAll('t-second input').forEach((each, n) => each.value = ['Mme Durand', 'M. Noir'][n])"
    )
    desk.page.expected = ("403 (Forbidden)", "400 (Bad Request)")
    await click(desk, "t-second form button")
    await desk.page.until(f"({ROWS}).includes('Nommez deux témoins présents, autres que vous')")
    assert not unwatched(desk)
    await desk.page.run("document.querySelector('t-second input').value = 'Mme Blanc'")
    await click(desk, "t-second form button")
    await desk.page.until(f"({ROWS}).includes('Témoins\u202f: Mme Blanc, M. Noir')")
    assert unwatched(desk)
    (done,) = desk.told.of("second-done")
    assert (done["witnesses"], done["countersigned"]) == ("Mme Blanc, M. Noir", False)
