"""Laps, restarts, kills and full queues: every byte of every picture is accounted for."""

import asyncio
import itertools
import shutil
from pathlib import Path

from appliance.core.cause import GapCause
from appliance.media.stream import StreamKey
from appliance.ring.chunk import parts_limit
from appliance.ring.walk import ChunkState, walk
from tests.peers.pictures import OTHER_PARAMETERS, Camera
from tests.peers.ring_rig import KEY, SMALL, Rig

SUB = StreamKey("cam", "sub")
OTHER = StreamKey("hall", "main")
HOUR_US = 3_600_000_000


async def test_laps_keep_every_byte_of_what_is_held(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=2, chunks=18)
    ring = rig.new()
    cameras = {key: rig.camera(key, seed=i, size=900 + 600 * i) for i, key in enumerate((KEY, SUB, OTHER))}
    async with rig.running():
        for camera in cameras.values():
            camera.start()
        for _ in range(10):
            await rig.record(40, *cameras.values())
            for key, camera in cameras.items():
                held = await rig.held(key)
                place = {data: i for i, data in enumerate(camera.sent)}
                places = [place[data] for data in held]
                assert places == sorted(set(places)), "each once, in order, bit for bit"
                assert places[-1] == len(camera.sent) - 1
                spans = await ring.spans(key, 0, rig.clock.utc_us() + HOUR_US)
                holes = sum(b != a + 1 for a, b in itertools.pairwise(places))
                assert len(spans) == holes + 1, "footage given up between two disks' oldest is a hole"
        state = ring.state()
        disks = state["disks"]
        assert isinstance(disks, list)
        opened = sum(d["freed_early"] for d in disks)
        assert opened > 3 * 36 / 2, "several laps"
        assert sum(d["suspect"] for d in disks) == 0
        for key in cameras:
            spans = await ring.spans(key, 0, rig.clock.utc_us() + HOUR_US)
            assert {span.run for span in spans} == {1}
            assert spans[-1].to_us == rig.clock.utc_us()
            assert spans[-1].to_us - spans[-1].from_us > 20_000_000
            chunks = await ring.ranges(key, 0, rig.clock.utc_us() + HOUR_US)
            switches = [a.disk != b.disk for a, b in itertools.pairwise(chunks)]
            assert sum(switches) > 0.6 * len(switches), "consecutive chunks on different disks"


async def test_every_chunk_on_disk_is_whole_after_laps(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=24)
    rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(300, camera)
    states = await asyncio.to_thread(_whole, tmp_path / "disk0")
    assert states.count(ChunkState.OPEN) == 1
    assert states.count(ChunkState.CLOSED) > 10


def _whole(disk: Path) -> list[ChunkState]:
    states = []
    for file in sorted(disk.glob("*/*.mp4")):
        with file.open("rb") as handle:
            data = handle.read()
            found = walk(handle.fileno(), SMALL, deep=True)
        states.append(found.state)
        assert found.state is not ChunkState.DAMAGED
        if found.state in {ChunkState.OPEN, ChunkState.CLOSED}:
            assert found.entries
            assert found.end_offset <= parts_limit(SMALL)
        else:
            assert not any(data), "a free chunk holds nothing of earlier laps"
        if found.state is ChunkState.OPEN:
            assert not any(data[found.end_offset + 4096 :]), "nothing lies behind the end"
    return states


async def test_a_restart_continues_the_open_chunk(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format()
    rig.new()
    camera = rig.camera(size=800)
    async with rig.running():
        camera.start()
        await rig.record(5, camera)
    before = await asyncio.to_thread(_chunks, rig)
    rig.clock.advance(60)
    camera.sink = rig.new().stream(KEY, "Essai")
    async with rig.running() as ring:
        await ring.settle()
        camera.start(GapCause.APPLIANCE_OFF)
        await rig.record(5, camera)
        assert await rig.held() == camera.sent
        spans = await ring.spans(KEY, 0, rig.clock.utc_us() + 1)
        assert [(span.run, span.cause) for span in spans] == [(1, 0), (2, GapCause.APPLIANCE_OFF)]
        assert spans[1].from_us - spans[0].to_us == 60_000_000
        chunks = await ring.ranges(KEY, 0, rig.clock.utc_us() + 1)
        assert [(chunk.disk, chunk.number) for chunk in chunks] == before
        entries = chunks[0].parts
        ends = [e.tfdt + e.duration for e in entries]
        assert all(e.tfdt >= end for e, end in zip(entries[1:], ends, strict=False))
        sequences = [e.sequence for e in entries]
        assert sequences == list(range(1, len(entries) + 1))


async def test_a_reboot_goes_on_by_utc(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=32)
    rig.new()
    camera = rig.camera(size=800)
    async with rig.running():
        camera.start()
        await rig.record(5, camera)
    rig.clock.advance(30)
    rig.clock.reboot(b"another boot id!")
    camera.sink = rig.new().stream(KEY, "Essai")
    async with rig.running() as ring:
        await ring.settle()
        camera.start(GapCause.POWER)
        await rig.record(5, camera)
        assert await rig.held() == camera.sent
        (chunk,) = await ring.ranges(KEY, 0, rig.clock.utc_us() + 1)
        first = next(e for e in chunk.parts if e.run == 2)
        assert abs(first.tfdt - 32 * 90_000) <= 1, "2 s recorded, 30 s away"


async def test_killed_between_any_two_ticks_everything_durable_is_there(tmp_path: Path) -> None:
    rig = await Rig(tmp_path / "live").format(chunks=24)
    rig.new()
    camera = rig.camera(size=1500)
    copies: list[tuple[Path, int]] = []
    async with rig.running():
        camera.start()
        for i in range(40):
            await rig.record(1, camera)
            if i % 7 == 3:
                copy = tmp_path / f"copy{i}"
                await asyncio.to_thread(shutil.copytree, tmp_path / "live", copy)
                copies.append((copy, len(camera.sent)))
    for copy, sent in copies:
        again = Rig(copy, clock=rig.clock)
        again.disks = [type(disk)(copy / disk.path.name) for disk in rig.disks]
        again.new()
        again.camera()
        async with again.running() as ring:
            await ring.settle()
            assert await again.held() == camera.sent[:sent]


async def test_the_index_may_be_deleted_or_damaged(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(chunks=32)
    rig.new()
    camera = rig.camera(size=1500)
    async with rig.running() as ring:
        camera.start()
        await rig.record(60, camera)
        spans = await ring.spans(KEY, 0, rig.clock.utc_us() + 1)
    for damage in ("delete", "garbage", "truncate"):
        index = tmp_path / "index.db"
        if damage == "delete":
            index.unlink()
        elif damage == "garbage":
            index.write_bytes(b"no database" * 1000)
        else:
            index.write_bytes(index.read_bytes()[:5000])
        rig.new()
        rig.camera()
        async with rig.running() as ring:
            await ring.settle()
            assert await rig.held() == camera.sent, damage
            assert await ring.spans(KEY, 0, rig.clock.utc_us() + 1) == spans, damage


async def test_a_torn_tail_is_cut_and_sealed(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=32)
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(4, camera)
        (chunk,) = await ring.ranges(KEY, 0, rig.clock.utc_us() + 1)
    last = chunk.parts[-1]
    await asyncio.to_thread(_overwrite, Path(chunk.path), last.offset + 8192, b"torn")
    kept = camera.sent[: -last.samples]
    camera.sink = rig.new().stream(KEY, "Essai")
    async with rig.running() as ring:
        await ring.settle()
        data = await asyncio.to_thread(Path(chunk.path).read_bytes)
        assert data[last.offset + 4 : last.offset + 8] == b"free"
        assert not any(data[last.offset + 4096 :])
        assert await rig.held() == kept
        camera.start(GapCause.POWER)
        sent = len(camera.sent)
        await rig.record(3, camera)
        assert await rig.held() == kept + camera.sent[sent:]


async def test_other_parameters_open_another_chunk(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(chunks=32)
    rig.new()
    camera = rig.camera(size=800)
    async with rig.running() as ring:
        camera.start()
        await rig.record(3, camera)
        camera.start(GapCause.PARAMETERS, OTHER_PARAMETERS)
        await rig.record(3, camera)
        assert await rig.held() == camera.sent
        chunks = await ring.ranges(KEY, 0, rig.clock.utc_us() + 1)
        assert [(chunk.width, len({e.run for e in chunk.parts})) for chunk in chunks] == [(640, 1), (1280, 1)]


async def test_parameters_that_flap_do_not_eat_the_ring(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(chunks=64)
    ring = rig.new()
    camera = rig.camera(size=300)
    async with rig.running():
        for _ in range(100):
            camera.start(GapCause.PARAMETERS, OTHER_PARAMETERS)
            await rig.record(1, camera)
            camera.start(GapCause.PARAMETERS)
            await rig.record(1, camera)
        disks, streams = ring.state()["disks"], ring.state()["streams"]
        assert isinstance(disks, list)
        assert isinstance(streams, dict)
        written = streams[str(KEY)]["size"]
        assert sum(d["open"] + d["closed"] for d in disks) <= written // SMALL.chunk_size + 6
        held = await rig.held()
        assert len(held) + streams[str(KEY)]["parameters"] == len(camera.sent), "nothing is lost in silence"


async def test_a_flapping_camera_keeps_its_chunk(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(chunks=32)
    ring = rig.new()
    camera = rig.camera(size=300)
    async with rig.running():
        for _ in range(120):
            camera.start(GapCause.CAMERA_CLOSED)
            await rig.record(1, camera)
            camera.sink.end_run(GapCause.CAMERA_CLOSED)
            rig.clock.advance(5)
        disks = ring.state()["disks"]
        assert isinstance(disks, list)
        streams = ring.state()["streams"]
        assert isinstance(streams, dict)
        used = sum(d["open"] + d["closed"] for d in disks)
        assert used <= streams[str(KEY)]["size"] // SMALL.chunk_size + 6
        assert await rig.held() == camera.sent
        assert len(await ring.spans(KEY, 0, rig.clock.utc_us() + 1)) == 120


async def test_a_full_queue_loses_whole_gops_and_says_so(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(chunks=32)
    ring = rig.new(queue_limit=60_000)
    camera = rig.camera(size=800, gop=10)
    async with rig.running():
        camera.start()
        await rig.record(2, camera)
        for unit in camera.units(95):  # no tick: a disk that hangs
            camera.sink.append(unit)
        rig.clock.advance(3.8)
        await ring.tick()
        await rig.record(2, camera)
        held = await rig.held()
        streams = ring.state()["streams"]
        assert isinstance(streams, dict)
        dropped = streams[str(KEY)]["dropped"]
        assert dropped > 0
        assert len(held) + dropped == len(camera.sent)
        spans = await ring.spans(KEY, 0, rig.clock.utc_us() + 1)
        assert [span.cause for span in spans] == [0, GapCause.OVERLOAD]
        assert held == [*camera.sent[:20], *camera.sent[20 + dropped :]]


async def test_a_light_stream_that_fills_the_queue_is_the_one_that_loses(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(chunks=32)
    ring = rig.new(queue_limit=60_000)
    main = rig.camera(size=200, gop=10)
    light = Camera(ring.stream(OTHER, "Essai", 2), rig.clock, seed=3, size=4000, gop=10)
    async with rig.running():
        main.start()
        light.start()
        await rig.record(2, main)
        for unit in main.units(30):
            main.sink.append(unit)
        for unit in light.units(60):  # before any tick: a camera gone mad
            light.sink.append(unit)
        rig.clock.advance(2.4)
        await ring.tick()
        await rig.record(2, main)
        streams = ring.state()["streams"]
        assert isinstance(streams, dict)
        assert streams[str(KEY)]["dropped"] == 0
        assert streams[str(OTHER)]["dropped"] > 0
        assert await rig.held() == main.sent


async def test_pictures_that_no_chunk_holds_trouble_their_own_stream_only(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(chunks=32)
    ring = rig.new()
    good, bad = rig.camera(size=800), rig.camera(OTHER, size=800)
    async with rig.running():
        good.start()
        bad.start()
        await rig.record(3, good, bad)
        bad.size = 60_000  # its keyframes are over 256 KiB, the size of a chunk
        await rig.record(5, good, bad)
        bad.size = 800
        await rig.record(10, good, bad)
        assert await rig.held() == good.sent
        held = await rig.held(OTHER)
        streams = ring.state()["streams"]
        assert isinstance(streams, dict)
        told = streams[str(OTHER)]
        assert told["refused"] + told["dropped"] > 0
        assert len(held) + told["refused"] + told["dropped"] == len(bad.sent)
        assert "hall/main" in told["error_fr"]
        spans = await ring.spans(OTHER, 0, rig.clock.utc_us() + 1)
        assert [span.cause for span in spans[1:]] == [GapCause.CAMERA_CODEC] * (len(spans) - 1)
        assert held[-1] == bad.sent[-1]


async def test_leased_footage_is_freed_last(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=24)
    ring = rig.new(quarantine_s=0.4)
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        start = rig.clock.utc_us()
        await rig.record(60, camera)
        lease, _ = await ring.lease(KEY, start, start + 2_000_000, 60)
        first = await ring.ranges(KEY, start, start + 2_000_000)
        await rig.record(100, camera)
        assert await ring.ranges(KEY, start, start + 2_000_000) == first
        ring.release(lease)
        await rig.record(60, camera)
        assert await ring.ranges(KEY, start, start + 2_000_000) == []


async def test_from_keyframe_begins_where_decoding_can(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(chunks=32)
    rig.new()
    camera = rig.camera(size=900, gop=50)
    async with rig.running() as ring:
        camera.start()
        start = rig.clock.utc_us()
        await rig.record(100, camera)
        for offset in range(0, 38_000_000, 1_300_000):
            at = start + offset
            chunks = await ring.ranges(KEY, at, at + 1_000_000, from_keyframe=True)
            parts = [entry for chunk in chunks for entry in chunk.parts]
            assert parts[0].starts_keyframe
            assert at - 2_000_000 <= parts[0].utc_us <= at
            assert [b.sequence - a.sequence for a, b in itertools.pairwise(parts)] == [1] * (len(parts) - 1)


def _overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def _chunks(rig: Rig) -> list[tuple[str, int]]:
    found = []
    for disk in rig.disks:
        for file in sorted(disk.path.glob("*/*.mp4")):
            with file.open("rb") as handle:
                result = walk(handle.fileno(), SMALL)
            if result.header is not None:
                found.append((result.header.disk_uuid, result.header.number))
    return found


def test_the_camera_of_these_tests_repeats_nothing() -> None:
    class Sink:
        def start_run(self, run: object) -> None: ...
        def append(self, unit: object) -> None: ...
        def end_run(self, cause: GapCause) -> None: ...

    camera = Camera(Sink(), Rig(Path()).clock, size=300)
    list(camera.units(200))
    assert len(set(camera.sent)) == 200
