"""Databases and records of the system disk: deleted or damaged, each comes back from the disks, and it is said.

Whatever the services leave in their folder is named here with how it comes back: a new file without one fails.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

import pytest

from appliance.accounts.look import Given, Look, Reason
from appliance.accounts.look_store import LookStore
from appliance.alerts.client import DetectorClient
from appliance.alerts.errors import DetectorUnreachable
from appliance.core.chain import processes
from appliance.core.clock import SystemClock
from appliance.core.errors import ApplianceError
from appliance.core.lines import encode
from appliance.core.timesource import load_record
from appliance.ring.access.reader import RecorderClient
from appliance.ring.backup_files import FOLDER, MAX_SIZE, copies_of, newest
from appliance.ring.faults import NoBackup, RecorderUnreachable
from appliance.services.journal_words import check
from appliance.web.query import LAST_US
from tests.peers.live import Chain, Service, chain, small_clips, until
from tests.peers.watched import may_be_watched

CLOCK = SystemClock()

COMES_BACK: Final = {
    "index.db": "cache",
    "index.db-wal": "cache",
    "index.db-shm": "cache",
    "events.db": "copied",
    "events.db-wal": "copied",
    "events.db-shm": "copied",
    "looks.db": "copied",
    "looks.db-wal": "copied",
    "looks.db-shm": "copied",
    "accounts.db": "copied",
    "accounts.db-wal": "copied",
    "accounts.db-shm": "copied",
    "clock.record": "copied",
    "appliance-id": "on the disks",
    "recorder.stopped": "gone at the next start",
    "in-hand": "of the present life alone",
    "crashes.json": "begun anew: cameras that were set aside are looked at again",
    "journal": "anchored",
}
"""What the services leave beside the site file, and what becomes of it. See appliance/services/records.py."""

GIVEN: Final = {"site.toml", "secrets.toml", "disk0", "disk1", "recorder.sock", "detector.sock"}


async def answered(ask: Callable[[], Any]) -> Any:
    while True:
        try:
            return await ask()
        except (RecorderUnreachable, DetectorUnreachable):
            await asyncio.sleep(0.05)


@asynccontextmanager
async def services(rig: Chain) -> AsyncIterator[tuple[RecorderClient, DetectorClient]]:
    """Both run, and both have copied what is theirs."""
    before = {name: await asyncio.to_thread(last_copy, rig, name) for name in ("events.db", "clock.record")}
    recorder = await rig.recorder()
    detector = await Service.start("detector", "--site", str(rig.site))
    async with rig.client() as ring, DetectorClient(rig.folder / "detector.sock") as desk:
        yield ring, desk
        await until(lambda: all(last_copy(rig, name) > at for name, at in before.items()))
    assert await detector.stop() == 0, detector.errors
    assert await recorder.stop() == 0, recorder.errors


def last_copy(rig: Chain, name: str) -> int:
    return max((copy.utc_us for disk in rig.disks for copy in copies_of(disk / FOLDER, name)), default=0)


def arming_of(file: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return database.execute("SELECT camera, by FROM arming ORDER BY number").fetchall()


def lose(folder: Path, name: str, damage: bool) -> None:
    for suffix in ("-wal", "-shm"):
        (folder / (name + suffix)).unlink(missing_ok=True)
    if damage:
        file = folder / name
        file.write_bytes(b"\x5a" * max(4096, file.stat().st_size))
    else:
        (folder / name).unlink()


def each_comes_back(rig: Chain) -> None:
    found = {path.name: path for path in rig.folder.iterdir() if path.name not in GIVEN}
    assert found.keys() <= COMES_BACK.keys(), "say here, and in services/records.py, how it comes back"
    for name, path in found.items():
        if path.is_file() and path.read_bytes().startswith(b"SQLite format 3"):
            assert COMES_BACK[name] == "cache" or last_copy(rig, name), f"{name} is a database without a copy"


def whole(folder: Path, identity: bytes) -> None:
    assert arming_of(folder / "events.db") == [("cam0", "Mme Roy")]
    assert load_record(folder / "clock.record") is not None
    assert (folder / "appliance-id").read_bytes() == identity


@pytest.mark.full
@pytest.mark.timeout(120)
async def test_each_record_that_is_deleted_or_damaged_comes_back_and_it_is_said(tmp_path: Path) -> None:
    async with chain(tmp_path, [await asyncio.to_thread(small_clips)]) as rig:
        await asyncio.to_thread(may_be_watched, rig.site)
        async with services(rig) as (_, desk):
            until_us = CLOCK.utc_us() + 3_600_000_000
            await answered(
                lambda: desk.ask("arm", cameras=["cam0"], armed=True, by="Mme Roy", why="essai", until_us=until_us)
            )
        async with services(rig):
            pass  # this life has copied what the former was told
        await asyncio.to_thread(each_comes_back, rig)
        identity = (tmp_path / "appliance-id").read_bytes()
        identity = await asyncio.to_thread((tmp_path / "appliance-id").read_bytes)
        await asyncio.to_thread(whole, tmp_path, identity)
        for damage in (False, True):
            for name in ("events.db", "clock.record", "appliance-id", "index.db"):
                await asyncio.to_thread(lose, tmp_path, name, damage)
            async with services(rig) as (ring, _):
                await rig.durable(1.0)
                state = await ring.state()
            told = {(fault["code"], fault["fr"].partition(" ")[0]) for fault in state["records"]}
            assert told == {("record-restored", "events.db"), ("record-restored", "clock.record")}
            assert not any(disk["error"] for disk in state["disks"]), "they are its own"
            await asyncio.to_thread(whole, tmp_path, identity)
        for name in ("events.db", "clock.record", "appliance-id", "index.db"):
            assert await asyncio.to_thread((tmp_path / f"{name}.damaged").exists), "what was there is kept aside"
        assert await asyncio.to_thread(check, rig.site, None, "fr") == 0
        assert await asyncio.to_thread(processes, tmp_path / "journal") == ["detector", "recorder"]


async def page_once(rig: Chain) -> None:
    """The page's process runs until it has copied what is its own."""
    before = await asyncio.to_thread(last_copy, rig, "looks.db")
    page = await Service.start("web", "--site", str(rig.site), "--port", "0")
    await until(lambda: last_copy(rig, "looks.db") > before)
    assert await page.stop() == 0, page.errors


async def looked_at(folder: Path) -> list[tuple[int, str]]:
    store = LookStore(folder / "looks.db")
    await store.database.open()
    found = [(each.number, each.look.who) for each in await store.newest(0, LAST_US)]
    await store.database.close()
    return found


@pytest.mark.full
async def test_who_looked_comes_back_from_a_recording_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    static = tmp_path / "static"
    static.mkdir()
    (static / "index.html").write_text("<!doctype html>", encoding="utf-8")
    monkeypatch.setenv("APPLIANCE_STATIC", str(static))
    folder = tmp_path / "site"
    folder.mkdir()
    async with chain(folder, [await asyncio.to_thread(small_clips)]) as rig:
        recorder = await rig.recorder()
        await page_once(rig)
        store = LookStore(folder / "looks.db")
        await store.database.open()
        look = Look("Mme Roy", Given(Reason.DAMAGE, "vitre cassée au préau"), frozenset({"cam0"}), 0, 1, CLOCK.utc_us())
        assert await store.add(look, "principale") == 1
        await store.database.close()
        await page_once(rig)
        await asyncio.to_thread(each_comes_back, rig)
        for damage in (False, True):
            await asyncio.to_thread(lose, folder, "looks.db", damage)
            await page_once(rig)
            assert await looked_at(folder) == [(1, "Mme Roy")]
            async with rig.client() as ring:
                told = [fault["fr"] for fault in (await ring.state())["records"]]
            assert told
            assert all(each.startswith("looks.db manquait") for each in told)
        assert await recorder.stop() == 0, recorder.errors


async def brought(rig: Chain, *, size: int, sent: int) -> str:
    """All that the recorder answers to a copy of which so much is sent, with a digest that is not its own."""
    reader, writer = await asyncio.open_unix_connection(str(rig.folder / "recorder.sock"))
    request = {"v": 1, "id": 1, "verb": "keep", "name": "events.db", "size": size, "sha256": "0" * 64}
    writer.write(encode(request))
    first = (await reader.readuntil()).decode()
    writer.write(bytes(sent))
    writer.write_eof()
    rest = (await reader.read()).decode()
    writer.close()
    return rest if '"ok":true' in first else first


@pytest.mark.full
async def test_only_its_owner_brings_a_copy_and_gets_it_back(tmp_path: Path) -> None:
    async with chain(tmp_path, [await asyncio.to_thread(small_clips)]) as rig:
        recorder = await rig.recorder()
        async with rig.client() as ring:
            data = bytes(range(256)) * 9000
            told_us = await ring.keep("events.db", data)
            for _ in range(20):
                assert await ring.kept("events.db") == (data, told_us)
            copy, kept = await asyncio.to_thread(newest, rig.disks, "events.db")
            assert (kept, copy.utc_us) == (data, told_us)
            for name in ("clock.record", "other.db"):
                with pytest.raises(ApplianceError, match="may not ask"):
                    await ring.keep(name, data)
            assert "backup-failed" in await brought(rig, size=5000, sent=5000), "not what it was said to be"
            assert await brought(rig, size=5000, sent=100) == "", "whoever leaves gets no answer"
            assert "bad-request" in await brought(rig, size=MAX_SIZE + 1, sent=0)
            assert await ring.kept("events.db") == (data, told_us)
            assert (await ring.state())["backups"]["events.db"] == told_us
        assert await recorder.stop() == 0
        with pytest.raises(NoBackup):
            await asyncio.to_thread(newest, rig.disks, "other.db")
