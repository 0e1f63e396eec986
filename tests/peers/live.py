"""A whole chain for tests and benches: simulated cameras, a recorder in its own process, its disks read back."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from appliance.demo import clip as clip_file
from appliance.demo.camera import CameraOptions, SimulatedCamera
from appliance.demo.clip import Clip
from appliance.demo.encode import EncodeSettings, encode
from appliance.demo.scenes import pictures
from appliance.media.part import PartEntry
from appliance.media.stream import StreamKey
from appliance.ring.access.reader import RecorderClient
from appliance.ring.chunk import Geometry
from appliance.ring.disks.disk import DEMO_GEOMETRY, format_disk
from appliance.ring.faults import RecorderUnreachable
from appliance.ring.walk import ChunkState, walk

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "cache"

SITE_HEADER = """\
secrets = "secrets.toml"
[site]
name = "Collège d'essai"
place = "Banc"
kind = "school"
[recorder]
clock = "host"
socket = "recorder.sock"
index = "index.db"
quarantine_s = 1
[inputs]
socket = "inputs.sock"
interface = "lo"
"""

SITE_CAMERA = """\
[[camera]]
id = "{id}"
name = "{id}"
place = "banc"
main = "{main}"
{sub}legal_zone = "non_public"
area_type = "entrance"
purpose = "essai"
view = "wide"
"""


def clip_of(scene: str, width: int, height: int, fps: int, bitrate: int, seconds: float = 8.0) -> Clip:
    """A drawn clip with a burnt-in counter, made once and cached. Noise fills the bit rate. Blocking: seconds."""
    name = f"{scene}-{width}x{height}-{fps}-{bitrate}-{seconds:g}"
    found = clip_file.load(CACHE, name)
    if found is None:
        CACHE.mkdir(parents=True, exist_ok=True)
        noise = 6.0 if bitrate >= 2_000_000 else 2.2
        drawn = pictures(scene, width, height, Fraction(fps), noise=noise, seconds=seconds)
        clip_file.save(encode(name, drawn, EncodeSettings(width, height, Fraction(fps), bitrate)), CACHE)
        found = clip_file.load(CACHE, name)
        assert found is not None
    return found


def small_clips(scene: str = "cour") -> dict[str, Clip]:
    """Main 640x368 at 25 fps and sub 480x272 at 10 fps: cheap to make and to record."""
    return {"main": clip_of(scene, 640, 368, 25, 800_000), "sub": clip_of(scene, 480, 272, 10, 150_000)}


def write_site(folder: Path, cameras: Mapping[str, SimulatedCamera], disks: Sequence[str]) -> Path:
    """`site.toml` and its secrets for these cameras."""
    text = SITE_HEADER + "".join(f'[[disk]]\npath = "{disk}"\n' for disk in disks)
    secrets = ""
    for name, camera in cameras.items():
        sub = f'sub = "{camera.url("sub")}"\n' if "sub" in camera.streams else ""
        text += SITE_CAMERA.format(id=name, main=camera.url("main"), sub=sub)
        secrets += f'[{name}]\nuser = "{camera.user}"\npassword = "{camera.right_password}"\n'
    file = folder / "secrets.toml"
    file.touch(mode=0o600)
    file.write_text(secrets, encoding="utf-8")
    site = folder / "site.toml"
    site.write_text(text, encoding="utf-8")
    return site


@dataclass(slots=True, eq=False)
class Service:
    """`python -m appliance ...` as a child."""

    process: asyncio.subprocess.Process
    ready: str
    loop: asyncio.AbstractEventLoop
    errors: list[str] = field(default_factory=list)
    _reading: "asyncio.Task[None] | None" = None

    @classmethod
    async def start(cls, *arguments: str, ready: str = "ready", module: str = "appliance") -> "Service":
        """Returns when the child has said that it is ready. `module`: another way in, for recorders that lie."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C.UTF-8", "APPLIANCE_CHILD": str(os.getpid())},  # it ends with a killed test
            cwd=ROOT,
        )
        assert process.stdout is not None
        service = cls(process, "", loop=asyncio.get_running_loop())
        _ALIVE.add(service)
        service._reading = asyncio.create_task(service._read_errors())
        line = (await process.stdout.readline()).decode()
        if not line.startswith(ready):
            await process.wait()
            await service._reading
            raise AssertionError(f"{arguments} is not ready: {line!r} {service.errors}")
        service.ready = line.strip().partition(" ")[2]
        return service

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        status = await self.process.wait()
        _ALIVE.discard(self)
        if self._reading is not None:
            await self._reading
        return status

    async def end(self) -> None:
        """Kill it, also when it is another test's, whose loop is gone."""
        if asyncio.get_running_loop() is self.loop:
            await self.stop(signal.SIGKILL)
            return
        _ALIVE.discard(self)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)

    async def _read_errors(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.errors.append(line.decode(errors="replace").rstrip())


_ALIVE: set[Service] = set()


@dataclass(slots=True)
class Chain:
    """Cameras that run, disks that are formatted, a site file. Start and kill recorders at will."""

    folder: Path
    cameras: dict[str, SimulatedCamera]
    disks: list[Path]
    site: Path
    geometry: Geometry
    whole_from_us: int = 0
    """After `stored`: from here on no disk has given anything back to the ring."""

    def recorder(self, module: str = "appliance") -> "asyncio.Future[Service]":
        """Start a recorder."""
        return asyncio.ensure_future(Service.start("recorder", "--site", str(self.site), module=module))

    def client(self) -> RecorderClient:
        """Asks the recorder that runs."""
        return RecorderClient(self.folder / "recorder.sock")

    async def durable(self, seconds: float = 2.0) -> None:
        """Wait until every stream has at least so much durable video, by the recorder's own word."""
        async with self.client() as client:
            while True:
                try:
                    state = await client.state()
                except RecorderUnreachable:  # it is starting
                    await asyncio.sleep(0.05)
                    continue
                streams = [s for camera in state["cameras"] for s in camera["streams"].values()]
                if all(s["durable_utc_us"] and s["pictures"] >= seconds * 8 for s in streams):
                    return
                await asyncio.sleep(0.05)

    def stored(self) -> "dict[StreamKey, list[StoredPart]]":
        """Every part on the disks that holds, in order of sequence: a box walk, as a rebuild would. Blocking."""
        found: dict[StreamKey, list[StoredPart]] = {}
        closed: dict[Path, list[int]] = {disk: [] for disk in self.disks}
        for disk in self.disks:
            for file in sorted(disk.glob("[0-9a-f][0-9a-f]/*.mp4")):
                fd = os.open(file, os.O_RDONLY)
                try:
                    result = walk(fd, self.geometry, deep=True)
                    if result.header is None:
                        continue
                    for entry in result.entries:
                        data = os.pread(fd, entry.length, entry.offset)
                        found.setdefault(result.header.key, []).append(StoredPart(entry, data))
                    if result.state is ChunkState.CLOSED:
                        closed[disk].append(max(entry.utc_us for entry in result.entries))
                finally:
                    os.close(fd)
        for parts in found.values():
            parts.sort(key=lambda part: part.entry.sequence)
        # a disk frees its chunks in the order in which they were closed, a tick or two after their last part
        self.whole_from_us = max((min(ends) for ends in closed.values() if ends), default=0) + 1_000_000
        return found


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part as it lies on a disk: its row and all its bytes."""

    entry: PartEntry
    data: bytes


@asynccontextmanager
async def chain(
    folder: Path,
    clips: Sequence[Mapping[str, Clip]],
    *,
    disks: int = 2,
    chunks: int = 24,
    geometry: Geometry = DEMO_GEOMETRY,
    options: CameraOptions | None = None,
) -> AsyncIterator[Chain]:
    """Cameras `cam0`, `cam1`... serving these clips, and empty disks."""
    cameras = {f"cam{n}": SimulatedCamera(clip, number=n, options=options) for n, clip in enumerate(clips)}
    paths = [folder / f"disk{n}" for n in range(disks)]
    for path in paths:
        await asyncio.to_thread(format_disk, path, geometry, chunks)
    for camera in cameras.values():
        await camera.start()
    try:
        site = await asyncio.to_thread(write_site, folder, cameras, [path.name for path in paths])
        yield Chain(folder, cameras, paths, site, geometry)
    finally:
        for service in list(_ALIVE):  # of a test that failed on its way
            await service.end()
        for camera in cameras.values():
            await camera.stop()


async def until(reached: Callable[[], bool]) -> None:
    """Wait for something another process or the cameras' own time brings about; the test's timeout bounds it."""
    while not await asyncio.to_thread(reached):  # noqa: ASYNC110 - no event of ours tells it
        await asyncio.sleep(0.02)


def random_seconds(seed: int, low: float, high: float, count: int) -> list[float]:
    """Times to strike at, the same for the same seed."""
    return [float(value) for value in np.random.default_rng(seed).uniform(low, high, count)]
