"""A database's copy: of one moment, without what may not be kept, put back only when it holds."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from appliance.core.database import Database, DatabaseUnusable

STEPS = (("CREATE TABLE event (id INTEGER PRIMARY KEY, words TEXT, picture BLOB)",),)
PICTURE = b"\xff\xd8 a picture of somebody" * 400


def kept(data: bytes | None) -> Callable[[], Awaitable[bytes | None]]:
    async def find() -> bytes | None:
        return data

    return find


async def begun(path: Path, find: bytes | None = None) -> Database:
    database = Database(path, STEPS, "test")
    database.find_copy = kept(find)
    await database.open()
    return database


async def fill(database: Database, rows: int) -> None:
    sql = "INSERT INTO event (words, picture) VALUES (?, ?)"
    await database.do(lambda execute: [execute(sql, (f"row {n}", PICTURE)) for n in range(rows)])


async def count(database: Database) -> int:
    return int((await database.rows("SELECT count(*) FROM event"))[0][0])


async def test_a_copy_comes_back_without_what_was_to_be_left_out(tmp_path: Path) -> None:
    database = await begun(tmp_path / "a.db")
    await fill(database, 30)
    assert b"somebody" in await database.copy()
    data = await database.copy(without=["UPDATE event SET picture = NULL"])
    assert b"somebody" not in data, "not in free pages either"
    await fill(database, 10)
    assert await count(database) == 40, "the file itself lacks nothing"
    await database.close()
    back = await begun(tmp_path / "b.db", data)
    assert back.restored
    assert await count(back) == 30
    assert await back.rows("SELECT count(*) FROM event WHERE picture IS NOT NULL") == [(0,)]
    await back.close()
    again = await begun(tmp_path / "b.db", b"never asked for")
    assert not again.restored
    assert await count(again) == 30
    await again.close()


@pytest.mark.parametrize("copy", [None, b"", b"no database at all", b"SQLite format 3\x00" + b"\x07" * 9000])
async def test_without_a_copy_that_holds_a_new_file_begins(tmp_path: Path, copy: bytes | None) -> None:
    path = tmp_path / "a.db"
    await asyncio.to_thread(path.write_bytes, b"\x5a" * 8192)
    database = await begun(path, copy)
    assert not database.restored or copy == b""
    assert await count(database) == 0
    assert database.damaged == tmp_path / "a.db.damaged"
    assert await asyncio.to_thread(database.damaged.read_bytes) == b"\x5a" * 8192
    await database.close()
    assert {path.name for path in await asyncio.to_thread(lambda: list(tmp_path.iterdir()))} == {"a.db", "a.db.damaged"}


async def test_a_guest_reads_and_writes_beside_the_owner_and_closes_without_taking_it_away(tmp_path: Path) -> None:
    owner = await begun(tmp_path / "a.db")
    await fill(owner, 3)
    guest = Database(tmp_path / "a.db", STEPS, "guest")
    guest.guest = True
    await guest.open()
    await fill(guest, 2)
    await guest.close()
    assert await count(owner) == 5
    await fill(owner, 1)
    assert await count(owner) == 6
    await owner.close()


@pytest.mark.parametrize("there", [None, b"\x5a" * 8192, b"SQLite format 3\x00" + b"\x07" * 9000])
async def test_a_guest_leaves_what_is_missing_or_damaged_to_the_owner_who_has_the_copy(
    tmp_path: Path, there: bytes | None
) -> None:
    whole = await begun(tmp_path / "whole.db")
    await fill(whole, 4)
    copy = await whole.copy()
    await whole.close()
    path = tmp_path / "a.db"
    if there is not None:
        await asyncio.to_thread(path.write_bytes, there)
    guest = Database(path, STEPS, "guest")
    guest.guest = True
    with pytest.raises(DatabaseUnusable):
        await guest.open()
    assert await asyncio.to_thread(lambda: path.read_bytes() if path.exists() else None) == there
    owner = await begun(path, copy)
    assert owner.restored
    assert await count(owner) == 4
    await owner.close()
