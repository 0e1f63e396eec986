"""Row of the protected pool: what a hold of 2 GB adds to the ticks of the recording, beside a plain copy.

Eight main streams of 4 Mbit/s on two disks with the field's chunks; the same number of ticks is timed without the
hold, with it, and (the peer) while a thread copies as many bytes on the same disks with read, write and fsync.
"""

import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from appliance.core.cause import GapCause
from appliance.core.clock import SystemClock
from appliance.core.units import us_to_ticks
from appliance.media.stream import AccessUnit, ClockState, RunStart, StreamKey, StreamSink
from appliance.ring.disks.disk import FIELD_GEOMETRY, format_disk
from appliance.ring.protect.policy import LATEST, Hold, Reason
from appliance.ring.recording import Ring
from tests.bench.row import Missing, Options, Turn, row
from tests.peers.live import ROOT
from tests.peers.pictures import FRAME_TICKS, PARAMETERS
from tests.peers.ring_rig import Folder

STREAMS: Final = 8
HOLD_MB: Final = 2000
QUICK_MB: Final = 250
PACE_S: Final = 0.2
"""Real seconds between two ticks: half of the field's, so the disks have half the time to breathe."""

FRAME: Final = 20_000
"""Bytes a picture: 4 Mbit/s at 25 pictures a second."""

FILL_FRAME: Final = 100_000
"""Bytes a picture while the footage to be held is recorded, which is not measured."""


class LeapingClock(SystemClock):
    """Real time, and 0.4 s more with each tick's pictures: ticks are timed as they are, footage comes faster."""

    leap_us = 0

    def monotonic_us(self) -> int:
        return super().monotonic_us() + self.leap_us

    def utc_us(self) -> int:
        return super().utc_us() + self.leap_us


class Cameras:
    """Synthetic pictures for every stream, a tick at a time."""

    def __init__(self, ring: Ring, clock: LeapingClock) -> None:
        self.clock = clock
        self.keys = [StreamKey(f"cam{i}", "main") for i in range(STREAMS)]
        self.sinks: list[StreamSink] = [ring.stream(key, str(key)) for key in self.keys]
        self.count = 0
        self.dts = 0

    def start(self) -> None:
        self.dts = us_to_ticks(self.clock.monotonic_us())
        offset = self.clock.utc_us() - self.clock.monotonic_us()
        for sink in self.sinks:
            sink.start_run(RunStart(PARAMETERS, offset, self.clock.boot_id, ClockState.VERIFIED, GapCause.NONE))

    def send(self, size: int) -> None:
        for i in range(10):
            keyframe = self.count % 50 == 0
            nal = (b"\x65" if keyframe else b"\x41") * (size - 4)
            data = (size - 4).to_bytes(4, "big") + nal
            for sink in self.sinks:
                sink.append(AccessUnit(data, self.dts + i * FRAME_TICKS, self.dts + i * FRAME_TICKS, keyframe))
            self.count += 1
        self.dts += 10 * FRAME_TICKS
        self.clock.leap_us += 400_000


async def _ticks(ring: Ring, cameras: Cameras, more: Callable[[int], bool]) -> list[float]:
    """Milliseconds of each tick of the slower disk, at PACE_S, while `more(ticks so far)`."""
    took: list[float] = []
    began = time.monotonic()
    while more(len(took)):
        cameras.send(FRAME)
        await ring.tick()
        disks = ring.state()["disks"]
        assert isinstance(disks, list)
        took.append(max(member.took_us[-1] for member in ring._members.all) / 1000)
        await asyncio.sleep(max(0.0, began + len(took) * PACE_S - time.monotonic()))
    return took


def _hold(cameras: Cameras, begin_us: int, end_us: int) -> Hold:
    return Hold("", tuple(cameras.keys), begin_us, end_us, Reason.INCIDENT, "bench", "", "bench", 0, LATEST)


async def _turn(base: Path, megabytes: int) -> tuple[float, float]:
    chunks = megabytes * 1_000_000 // FIELD_GEOMETRY.chunk_size // 2 + 2 * STREAMS + 8
    pool = megabytes * 1_000_000 // FIELD_GEOMETRY.chunk_size + STREAMS
    disks = [Folder(base / f"disk{i}") for i in range(2)]
    for disk in disks:
        await asyncio.to_thread(format_disk, disk.path, FIELD_GEOMETRY, chunks + pool, protected=pool)
    clock = LeapingClock()
    ring = Ring(disks, clock, base / "index.db", quarantine_s=1, automatic=False)
    cameras = Cameras(ring, clock)
    await ring.open()
    try:
        cameras.start()
        offset_us = clock.utc_us() - clock.monotonic_us()
        begin_us = offset_us + cameras.dts * 100 // 9
        for _ in range(megabytes * 1_000_000 // (STREAMS * 10 * FILL_FRAME)):
            cameras.send(FILL_FRAME)
            await ring.tick()
        await ring.settle()
        end_us = offset_us + cameras.dts * 100 // 9
        task = asyncio.create_task(ring.protected.hold(_hold(cameras, begin_us, end_us)))
        held = await _ticks(ring, cameras, lambda _count: not task.done())
        kept = await task
        if kept.size < megabytes * 900_000 or kept.lost_us:
            raise Missing(f"a hold that is whole ({kept.size} bytes, {kept.lost_us} us lost)")
        count = len(held)
        calm = await _ticks(ring, cameras, lambda so_far: so_far < count)
        copying = threading.Thread(target=_copy, args=(base, megabytes))
        copying.start()
        beside = await _ticks(ring, cameras, lambda so_far: so_far < count and copying.is_alive())
        await asyncio.to_thread(copying.join)
    finally:
        await ring.close()
    return _worst(held) - _worst(calm), _worst(beside) - _worst(calm)


def _worst(took: list[float]) -> float:
    """The longest but the last fiftieth: on a machine with other work some ticks are long with and without."""
    return sorted(took)[-1 - len(took) // 50]


def _copy(base: Path, megabytes: int) -> None:
    """The peer: the same bytes from chunk files to a file beside them, as any program would."""
    left = megabytes * 1_000_000
    with (base / "disk0" / "copy").open("wb") as target:
        for file in sorted(base.glob("disk1/*/*.mp4")):
            with file.open("rb") as source:
                while left > 0 and (data := source.read(1 << 20)):
                    target.write(data)
                    left -= len(data)
        target.flush()
        os.fsync(target.fileno())


@row("hold-tick-delay", unit="ms", target=50, better="lower", peer="read, write, fsync beside the ticks")
def hold_tick_delay(options: Options) -> Turn:
    """The longest tick (98 of 100) while 2 GB (QUICK: 250 MB) are held, less that of as many ticks without."""
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as name:
        added, peer = asyncio.run(_turn(Path(name), QUICK_MB if options.quick else HOLD_MB))
    return Turn(max(0.0, added), max(0.0, peer))
