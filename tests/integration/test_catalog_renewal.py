"""Catalogues are renewed beside the recording: nothing is lost, at whatever step the recorder is killed."""

import asyncio
import os
import shutil
import threading
from pathlib import Path

import pytest

from appliance.core.cause import GapCause
from appliance.ring import start
from appliance.ring.catalog import keeper as catalog_keeper
from appliance.ring.catalog.file import NEW, read_catalog, reader
from appliance.ring.catalog.log import CATALOG, NO_HEAD, Head
from appliance.ring.catalog.replay import Replay, replay
from appliance.ring.disks.disk import Disk
from appliance.ring.disks.identity import read_identity
from appliance.ring.disks.member import Member
from appliance.ring.recording import Ring
from appliance.ring.recovery import Scan, scan
from tests.peers.pictures import Camera
from tests.peers.ring_rig import KEY, Folder, Rig

STEPS = ("former", "link", "rename", "directory", "done")


async def lapped(base: Path) -> tuple[Rig, Camera, Ring]:
    rig = await Rig(base).format(disks=1, chunks=16)
    ring = rig.new()
    camera = rig.camera(size=1500)
    return rig, camera, ring


def states(found: Replay) -> dict[int, tuple[str, ...]]:
    told = {number: (kind, *facts) for number, (kind, facts) in found.special.items()}
    return {**told, **dict.fromkeys(found.closed, ("CLOSED",))}


async def renew(rig: Rig, camera: Camera, member: Member) -> int:
    """Compact now; returns how many ticks it took."""
    member.catalog.compact()
    for tick in range(40):
        await rig.record(1, camera)
        if not member.catalog.busy:
            return tick
    raise AssertionError("not renewed in 40 ticks")


async def test_a_renewed_catalogue_says_the_same_in_one_line_a_chunk(tmp_path: Path) -> None:
    rig, camera, ring = await lapped(tmp_path)
    disk = tmp_path / "disk0"
    async with rig.running():
        camera.start()
        (member,) = ring._members.all
        for epoch in (2, 3, 4):
            await rig.record(200, camera)
            before = member.catalog.lines
            began = str(member.catalog.head)
            assert await renew(rig, camera, member) < 20
            assert member.catalog.lines < before / 2
            identity = await asyncio.to_thread(read_identity, disk)
            found = await asyncio.to_thread(read_catalog, disk, identity.uuid, identity.chunks)
            assert (found.beginning.epoch, found.beginning.why) == (epoch, "compact")
            assert found.beginning.previous == began
            former = await asyncio.to_thread(former_of, disk, found)
            assert set(states(former)) <= set(states(found)), "no chunk has lost its line"
            assert former.past == found.past or all(found.past[key] >= former.past[key] for key in former.past)
        names = {path.name for path in disk.glob("catalog*")}
        assert names == {CATALOG, f"{CATALOG}.1", f"{CATALOG}.2"}, "two former ones are kept"
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        await ring.settle()
        held = await rig.held()
        assert held == camera.sent[-len(held) :]


def former_of(disk: Path, found: Replay) -> Replay:
    """The file before, up to where the present one says that it repeats it."""
    head = Head.of(found.beginning.previous)
    assert head is not None
    fd = os.open(disk / f"{CATALOG}.1", os.O_RDONLY)
    try:
        former = replay(reader(fd), witnesses=[head])
    finally:
        os.close(fd)
    assert head in former.seen, "the chain goes on over the files"
    return former


@pytest.mark.parametrize("step", STEPS)
async def test_a_recorder_killed_while_the_new_file_takes_its_place_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """What the disk holds at that step is copied and started from: a kill, with the file names as they were."""
    rig, camera, ring = await lapped(tmp_path)
    copy = tmp_path / "killed"
    reached, go = threading.Event(), threading.Event()
    sent_then = 0
    async with rig.running():
        camera.start()
        await rig.record(150, camera)
        (member,) = ring._members.all

        def wait_there(at: str) -> None:
            if at == step:
                reached.set()
                go.wait(20)

        member.catalog.step = wait_there
        member.catalog.compact()
        while not reached.is_set():
            await rig.record(1, camera)
        await rig.record(3, camera)  # the ticks go on meanwhile
        await asyncio.to_thread(shutil.copytree, tmp_path / "disk0", copy)
        sent_then = len(camera.sent)
        go.set()
        while member.catalog.busy:
            await rig.record(1, camera)
    assert copy.exists()
    scans: list[int] = []

    def counted(disk: Disk, known: dict[int, int]) -> Scan:
        scans.append(1)
        return scan(disk, known)

    monkeypatch.setattr(start, "scan", counted)
    rig.disks[:] = [Folder(copy)]
    rig.base = copy  # its own index, made again: the first one has seen what came after
    again = rig.new()
    again.stream(KEY, "Essai")
    async with rig.running():
        await again.settle()
        held = await rig.held()
        assert not scans, "the catalogue is whole at each step"
        last = camera.sent.index(held[-1])
        assert held == camera.sent[last + 1 - len(held) : last + 1]
        assert last + 1 == sent_then
        assert len(held) > 300


async def test_what_a_stop_left_of_a_new_file_is_made_again(tmp_path: Path) -> None:
    rig, camera, ring = await lapped(tmp_path)
    async with rig.running():
        camera.start()
        await rig.record(100, camera)
        (member,) = ring._members.all
        member.catalog.compact()  # nothing ticks any more: it cannot be finished
        await asyncio.sleep(0.05)
    assert (tmp_path / "disk0" / NEW).exists()
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        camera.start(GapCause.APPLIANCE_OFF)
        await rig.record(5, camera)
        (member,) = ring._members.all
        assert member.catalog.epoch == 1
        await renew(rig, camera, member)
        assert member.catalog.epoch == 2
        assert await rig.held() == camera.sent[-len(await rig.held()) :]


async def test_a_catalogue_found_damaged_while_it_is_renewed_is_begun_anew_from_what_is_known(tmp_path: Path) -> None:
    rig, camera, ring = await lapped(tmp_path)
    disk = tmp_path / "disk0"
    async with rig.running():
        camera.start()
        await rig.record(200, camera)
        data = bytearray(await asyncio.to_thread((disk / CATALOG).read_bytes))
        data[1000] ^= 4
        await asyncio.to_thread((disk / CATALOG).write_bytes, data)
        (member,) = ring._members.all
        member.catalog.compact()
        for _ in range(40):
            await rig.record(1, camera)
            await ring.keep_index()
        identity = await asyncio.to_thread(read_identity, disk)
        found = await asyncio.to_thread(read_catalog, disk, identity.uuid, identity.chunks)
        assert found.beginning.why.startswith("damaged")
        assert found.beginning.previous == NO_HEAD
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        await ring.settle()
        held = await rig.held()
        assert held == camera.sent[-len(held) :]
        assert len(held) > 400


async def test_a_file_is_renewed_by_itself_when_half_of_it_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_keeper, "LEAST_DEAD", 40)
    rig, camera, ring = await lapped(tmp_path)
    async with rig.running():
        camera.start()
        for _ in range(60):
            await rig.record(10, camera)
            await ring.keep_index()
        (member,) = ring._members.all
        assert member.catalog.epoch > 2
        assert member.catalog.lines < 120
