"""Chromium plays seconds of a real ring, and shows the counter that was recorded then."""

import random
from pathlib import Path

from appliance.core.clock import SimulatedClock
from appliance.web.app import make_app, serve
from appliance.web.recorder import SiteInfo
from tests.browser.chromium import chromium
from tests.browser.entry import sign_in
from tests.browser.screen import SCREEN, read_screen
from tests.peers.fake_detector import FakeDetector
from tests.peers.looking import make_book, open_all
from tests.peers.recorded import KEY, recorded
from tests.peers.sign_in import DURAND, make_staff

SECONDS = 44


async def test_recorded_seconds_show_the_counter_of_then(built_page: Path, tmp_path: Path) -> None:
    rng = random.Random(11)
    async with recorded(tmp_path, SECONDS, gop=15) as tape, chromium() as page:
        book = await make_book(tmp_path, SimulatedClock(tape.end_us))
        await open_all(book, [KEY.camera], tape.start_us, tape.end_us, DURAND)
        detector = FakeDetector(tmp_path, ())
        await detector.desk.open()
        staff = await make_staff(tmp_path, SimulatedClock(tape.end_us))
        app = make_app(tape.client, detector, built_page, SiteInfo("S", "P", "Europe/Paris"), book, staff)
        runner = await serve(app, "127.0.0.1", 0)
        try:
            base = f"http://127.0.0.1:{runner.addresses[0][1]}"
            await sign_in(page, base, staff)
            await page.open(f"{base}/")
            await page.until("document.querySelector('h1')?.innerText === 'Tout va bien'")
            await page.open(f"{base}/lecture?cam={KEY.camera}&t={tape.start_us + 1_000_000}")
            await page.until(f"{SCREEN}?.player?.at != null")
            for _ in range(8):
                instant = rng.randrange(tape.start_us, tape.end_us)
                shown = await page.run(f"{SCREEN}.player.seek({instant})")
                assert 0 <= instant - shown["at"] < 1_000_000 // tape.form.fps + 20
                assert (await read_screen(page)).counter == tape.counter(instant)
            await page.run(f"{SCREEN}.player.seek({tape.start_us + 5_000_000}).then(() => {SCREEN}.player.play())")
            await page.until(f"{SCREEN}.player.at > {tape.start_us + 7_000_000}")
            await page.run(f"{SCREEN}.player.pause()")
            at = await page.run(f"{SCREEN}.player.at")
            assert abs((await read_screen(page)).counter - tape.counter(at)) <= 2  # a picture may come while pausing
            assert page.troubles == []
        finally:
            await runner.cleanup()
            await detector.desk.close()
            await book.store.database.close()
            await staff.close()
