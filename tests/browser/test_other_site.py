"""Another site's page, open in the same browser: it changes nothing here, shows nothing in a frame, opens no socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.browser.conftest import Desk
from tests.peers.fake_recorder import START_US

pytestmark = pytest.mark.full

WORD = '{"cameras":["portail"],"armed":false,"until_us":4000000000000000,"why":"a=travaux de nuit"}'
"""Valid when the page itself sends it; a form that another site sends as plain text can be made to read like it."""

HOSTILE = """<!doctype html><title>other</title><iframe id="home" src="{base}/"></iframe>
<iframe id="picture" src="{base}/api/v1/cameras/portail/gop?t={at}"></iframe><iframe name="answer"></iframe>
<form method="post" enctype="text/plain" target="answer" action="{base}/api/v1/arming">
<input name='{head}' value='{tail}'></form>"""


@asynccontextmanager
async def other_site(desk: Desk) -> AsyncIterator[str]:
    """A site of another name, which knows the appliance's address."""
    head, tail = WORD.split("=")

    async def page(_request: web.Request) -> web.Response:
        text = HOSTILE.format(base=desk.base, at=START_US, head=head, tail=tail)
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://localhost:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_another_site_can_change_nothing_and_show_nothing(desk: Desk) -> None:
    """Check 16 of twenty."""
    async with other_site(desk) as address:
        await desk.page.open(address)
        read = await desk.page.run(f"fetch('{desk.base}/api/v1/state').then(() => 'read', () => 'refused')")
        assert read == "refused"
        how = f"{{method: 'POST', mode: 'no-cors', credentials: 'include', body: '{WORD}'}}"
        change = f"fetch('{desk.base}/api/v1/arming', {how})"
        assert await desk.page.run(f"{change}.then(() => 'told', () => 'unseen')") == "unseen"
        await desk.page.run("document.forms[0].submit()")
        open_socket = (
            f"new Promise((done) => {{ const s = new WebSocket('{desk.base.replace('http', 'ws')}/api/v1/events');"
            " s.onopen = () => done('open'); s.onerror = () => done('refused'); })"
        )
        assert await desk.page.run(open_socket) == "refused"
        await desk.page.until("document.querySelector('[name=answer]').contentWindow.length === 0")
    assert desk.detector.words.said == {}, "nothing was changed"
    told, desk.page.troubles = desk.page.troubles, []  # the browser says of each attempt that it was refused
    desk.page.expected = ("chrome-error://",)  # a frame that was refused says so once more, late on a busy machine
    assert len([each for each in told if "frame-ancestors 'none'" in each]) >= 2
    await desk.home()
    own = f"{{method: 'POST', headers: {{'Content-Type': 'application/json'}}, body: '{WORD}'}}"
    assert await desk.page.run(f"fetch('/api/v1/arming', {own}).then((answer) => answer.status)") == 200
    assert set(desk.detector.words.said) == {"portail"}, "the page's own change is made"
