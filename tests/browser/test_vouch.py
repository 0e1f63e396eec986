"""The time in doubt, compared on the page and vouched for: pictures come back, and the journal says who."""

import pytest

from appliance.accounts.roles import Role
from appliance.core.clock_reason import ONE_SOURCE
from tests.browser.barriers import barriers, speak
from tests.browser.conftest import Desk
from tests.browser.test_alerts import click

pytestmark = pytest.mark.full

TEXT = "document.querySelector('t-clock').innerText"
DAY = 86_400_000_000


async def test_a_technician_compares_the_time_and_vouches_for_it(desk: Desk) -> None:
    page = desk.page
    desk.recorder.judged("doubtful", ONE_SOURCE, desk.recorder.now_us - DAY)
    await desk.sign_in(Role.TECHNICIAN)
    await desk.home()
    await page.until("document.querySelector('.banner.clock.doubtful a')")
    await click(desk, ".banner.clock a")
    await page.until(f"({TEXT}).includes('ordinateur dit')")
    assert "Une seule source donne l'heure." in await page.text("t-clock")
    assert "L'enregistreur retarde de" in await page.text("t-clock"), (
        "its clock is the test's, this browser's is today's"
    )
    assert await page.run("document.querySelector('.banner.clock a')") is None, "one is there"
    for language, words in (("en", "This time is right"), ("fr", "Cette heure est juste")):
        await speak(page, language)
        assert await barriers(page, words) == []
    await click(desk, "t-clock button")
    await page.until(f'({TEXT}).includes("L\'heure est confirmée")')
    assert desk.recorder.clock["state"] == "held"
    (facts,) = [facts for kind, facts in desk.told.lines if kind == "clock-confirmed"]
    assert facts["account"]
    assert await page.run("document.querySelector('t-clock button')") is None
    assert await barriers(page, "L'heure est confirmée") == []


async def test_who_may_not_vouch_is_offered_nothing(desk: Desk) -> None:
    desk.recorder.judged("doubtful", ONE_SOURCE, desk.recorder.now_us - DAY)
    await desk.sign_in(Role.VIEWER)
    await desk.page.open(f"{desk.base}/heure")
    await desk.page.until("document.querySelector('main').innerText.includes('pas ouverte à votre compte')")
    assert await desk.page.run("document.querySelector('.banner.clock a')") is None
