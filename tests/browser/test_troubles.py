"""What the tests of the page rely on: whatever must not happen in a browser is really heard."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.browser.chromium import Page, chromium
from tests.peers.need import need

POLICY = "default-src 'none'; script-src 'self'; img-src data:; connect-src *; require-trusted-types-for 'script'"

SCRIPTS = {
    "/console.js": "console.error('said aloud')",
    "/thrown.js": "setTimeout(() => { throw new Error('nobody caught it') })",
    "/policy.js": "document.body.innerHTML = '<b>no</b>'",
    "/outside.js": "fetch('http://192.0.2.1/').catch(() => 0)",
    "/missing.js": "fetch('/nothing').catch(() => 0)",
    "/quiet.js": "document.title = 'quiet'",
}


@pytest.fixture
async def base() -> AsyncIterator[str]:
    """A page for each script, under a policy as strict as ours."""

    async def page(request: web.Request) -> web.Response:
        text = f"<!doctype html><link rel=icon href=data:,><body><script src=/{request.match_info['name']}.js></script>"
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    async def script(request: web.Request) -> web.Response:
        return web.Response(text=SCRIPTS[request.path], content_type="text/javascript")

    app = web.Application()
    app.router.add_get("/page/{name}", page)
    for path in SCRIPTS:
        app.router.add_get(path, script)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def heard(page: Page, base: str, name: str, told: str) -> None:
    """Open the page of this name and wait for a trouble that holds these words."""
    page.troubles.clear()
    await page.open(f"{base}/page/{name}")
    for _ in range(100):
        if any(told in each for each in page.troubles):
            return
        await page.run("new Promise((done) => setTimeout(done, 20))")
    raise AssertionError(f"{told!r} is not in {page.troubles}")


async def test_everything_that_must_not_happen_is_heard(base: str) -> None:
    need("chromium")
    async with chromium() as page:
        await heard(page, base, "console", "said aloud")
        await heard(page, base, "thrown", "nobody caught it")
        await heard(page, base, "policy", "content security policy")
        await heard(page, base, "outside", "outside request: http://192.0.2.1/")
        await heard(page, base, "missing", "404 (Not Found)")
        page.troubles.clear()
        page.expected = ("404 (Not Found)",)
        await page.open(f"{base}/page/missing")
        await page.open(f"{base}/page/quiet")
        assert (await page.run("document.title"), page.troubles) == ("quiet", [])
        assert [url for url, status, _policy in page.answers if status == 404] == [f"{base}/nothing"] * 2
        assert {policy for url, _status, policy in page.answers if "/page/" in url} == {POLICY}
