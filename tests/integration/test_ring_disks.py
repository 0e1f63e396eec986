"""Disks that fail, hang, go and come back under a ring: nothing of the present is lost, what of the past is is said."""

import asyncio
import errno
import itertools
import threading
from functools import partial
from pathlib import Path

import pytest

from appliance.core.cause import GapCause
from appliance.media.stream import StreamKey
from appliance.ring import start
from appliance.ring.catalog.log import CATALOG
from appliance.ring.chunk import HeaderInfo
from appliance.ring.disks import arrivals, opening
from appliance.ring.disks.disk import chunk_name
from appliance.ring.disks.member import Member
from appliance.ring.disks.pool import ChunkState
from appliance.ring.recording import Ring
from tests.peers.pictures import Camera
from tests.peers.ring_rig import KEY, Rig
from tests.peers.sick_disk import disks_of, flush_fails, flush_hangs, member_of, reading_hangs, writes_fail

OTHER = StreamKey("hall", "main")
SUB = StreamKey("cam", "sub")


async def away(path: Path) -> Path:
    """Take the disk out: something else lies where it was."""
    aside = path.with_name(path.name + "-out")
    await asyncio.to_thread(path.rename, aside)
    return aside


async def back(path: Path) -> None:
    """Put it back where it was."""
    await asyncio.to_thread(path.with_name(path.name + "-out").rename, path)


def any_failed(ring: Ring) -> bool:
    return len(ring._members.live) < len(ring._members.all)


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.ENODEV])
async def test_a_flush_that_fails_costs_the_disks_past_and_nothing_else(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await Rig(tmp_path).format(chunks=32)
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(30, camera)
        before = await rig.held()
        assert before == camera.sent
        lost = member_of(ring)
        flush_fails(lost, monkeypatch, number)
        present = len(camera.sent)
        await rig.record(20, camera)
        held = await rig.held()
        assert held[-(len(camera.sent) - present) :] == camera.sent[present:], "no picture of the present is missing"
        assert 0 < len(held) < len(camera.sent), "its past is gone with the disk"
        (bad,) = [disk for disk in disks_of(ring) if disk["error"]]
        assert bad["suspect"] == 1
        (loss,) = [lost for lost in bad["lost"] if lost["camera"] == "cam"]  # type: ignore[attr-defined]
        missing = (len(camera.sent) - len(held)) / 25
        assert loss["us"] == pytest.approx(missing * 1e6, abs=0.4e6)


async def test_whenever_a_disk_fails_no_picture_is_lost_and_with_it_back_each_is_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every tick of some laps over small chunks, the disk that is being written to or the other one."""
    for failing, leaving in itertools.product(range(14, 22), (True, False)):
        rig = await Rig(tmp_path / f"{failing}-{leaving}").format(chunks=32)
        ring = rig.new()
        camera = rig.camera(size=3500)
        async with rig.running():
            camera.start()
            await rig.record(failing, camera)
            current = member_of(ring).index
            lost = ring._members.all[current if leaving else 1 - current]
            flush_fails(lost, monkeypatch)
            present = len(camera.sent)
            await rig.record(1, camera)
            await rig.record(14, camera)
            held = await rig.held()
            new = camera.sent[present:]
            assert held[-len(new) :] == new
            await away(lost.disk.path)
            await back(lost.disk.path)
            await ring.look()
            await rig.record(3, camera)
            assert await rig.held() == camera.sent
            assert not any(disk["error"] or disk["lost"] for disk in disks_of(ring))
            spans = await ring.spans(KEY, 0, rig.clock.utc_us() + 1)
            assert len(spans) == 1, "one run, one stretch"


@pytest.mark.parametrize("both", [False, True])
async def test_a_stream_that_moves_to_another_disk_in_the_tick_that_fails_loses_nothing(
    both: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its newer parts are durable already, or fail as well: the older ones get a chunk of their own."""
    rig = await Rig(tmp_path).format(disks=3, chunks=32)
    ring = rig.new()
    camera = rig.camera(size=3500)
    async with rig.running():
        camera.start()
        await rig.record(6, camera)
        moved = False

        def leaves(member: Member) -> bool:
            nonlocal moved
            plan = member.plan
            moved = moved or (plan is not None and any(job.close and job.parts for job in plan.job.chunks))
            return moved

        def arrives(member: Member) -> bool:
            plan = member.plan
            return both and plan is not None and bool(plan.after)

        def fails(member: Member) -> bool:
            return (not any_failed(ring) and leaves(member)) or arrives(member)

        for member in ring._members.all:
            flush_fails(member, monkeypatch, when=partial(fails, member))
        rescued = False
        for _ in range(40):
            await rig.record(1, camera)
            rescued = rescued or bool(ring._shared.rescued)
        assert rescued or both, "the hard case was met"
        for member in [member for member in ring._members.all if member.failed]:
            await away(member.disk.path)
            await back(member.disk.path)
        await ring.look()
        await rig.record(12, camera)
        assert await rig.held() == camera.sent
        assert len(await ring.spans(KEY, 0, rig.clock.utc_us() + 1)) == 1


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
    rig = await Rig(tmp_path).format(disks=3, chunks=32)
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(12, camera)
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
    rig = await Rig(tmp_path).format(chunks=64)
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(12, camera)
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
    rig = await Rig(tmp_path).format(chunks=32)
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(12, camera)
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


async def test_without_any_disk_memory_is_bounded_and_recording_goes_on_with_the_first_that_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await Rig(tmp_path).format(chunks=32)
    ring = rig.new(queue_limit=600_000)
    main, sub = rig.camera(size=1500), Camera(ring.stream(SUB, "Essai", 2), rig.clock, seed=3, size=200)
    async with rig.running():
        main.start()
        sub.start()
        await rig.record(10, main, sub)
        both = list(ring._members.all)
        for member in both:
            await away(member.disk.path)
        await ring.look()
        assert all("remettez-le" in str(disk["error_fr"]) for disk in disks_of(ring))
        gone = len(main.sent)
        await rig.record(60, main, sub)
        streams = ring.state()["streams"]
        assert isinstance(streams, dict)
        assert int(str(ring.state()["pending"])) <= 600_000
        assert streams[str(KEY)]["dropped"] > 0
        assert streams[str(SUB)]["dropped"] == 0, "the light stream is kept longest"
        await back(both[0].disk.path)
        await ring.look()
        await rig.record(5, main, sub)
        held = await rig.held()
        assert held[-50:] == main.sent[-50:]
        assert len(main.sent) - gone - streams[str(KEY)]["dropped"] <= len(held), "what memory held was written"
        spans = await ring.spans(KEY, 0, rig.clock.utc_us() + 1)
        assert GapCause.DISK in [span.cause for span in spans]
        assert (await rig.held(SUB))[-60 * 10 :] == sub.sent[-60 * 10 :], "not one picture of it is missing"
        assert [bool(disk["error"]) for disk in disks_of(ring)].count(True) == 1


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


async def test_a_disk_absent_at_start_says_what_is_missing_without_it_and_comes_back(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(chunks=32)
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(40, camera)
        gone = ring._members.all[1 - member_of(ring).index].disk.path
    await away(gone)
    ring = rig.new()
    again = rig.camera(seed=2, size=1500)
    async with rig.running():
        again.start()
        await rig.record(2, again)
        await ring.settle()
        held = await rig.held()
        missing = (len(camera.sent) + len(again.sent) - len(held)) / 25
        assert missing > 1
        (bad,) = [disk for disk in disks_of(ring) if disk["error"]]
        lost = bad["lost"]
        assert isinstance(lost, list)
        assert lost[0]["us"] == pytest.approx(missing * 1e6, abs=0.4e6)
        await back(gone)
        await ring.look()
        await rig.record(2, again)
        assert await rig.held() == camera.sent + again.sent
        assert not any(disk["error"] or disk["lost"] for disk in disks_of(ring))


async def test_a_file_that_takes_no_writing_costs_no_picture_and_no_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await Rig(tmp_path).format(chunks=32)
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(8, camera)
        member = member_of(ring)
        chunk = ring._shared.lanes[KEY].chunk
        assert chunk is not None
        assert chunk.durable > 0
        bad, end = member.disk.path / chunk_name(chunk.number), chunk.end
        writes_fail(monkeypatch, lambda path, offset: path == bad and end <= offset < end + 65536)
        await rig.record(12, camera)
        assert await rig.held() == camera.sent, "what the file held before is kept, what it refused is elsewhere"
        assert not member.failed
        state = disks_of(ring)[member.index]
        assert state["spoiled"] == 1
        assert state["suspect"] == 1
        assert member.pool.states[chunk.number] == ChunkState.CLOSED
    ring = rig.new()
    rig.camera()
    async with rig.running():
        await ring.settle()
        assert await rig.held() == camera.sent, "after a start too"


async def test_a_file_that_was_spoiled_is_used_no_more_when_its_footage_is_freed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=16)
    ring = rig.new()
    camera = rig.camera(size=3000)
    async with rig.running():
        camera.start()
        await rig.record(3, camera)
        member = member_of(ring)
        chunk = ring._shared.lanes[KEY].chunk
        assert chunk is not None
        bad, end = member.disk.path / chunk_name(chunk.number), chunk.end
        writes_fail(monkeypatch, lambda path, offset: path == bad and offset == end)
        await rig.record(150, camera)
        assert member.pool.states[chunk.number] == ChunkState.SUSPECT
        data = await asyncio.to_thread(bad.read_bytes)
        assert not any(data), "destroyed before it was set aside"
        assert (await rig.held())[-50:] == camera.sent[-50:]


async def test_a_disk_on_which_nothing_can_be_written_fails_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await Rig(tmp_path).format(chunks=32)
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(8, camera)
        member = member_of(ring)
        root = member.disk.path
        writes_fail(monkeypatch, lambda path, _offset: root in path.parents)
        present = len(camera.sent)
        await rig.record(6, camera)
        assert member.failed
        new = camera.sent[present:]
        assert (await rig.held())[-len(new) :] == new
