"""The journal of looks: what is listed, the table that is taken away, and that no row and no line can be changed."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.accounts.aim import Aims
from appliance.accounts.look import Given, Reason
from appliance.accounts.look_store import ALL, LookStore, Rows
from appliance.accounts.second import Seconds
from appliance.core.chain import journal_files
from appliance.core.chain_file import JournalSettings
from appliance.core.chain_journal import Journal
from appliance.core.clock import SimulatedClock
from appliance.core.units import US_PER_SECOND
from appliance.web.aim_book import AimBook
from appliance.web.aim_check import IN_HAND_US
from appliance.web.look_book import LookBook, Span
from appliance.web.look_check import Checked, JournalFiles, check
from appliance.web.look_errors import LookNeeded
from tests.peers.fake_recorder import START_US
from tests.peers.looking import MANAGER, OTHER, TECHNICIAN, Told, open_all
from tests.peers.sign_in import DURAND
from tests.unit.web.conftest import Api

pytestmark = pytest.mark.full

SECOND = US_PER_SECOND


@dataclass(slots=True)
class Kept:
    """A book over a journal of real files, some looks in it."""

    book: LookBook
    files: JournalFiles

    async def checked(self) -> Checked:
        await self.book.flush()
        await self.files.flush()
        store = self.book.store
        looks = await store.newest(0, 10**18, ALL)
        seconds = await Seconds(store.database).since(0)
        aims = await Aims(store.database).newest(0, 10**18, ALL)
        rows = Rows(looks, await store.seen(0, 99), await store.refusals(0, 10**18, ALL), seconds, aims)
        return await asyncio.to_thread(check, self.files, rows, self.book.clock.utc_us())


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    clock = SimulatedClock()
    journal = Journal(JournalSettings(tmp_path / "journal", "web", "machine", "Collège"), clock)
    await journal.open()
    files = JournalFiles(tmp_path / "journal", "web", journal.flush)
    book = LookBook(LookStore(tmp_path / "looks.db"), clock, journal.append, files)
    await book.store.database.open()
    now = clock.utc_us()
    span = Span("hall", "sub", now - 500 * SECOND, now - 499 * SECOND, now)
    with pytest.raises(LookNeeded):
        book.admit(OTHER, span)
    first = await open_all(book, ("hall", "cour"), now - 600 * SECOND, now - 300 * SECOND)
    for at in range(500, 490, -1):
        book.admit(MANAGER, Span("hall", "sub", now - at * SECOND, now - (at - 1) * SECOND, now))
        if at == 495:
            await book.flush()
    await book.close(MANAGER, first.number)
    urgent = await book.open(MANAGER, Given(Reason.URGENCY), ["hall"], now - 600 * SECOND, now - 300 * SECOND)
    await book.justify(MANAGER, urgent.number, "Un élève était blessé sous le préau")
    followed = await book.open(MANAGER, Given(Reason.ALERT, alert=7), ["hall"], now - 600 * SECOND, None)
    await book.bound(followed.number, ["hall", "cour"], None)
    await book.bound(followed.number, ["hall", "cour"], now)
    aims = AimBook(Aims(book.store.database), clock, journal.append, _sits)
    await aims.open(TECHNICIAN, "hall", b"")
    await aims.open(TECHNICIAN, "cour", b"")
    await aims.stop(TECHNICIAN.name)
    clock.advance(IN_HAND_US / SECOND)
    yield Kept(book, files)
    await book.store.database.close()
    await journal.close()


async def _sits(_who: str, _session: bytes) -> bool:
    return True


async def test_what_nobody_touched_holds(kept: Kept) -> None:
    found = await kept.checked()
    assert (found.ok, found.looks, found.unproven, found.problems) == (True, 3, 0, ())


@pytest.mark.parametrize("copied", [True, False])
async def test_what_a_copy_lacks_is_entered_again_from_the_journal(kept: Kept, tmp_path: Path, copied: bool) -> None:
    store, clock = kept.book.store, kept.book.clock
    await kept.book.flush()
    before = await store.newest(0, 10**18, ALL), await store.seen(0, 99)
    aimed = await Aims(store.database).newest(0, 10**18, ALL)
    await store.database.do(lambda execute: execute("UPDATE look SET closed_us = NULL"))  # as it was at the copy's time
    await store.database.do(lambda execute: execute("DELETE FROM look WHERE number > 1"))
    await store.database.do(lambda execute: execute("DELETE FROM aim WHERE number > 1"))
    copy = await store.database.copy() if copied else None

    async def found() -> bytes | None:
        return copy

    await kept.files.flush()
    again = LookStore(tmp_path / "again" / "looks.db")
    again.database.find_copy = found
    book = LookBook(again, clock, Told(), kept.files)
    await again.database.open()
    await book.load()
    after = await again.newest(0, 10**18, ALL), await again.seen(0, 99)
    assert after == before
    assert await Aims(again.database).newest(0, 10**18, ALL) == aimed
    assert [each.number for each in book.current(MANAGER.name)] == [3, 2], "what was closed stays closed"
    assert (await open_all(book, ("hall",), 0, SECOND)).number == 4
    kept.book = book
    assert (await kept.checked()).count == 1, "the new one was told to another journal, all else holds"
    await again.database.close()


@pytest.mark.parametrize(
    ("sql", "number"),
    [
        ("UPDATE look SET who = 'M. Petit' WHERE number = 1", 1),
        ("UPDATE look SET reason = 'access' WHERE number = 1", 1),
        ("UPDATE look SET text = 'Autre chose de long' WHERE number = 1", 1),
        ("UPDATE look SET cameras = 'hall' WHERE number = 3", 3),
        ("UPDATE look SET from_us = from_us + 1 WHERE number = 2", 2),
        ("UPDATE look SET opened_us = opened_us + 1 WHERE number = 2", 2),
        ("UPDATE look SET to_us = to_us - 1 WHERE number = 3", 3),
        ("UPDATE look SET closed_us = NULL WHERE number = 1", 1),
        ("UPDATE look SET justification = 'Rien du tout' WHERE number = 2", 2),
        ("DELETE FROM look WHERE number = 2", 2),
        ("UPDATE seen SET to_us = to_us - 1", 1),
        ("DELETE FROM seen", 1),
        ("UPDATE seen SET camera = 'cour'", 1),
        ("UPDATE refusal SET who = 'Mme Durand'", None),
        ("UPDATE aim SET camera = 'yard' WHERE number = 1", 1),
        ("DELETE FROM aim WHERE number = 2", 2),
    ],
)
async def test_no_row_can_be_changed_or_taken_out(kept: Kept, sql: str, number: int | None) -> None:
    assert (await kept.checked()).ok
    await kept.book.store.database.do(lambda execute: execute(sql))
    found = await kept.checked()
    assert found.count == len(found.problems) >= 1
    assert all(f"n° {number}" in fr if number else "refus" in fr for fr, _ in found.problems)


async def test_a_row_that_was_added_is_found(kept: Kept) -> None:
    sql = """INSERT INTO look SELECT number + 10, who, function, reason, text, reference, alert, cameras, from_us,
             to_us, opened_us, closed_us, justified_us, justification FROM look WHERE number = 1"""
    await kept.book.store.database.do(lambda execute: execute(sql))
    assert [fr for fr, _ in (await kept.checked()).problems] == [
        "La consultation n° 11 n'est pas celle que le journal a inscrite"
    ]


async def test_no_line_of_the_journal_can_be_changed(kept: Kept) -> None:
    assert (await kept.checked()).ok

    def change() -> None:
        (file,) = journal_files(kept.files.folder, "web")
        file.write_bytes(file.read_bytes().replace(b"Bruit de verre", b"Bruit de clefs"))

    await asyncio.to_thread(change)
    found = await kept.checked()
    assert not found.ok
    assert found.problems[0][0].startswith("Le journal a été modifié")


async def test_rows_older_than_a_journal_that_was_lost_are_counted_apart(kept: Kept, tmp_path: Path) -> None:
    clock = SimulatedClock(kept.book.clock.utc_us() + SECOND)
    journal = Journal(JournalSettings(tmp_path / "new", "web", "machine", "Collège"), clock)
    await journal.open()
    kept.files = JournalFiles(tmp_path / "new", "web", journal.flush)
    found = await kept.checked()
    await journal.close()
    assert (found.ok, found.unproven) == (True, 3)


async def test_the_list_tells_who_saw_what_and_what_was_refused(api: Api) -> None:
    camera = "/api/v1/cameras/portail/gop"
    await api.get("gop", camera, t=START_US + SECOND)
    await api.get("gop", camera, t=START_US + 2 * SECOND)
    for entry in api.book.current(DURAND.name):
        await api.book.close(DURAND, entry.number)
    await api.json("gop", camera, status=403, t=START_US + SECOND)
    asked = {"from": START_US - SECOND, "to": api.clock.utc_us() + 1}
    told = await api.json("looks", "/api/v1/looks", **asked)
    (look,) = told["looks"]
    assert [(each["camera"], each["stream"]) for each in look["seen"]] == [("portail", "sub")]
    assert look["seen"][0]["to_us"] - look["seen"][0]["from_us"] == pytest.approx(2 * SECOND, abs=100)
    assert [(each["who"], each["person"], each["why"]) for each in told["refusals"]] == [
        ("durand", "Mme Durand", "look-over")
    ]
    assert (await api.json("checkLooks", "/api/v1/looks/check", status=503))["code"] == "no-journal"


async def test_the_table_is_a_spreadsheets_and_no_cell_is_a_formula(api: Api) -> None:
    given = Given(Reason.JUDICIAL, '=HYPERLINK("x";"y")', "2026/12")
    await api.book.open(DURAND, given, ["cour"], START_US, START_US + 9 * SECOND)
    answer = await api.get(
        "looksTable", "/api/v1/looks.csv", **{"from": START_US - SECOND, "to": api.clock.utc_us() + 1}
    )
    text = answer.body.decode("utf-8")
    assert text.startswith("\ufeffN°;Nom;")
    rows = list(csv.DictReader(io.StringIO(text[1:]), delimiter=";"))
    assert (rows[0]["Texte"], rows[0]["Réquisition"], rows[0]["Caméras"]) == (
        '\'=HYPERLINK("x";"y")', "2026/12", "Cour",
    )  # fmt: skip
    assert (rows[0]["Nom"], rows[0]["Ouverte"]) == ("Mme Durand", "2026-11-24 08:00:56 +0100")
    assert len(rows) == 2
