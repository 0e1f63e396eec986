"""What the block device sees of recording: reads, flushes, bytes left behind. ext4 on a loop device, as root."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import cli
from appliance.media.stream import StreamKey
from appliance.ring.disks.disk import DEMO_GEOMETRY, Flush, format_disk
from appliance.ring.disks.identity import read_identity
from tests.peers.loop_disk import LoopDisk, Seen, loop_disk
from tests.peers.need import need_loop
from tests.peers.pictures import Camera
from tests.peers.ring_rig import Folder, Rig

IMAGE_MIB = 220
CHUNKS = 40


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    need_loop()
    with loop_disk(tmp_path, IMAGE_MIB) as found:
        yield found


def drop_caches() -> None:
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")


INODE_BLOCKS = CHUNKS // 16 + 2
"""4 KiB blocks of ext4's inode table (256 bytes an inode) that hold the chunks and the heartbeat."""


async def ticks(rig: Rig, disk: LoopDisk, cameras: list[Camera], count: int) -> Seen:
    """What the device saw within `count` ticks; files of freed chunks are opened beside them, uncounted."""
    total = Seen(0, 0, 0)
    for _ in range(count):
        before = await asyncio.to_thread(disk.seen)
        for camera in cameras:
            for unit in camera.units(10):
                camera.sink.append(unit)
            camera.sent.clear()
        rig.clock.advance(0.4)
        await rig.ring.tick()
        now = (await asyncio.to_thread(disk.seen)).since(before)
        total = Seen(total.reads + now.reads, total.writes + now.writes, total.flushes + now.flushes)
        await rig.ring.settle()
    return total


@pytest.mark.full
async def test_recording_onto_reused_chunks_reads_nothing_and_flushes_alike_for_one_and_four(
    disk: LoopDisk, tmp_path: Path
) -> None:
    await asyncio.to_thread(_format, disk.mount)
    rig = Rig(tmp_path / "ring")
    rig.disks.append(Folder(disk.mount))
    flushes: dict[int, int] = {}
    for streams in (4, 1):
        keys = [StreamKey(f"cam{i}", "main") for i in range(streams)]
        ring = rig.new()
        cameras = [rig.camera(key, seed=i, size=24_000 // streams) for i, key in enumerate(keys)]
        async with rig.running():
            for camera in cameras:
                camera.start()
            while ring._members.all[0].pool.freed_early < 14:
                await ticks(rig, disk, cameras, 10)
        ring = rig.new()
        for camera in cameras:
            camera.sink = ring.stream(keys[cameras.index(camera)], "Essai")
        await asyncio.to_thread(drop_caches)
        async with rig.running():
            assert ring._members.all[0].disk.flush_mode is Flush.ONE
            await ring.settle()
            for camera in cameras:
                camera.start()
            seen = await ticks(rig, disk, cameras, 100)
            assert ring._members.all[0].pool.freed_early > 5, "chunks were reused meanwhile"
            assert seen.writes > 100 * streams
            assert seen.reads == 0, f"{seen.reads} device reads in 100 ticks"
            flushes[streams] = seen.flushes
            await asyncio.to_thread(drop_caches)  # in the middle: what is lost is the inodes' own blocks, once
            assert (await ticks(rig, disk, cameras, 100)).reads <= INODE_BLOCKS
    assert flushes[4] <= 240, "at most 6 flushes a disk-second at 2.5 ticks a second"
    assert flushes[4] <= 1.1 * flushes[1], "as many for four streams as for one"


def _format(path: Path) -> None:
    format_disk(path, DEMO_GEOMETRY, CHUNKS)


async def test_a_ready_chunk_holds_no_byte_of_earlier_laps(disk: LoopDisk, tmp_path: Path) -> None:
    await asyncio.to_thread(_format, disk.mount)
    rig = Rig(tmp_path / "ring")
    rig.disks.append(Folder(disk.mount))
    ring = rig.new()
    camera = rig.camera(size=24_000)
    async with rig.running():
        camera.start()
        while ring._members.all[0].pool.freed_early < 30:
            await rig.record(10, camera)
            del camera.sent[:-1]
        free = [chunk.number for chunk in ring._members.all[0].pool.ready]
        blobs = [await asyncio.to_thread((disk.mount / f"00/{n:06d}.mp4").read_bytes) for n in free]
        assert blobs
        assert not any(any(blob) for blob in blobs)


async def test_a_disk_formatted_with_all_that_fits_has_room_for_its_catalogue_and_lists(
    disk: LoopDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(cli.main, ["disk", "format", str(disk.mount), "--chunk-mib", "4"]) == cli.OK
    made = await asyncio.to_thread(read_identity, disk.mount)
    assert made.chunks * 4 > IMAGE_MIB * 0.7, "most of the disk is chunks"
    rig = Rig(tmp_path / "ring")
    rig.disks.append(Folder(disk.mount))
    rig.new()
    camera = rig.camera(size=24_000)
    async with rig.running():
        camera.start()
        await rig.record(300, camera)
        beside = await asyncio.to_thread(lambda: {file.name for file in disk.mount.iterdir()})
        assert {"catalog.log", "nvr-holds"} <= beside
        room = await asyncio.to_thread(os.statvfs, disk.mount)
        assert room.f_bavail * room.f_frsize > 8 << 20, "and for backups and a new catalogue beside the old one"
