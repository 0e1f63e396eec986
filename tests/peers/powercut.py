"""Power cuts under the real recorder: its disks and the one with its index lose their power in the same instant.

Three disks of tests/peers/block_rig.py: two that record, one that holds `index.db`. Before the first cut the recording
disks are filled by another stream, so that everything written afterwards lies on reused chunks and whatever a torn
write leaves uncovered would be somebody else's footage.
"""

import asyncio
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from appliance.core.clock import SimulatedClock
from appliance.core.units import BLOCK
from appliance.demo.clip import Clip
from appliance.media.errors import PartUnreadable
from appliance.media.part import parse_part
from appliance.media.stream import StreamKey, StreamName
from appliance.ring.access.reader import readable
from appliance.ring.chunk import Geometry
from appliance.ring.disks.claim import RECORD
from appliance.ring.recording import Ring
from appliance.ring.walk import ChunkState, WalkResult, walk
from tests.peers.block_rig import BlockDisk, block_disks
from tests.peers.live import Chain, StoredPart, chain
from tests.peers.pictures import Camera
from tests.peers.stored import frames_of

GEOMETRY: Final = Geometry(chunk_size=512 << 10, table_reserve=16 << 10)
CHUNKS: Final = 20
"""Chunks a disk: the stock of four streams and a few that are kept."""

FORMER: Final = StreamKey("former", "main")
"""Whose footage the disks are full of before."""

IMAGE_MIB: Final = 24

TAIL_US: Final = 3_000_000
"""Whatever is missing must be younger than this at the cut: the rest was durable, also on a busy machine."""


@dataclass(slots=True)
class Cut:
    """What one cut took. `lost_s`: seconds of pictures that were exposed before the cut and are not there, by stream.

    They are the last ones, with one exception: a stream that went over to a chunk of another disk in the last tick may
    keep that tick on one disk and not on the other.

    `unreadable`: chunks that ffprobe cannot read though they hold parts, or whose bytes contradict themselves.
    `foreign`: places behind the end of a chunk where a part of another opening could be played.
    `broken`: streams whose pictures up to the loss are not all there, or are not what the camera sent.
    """

    lost_s: dict[StreamKey, float] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """Everything that no cut may do."""
        return [*self.unreadable, *self.foreign, *self.broken]


@dataclass(slots=True)
class PowerRig:
    """Cameras, disks, and lives of the recorder between cuts."""

    site: Chain
    disks: list[BlockDisk]
    _probed: set[tuple[str, int, int]] = field(default_factory=set)
    _before: "tuple[int, int, dict[StreamKey, list[int]]] | None" = None  # the former life: from, to, its parts

    async def cut_after(self, seconds: float, *, module: str = "appliance") -> Cut:
        """One life of the recorder, `seconds` longer than every stream needs to be recorded; then the cut."""
        recorder = await self.site.recorder(module)
        born_us = time.time_ns() // 1000
        await self.site.durable(0.5)
        found = Cut()
        if self._before is not None:
            await self._check_ranges(found)
        await asyncio.sleep(seconds)
        cut_us = min(disk.cut() for disk in self.disks)
        await recorder.stop(signal.SIGKILL)
        await asyncio.gather(*(asyncio.to_thread(disk.power_cycle) for disk in self.disks))
        stored = await asyncio.to_thread(self.site.stored)
        await asyncio.to_thread(self._check_files, found)
        for key in self._streams():
            parts = [part for part in stored.get(key, []) if part.entry.utc_us >= born_us]
            self._measure(found, key, parts, born_us, cut_us)
        lived = {
            key: [part.entry.sequence for part in stored.get(key, []) if part.entry.utc_us >= born_us]
            for key in self._streams()
        }
        self._before = (born_us, time.time_ns() // 1000, lived)
        return found

    async def end(self) -> Cut:
        """A last life without a cut: what the recorder says of the life before, and every chunk sealed again."""
        found = Cut()
        recorder = await self.site.recorder()
        await self.site.durable(0.5)
        await self._check_ranges(found)
        await recorder.stop()
        self._probed.clear()
        await asyncio.to_thread(self._check_files, found, sealed=True)
        return found

    def _streams(self) -> list[StreamKey]:
        kinds: tuple[StreamName, ...] = ("main", "sub")
        cameras = self.site.cameras.items()
        return [StreamKey(name, kind) for name, camera in cameras for kind in kinds if kind in camera.streams]

    def _measure(self, found: Cut, key: StreamKey, parts: list[StoredPart], born_us: int, cut_us: int) -> None:
        """The loss, and that everything before it is there, once, in order, as it was sent."""
        sent = [f for f in self.site.cameras[key.camera].sent(key.stream) if f.utc_us >= born_us - 2_000_000]
        truth = {frame.counter: frame for frame in sent}
        frames = frames_of(part.data for part in parts)
        counters = [counter for counter, _ in frames]
        due = [frame for frame in sent if frame.utc_us <= cut_us and frame.counter >= min(counters, default=0)]
        if not counters:
            due = [frame for frame in due if frame.utc_us >= born_us]
        missing = [frame for frame in due if frame.counter not in set(counters)]
        found.lost_s[key] = len(missing) / float(self.site.cameras[key.camera].streams[key.stream].fps)
        if missing and missing[0].utc_us < cut_us - TAIL_US:
            found.broken.append(f"{key}: picture {missing[0].counter} of long before the cut is missing")
        if counters != sorted(set(counters)):
            found.broken.append(f"{key}: pictures come twice or out of order")
        if any(counter in truth and truth[counter].utc_us > cut_us for counter in counters):
            found.broken.append(f"{key}: a picture of after the cut is on the disk: nothing is measured")
        wrong = [counter for counter, nals in frames if counter not in truth or truth[counter].nals != nals]
        if wrong:
            found.broken.append(f"{key}: pictures {wrong[:5]} are not what the camera sent")

    async def _check_ranges(self, found: Cut) -> None:
        """The recorder gives every part of the former life that is on the disks, in order, and no other."""
        assert self._before is not None
        born_us, end_us, lived = self._before
        async with self.site.client() as client:
            for key, parts in lived.items():
                told = await client.ranges(key.camera, key.stream, born_us, end_us)
                numbers = [
                    part.sequence
                    for chunk in told["chunks"]
                    for part in readable(chunk).parts
                    if part.utc_us >= born_us
                ]
                if numbers != parts:
                    found.broken.append(f"{key}: `ranges` gives parts {numbers}, on the disks are {parts}")

    def _check_files(self, found: Cut, *, sealed: bool = False) -> None:
        for disk in self.site.disks:
            for file in sorted(disk.glob("[0-9a-f][0-9a-f]/*.mp4")):
                self._check_file(found, file, sealed=sealed)

    def _check_file(self, found: Cut, file: Path, *, sealed: bool) -> None:
        with file.open("rb") as handle:
            result = walk(handle.fileno(), GEOMETRY, deep=True)
            if result.state is ChunkState.DAMAGED:
                found.unreadable.append(f"{file}: {result.reason}")
            if result.header is None or result.header.key == FORMER:
                return
            seen = (str(file), result.header.generation, result.end_offset)
            if seen in self._probed:
                return
            self._probed.add(seen)
            found.foreign += [f"{file} at {at}: {what}" for at, what in _foreign(handle.read(), result)]
        samples = sum(entry.samples for entry in result.entries)
        packets = packets_of(file) if samples else 0
        if packets < samples or (sealed and packets != samples):
            found.unreadable.append(f"{file}: ffprobe reads {packets} pictures of {samples}")


def _foreign(data: bytes, result: WalkResult) -> list[tuple[int, str]]:
    """Parts behind the end of a chunk that are not of its own opening."""
    assert result.header is not None
    found = []
    for at in range(result.end_offset, len(data) - BLOCK, BLOCK):
        try:
            header = parse_part(data[at : at + 4 * BLOCK]).header
        except PartUnreadable:
            continue
        if header.generation != result.header.generation:
            found.append((at, f"a part of generation {header.generation} in {result.header.generation}"))
    return found


def packets_of(file: Path) -> int:
    """Pictures that ffprobe finds in a file, -1 when it cannot open it."""
    show = ["-count_packets", "-select_streams", "v", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"]
    done = subprocess.run(["ffprobe", "-v", "error", *show, file], capture_output=True, text=True, check=False)
    count = re.search(r"\d+", done.stdout)
    return int(count[0]) if done.returncode == 0 and count else -1


@asynccontextmanager
async def power_rig(
    folder: Path, clips: Sequence[Mapping[str, Clip]], *, volatile: bool = True, chunks: int = CHUNKS
) -> AsyncIterator[PowerRig]:
    """Cameras that send, disks that are full of another stream's footage. Takes a second."""
    mounts = [folder / name for name in ("disk0", "disk1", "system")]
    size = max(IMAGE_MIB, (chunks * GEOMETRY.chunk_size >> 20) + 24)  # lists and catalogues lie beside
    with block_disks(*mounts, mib=size, volatile=volatile) as disks:
        async with chain(folder, clips, chunks=chunks, geometry=GEOMETRY) as site:
            text = await asyncio.to_thread(site.site.read_text, encoding="utf-8")
            assert 'index = "index.db"' in text
            text = text.replace('index = "index.db"', 'index = "system/index.db"')
            await asyncio.to_thread(site.site.write_text, text, encoding="utf-8")
            await _fill(site.disks, folder / "system" / "index.db")
            yield PowerRig(site, disks)


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path
    bay: str = ""


async def _fill(disks: Sequence[Path], index: Path) -> None:
    """A lap of FORMER's footage an hour ago, in simulated time."""
    clock = SimulatedClock(time.time_ns() // 1000 - 3_600_000_000)
    ring = Ring([_Folder(path) for path in disks], clock, index, site_name="Essai", quarantine_s=1, automatic=False)
    camera = Camera(ring.stream(FORMER, "former"), clock, size=16_000)
    await ring.open()
    camera.start()
    while _freed(ring) < 4:
        camera.send(0.4)
        camera.sent.clear()
        await ring.tick()
        await ring.settle()
    await ring.close()
    for path in disks:  # it names this process, which lives on
        await asyncio.to_thread((path / RECORD).unlink)


def _freed(ring: Ring) -> int:
    disks = ring.state()["disks"]
    assert isinstance(disks, list)
    return sum(disk["freed_early"] for disk in disks)
