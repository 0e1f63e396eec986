"""How a ring starts: missing and small disks, chunks of nobody, slow recovery, damaged headers."""

import asyncio
import threading
from pathlib import Path

import pytest

from appliance.core.cause import GapCause
from appliance.media.stream import StreamKey
from appliance.ring import start
from appliance.ring.chunk import HeaderInfo
from appliance.ring.disks.disk import Disk, chunk_name
from appliance.ring.faults import DiskTooSmall, NoDisk, UnknownStream
from appliance.ring.placement import chunks_needed
from appliance.ring.recording import Ring
from appliance.ring.recovery import recover
from appliance.ring.writer import OpenChunk
from tests.peers.ring_rig import KEY, Folder, Rig


def disks_of(ring: Ring) -> list[dict[str, object]]:
    disks = ring.state()["disks"]
    assert isinstance(disks, list)
    return disks


async def test_no_disk_is_an_error(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.disks.append(Folder(tmp_path / "nothing"))
    with pytest.raises(NoDisk):
        await rig.new().open()


async def test_a_missing_disk_is_named_and_the_other_records(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=16)
    rig.disks.append(Folder(tmp_path / "gone"))
    ring = rig.new()
    camera = rig.camera()
    async with rig.running():
        camera.start()
        await rig.record(3, camera)
        assert await rig.held() == camera.sent
        good, bad = disks_of(ring)
        assert good["error"] == ""
        assert bad["path"] == str(tmp_path / "gone")
        assert "mounted" in str(bad["error"])
        assert bad.keys() >= {"chunks", "free", "open", "closed", "freed"}


async def test_a_disk_too_small_says_how_many_chunks_are_needed(tmp_path: Path) -> None:
    needed = chunks_needed(1)
    rig = await Rig(tmp_path).format(disks=1, chunks=needed - 1)
    ring = rig.new()
    rig.camera()
    with pytest.raises(DiskTooSmall, match=f"{needed} are needed"):
        await ring.open()
    await ring.close()


async def test_unknown_streams_have_their_error(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format()
    rig.new()
    async with rig.running() as ring:
        with pytest.raises(UnknownStream):
            await ring.ranges(KEY, 0, 1)


async def test_a_damaged_header_is_set_aside_and_never_freed(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=20)
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(40, camera)
    first = tmp_path / "disk0" / chunk_name(0)
    damaged = bytearray(await asyncio.to_thread(first.read_bytes))
    damaged[600] ^= 1
    await asyncio.to_thread(first.write_bytes, damaged)
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        await ring.settle()
        camera.start(GapCause.APPLIANCE_OFF)
        await rig.record(200, camera)
        (disk,) = disks_of(ring)
        assert disk["suspect"] == 1
        assert isinstance(disk["freed_early"], int)
        assert disk["freed_early"] > 10
        assert await asyncio.to_thread(first.read_bytes) == bytes(damaged)


async def test_chunks_of_a_stream_that_is_gone_are_closed_in_time(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(chunks=20)
    rig.new()
    old = StreamKey("sold", "main")
    camera = rig.camera(old, size=800)
    async with rig.running():
        camera.start()
        await rig.record(3, camera)
    ring = rig.new()
    async with rig.running():
        await ring.settle()
        await ring.tick()
        assert sum(int(str(disk["open"])) for disk in disks_of(ring)) == 1
        rig.clock.advance(1300)
        await ring.tick()
        assert sum(int(str(disk["open"])) for disk in disks_of(ring)) == 0
        assert sum(int(str(disk["closed"])) for disk in disks_of(ring)) == 1
    ring = rig.new()
    ring.stream(old, "again")
    async with rig.running():
        assert await rig.held(old) == camera.sent


async def test_a_slow_recovery_is_bridged_by_a_spare_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = await Rig(tmp_path).format(chunks=20)
    rig.new()
    camera = rig.camera(size=800)
    async with rig.running():
        camera.start()
        await rig.record(3, camera)
    go = threading.Event()

    def slowly(disk: Disk, index: int, info: HeaderInfo) -> OpenChunk | None:
        go.wait(20)
        return recover(disk, index, info)

    monkeypatch.setattr(start, "recover", slowly)
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        assert ring.has_past(KEY)
        camera.start(GapCause.APPLIANCE_OFF)
        sent = len(camera.sent)
        durable: list[bytes] = []
        for tick in range(10):
            for unit in camera.units(10):
                camera.sink.append(unit)
            rig.clock.advance(0.4)
            await ring.tick()
            durable = await rig.held()
            assert (durable == []) == (tick < 5), "2 s of patience, then a spare"
        assert durable == camera.sent[sent:]
        go.set()
        await ring.settle()
        await rig.record(2, camera)
        assert await rig.held() == camera.sent
        chunks = await ring.ranges(KEY, 0, rig.clock.utc_us() + 1)
        assert len(chunks) == 2
        assert chunks[1].parts[0].run > chunks[0].parts[-1].run
        assert chunks[1].parts[0].sequence > chunks[0].parts[-1].sequence
        assert sum(int(str(disk["closed"])) for disk in disks_of(ring)) == 1, "the recovered one is closed"


async def test_runs_and_sequences_never_repeat_over_restarts(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(chunks=20)
    seen: list[tuple[int, int]] = []
    for life in range(5):
        ring = rig.new()
        camera = rig.camera(size=2500, seed=life)
        async with rig.running():
            camera.start(GapCause.APPLIANCE_OFF if life else GapCause.NONE)  # before recovery has ended
            await rig.record(20, camera)
            chunks = await ring.ranges(KEY, 0, rig.clock.utc_us() + 1)
            parts = [entry for chunk in chunks for entry in chunk.parts if entry.run == chunks[-1].parts[-1].run]
            seen += [(entry.run, entry.sequence) for entry in parts]
        rig.clock.advance(10)
    assert [sequence for _, sequence in seen] == list(range(1, len(seen) + 1))
    assert sorted({run for run, _ in seen}) == [1, 2, 3, 4, 5]


async def test_generations_never_repeat_even_when_every_chunk_was_freed(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=20)
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(30, camera)
        highest = max(chunk.generation for chunk in await ring.ranges(KEY, 0, rig.clock.utc_us() + 1))
        camera.sink.end_run(GapCause.PLANNED)
        await ring.tick()  # an idle tick writes the heartbeat
    for number in range(20):
        file = tmp_path / "disk0" / chunk_name(number)
        await asyncio.to_thread(file.write_bytes, bytes(256 << 10))
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        assert not ring.has_past(KEY)
        camera.start()
        await rig.record(2, camera)
        (chunk,) = await ring.ranges(KEY, 0, rig.clock.utc_us() + 1)
        assert chunk.generation > highest
