"""A browser before a page that is served over any recorder: a real one's socket, say."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from appliance.core.clock import Clock
from appliance.web.app import make_app, serve
from appliance.web.recorder import Recorder, SiteInfo
from tests.browser.chromium import Page, chromium
from tests.browser.entry import sign_in
from tests.peers.fake_detector import FakeDetector
from tests.peers.looking import make_book, open_all
from tests.peers.sign_in import DURAND, make_staff

Opening = tuple[Sequence[str], int, int]
"""Cameras that the manager at the browser has opened, from, to."""


@asynccontextmanager
async def before(
    recorder: Recorder, built_page: Path, folder: Path, clock: Clock, opening: Opening | None = None
) -> AsyncIterator[tuple[Page, str]]:
    """(tab with the manager logged in, the page's address); no trouble is left when the block is over."""
    book = await make_book(folder, clock)
    if opening is not None:
        await open_all(book, *opening, DURAND)
    detector = FakeDetector(folder, ())
    await detector.desk.open()
    staff = await make_staff(folder, clock)
    app = make_app(recorder, detector, built_page, SiteInfo("S", "P", "Europe/Paris"), book, staff)
    runner = await serve(app, "127.0.0.1", 0)
    try:
        async with chromium() as page:
            base = f"http://127.0.0.1:{runner.addresses[0][1]}"
            await sign_in(page, base, staff)
            yield page, base
            assert page.troubles == []
    finally:
        await runner.cleanup()
        await detector.desk.close()
        await book.store.database.close()
        await staff.close()
