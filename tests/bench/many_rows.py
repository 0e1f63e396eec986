"""Rows of many cameras: CPU, memory, lateness and start of a recorder with 32 and 64; the peers read the same cameras.

The cameras are `tests.bench.senders` in a process of their own. Lost pictures are counted in what is on the disks:
a decoding time that is missing. The rows of 64 main streams share their turns.
"""

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
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
from tests.bench.senders import FPS
from tests.peers.live import ROOT, SITE_CAMERA, SITE_HEADER, Service

WARM_S: Final = 15.0
CHUNKS_PER_STREAM: Final = 3.5
DURABLE_S: Final = 60.0
"""Seconds in which all streams must be durable, or nothing can be measured."""


@contextmanager
def senders() -> Iterator[int]:
    """Cameras that send until the block ends; the port."""
    command = [sys.executable, "-m", "tests.bench.senders"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
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
    """One turn. `cpu`: seconds a second, all threads; `start_s`: until all streams were durable."""

    cpu: float
    start_s: float
    rss_mb: float
    lag_ms: float
    lost: int


async def measure(folder: Path, site: Path, streams: int, measure_s: float) -> Load:
    """Run a recorder and look at it."""
    began = time.monotonic()
    service = await Service.start("recorder", "--site", str(site))
    try:
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
            if _pictures(state) - had < 0.97 * seconds * sum(FPS[name] for name, _taken in _streams(state)):
                raise Missing("cameras that keep up beside the recorder")
        rss = process.memory_info().rss / 1e6
    finally:
        status = await service.stop()
    if status != 0:
        raise Missing(f"a recorder that works: {service.errors[-3:]}")
    lost = await asyncio.to_thread(lost_pictures, folder / "disk", streams)
    return Load(cpu, start_s, rss, float(state["loop"]["p99_ms"]), lost)


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


def lost_pictures(disk: Path, streams: int) -> int:
    """Pictures missing between the first and the last of each stream, by the decoding times on the disk. Blocking."""
    times: dict[str, list[int]] = {}
    for file in sorted(disk.glob("[0-9a-f][0-9a-f]/*.mp4")):
        with file.open("rb") as source:
            found = walk(source.fileno(), FIELD_GEOMETRY)
            if found.header is None:
                continue
            into = times.setdefault(str(found.header.key), [])
            for entry in found.entries:
                source.seek(entry.offset)
                part = parse_part(source.read(entry.length), 0)
                at = part.tfdt
                for sample in part.samples:
                    into.append(at)
                    at += sample.duration
    if len(times) != streams:
        raise Missing(f"pictures of all streams: {len(times)} of {streams}")
    lost = 0
    for key, ticks in times.items():
        frame = 90_000 // FPS[key.rpartition("/")[2]]
        ticks.sort()
        lost += sum(round((b - a) / frame) - 1 for a, b in itertools.pairwise(ticks) if b - a > frame)
    return lost


def _turn(cameras: int, options: Options, *, both: bool = False) -> Load:
    with bench_folder() as folder, senders() as port:
        site = site_of(folder, port, cameras, both=both)
        streams = cameras * (2 if both else 1)
        return asyncio.run(measure(folder, site, streams, 15.0 if options.quick else 60.0))


_LOADS: Final[list[Load]] = []
_SEEN: Final[dict[str, int]] = {}


def _load_64(name: str, options: Options) -> Load:
    """The next turn of 64 main streams that this row has not had."""
    number = _SEEN[name] = _SEEN.get(name, 0) + 1
    while len(_LOADS) < number:
        _LOADS.append(_turn(64, options))
    return _LOADS[number - 1]


def _pair_32(options: Options) -> tuple[float, float]:
    """Ours and ffmpeg's CPU-s per stream-hour with the same 32 cameras, one after the other."""
    measure_s = 15.0 if options.quick else 60.0
    with bench_folder() as folder, senders() as port:
        load = asyncio.run(measure(folder, site_of(folder, port, 32, both=False), 32, measure_s))
        urls = [f"rtsp://127.0.0.1:{port}/{number}/main" for number in range(32)]
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
    """Pictures that the disk lacks, of 64 main streams."""
    return Turn(_load_64("capture-64-lost", options).lost)


@row("capture-64-both", unit="CPU-s per camera-hour", better="lower", target=13)
def capture_64_both(options: Options) -> Turn:
    """64 cameras: main 4 Mbit/s at 25 and sub 0.4 Mbit/s at 10 pictures a second."""
    return Turn(_turn(64, options, both=True).cpu * 3600 / 64)


@row("memory-64", unit="MB", better="lower", target=240)
def memory_64(options: Options) -> Turn:
    """Resident memory of the recorder with 64 main streams, its queues included."""
    return Turn(_load_64("memory-64", options).rss_mb)


@row("loop-lag-64", unit="ms", better="lower", target=50)
def loop_lag_64(options: Options) -> Turn:
    """p99 of the event loop's lateness with 64 main streams, by the recorder's own histogram."""
    return Turn(_load_64("loop-lag-64", options).lag_ms)


@row("start-64", unit="s", better="lower", target=10)
def start_64(options: Options) -> Turn:
    """From the start of the process until each of 64 main streams has durable video."""
    return Turn(_load_64("start-64", options).start_s)
