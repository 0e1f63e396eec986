"""What the page gives to whom: a technician no picture by any way, and after a restart the same person the same."""

import re

import pytest

from appliance.accounts.roles import Grant, Right, Role
from appliance.core.clock import SimulatedClock
from appliance.web.app import routes
from tests.browser.conftest import Desk
from tests.browser.screen import SCREEN
from tests.browser.test_alerts import visited
from tests.peers.fake_recorder import LENGTH_US, START_US
from tests.peers.looking import open_all
from tests.peers.sign_in import PEOPLE

SECOND = 1_000_000

pytestmark = pytest.mark.full

HELD = frozenset({Right.FOOTAGE, Right.ALERTS, Right.LOOKS, Right.ACCOUNTS})
"""What a technician has nothing of."""

SHOWN = """[...document.querySelectorAll('video, canvas, main img')].filter((each) =>
  each.readyState > 0 || each.naturalWidth > 0 || (each.localName === 'canvas' && each.checkVisibility())).length"""


async def test_a_technician_gets_no_picture_by_the_page_nor_by_an_address(desk: Desk) -> None:
    """Check 11 of twenty."""
    await visited(desk)
    await desk.sign_in(Role.TECHNICIAN)
    await desk.home()
    menu = await desk.page.run("[...document.querySelectorAll('header nav a')].map((a) => a.getAttribute('href'))")
    assert menu == ["/"], "the menu offers nothing else"
    desk.page.expected = ("403 (Forbidden)",)
    for address in (f"/lecture?cam=portail&t={START_US + SECOND}", "/alertes", "/alertes?n=1"):
        await desk.page.open(desk.base + address)
        await desk.page.until("document.querySelector('main').innerText.trim().length > 20")
        start = await desk.page.run("performance.now()")
        await desk.page.until(f"performance.now() > {start} + 1500")
        assert await desk.page.run(SHOWN) == 0, address
    held = [each for each in routes() if each.method == "GET" and each.right in HELD]
    assert len(held) >= 12
    for route in held:
        path = re.sub(r"\{\w+\}", "1", route.path.replace("{id}", "portail"))
        ask = f"fetch('{path}?t={START_US + SECOND}').then(async (a) => [a.status, (await a.json()).code])"
        assert await desk.page.run(ask) == [403, "right-missing"], path
    entered = {str(each["route"]) for each in desk.told.of("access-refused")}
    assert {each.path for each in held} <= entered
    assert {each["account"] for each in desk.told.of("access-refused")} == {PEOPLE[Role.TECHNICIAN][0]}
    assert desk.told.of("look-seen") == []


async def test_a_viewers_access_ends_in_mid_play_and_it_is_said(desk: Desk) -> None:
    """Check 12 of twenty."""
    name, now = PEOPLE[Role.VIEWER][0], desk.staff.clock.utc_us()
    grant = Grant(frozenset({"portail"}), START_US, now, now, now + 120 * SECOND)
    await desk.staff.store.grant(name, grant)
    viewer = await desk.staff.store.find(name)
    assert viewer is not None
    await open_all(desk.book, ["portail"], START_US, START_US + LENGTH_US, viewer[0])
    await desk.sign_in(Role.VIEWER)
    await desk.at(START_US + SECOND)
    await desk.page.run(f"{SCREEN}.player.play()")
    await desk.page.until(f"{SCREEN}.player.at > {START_US + 2 * SECOND}")
    desk.page.expected = ("403 (Forbidden)",)
    assert isinstance(desk.staff.clock, SimulatedClock)
    desk.staff.clock.advance(121)
    asked = f"fetch('/api/v1/cameras/portail/gop?t={START_US + SECOND}').then((answer) => answer.status)"
    assert await desk.page.run(asked) == 403
    await desk.page.until("document.querySelector('h1').innerText === 'Votre accès est terminé'")
    assert await desk.page.run("document.querySelectorAll('video, t-looks').length") == 0
    assert "ne répond pas" not in await desk.page.text("main")
    assert desk.told.of("access-refused")


@pytest.mark.parametrize("longer", [False, True], ids=["shorter than what is fetched", "longer"])
async def test_a_restart_in_mid_play_costs_neither_the_replay_nor_the_session_nor_the_journal(
    desk: Desk, longer: bool
) -> None:
    """Check 20 of twenty."""
    desk.page.expected = ("ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET", "ERR_INCOMPLETE")
    await desk.at(START_US + SECOND)
    await desk.page.run(f"{SCREEN}.player.play()")
    await desk.page.until(f"{SCREEN}.player.at > {START_US + 2 * SECOND}")
    seen = len(desk.told.of("look-seen"))
    await desk.stop()
    if longer:
        await desk.page.until(
            f"{SCREEN}.querySelector('video').paused || {SCREEN}.querySelector('video').readyState < 3"
        )
    await desk.start()
    stood = await desk.page.run(f"{SCREEN}.player.at")
    await desk.page.until(f"{SCREEN}.player.playing && {SCREEN}.player.at > {stood + 2 * SECOND}", 10)
    await desk.page.until("!document.querySelector('t-login')")
    (session,) = await desk.staff.sessions.of(PEOPLE[Role.MANAGER][0], desk.staff.clock.utc_us())
    assert session.account == PEOPLE[Role.MANAGER][0], "nobody had to log in again"
    await desk.book.flush()
    assert len(desk.told.of("look-seen")) >= seen
    (entry,) = desk.book.current(PEOPLE[Role.MANAGER][0])
    rows = await desk.book.store.seen(entry.number, entry.number)
    played = [each for each in rows if (each.camera, each.stream) == ("portail", "main")]
    assert min(each.from_us for each in played) <= START_US + SECOND
    assert max(each.to_us for each in played) >= stood + 2 * SECOND
