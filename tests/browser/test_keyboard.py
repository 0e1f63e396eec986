"""The whole way by keyboard alone, with the keys that a person has: in, to an alert, its pictures, an answer; and from
the home page to an instant, with a reason. Where the keys are is always seen.
"""

import json

import pytest

from tests.browser.conftest import Desk
from tests.browser.screen import SCREEN
from tests.browser.test_alerts import visited
from tests.peers.fake_recorder import START_US
from tests.peers.sign_in import PASSWORD, code_of

SECOND = 1_000_000
MOST = 60
"""Presses of Tab within which everything on a screen is reached."""

pytestmark = pytest.mark.full


async def reach(desk: Desk, what: str) -> None:
    """Press Tab until the keys are on an element (a CSS selector, or the words on a button or link)."""
    here = f"((e) => e.innerText?.trim() === {json.dumps(what)}"
    here += f" || (/^[a-z.#\\[]/.test({json.dumps(what)}) && e.matches({json.dumps(what)})))(document.activeElement)"
    for _ in range(MOST):
        await desk.page.press("Tab")
        if await desk.page.run(here):
            assert await desk.page.run(SEEN), f"on {what} and nothing shows it"
            return
    raise AssertionError(f"no Tab leads to {what}")


SEEN = """(() => { const e = document.activeElement, box = e.getBoundingClientRect(), style = getComputedStyle(e);
  const shown = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  return e.matches(':focus-visible') && shown && box.bottom > 0 && box.top < window.innerHeight; })()"""
"""The focus ring is drawn, inside the window."""


async def write(desk: Desk, text: str) -> None:
    await desk.page.tab.keyboard.insert_text(text)


async def test_from_log_in_to_an_answered_alert_and_to_an_instant_with_a_reason(shut_desk: Desk) -> None:
    desk, page = shut_desk, shut_desk.page
    await page.resize(1280, 900)
    for camera in desk.recorder.cameras:
        desk.recorder.tape(camera, "sub")  # made now: the page is not to wait for it
    number = await visited(desk)
    await desk.sign_in(None)
    page.expected = ("401 (Unauthorized)",)
    await page.open(f"{desk.base}/")
    await page.until("document.querySelector('t-login form')")
    await reach(desk, "input[name=name]")
    await write(desk, "durand")
    await page.press("Tab")
    await write(desk, PASSWORD)
    await page.press("Enter")
    await page.until("document.querySelector('t-login input[name=code]')")
    await reach(desk, "input[name=code]")
    await write(desk, code_of(desk.staff))
    await page.press("Enter")
    await page.until("document.querySelector('.verdict h1')")

    await reach(desk, "Alertes")
    await page.press("Enter")
    await page.until("document.querySelector('.review tbody tr')")
    await page.press("j")
    await page.press("Enter")
    await page.until("document.querySelector('.over button')")
    await reach(desk, "Lever le doute\u202f: ouvrir les images de l'alerte")
    await page.press("Enter")
    await page.until(f"!document.querySelector('.over') && {SCREEN}.querySelector('video').readyState >= 2")
    await reach(desk, "button.wide")
    before = await page.run(f"{SCREEN}.player.at")
    await page.press("Space")
    await page.until(f"{SCREEN}.player.playing && {SCREEN}.player.at > {before} + {SECOND}")
    await page.press("Space")
    await page.until(f"!{SCREEN}.player.playing")
    await reach(desk, "input[type=radio]")
    await page.press("ArrowDown")
    await reach(desk, ".judge input[name=note]")
    await write(desk, "le gardien")
    await page.press("Enter")
    await page.until("document.querySelector('.judge .notice').innerText.includes('Avis enregistré')")
    answer = (await desk.detector.desk.store.entry(number)).answer
    assert answer is not None
    assert (answer.verdict.value, answer.note) == ("false", "le gardien")

    await page.open(f"{desk.base}/lecture?cam=cour&t={START_US + 5 * SECOND}")
    await page.until("document.querySelector('.over button')")
    await reach(desk, "Ouvrir les images")
    await page.press("Enter")
    await page.until("document.querySelector('dialog').open")
    await reach(desk, "textarea")
    await write(desk, "Bruit de verre dans la cour ce matin")
    await reach(desk, "Ouvrir")
    await page.press("Enter")
    await page.until(f"!document.querySelector('.over') && {SCREEN}.querySelector('video').readyState >= 2")
    assert [each["reason"] for each in desk.told.of("look-opened")] == ["alert", "doubt"]
