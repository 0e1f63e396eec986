"""A browser before the page of an authority that its user trusts: no warning; before any other page there is one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from appliance.core.clock import SystemClock
from appliance.web.certificate import ensure_certificate, fingerprint_of
from appliance.web.issued import check, keep, make_request
from appliance.web.served import ServedCertificate
from tests.browser.chromium import Page, chromium
from tests.browser.trusted import of_home, trusting
from tests.peers.authority import Authority
from tests.peers.need import need

NAME = "temoin.zola.exemple.fr"
SHOWN = "document.title"

pytestmark = pytest.mark.full


def take_over(folder: Path, authority: Authority) -> str:
    """The fingerprint of what was signed and kept."""
    given = authority.sign(make_request(folder, NAME), NAME) + authority.pem
    pem = check(folder, given, NAME, authority.root, SystemClock().utc_us() + 60_000_000, "")
    keep(folder, pem)
    return fingerprint_of(pem)


@asynccontextmanager
async def page_of(served: ServedCertificate) -> AsyncIterator[int]:
    """A page of that certificate; its port."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>Témoin</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{any:.*}", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=await asyncio.to_thread(served.context)).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def browser(program: str, home: Path) -> AbstractAsyncContextManager[Page]:
    """Of the user who has this home."""
    return chromium(program, hosts=(NAME,), environment=of_home(home))


async def shown(page: Page, port: int) -> tuple[str, bool]:
    """What the browser makes of the page: its title, and whether it takes it for secure."""
    await page.open(f"https://{NAME}:{port}/")
    return str(await page.run(SHOWN)), bool(await page.run(f"isSecureContext && location.hostname === '{NAME}'"))


async def test_chromium_opens_the_page_of_a_trusted_authority_without_a_warning_and_no_other(tmp_path: Path) -> None:
    program, folder = need("chromium"), tmp_path / "front"
    await asyncio.to_thread(folder.mkdir)
    _ = await asyncio.to_thread(ensure_certificate, folder, NAME)
    authority = await asyncio.to_thread(Authority, tmp_path / "authority")
    await asyncio.to_thread(trusting, tmp_path / "home", authority.root)
    served = ServedCertificate(folder)
    async with page_of(served) as port, browser(program, tmp_path / "home") as page:
        title, _ = await shown(page, port)
        assert title != "Témoin", "its own certificate is nobody's: the browser warns"
        await asyncio.to_thread(take_over, folder, authority)
        assert await asyncio.to_thread(served.look)
        assert await shown(page, port) == ("Témoin", True)
    async with page_of(served) as port, browser(program, tmp_path / "stranger") as page:
        title, _ = await shown(page, port)
        assert title != "Témoin", "a browser that does not know the authority warns"
