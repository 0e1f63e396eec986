"""Home follows the state as the server tells it, and asks where it cannot."""

import pytest

from tests.browser.conftest import Desk

pytestmark = pytest.mark.full

SECOND = 1_000_000
CHECKED = "document.querySelector('.verdict .hint').innerText"


def asked(desk: Desk, path: str) -> int:
    return len([each for each in desk.page.requests if each.endswith(path)])


async def test_home_changes_by_itself_without_asking(desk: Desk) -> None:
    await desk.home()
    await desk.page.until("performance.getEntriesByType('resource').length > 0")
    before = await desk.page.run(CHECKED)
    desk.recorder.now_us += 61 * SECOND
    await desk.page.until(f"{CHECKED} !== {before!r}")
    asks = asked(desk, "/api/v1/state")
    for _ in range(3):
        before = await desk.page.run(CHECKED)
        desk.recorder.now_us += SECOND
        await desk.page.until(f"{CHECKED} !== {before!r}")
    assert (asked(desk, "/api/v1/events"), asked(desk, "/api/v1/state")) == (1, asks), "told, not asked for"
    desk.recorder.down = True
    await desk.page.until("document.querySelector('[role=alert]')?.innerText.includes('ne répond pas')")
    desk.recorder.down = False
    await desk.page.until("!document.querySelector('[role=alert]')")


async def test_the_stream_ends_with_the_session_and_on_the_other_screens(desk: Desk) -> None:
    await desk.home()
    await desk.page.until("document.querySelector('footer a[href=\"/accessibilite\"]')")
    await desk.page.run("document.querySelector('footer a[href=\"/accessibilite\"]').click()")
    asks = asked(desk, "/api/v1/state")
    before = await desk.page.run("performance.now()")
    await desk.page.until(f"performance.now() > {before} + 5000")
    assert asked(desk, "/api/v1/state") > asks, "asked for"
    await desk.page.run("history.back()")
    await desk.page.until("document.querySelector('.verdict h1')")
    desk.page.expected = ("401 (Unauthorized)",)
    await desk.staff.sessions.revoke("durand")
    await desk.page.until("document.querySelector('t-login form')")
