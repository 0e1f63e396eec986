"""CPU of the ring alone: synthetic pictures of many streams, ticks back to back, figures per stream-hour.

    python -m tests.bench.ring_cost [--streams 32] [--mbit 4] [--minutes 2] [--folder DIR] [--disks 2] [--profile]

Prints CPU-seconds per stream-hour (whole process: cutting, CRC, copying, O_DIRECT writes, flushes, index), the
longest tick, and bytes written per byte of picture. Nothing is asserted: tests/bench/rows.py holds the targets.
"""

import argparse
import asyncio
import cProfile
import pstats
import resource
import shutil
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

from appliance.core.clock import SimulatedClock
from appliance.core.units import us_to_ticks
from appliance.media.stream import AccessUnit, StreamKey, StreamSink
from appliance.ring.disks.disk import FIELD_GEOMETRY, format_disk
from appliance.ring.recording import Ring
from tests.peers.pictures import FRAME_TICKS, run_start

TICK_FRAMES = 10  # 0.4 s at 25 pictures a second
GOP = 50


@dataclass(frozen=True)
class Folder:
    path: Path
    bay: str = ""


@dataclass
class Stream:
    sink: StreamSink
    pictures: list[bytes]
    count: int = 0

    def send(self, first_dts: int) -> None:
        for i in range(TICK_FRAMES):
            keyframe = self.count % GOP == 0
            data = self.pictures[0] if keyframe else self.pictures[1]
            dts = first_dts + i * FRAME_TICKS
            self.sink.append(AccessUnit(data, dts, dts, keyframe))
            self.count += 1


def picture(nal: int, size: int) -> bytes:
    return struct.pack(">I", size - 4) + bytes([nal]) * (size - 4)


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def run(options: argparse.Namespace, base: Path) -> str:
    clock = SimulatedClock()
    needed = 3 * -(-options.streams // options.disks) + 12
    disks = [Folder(base / f"disk{i}") for i in range(options.disks)]
    for disk in disks:
        await asyncio.to_thread(format_disk, disk.path, FIELD_GEOMETRY, needed)
    ring = Ring(disks, clock, base / "index.db", quarantine_s=1, automatic=False)
    frame = int(options.mbit * 1e6 / 8 / 25)
    key_size, other = frame * 6, frame * (GOP - 6) // (GOP - 1)
    pictures = [
        struct.pack(">I", n - 4) + bytes([0x65 if n == key_size else 0x41]) * (n - 4) for n in (key_size, other)
    ]
    streams = [Stream(ring.stream(StreamKey(f"cam{i}", "main"), f"cam{i}"), pictures) for i in range(options.streams)]
    await ring.open()
    for i, stream in enumerate(streams):
        stream.sink.start_run(run_start(clock))
        stream.count = i * 7  # keyframes do not all come in the same tick
        stream.count -= stream.count % GOP
    ticks = int(options.minutes * 60 / 0.4)
    start = cpu_s()
    system = resource.getrusage(resource.RUSAGE_SELF).ru_stime
    for i in range(ticks):
        first = us_to_ticks(clock.monotonic_us())
        for stream in streams:
            stream.send(first)
        clock.advance(0.4)
        await ring.tick()
        if i % 5 == 0:
            await ring.settle()
            await ring.keep_index()
    used = cpu_s() - start
    system = resource.getrusage(resource.RUSAGE_SELF).ru_stime - system
    state = ring.state()
    await ring.close()
    hours = options.streams * ticks * 0.4 / 3600
    lost = sum(s["dropped"] + s["refused"] + s["lost"] for s in state["streams"].values())  # type: ignore[attr-defined]
    written = sum(d["written"] for d in state["disks"])  # type: ignore[attr-defined]
    flushes = sum(d["flushes"] for d in state["disks"])  # type: ignore[attr-defined]
    sent = options.streams * ticks * TICK_FRAMES * frame
    return (
        f"ring alone, {options.streams} streams of {options.mbit} Mbit/s, {options.disks} disks, {ticks} ticks: "
        f"{used / hours:.2f} CPU-s per stream-hour ({system / hours:.2f} in the kernel), "
        f"written/picture bytes {written / sent:.3f}, {flushes / ticks / options.disks:.2f} flushes per disk and tick, "
        f"pictures lost {lost}, RSS {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--mbit", type=float, default=4)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--disks", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="ring-cost-", dir=options.folder))
    try:
        if options.profile:
            with cProfile.Profile() as profile:
                print(asyncio.run(run(options, base)))
            pstats.Stats(profile).sort_stats("tottime").print_stats(30)
        else:
            print(asyncio.run(run(options, base)))
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
