"""Disks that fail under the real recorder, through the real kernel: no picture of the present is lost, and it says so.

Two disks of tests/peers/block_rig.py; what is wrong with one of them is injected below ext4, while cameras send.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from appliance.demo.clip import Clip
from appliance.media.stream import StreamKey
from appliance.ring.walk import ChunkState, walk
from tests.peers.block_rig import BlockDisk, FailAt, block_disks, privileged
from tests.peers.live import Chain, Service, chain, small_clips
from tests.peers.loop_disk import loop_disk
from tests.peers.need import need_block_layer, need_loop
from tests.peers.powercut import GEOMETRY
from tests.peers.stored import frames_of

pytestmark = [pytest.mark.full, pytest.mark.timeout(120)]

CHUNKS = 60
AFTER_S = 11.0
"""Seconds of recording after the fault: a stuck disk is given up after 5, and its pictures come 8 s late at most."""

Clips = dict[str, Clip]


@pytest.fixture(scope="module")
def clips() -> Clips:
    return small_clips()


@dataclass
class Running:
    site: Chain
    disks: list[BlockDisk]
    recorder: Service

    async def disk_states(self) -> list[Mapping[str, Any]]:
        async with self.site.client() as client:
            return list((await client.state())["disks"])

    async def stream_states(self) -> dict[str, Mapping[str, Any]]:
        async with self.site.client() as client:
            cameras = (await client.state())["cameras"]
        return {f"{c['id']}/{name}": s for c in cameras for name, s in c["streams"].items()}


@asynccontextmanager
async def running(folder: Path, clips: Clips, fail_at: FailAt = "write") -> AsyncIterator[Running]:
    with block_disks(folder / "disk0", folder / "disk1", fail_at=fail_at) as disks:
        async with chain(folder, [clips, clips], chunks=CHUNKS, geometry=GEOMETRY) as site:
            recorder = await site.recorder()
            await site.durable(2.0)
            try:
                yield Running(site, disks, recorder)
            finally:
                for disk in disks:  # a process that waits for a disk does not even die
                    disk.let_go()


def read_only(disk: BlockDisk) -> None:
    """What `errors=remount-ro` does after an error."""
    privileged("mount", "-o", "remount,abort", str(disk.mount))


def pulled(disk: BlockDisk) -> None:
    disk.cut()


FAULTS: dict[str, tuple[FailAt, Callable[[BlockDisk], None]]] = {
    "every-write-fails": ("write", lambda disk: disk.fail_writes(failing=True)),
    "every-flush-fails": ("flush", lambda disk: disk.fail_writes(failing=True)),
    "hangs": ("write", lambda disk: disk.hang(hanging=True)),
    "turned-read-only": ("write", read_only),
    "pulled": ("write", pulled),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_disk_that_fails_costs_no_picture_of_the_present(tmp_path: Path, clips: Clips, fault: str) -> None:
    need_block_layer()
    fail_at, strike = FAULTS[fault]
    async with running(tmp_path, clips, fail_at) as rig:
        await asyncio.to_thread(strike, rig.disks[0])
        await asyncio.sleep(AFTER_S)
        lost, kept = await rig.disk_states()
        assert lost["error"], "the fault is said"
        assert lost["error_fr"]
        assert kept["error"] == ""
        for name, stream in (await rig.stream_states()).items():
            assert stream["state"] == "playing", name
            assert stream["lost"] == stream["dropped"] == 0, (name, stream)
        rig.disks[0].let_go()  # a process that waits for a disk does not even die
        await rig.recorder.stop()
        for disk in rig.disks:
            await asyncio.to_thread(disk.power_cycle)
        await asyncio.to_thread(check_present, rig.site)
        await asyncio.to_thread(check_chunks, rig.site)


def check_present(site: Chain) -> None:
    """Every picture from the first to the last that is stored, on whichever disk; identity is the sequence."""
    stored = site.stored()
    for name, camera in site.cameras.items():
        for stream in ("main", "sub"):
            parts = {part.entry.sequence: part for part in stored[StreamKey(name, stream)]}
            counters = [counter for counter, _ in frames_of(parts[number].data for number in sorted(parts))]
            assert counters == list(range(counters[0], counters[-1] + 1)), f"{name}/{stream}"
            sent = camera.sent(stream)
            late = (sent[-1].utc_us - next(f.utc_us for f in sent if f.counter == counters[-1])) / 1e6
            assert late < AFTER_S, f"{name}/{stream}: the last picture stored is {late:.1f} s old: it went on elsewhere"


def check_chunks(site: Chain) -> None:
    for disk in site.disks:
        for file in sorted(disk.glob("[0-9a-f][0-9a-f]/*.mp4")):
            with file.open("rb") as handle:
                found = walk(handle.fileno(), GEOMETRY, deep=True)
            assert found.state is not ChunkState.DAMAGED, (file, found.reason)


async def test_a_disk_that_is_not_mounted_is_named_and_the_other_one_records(tmp_path: Path, clips: Clips) -> None:
    need_block_layer()
    async with running(tmp_path, clips) as rig:
        await rig.recorder.stop()
        await asyncio.to_thread(
            rig.disks[0].unplug
        )  # the folder stays, empty: writing there would fill the system disk
        again = await rig.site.recorder()
        await rig.site.durable(1.0)
        states = {Path(state["path"]).name: state for state in await rig.disk_states()}
        assert "disk0" in str(states["disk0"]["error_fr"])
        assert states["disk1"]["error"] == ""
        assert await asyncio.to_thread(os.listdir, tmp_path / "disk0") == []
        await again.stop()


async def test_a_recording_disk_without_one_free_block_goes_on(tmp_path: Path, clips: Clips) -> None:
    """All chunks are there since the format: nothing that recording does may need a block."""
    need_block_layer()
    async with running(tmp_path, clips) as rig:
        for disk in rig.disks:
            await asyncio.to_thread(fill, disk.mount)
        await asyncio.sleep(3.0)
        assert [state["error"] for state in await rig.disk_states()] == ["", ""]
        await rig.recorder.stop()
        again = await rig.site.recorder()
        await rig.site.durable(2.0)
        assert [state["error"] for state in await rig.disk_states()] == ["", ""]
        await again.stop()
        await asyncio.to_thread(check_chunks, rig.site)


def fill(folder: Path) -> None:
    """Until not one block is left."""
    fd = os.open(folder / "filler", os.O_WRONLY | os.O_CREAT)
    try:
        for size in (1 << 20, 4096):
            with_room = True
            while with_room:
                try:
                    os.write(fd, bytes(size))
                except OSError:
                    with_room = False
        os.fsync(fd)
    except OSError:
        pass
    finally:
        os.close(fd)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_a_full_system_disk_stops_no_recording(tmp_path: Path, clips: Clips, when: str) -> None:
    """Index, journal and the clock's record lie there; none of them is a condition of recording."""
    need_loop()
    with loop_disk(tmp_path, 16) as system:
        async with chain(tmp_path, [clips], chunks=CHUNKS, geometry=GEOMETRY) as site:
            text = await asyncio.to_thread(site.site.read_text, encoding="utf-8")
            text = text.replace('index = "index.db"', f'index = "{system.mount}/site/index.db"')
            await asyncio.to_thread(site.site.write_text, text, encoding="utf-8")
            if when == "before":
                await asyncio.to_thread(fill, system.mount)
            recorder = await site.recorder()
            await site.durable(1.0)
            if when == "meanwhile":
                await asyncio.to_thread(fill, system.mount)
            await asyncio.sleep(6.0)
            await site.durable(6.0)
            async with site.client() as client:
                state = await client.state()
                assert all(disk["error"] == "" for disk in state["disks"])
                for stream in [s for camera in state["cameras"] for s in camera["streams"].values()]:
                    assert stream["lost"] == stream["dropped"] == 0
                    assert state["now_utc_us"] - stream["durable_utc_us"] < 3_000_000
            await recorder.stop(signal.SIGKILL)
            await asyncio.to_thread(check_present, site)


def spoil_index(site: Chain) -> int:
    file = site.folder / "index.db"
    with file.open("r+b") as index:
        for page in range(1, file.stat().st_size // 4096, 2):
            index.seek(page * 4096 + 100)
            index.write(os.urandom(600))
    return 0


def spoil_catalog(site: Chain) -> int:
    for disk in site.disks:
        (file,) = disk.glob("catalog.log")
        with file.open("r+b") as catalog:
            for at in range(2000, file.stat().st_size, 9000):
                catalog.seek(at)
                catalog.write(os.urandom(64))
    return 0


def spoil_chunk(site: Chain) -> int:
    """The header of one closed chunk, a part in the middle of another, on each disk. How many parts they hold."""
    spoilt = 0
    for disk in site.disks:
        closed = []
        for file in sorted(disk.glob("[0-9a-f][0-9a-f]/*.mp4")):
            with file.open("rb") as handle:
                found = walk(handle.fileno(), GEOMETRY)
            if found.state is ChunkState.CLOSED:
                closed.append((file, len(found.entries)))
        for (file, parts), at in zip(closed, (900, GEOMETRY.chunk_size // 2), strict=False):
            spoilt += parts
            with file.open("r+b") as chunk:
                chunk.seek(at)
                chunk.write(os.urandom(64))
    assert spoilt
    return spoilt


SPOILS: dict[str, Callable[[Chain], int]] = {
    "index": spoil_index,
    "catalogue": spoil_catalog,
    "chunk": spoil_chunk,
}


@pytest.mark.parametrize("spoilt", SPOILS)
async def test_what_is_damaged_while_it_is_off_costs_itself(tmp_path: Path, clips: Clips, spoilt: str) -> None:
    async with chain(tmp_path, [clips, clips], chunks=CHUNKS, geometry=GEOMETRY) as site:
        recorder = await site.recorder()
        await site.durable(8.0)
        await recorder.stop()
        before = await asyncio.to_thread(site.stored)
        lost = await asyncio.to_thread(SPOILS[spoilt], site)
        recorder = await site.recorder()
        await site.durable(2.0)
        async with site.client() as client:
            given = 0
            for key, parts in before.items():
                told = await client.ranges(
                    key.camera, key.stream, 0 + parts[0].entry.utc_us, parts[-1].entry.utc_us + 1
                )
                given += sum(len(chunk["parts"]) for chunk in told["chunks"])
            assert given >= sum(map(len, before.values())) - lost, "what is not damaged is all given"
            assert all(disk["error"] == "" for disk in (await client.state())["disks"])
        assert await recorder.stop() == 0
