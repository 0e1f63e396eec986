"""Rows of what disks see: flushes of a recording disk at 8 and 64 streams, bytes written to the system SSD.

Both on ext4 on a loop device of their own, by the device's counters, so they need root.
"""

import asyncio
import math
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from appliance.core.chain_file import JournalSettings
from appliance.core.chain_journal import Journal
from appliance.core.clock import SimulatedClock
from appliance.core.judgement import Record, Stamp
from appliance.core.timesource import save_record
from appliance.media.stream import StreamKey
from appliance.ring.chunk import Geometry
from appliance.ring.disks.disk import format_disk
from appliance.ring.index.cache import Index
from appliance.ring.recording import Ring
from tests.bench.month import CAMERAS, MAIN_CHUNK_S, SUB_CHUNK_S, chunk_of, month_file, month_start_us
from tests.bench.row import Missing, Options, Turn, row
from tests.peers.live import ROOT
from tests.peers.loop_disk import LoopDisk, loop_disk
from tests.peers.pictures import Camera
from tests.peers.ring_rig import Folder

TICK_S: Final = 0.4
GEOMETRY: Final = Geometry(chunk_size=1 << 20, table_reserve=16 << 10)
CHUNKS: Final = 260
"""Chunks of the disk: what 64 streams need, so that a lap is 260 MiB."""

SIZE: Final = 1900
"""Bytes a picture: a part is five blocks, so a chunk is full after 20 s; in the field, at 4 Mbit/s, after 128 s. What
is written when chunks are opened, closed and destroyed comes six times as often as there, and is seen in 50 ticks."""

SETTLE: Final = 12
"""Ticks between the filling and the counting: right after it the stock of free chunks is behind, as in no field."""

LAP_SIZE: Final = 20_000
"""Bytes a picture while the disk is filled, which is not measured."""

_flushes: dict[tuple[int, int], Turn] = {}
_asked: dict[tuple[str, int], int] = {}


@contextmanager
def _disk(mib: int) -> Iterator[LoopDisk]:
    if os.geteuid() != 0:
        raise Missing("root, for a loop device")
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as name, loop_disk(Path(name), mib) as disk:
        yield disk


async def _ring_flushes(disk: LoopDisk, streams: int, ticks: int) -> float:
    """Device flushes per second of a disk on its second lap, ticks paced as in the field."""
    await asyncio.to_thread(format_disk, disk.mount, GEOMETRY, CHUNKS)
    clock = SimulatedClock()
    ring = Ring([Folder(disk.mount)], clock, disk.mount.parent / "index.db", quarantine_s=1, automatic=False)
    keys = [StreamKey(f"cam{i}", "main") for i in range(streams)]
    cameras = [Camera(ring.stream(key, str(key)), clock, seed=i, size=LAP_SIZE) for i, key in enumerate(keys)]
    await ring.open()
    try:
        return await _lap_and_count(ring, clock, cameras, disk, ticks)
    finally:
        await ring.close()


async def _lap_and_count(ring: Ring, clock: SimulatedClock, cameras: list[Camera], disk: LoopDisk, ticks: int) -> float:
    for camera in cameras:
        camera.start()
    while _freed(ring) < CHUNKS // 8:
        await _tick(ring, clock, cameras)
    for camera in cameras:
        camera.size = SIZE
    for _ in range(SETTLE):
        await _tick(ring, clock, cameras)
    flushes, began = 0, time.monotonic()
    for tick in range(ticks):
        before = disk.seen()
        await _tick(ring, clock, cameras)
        flushes += disk.seen().since(before).flushes
        await asyncio.sleep(max(0.0, began + (tick + 1) * TICK_S - time.monotonic()))
    return flushes / (ticks * TICK_S)


def _freed(ring: Ring) -> int:
    disks = ring.state()["disks"]
    assert isinstance(disks, list)
    return int(disks[0]["freed_early"])


async def _tick(ring: Ring, clock: SimulatedClock, cameras: list[Camera]) -> None:
    for camera in cameras:
        for unit in camera.units(10):
            camera.sink.append(unit)
        camera.sent.clear()
    clock.advance(TICK_S)
    await ring.tick()
    await ring.settle()


def _each_flushed(disk: LoopDisk, streams: int, ticks: int) -> float:
    """The peer: as many files, already written once, each flushed by itself in each tick."""
    files = [os.open(disk.mount / f"peer-{i}", os.O_RDWR | os.O_CREAT) for i in range(streams)]
    data = os.urandom(10 * SIZE)
    for fd in files:
        os.pwrite(fd, bytes(ticks * len(data)), 0)
    os.sync()
    before = disk.seen()
    for tick in range(ticks):
        for fd in files:
            os.pwrite(fd, data, tick * len(data))
            os.fdatasync(fd)
    seen = disk.seen().since(before)
    for fd in files:
        os.close(fd)
    return seen.flushes / (ticks * TICK_S)


def _flush_turn(name: str, streams: int, options: Options) -> Turn:
    turn = _asked.get((name, streams), 0)
    _asked[name, streams] = turn + 1
    if (streams, turn) not in _flushes:
        ticks = 20 if options.quick else 50
        with _disk(CHUNKS + 200) as disk:
            ours = asyncio.run(_ring_flushes(disk, streams, ticks))
        with _disk(200) as disk:
            _flushes[streams, turn] = Turn(ours, _each_flushed(disk, streams, 10))
    return _flushes[streams, turn]


@row("flushes-8", unit="flushes per disk-second", better="lower", target=6, peer="one fdatasync per camera")
def flushes_8(options: Options) -> Turn:
    """Eight streams on one disk, second lap; a loop device counts FUA writes as flushes."""
    return _flush_turn("flushes", 8, options)


@row("flushes-64", unit="flushes per disk-second", better="lower", target=6, peer="one fdatasync per camera")
def flushes_64(options: Options) -> Turn:
    """Sixty-four streams on the same disk."""
    return _flush_turn("flushes", 64, options)


@row("flushes-64-to-8", unit="ratio", better="lower", target=1.1, peer="one fdatasync per camera")
def flushes_ratio(options: Options) -> Turn:
    """How much eight times as many streams cost: nothing, if the design holds."""
    many, few = (_flush_turn("ratio", streams, options) for streams in (64, 8))
    assert many.peer_value is not None
    assert few.peer_value is not None
    return Turn(many.value / few.value, many.peer_value / few.peer_value)


# the system SSD

JOURNAL_LINES_H: Final = 2 * CAMERAS
"""Lines of the recorder's journal an hour: one per camera of what expired, and as many of what cameras do."""


async def _written(disk: LoopDisk, month: Path, hours: float) -> float:
    """GB a day that the recorder's files on the system SSD cost: index, journal, record of the clock."""
    clock = SimulatedClock(utc_us=month_start_us() + 30 * 86_400_000_000)
    folder = disk.mount / "site"
    await asyncio.to_thread(folder.mkdir)
    index_file = folder / "index.db"
    await asyncio.to_thread(index_file.write_bytes, await asyncio.to_thread(month.read_bytes))
    index = Index(index_file, clock)
    await index.open()
    journal = Journal(JournalSettings(folder / "journal", "recorder", "banc", "Banc"), clock)
    await journal.open()
    await asyncio.to_thread(os.sync)
    before = disk.seen()
    streams = [(camera, sub) for camera in range(CAMERAS) for sub in (False, True)]
    due = {stream: (i + 1) / len(streams) * _chunk_s(stream[1]) for i, stream in enumerate(streams)}
    lines = minute = 0
    for second in range(round(hours * 3600)):
        for (camera, sub), at in due.items():
            if at <= second:
                due[camera, sub] = at + _chunk_s(sub)
                row_new = chunk_of(camera, 30 * 86_400 + second, sub=sub)
                await index.put([row_new])
                gone = chunk_of(camera, second, sub=sub)[0]
                await index.forget(gone.disk, [gone.number])
        clock.advance(1)
        await index.commit_if_due()
        if second // 60 > minute:
            minute = second // 60
            record = Record(boot_id=clock.boot_id, anchor=Stamp(clock.utc_us(), clock.monotonic_us(), clock.boot_id))
            await asyncio.to_thread(save_record, folder / "clock.record", record)
        if second * JOURNAL_LINES_H >= lines * 3600:
            lines += 1
            journal.append("footage-erased", {"camera": f"camera-{lines % CAMERAS:02d}", "chunks": 28})
            if lines % 2:
                await journal.flush()
    await index.close()
    await journal.close()
    await asyncio.to_thread(os.sync)
    return disk.seen().since(before).written * 24 / hours / 1e9


def _chunk_s(sub: bool) -> float:
    return SUB_CHUNK_S if sub else MAIN_CHUNK_S


@row("ssd-writes", unit="GB a day", better="lower", target=0.5)
def ssd_writes(options: Options) -> Turn:
    """The recorder's own files with 64 cameras, main and sub, a month in the index: three hours, accelerated."""
    month = month_file()
    with _disk(math.ceil(month.stat().st_size / 2**20) + 200) as disk:
        return Turn(asyncio.run(_written(disk, month, 1.0 if options.quick else 3.0)))
