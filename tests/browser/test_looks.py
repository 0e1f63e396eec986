"""The viewing lock in a real browser: nothing is asked for before a reason, it ends in mid-play, and all is entered."""

from pathlib import Path

import pytest

from appliance.accounts.look import LASTS_US
from appliance.core.chain_file import JournalSettings
from appliance.core.chain_journal import Journal
from appliance.core.clock import SimulatedClock
from appliance.web.aim_check import IN_HAND_US
from appliance.web.look_book import Span
from appliance.web.look_check import JournalFiles
from tests.browser.barriers import barriers
from tests.browser.conftest import Desk, served
from tests.browser.screen import SCREEN
from tests.browser.test_alerts import click, fill, visited
from tests.browser.test_page import counter_at
from tests.peers.fake_recorder import FORMS, START_US, FakeRecorder
from tests.peers.looking import TECHNICIAN
from tests.peers.sign_in import DURAND

SECOND = 1_000_000
OVER = "document.querySelector('.over')?.innerText ?? ''"


def pictures(desk: Desk) -> list[str]:
    """Requests for pictures that the page has made."""
    return [each for each in desk.page.requests if any(word in each for word in ("/gop", "picture", "/init", "clip"))]


async def shut_at(desk: Desk, instant: int) -> None:
    await desk.page.open(f"{desk.base}/lecture?cam=portail&t={instant}")
    await desk.page.until(f"({OVER}).includes('Images fermées')")


async def test_no_picture_is_asked_for_before_a_reason_is_given(shut_desk: Desk) -> None:
    """Check 13 of twenty."""
    desk, instant = shut_desk, START_US + 5 * SECOND
    await shut_at(desk, instant)
    await desk.page.press("ArrowRight")
    await desk.page.until(f"{SCREEN}.at === {instant + SECOND}")
    assert pictures(desk) == []
    await click(desk, ".over button")
    await desk.page.until("document.querySelector('dialog').open")
    desk.page.expected = ("400 (Bad Request)",)
    await fill(desk, "dialog textarea", "vol")
    await click(desk, "dialog .primary")
    await desk.page.until("document.querySelector('dialog .refusal')?.innerText.includes('Le motif est incomplet')")
    assert pictures(desk) == []
    await fill(desk, "dialog textarea", "Bruit de verre dans la cour ce matin")
    await click(desk, "dialog .primary")
    await desk.page.until(f"!document.querySelector('.over') && {SCREEN}.player.quality === 'main'")
    assert (await desk.burnt()).counter == counter_at(instant + SECOND, FORMS["main"].fps)
    await desk.page.until("document.querySelector('.looks .left')?.innerText.startsWith('Reste 14:')")
    assert "fait signalé ou remarqué" in await desk.page.text(".looks")
    (opened,), seen = desk.told.of("look-opened"), desk.told.of("look-seen")
    assert (opened["text"], opened["cameras"]) == ("Bruit de verre dans la cour ce matin", "portail")
    assert {each["look"] for each in seen} == {opened["look"]}
    await click(desk, ".looks button")
    await desk.page.until(f"({OVER}).includes('La consultation est terminée')")
    assert desk.book.current(DURAND.name) == []


@pytest.mark.full
async def test_a_look_ends_in_mid_play_and_says_so(desk: Desk) -> None:
    await desk.at(START_US + SECOND)
    await desk.page.run(f"{SCREEN}.player.play()")
    await desk.page.until(f"{SCREEN}.player.at > {START_US + 2 * SECOND}")
    desk.page.expected = ("403 (Forbidden)",)
    desk.clock.advance(LASTS_US / SECOND)
    await desk.page.until(f"({OVER}).includes('La consultation est terminée')", 10)
    await desk.page.until("!document.querySelector('.look')", 3)  # much sooner than its next reading
    assert not await desk.page.run(f"{SCREEN}.player.playing")
    assert await desk.page.run("getComputedStyle(document.querySelector('video')).visibility") == "hidden"
    assert [each["why"] for each in desk.told.of("look-refused")] == ["look-over"]


@pytest.mark.full
async def test_what_stands_still_is_hidden_when_its_time_is_over(desk: Desk) -> None:
    await desk.at(START_US + SECOND)
    await desk.page.until("document.querySelector('.looks .left')")
    asked = len(pictures(desk))
    later = f"() => now.call(performance) + {LASTS_US // 1000}"
    await desk.page.run(f"(() => {{ const now = performance.now; performance.now = {later}; }})()")
    desk.clock.advance(LASTS_US / SECOND)
    await desk.page.until(f"({OVER}).includes('La consultation est terminée')")
    assert len(pictures(desk)) == asked


@pytest.mark.full
async def test_an_alert_is_its_own_reason_and_opens_by_one_click(shut_desk: Desk) -> None:
    desk = shut_desk
    number = await visited(desk)
    await desk.page.open(f"{desk.base}/alertes")
    await desk.page.until("document.querySelector('.picture')?.innerText.includes('Images fermées')")
    assert pictures(desk) == []
    await click(desk, ".review .act button")
    await desk.page.until(f"{SCREEN}?.player?.at != null")
    await desk.page.until(f"!document.querySelector('.over') && {SCREEN}.querySelector('video').readyState >= 2")
    assert [(each["reason"], each["alert"]) for each in desk.told.of("look-opened")] == [("alert", number)]
    await desk.page.open(f"{desk.base}/alertes")
    await desk.page.until("document.querySelector('.picture img')?.naturalWidth > 0")


@pytest.mark.full
async def test_urgency_opens_at_once_and_asks_for_its_justification(shut_desk: Desk) -> None:
    desk = shut_desk
    await shut_at(desk, START_US + 5 * SECOND)
    await click(desk, ".over button")
    await desk.page.run(
        "(() => { const which = document.querySelector('dialog select'); which.value = 'urgency'; "
        "which.dispatchEvent(new Event('change')); })()"
    )
    await desk.page.until("!document.querySelector('dialog textarea').required")
    await click(desk, "dialog .primary")
    await desk.page.until("!document.querySelector('.over')")
    await desk.page.until("document.querySelector('.look.urgent')?.innerText.includes('à justifier avant')")
    await fill(desk, ".look.urgent textarea", "Un élève était blessé sous le préau")
    await click(desk, ".look.urgent button")
    await desk.page.until("!document.querySelector('.look.urgent')")
    assert [each["text"] for each in desk.told.of("look-justified")] == ["Un élève était blessé sous le préau"]


@pytest.mark.full
async def test_nobody_is_shut_out_of_giving_a_reason(shut_desk: Desk) -> None:
    desk = shut_desk
    for scheme, width in (("light", 1280), ("dark", 320)):
        await desk.page.media(scheme)
        await desk.page.resize(width, 900)
        await shut_at(desk, START_US + 5 * SECOND)
        await click(desk, ".over button")
        await desk.page.until("document.querySelector('dialog').innerText.includes('Pourquoi ouvrir')")
        assert await barriers(desk.page, "Pourquoi ouvrir") == []


@pytest.mark.full
async def test_the_journal_of_looks_is_read_verified_and_an_altered_row_is_found(
    built_page: Path, tmp_path: Path
) -> None:
    clock = SimulatedClock()
    journal = Journal(JournalSettings(tmp_path / "journal", "web", "machine", "Collège"), clock)
    await journal.open()
    files = JournalFiles(tmp_path / "journal", "web", journal.flush)
    async with served(FakeRecorder(), built_page, tmp_path, journal=files, tell=journal.append) as desk:
        desk.book.refuse(
            TECHNICIAN, Span("cour", "sub", START_US, START_US + SECOND, START_US + SECOND), "look-not-yours"
        )
        await desk.page.open(f"{desk.base}/consultations")
        await desk.page.until("document.querySelector('t-journal tbody tr')")
        told = await desk.page.text("t-journal")
        assert "fait signalé ou remarqué" in told
        assert "Bruit de verre entendu dans la cour" in told
        assert "M. Roux" in told
        check = "document.querySelector('t-journal [role=status]').previousElementSibling.firstElementChild.click()"
        await desk.page.run(check)
        await desk.page.until("document.querySelector('.proof.ok')?.innerText.includes('Journal intact')")
        await desk.book.store.database.do(lambda execute: execute("UPDATE look SET text = 'Rien de particulier'"))
        await desk.page.run(check)
        await desk.page.until("document.querySelector('.proof.refusal')")
        assert "La consultation n° 1 n'est pas celle que le journal a inscrite" in await desk.page.text(".proof")
        sql = "INSERT INTO aim (who, function, camera, opened_us) VALUES ('martin', 'technicien', 'cour', ?)"
        added_us = desk.clock.utc_us()
        await desk.book.store.database.do(lambda execute: execute(sql, (added_us,)))
        desk.clock.advance(IN_HAND_US / SECOND)
        await desk.page.run(check)
        await desk.page.until("document.querySelector('.proof').innerText.includes('Le réglage de cadrage n° 1')")
    await journal.close()
