"""Rows of the detector's process: from what happens in the picture to the alert's row, and how long work waits.

The cameras are a process of their own, as in recorder_rows; the recorder and the detector run as they do on a site.
"""

import asyncio
import json
import signal
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import psutil

from appliance.alerts.client import DetectorClient
from appliance.alerts.errors import DetectorUnreachable
from appliance.core.clock import SystemClock
from appliance.demo import clip as clip_file
from appliance.demo.camera import CameraOptions
from appliance.demo.clip import Clip
from appliance.demo.clips import footage
from appliance.demo.encode import EncodeSettings, encode
from appliance.demo.stream import StreamOptions
from appliance.ring.disks.disk import FIELD_GEOMETRY
from tests.bench.row import Missing, Options, Turn, bench_folder, row
from tests.peers.live import CACHE, ROOT, Service, chain, clip_of
from tests.peers.need import assets_folder
from tests.peers.watched import may_be_watched

ENTRY_S = 50.2
"""Seconds of `hall_a` at which its third person enters (ground_truth.json)."""

EMPTY_S = 46.5
"""The hall is empty from 45.0 on: armed here, the first event is the entry."""

HOUR_US = 3_600_000_000


def _hall(seconds: float | None) -> Clip:
    """The hall's sub-stream, whole or its first empty seconds, for a simulated camera. Blocking."""
    folder = assets_folder()
    if folder is None:
        raise Missing("assets (videos/hall_a_sub.mp4)")
    name = f"bench-hall-{seconds or 'whole'}"
    found = clip_file.load(CACHE, name)
    if found is None:
        CACHE.mkdir(parents=True, exist_ok=True)
        planes = footage(folder / "videos" / "hall_a_sub.mp4", Fraction(10))
        some = planes if seconds is None else islice(planes, int(seconds * 10))
        clip_file.save(encode(name, some, EncodeSettings(640, 360, Fraction(10), 220_000)), CACHE)
        found = clip_file.load(CACHE, name)
        assert found is not None
    return found


def _clips(what: str) -> list[dict[str, Clip]]:
    """`latency`: eight halls. `delay`: sixteen cameras of 4 Mbit/s, two of which (12 %) see somebody all the time."""
    if what == "latency":
        return [{"main": _hall(None), "sub": _hall(None)}] * 8
    main = clip_of("cour", 1920, 1088, 25, 4_000_000)
    return [{"main": main, "sub": _hall(None if n < 2 else 4.0)} for n in range(16)]


async def _serve(what: str, folder: Path) -> None:
    """The cameras' process: says where the site is; then, line by line, when a clip's second is shown next."""
    clips = _clips(what)
    options = CameraOptions(stream=StreamOptions(keep_digests=False))
    async with chain(
        folder, clips, disks=1, chunks=len(clips) * 8 + 16, geometry=FIELD_GEOMETRY, options=options
    ) as site:
        may_be_watched(site.site)
        print(site.site, flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            second = float(line)
            sent = site.cameras["cam0"].sent("sub")
            last = sent[-1]
            frames = len(clips[0]["sub"].frames)
            here = last.counter % frames
            ahead = (round(second * 10) - here) % frames
            print(json.dumps({"utc_us": last.utc_us + ahead * 100_000}), flush=True)


class _Cameras:
    """The other end."""

    def __init__(self, process: "Popen[str]", site: Path) -> None:
        self._process = process
        self.site = site

    @classmethod
    @contextmanager
    def serving(cls, what: str, folder: Path) -> Iterator["_Cameras"]:
        command = [sys.executable, "-m", "tests.bench.detector_rows", what, str(folder)]
        with Popen(command, stdin=PIPE, stdout=PIPE, text=True, cwd=ROOT) as process:
            try:
                assert process.stdout is not None
                yield cls(process, Path(process.stdout.readline().strip()))
            finally:
                process.terminate()

    def next_us(self, second: float) -> int:
        """UTC at which that second of the clip is shown next, by every camera."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(second, file=self._process.stdin, flush=True)
        return int(json.loads(self._process.stdout.readline())["utc_us"])


@asynccontextmanager
async def _services(site: Path) -> AsyncIterator[DetectorClient]:
    recorder = await Service.start("recorder", "--site", str(site))
    detector = await Service.start("detector", "--site", str(site))
    try:
        async with DetectorClient(site.parent / "detector.sock") as client:
            yield client
    finally:
        await detector.stop()
        await recorder.stop()


async def _arm(client: DetectorClient, count: int, *, armed: bool) -> None:
    until = SystemClock().utc_us() + HOUR_US
    names = [f"cam{n}" for n in range(count)]
    await client.ask("arm", cameras=names, armed=armed, by="Banc", why="mesure", until_us=until)


async def _latencies(cameras: _Cameras) -> list[float]:
    """Seconds from the entry in the picture to the alert's row, by camera."""
    async with _services(cameras.site) as client:
        await _arm(client, 8, armed=False)
        await asyncio.sleep(3)
        empty_us = cameras.next_us(EMPTY_S)
        await asyncio.sleep(max(0.0, empty_us / 1e6 - time.time()))
        await _arm(client, 8, armed=True)
        entry_us = empty_us + round((ENTRY_S - EMPTY_S) * 1e6)
        found: dict[str, float] = {}
        until = entry_us / 1e6 + 15
        while len(found) < 8 and time.time() < until:
            for alert in (await client.ask("alerts", from_us=empty_us, to_us=entry_us + HOUR_US))["alerts"]:
                found.setdefault(alert["camera"], time.time() - entry_us / 1e6)
            await asyncio.sleep(0.02)
        if len(found) < 8:
            raise Missing(f"alerts of all cameras ({len(found)} of 8)")
        return sorted(found.values())


@row("latency-8", unit="s", better="lower", target=2.5)
def latency_8(options: Options) -> Turn:
    """Event in the picture to alert row, 8 live cameras at the same instant: p95, which of eight is the slowest."""
    del options
    with bench_folder() as folder, _Cameras.serving("latency", folder) as cameras:
        return Turn(asyncio.run(_latencies(cameras))[-1])


async def _delay(site: Path, seconds: float) -> float:
    async with _services(site) as client:
        await _arm(client, 16, armed=True)
        await asyncio.sleep(10)
        taken: list[float] = []
        for _ in range(int(seconds / 5)):
            await asyncio.sleep(5)
            taken.append((await client.ask("state"))["delay_p95_us"] / 1e6)
        return statistics.median(taken)


@row("detect-16-delay", unit="s", better="lower", target=0.5)
def detect_16_delay(options: Options) -> Turn:
    """From a part's arrival to what was concluded from it, p95: 16 cameras, 12 % active, all recorded at 4 Mbit/s."""
    with bench_folder() as folder, _Cameras.serving("delay", folder) as cameras:
        return Turn(asyncio.run(_delay(cameras.site, 20.0 if options.quick else 60.0)))


BACK_AFTER_S = 6.0
"""Seconds that the detector lives before it is killed: one that dies at once is a fault of its start."""


async def _back(site: Path) -> float:
    run = await Service.start("run", "--site", str(site), "--port", "0")
    try:
        async with DetectorClient(site.parent / "detector.sock") as client:
            await _answer(client)
            await _arm(client, 8, armed=True)
            await asyncio.sleep(BACK_AFTER_S)
            children = psutil.Process(run.process.pid).children()
            detector = next(child for child in children if "detector" in child.cmdline())
            began = time.perf_counter()
            detector.send_signal(signal.SIGSEGV)
            await asyncio.to_thread(detector.wait, 10)
            state = await _answer(client)
            while not state["cameras"]["cam0"]["pictures"]:
                await asyncio.sleep(0.01)
                state = await _answer(client)
            return time.perf_counter() - began
    finally:
        await run.stop()


async def _answer(client: DetectorClient) -> dict[str, Any]:
    """The detector's state, once it answers."""
    while True:
        try:
            return await client.ask("state")
        except DetectorUnreachable:
            await asyncio.sleep(0.01)


@row("detector-back", unit="s", better="lower", target=2)
def detector_back(options: Options) -> Turn:
    """From a crash (SIGSEGV) under `appliance run` to the first picture that is looked at again, 8 live cameras."""
    del options
    with bench_folder() as folder, _Cameras.serving("latency", folder) as cameras:
        return Turn(asyncio.run(_back(cameras.site)))


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], Path(sys.argv[2])))
