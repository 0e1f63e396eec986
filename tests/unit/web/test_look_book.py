"""The lock at work: nothing without an opening, an opening that ends by itself, and a trace of all of it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.accounts.look import EDGE_US, JUSTIFY_US, KEPT_US, LASTS_US, LONGEST_US, Given, Reason, Shut
from appliance.accounts.look_store import Refusal, Seen
from appliance.accounts.roles import Account, Grant, Role
from appliance.core.clock import SimulatedClock
from appliance.core.units import US_PER_SECOND
from appliance.web.look_book import FLUSH_S, LookBook, Span
from appliance.web.look_errors import (
    LookNeeded,
    LookNotWritten,
    LookOutside,
    LookOver,
    NoSuchLook,
    NothingToOpen,
    NotYours,
    ReasonLacks,
)
from tests.peers.looking import ALWAYS, MANAGER, OTHER, TECHNICIAN, WHY, Told, make_book, open_all

CLOCK = SimulatedClock()
NOW = CLOCK.utc_us()
FROM, TO = NOW - 600 * US_PER_SECOND, NOW - 300 * US_PER_SECOND


def span(start: int = FROM, end: int = FROM + US_PER_SECOND, camera: str = "hall") -> Span:
    return Span(camera, "sub", start, end, NOW - US_PER_SECOND)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def book(tmp_path: Path, clock: SimulatedClock, told: Told) -> AsyncIterator[LookBook]:
    found = await make_book(tmp_path, clock, told)
    yield found
    await found.store.database.close()


async def test_nothing_leaves_before_an_opening_nor_after_it(book: LookBook, clock: SimulatedClock) -> None:
    with pytest.raises(LookNeeded):
        book.admit(MANAGER, span())
    await open_all(book, ("hall",), FROM, TO)
    book.admit(MANAGER, span())
    with pytest.raises(LookNeeded):
        book.admit(OTHER, span())
    with pytest.raises(LookOutside):
        book.admit(MANAGER, span(camera="cour"))
    with pytest.raises(LookOutside):
        book.admit(MANAGER, span(TO, TO + EDGE_US + 1))
    clock.advance(LASTS_US / US_PER_SECOND)
    with pytest.raises(LookOver):
        book.admit(MANAGER, span())


async def test_each_opening_stretch_and_refusal_is_entered(book: LookBook, told: Told) -> None:
    entry = await book.open(MANAGER, Given(Reason.JUDICIAL, "Réquisition du parquet", "2026/12"), ["hall"], FROM, TO)
    (opened,) = told.of("look-opened")
    assert opened == {
        "look": 1, "who": "Mme Durand", "function": "Principale", "reason": "judicial", "number": "2026/12",
        "text": "Réquisition du parquet", "cameras": "hall", "opened_us": NOW,
        "from_us": FROM - EDGE_US, "to_us": TO + EDGE_US,
    }  # fmt: skip
    for at in range(5):
        book.admit(MANAGER, span(FROM + at * US_PER_SECOND, FROM + (at + 1) * US_PER_SECOND))
    assert [each["to_us"] for each in told.of("look-seen")] == [FROM + US_PER_SECOND], "the first one at once"
    await book.flush()
    assert [each["to_us"] for each in told.of("look-seen")][1:] == [FROM + 5 * US_PER_SECOND]
    await book.flush()
    assert await book.store.seen(1, entry.number) == [Seen(1, "hall", "sub", FROM, FROM + 5 * US_PER_SECOND)]
    for _ in range(3):
        with pytest.raises(NotYours):
            book.admit(TECHNICIAN, span())
    await book.flush()
    assert [(each["who"], each["why"]) for each in told.of("look-refused")] == [("M. Roux", "look-not-yours")]
    assert await book.store.refusals(0, NOW + 1) == [
        Refusal(NOW, "M. Roux", "Technicien", "hall", FROM, FROM + US_PER_SECOND, "look-not-yours")
    ]


async def test_nothing_is_opened_without_its_trace(book: LookBook, told: Told) -> None:
    told.full = True
    with pytest.raises(LookNotWritten):
        await open_all(book, ("hall",), FROM, TO)
    assert book.current(MANAGER.name) == []
    assert await book.store.newest(0, NOW + 1) == []
    told.full = False
    assert (await open_all(book, ("hall",), FROM, TO)).number == 2, "a number is never given twice"


@pytest.mark.parametrize(
    ("cameras", "start", "end"),
    [
        ((), FROM, TO),
        (("hall",), NOW + 2 * EDGE_US, NOW + 3 * EDGE_US),
        (("hall",), TO + 2 * EDGE_US, TO - EDGE_US),
        (("hall",), TO - LONGEST_US - 1, TO),
    ],
)
async def test_what_cannot_be_opened(book: LookBook, cameras: tuple[str, ...], start: int, end: int) -> None:
    with pytest.raises(NothingToOpen):
        await open_all(book, cameras, start, end)


async def test_a_typed_reason_never_reaches_the_present(book: LookBook) -> None:
    entry = await open_all(book, ("hall",), FROM, NOW + 3600 * US_PER_SECOND)
    assert entry.look.to_us == NOW
    assert (await book.open(MANAGER, WHY, ["hall"], FROM, None)).look.to_us == NOW
    with pytest.raises(ReasonLacks):
        await book.open(MANAGER, Given(Reason.DOUBT, "vol"), ["hall"], FROM, TO)


async def test_a_viewer_opens_what_was_granted_and_no_more(book: LookBook) -> None:
    grant = Grant(frozenset({"hall"}), FROM, TO, NOW - 1, NOW + 3600 * US_PER_SECOND)
    viewer = Account("Adj. Blanc", "Gendarmerie", Role.VIEWER, *ALWAYS, grant=grant)
    entry = await book.open(viewer, WHY, ["hall"], FROM - 10**10, NOW)
    assert (entry.look.from_us, entry.look.to_us) == (FROM, TO)
    book.admit(viewer, span())
    assert book.why_shut(replace(viewer, grant=replace(grant, until_us=NOW)), span()) is Shut.ACCOUNT
    with pytest.raises(NotYours):
        await book.open(viewer, WHY, ["hall", "cour"], FROM, TO)
    with pytest.raises(NotYours):
        await open_all_as(book, TECHNICIAN)


async def open_all_as(book: LookBook, account: Account) -> None:
    await book.open(account, WHY, ["hall"], FROM, TO)


async def test_an_alert_that_goes_on_is_followed_until_it_closes(book: LookBook, told: Told) -> None:
    entry = await book.open(MANAGER, Given(Reason.ALERT, alert=7), ["hall"], FROM, None)
    assert [each.number for each in book.followed(MANAGER.name)] == [entry.number]
    book.admit(MANAGER, span(NOW - 3 * US_PER_SECOND, NOW - US_PER_SECOND))
    with pytest.raises(LookOutside):  # nearer to the present than the durable mark
        book.admit(MANAGER, span(NOW - 2 * US_PER_SECOND, NOW))
    await book.bound(entry.number, ["hall", "cour"], None)
    book.admit(MANAGER, span(camera="cour"))
    await book.bound(entry.number, ["hall", "cour"], TO)
    assert book.followed(MANAGER.name) == []
    with pytest.raises(LookOutside):
        book.admit(MANAGER, span(TO, TO + 1))
    assert [("to_us" in each, each["alert"]) for each in told.of("look-bounded")] == [(False, 7), (True, 7)]


async def test_a_look_is_closed_by_its_own_person_alone_and_outlives_a_restart(
    book: LookBook, clock: SimulatedClock, told: Told
) -> None:
    entry = await open_all(book, ("hall",), FROM, TO)
    clock.advance(60)
    again = LookBook(book.store, clock, told)
    await again.load()
    again.admit(MANAGER, span())
    with pytest.raises(NoSuchLook):
        await again.close(OTHER, entry.number)
    assert (await again.close(MANAGER, entry.number)).look.closed_us == clock.utc_us()
    assert told.lines[-1][0] == "look-closed"
    with pytest.raises(LookOver):
        again.admit(MANAGER, span())
    last = LookBook(book.store, clock, told)
    await last.load()
    assert last.current(MANAGER.name) == []


async def test_urgency_waits_for_its_justification_and_is_overdue_after_a_day(
    book: LookBook, clock: SimulatedClock, told: Told
) -> None:
    entry = await book.open(MANAGER, Given(Reason.URGENCY), ["hall"], FROM, TO)
    assert book.unjustified(OTHER.name) == []
    clock.advance(JUSTIFY_US / US_PER_SECOND)
    again = LookBook(book.store, clock, told)
    await again.load()
    await again.flush()
    assert [each.number for each in again.overdue()] == [entry.number]
    with pytest.raises(ReasonLacks):
        await again.justify(MANAGER, entry.number, "court")
    await again.justify(MANAGER, entry.number, "Un élève était blessé sous le préau")
    assert again.overdue() == []
    assert (await again.store.newest(0, 10**18))[0].justification.startswith("Un élève")
    assert told.lines[-1][0] == "look-justified"


async def test_memory_and_file_forget_what_is_over(book: LookBook, clock: SimulatedClock) -> None:
    await open_all(book, ("hall",), FROM, TO)
    book.admit(MANAGER, span())
    await book.flush()
    clock.advance(KEPT_US / US_PER_SECOND + 1)
    await book.flush()
    assert book.why_shut(MANAGER, span()) is Shut.NEEDED
    await book.store.expire(clock.utc_us())
    assert await book.store.newest(0, 10**18) == []
    assert await book.store.seen(1, 9) == []
    assert FLUSH_S < LASTS_US / US_PER_SECOND
