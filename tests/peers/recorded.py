"""A real ring with real pictures, recorded in simulated time, behind the recorder's real socket.

The pictures carry the simulated cameras' counter, so what a browser shows can be compared with what was recorded.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from appliance.core.cause import GapCause
from appliance.core.clock import SimulatedClock
from appliance.core.units import TICKS_PER_SECOND, US_PER_SECOND, us_to_ticks
from appliance.media.stream import ClockState, RunStart, StreamKey
from appliance.ring.access.reader import RecorderClient
from appliance.ring.access.server import serve
from appliance.ring.chunk import Geometry
from appliance.ring.disks.disk import DEMO_GEOMETRY, format_disk
from appliance.ring.recording import Ring
from tests.peers.fake_recorder import FORMS, Form, access_units

TICK_S: Final = 0.4
TAPE_S: Final = 40
"""Seconds encoded; a longer recording plays them again, the counter begins again with them."""

KEY: Final = StreamKey("portail", "sub")
NAMES: Final = {"portail": "Portail", "cour": "Cour", "hall": "Hall A", "parking": "Parking"}


@dataclass(frozen=True, slots=True)
class Folder:
    path: Path
    bay: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Streams from `start_us` to `end_us` without a gap, the same pictures in each, and a client to ask for them.

    `more` records so many seconds on.
    """

    client: RecorderClient
    form: Form
    start_us: int
    end_us: int
    more: Callable[[int], Awaitable[None]]

    def counter(self, instant_us: int) -> int:
        """The counter of the picture on screen at an instant (20 us: a tick is 11, UTC is rounded down)."""
        return (instant_us - self.start_us + 20) * self.form.fps // US_PER_SECOND % (TAPE_S * self.form.fps)


@asynccontextmanager
async def recorded(
    folder: Path,
    seconds: int,
    *,
    gop: int = 30,
    keys: Sequence[StreamKey] = (KEY,),
    form: Form = FORMS["sub"],
    geometry: Geometry = DEMO_GEOMETRY,
    chunks: int = 24,
) -> AsyncIterator[Recorded]:
    """Record `seconds` (a multiple of TAPE_S is not needed) of each stream on two disks, then serve them."""
    form = replace(form, gop=gop)
    parameters, tape = await asyncio.to_thread(access_units, form, TAPE_S * form.fps, 5)
    clock = SimulatedClock()
    disks = [Folder(folder / name) for name in ("disk-a", "disk-b")]
    for disk in disks:
        await asyncio.to_thread(format_disk, disk.path, geometry, chunks)
    ring = Ring(disks, clock, folder / "index.db", site_name="Essai", quarantine_s=1, automatic=False)
    sinks = [ring.stream(key, NAMES[key.camera]) for key in keys]
    await ring.open()
    start_us, base = clock.utc_us(), us_to_ticks(clock.monotonic_us())
    offset = clock.utc_us() - clock.monotonic_us()
    for sink in sinks:
        sink.start_run(RunStart(parameters, offset, clock.boot_id, ClockState.VERIFIED, GapCause.NONE))
    sent = 0

    async def more(seconds: int) -> None:
        nonlocal sent
        until = sent + seconds * form.fps
        while sent < until:
            for _ in range(round(TICK_S * form.fps)):
                at = base + sent * TICKS_PER_SECOND // form.fps
                for sink in sinks:
                    sink.append(replace(tape[sent % len(tape)], dts_ticks=at, pts_ticks=at))
                sent += 1
            clock.advance(TICK_S)
            await ring.tick()
            await ring.settle()
        await ring.keep_index()

    await more(seconds)

    def cameras() -> dict[str, Any]:
        about = {"state": "playing", "since_utc_us": start_us, "cause": "NONE", "fps": form.fps}
        size = {"width": form.width, "height": form.height, "codec": "h264", "bitrate": 400_000, "lost_packets": 0}
        told = [
            {"id": key.camera, "name": NAMES[key.camera], "place": "Entrée", "streams": {key.stream: {**about, **size}}}
            for key in keys
        ]
        return {"cameras": told, "jobs": []}

    server = await serve(ring, folder / "recorder.sock", cameras)
    client = RecorderClient(folder / "recorder.sock")
    try:
        yield Recorded(client, form, start_us, start_us + sent * US_PER_SECOND // form.fps, more)
    finally:
        await client.close()
        await server.close()
        await ring.close()
