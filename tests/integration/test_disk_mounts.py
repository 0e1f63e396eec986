"""Real filesystems under a ring that records: unmounted, made read-only, filled, gone and mounted again. As root."""

import asyncio
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.ring.disks.disk import format_disk
from appliance.services.devices import BlockDevices
from tests.peers.need import need_loop
from tests.peers.ring_rig import SMALL, Folder, Rig
from tests.peers.sick_disk import disks_of, member_of

IMAGE_MIB = 24
CHUNKS = 32


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


def mount(image: Path, where: Path) -> None:
    run("mount", "-o", "loop,noatime,errors=remount-ro", image, where)


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[list[tuple[Path, Path]]]:
    """Two ext4 images, mounted and formatted: (image, mount point)."""
    need_loop()
    made: list[tuple[Path, Path]] = []
    for name in ("disk-a", "disk-b"):
        image, where = tmp_path / f"{name}.img", tmp_path / name
        where.mkdir()
        with image.open("wb") as file:
            file.truncate(IMAGE_MIB << 20)
        run("mkfs.ext4", "-q", "-m", "0", image)
        mount(image, where)
        format_disk(where, SMALL, CHUNKS, protected=0)
        made.append((image, where))
    try:
        yield made
    finally:
        for image, where in made:
            while subprocess.run(["umount", "-l", where], capture_output=True, check=False).returncode == 0:
                pass
            image.unlink()


@pytest.mark.parametrize("how", ["detached", "read-only"])
async def test_a_mounted_disk_that_goes_and_comes_back(
    how: str, mounts: list[tuple[Path, Path]], tmp_path: Path
) -> None:
    """Its past is gone meanwhile; once it was unmounted and mounted again every picture is there once."""
    rig = Rig(tmp_path / "ring", disks=[Folder(where) for _, where in mounts])
    rig.base.mkdir()
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(25, camera)
        lost = member_of(ring)
        image, where = next(pair for pair in mounts if pair[1] == lost.disk.path)
        present = len(camera.sent)
        if how == "detached":
            await asyncio.to_thread(run, "umount", "-l", where)
            await ring.look()
        else:  # what errors=remount-ro does to a filesystem that is being written to
            await asyncio.to_thread(run, "mount", "-o", "remount,abort", where)
        await rig.record(20, camera)
        assert lost.failed
        assert (await rig.held())[-(len(camera.sent) - present) :] == camera.sent[present:]
        await ring.look()
        assert len(ring._members.all) == 2, "not before it was unmounted"
        if how != "detached":
            await asyncio.to_thread(run, "umount", where)  # no descriptor of ours keeps it
        await ring.look()
        assert len(ring._members.all) == 2, "an empty mount point is no disk"
        await asyncio.to_thread(mount, image, where)
        await ring.look()
        await rig.record(10, camera)
        assert not any(disk["error"] for disk in disks_of(ring))
        assert await rig.held() == camera.sent
        assert len(ring._members.all) == 3


async def test_a_full_filesystem_stops_no_recording(mounts: list[tuple[Path, Path]], tmp_path: Path) -> None:
    """Every chunk was made at the format: what somebody else puts on the disk takes nothing away."""
    rig = Rig(tmp_path / "ring", disks=[Folder(where) for _, where in mounts])
    rig.base.mkdir()
    rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        for _, where in mounts:
            await asyncio.to_thread(
                subprocess.run, ["dd", "if=/dev/zero", f"of={where}/fill", "bs=64k"], capture_output=True, check=False
            )
        await rig.record(30, camera)
        assert await rig.held() == camera.sent
        assert not any(disk["error"] for disk in disks_of(rig.ring))


def test_the_system_tells_of_block_devices_that_come_and_go(tmp_path: Path) -> None:
    need_loop()
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(1 << 20)
    changed = threading.Event()
    devices = BlockDevices(changed.set)
    devices.start()
    try:
        found = subprocess.run(["losetup", "--find", "--show", image], check=True, capture_output=True, text=True)
        told = changed.wait(10)
        run("losetup", "-d", found.stdout.strip())
    finally:
        devices.close()
    assert told
