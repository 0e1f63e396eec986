"""Sessions end by themselves and on a word, the file opens none; wrong answers outlive a restart."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.accounts.sessions import ABSOLUTE_US, IDLE_US, STEPS, Sessions
from appliance.accounts.throttle import FIRST_US, FORGET_US, FREE, FREE_OF_ACCOUNT
from appliance.core.database import Database

NOW = 1_795_500_000_000_000


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    found = Database(tmp_path / "accounts.db", STEPS, "accounts")
    await found.open()
    yield found
    await found.close()


async def test_a_session_lives_while_it_is_used_and_a_day_at_the_most(database: Database) -> None:
    sessions = Sessions(database)
    token = await sessions.begin("durand", "10.0.0.4", NOW)
    now = NOW
    while now + IDLE_US - 1 < NOW + ABSOLUTE_US:
        now += IDLE_US - 1
        assert (found := await sessions.use(token, now)) is not None
        assert found.account == "durand"
    assert await sessions.use(token, NOW + ABSOLUTE_US) is None
    assert await sessions.use(token, now) is None  # over is over


@pytest.mark.parametrize("away", [IDLE_US, -1])
async def test_a_session_left_alone_or_from_the_future_is_over(database: Database, away: int) -> None:
    sessions = Sessions(database)
    token = await sessions.begin("durand", "10.0.0.4", NOW)
    assert await sessions.of("durand", NOW + away) == []
    assert await sessions.use(token, NOW + away) is None


async def test_the_file_opens_nothing_and_no_other_text_is_a_session(database: Database) -> None:
    sessions = Sessions(database)
    token = await sessions.begin("durand", "10.0.0.4", NOW)
    assert bytes.fromhex(token) not in await database.copy()
    (kept,) = await sessions.of("durand", NOW)
    for text in (kept.hash.hex(), "", "é", "0" * 64, "zz", token[:-2]):
        assert await sessions.use(text, NOW) is None
    assert await sessions.begin("durand", "10.0.0.4", NOW) != token


async def test_one_session_or_all_of_an_account_are_revoked(database: Database) -> None:
    sessions = Sessions(database)
    tokens = [await sessions.begin("durand", "10.0.0.4", NOW + each) for each in range(3)]
    other = await sessions.begin("petit", "10.0.0.5", NOW)
    newest = (await sessions.of("durand", NOW + 2))[0]
    assert await sessions.revoke("petit", newest.hash) == 0  # not theirs
    assert await sessions.revoke("durand", newest.hash) == 1
    assert [await sessions.use(each, NOW + 3) is not None for each in tokens] == [True, True, False]
    assert await sessions.revoke("durand") == 2
    assert await sessions.use(other, NOW + 3) is not None
    await sessions.begin("petit", "10.0.0.5", NOW + ABSOLUTE_US)
    assert await database.rows("SELECT count(*) FROM session") == [(1,)]  # what is over is gone


async def test_a_page_that_asks_by_itself_keeps_no_session_alive(database: Database) -> None:
    sessions = Sessions(database)
    token = await sessions.begin("durand", "10.0.0.4", NOW)
    for each in range(0, IDLE_US, IDLE_US // 10):
        assert await sessions.use(token, NOW + each, wakes=False) is not None
    assert await sessions.use(token, NOW + IDLE_US) is None


async def test_wrong_answers_outlive_a_restart_and_touch_no_other(tmp_path: Path) -> None:
    keys = {"account:durand": FREE_OF_ACCOUNT, "address:10.0.0.4": FREE}
    for each in range(FREE):
        database = Database(tmp_path / "accounts.db", STEPS, "accounts")
        await database.open()
        assert await Sessions(database).attempt(keys, NOW + each) == 0
        await database.close()
    database = Database(tmp_path / "accounts.db", STEPS, "accounts")
    await database.open()
    sessions = Sessions(database)
    assert await sessions.attempt(keys, NOW + FREE) == FIRST_US - 1  # the sixth waits, and is not counted
    assert await sessions.attempt(keys, NOW + FREE) == FIRST_US - 1
    assert await sessions.attempt({**keys, "address:10.0.0.9": FREE}, NOW + FREE) > 0
    assert await sessions.attempt({"account:durand": FREE_OF_ACCOUNT, "address:10.0.0.9": FREE}, NOW + FREE) == 0
    assert await sessions.attempt(keys, NOW + FREE - 1 + FIRST_US) == 0
    assert await sessions.attempt(keys, NOW + FREE + FIRST_US) == 2 * FIRST_US - 1
    await sessions.right(keys)
    assert await sessions.attempt(keys, NOW + FREE + FIRST_US) == 0
    await database.close()


async def test_an_account_guessed_from_many_addresses_waits_in_the_end(database: Database) -> None:
    sessions = Sessions(database)
    waits = [
        await sessions.attempt({"account:durand": FREE_OF_ACCOUNT, f"address:{each}": FREE}, NOW)
        for each in range(FREE_OF_ACCOUNT + 1)
    ]
    assert waits == [0] * FREE_OF_ACCOUNT + [FIRST_US]
    assert await sessions.attempt({"address:new": FREE}, NOW + FORGET_US) == 0
    assert await database.rows("SELECT count(*) FROM tries") == [(1,)]  # what is forgotten is gone
