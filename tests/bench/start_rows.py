"""Rows of the start: the index made again from catalogues, and how soon a part is durable.

The catalogues of 1.3 million chunks are made by the product's own functions, without chunk files: the line's bytes
are those of a recorder, and the rebuild reads nothing else.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

from appliance.core.cause import GapCause
from appliance.core.clock import SimulatedClock, SystemClock
from appliance.media.stream import StreamKey
from appliance.ring.catalog.log import CATALOG, NO_HEAD, Appender, Beginning, Head, Line, closed_facts
from appliance.ring.chunk import Geometry
from appliance.ring.disks.disk import format_disk
from appliance.ring.index.rows import ChunkRow, SpanRow
from appliance.ring.recording import Ring
from tests.bench.row import Missing, Options, Turn, bench_folder, row
from tests.peers.live import ROOT
from tests.peers.pictures import Camera
from tests.peers.ring_rig import Folder

CHUNKS = 1_300_000
DISKS = 8
STREAMS = 64
CHUNK_US = 128_000_000
"""A chunk of the field at 4 Mbit/s."""


def _catalog(path: Path, disk: int, chunks: int) -> Head:
    """The catalogue of one of the disks: every chunk closed once."""
    path.mkdir()
    uuid = f"{disk:032x}"
    about = {"version": 1, "uuid": uuid, "appliance": "0" * 32, "chunk_size": 64 << 20, "table_reserve": 192 << 10}
    (path / "nvr-disk.json").write_text(json.dumps({**about, "chunks": chunks}), encoding="utf-8")
    start_us = time.time_ns() // 1000 - chunks * DISKS * CHUNK_US // STREAMS
    appender = Appender.begin(Beginning(1, uuid, chunks, NO_HEAD, "bench"), start_us)
    with (path / CATALOG).open("wb") as file:
        for first in range(0, chunks, 4096):
            numbers = range(first, min(chunks, first + 4096))
            lines = [_closed(uuid, number, number * DISKS + disk, start_us) for number in numbers]
            offset, blocks = appender.append(lines, start_us)
            file.seek(offset)
            file.write(blocks)
            appender.durable()
    return appender.head()


def _closed(uuid: str, number: int, generation: int, start_us: int) -> Line:
    camera, turn = generation % STREAMS, generation // STREAMS
    from_us = start_us + turn * CHUNK_US + camera * 1000
    to_us = from_us + CHUNK_US
    names = f"camera-{camera:02d}", "main"
    size = 66_000_000 + number % 1_000_000
    times, codec = (from_us, from_us, to_us, size), "avc1.64001F"
    row = ChunkRow(uuid, number, generation, *names, *times, codec, 1920, 1080, 789, 12, turn * 320 + 320)
    first = turn * 320 + 1
    return Line("CLOSED", number, closed_facts(row, [SpanRow(12, from_us, to_us, 0, first, first + 319, 1)]))


@row("rebuild", unit="s", better="lower", target=15)
def rebuild(options: Options) -> Turn:
    """index.db of 1.3 million chunks on 8 disks made again from their catalogues, ready to be asked."""
    chunks = CHUNKS // DISKS
    with bench_folder() as folder:
        heads = {folder / f"disk{n}": _catalog(folder / f"disk{n}", n, chunks) for n in range(DISKS)}
        began = time.monotonic()
        command = [sys.executable, "-m", "appliance.ring.index.build", str(folder / "index.db")]
        command += [f"{path}={head}" for path, head in heads.items()]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        took_s = time.monotonic() - began
    if done.returncode or int(done.stdout) != chunks * DISKS:
        raise Missing(f"an index that can be built: {done.stderr}")
    return Turn(took_s)


SMALL = Geometry(chunk_size=1 << 20, table_reserve=32 << 10)
"""A hundredth of the field's chunks: what counts is how many there are, open ones are read in the background."""

OPEN = 128
DISK_CHUNKS = 400


@row("start-recording", unit="s", better="lower", target=3)
def start_recording(options: Options) -> Turn:
    """From start to the first durable part: 4 disks of 400 small chunks, 128 of them open since a kill, no index."""
    with bench_folder() as folder:
        paths = [folder / f"disk{n}" for n in range(4)]
        for path in paths:
            format_disk(path, SMALL, DISK_CHUNKS)
        command = [sys.executable, "-m", "tests.bench.start_rows", "killed", *map(str, paths)]
        if subprocess.run(command, check=False, cwd=ROOT).returncode:
            raise Missing("a recorder that records 128 streams")
        for file in folder.glob("index.db*"):
            file.unlink()
        return Turn(asyncio.run(_first_durable(paths)))


def _ring(paths: list[Path]) -> Ring:
    return Ring([Folder(path) for path in paths], SystemClock(), paths[0].parent / "index.db", quarantine_s=1)


KEYS = [StreamKey(f"camera-{n:03d}", "main") for n in range(OPEN)]


def _cameras(ring: Ring) -> list[Camera]:
    clock = cast("SimulatedClock", SystemClock())  # nothing of it is moved here
    return [Camera(ring.stream(key, "Essai"), clock, size=2000, seed=n) for n, key in enumerate(KEYS)]


async def _killed(paths: list[Path]) -> None:
    """Record until every stream has a chunk, then end as a kill does."""
    ring = _ring(paths)
    cameras = _cameras(ring)
    await ring.open()
    for camera in cameras:
        camera.start()
    for _ in range(15):
        for camera in cameras:
            for unit in camera.units(10):
                camera.sink.append(unit)
        await asyncio.sleep(0.4)
    assert all(ring.durable_us(key) for key in KEYS)
    os._exit(0)


async def _first_durable(paths: list[Path]) -> float:
    began = time.monotonic()
    ring = _ring(paths)
    cameras = _cameras(ring)
    await ring.open()
    for camera in cameras:
        camera.start(GapCause.APPLIANCE_OFF)
    while not any(ring.durable_us(key) for key in KEYS):
        for camera in cameras:
            for unit in camera.units(1):
                camera.sink.append(unit)
        await asyncio.sleep(0.04)
    took_s = time.monotonic() - began
    await ring.close()
    return took_s


if __name__ == "__main__":
    if sys.argv[1:2] == ["killed"]:
        asyncio.run(_killed([Path(path) for path in sys.argv[2:]]))
