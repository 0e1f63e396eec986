"""A recorder with many cameras for hours that take minutes: every picture accounted for, memory looked at all along."""

import asyncio
import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from appliance.core.clock import SimulatedClock
from appliance.media.part import parse_part
from appliance.media.stream import StreamKey
from appliance.ring.access.lookup import ChunkRanges
from appliance.ring.disks.disk import DEMO_GEOMETRY, format_disk
from appliance.services.recorder import Recorder
from appliance.site.load import load_site
from tests.peers.live import SITE_CAMERA, SITE_HEADER
from tests.peers.many_cameras import ManyCameras, Sent
from tests.peers.numbered import Kind, Ledgers, NumberedPictures
from tests.peers.swift import SwiftLoop, run_swiftly

KIND: Final = Kind(fps=25, bytes_per_second=10_000)
"""Real numbers of pictures, small ones: what a day tries is the accounting, not the network."""

LOOK_S: Final = 300.0
"""Seconds between looks, by the run's clock: a fraction of what a disk keeps."""

CHUNKS_PER_STREAM: Final = 5
"""One that is open, one and a half in stock and the past of two looks, some six minutes each: the ring goes round and
round, and frees nothing that was not looked at."""

EARLY_US: Final = 86_400_000_000


@dataclass
class Day:
    """What came of it. `memory`: resident bytes at each look; `states`: of all streams at the end."""

    sent: Sent
    ledgers: Ledgers
    met_s: list[float]
    streams: dict[str, dict[str, Any]]
    disks: list[dict[str, Any]]
    memory: list[int] = field(default_factory=list)

    @property
    def pictures(self) -> int:
        """How many were sent."""
        return sum(end - first for sessions in self.sent.values() for first, end in sessions)


def swift_day(folder: Path, cameras: int, hours: float) -> Day:
    """Run it. Takes about 30 us of a core a picture."""
    clock = SimulatedClock()
    format_disk(folder / "disk", DEMO_GEOMETRY, cameras * CHUNKS_PER_STREAM + 12)
    return run_swiftly(clock, _day(folder, clock, cameras, hours))


async def _day(folder: Path, clock: SimulatedClock, count: int, hours: float) -> Day:
    cameras = ManyCameras({"main": KIND})
    port = await cameras.start()
    file = folder / "site.toml"
    await asyncio.to_thread(file.write_text, _site(port, count), encoding="utf-8")
    recorder = await asyncio.to_thread(lambda: Recorder(load_site(file), {}, clock))
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SwiftLoop)
    for name in ("open", "close"):  # the journal waits for its thread, and no longer than some seconds
        setattr(recorder.journal, name, loop.stand_still(getattr(recorder.journal, name)))
    stop = asyncio.Event()
    recording = asyncio.create_task(recorder.run(stop))
    watched = _Watched(recorder, clock, Ledgers({"main": NumberedPictures("main", KIND)}))
    for _ in range(round(hours * 3600 / LOOK_S)):
        await asyncio.sleep(LOOK_S)
        if recording.done():
            await recording  # what stopped it, told at once
        await watched.look()
    sent = await cameras.stop()
    await asyncio.sleep(2.0)
    await watched.look()
    state = recorder.state()
    streams = {
        f"{camera['id']}/{name}": each
        for camera in _listed(state["cameras"])
        for name, each in camera["streams"].items()
    }
    day = Day(sent, watched.ledgers, cameras.met, streams, _listed(recorder.ring.disk_states()), watched.memory)
    stop.set()
    await recording
    cameras.close()
    return day


def _site(port: int, count: int) -> str:
    text = SITE_HEADER.replace('secrets = "secrets.toml"\n', "") + '[[disk]]\npath = "disk"\n'
    return text + "".join(
        SITE_CAMERA.format(id=f"cam{number}", main=f"rtsp://127.0.0.1:{port}/{number}/main", sub="")
        for number in range(count)
    )


def _listed(value: Any) -> list[dict[str, Any]]:
    return list(value)


class _Watched:
    """Reads what has become durable since the last look, by the recorder's own answer."""

    def __init__(self, recorder: Recorder, clock: SimulatedClock, ledgers: Ledgers) -> None:
        self._recorder = recorder
        self._clock = clock
        self._sequences: dict[StreamKey, int] = {}
        self._from_us: dict[StreamKey, int] = {}
        self._process = psutil.Process()
        self.ledgers = ledgers
        self.memory: list[int] = []

    async def look(self) -> None:
        for key in self._recorder.runners:
            from_us = self._from_us.get(key, self._clock.utc_us() - EARLY_US)
            found = await self._recorder.ring.ranges(key, from_us, self._clock.utc_us() + EARLY_US)
            await asyncio.to_thread(self._read, key, found)
        self.memory.append(self._process.memory_info().rss)

    def _read(self, key: StreamKey, found: list[ChunkRanges]) -> None:
        done = self._sequences.get(key, 0)
        new = sorted(
            ((entry.sequence, chunk.path, entry) for chunk in found for entry in chunk.parts if entry.sequence > done),
            key=lambda each: each[0],
        )
        for path, group in itertools.groupby(new, key=lambda each: each[1]):
            with Path(path).open("rb") as file:
                for sequence, _, entry in group:
                    file.seek(entry.offset)
                    data = file.read(entry.length)
                    self.ledgers.enter(str(key), parse_part(data), data)
                    self._sequences[key] = sequence
                    self._from_us[key] = entry.utc_us
