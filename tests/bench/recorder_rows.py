"""Rows of the recorder: CPU of capture and durable store, video lost at SIGKILL; ffmpeg's segmenter beside it.

The cameras are a process of their own here, so that their CPU is not counted; the peer reads the same cameras in
the same turn.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from appliance.demo.camera import CameraOptions
from appliance.demo.stream import StreamOptions
from appliance.media.stream import StreamKey
from appliance.ring.disks.disk import FIELD_GEOMETRY
from tests.bench.row import Missing, Options, Turn, bench_folder, row
from tests.peers.live import ROOT, Service, chain, clip_of, random_seconds
from tests.peers.stored import newest_stamp_us

CAMERAS = 8
KILLS = 20
SEGMENT = ("-c", "copy", "-an", "-f", "segment", "-segment_time", "10", "-reset_timestamps", "1")


def _ffmpeg() -> str:
    found = shutil.which("ffmpeg")
    if found is None:
        raise Missing("ffmpeg")
    return found


def _cpu_s(process: int) -> float:
    times = psutil.Process(process).cpu_times()
    return times.user + times.system


class Cameras:
    """Simulated cameras in a child process: `python -m tests.bench.recorder_rows cameras COUNT FOLDER`."""

    def __init__(self, process: subprocess.Popen[str], site: Path, urls: list[str]) -> None:
        self.process = process
        self.site = site
        self.urls = urls

    @classmethod
    @contextmanager
    def serving(cls, count: int, folder: Path) -> Iterator["Cameras"]:
        """Until the block ends."""
        command = [sys.executable, "-m", "tests.bench.recorder_rows", "cameras", str(count), str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline().split()
                yield cls(process, Path(line[0]), line[1:])
            finally:
                process.terminate()


async def _serve(count: int, folder: Path) -> None:
    clip = clip_of("cour", 1920, 1088, 25, 4_000_000)
    options = CameraOptions(stream=StreamOptions(keep_digests=False))
    clips = [{"main": clip}] * count
    async with chain(folder, clips, disks=1, chunks=count * 4 + 8, geometry=FIELD_GEOMETRY, options=options) as site:
        urls = [camera.url("main", credentials=True) for camera in site.cameras.values()]
        print(site.site, *urls, flush=True)
        await asyncio.Event().wait()


async def _recorder_cpu(site: Path, warm_s: float, measure_s: float) -> float:
    service = await Service.start("recorder", "--site", str(site))
    await asyncio.sleep(warm_s)
    before, began = _cpu_s(service.process.pid), time.monotonic()
    await asyncio.sleep(measure_s)
    used, seconds = _cpu_s(service.process.pid) - before, time.monotonic() - began
    if await service.stop() != 0:
        raise Missing(f"a recorder that works: {service.errors[-3:]}")
    return used / seconds


def _segmenters(urls: list[str], folder: Path) -> list[subprocess.Popen[bytes]]:
    return [
        subprocess.Popen(
            [
                _ffmpeg(),
                "-nostdin",
                "-v",
                "error",
                "-rtsp_transport",
                "tcp",
                "-i",
                url,
                *SEGMENT,
                f"{folder}/{n}-%d.mp4",
            ]
        )
        for n, url in enumerate(urls)
    ]


def _ffmpeg_cpu(urls: list[str], folder: Path, warm_s: float, measure_s: float) -> float:
    peers = _segmenters(urls, folder)
    try:
        time.sleep(warm_s)
        before, began = sum(_cpu_s(peer.pid) for peer in peers), time.monotonic()
        time.sleep(measure_s)
        return (sum(_cpu_s(peer.pid) for peer in peers) - before) / (time.monotonic() - began)
    finally:
        for peer in peers:
            peer.kill()
            peer.wait()


@row("capture-8", unit="CPU-s per stream-hour", better="lower", target=14, peer="ffmpeg -c copy -f segment, one each")
def capture_8(options: Options) -> Turn:
    """8 live cameras 1080p25 at 4 Mbit/s: capture and durable store, all threads of the recorder."""
    measure_s = 20.0 if options.quick else 60.0
    with bench_folder() as folder, Cameras.serving(CAMERAS, folder) as cameras:
        ours = asyncio.run(_recorder_cpu(cameras.site, 10.0, measure_s))
        theirs = _ffmpeg_cpu(cameras.urls, folder, 10.0, measure_s / 2)
    return Turn(ours * 3600 / CAMERAS, theirs * 3600 / CAMERAS)


async def _sigkill_losses(folder: Path, kills: int, seed: int) -> list[float]:
    """Seconds between the kill and the exposure of the last picture on disk, per kill and stream."""
    clip = clip_of("cour", 1280, 720, 25, 2_000_000)
    losses: list[float] = []
    async with chain(folder, [{"main": clip}] * 4, chunks=40) as site:
        for seconds in random_seconds(seed, 1.0, 3.0, kills):
            recorder = await site.recorder()
            await site.durable(2.0)
            await asyncio.sleep(seconds)
            await recorder.stop(signal.SIGKILL)
            killed_us = time.time_ns() // 1000
            stored = await asyncio.to_thread(site.stored)
            for name in site.cameras:
                last = max(stored[StreamKey(name, "main")], key=lambda part: part.entry.sequence)
                losses.append((killed_us - newest_stamp_us(last.data)) / 1e6)
    return losses


def _ffmpeg_loss(folder: Path, seed: int) -> float:
    """Largest loss of four segmenters killed together, seconds: what no reader can get back."""
    if shutil.which("ffprobe") is None:
        raise Missing("ffprobe")
    worst = 0.0
    with Cameras.serving(4, folder) as cameras:
        peers = _segmenters(cameras.urls, folder)
        time.sleep(random_seconds(seed, 12.0, 19.0, 1)[0])
        for peer in peers:
            peer.kill()
        killed_us = time.time_ns() // 1000
        for n, peer in enumerate(peers):
            peer.wait()
            files = sorted(folder.glob(f"{n}-*.mp4"), key=lambda file: int(re.findall(r"-(\d+)", file.name)[0]))
            newest = max((_readable_until(file) for file in files), default=0)
            worst = max(worst, (killed_us - newest) / 1e6)
    return worst


def _readable_until(file: Path) -> int:
    """UTC of the newest picture in a file that a player can open, 0 when it cannot."""
    probe = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(file)]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    return newest_stamp_us(file.read_bytes()) if done.returncode == 0 else 0


@row("sigkill-max", unit="s", better="lower", target=0.6, peer="ffmpeg -f segment -segment_time 10")
def sigkill_max(options: Options) -> Turn:
    """Video lost at the worst of 20 kills of the recorder with four cameras."""
    seed = int.from_bytes(os.urandom(2), "big")
    with bench_folder() as folder:
        losses = asyncio.run(_sigkill_losses(folder, 7 if options.quick else KILLS, seed))
    with bench_folder() as folder:
        theirs = _ffmpeg_loss(folder, seed)
    return Turn(max(losses), theirs)


if __name__ == "__main__":
    if sys.argv[1:2] == ["cameras"]:
        asyncio.run(_serve(int(sys.argv[2]), Path(sys.argv[3])))
