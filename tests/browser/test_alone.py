"""A site without any network but the appliance's own: every page is whole, asks nobody else, keeps its policy."""

from urllib.parse import urlsplit

import pytest

from appliance.web.security import CONTENT_SECURITY_POLICY
from tests.browser.conftest import Desk
from tests.browser.screen import SCREEN
from tests.browser.test_pages import PAGES, seen
from tests.peers.fake_recorder import START_US

SECOND = 1_000_000

WORDS = {**PAGES, "/acces": ("Adj. Moreau", ""), "/compte": ("fiche de secours", "")}
"""Every address of the page, and a word that stands there once it is filled."""


@pytest.mark.full
async def test_every_page_is_whole_without_any_other_host(desk: Desk) -> None:
    """Check 19 of twenty: no failed request, no outside host, the content security policy unchanged."""
    for address, (word, _english) in WORDS.items():
        await seen(desk, address)
        await desk.page.until(f"document.body.innerText.includes({word!r})")
        await desk.sign_in()
    desk.recorder.main_gap = None
    await desk.at(START_US + SECOND)
    await desk.page.run(f"{SCREEN}.player.play()")
    await desk.page.until(f"{SCREEN}.player.at > {START_US + 2 * SECOND}")
    own = [each for each in desk.page.answers if urlsplit(each[0]).scheme in {"http", "https"}]
    assert {urlsplit(each).netloc for each, _status, _policy in own} == {urlsplit(desk.base).netloc}
    assert [(each, status) for each, status, _policy in own if status not in {200, 304}] == []
    assert {policy for _each, _status, policy in own} == {CONTENT_SECURITY_POLICY}
    assert desk.page.lost == []
    paths = {urlsplit(each).path for each, _status, _policy in own}
    assert {urlsplit(each).path for each in WORDS} <= paths
    assert any(each.startswith("/assets/") for each in paths)
    assert any(each.endswith("/gop") for each in paths)
