"""Holds when disks fail, leave, come back or are full of other codecs, and when the recorder is killed."""

import asyncio
import os
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from appliance.core.cause import GapCause
from appliance.ring.protect.held import Kept
from appliance.ring.walk import ChunkState
from tests.peers.holding import asked, done, hold, own, pool_chunks, until
from tests.peers.pictures import OTHER_PARAMETERS
from tests.peers.ring_rig import KEY, Folder, Rig
from tests.peers.sick_disk import flush_fails


@pytest.mark.parametrize("lost", [0, 1])
async def test_a_lost_disk_takes_no_hold_with_it(tmp_path: Path, lost: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = await Rig(tmp_path).format(disks=2, chunks=40, protected=12)
    ring = rig.new()
    camera = rig.camera(size=2500)
    async with rig.running():
        camera.start()
        await rig.record(30, camera)
        kept = await hold(rig, asked(rig, last_s=10))
        await until(rig, lambda: kept.state == "complete")
        before = await own(rig, kept)
        member = ring._members.all[lost]
        flush_fails(member, monkeypatch)
        await until(rig, lambda: bool(member.failed))
        await rig.record(3, camera)
        assert await own(rig, kept), "the other disk's copies serve"
        rig.clock.advance(40)
        await until(rig, lambda: kept.state == "complete" and len(kept.rows.held) > 0)
        assert await own(rig, kept) == before, "and what was lost is copied again, its source being elsewhere"
        assert {row.disk for row, _ in kept.rows.held} == {ring._members.all[1 - lost].uuid}
        camera.start(GapCause.NETWORK)
        await rig.record(3, camera)
        again = await hold(rig, asked(rig, last_s=1))
        assert await own(rig, again)


async def test_a_disk_that_comes_back_brings_no_copy_twice_and_no_hold_that_was_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await Rig(tmp_path).format(disks=2, chunks=40, protected=12)
    ring = rig.new()
    camera = rig.camera(size=2500)
    async with rig.running():
        camera.start()
        await rig.record(30, camera)
        first = await hold(rig, asked(rig, last_s=10))
        second = await hold(rig, asked(rig, last_s=10))
        await rig.record(2, camera)
        await until(rig, lambda: first.state == second.state == "complete")
        before = await own(rig, first)
        member = ring._members.all[1]
        flush_fails(member, monkeypatch)
        await until(rig, lambda: bool(member.failed))
        await done(rig, ring.protected.release(second.hold.id))
        await until(rig, lambda: first.state == "complete")
        path = member.disk.path
        await asyncio.to_thread(path.rename, path.with_name("out"))
        await asyncio.to_thread(path.with_name("out").rename, path)
        await ring.look()
        await until(rig, lambda: len(ring._members.all) == 3 and member.uuid in ring.protected._lists)
        await until(rig, lambda: not ring.protected.busy and first.state == "complete")
        assert await own(rig, first) == before
        assert [report["id"] for report in ring.protected.report()] == [first.hold.id]
        await until(rig, lambda: all(chunk.until_us is not None for chunk in ring._members.all[2].pool.wiped))
        left = await asyncio.to_thread(pool_chunks, tmp_path / "disk1", 28)
        assert all(plain["id"] == first.hold.id for _, plain, _ in left if isinstance(plain, dict))


async def test_gaps_and_another_codec_are_copied_as_they_are(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=2, chunks=40, protected=16)
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        start = rig.clock.utc_us()
        camera.start()
        await rig.record(8, camera)
        camera.sink.end_run(GapCause.NETWORK)
        rig.clock.advance(7)
        camera.start(GapCause.NETWORK)
        await rig.record(8, camera)
        camera.start(GapCause.CAMERA_CODEC, OTHER_PARAMETERS)
        await rig.record(8, camera)
        what = replace(asked(rig), from_us=start - 1, to_us=rig.clock.utc_us())
        kept = await hold(rig, what)
        await rig.record(2, camera)
        await until(rig, lambda: kept.state == "complete")
        assert (await own(rig, kept))[:240] == camera.sent[:240]
        copies = await kept.catalogue.ranges(KEY, start, what.to_us)
        assert {(copy.width, copy.height) for copy in copies} == {(640, 480), (1280, 720)}
        mine = await kept.catalogue.spans(KEY, start, what.to_us)
        assert mine == await ring._shared.catalogue.spans(KEY, start, what.to_us)
    for disk in ("disk0", "disk1"):
        for state, _, entries in await asyncio.to_thread(pool_chunks, tmp_path / disk, 24):
            assert state is ChunkState.CLOSED
            assert entries


async def test_killed_at_any_tick_of_a_copy_it_goes_on_and_ends_whole(tmp_path: Path) -> None:
    rig = await Rig(tmp_path / "live").format(disks=2, chunks=30, protected=10)
    ring = rig.new()
    camera = rig.camera(size=2500)
    snapshots: list[Path] = []
    async with rig.running():
        camera.start()
        await rig.record(30, camera)
        what = asked(rig, last_s=10)
        task = asyncio.create_task(ring.protected.hold(what))
        for i in range(60):
            rig.clock.advance(0.4)
            await ring.tick()
            await asyncio.sleep(0.002)
            if i % 2 == 0 or task.done():
                snapshots.append(tmp_path / f"killed{i}")
                await asyncio.to_thread(shutil.copytree, tmp_path / "live", snapshots[-1])
            if task.done() and (await task).state == "complete":
                break
        whole = await own(rig, await task)
        names = set(ring.protected.holds)
    found = 0
    for copy in snapshots:
        again = Rig(copy, clock=rig.clock)
        again.disks = [Folder(copy / disk.path.name) for disk in rig.disks]
        again.new().stream(KEY, "Essai")
        async with again.running():
            await until(again, partial(_ready, again))
            holds = again.ring.protected.holds
            if not holds:
                continue  # it had not been accepted yet
            assert set(holds) == names
            found += 1
            (kept,) = holds.values()
            again.clock.advance(40)
            await until(again, partial(_complete, kept))
            assert await own(again, kept) == whole
    assert found >= 5


def _ready(rig: Rig) -> bool:
    return rig.ring.protected.ready_for_holds


def _complete(kept: Kept) -> bool:
    return kept.state == "complete"


async def test_a_chunk_of_the_pool_that_takes_no_writing_costs_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=30, protected=10)
    ring = rig.new()
    camera = rig.camera(size=2500)
    write, bad = os.pwrite, list[int]()

    def one_bad(fd: int, data: memoryview, offset: int) -> int:
        opened = [c for k in ring.protected.holds.values() for chunks in k.open.values() for c in chunks]
        if not bad and opened and opened[0].durable and fd == opened[0].fd:
            bad.append(fd)
            raise OSError(5, "Input/output error")
        return write(fd, data, offset)

    async with rig.running():
        camera.start()
        await rig.record(30, camera)
        monkeypatch.setattr(os, "pwrite", one_bad)
        kept = await hold(rig, asked(rig, last_s=10))
        await rig.record(2, camera)
        await until(rig, lambda: kept.state == "complete")
        monkeypatch.setattr(os, "pwrite", write)
        found = await own(rig, kept)
        at = camera.sent.index(found[0])
        assert found == camera.sent[at : at + len(found)]
        assert len(found) >= 250
        assert bad
        assert ring._members.all[0].failed == ""
        assert ring._members.all[0].pool.counts()["suspect"] == 1
