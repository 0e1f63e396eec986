"""Rows of the page: its weight, its lists over a month of 64 cameras, steps, four cameras in step, and recording
meanwhile.
"""

import asyncio
import gzip
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from appliance.core.clock import SimulatedClock, SystemClock
from appliance.media.stream import StreamKey
from appliance.ring.access.lookup import Catalogue
from appliance.ring.access.protocol import span_message
from appliance.ring.dating.redate import Redating
from appliance.ring.index.cache import Index
from appliance.web.recorder import Answer, Recorder
from tests.bench.month import CAMERAS, DAY_US, DAYS, START_US, month_file
from tests.bench.row import Options, Turn, bench_folder, row
from tests.bench.seek import built_page, opened, page_over
from tests.browser.chromium import chromium
from tests.browser.screen import SCREEN, read_screen
from tests.peers.fake_detector import FakeDetector
from tests.peers.fake_recorder import FakeRecorder
from tests.peers.live import chain, small_clips
from tests.peers.recorded import NAMES, recorded
from tests.peers.sign_in import cookie_of
from tests.peers.stored import frames_of

ALERTS_A_DAY: Final = 10
"""Of each camera: a bad month. 19 200 in all."""

ASKED: Final = 60
"""Questions of a turn, of each kind."""

STEPS: Final = 30
"""Each way."""

TOGETHER_S: Final = 60
SCRUBBED_S: Final = 20
SCRUB_MS: Final = 120
"""Between two instants of a hand that drags: eight a second."""

DRAGS: Final = 16
"""Instants before the page is opened anew: two seconds, in which it has fetched the few groups there are and would ask
for nothing more.
"""


@row("js-kb", unit="kB gzip", better="lower", target=150)
def js_kb(options: Options) -> Turn:
    """All scripts of the page together."""
    del options
    return Turn(sum(_gzip_kb(file) for file in sorted(built_page().rglob("*.js"))))


def _gzip_kb(file: Path) -> float:
    return len(gzip.compress(file.read_bytes(), 9, mtime=0)) / 1000


async def _first_page() -> tuple[float, int]:
    """(kB gzip of the files that the first page loads, requests until it says how things are)."""
    dist = built_page()
    with tempfile.TemporaryDirectory(prefix="page-") as name:
        detector = FakeDetector(Path(name), ("portail", "cour"))
        await detector.desk.open()
        recorder = FakeRecorder()
        clock = SimulatedClock(recorder.now_us)
        async with page_over(Path(name), recorder, detector, clock) as served, chromium() as page:
            await served.enter(page)
            await page.open(f"{served.base}/")
            await page.until("document.querySelector('h1')?.innerText.length > 3")
            asked = [urlsplit(each).path for each in page.requests]
        await detector.desk.close()
    files = {dist / (path.lstrip("/") or "index.html") for path in asked}
    return sum(_gzip_kb(file) for file in files if file.is_file()), len(asked)


@row("first-page-kb", unit="kB gzip", better="lower", target=60)
def first_page_kb(options: Options) -> Turn:
    """Document, style and scripts of the first page."""
    del options
    return Turn(asyncio.run(_first_page())[0])


@row("requests", unit="requests", better="lower", target=25)
def requests(options: Options) -> Turn:
    """All requests until the first page says how things are, the API's among them."""
    del options
    return Turn(asyncio.run(_first_page())[1])


class MonthRecorder(FakeRecorder):
    """Answers histories from an index of 30 days of 64 cameras."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__({f"camera-{each:02d}": f"Caméra {each}" for each in range(CAMERAS)})
        self.now_us = START_US + DAYS * DAY_US
        self._catalogue = catalogue

    def durable_us(self) -> int:
        return self.now_us

    def _first_us(self) -> int:
        return START_US

    async def spans(self, camera: str, stream: str, from_us: int, to_us: int) -> Answer:
        found = await self._catalogue.spans(StreamKey(camera, "main" if stream == "main" else "sub"), from_us, to_us)
        line = await asyncio.to_thread(lambda: json.dumps([span_message(span) for span in found]))
        spans: list[dict[str, Any]] = json.loads(line)
        live = {"state": "recording", "cause": "NONE"}
        return {"spans": spans, "pauses": [], "durable_us": self.now_us, "live": live}


@asynccontextmanager
async def _month(path: Path, folder: Path) -> AsyncIterator[tuple[str, int, dict[str, str]]]:
    """Address of a page over the month, and its present."""
    clock = SimulatedClock(utc_us=START_US + DAYS * DAY_US)
    index = Index(path, clock)
    await index.open()
    recorder = MonthRecorder(Catalogue(index, {}, clock, Redating()))
    detector = FakeDetector(folder, tuple(recorder.cameras), SimulatedClock(recorder.now_us))
    await detector.desk.open()
    await detector.visit("camera-00")
    await asyncio.to_thread(_fill, folder / "events.db", recorder.now_us)
    async with page_over(folder, recorder, detector, clock) as served:
        yield f"{served.base}/api/v1", recorder.now_us, await cookie_of(served.staff)
    await detector.desk.close()
    await index.close()


def _fill(path: Path, now_us: int) -> None:
    """A month of alerts, copies of the one that is there."""
    total = CAMERAS * DAYS * ALERTS_A_DAY
    with sqlite3.connect(path) as database:
        columns = [str(each[1]) for each in database.execute("PRAGMA table_info(alert)") if each[1] != "number"]
        model = dict(zip(columns, database.execute(f"SELECT {','.join(columns)} FROM alert").fetchone(), strict=True))
        sql = f"INSERT INTO alert ({','.join(columns)}) VALUES ({','.join('?' * len(columns))})"
        for nth in range(total):
            at = now_us - (total - nth) * DAYS * DAY_US // total
            camera = f"camera-{nth % CAMERAS:02d}"
            alert = {**model, "camera": camera, "opened_us": at, "last_us": at + 4_000_000, "closed_us": at + 9_000_000}
            database.execute(sql, [alert[each] for each in columns])
    database.close()


async def _lists(month: Path, seed: int) -> float:
    """The slower of both lists: ms of the 95th percentile."""
    rng = random.Random(seed)
    took: dict[str, list[float]] = {"timeline": [], "alerts": []}
    with bench_folder() as folder:
        async with _month(month, folder) as (base, now, who), aiohttp.ClientSession(headers=who) as session:
            for _ in range(ASKED):
                camera, week = rng.randrange(CAMERAS), 7 * DAY_US
                end = rng.randrange(now - (DAYS * DAY_US - week), now)
                for kind, path in (
                    (
                        "timeline",
                        f"/cameras/camera-{camera:02d}/timeline?stream=sub&from={now - DAYS * DAY_US}&to={now}",
                    ),
                    ("alerts", f"/alerts?from={end - week}&to={end}&limit=100"),
                ):
                    began = time.perf_counter()
                    async with session.get(base + path) as answer:
                        body = await answer.json()
                    took[kind].append((time.perf_counter() - began) * 1e3)
                    assert len(body["spans"]) == 1 if kind == "timeline" else len(body["alerts"]) == 100
    return max(statistics.quantiles(each, n=20)[-1] for each in took.values())


@row("list-p95", unit="ms", better="lower", target=100)
def list_p95(options: Options) -> Turn:
    """A camera's whole month, and the newest hundred alerts of a week, of a site with 64 cameras."""
    del options
    return Turn(asyncio.run(_lists(month_file(), random.SystemRandom().randrange(1 << 30))))


async def _steps() -> int:
    """Steps of 60 that did not lead to the picture before or after."""
    built_page()
    with tempfile.TemporaryDirectory(prefix="step-") as name:
        folder = Path(name)
        async with (
            recorded(folder, 20) as tape,
            opened(folder, tape, f"/lecture?cam=portail&t={tape.start_us + 3_000_000}") as page,
        ):
            await page.run(f"{SCREEN}.player.seek({tape.start_us + 3_000_000})")
            shown, wrong = (await read_screen(page)).counter, 0
            for direction in [1] * STEPS + [-1] * STEPS:
                await page.run(f"{SCREEN}.player.step({direction})")
                counter = (await read_screen(page)).counter
                wrong += counter - shown != direction
                shown = counter
    return wrong


@row("step-wrong", unit="of 60", better="lower", target=0)
def step_wrong(options: Options) -> Turn:
    """30 pictures forward and 30 back over a GOP's border, by the counter in the picture."""
    del options
    return Turn(asyncio.run(_steps()))


def _wall(start_us: int) -> str:
    first, *others = NAMES
    return f"/lecture?cam={first}&avec={','.join(others)}&t={start_us}"


async def _together(seconds: int) -> float:
    """Ms that the four stand apart at the most, two seconds after the start and later."""
    built_page()
    keys = [StreamKey(each, "sub") for each in NAMES]
    with tempfile.TemporaryDirectory(prefix="tiles-") as name:
        folder = Path(name)
        async with (
            recorded(folder, seconds + 15, keys=keys) as tape,
            opened(folder, tape, _wall(tape.start_us + 1_000_000)) as page,
        ):
            await page.until("document.querySelector('t-tiles').followers.size === 3")
            await page.run(
                f"""(() => {{ window.apart = [];
                const tiles = [...document.querySelector('t-tiles').followers.values()];
                setTimeout(() => setInterval(() => {{
                const at = [{SCREEN}.player, ...tiles].map((each) => each.position());
                window.apart.push((Math.max(...at) - Math.min(...at)) / 1000); }}, 50), 2000);
                {SCREEN}.player.play(); }})()"""
            )
            await asyncio.sleep(seconds)
            await page.until(f"window.apart.length >= {(seconds - 2) * 18}")
            apart = [float(each) for each in await page.run("window.apart")]
            assert await page.run(f"{SCREEN}.player.playing")
    return max(apart)


@row("tiles-ms", unit="ms", better="lower", target=50)
def tiles_ms(options: Options) -> Turn:
    """Between the first and the last of four cameras that play for 60 s, looked at 20 times a second: the worst."""
    return Turn(asyncio.run(_together(20 if options.quick else TOGETHER_S)))


async def _lost(seconds: int) -> int:
    """Pictures missing on the disks of four cameras that were recorded while a hand dragged over all four."""
    rng = random.Random(seconds)
    built_page()
    clips = await asyncio.to_thread(small_clips)
    with bench_folder() as folder:
        async with chain(folder, [clips] * 4, chunks=40) as site:
            recorder = await site.recorder()
            await site.durable(8.0)
            async with site.client() as client:
                marks = [
                    stream for camera in (await client.state())["cameras"] for stream in camera["streams"].values()
                ]
                start = max(int(each["first_utc_us"]) for each in marks) + 500_000
                end = min(int(each["durable_utc_us"]) for each in marks) - 500_000
                await _scrub(folder, client, (start, end), rng, seconds)
            assert await recorder.stop() == 0
            stored = await asyncio.to_thread(site.stored)
    lost = 0
    for parts in stored.values():
        counters = sorted({counter for counter, _nals in frames_of(part.data for part in parts)})
        lost += counters[-1] - counters[0] + 1 - len(counters)
    assert len(stored) == 8
    return lost


async def _scrub(folder: Path, client: Recorder, span_us: tuple[int, int], rng: random.Random, seconds: int) -> None:
    opening = ([f"cam{each}" for each in range(4)], *span_us)
    clock = SystemClock()
    async with page_over(folder, client, FakeDetector(folder, ()), clock, opening) as served, chromium() as page:
        await page.resize(1280, 900)
        await served.enter(page)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await page.open(f"{served.base}/lecture?cam=cam0&avec=cam1,cam2,cam3&t={span_us[0]}")
            await page.until("document.querySelector('t-tiles')?.followers.size === 3")
            for _ in range(DRAGS):
                await page.run(f"void {SCREEN}.goTo({rng.randrange(*span_us)})")
                await asyncio.sleep(SCRUB_MS / 1000)
        drawn = sum("/gop?" in each for each in page.requests)
        assert drawn > seconds, f"the hand did drag: {drawn} in {seconds} s"


@row("lost-while-scrubbing", unit="pictures", better="lower", target=0)
def lost_while_scrubbing(options: Options) -> Turn:
    """Of four cameras, both streams, while a hand drags over all four for 20 s."""
    return Turn(asyncio.run(_lost(8 if options.quick else SCRUBBED_S)))
