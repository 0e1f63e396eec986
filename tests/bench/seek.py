"""Seeks in Chromium on the light stream of a real ring: from the call to the right picture presented.

Each turn records four minutes (GOP of 2 s, 15 pictures a second, simulated time, real disks and socket), opens the
page and seeks to 60 random instants in it, most of them outside what is loaded. A picture counts when the
browser's frame callback reports it; its burnt-in counter is read afterwards, outside the time measured. One turn
gives both rows of the light stream. Peer, measured in the lab only: hls.js 190 to 320 ms (p50).
"""

import asyncio
import random
import statistics
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.accounts.desk import AccountDesk
from appliance.accounts.look import Given, Reason
from appliance.core.clock import Clock, SimulatedClock
from appliance.media.stream import StreamKey
from appliance.web.app import make_app, serve
from appliance.web.recorder import Recorder, SiteInfo
from tests.bench.row import Missing, Options, Turn, row
from tests.browser.chromium import Page, chromium
from tests.browser.entry import sign_in
from tests.browser.screen import SCREEN, read_screen
from tests.peers.fake_detector import FakeDetector
from tests.peers.fake_recorder import FORMS, Form
from tests.peers.looking import WHY, make_book
from tests.peers.need import ROOT, locate
from tests.peers.recorded import KEY, NAMES, Recorded, recorded
from tests.peers.sign_in import DURAND, make_staff

SEEKS: Final = 60
RECORDED_S: Final = 240
SETTLE_S: Final = 1.0
"""s after the page's start before the first seek: its script is compiled by then."""

SITE: Final = SiteInfo("Banc", "Banc", "Europe/Paris")

MAIN: Final = Form(1920, 1080, 15, 30)
"""Full definition of most cameras here, with the longest GOP that the set-up accepts: 2 s."""

MAIN_KEY: Final = StreamKey("portail", "main")
MAIN_RECORDED_S: Final = 90
"""s of it: seven times what the browser keeps."""

_samples: dict[int, list[float]] = {}  # by turn: the rows share one measurement
_turns = {"p50": 0, "p95": 0}


Opening = tuple[Sequence[str], int, int | None]
"""Cameras that whoever sits at the appliance has opened, from, to; no end: an alert that goes on, which is followed."""


@dataclass(frozen=True, slots=True)
class Served:
    """A page that is served, and its people."""

    base: str
    staff: AccountDesk

    async def enter(self, page: Page) -> None:
        """The manager sits at this browser."""
        await sign_in(page, self.base, self.staff)


@asynccontextmanager
async def page_over(
    folder: Path, recorder: Recorder, detector: FakeDetector, clock: Clock, opening: Opening | None = None
) -> AsyncIterator[Served]:
    """The built page served over these."""
    book = await make_book(folder, clock)
    if opening is not None:
        cameras, from_us, to_us = opening
        given = WHY if to_us is not None else Given(Reason.ALERT, alert=1)
        _ = await book.open(DURAND, given, cameras, from_us, to_us)
    staff = await make_staff(folder, clock)
    runner = await serve(make_app(recorder, detector, built_page(), SITE, book, staff), "127.0.0.1", 0)
    try:
        yield Served(f"http://127.0.0.1:{runner.addresses[0][1]}", staff)
    finally:
        await runner.cleanup()
        await staff.close()
        await book.store.database.close()


@asynccontextmanager
async def opened(folder: Path, tape: Recorded, address: str) -> AsyncIterator[Page]:
    """Chromium with playback at this address of the page over a tape, at rest."""
    opening = (list(NAMES), tape.start_us, tape.end_us)
    clock = SimulatedClock(tape.end_us)
    async with page_over(folder, tape.client, FakeDetector(folder, ()), clock, opening) as served, chromium() as page:
        await page.resize(1280, 900)
        await served.enter(page)
        await page.open(f"{served.base}{address}")
        await page.until(f"{SCREEN}?.player?.at != null")
        await asyncio.sleep(SETTLE_S)
        yield page
        assert page.troubles == []


def built_page() -> Path:
    """The built page. Raises Missing without it, or without a browser."""
    if locate("chromium") is None:
        raise Missing("chromium")
    dist = ROOT / "webui" / "dist"
    if not (dist / "index.html").is_file():
        raise Missing("the built page: python webui/build.py")
    return dist


async def measure(seed: int, tape_s: int, key: StreamKey, form: Form) -> list[float]:
    """Milliseconds of each seek, sorted. Raises AssertionError when a picture is not the one recorded then."""
    rng = random.Random(seed)
    built_page()
    with tempfile.TemporaryDirectory(prefix="seek-") as name:
        folder = Path(name)
        async with recorded(folder, tape_s, keys=(key,), form=form) as tape:
            address = f"/lecture?cam={key.camera}&t={tape.start_us + 1_000_000}"
            async with opened(folder, tape, address) as page:
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
                return sorted(times)


def _turn(which: str) -> list[float]:
    turn = _turns[which]
    _turns[which] += 1
    if turn not in _samples:
        _samples[turn] = asyncio.run(measure(turn, RECORDED_S, KEY, FORMS["sub"]))
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


@row("seek-main-p50", unit="ms", better="lower", target=200)
def seek_main_p50(options: Options) -> Turn:
    """Median of 60 seeks of a camera that has only a full definition, 1080p with a GOP of 2 s."""
    seed = random.SystemRandom().randrange(1 << 30)
    del options
    return Turn(statistics.median(asyncio.run(measure(seed, MAIN_RECORDED_S, MAIN_KEY, MAIN))))
