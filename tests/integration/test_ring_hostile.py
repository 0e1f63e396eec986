"""What must not stop or eat the recording: a broken index, stolen disks, readers, crash loops, clocks that step."""

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import threading
from pathlib import Path
from typing import Any

import peewee
import pytest

from appliance.core.cause import GapCause
from appliance.core.lines import MAX_CONNECTIONS
from appliance.media.stream import StreamKey
from appliance.ring import start
from appliance.ring.access.lookup import MAX_LEASES
from appliance.ring.access.reader import RecorderClient
from appliance.ring.access.server import serve
from appliance.ring.chunk import Geometry, HeaderInfo
from appliance.ring.disks.claim import RECORD
from appliance.ring.disks.disk import Disk, chunk_name, format_disk
from appliance.ring.faults import DiskInUse, NoDisk, TooManyLeases
from appliance.ring.recording import Ring
from appliance.ring.writer import OpenChunk
from tests.peers.ring_rig import KEY, SMALL, Rig

HOUR_US = 3_600_000_000


def disks_of(ring: Ring) -> list[dict[str, Any]]:
    disks = ring.state()["disks"]
    assert isinstance(disks, list)
    return disks


def used(ring: Ring) -> int:
    return sum(disk["open"] + disk["closed"] for disk in disks_of(ring))


# two recorders


async def test_a_second_recorder_on_the_same_disks_is_refused(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(chunks=20)
    rig.new()
    camera = rig.camera(size=800)
    async with rig.running() as first:
        camera.start()
        await rig.record(3, camera)
        second = Ring(rig.disks, rig.clock, tmp_path / "second.db", automatic=False)
        with pytest.raises(NoDisk):
            await second.open()
        assert "Another recorder" in str(second.state()["disks"])
        rig.ring = first
        await rig.record(3, camera)
        assert await rig.held() == camera.sent
    rig.new()
    rig.camera()
    async with rig.running() as third:
        await third.settle()
        assert await rig.held() == camera.sent, "a stopped recorder leaves its disks to the next"


def test_a_disk_of_a_dead_recorder_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "disk0"
    format_disk(path, SMALL, 2)
    record = path / RECORD
    own = Disk(path)
    boot, _, _, place = record.read_text().split()
    own.close()
    with subprocess.Popen(["sleep", "60"]) as owner:
        born = Path(f"/proc/{owner.pid}/stat").read_text().rpartition(")")[2].split()[19]
        record.write_text(f"{boot} {owner.pid} {born} {place}\n")
        with pytest.raises(DiskInUse, match=str(owner.pid)):
            Disk(path)
        for other in (f"{boot} {owner.pid} 1 {place}", f"{'0' * 36} {owner.pid} {born} {place}", "\0\xff garbage"):
            record.write_text(other)  # the same number but another process; another boot; nothing at all
            Disk(path).close()
        record.write_text(f"{boot} {owner.pid} {born} {place}\n")
        shutil.copytree(path, tmp_path / "copy")
        Disk(tmp_path / "copy").close()
        owner.kill()
        while Path(f"/proc/{owner.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            threading.Event().wait(0.01)
        Disk(path).close()  # killed, though nobody has reaped it


# the index


@pytest.mark.parametrize("trouble", ["locked", "full", "malformed"])
async def test_a_broken_index_stops_no_recording(tmp_path: Path, trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = await Rig(tmp_path).format(chunks=20)
    ring = rig.new()
    camera = rig.camera(size=4000)
    async with rig.running():
        camera.start()
        await rig.record(20, camera)
        rig.clock.advance(6)
        await ring.keep_index()
        healthy = ring._shared.index._execute
        words = {"locked": "database is locked", "full": "database or disk is full", "malformed": "malformed"}

        def broken(sql: str, parameters: object = None) -> sqlite3.Cursor:
            raise peewee.DatabaseError(words[trouble])

        monkeypatch.setattr(ring._shared.index, "_execute", broken)
        before = len(camera.sent)
        await rig.record(200, camera)  # laps
        disks = disks_of(ring)
        assert [disk["error"] for disk in disks] == ["", ""], "a disk is not given up for the index"
        streams = ring.state()["streams"]
        assert isinstance(streams, dict)
        assert streams[str(KEY)]["pending"] == 0, "everything sent is on the disks"
        assert streams[str(KEY)]["dropped"] == streams[str(KEY)]["lost"] == 0
        assert sum(disk["freed_early"] for disk in disks) > 10
        monkeypatch.setattr(ring._shared.index, "_execute", healthy)
        await rig.record(5, camera)
        await ring.keep_index()
        held = await rig.held()
        assert len(held) > 300
        assert held == [data for data in camera.sent if data in set(held)]
        assert held[-1] == camera.sent[-1]
        assert len(camera.sent) > before
    again = rig.new()
    camera.sink = again.stream(KEY, "Essai")
    async with rig.running():
        await again.settle()
        assert await rig.held() == held, "and the next start knows the same"


# stock and quarantine


@pytest.mark.parametrize("quarantine_s", [2, 20])
async def test_a_fast_stream_does_not_wait_for_the_quarantine(tmp_path: Path, quarantine_s: int) -> None:
    """A chunk lasts 1.2 s here: in the quarantine's 20 s more are filled than the stock holds."""
    rig = await Rig(tmp_path).format(disks=1, chunks=120)
    ring = rig.new(quarantine_s=quarantine_s)
    camera = rig.camera(size=4000)
    async with rig.running():
        camera.start()
        for _ in range(40):
            await rig.record(20, camera)
            streams = ring.state()["streams"]
            assert isinstance(streams, dict)
            assert streams[str(KEY)]["pending"] == 0
        (disk,) = disks_of(ring)
        assert disk["freed_early"] > 100
        assert disk["closed"] > 60, "most of the ring holds footage all the same"


@pytest.mark.parametrize("chunks", [25, 37, 40])
async def test_leases_of_everything_stop_no_recording(tmp_path: Path, chunks: int) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=chunks)
    ring = rig.new(quarantine_s=10)
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        for _ in range(60):
            now = rig.clock.utc_us()
            await ring.lease(KEY, now - HOUR_US, now + HOUR_US, 60)
            await rig.record(5, camera)
            streams = ring.state()["streams"]
            assert isinstance(streams, dict)
            assert streams[str(KEY)]["pending"] == 0
        assert disks_of(ring)[0]["leases_broken"] > 0


# the past is not eaten

SLOTS = Geometry(chunk_size=512 << 10, table_reserve=32 << 10)


async def test_a_crash_loop_whose_recovery_never_ends_eats_no_past(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await Rig(tmp_path).format(chunks=64)
    go = threading.Event()
    now_used = 0

    def stopped(disk: Disk, index: int, info: HeaderInfo) -> OpenChunk | None:
        go.wait(30)
        return None

    with monkeypatch.context() as patch:
        for life in range(12):
            if life == 1:
                patch.setattr(start, "recover", stopped)
            go.clear()
            ring = rig.new()
            camera = rig.camera(size=300, seed=life)
            await ring.open()
            camera.start(GapCause.APPLIANCE_OFF)
            for _ in range(20):  # 8 s: patience has ended, a spare is asked for
                for unit in camera.units(10):
                    camera.sink.append(unit)
                rig.clock.advance(0.4)
                await ring.tick()
            now_used = used(ring)
            ring._shared.lanes[KEY].segments.clear()  # SIGKILL: the end of this life writes nothing more
            go.set()
            await ring.close()
            rig.clock.advance(2)
        assert now_used <= 6


async def _an_hour(base: Path, *, life_s: int, flap_s: int) -> tuple[int, int]:
    """Two cameras for an hour, the first flaps, the recorder is started again: (chunks used, bytes stored)."""
    rig = await Rig(base).format(chunks=24, geometry=SLOTS)
    rig.new()
    cameras = {key: rig.camera(key, seed=i, size=200) for i, key in enumerate((KEY, StreamKey("hall", "main")))}
    stored = chunks = 0
    for life in range(3600 // life_s):
        ring = rig.ring if life == 0 else rig.new()
        for key, camera in cameras.items():
            camera.sink = ring.stream(key, "Essai")
        await ring.open()
        for second in range(0, life_s, 5):
            for key, camera in cameras.items():
                if second == 0 or (key == KEY and second % flap_s == 0):
                    camera.start(GapCause.APPLIANCE_OFF)
                for unit in camera.units(5):
                    camera.sink.append(unit)
            rig.clock.advance(5)
            await ring.tick()
            await ring.settle()
        streams = ring.state()["streams"]
        assert isinstance(streams, dict)
        assert sum(stream["dropped"] + stream["refused"] + stream["lost"] for stream in streams.values()) == 0
        stored += sum(stream["size"] for stream in streams.values())
        chunks = used(ring)
        await ring.close()
    return chunks, stored


@pytest.mark.full
async def test_days_held_hardly_change_in_an_hour_of_crashes_and_flapping(tmp_path: Path) -> None:
    """Ended every 10 s for an hour, a camera that flaps each 5 s: of five days' chunks under 1 % more are taken."""
    steady, _ = await _an_hour(tmp_path / "steady", life_s=3600, flap_s=3600)
    troubled, stored = await _an_hour(tmp_path / "troubled", life_s=10, flap_s=5)
    assert stored > 4 << 20
    assert (troubled - steady) / (steady * 24 * 5) < 0.01
    assert troubled <= stored // SLOTS.chunk_size + 2 * 6


# clocks


async def test_footage_of_a_chunk_whose_clock_stepped_is_found(tmp_path: Path) -> None:
    """The clock says 2000 until NTP answers: one chunk holds runs of both years, closed and open."""
    rig = await Rig(tmp_path).format(disks=1, chunks=32)
    ring = rig.new()
    camera = rig.camera(size=900)
    day = 86_400
    async with rig.running():
        true = rig.clock.utc_us()
        rig.clock.step_utc(-20 * 365 * day)
        camera.start()
        await rig.record(3, camera)
        rig.clock.step_utc(20 * 365 * day)
        camera.start(GapCause.CLOCK)
        await rig.record(3, camera)
        expected = camera.sent[30:]
        for _ in range(2):
            assert await rig.held() == expected
            await rig.record(1, camera)
            expected = camera.sent[30:]
        await rig.record(60, camera)
        assert used(ring) > 2
        assert await rig.held() == camera.sent[30:]
        spans = await ring.spans(KEY, true - 1, true + 10**9)
        assert len(spans) == 1


async def test_the_oldest_chunk_is_the_one_opened_first_whatever_the_clock_said(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=24)
    rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(20, camera)
    rig.clock.advance(10)
    rig.clock.step_utc(-10 * 365 * 86_400)  # a flat battery
    camera.sink = rig.new().stream(KEY, "Essai")
    async with rig.running():
        camera.start(GapCause.CLOCK)
        await rig.record(25, camera)
    sent = len(camera.sent)
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        await ring.settle()
        camera.start(GapCause.APPLIANCE_OFF)
        while not disks_of(ring)[0]["freed_early"]:
            await rig.record(1, camera)
        await rig.record(3, camera)
        held = await rig.held()
        assert held[-1] == camera.sent[-1]
        assert camera.sent[sent - 1] in held, "the newest footage is not given up first"
        assert held == camera.sent[camera.sent.index(held[0]) :]


# damaged disks


async def test_one_missing_or_short_chunk_file_costs_one_chunk(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=32)
    rig.new()
    camera = rig.camera(size=1500)
    async with rig.running() as ring:
        camera.start()
        await rig.record(30, camera)
        chunks = await ring.ranges(KEY, 0, rig.clock.utc_us() + 1)
    gone, last = chunks[1], chunks[-1]
    await asyncio.to_thread(Path(gone.path).unlink)
    await asyncio.to_thread(os.truncate, last.path, 100_000)  # the open one
    await asyncio.to_thread((tmp_path / "disk0" / chunk_name(31)).unlink)
    again = rig.new()
    camera.sink = again.stream(KEY, "Essai")
    async with rig.running():
        await again.settle()
        assert disks_of(again)[0]["error"] == ""
        assert disks_of(again)[0]["suspect"] == 2, "an empty one is looked for when its turn comes"
        sent = len(camera.sent)
        camera.start(GapCause.APPLIANCE_OFF)
        await rig.record(5, camera)
        held = await rig.held()
        assert held[-50:] == camera.sent[sent:]
        while disks_of(again)[0]["free"] > 5:
            await rig.record(10, camera)
        assert disks_of(again)[0]["suspect"] == 3
        assert disks_of(again)[0]["error"] == ""


# clients


async def test_a_hundred_clients_with_half_a_line_stop_nothing(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(chunks=20)
    ring = rig.new()
    camera = rig.camera(size=800)
    path = tmp_path / "recorder.sock"
    async with rig.running():
        server = await serve(ring, path, dict)
        camera.start()
        rude = [await asyncio.open_unix_connection(str(path)) for _ in range(MAX_CONNECTIONS)]
        for _, writer in rude:
            writer.write(b'{"v":1,"id":1,"verb":"sta')
        late, late_writer = await asyncio.open_unix_connection(str(path))
        refusal = json.loads(await late.readline())
        assert refusal["error"]["code"] == "too-many-clients"
        assert await late.read() == b""
        await rig.record(5, camera)
        assert await rig.held() == camera.sent
        for _, writer in [*rude, (late, late_writer)]:
            writer.close()
        await asyncio.sleep(0.05)
        async with RecorderClient(path) as client:
            assert (await client.state())["disks"]
        await server.close()


async def test_leases_without_end_are_refused(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(chunks=20)
    ring = rig.new()
    rig.camera()
    async with rig.running():
        for _ in range(MAX_LEASES):
            await ring.lease(KEY, 0, 1, 60)
        with pytest.raises(TooManyLeases):
            await ring.lease(KEY, 0, 1, 60)
        rig.clock.advance(61)
        await ring.lease(KEY, 0, 1, 60)
