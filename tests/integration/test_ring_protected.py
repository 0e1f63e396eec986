"""Holds on real files: bit for bit, growing, beyond the ring, across restarts, and a full pool."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.core.cause import GapCause
from appliance.core.chain import Facts
from appliance.media.stream import StreamKey
from appliance.ring.access.reader import Answer, ReadableChunk, RecorderClient, read_parts, readable
from appliance.ring.access.server import serve
from appliance.ring.faults import RecorderRefused
from appliance.ring.protect.faults import HoldNothing, HoldPoolFull, NoProtectedPool, UnknownHold
from appliance.ring.protect.policy import Reason
from appliance.ring.walk import ChunkState
from tests.peers.holding import DAY_US, SUB, asked, done, held, hold, pool_chunks, until
from tests.peers.lawful import Lines
from tests.peers.ring_rig import KEY, SMALL, Rig


async def test_a_hold_is_a_copy_bit_for_bit_that_outlives_the_ring(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=2, chunks=20, protected=6)
    ring = rig.new()
    cameras = [rig.camera(KEY, size=2500), rig.camera(SUB, size=600, seed=2)]
    async with rig.running():
        for camera in cameras:
            camera.start()
        await rig.record(30, *cameras)
        kept = await hold(rig, asked(rig, KEY, SUB, last_s=10))
        await until(rig, lambda: kept.state == "complete")
        first = {key: await held(rig, kept, key) for key in (KEY, SUB)}
        for key, camera in zip((KEY, SUB), cameras, strict=True):
            at = camera.sent.index(first[key][0])
            assert first[key] == camera.sent[at : at + len(first[key])], "in order, bit for bit"
            assert 250 <= len(first[key]) <= 250 + 25 + 10, "10 s and at most a GOP and a part before"
        sources = {chunk.disk for chunk in await ring.ranges(KEY, kept.hold.from_us, kept.hold.to_us)}
        assert len(sources) == 2
        await rig.record(250, *cameras)
        own = ring._shared.catalogue
        assert await own.ranges(KEY, kept.hold.from_us, kept.hold.to_us - 1) == [], "the ring has lapped"
        for key in (KEY, SUB):
            assert await held(rig, kept, key) == first[key]


async def test_copies_lie_on_another_disk_than_their_source(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=2, chunks=24, protected=8)
    ring = rig.new()
    camera = rig.camera(size=2500)
    async with rig.running():
        camera.start()
        await rig.record(40, camera)
        what = asked(rig, last_s=12)
        sources = await ring.ranges(KEY, what.from_us, what.to_us, from_keyframe=True)
        kept = await hold(rig, what)
        source_of = {entry.sequence: chunk.disk for chunk in sources for entry in chunk.parts}
        copies = await kept.catalogue.ranges(KEY, 0, rig.clock.utc_us())
        assert len(copies) >= 2
        for copy in copies:
            assert {source_of[entry.sequence] for entry in copy.parts}.isdisjoint({copy.disk})


async def test_a_chunk_of_the_pool_has_the_rings_format_and_says_whose_it_is(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=20, protected=6)
    rig.new()
    camera = rig.camera(size=2500)
    async with rig.running():
        camera.start()
        await rig.record(30, camera)
        kept = await hold(rig, asked(rig, last_s=8))
        await until(rig, lambda: kept.state == "complete")
    found = await asyncio.to_thread(pool_chunks, tmp_path / "disk0")
    assert found
    for state, protected, entries in found:
        assert state is ChunkState.CLOSED
        assert protected == kept.hold.plain()
        assert entries


async def test_a_hold_grows_with_the_alert_and_stops_with_it(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=2, chunks=24, protected=8)
    rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(20, camera)
        kept = await hold(rig, asked(rig, last_s=4, grow_s=60, reason=Reason.ALERT))
        assert kept.state == "growing"
        for _ in range(5):
            await rig.record(10, camera)
            await until(rig, lambda: kept.progress[KEY].seen_us == rig.ring.durable_us(KEY))
        assert (await held(rig, kept))[-1] == camera.sent[-1], "up to the durable mark"
        await done(rig, rig.ring.protected.extend(kept.hold.id, to_us=rig.clock.utc_us(), expires_us=None))
        await rig.record(2, camera)
        await until(rig, lambda: kept.state == "complete")
        count = len(await held(rig, kept))
        await rig.record(10, camera)
        assert len(await held(rig, kept)) == count


@pytest.mark.parametrize("growing", [False, True])
async def test_a_copy_goes_on_after_a_restart(tmp_path: Path, growing: bool) -> None:
    rig = await Rig(tmp_path).format(disks=2, chunks=24, protected=8)
    ring = rig.new()
    camera = rig.camera(size=2000)
    async with rig.running():
        camera.start()
        await rig.record(30, camera)
        task = asyncio.create_task(ring.protected.hold(asked(rig, last_s=10, grow_s=20 if growing else 0)))
        await until(rig, lambda: any(kept.size for kept in ring.protected.holds.values()))
        task.cancel()
    await asyncio.to_thread((tmp_path / "index.db").unlink)
    again = rig.new()
    camera.sink = again.stream(KEY, "Essai")
    async with rig.running():
        camera.start()
        await rig.record(60, camera)
        await until(rig, lambda: bool(again.protected.holds))
        kept = next(iter(again.protected.holds.values()))
        await until(rig, lambda: kept.state == "complete")
        found = await held(rig, kept)
        at = camera.sent.index(found[0])
        assert found == camera.sent[at : at + len(found)]
        assert len(found) >= (750 if growing else 250)
        assert kept.hold.requester == "Personne"


async def test_lists_lost_on_every_disk_are_made_again_from_the_chunks(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=2, chunks=24, protected=8)
    rig.new()
    camera = rig.camera(size=2000)
    async with rig.running():
        camera.start()
        await rig.record(30, camera)
        kept = await hold(rig, asked(rig, last_s=10))
        await until(rig, lambda: kept.state == "complete")
        before = await held(rig, kept)
    for disk in ("disk0", "disk1"):
        await asyncio.to_thread((tmp_path / disk / "nvr-holds").unlink)
    again = rig.new()
    again.stream(KEY, "Essai")
    async with rig.running():
        await until(rig, lambda: bool(again.protected.holds))
        rig.clock.advance(40)  # nobody records: whether more comes of the time kept is known when it is well past
        found = again.protected.holds[kept.hold.id]
        assert replace(found.hold, revision=0) == replace(kept.hold, revision=0)
        await until(rig, lambda: found.state == "complete")
        assert await held(rig, found) == before


async def test_a_hold_that_is_given_back_is_destroyed_before_it_is_told(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=2, chunks=24, protected=8)
    ring = rig.new()
    camera = rig.camera(size=2000)
    async with rig.running():
        camera.start()
        await rig.record(30, camera)
        free = ring.protected.free()
        kept = await hold(rig, asked(rig, last_s=10))
        await until(rig, lambda: kept.state == "complete")
        paths = [Path(chunk.path) for chunk in await kept.catalogue.ranges(KEY, 0, rig.clock.utc_us())]
        assert ring.protected.free() < free
        await done(rig, ring.protected.release(kept.hold.id))
        for path in paths:
            assert not any(await asyncio.to_thread(path.read_bytes)), "nothing is left of it"
        assert ring.protected.free() == free
        with pytest.raises(UnknownHold):
            await ring.protected.release(kept.hold.id)
        assert ring.protected.report() == []
    rig.new().stream(KEY, "Essai")
    async with rig.running():
        await until(rig, lambda: rig.ring.protected.ready_for_holds)
        assert rig.ring.protected.report() == [], "and it does not come back"


@pytest.mark.parametrize("why", ["released", "expired", "evicted"])
async def test_copies_that_end_are_in_the_register_with_their_reason(tmp_path: Path, why: str) -> None:
    rig = await Rig(tmp_path).format(disks=2, chunks=24, protected=4)
    ring = rig.new()
    register = Lines()
    ring.destruction.register = register
    cameras = [rig.camera(KEY, size=1500), rig.camera(SUB, size=300, seed=2)]
    async with rig.running():
        for camera in cameras:
            camera.start()
        await rig.record(20, *cameras)
        reason = Reason.ALERT if why == "evicted" else Reason.INCIDENT
        kept = await hold(rig, asked(rig, KEY, SUB, last_s=4, reason=reason))
        await rig.record(2, *cameras)
        await until(rig, lambda: kept.state == "complete")
        rows = [rig.ring._shared.redating.held(held)[0] for held in kept.rows.held]
        assert {row.stream for row in rows} == {"main", "sub"}
        paths = [Path(c.path) for key in (KEY, SUB) for c in await kept.catalogue.ranges(key, 0, rig.clock.utc_us())]
        if why == "released":
            await done(rig, ring.protected.release(kept.hold.id))
        elif why == "expired":
            rig.clock.advance(6 * 86_400)
        else:
            for _ in range(8):
                cameras[0].sink.end_run(GapCause.NETWORK)
                cameras[0].start(GapCause.NETWORK)
                await rig.record(4, cameras[0])
                await hold(rig, asked(rig, last_s=1.6, reason=Reason.ALERT))
        await until(rig, lambda: kept.state == "ended" and not ring.protected.busy and not ring.destruction._condemned)
        for path in paths if why != "evicted" else ():
            assert not any(await asyncio.to_thread(path.read_bytes)), "told after it is gone"
        await ring.destruction.report()
        assert not register.lines, "the hour is not over"
        rig.clock.advance(3600)
        await ring.destruction.report()
        (line,) = [line for line in register.lines if line["from_utc_us"] == min(row.first_us for row in rows)]
        assert line["reason"] == f"hold-{why}"
        assert line["camera"] == "cam"
        if why != "evicted":
            assert (line["count"], line["bytes"]) == (len(rows), sum(row.size for row in rows))
            assert line["to_utc_us"] == max(row.last_us for row in rows)
        assert len(register.lines) == 1, "one line per camera and hour"
    again = rig.new()
    again.destruction.register = register
    again.stream(KEY, "Essai")
    async with rig.running():
        await until(rig, lambda: again.protected.ready_for_holds)
        await again.destruction.report(all_of_it=True)
        assert len(register.lines) == 1, "and once"


async def test_a_hold_goes_when_its_time_is_over_and_not_by_a_doubtful_clock(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=24, protected=8)
    doubtful = True
    told: list[str] = []

    def tell(kind: str, _facts: Facts) -> bool:
        told.append(kind)
        return True

    ring = rig.new(expiry_us=lambda: None if doubtful else rig.clock.utc_us(), tell=tell)
    camera = rig.camera(size=2000)
    async with rig.running():
        camera.start()
        await rig.record(30, camera)
        kept = await hold(rig, asked(rig, last_s=10))
        await until(rig, lambda: kept.state == "complete")
        chunk = (await kept.catalogue.ranges(KEY, 0, rig.clock.utc_us()))[0]
        rig.clock.advance(6 * 86_400)
        for _ in range(20):
            await ring.tick()
        assert kept.state == "complete"
        doubtful = False
        await until(rig, lambda: "hold-destroyed" in told)
        assert not any(await asyncio.to_thread(Path(chunk.path).read_bytes))
        assert told == ["hold-accepted", "hold-destroyed"]
        assert kept.state == "ended"


async def test_a_full_pool_refuses_aloud_and_alerts_keep_the_newest(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=24, protected=4)
    ring = rig.new()
    camera = rig.camera(size=100)  # no border of a chunk comes within these seconds
    async with rig.running():
        camera.start()
        await rig.record(20, camera)
        person = await hold(rig, asked(rig, last_s=2))
        alerts = []
        for _ in range(3):
            alerts.append(await hold(rig, asked(rig, last_s=2, reason=Reason.ALERT)))
            await rig.record(3, camera)
        await until(rig, lambda: not ring.protected.busy)
        assert ring.protected.free() == 0
        with pytest.raises(HoldPoolFull) as refused:
            await hold(rig, asked(rig, last_s=2))
        assert refused.value.facts["missing"] == 1, "MB: one chunk of 256 KiB"
        newest = await hold(rig, asked(rig, last_s=2, reason=Reason.ALERT))
        assert alerts[0].state == "ended"
        await until(rig, lambda: not ring.protected.busy)
        names = [report["id"] for report in ring.protected.report()]
        assert names == [kept.hold.id for kept in (person, alerts[1], alerts[2], newest)]
        assert await held(rig, person)
        assert await held(rig, newest)


async def test_a_disk_without_a_pool_refuses_in_words(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=20, protected=0)
    ring = rig.new()
    camera = rig.camera()
    async with rig.running():
        camera.start()
        await rig.record(5, camera)
        with pytest.raises(NoProtectedPool):
            await hold(rig, asked(rig))
        assert ring.protected.free() == 0


async def test_nothing_recorded_is_nothing_to_hold(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=20, protected=4)
    rig.new()
    rig.camera()
    async with rig.running():
        with pytest.raises(HoldNothing):
            await hold(rig, asked(rig))


async def test_holds_over_the_socket_and_readers_beyond_the_ring(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=2, chunks=20, protected=8)
    ring = rig.new()
    camera = rig.camera(size=2500)
    path = tmp_path / "recorder.sock"
    async with rig.running():
        server = await serve(ring, path, dict)
        client = RecorderClient(path)
        camera.start()
        await rig.record(30, camera)
        now = rig.clock.utc_us()
        begin, end = now - 10_000_000, now - 2_000_000
        times = {"from_us": begin, "to_us": end}
        words = {"why": "incident", "words": "Portail forcé", "requester": "Mme Roux"}
        kept = (await done(rig, client.hold([KEY], **times, **words)))["hold"]
        assert kept["state"] in {"growing", "complete"}
        assert kept["size"] > 0
        assert kept["expires_us"] > now + 27 * DAY_US, "as late as the reason allows"
        with pytest.raises(RecorderRefused) as refused:
            await done(rig, client.hold([KEY], **times, why="judicial", words="x", requester="y"))
        assert refused.value.facts["refusal"] == "hold-needs-procedure"
        with pytest.raises(RecorderRefused):
            await client.hold([StreamKey("nulle", "main")], **times, **words)
        before = await client.ranges("cam", "main", begin, end)
        await rig.record(250, camera)
        after = await client.ranges("cam", "main", begin, end)
        assert _numbers(after) == _numbers(before), "taken from the copies"
        own = await client.ranges("cam", "main", begin, end, hold=kept["id"])
        assert _numbers(own) == _numbers(before)
        pictures_of = [await read_parts_of(chunk) for chunk in map(readable, after["chunks"])]
        assert b"".join(data for datas in pictures_of for data in datas)
        spans = (await client.spans("cam", "main", begin, end))["spans"]
        assert [(s["from_us"], s["to_us"]) for s in spans] == [(begin, end)]
        longer = await done(rig, client.extend_hold(kept["id"], expires_us=now + 3 * DAY_US))
        assert longer["hold"]["expires_us"] == now + 3 * DAY_US
        listed = await client.holds()
        assert [hold["id"] for hold in listed["holds"]] == [kept["id"]]
        assert listed["free_bytes"] % SMALL.chunk_size == 0
        await done(rig, client.release_hold(kept["id"]))
        assert (await client.holds())["holds"] == []
        assert (await client.ranges("cam", "main", begin, end))["chunks"] == []
        await client.close()
        await server.close()


def _numbers(answer: Answer) -> list[int]:
    return [part.sequence for chunk in answer["chunks"] for part in readable(chunk).parts]


async def read_parts_of(chunk: ReadableChunk) -> list[bytes]:
    return [data async for data in read_parts(chunk, chunk.parts)]


async def test_a_copy_prolongs_nobodys_timeline_beyond_the_lawful_age(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=20, protected=8)
    ring = rig.new()
    camera = rig.camera(size=2500)
    async with rig.running():
        camera.start()
        await rig.record(30, camera)
        what = asked(rig, last_s=8)
        kept = await hold(rig, what)
        await rig.record(250, camera)
        assert await ring.ranges(KEY, what.from_us, what.to_us)
        ring._shared.catalogue.expired_until = lambda _camera: what.to_us
        assert await ring.ranges(KEY, what.from_us, what.to_us) == []
        assert await ring.spans(KEY, what.from_us, what.to_us) == []
        assert await ring.ranges(KEY, what.from_us, what.to_us, hold=kept.hold.id), "who asked for it has it"
