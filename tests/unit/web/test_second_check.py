"""Requests to a second person: no row is changed, added or taken out unseen, and the journal gives back a lost one."""

from collections.abc import Iterator
from itertools import count

import pytest

from appliance.accounts import second
from appliance.accounts.look import KEPT_US
from appliance.accounts.look_store import Rows
from appliance.accounts.second import WAIT_US, Request, Seconds
from appliance.core.chain import Line, Stamp
from appliance.web.look_check import compare
from appliance.web.second_check import IN_HAND_US, ToldRequests
from tests.peers.sign_in import add_petit
from tests.unit.web.conftest import Api

WHOLE = {"cameras": ["hall", "yard"], "why": "travaux de nuit", "until_us": 10**15}
SECOND = 1_000_000
ADDED = """INSERT INTO second SELECT 9, asker, function, what, why, asked_us, signer, witnesses, done_us
           FROM second WHERE number = 1"""


@pytest.fixture(autouse=True)
async def three(api: Api) -> None:
    """Request 1 is signed, 2 done before witnesses of whom one has a comma in the name, 3 waits."""
    await add_petit(api.desk)
    api.told.clear()
    await api.post("askSecond", "/api/v1/second", WHOLE, status=201)
    await api.as_("petit")
    await api.post("signSecond", "/api/v1/second/1/signature", {})
    await api.as_("durand")
    await api.post("askSecond", "/api/v1/second", WHOLE, status=201)
    api.clock.advance(WAIT_US / SECOND)
    await api.post("urgeSecond", "/api/v1/second/2/urgent", {"witnesses": ["Mme Blanc, adjointe", "M. Noir"]})
    await api.post("askSecond", "/api/v1/second", WHOLE, status=201)


def lines(api: Api) -> Iterator[Line]:
    for number, (kind, facts) in zip(count(1), api.told, strict=False):
        yield Line(number, Stamp(1, "held", "0" * 32, 0), kind, dict(facts), "")


async def found(api: Api, now_us: int | None = None) -> list[str]:
    rows = Rows([], [], [], await table(api).since(0), [])
    _, problems = compare(lines(api), rows, api.clock.utc_us() if now_us is None else now_us)
    return [fr for fr, _ in problems]


def table(api: Api) -> Seconds:
    return Seconds(api.book.store.database)


async def test_what_nobody_touched_holds(api: Api) -> None:
    assert await found(api) == []


@pytest.mark.full
@pytest.mark.parametrize(
    ("sql", "number"),
    [
        ("UPDATE second SET asker = 'petit' WHERE number = 3", 3),
        ("UPDATE second SET function = 'Autre' WHERE number = 3", 3),
        ("UPDATE second SET why = 'autre chose' WHERE number = 2", 2),
        ("UPDATE second SET what = replace(what, 'yard', 'lane') WHERE number = 1", 1),
        ("UPDATE second SET what = replace(what, 'false', 'true') WHERE number = 1", 1),
        ("UPDATE second SET asked_us = asked_us + 1 WHERE number = 1", 1),
        ("UPDATE second SET signer = 'roux' WHERE number = 1", 1),
        ("UPDATE second SET signer = 'petit', witnesses = '[]' WHERE number = 2", 2),
        ("""UPDATE second SET witnesses = '["Mme Blanc, adjointe"]' WHERE number = 2""", 2),
        ("UPDATE second SET done_us = NULL WHERE number = 1", 1),
        ("UPDATE second SET done_us = asked_us, signer = 'petit' WHERE number = 3", 3),
        ("DELETE FROM second WHERE number = 2", 2),
        (ADDED, 9),
    ],
)
async def test_a_row_changed_added_or_taken_out_is_found(api: Api, sql: str, number: int) -> None:
    await api.book.store.database.do(lambda execute: execute(sql))
    (problem,) = await found(api, api.clock.utc_us() + IN_HAND_US)
    assert f"demande d'accord n° {number} " in problem
    assert ("manque" in problem) == sql.startswith("DELETE")


async def test_one_that_is_being_done_is_no_fault_yet(api: Api) -> None:
    now = api.clock.utc_us()
    assert await table(api).done(3, now, "petit", ())
    assert await found(api, now + IN_HAND_US - 1) == []
    assert len(await found(api, now + IN_HAND_US)) == 1


async def test_rows_of_before_the_journal_and_lines_of_before_what_is_kept_are_no_fault(api: Api) -> None:
    later = api.clock.utc_us() + KEPT_US + WAIT_US
    await api.book.store.expire(later)
    assert await table(api).since(0) == []
    assert await found(api, later) == []
    old = Request(1, "durand", "Principale", WHOLE, "travaux de nuit", 5)
    assert ToldRequests().differing([old], 6, 10) == ([], [])
    assert ToldRequests().differing([old], 5, 10) == ([1], [])


async def test_the_journal_gives_back_what_a_copy_lacks(api: Api) -> None:
    before, told = await table(api).since(0), ToldRequests()
    for line in lines(api):
        told.take(line)
    database = api.book.store.database
    await database.do(lambda execute: execute("DELETE FROM second WHERE number > 1"))
    await database.do(lambda execute: execute("UPDATE second SET done_us = NULL, signer = ''"))
    await api.book.store.put_back(Rows([], [], [], told.kept(api.clock.utc_us()), []), 0)
    after = await table(api).since(0)
    assert [each.number for each in after] == [3, 2, 1]
    assert [(each.signer, each.done_us) for each in after] == [(each.signer, each.done_us) for each in before]
    assert await found(api) == []
    assert second.stage(after[2], api.clock.utc_us()) is second.Stage.SIGNED
    assert (await api.post("askSecond", "/api/v1/second", WHOLE, status=201))["request"]["number"] == 4
