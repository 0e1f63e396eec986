"""Disks that do not answer under a ring, at its start or in its midst: they are given up, and taken back later."""

import asyncio
import threading
from pathlib import Path

import pytest

from appliance.media.stream import StreamKey
from appliance.ring import start
from appliance.ring.catalog.log import CATALOG
from appliance.ring.chunk import HeaderInfo
from appliance.ring.disks import arrivals, opening
from appliance.ring.disks.member import Member
from appliance.ring.recording import Ring
from tests.peers.pictures import Camera
from tests.peers.ring_rig import KEY, Rig, recorded
from tests.peers.sick_disk import away, back, disks_of, flush_fails, flush_hangs, member_of, reading_hangs

OTHER = StreamKey("hall", "main")


async def test_a_disk_that_hangs_is_given_up_after_five_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await Rig(tmp_path).format(chunks=32)
    ring = rig.new()
    camera, hall = rig.camera(size=1500), rig.camera(OTHER, seed=2, size=1500)
    async with rig.running():
        camera.start()
        hall.start()
        await rig.record(12, camera, hall)
        stuck = member_of(ring)
        hanging = flush_hangs(stuck, monkeypatch)
        present = len(camera.sent)
        latest = 0.0
        waiting: list[asyncio.Task[None]] = []
        for _ in range(20):  # 8 s
            for sender in (camera, hall):
                for unit in sender.units(10):
                    sender.sink.append(unit)
            rig.clock.advance(0.4)
            tick = asyncio.create_task(ring.tick())
            waiting.append(tick)
            await asyncio.wait([tick], timeout=0.2)
            await ring.settle()
            durable = ring.durable_us(KEY)
            assert durable is not None
            latest = max(latest, (rig.clock.utc_us() - durable) / 1e6)
        assert hanging.entered.is_set()
        assert stuck.failed
        assert 5 < latest <= 8, "the durable mark was late, and not by more"
        new = camera.sent[present:]
        assert (await rig.held())[-len(new) :] == new
        assert (await rig.held(OTHER))[-len(new) :] == hall.sent[present:]
        (bad,) = [disk for disk in disks_of(ring) if disk["error"]]
        assert "5 s" in str(bad["error_fr"])
        await ring.look()
        assert len(ring._members.all) == 2, "it is not opened again while its thread has not come back"
        hanging.release.set()
        await asyncio.gather(*waiting)


async def test_a_disk_that_hangs_on_its_way_in_keeps_no_other_one_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "START_S", 0.1)
    async with recorded(tmp_path, 12, disks=3) as (rig, ring, camera):
        first, second = (slot.path for slot in rig.disks[:2])
        await away(first)
        await away(second)
        await ring.look()
        entered, release = asyncio.Event(), asyncio.Event()
        healthy = ring._shared.start.take

        async def take(member: Member, learnt: start.Learnt) -> list[HeaderInfo]:
            if member.disk.path == first:
                entered.set()
                await release.wait()
            await entered.wait()
            return await healthy(member, learnt)

        monkeypatch.setattr(ring._shared.start, "take", take)
        await back(first)
        await back(second)
        async with asyncio.timeout(20):
            while ring._members.at(second) not in ring._members.live:
                await ring.look()
            assert ring._members.at(first) not in ring._members.live
            release.set()
            while ring._members.at(first) not in ring._members.live:
                await ring.look()
        await rig.record(5, camera)
        assert await rig.held() == camera.sent


async def test_a_disk_that_hung_and_answers_again_comes_back_by_itself_and_later_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with recorded(tmp_path, 12, chunks=64) as (rig, ring, camera):
        path = member_of(ring).disk.path
        for out_s in (60, 120):
            stuck = ring._members.at(path)
            assert stuck is not None
            hanging = flush_hangs(stuck, monkeypatch)
            waiting = await ticks_over(rig, camera, 16)
            assert stuck.failed
            assert "reprendra seul" in str(disks_of(ring)[at(ring, stuck)]["error_fr"])
            rig.clock.advance(2 * out_s)
            await ring.look()
            assert ring._members.at(stuck.disk.path) is stuck, "its thread has not come back, however long ago"
            hanging.release.set()
            await asyncio.gather(*waiting)
            await returned(stuck)
            stuck.left_us = rig.clock.monotonic_us()  # as if it had been given up just now
            rig.clock.advance(out_s - 1)
            await ring.look()
            assert ring._members.at(stuck.disk.path) is stuck, "not yet"
            rig.clock.advance(1)
            await ring.look()
            assert ring._members.at(stuck.disk.path) in ring._members.live
            await rig.record(12, camera)
            assert await rig.held() == camera.sent, "its past is served again, each picture once"
            assert not any(disk["error"] or disk["lost"] for disk in disks_of(ring))


async def test_a_disk_that_hung_and_then_failed_waits_for_its_unmounting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with recorded(tmp_path, 12) as (rig, ring, camera):
        stuck = member_of(ring)
        flush_fails(stuck, monkeypatch)
        hanging = flush_hangs(stuck, monkeypatch)
        waiting = await ticks_over(rig, camera, 16)
        hanging.release.set()
        await asyncio.gather(*waiting)
        await returned(stuck)
        rig.clock.advance(7200)
        await ring.look()
        assert ring._members.at(stuck.disk.path) is stuck, "pages may have been dropped"
        await away(stuck.disk.path)
        await back(stuck.disk.path)
        await ring.look()
        assert ring._members.at(stuck.disk.path) in ring._members.live


async def ticks_over(rig: Rig, camera: Camera, count: int) -> "list[asyncio.Task[None]]":
    """So many ticks in simulated time, whatever hangs; the one that hangs is among them."""
    waiting = []
    for _ in range(count):
        for unit in camera.units(10):
            camera.sink.append(unit)
        rig.clock.advance(0.4)
        waiting.append(asyncio.create_task(rig.ring.tick()))
        await asyncio.wait(waiting[-1:], timeout=0.05)
        await rig.ring.settle()
    return waiting


async def returned(member: Member) -> None:
    """All that the disk was asked has come back."""
    async with asyncio.timeout(10):
        while not member.returned():  # noqa: ASYNC110 - threads tell nobody
            await asyncio.sleep(0.01)


def at(ring: Ring, member: Member) -> int:
    """Place of its disk in the state."""
    return [slot.path for slot in ring._members.slots].index(member.disk.path)


async def test_a_ring_stops_while_a_disk_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.ring.recording.CLOSE_S", 0.3)
    rig = await Rig(tmp_path).format(chunks=32)
    ring = rig.new()
    camera = rig.camera(size=1500)
    await ring.open()
    camera.start()
    await rig.record(5, camera)
    hanging = flush_hangs(member_of(ring), monkeypatch)
    async with asyncio.timeout(5):
        await ring.close()
    assert hanging.entered.is_set()
    hanging.release.set()


async def test_a_disk_that_does_not_answer_at_start_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = await Rig(tmp_path).format(chunks=32)
    monkeypatch.setattr(opening, "ANSWER_S", 0.2)
    release = threading.Event()
    healthy = opening._ask

    def ask(path: Path) -> None:
        if path.name == "disk0":
            release.wait(50)
        healthy(path)

    monkeypatch.setattr(opening, "_ask", ask)
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(5, camera)
        assert await rig.held() == camera.sent
        silent, _ = disks_of(ring)
        assert "3 s" in str(silent["error_fr"])
        await ring.look()
        assert "3 s" in str(disks_of(ring)[0]["error_fr"]), "nobody waits for it a second time"
        release.set()
        async with asyncio.timeout(10):
            while disks_of(ring)[0]["error"]:
                await asyncio.sleep(0.01)
                await ring.look()
        await rig.record(5, camera)
        assert await rig.held() == camera.sent


@pytest.mark.parametrize("what", ["settle", "scan"])
async def test_a_disk_that_hangs_while_it_is_read_at_start_joins_when_it_answers(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await Rig(tmp_path).format(chunks=32)
    monkeypatch.setattr(arrivals, "START_S", 0.1)
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(40, camera)
        assert await rig.held() == camera.sent
    if what == "scan":
        await asyncio.to_thread((rig.disks[0].path / CATALOG).unlink)
    hanging = reading_hangs(monkeypatch, what, rig.disks[0].path)
    ring = rig.new()
    again = rig.camera(seed=2, size=1500)
    async with asyncio.timeout(20), rig.running():
        assert hanging.entered.is_set()
        assert [member.disk.path for member in ring._members.all] == [rig.disks[1].path]
        again.start()
        await rig.record(5, again)
        held = await rig.held()
        assert held[-len(again.sent) :] == again.sent, "recording goes on at once"
        assert len(held) < len(camera.sent) + len(again.sent), "nothing is served of what nobody has read"
        late, well = disks_of(ring)
        assert "tarde" in str(late["error_fr"])
        assert late["lost"]
        assert not well["error"]
        await ring.look()
        assert len(ring._members.all) == 1
        hanging.release.set()
        while disks_of(ring)[0]["error"]:
            await ring.look()
        await rig.record(5, again)
        assert await rig.held() == camera.sent + again.sent
        assert not any(disk["error"] or disk["lost"] for disk in disks_of(ring))


async def test_a_ring_stops_while_a_disk_hangs_at_its_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = await Rig(tmp_path).format(chunks=32)
    monkeypatch.setattr(arrivals, "START_S", 0.1)
    hanging = reading_hangs(monkeypatch, "settle", rig.disks[0].path)
    rig.new()
    async with asyncio.timeout(20), rig.running():
        rig.camera().start()
    hanging.release.set()
