"""The disks' catalogues at work: what is lost when files are deleted, damaged or cut (nothing), and how starts go."""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.core.cause import GapCause
from appliance.ring import start
from appliance.ring.catalog.file import read_catalog
from appliance.ring.catalog.log import CATALOG
from appliance.ring.catalog.replay import Replay
from appliance.ring.disks.disk import Disk
from appliance.ring.disks.identity import read_identity
from appliance.ring.disks.pool import ChunkState
from appliance.ring.faults import IndexNotRebuilt
from appliance.ring.index import cache
from appliance.ring.index import file as index_file
from appliance.ring.index import fill as index_fill
from appliance.ring.recording import Ring
from appliance.ring.recovery import Scan, scan
from tests.peers.pictures import Camera
from tests.peers.ring_rig import KEY, Rig, pictures


def catalog_of(disk: Path) -> Replay:
    identity = read_identity(disk)
    return read_catalog(disk, identity.uuid, identity.chunks)


def states_told(disk: Path) -> dict[int, str]:
    found = catalog_of(disk)
    return {**{n: kind for n, (kind, _) in found.special.items()}, **dict.fromkeys(found.closed, "CLOSED")}


class Scans:
    """Counts the headers that a start reads one by one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.all = 0
        monkeypatch.setattr(start, "scan", self)

    def __call__(self, disk: Disk, known: dict[int, int]) -> Scan:
        self.all += 1
        return scan(disk, known)


async def recorded(tmp_path: Path, ticks: int = 60, chunks: int = 24) -> tuple[Rig, Camera]:
    rig = await Rig(tmp_path).format(disks=2, chunks=chunks)
    rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(ticks, camera)
    return rig, camera


async def again(rig: Rig, camera: Camera, ticks: int = 20) -> Ring:
    """A new life; what was sent before and now is there, in order, and nothing else."""
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        await ring.settle()
        camera.start(GapCause.APPLIANCE_OFF)
        await rig.record(ticks, camera)
        assert await rig.held() == camera.sent[-len(await rig.held()) :]
        assert len(await rig.held()) >= min(len(camera.sent), 400)
    return ring


async def test_a_start_believes_the_catalogue_and_reads_no_file_but_those_in_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, camera = await recorded(tmp_path)
    scans = Scans(monkeypatch)
    await again(rig, camera)
    assert scans.all == 0
    text = await asyncio.to_thread((tmp_path / "disk0" / CATALOG).read_text, "ascii")
    assert text.isprintable() or set(text) <= {*map(chr, range(32, 127)), "\n"}, "a person can read it"
    assert " LOG 1 version=1 " in text.partition("\n")[0]


Damage = Callable[[Path], None]


def lost_index(base: Path) -> None:
    for name in ("index.db", "index.db-wal", "index.db-shm"):
        (base / name).unlink(missing_ok=True)


def index_pages(base: Path) -> None:
    data = bytearray((base / "index.db").read_bytes())
    data[4096:12288] = os.urandom(8192)
    (base / "index.db").write_bytes(data)


def lost_catalogs(base: Path) -> None:
    for disk in ("disk0", "disk1"):
        (base / disk / CATALOG).unlink()


def damaged_catalog(base: Path) -> None:
    file = base / "disk1" / CATALOG
    data = bytearray(file.read_bytes())
    data[1000] ^= 1
    file.write_bytes(data)


def cut_catalog(base: Path) -> None:
    file = base / "disk1" / CATALOG
    os.truncate(file, file.stat().st_size - 4096)


def foreign_catalog(base: Path) -> None:
    shutil.copy(base / "disk0" / CATALOG, base / "disk1" / CATALOG)


def both(base: Path) -> None:
    lost_catalogs(base)
    lost_index(base)


@pytest.mark.parametrize(
    ("damage", "scanned"),
    [
        (lost_index, 0),
        (index_pages, 0),
        (lost_catalogs, 2),
        (damaged_catalog, 1),
        (cut_catalog, 1),
        (foreign_catalog, 1),
        (both, 2),
    ],
)
async def test_nothing_is_lost_with_index_or_catalogue_and_the_catalogue_says_why_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Damage, scanned: int
) -> None:
    rig, camera = await recorded(tmp_path)
    await asyncio.to_thread(damage, tmp_path)
    scans = Scans(monkeypatch)
    before = len(camera.sent)
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        await ring.settle()
        assert await rig.held() == camera.sent[:before]
        assert scans.all == scanned
        camera.start(GapCause.APPLIANCE_OFF)
        await rig.record(40, camera)
        assert await rig.held() == camera.sent
    if scanned:
        begun = await asyncio.to_thread(catalog_of, tmp_path / "disk1")
        assert begun.beginning.why not in {"format", "compact"}
        assert begun.beginning.epoch == 2
    scans.all = 0
    await again(rig, camera)
    assert scans.all == 0, "the new catalogue is believed"


async def test_a_catalogue_of_another_time_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catalogue and heartbeat restored from a copy of the disk: they agree with each other, the files do not."""
    rig, camera = await recorded(tmp_path, ticks=100, chunks=16)
    old = tmp_path / "old"
    await asyncio.to_thread(shutil.copytree, tmp_path / "disk0", old)
    await again(rig, camera, ticks=300)
    for name in (CATALOG, "nvr-heartbeat"):
        await asyncio.to_thread(shutil.copy, old / name, tmp_path / "disk0" / name)
    scans = Scans(monkeypatch)
    await again(rig, camera, ticks=20)
    assert scans.all == 1


async def test_the_catalogue_tells_the_states_of_a_ring_that_laps(tmp_path: Path) -> None:
    rig, camera = await recorded(tmp_path, ticks=20, chunks=16)
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        await ring.settle()
        camera.start(GapCause.APPLIANCE_OFF)
        for _ in range(30):
            await rig.record(10, camera)
            for member in ring._members.all:
                told = await asyncio.to_thread(states_told, member.disk.path)
                pending = {line.number for line in (*member.pool.lines, *member.pool.late)}
                for number, state in enumerate(member.pool.states):
                    if number in pending or number not in told:
                        continue
                    expected = {ChunkState.FREE: {"READY", "FREE"}}.get(ChunkState(state), {ChunkState(state).name})
                    assert told[number] in expected | ({"READY"} if state == ChunkState.FREED else set())
        assert sum(member.pool.freed_early for member in ring._members.all) > 20


async def test_a_chunk_gets_no_byte_before_its_ready_line_is_durable(tmp_path: Path) -> None:
    """At each tick: whatever file has a header, the catalogue that was durable a tick before called READY or OPEN."""
    rig, camera = await recorded(tmp_path, ticks=20, chunks=16)
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        await ring.settle()
        camera.start(GapCause.APPLIANCE_OFF)
        before = {m.index: await asyncio.to_thread(states_told, m.disk.path) for m in ring._members.all}
        opened = 0
        for _ in range(200):
            was = {m.index: bytes(m.pool.states) for m in ring._members.all}
            await rig.record(1, camera)
            for member in ring._members.all:
                for number, state in enumerate(member.pool.states):
                    if state == ChunkState.OPEN and was[member.index][number] != ChunkState.OPEN:
                        assert before[member.index][number] == "READY"
                        opened += 1
                before[member.index] = await asyncio.to_thread(states_told, member.disk.path)
        assert opened > 15


async def test_a_catalogue_that_cannot_be_written_stops_nothing_and_is_not_believed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, camera = await recorded(tmp_path)
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        await ring.settle()
        camera.start(GapCause.APPLIANCE_OFF)
        await rig.record(5, camera)
        keepers = [member.catalog for member in ring._members.all]
        bad = {fd for keeper in keepers for fd in keeper.fds()}
        real = os.pwrite

        def refusing(fd: int, data: bytes, offset: int) -> int:
            if fd in bad:
                raise OSError(5, "Input/output error")
            return real(fd, data, offset)

        monkeypatch.setattr("appliance.ring.writer.os.pwrite", refusing)
        await rig.record(40, camera)
        monkeypatch.setattr("appliance.ring.writer.os.pwrite", real)
        assert all(keeper.error and keeper.head is None for keeper in keepers)
        await rig.record(40, camera)
        assert await rig.held() == camera.sent[-len(await rig.held()) :]
    scans = Scans(monkeypatch)
    await again(rig, camera)
    assert scans.all == 2


async def test_a_large_index_is_made_again_by_another_process_while_the_ring_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, camera = await recorded(tmp_path)
    await asyncio.to_thread(lost_index, tmp_path)
    monkeypatch.setattr(index_fill, "AT_ONCE", 0)
    begins, child = asyncio.Event(), index_fill.IndexFill._child

    async def begun(fill: index_fill.IndexFill, new: Path, disks: list[str]) -> tuple[str, str]:
        await begins.wait()  # the other process takes its time, however slow this one is
        return await child(fill, new, disks)

    monkeypatch.setattr(index_fill.IndexFill, "_child", begun)
    before = len(camera.sent)
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        assert ring.state()["rebuilding"] is True
        await ring._shared.settle()
        camera.start(GapCause.APPLIANCE_OFF)
        for _ in range(40):
            for unit in camera.units(10):
                camera.sink.append(unit)
            rig.clock.advance(0.4)
            await ring.tick()
        assert ring.state()["rebuilding"] is True
        now = rig.clock.utc_us()
        new = pictures(await ring.ranges(KEY, now - 16_000_000, now))
        assert new == camera.sent[-len(new) :], "what is new is told meanwhile"
        assert len(new) > 350
        begins.set()
        await ring.settle()
        assert ring.state()["rebuilding"] is False
        assert await rig.held() == camera.sent
        await rig.record(10, camera)
        assert await rig.held() == camera.sent
    assert before < len(camera.sent)
    scans = Scans(monkeypatch)
    await again(rig, camera)
    assert scans.all == 0


async def test_an_index_found_damaged_after_the_start_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, camera = await recorded(tmp_path)
    monkeypatch.setattr(index_file, "CHECKED_AT_ONCE", 0)

    def damaged(_path: Path) -> bool:
        return False

    monkeypatch.setattr(cache, "holds", damaged)
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        camera.start(GapCause.APPLIANCE_OFF)
        await rig.record(10, camera)
        assert ring.state()["rebuilding"] is False
        assert await rig.held() == camera.sent
    monkeypatch.undo()
    await again(rig, camera)


async def test_an_index_that_no_process_can_make_is_filled_by_the_recorder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, camera = await recorded(tmp_path)
    await asyncio.to_thread(lost_index, tmp_path)
    monkeypatch.setattr(index_fill, "AT_ONCE", 0)
    monkeypatch.setattr("appliance.ring.index.fill.sys.executable", "/bin/false")
    await again(rig, camera)


async def test_a_chunk_closed_just_before_the_cut_is_known_when_the_index_is_lost_too(tmp_path: Path) -> None:
    """Its file is sealed, its CLOSED line was not written any more: the start finds it by looking."""
    rig, camera = await recorded(tmp_path, ticks=8)
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        await ring.settle()
        camera.start(GapCause.APPLIANCE_OFF)
        members = ring._members.all
        while not any(member.pool.late for member in members):
            await rig.record(1, camera)
        await ring.tick()  # seals it
        for member in members:
            member.pool.forget_lines()  # the cut
    await asyncio.to_thread(lost_index, tmp_path)
    ring = rig.new()
    ring.stream(KEY, "Essai")
    async with rig.running():
        await ring.settle()
        assert await rig.held() == camera.sent


@pytest.mark.parametrize("interpreter", ["", "/bin/false"], ids=["by another process", "by the recorder"])
async def test_an_index_that_is_wrong_is_made_again_on_request_while_the_ring_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interpreter: str
) -> None:
    """Changes of before, of the moment and of the time in which it is made: closed, freed and reopened chunks."""
    if interpreter:
        monkeypatch.setattr("appliance.ring.index.fill.sys.executable", interpreter)
    rig, camera = await recorded(tmp_path, ticks=150, chunks=16)  # a lap and a half: files were reopened
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        await ring.settle()
        camera.start(GapCause.APPLIANCE_OFF)
        await rig.record(60, camera)
        before = await rig.held()
        for member in ring._members.all:
            await ring._shared.index.forget(member.uuid, range(member.pool.count))
        assert len(await rig.held()) < len(before) // 4
        ring.rebuild_index()
        assert ring.state()["rebuilding"] is True
        ring.rebuild_index()  # asked twice: made once
        for _ in range(20):
            for unit in camera.units(10):
                camera.sink.append(unit)
            rig.clock.advance(0.4)
            await ring.tick()
            await ring._shared.settle()
        await ring.settle()
        assert ring.state()["rebuilding"] is False
        held = await rig.held()
        assert held == [data for data in camera.sent if data in set(held)]
        assert held[-len(before) // 2 :] == camera.sent[-len(before) // 2 :]  # each disk gives up its own oldest file
        assert len(held) > len(before) * 3 // 4
        known = {m.uuid: await ring._shared.index.known(m.uuid) for m in ring._members.all}
        assert {uuid: set(numbers) for uuid, numbers in known.items()} == {
            m.uuid: {n for n, state in enumerate(m.pool.states) if state == ChunkState.CLOSED}
            for m in ring._members.all
        }
        await rig.record(10, camera)
    scans = Scans(monkeypatch)
    await again(rig, camera)
    assert scans.all == 0


async def test_a_rebuild_is_refused_while_a_disk_has_no_catalogue(tmp_path: Path) -> None:
    rig, camera = await recorded(tmp_path)
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        await ring.settle()
        held = await rig.held()
        ring._members.all[1].catalog._broken(OSError(5, "Input/output error"))
        with pytest.raises(IndexNotRebuilt):
            ring.rebuild_index()
        await ring.settle()
        assert await rig.held() == held
