"""Who aimed which camera: no row is changed, added or taken out unseen, and the journal gives back a lost one."""

import csv
import io
from collections.abc import Iterator
from itertools import count

import pytest

from appliance.accounts.aim import LASTS_US, Aims, End
from appliance.accounts.look import KEPT_US
from appliance.accounts.look_store import ALL, Rows
from appliance.accounts.roles import Role
from appliance.core.chain import Line, Stamp
from appliance.web.aim import AIMS
from appliance.web.aim_check import IN_HAND_US, ToldAims
from appliance.web.look_check import compare
from tests.unit.web.conftest import Api

SECOND = 1_000_000
ADDED = """INSERT INTO aim SELECT 9, who, function, camera, opened_us, ended_us, how, pictures
           FROM aim WHERE number = 1"""


@pytest.fixture(autouse=True)
async def three(api: Api) -> None:
    """Aiming 1 was stopped by hand behind one picture, 2 ended by its time, 3 goes on."""
    api.told.clear()
    await api.as_(Role.TECHNICIAN)
    await api.post("openAim", "/api/v1/aims", {"camera": "portail"}, status=201)
    await api.get("aimPicture", "/api/v1/cameras/portail/aim.jpg")
    await api.delete("stopAim", "/api/v1/aims/current")
    await api.post("openAim", "/api/v1/aims", {"camera": "cour"}, status=201)
    api.clock.advance(LASTS_US / SECOND)
    await api.post("openAim", "/api/v1/aims", {"camera": "cour"}, status=201)


def lines(api: Api) -> Iterator[Line]:
    for number, (kind, facts) in zip(count(1), api.told, strict=False):
        yield Line(number, Stamp(1, "held", "0" * 32, 0), kind, dict(facts), "")


def told_of(api: Api) -> ToldAims:
    told = ToldAims()
    for line in lines(api):
        told.take(line)
    return told


def table(api: Api) -> Aims:
    return Aims(api.book.store.database)


async def found(api: Api, now_us: int | None = None) -> list[str]:
    rows = Rows([], [], [], [], await table(api).newest(0, 1 << 60, ALL))
    _, problems = compare(lines(api), rows, api.clock.utc_us() if now_us is None else now_us)
    return [fr for fr, _ in problems]


async def test_what_nobody_touched_holds(api: Api) -> None:
    assert [each.how for each in told_of(api).aims.values()] == [End.STOPPED, End.TIME, None]
    assert await found(api) == []
    assert await found(api, api.clock.utc_us() + IN_HAND_US) == []


@pytest.mark.full
@pytest.mark.parametrize(
    ("sql", "number"),
    [
        ("UPDATE aim SET who = 'durand' WHERE number = 3", 3),
        ("UPDATE aim SET function = 'Autre' WHERE number = 2", 2),
        ("UPDATE aim SET camera = 'portail' WHERE number = 2", 2),
        ("UPDATE aim SET opened_us = opened_us + 1 WHERE number = 1", 1),
        ("UPDATE aim SET ended_us = ended_us - 1 WHERE number = 2", 2),
        ("UPDATE aim SET ended_us = NULL WHERE number = 1", 1),
        ("UPDATE aim SET how = 'stopped' WHERE number = 2", 2),
        ("UPDATE aim SET pictures = 0 WHERE number = 1", 1),
        ("UPDATE aim SET ended_us = opened_us + 5, how = 'stopped' WHERE number = 3", 3),
        ("DELETE FROM aim WHERE number = 2", 2),
        (ADDED, 9),
    ],
)
async def test_a_row_changed_added_or_taken_out_is_found(api: Api, sql: str, number: int) -> None:
    await api.book.store.database.do(lambda execute: execute(sql))
    (problem,) = await found(api, api.clock.utc_us() + IN_HAND_US)
    assert f"réglage de cadrage n° {number} " in problem
    assert ("manque" in problem) == sql.startswith("DELETE")


async def test_what_has_just_happened_is_no_fault_yet(api: Api) -> None:
    """Rows are read before lines: one may begin, or end, in between."""
    now = api.clock.utc_us()
    rows = await table(api).newest(0, 1 << 60, ALL)
    told = told_of(api)
    assert told.differing(rows[1:], 0, now + IN_HAND_US - 1) == ([], []), "begun since the rows were read"
    assert told.differing(rows[1:], 0, now + IN_HAND_US) == ([], [3])
    del told.aims[3]
    assert told.differing(rows, 0, now + IN_HAND_US - 1) == ([], []), "its line is being written"
    assert told.differing(rows, 0, now + IN_HAND_US) == ([3], [])
    await api.delete("stopAim", "/api/v1/aims/current")
    ended = told_of(api)
    assert ended.differing(rows, 0, now + IN_HAND_US - 1) == ([], []), "ended since the rows were read"
    assert ended.differing(rows, 0, now + IN_HAND_US) == ([3], [])


async def test_rows_of_before_the_journal_and_lines_of_before_what_is_kept_are_no_fault(api: Api) -> None:
    rows = await table(api).newest(0, 1 << 60, ALL)
    first = rows[-1].opened_us
    assert ToldAims().differing(rows[-1:], first + 1, first + IN_HAND_US) == ([], [])
    assert ToldAims().differing(rows[-1:], first, first + IN_HAND_US) == ([1], [])
    later = api.clock.utc_us() + KEPT_US + 1
    await api.book.store.expire(later)
    assert await table(api).newest(0, 1 << 60, ALL) == []
    assert await found(api, later) == []


async def test_the_journal_gives_back_what_a_copy_lacks(api: Api) -> None:
    before, database = await table(api).newest(0, 1 << 60, ALL), api.book.store.database
    await database.do(lambda execute: execute("DELETE FROM aim WHERE number > 1"))
    await database.do(lambda execute: execute("UPDATE aim SET ended_us = NULL, how = '', pictures = 0"))
    kept = told_of(api).kept(api.clock.utc_us())
    await api.book.store.put_back(Rows([], [], [], [], kept), 0)
    assert await table(api).newest(0, 1 << 60, ALL) == before
    await api.app[AIMS].load()
    assert [each.how for each in await table(api).newest(0, 1 << 60, ALL)] == [End.SERVICE, End.TIME, End.STOPPED]
    assert await found(api, api.clock.utc_us() + IN_HAND_US) == [], "what went on has ended with the process, by a line"
    await api.post("openAim", "/api/v1/aims", {"camera": "portail"}, status=201)
    assert (await table(api).newest(0, 1 << 60, 1))[0].number == 4, "no number is given twice"


async def test_they_are_in_the_table_that_is_taken_away(api: Api) -> None:
    await api.as_(Role.MANAGER)
    span = {"from": api.clock.utc_us() - LASTS_US, "to": api.clock.utc_us() + 1}
    text = (await api.get("looksTable", "/api/v1/looks.csv", **span)).body.decode("utf-8-sig")
    rows = [each for each in csv.DictReader(io.StringIO(text), delimiter=";") if each["Motif"] == "réglage du cadrage"]
    assert [(each["Nom"], each["Caméras"], each["Texte"], each["Séquences vues"]) for each in rows] == [
        ("M. Martin", "Cour", "en cours", "0 image"),
        ("M. Martin", "Cour", "temps écoulé", "0 image"),
        ("M. Martin", "Portail", "arrêté à la main", "1 image"),
    ]
