"""Rows of many cameras: CPU, memory, lateness and start of a recorder with 32 and 64; the peers read the same cameras.

The cameras are `tests.bench.senders` in a process of their own. Each picture has its number: what was sent, by the
cameras' own word, is compared with what is on the disks, byte for byte. Rows of the same load share their turns.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from appliance.media.part import parse_part
from appliance.ring.access.reader import RecorderClient
from appliance.ring.disks.disk import FIELD_GEOMETRY, format_disk
from appliance.ring.faults import RecorderUnreachable
from appliance.ring.walk import walk
from tests.bench.recorder_rows import _cpu_s, _ffmpeg_cpu
from tests.bench.row import Missing, Options, Turn, bench_folder, row
from tests.peers.live import ROOT, SITE_CAMERA, SITE_HEADER, Service
from tests.peers.many_cameras import Sent
from tests.peers.numbered import KINDS, Ledgers, NumberedPictures

WARM_S: Final = 15.0
LAST_S: Final = 1.5
"""Seconds for the last pictures to be taken and stored: two ticks, on a busy machine."""

CHUNKS_PER_STREAM: Final = 3.5
DURABLE_S: Final = 60.0
"""Seconds in which all streams must be durable, or nothing can be measured."""


class Senders:
    """Cameras that send until they are told to stop."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._line())

    def stop(self) -> Sent:
        """No more pictures; what was sent to whom. Blocking."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        sent: dict[str, list[list[int]]] = json.loads(self._line())
        return {key: [(first, end) for first, end in sessions] for key, sessions in sent.items()}

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def senders() -> Iterator[Senders]:
    """Until the block ends."""
    command = [sys.executable, "-m", "tests.bench.senders"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield Senders(process)
        finally:
            process.kill()


@contextmanager
def idle_loop() -> Iterator[Callable[[], float]]:
    """An event loop that does nothing, in a process of its own; the call ends it: p99 of its lateness, ms."""
    command = [sys.executable, "-m", "tests.bench.idle_loop"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:

        def lateness() -> float:
            return float(process.communicate("\n")[0])

        try:
            yield lateness
        finally:
            process.kill()


def site_of(folder: Path, port: int, cameras: int, *, both: bool) -> Path:
    """A site file and its disk."""
    streams = cameras * (2 if both else 1)
    format_disk(folder / "disk", FIELD_GEOMETRY, int(streams * CHUNKS_PER_STREAM) + 16)
    text = SITE_HEADER.replace('secrets = "secrets.toml"\n', "") + '[[disk]]\npath = "disk"\n'
    for number in range(cameras):
        url = f"rtsp://127.0.0.1:{port}/{number}"
        sub = f'sub = "{url}/sub"\n' if both else ""
        text += SITE_CAMERA.format(id=f"cam{number}", main=f"{url}/main", sub=sub)
    file = folder / "site.toml"
    file.write_text(text, encoding="utf-8")
    return file


@dataclass(frozen=True, slots=True)
class Load:
    """One turn. `cpu`: seconds a second, all threads; `start_s`: until all streams were durable.

    `lag_ms`, `idle_ms`: p99 of the recorder's loop and of one that did nothing beside it; `pause_ms`: the collector's
    longest. `wrong`: pictures that are not stored once, byte for byte as they were sent.
    """

    cpu: float
    start_s: float
    rss_mb: float
    lag_ms: float
    idle_ms: float
    pause_ms: float
    wrong: int


async def measure(folder: Path, site: Path, cameras: Senders, streams: int, measure_s: float) -> Load:
    """Run a recorder and look at it; the cameras have stopped afterwards."""
    began = time.monotonic()
    service = await Service.start("recorder", "--site", str(site))
    try:
        with idle_loop() as idle:
            async with RecorderClient(folder / "recorder.sock") as client:
                while not await _durable(client, streams):
                    if time.monotonic() - began > DURABLE_S:
                        raise Missing(f"a recorder that keeps up with {streams} streams here")
                    await asyncio.sleep(0.05)
                start_s = time.monotonic() - began
                await asyncio.sleep(WARM_S)
                process = psutil.Process(service.process.pid)
                had = _pictures(await client.state())
                before, at = _cpu_s(process.pid), time.monotonic()
                await asyncio.sleep(measure_s)
                seconds = time.monotonic() - at
                cpu = (_cpu_s(process.pid) - before) / seconds
                state = await client.state()
                if _pictures(state) - had < 0.97 * seconds * sum(KINDS[name].fps for name, _taken in _streams(state)):
                    raise Missing("cameras that keep up beside the recorder")
            idle_ms = await asyncio.to_thread(idle)
        rss = process.memory_info().rss / 1e6
        sent = await asyncio.to_thread(cameras.stop)
        await asyncio.sleep(LAST_S)
    finally:
        status = await service.stop()
    if status != 0:
        raise Missing(f"a recorder that works: {service.errors[-3:]}")
    if len(sent) != streams:
        raise Missing(f"cameras that were asked for pictures: {len(sent)} of {streams}")
    wrong = await asyncio.to_thread(wrong_pictures, folder / "disk", sent)
    lag, pauses = state["loop"], state["collector"]
    return Load(cpu, start_s, rss, float(lag["p99_ms"]), idle_ms, float(pauses["worst_ms"]), wrong)


def _streams(state: Mapping[str, Any]) -> list[tuple[str, int]]:
    """(main or sub, pictures taken so far) of each stream."""
    return [(name, each["pictures"]) for camera in state["cameras"] for name, each in camera["streams"].items()]


def _pictures(state: Mapping[str, Any]) -> int:
    return sum(taken for _name, taken in _streams(state))


async def _durable(client: RecorderClient, streams: int) -> bool:
    try:
        state = await client.state()
    except RecorderUnreachable:  # it is starting
        return False
    marks = [stream["durable_utc_us"] for camera in state["cameras"] for stream in camera["streams"].values()]
    return len(marks) == streams and all(marks)


def wrong_pictures(disk: Path, sent: Sent) -> int:
    """Pictures that are not on the disk exactly once and byte for byte as they were sent. Blocking."""
    parts: dict[str, list[tuple[int, Path, int, int]]] = {}
    for file in sorted(disk.glob("[0-9a-f][0-9a-f]/*.mp4")):
        with file.open("rb") as source:
            found = walk(source.fileno(), FIELD_GEOMETRY)
        if found.header is not None:
            into = parts.setdefault(str(found.header.key), [])
            into += [(entry.sequence, file, entry.offset, entry.length) for entry in found.entries]
    ledgers = Ledgers({name: NumberedPictures(name, kind) for name, kind in KINDS.items()})
    for key, places in parts.items():
        for _sequence, file, offset, length in sorted(places):
            with file.open("rb") as source:
                source.seek(offset)
                data = source.read(length)
            ledgers.enter(key, parse_part(data), data)
    return ledgers.differences(sent)


def _turn(cameras: int, options: Options, *, both: bool = False) -> Load:
    with bench_folder() as folder, senders() as sending:
        site = site_of(folder, sending.port, cameras, both=both)
        streams = cameras * (2 if both else 1)
        return asyncio.run(measure(folder, site, sending, streams, 15.0 if options.quick else 60.0))


class _Shared:
    """Turns that several rows share: each row has each of them once."""

    def __init__(self, cameras: int, *, both: bool) -> None:
        self._cameras, self._both = cameras, both
        self._loads: list[Load] = []
        self._seen: dict[str, int] = {}

    def __call__(self, name: str, options: Options) -> Load:
        number = self._seen[name] = self._seen.get(name, 0) + 1
        while len(self._loads) < number:
            self._loads.append(_turn(self._cameras, options, both=self._both))
        return self._loads[number - 1]


_load_64: Final = _Shared(64, both=False)
_load_both: Final = _Shared(64, both=True)


def _pair_32(options: Options) -> tuple[float, float]:
    """Ours and ffmpeg's CPU-s per stream-hour with the same 32 cameras, one after the other."""
    measure_s = 15.0 if options.quick else 60.0
    with bench_folder() as folder, senders() as sending:
        site = site_of(folder, sending.port, 32, both=False)
        load = asyncio.run(measure(folder, site, sending, 32, measure_s))
    with bench_folder() as folder, senders() as sending:
        urls = [f"rtsp://127.0.0.1:{sending.port}/{number}/main" for number in range(32)]
        theirs = _ffmpeg_cpu(urls, folder, 10.0, measure_s / 2)
    return load.cpu * 3600 / 32, theirs * 3600 / 32


_PAIRS: Final[list[tuple[float, float]]] = []


@row("capture-32", unit="CPU-s per stream-hour", better="lower", target=11, peer="ffmpeg -c copy -f segment, one each")
def capture_32(options: Options) -> Turn:
    """32 live cameras at 4 Mbit/s, 25 pictures a second: capture and durable store, all threads."""
    _PAIRS.append(_pair_32(options))
    return Turn(*_PAIRS[-1])


@row("capture-32-ratio", unit="share of ffmpeg's CPU", better="lower", target=0.45)
def capture_32_ratio(options: Options) -> Turn:
    """Ours over ffmpeg's, of the same turns."""
    ours, theirs = _PAIRS.pop(0) if _PAIRS else _pair_32(options)
    return Turn(ours / theirs)


@row("capture-64", unit="CPU-s per stream-hour", better="lower", target=11.5)
def capture_64(options: Options) -> Turn:
    """64 live main streams at 4 Mbit/s."""
    return Turn(_load_64("capture-64", options).cpu * 3600 / 64)


@row("capture-64-lost", unit="pictures", better="lower", target=0)
def capture_64_lost(options: Options) -> Turn:
    """Pictures of 64 main streams that are not on the disk once, byte for byte as they were sent."""
    return Turn(_load_64("capture-64-lost", options).wrong)


@row("capture-64-both", unit="CPU-s per camera-hour", better="lower", target=13)
def capture_64_both(options: Options) -> Turn:
    """64 cameras: main 4 Mbit/s at 25 and sub 0.4 Mbit/s at 10 pictures a second."""
    return Turn(_load_both("capture-64-both", options).cpu * 3600 / 64)


@row("capture-64-both-lost", unit="pictures", better="lower", target=0)
def capture_64_both_lost(options: Options) -> Turn:
    """Pictures of 64 main and 64 sub-streams that are not on the disk once, byte for byte as they were sent."""
    return Turn(_load_both("capture-64-both-lost", options).wrong)


@row("memory-64", unit="MB", better="lower", target=240)
def memory_64(options: Options) -> Turn:
    """Resident memory of the recorder with 64 main streams, its queues included."""
    return Turn(_load_64("memory-64", options).rss_mb)


@row("loop-lag-64", unit="ms", better="lower", target=50, peer="an event loop that does nothing, beside it")
def loop_lag_64(options: Options) -> Turn:
    """p99 of the event loop's lateness with 64 main streams, start included, by the recorder's own histogram.

    The cameras' process has the same two cores: what it takes from any process shows in the idle loop beside it.
    """
    load = _load_64("loop-lag-64", options)
    return Turn(load.lag_ms, load.idle_ms)


@row("collector-64", unit="ms", better="lower", target=25)
def collector_64(options: Options) -> Turn:
    """Longest pause of Python's collector with 64 main streams: half of what the loop may be late."""
    return Turn(_load_64("collector-64", options).pause_ms)


@row("start-64", unit="s", better="lower", target=10)
def start_64(options: Options) -> Turn:
    """From the start of the process until each of 64 main streams has durable video."""
    return Turn(_load_64("start-64", options).start_s)
