"""The recorder's socket with a real ring behind it: questions, garbage, leases, the feed, readers against the ring."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from appliance.core.cause import GapCause
from appliance.core.clock import SystemClock
from appliance.core.lines import MAX_REQUEST
from appliance.media.part import parse_part, verify_payload
from appliance.media.stream import StreamKey
from appliance.ring.access.reader import LivePart, RecorderClient, read_init, read_part_bytes, read_parts, readable
from appliance.ring.access.server import RecorderServer, serve
from appliance.ring.disks.disk import DEMO_GEOMETRY
from appliance.ring.faults import ChunkReused, RecorderRefused, RecorderUnreachable
from appliance.ring.walk import walk
from tests.peers.pictures import Camera
from tests.peers.ring_rig import KEY, Rig

HOUR_US = 3_600_000_000


@asynccontextmanager
async def served(rig: Rig, **allowed: frozenset[int]) -> AsyncIterator[tuple[RecorderClient, RecorderServer]]:
    path = rig.base / "recorder.sock"
    async with rig.running() as ring:
        cameras = [{"id": "cam", "name": "Hall", "streams": {"main": {"state": "recording"}}}]
        server = await serve(ring, path, lambda: {"cameras": cameras, "jobs": []}, allowed)
        client = RecorderClient(path, answer_s=5)
        try:
            yield client, server
        finally:
            await client.close()
            await server.close()


async def rig_with_camera(base: Path, chunks: int = 32) -> tuple[Rig, Camera]:
    rig = await Rig(base).format(chunks=chunks)
    rig.new()
    return rig, rig.camera(size=1500)


async def test_questions_are_answered(tmp_path: Path) -> None:
    rig, camera = await rig_with_camera(tmp_path)
    async with served(rig) as (client, _):
        camera.start()
        start = rig.clock.utc_us()
        await rig.record(30, camera)
        camera.sink.end_run(GapCause.CAMERA_SILENT)
        end = rig.clock.utc_us()

        state = await client.state()
        assert state["now_utc_us"] == end
        assert state["cameras"][0]["streams"]["main"]["durable_utc_us"] == end
        assert [disk["chunks"] for disk in state["disks"]] == [32, 32]
        assert all(disk["backend"] for disk in state["disks"])

        spans = await client.spans("cam", "main", start - HOUR_US, end + HOUR_US)
        assert spans["spans"] == [{"from_us": start, "to_us": end, "run": 1, "cause": "NONE"}]
        assert spans["durable_us"] == end
        assert spans["live"] == {"state": "gap", "cause": "CAMERA_SILENT"}

        answer = await client.ranges("cam", "main", start, end)
        data = []
        for told in answer["chunks"]:
            chunk = readable(told)
            init = await read_init(chunk)
            assert init[4:8] == b"ftyp"
            assert (chunk.codec, chunk.width, chunk.height) == ("avc1.42c01e", 640, 480)
            parts = chunk.parts
            assert chunk.base_utc_us == parts[0].utc_us - parts[0].tfdt * 100 // 9
            block = b"".join([piece async for piece in read_parts(chunk, parts)])
            assert len(block) == sum(part.length for part in parts)
            assert block == await asyncio.to_thread(client.read, told, parts[0].offset, len(block))
            at = 0
            for part in parts:
                parsed = parse_part(block, at)
                assert verify_payload(block, parsed)
                assert (parsed.header.starts_keyframe, parsed.header.starts_run) == (part.keyframe, part.starts_run)
                place = parsed.payload_offset
                for sample in parsed.samples:
                    data.append(block[place : place + sample.size])
                    place += sample.size
                at += part.length
        assert data == camera.sent


LEASE = b'{"v":1,"id":1,"verb":"lease","camera":"cam","stream":"main","from_us":0,"to_us":5,'
REFUSED = [
    (b"garbage\n", "bad-request"),
    (b"\xff\xfe\n", "bad-request"),
    (b"[]\n", "bad-request"),
    (b"[" * 100_000 + b"\n", "bad-request"),
    (b'{"v":2,"id":1,"verb":"state"}\n', "bad-request"),
    (b'{"v":1,"id":1,"verb":"destroy"}\n', "bad-request"),
    (b'{"v":1,"id":1,"verb":"state","more":1}\n', "bad-request"),
    (b'{"v":1,"id":1,"verb":"ranges","camera":"cam","stream":"main","from_us":5,"to_us":5}\n', "bad-request"),
    (b'{"v":1,"id":1,"verb":"ranges","camera":"cam","stream":"main","from_us":0,"to_us":7200000001}\n', "bad-request"),
    (b'{"v":1,"id":1,"verb":"spans","camera":"cam","stream":"third","from_us":0,"to_us":5}\n', "bad-request"),
    (b'{"v":1,"id":1,"verb":"spans","camera":"cam","stream":"main","from_us":-1e300,"to_us":5}\n', "bad-request"),
    (
        b'{"v":1,"id":1,"verb":"lease","camera":"cam","stream":"main","from_us":0,"to_us":5,"seconds":61}\n',
        "bad-request",
    ),
    (
        b'{"v":1,"id":1,"verb":"lease","camera":"cam","stream":"main","from_us":0,"to_us":5,"seconds":NaN}\n',
        "bad-request",
    ),
    (b'{"v":1,"id":1,"verb":"subscribe","streams":[]}\n', "bad-request"),
    (b"x" * (2 * MAX_REQUEST + 2) + b"\n", "bad-request"),
    (b'{"v":1,"id":1,"verb":"spans","camera":"nobody","stream":"main","from_us":0,"to_us":5}\n', "unknown-stream"),
    (b'{"v":1,"id":1,"verb":"subscribe","streams":["nobody/main"]}\n', "unknown-stream"),
    (b'{"v":1,"id":1,"verb":"release","lease":"77"}\n', "unknown-lease"),
]


async def test_garbage_is_answered_and_the_connection_closed(tmp_path: Path) -> None:
    rig, _ = await rig_with_camera(tmp_path)
    async with served(rig) as (client, _):
        for line, code in REFUSED:
            reader, writer = await asyncio.open_unix_connection(str(tmp_path / "recorder.sock"), limit=1 << 20)
            writer.write(line)
            answer = json.loads(await reader.readline())
            assert answer["ok"] is False
            assert answer["error"]["code"] == code, line[:80]
            assert answer["error"]["fr"] != answer["error"]["en"]
            if code == "bad-request":
                assert await _closed(reader), line[:80]
            writer.close()
        assert (await client.state())["disks"]


async def _closed(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:  # what we had not sent yet was thrown away: closed all the same
        return True


async def test_only_users_of_the_table_may_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig, _ = await rig_with_camera(tmp_path)
    stranger = 4242
    monkeypatch.setattr("appliance.core.lines._peer_uid", lambda _writer: stranger)
    async with served(rig, state=frozenset({stranger})) as (client, _):
        assert (await client.state())["disks"]
        with pytest.raises(RecorderRefused, match="ranges"):
            await client.ranges("cam", "main", 0, 5)
        with pytest.raises(RecorderRefused, match="subscribe"):
            await anext(aiter(client.subscribe([KEY])))


async def test_the_peer_is_known_by_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig, _ = await rig_with_camera(tmp_path)
    asked: list[int] = []
    original = RecorderServer._may

    def remember(self: RecorderServer, uid: int, verb: str) -> None:
        asked.append(uid)
        original(self, uid, verb)

    monkeypatch.setattr(RecorderServer, "_may", remember)
    async with served(rig) as (client, _):
        await client.state()
    assert asked == [os.getuid()]


async def test_a_client_survives_a_restart_of_the_recorder(tmp_path: Path) -> None:
    rig, _ = await rig_with_camera(tmp_path)
    client = RecorderClient(tmp_path / "recorder.sock", answer_s=2)
    with pytest.raises(RecorderUnreachable):
        await client.state()
    async with served(rig):
        assert (await client.state())["disks"]
    with pytest.raises(RecorderUnreachable):
        await client.state()
    rig.new()
    async with served(rig):
        assert (await client.state())["disks"]
        await client.close()


async def test_an_abandoned_question_does_not_shift_the_answers(tmp_path: Path) -> None:
    rig, camera = await rig_with_camera(tmp_path)
    async with served(rig) as (client, _):
        camera.start()
        await rig.record(3, camera)
        question = asyncio.create_task(client.state())
        await asyncio.sleep(0)
        question.cancel()
        await asyncio.gather(question, return_exceptions=True)
        assert "spans" in await client.spans("cam", "main", 0, rig.clock.utc_us())


async def test_subscribers_get_what_is_durable_with_its_init_segment(tmp_path: Path) -> None:
    rig, camera = await rig_with_camera(tmp_path)
    async with served(rig) as (client, _):
        camera.start()
        parts = aiter(client.subscribe([KEY]))
        first = asyncio.ensure_future(anext(parts))
        got: list[LivePart] = []
        while not first.done():
            await rig.record(1, camera)
            await asyncio.sleep(0.01)
        got.append(first.result())
        for _ in range(4):
            await rig.record(1, camera)
            got.append(await anext(parts))
        assert got[0].init is not None
        assert got[0].init[4:8] == b"ftyp"
        assert all(part.init is None or part.init != got[0].init for part in got[1:])
        assert all(b.sequence > a.sequence for a, b in pairwise(got))
        for part in got:
            parsed = parse_part(part.data)
            assert verify_payload(part.data, parsed)
            assert parsed.header.sequence == part.sequence


async def test_a_stopped_subscriber_costs_nothing_and_gets_the_newest(tmp_path: Path) -> None:
    rig, camera = await rig_with_camera(tmp_path, chunks=40)
    camera.size = 4000
    async with served(rig) as (_, server):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "recorder.sock"), limit=1 << 16)
        writer.write(json.dumps({"v": 1, "id": 1, "verb": "subscribe", "streams": [str(KEY)]}).encode() + b"\n")
        assert json.loads(await reader.readline())["ok"]
        camera.start()
        await rig.record(80, camera)  # nobody reads: socket and stream buffers are full long before
        assert not rig.ring._shared.feed.wanted(KEY), "no more copies are made for it"
        (subscriber,) = rig.ring._shared.feed._by_key[KEY]
        assert sum(len(part.data) for parts in subscriber._slots.values() for part in parts) < 1_000_000
        last_missed = rig.ring._shared.lanes[KEY].sequence
        sequences: list[int] = []
        while not sequences or sequences[-1] <= last_missed:
            task = asyncio.ensure_future(reader.readline())
            while not task.done():
                await rig.record(1, camera)
                await asyncio.sleep(0.001)
            told = json.loads(task.result())["part"]
            await reader.readexactly(told["length"])
            sequences.append(told["sequence"])
        assert sequences == sorted(set(sequences))
        jump = max(b - a for a, b in pairwise(sequences))
        assert jump > 40, "what it slept through is not sent"
        writer.close()
        assert server is not None


async def test_a_reader_of_freed_footage_is_told_and_never_served_another_lap(tmp_path: Path) -> None:
    rig, camera = await rig_with_camera(tmp_path, chunks=14)
    async with served(rig) as (client, _):
        camera.start()
        start = rig.clock.utc_us()
        await rig.record(20, camera)
        old = readable((await client.ranges("cam", "main", start, start + 2_000_000))["chunks"][0])
        part = old.parts[0]
        before = await read_part_bytes(old, part.offset, part.length)
        refused = served_whole = 0
        for _ in range(40):
            reading = [asyncio.create_task(read_part_bytes(old, part.offset, part.length)) for _ in range(4)]
            await rig.record(10, camera)
            for result in await asyncio.gather(*reading, return_exceptions=True):
                if isinstance(result, BaseException):
                    assert isinstance(result, ChunkReused)
                    refused += 1
                else:
                    assert result == before
                    served_whole += 1
        assert refused > 20
        assert served_whole > 0
        with pytest.raises(ChunkReused):
            await read_init(old)


async def test_the_ring_ticks_by_itself_on_a_real_clock(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(chunks=16, geometry=DEMO_GEOMETRY)
    clock = await asyncio.to_thread(SystemClock)
    rig.clock = clock  # type: ignore[assignment]
    ring = rig.new(automatic=True)
    camera = rig.camera(StreamKey("cam", "main"), size=1500)
    async with rig.running():
        camera.start()
        for unit in camera.units(20):
            camera.sink.append(unit)
        for _ in range(100):
            await asyncio.sleep(0.02)
            if ring.durable_us(KEY) is not None:
                break
        now = clock.utc_us()
        assert len(await ring.ranges(KEY, now - HOUR_US, now + HOUR_US)) == 1
        await asyncio.sleep(1.0)
        disks = ring.state()["disks"]
        assert isinstance(disks, list)
        assert all(3 <= disk["ticks"] <= 9 for disk in disks), "idle disks tick and write their heartbeat"
    beat = await asyncio.to_thread(rig.disks[0].path.joinpath("nvr-heartbeat").read_bytes)
    assert b"durable_utc_us" in beat


def test_walk_is_what_the_ring_relies_on(tmp_path: Path) -> None:
    file = tmp_path / "empty"
    file.write_bytes(bytes(DEMO_GEOMETRY.chunk_size))
    with file.open("rb") as handle:
        assert walk(handle.fileno(), DEMO_GEOMETRY).header is None
