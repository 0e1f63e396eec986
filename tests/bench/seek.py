"""Seeks in Chromium on the light stream of a real ring: from the call to the right picture presented.

Each turn records four minutes (GOP of 2 s, 15 pictures a second, simulated time, real disks and socket), opens the
page and seeks to 60 random instants in it, most of them outside what is loaded. A picture counts when the
browser's frame callback reports it; its burnt-in counter is read afterwards, outside the time measured. One turn
gives both rows. Peer, measured in the lab only: hls.js 190 to 320 ms (p50).
"""

import asyncio
import random
import statistics
import tempfile
from pathlib import Path
from typing import Final

from tests.bench.row import Missing, Options, Turn, row

SEEKS: Final = 60
RECORDED_S: Final = 240
SETTLE_S: Final = 1.0
"""s after the page's start before the first seek: its script is compiled by then."""

_samples: dict[int, list[float]] = {}  # by turn: the rows share one measurement
_turns = {"p50": 0, "p95": 0}


async def measure(seed: int) -> list[float]:
    """Milliseconds of each seek, sorted. Raises AssertionError when a picture is not the one recorded then."""
    from appliance.core.clock import SimulatedClock
    from appliance.web.app import make_app, serve
    from appliance.web.lock import LOCAL
    from appliance.web.recorder import SiteInfo
    from tests.browser.chromium import chromium
    from tests.browser.screen import SCREEN, read_screen
    from tests.peers.fake_detector import FakeDetector
    from tests.peers.looking import make_book, open_all
    from tests.peers.need import ROOT
    from tests.peers.recorded import KEY, recorded

    page_files = ROOT / "webui" / "dist"
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="seek-") as folder:
        async with recorded(Path(folder), RECORDED_S) as tape, chromium() as page:
            detector = FakeDetector(Path(folder), ())
            book = await make_book(Path(folder), SimulatedClock(tape.end_us))
            await open_all(book, [KEY.camera], tape.start_us, tape.end_us, LOCAL)
            app = make_app(tape.client, detector, page_files, SiteInfo("Banc", "Banc", "Europe/Paris"), book)
            runner = await serve(app, "127.0.0.1", 0)
            try:
                base = f"http://127.0.0.1:{runner.addresses[0][1]}"
                await page.open(f"{base}/lecture?cam={KEY.camera}&t={tape.start_us + 1_000_000}")
                await page.until(f"{SCREEN}?.player?.at != null")
                await asyncio.sleep(SETTLE_S)
                times: list[float] = []
                for _ in range(SEEKS):
                    instant = rng.randrange(tape.start_us, tape.end_us)
                    took, by = await page.run(
                        f"""(async () => {{ const from = performance.now();
                        const shown = await {SCREEN}.player.seek({instant});
                        return [performance.now() - from, shown?.by]; }})()"""
                    )
                    assert by == "frame", f"no picture presented for {instant}"
                    assert (await read_screen(page)).counter == tape.counter(instant)
                    times.append(took)
                assert page.troubles == []
                return sorted(times)
            finally:
                await runner.cleanup()
                await book.store.database.close()


def _turn(which: str) -> list[float]:
    from tests.peers.need import ROOT, locate

    if locate("chromium") is None:
        raise Missing("chromium")
    if not (ROOT / "webui" / "dist" / "index.html").is_file():
        raise Missing("the built page: python webui/build.py")
    turn = _turns[which]
    _turns[which] += 1
    if turn not in _samples:
        _samples[turn] = asyncio.run(measure(turn))
    return _samples[turn]


@row("seek-sub-p50", unit="ms", better="lower", target=60)
def seek_p50(options: Options) -> Turn:
    """Median of 60 seeks; the same in a quick run: a turn takes 15 s."""
    del options
    return Turn(statistics.median(_turn("p50")))


@row("seek-sub-p95", unit="ms", better="lower", target=150)
def seek_p95(options: Options) -> Turn:
    """95th percentile of the same seeks."""
    del options
    return Turn(statistics.quantiles(_turn("p95"), n=20)[-1])
