"""A ring on small disks for tests: made, opened, fed and stopped in a few words."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from appliance.core.chain import Tell, untold
from appliance.core.clock import SimulatedClock
from appliance.media.part import parse_part, verify_payload
from appliance.media.stream import ClockState, StreamKey
from appliance.ring.access.lookup import ChunkRanges
from appliance.ring.chunk import Geometry
from appliance.ring.disks.disk import format_disk
from appliance.ring.recording import Ring
from tests.peers.pictures import Camera

SMALL = Geometry(chunk_size=256 << 10, table_reserve=16 << 10)
"""Chunks of 256 KiB: a lap takes a few hundred parts."""

KEY = StreamKey("cam", "main")


@dataclass(frozen=True)
class Folder:
    path: Path
    bay: str = ""


@dataclass
class Rig:
    """Disks in folders, a simulated clock, and rings that come and go on them."""

    base: Path
    clock: SimulatedClock = field(default_factory=SimulatedClock)
    disks: list[Folder] = field(default_factory=list)
    appliance: str = ""
    site: str = "Essai"
    ring: Ring = field(init=False)

    async def format(
        self, disks: int = 2, chunks: int = 16, geometry: Geometry = SMALL, *, protected: int = 0
    ) -> "Rig":
        for i in range(disks):
            path = self.base / f"disk{i}"
            await asyncio.to_thread(format_disk, path, geometry, chunks, protected=protected)
            self.disks.append(Folder(path))
        return self

    def new(
        self,
        *,
        automatic: bool = False,
        quarantine_s: float = 1,
        queue_limit: int = 256 << 20,
        clock_state: Callable[[], int] = lambda: ClockState.VERIFIED,
        expiry_us: Callable[[], int | None] | None = None,
        tell: Tell = untold,
    ) -> Ring:
        self.ring = Ring(
            self.disks,
            self.clock,
            self.base / "index.db",
            site_name=self.site,
            appliance=self.appliance,
            quarantine_s=quarantine_s,
            queue_limit=queue_limit,
            automatic=automatic,
            clock_state=clock_state,
            expiry_us=expiry_us,
            tell=tell,
        )
        return self.ring

    def camera(self, key: StreamKey = KEY, **options: int) -> Camera:
        return Camera(self.ring.stream(key, f"Essai {key}"), self.clock, **options)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Ring]:
        await self.ring.open()
        try:
            yield self.ring
        finally:
            await self.ring.close()

    async def record(self, ticks: int, *cameras: Camera) -> None:
        """Every camera sends 0.4 s, the ring ticks, `ticks` times."""
        for _ in range(ticks):
            for camera in cameras:
                for unit in camera.units(10):
                    camera.sink.append(unit)
            self.clock.advance(0.4)
            await self.ring.tick()
            await self.ring.settle()

    async def held(self, key: StreamKey = KEY) -> list[bytes]:
        """Every picture that `ranges` gives for all times, in order, read from the files and CRC-checked."""
        now = self.clock.utc_us()
        day = 86_400_000_000
        return pictures(await self.ring.ranges(key, now - day, now + day))


def pictures(chunks: list[ChunkRanges]) -> list[bytes]:
    """The access units of these parts, from the files."""
    found: list[bytes] = []
    for chunk in chunks:
        data = Path(chunk.path).read_bytes()
        for entry in chunk.parts:
            part = parse_part(data, entry.offset)
            assert verify_payload(data, part), (chunk.path, entry)
            assert part.header.generation == chunk.generation
            at = part.payload_offset
            for sample in part.samples:
                found.append(data[at : at + sample.size])
                at += sample.size
    return found


@asynccontextmanager
async def recorded(
    base: Path, ticks: int, *, disks: int = 2, chunks: int = 32, size: int = 1500
) -> AsyncIterator[tuple[Rig, Ring, Camera]]:
    """A rig whose first ring runs and has recorded so many ticks of one camera."""
    rig = await Rig(base).format(disks=disks, chunks=chunks)
    ring = rig.new()
    camera = rig.camera(size=size)
    async with rig.running():
        camera.start()
        await rig.record(ticks, camera)
        yield rig, ring, camera
