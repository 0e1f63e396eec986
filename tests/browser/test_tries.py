"""Wrong passwords in a real browser: they slow down, over a restart too, and nobody elsewhere is kept out."""

import asyncio

import aiohttp
import pytest

from tests.browser.conftest import Desk
from tests.browser.test_accounts import send
from tests.peers.sign_in import PASSWORD, code_of

WRONG = 6
ELSEWHERE = "127.0.0.2"
"""Another address of the same machine."""

NO = (401, 429)

REFUSED = "document.querySelector('t-login .refusal')?.innerText ?? ''"


async def log_in_from(address: str, desk: Desk, **said: str) -> int:
    """Status of a log-in that comes from this address."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    headers = {"Sec-Fetch-Site": "same-origin"}
    async with (
        aiohttp.ClientSession(connector=connector, headers=headers) as session,
        session.post(f"{desk.base}/api/v1/session", json=said) as answer,
    ):
        return answer.status


async def refused(desk: Desk, count: int) -> None:
    """Until the page has been refused so often."""
    async with asyncio.timeout(15):
        while sum(status in NO and url.endswith("/session") for url, status, _policy in desk.page.answers) < count:
            await desk.page.run("new Promise((resolve) => setTimeout(resolve, 20))")


@pytest.mark.full
async def test_wrong_passwords_slow_down_over_a_restart_and_at_one_address_alone(desk: Desk) -> None:
    """Check 17 of twenty: six wrong passwords slow down, survive a restart, block no other address."""
    await desk.sign_in(None)
    desk.page.expected = ("401 (Unauthorized)", "429 (Too Many")
    await desk.page.open(f"{desk.base}/")
    await desk.page.until("document.querySelector('t-login form')")
    before = sum(url.endswith("/session") and status in NO for url, status, _policy in desk.page.answers)
    for tries in range(WRONG):
        await send(desk, name="durand", password="pas celui-ci du tout")
        await refused(desk, before + tries + 1)
    asked = [status for url, status, _policy in desk.page.answers if url.endswith("/session") and status in NO]
    assert asked[-WRONG:] == [401] * (WRONG - 1) + [429]
    await desk.page.until(f"({REFUSED}).includes('Trop d')")
    assert "le compte n'est pas bloqué" in str(await desk.page.run(REFUSED))
    await desk.stop()
    await desk.start()
    await desk.page.open(f"{desk.base}/")
    await desk.page.until("document.querySelector('t-login form')")
    await send(desk, name="durand", password=PASSWORD)
    await desk.page.until(f"({REFUSED}).includes('Trop d')")
    right = {"name": "durand", "password": PASSWORD, "code": code_of(desk.staff)}
    assert await log_in_from("127.0.0.1", desk, **right) == 429
    assert await log_in_from(ELSEWHERE, desk, **right) == 200
