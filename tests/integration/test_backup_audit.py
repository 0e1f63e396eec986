"""Databases come back from the recording disks; files that are not as the catalogue says are found and set aside."""

import asyncio
import contextlib
import errno
import os
import sqlite3
from pathlib import Path

import pytest

from appliance.ring.backup import place
from appliance.ring.backup_files import FOLDER, Copy, copies_of, newest, restore
from appliance.ring.catalog.log import CATALOG
from appliance.ring.disks.disk import chunk_name
from appliance.ring.faults import BackupFailed, NoBackup
from appliance.ring.recording import Ring
from tests.peers.ring_rig import KEY, Rig


def make(path: Path, rows: int) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = wal")
    database.execute("CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, words TEXT)")
    database.executemany("INSERT INTO event (words) VALUES (?)", [("x" * 500,)] * rows)
    return database


def count(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(database.execute("SELECT count(*) FROM event").fetchone()[0])


async def backed_up(ring: Ring) -> None:
    """One round of copies, with the ticks they need."""
    work = asyncio.create_task(ring.backups.once())
    for _ in range(60):
        await ring.tick()
        await asyncio.sleep(0.01)
        if work.done():
            break
    await work


async def test_a_deleted_database_comes_back_as_it_was_at_the_last_copy(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=2, chunks=16)
    ring = rig.new()
    path, record = tmp_path / "events.db", tmp_path / "clock.record"
    await asyncio.to_thread(record.write_bytes, b"a record\n")
    database = await asyncio.to_thread(make, path, 4000)
    ring.backups.add("events.db", path)
    ring.backups.add("clock.record", record)
    ring.backups.add("absent", tmp_path / "absent")
    async with rig.running():
        await backed_up(ring)
        await asyncio.to_thread(database.execute, "DELETE FROM event WHERE id > 3000")
        rig.clock.advance(3600)
        for _ in range(3):
            await backed_up(ring)
        assert set(ring.backups.last_us) == {"events.db", "clock.record"}
    database.close()
    disks = [disk.path for disk in rig.disks]

    def lose_and_restore() -> None:
        for file in (path, record):
            file.unlink()
        assert restore(disks, "events.db", path) == ring.backups.last_us["events.db"]
        assert count(path) == 3000
        restore(disks, "clock.record", record)
        assert record.read_bytes() == b"a record\n"
        newest = max((d for d in disks), key=lambda d: max(c.utc_us for c in copies_of(d / FOLDER, "events.db")))
        for copy in copies_of(newest / FOLDER, "events.db"):
            (newest / FOLDER / f"events.db.{copy.slot}").write_bytes(b"torn")
        restore(disks, "events.db", path)
        assert count(path) >= 3000, "the other disk's"
        with pytest.raises(NoBackup):
            restore(disks, "accounts.db", path)

    await asyncio.to_thread(lose_and_restore)


async def test_a_damaged_database_is_a_named_failure_and_the_others_are_copied(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=16)
    ring = rig.new()
    bad, good = tmp_path / "bad.db", tmp_path / "good"
    await asyncio.to_thread(bad.write_bytes, b"SQLite format 3\x00" + b"\x07" * 9000)
    await asyncio.to_thread(good.write_bytes, b"good")
    ring.backups.add("bad.db", bad)
    ring.backups.add("good", good)
    async with rig.running():
        with pytest.raises(BackupFailed):
            await backed_up(ring)
        assert set(ring.backups.last_us) == {"good"}


async def test_a_copy_that_a_disk_refuses_leaves_nothing_open_and_the_former_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=16)
    ring = rig.new()
    record = tmp_path / "record"
    await asyncio.to_thread(record.write_bytes, b"first")
    ring.backups.add("record", record)
    async with rig.running():
        await backed_up(ring)
        (member,) = ring._members.live
        await asyncio.to_thread(record.write_bytes, b"second")

        def refuse(*_: object, **__: object) -> asyncio.Future[None]:
            refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            refused.set_exception(OSError(errno.ENOSPC, "no room"))
            return refused

        open_before = await asyncio.to_thread(os.listdir, "/proc/self/fd")
        with monkeypatch.context() as patched:
            patched.setattr(member.slices, "put", refuse)
            for _ in range(5):
                with pytest.raises(BackupFailed, match="no room"):
                    await backed_up(ring)
        await ring.tick()
        await ring.tick()
        assert len(await asyncio.to_thread(os.listdir, "/proc/self/fd")) == len(open_before)
        _, data = await asyncio.to_thread(newest, [member.disk.path], "record")
        assert data == b"first"


async def test_copies_that_nothing_replaces_end_in_time_but_not_by_a_doubtful_clock(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=2, chunks=16)
    trusted: list[int | None] = [None]
    ring = rig.new(expiry_us=lambda: trusted[0])
    record = tmp_path / "record"
    await asyncio.to_thread(record.write_bytes, b"somebody's words")
    ring.backups.add("record", record)
    ring.backups.keep_us = 5 * 86_400_000_000

    def left() -> list[bytes]:
        return [p.read_bytes() for d in rig.disks for p in sorted((d.path / FOLDER).iterdir()) if p.suffix != ".json"]

    async with rig.running():
        await backed_up(ring)
        await backed_up(ring)
        await asyncio.to_thread(record.unlink)
        rig.clock.advance(6 * 86_400)
        await backed_up(ring)
        assert len(await asyncio.to_thread(left)) == 2, "the time is in doubt"
        trusted[0] = rig.clock.utc_us() - 2 * 86_400_000_000
        await backed_up(ring)
        assert len(await asyncio.to_thread(left)) == 2
        trusted[0] = rig.clock.utc_us()
        await backed_up(ring)
        assert await asyncio.to_thread(left) == []
        with pytest.raises(NoBackup):
            await ring.backups.fetch("record")


def test_a_copy_that_is_still_young_is_replaced_before_the_one_that_is_old() -> None:
    now, hour = 1_795_500_000_000_000, 3_600_000_000
    old, young, due = (Copy(slot, 1, "", now - ago) for slot, ago in ((0, 5 * hour), (1, hour // 4), (1, hour)))
    assert place([], now) == (0, ())
    assert place([young], now) == (0, [young])
    assert place([due, old], now) == (0, [due])
    assert place([young, old], now) == (1, [old]), "a service that starts again and again keeps what was before"


async def test_the_audit_finds_a_file_that_is_not_as_the_catalogue_says(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=40)
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(250, camera)
        (member,) = ring._members.all
        for _ in range(60):
            await ring.audit_once()
        assert not ring.audit.faults
        assert sum(ring.audit.looked.values()) == 60
        number = list(member.pool.closed)[-5]
        file = tmp_path / "disk0" / chunk_name(number)
        data = await asyncio.to_thread(file.read_bytes)
        await asyncio.to_thread(file.write_bytes, bytes(len(data)))
        for _ in range(40):
            await ring.audit_once()
        assert sum(ring.audit.faults.values()) == 1
        assert ring._members.all[0].pool.counts()["suspect"] == 1
        await rig.record(3, camera)
        text = await asyncio.to_thread((tmp_path / "disk0" / CATALOG).read_text, "ascii")
        assert f" fault {number} its file is empty" in text
        assert f" SUSPECT {number} audit" in text
        assert all(chunk.number != number for chunk in await ring.ranges(KEY, 0, rig.clock.utc_us() + 1))
