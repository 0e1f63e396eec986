"""Disks that fail, go and come back under a ring: nothing of the present is lost, what of the past is is said."""

import asyncio
import errno
import itertools
from functools import partial
from pathlib import Path

import pytest

from appliance.core.cause import GapCause
from appliance.media.stream import StreamKey
from appliance.ring.disks.disk import chunk_name
from appliance.ring.disks.member import Member
from appliance.ring.disks.pool import ChunkState
from appliance.ring.recording import Ring
from tests.peers.pictures import Camera
from tests.peers.ring_rig import KEY, Rig, recorded
from tests.peers.sick_disk import away, back, disks_of, flush_fails, member_of, writes_fail

SUB = StreamKey("cam", "sub")


def any_failed(ring: Ring) -> bool:
    return len(ring._members.live) < len(ring._members.all)


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.ENODEV])
async def test_a_flush_that_fails_costs_the_disks_past_and_nothing_else(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with recorded(tmp_path, 30) as (rig, ring, camera):
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
    async with recorded(tmp_path, 6, disks=3, size=3500) as (rig, ring, camera):
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


async def test_a_disk_absent_at_start_says_what_is_missing_without_it_and_comes_back(tmp_path: Path) -> None:
    async with recorded(tmp_path, 40) as (rig, ring, camera):
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
    async with recorded(tmp_path, 8) as (rig, ring, camera):
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
    async with recorded(tmp_path, 3, disks=1, chunks=16, size=3000) as (rig, ring, camera):
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
    async with recorded(tmp_path, 8) as (rig, ring, camera):
        member = member_of(ring)
        root = member.disk.path
        writes_fail(monkeypatch, lambda path, _offset: root in path.parents)
        present = len(camera.sent)
        await rig.record(6, camera)
        assert member.failed
        new = camera.sent[present:]
        assert (await rig.held())[-len(new) :] == new
