"""events.db: what is stored is there again, bounded, answered by name, and gone when its time is over."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.alerts.errors import ReportEmpty, UnknownAlert, VerdictUnsigned
from appliance.alerts.life import Book, Opened
from appliance.alerts.model import Box, Kind, Severity, Signal, Source, Verdict
from appliance.alerts.store import MAX_PICTURE, SIGHTING_US, SIGHTINGS, STEPS, WEEK_US, AlertStore, Answer, report
from appliance.core.database import Database, DatabaseTooNew, DatabaseUnusable

T = 1_795_500_000_000_000
BOX = Box(0.1, 0.2, 0.3, 0.4)


def sight(at_us: int = T, track: int = 1) -> Signal:
    return Signal(at_us, "yard", Source.RULE, Kind.PASSIVE, "intrusion", "lawn", "person", 0.8, box=BOX, track=track)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[AlertStore]:
    store = AlertStore(tmp_path / "events.db")
    await store.open()
    yield store
    await store.close()


async def opened(store: AlertStore, signal: Signal, book: Book | None = None) -> int:
    change = (book or Book()).signal(signal)[0]
    assert isinstance(change, Opened)
    return await store.opened(change.alert)


async def test_an_alert_is_there_again_after_a_restart(tmp_path: Path) -> None:
    store = AlertStore(tmp_path / "events.db")
    await store.open()
    number = await opened(store, sight())
    await store.held(number, "h-1")
    await store.pictured(number, b"\xff\xd8jpeg")
    before = await store.entry(number)
    await store.close()
    store = AlertStore(tmp_path / "events.db")
    await store.open()
    after = await store.entry(number)
    assert after == before
    assert (after.camera, after.zone, after.hold, after.has_picture) == ("yard", "lawn", "h-1", True)
    assert (after.points, after.severity) == ((40, 24, 20, 0), Severity.HIGH)
    assert await store.picture(number) == b"\xff\xd8jpeg"
    book = Book()
    book.resume(await store.recent(T, T))
    grown = book.signal(sight(T + 1_000_000))[0]
    assert not isinstance(grown, Opened)
    await store.close()


async def test_boxes_are_thinned_and_bounded(store: AlertStore) -> None:
    number = await opened(store, sight())
    await store.saw(number, [sight(T + i * SIGHTING_US // 5) for i in range(1, 11)])
    kept = await store.sightings(number)
    assert [seen.utc_us - T for seen in kept] == [0, SIGHTING_US, 2 * SIGHTING_US]
    assert kept[0].box == BOX
    await store.saw(number, [sight(T + i, track=i) for i in range(2, SIGHTINGS + 50)])
    assert len(await store.sightings(number)) == SIGHTINGS


async def test_verdicts_carry_a_name_and_the_last_one_counts(store: AlertStore) -> None:
    number = await opened(store, sight())
    with pytest.raises(VerdictUnsigned):
        await store.answer(number, Answer(T, Verdict.FALSE, "  ", ""))
    await store.answer(number, Answer(T, Verdict.FALSE, "Mme Roux", "un chat"))
    await store.answer(number, Answer(T + 1, Verdict.CONFIRMED, "M. Petit", ""))
    assert (await store.entry(number)).answer == Answer(T + 1, Verdict.CONFIRMED, "M. Petit", "")
    rows = await store.database.rows("SELECT by FROM verdict ORDER BY utc_us")
    assert rows == [("Mme Roux",), ("M. Petit",)]
    with pytest.raises(UnknownAlert):
        await store.answer(99, Answer(T, Verdict.FALSE, "Mme Roux", ""))


async def test_rates_count_false_alarms_by_camera_and_week(store: AlertStore) -> None:
    numbers = [await opened(store, sight(T + i * WEEK_US // 2)) for i in range(4)]
    await store.answer(numbers[0], Answer(T, Verdict.FALSE, "Mme Roux", ""))
    await store.answer(numbers[1], Answer(T, Verdict.CONFIRMED, "Mme Roux", ""))
    await opened(store, report(T, "yard", Kind.ACTIVE, "M. Petit", "vitre cassée"))
    rates = await store.rates(0)
    assert sum(rate.alerts for rate in rates) == 4
    assert (sum(rate.answered for rate in rates), sum(rate.false for rate in rates)) == (2, 1)


async def test_rarity_looks_at_the_same_hour_of_four_weeks(store: AlertStore) -> None:
    for weeks_ago in (0, 1, 3, 6):
        await store.saw_activity("yard", "lawn", T - weeks_ago * WEEK_US)
        await store.saw_activity("yard", "lawn", T - weeks_ago * WEEK_US)
    assert await store.active_weeks("yard", "lawn", T) == 2
    assert await store.active_weeks("yard", "lawn", T + 2 * 3_600_000_000) == 0
    assert await store.active_weeks("yard", "gate", T) == 0


async def test_what_is_kept_dies_with_the_pictures(store: AlertStore) -> None:
    book = Book()
    old = await opened(store, sight(T), book)
    for change in book.tick(T + 60_000_000):
        await store.changed(change.alert)  # type: ignore[union-attr]
    new = await opened(store, sight(T + WEEK_US))
    await store.answer(old, Answer(T, Verdict.FALSE, "Mme Roux", ""))
    assert await store.expire(T + WEEK_US // 2) == 1
    assert [entry.number for entry in await store.newest(0, T + 2 * WEEK_US)] == [new]
    for table in ("sighting", "verdict"):
        assert await store.database.rows(f"SELECT * FROM {table} WHERE alert = ?", old) == []
    assert await opened(store, sight(T + WEEK_US + 1)) > new, "a number is never given twice"


async def test_a_large_picture_is_left_out_and_an_unknown_alert_is_named(store: AlertStore) -> None:
    number = await opened(store, sight())
    await store.pictured(number, bytes(MAX_PICTURE + 1))
    assert await store.picture(number) is None
    with pytest.raises(UnknownAlert):
        await store.picture(number + 1)
    with pytest.raises(UnknownAlert):
        await store.entry(number + 1)


def test_a_report_says_what_and_by_whom() -> None:
    with pytest.raises(ReportEmpty):
        report(T, "yard", Kind.ACTIVE, "M. Petit", " ")
    with pytest.raises(ReportEmpty):
        report(T, "yard", Kind.ACTIVE, "", "vitre cassée")


class TestDatabase:
    async def test_a_damaged_file_is_kept_aside_and_the_service_goes_on(self, tmp_path: Path) -> None:
        path = tmp_path / "events.db"
        await asyncio.to_thread(path.write_bytes, b"SQLite format 3\0" + bytes(range(256)) * 64)
        store = AlertStore(path)
        await store.open()
        assert store.database.damaged == tmp_path / "events.db.damaged"
        assert await opened(store, sight()) == 1
        await store.close()

    async def test_a_later_version_is_refused_in_words(self, tmp_path: Path) -> None:
        def later() -> None:
            with sqlite3.connect(tmp_path / "events.db") as file:
                file.execute("PRAGMA user_version = 99")
            file.close()

        await asyncio.to_thread(later)
        database = Database(tmp_path / "events.db", STEPS, "test")
        with pytest.raises(DatabaseTooNew):
            await database.open()

    async def test_every_older_version_becomes_the_newest_with_its_rows(self, tmp_path: Path) -> None:
        steps = [*STEPS, ("ALTER TABLE alert ADD COLUMN later TEXT NOT NULL DEFAULT 'x'",)]
        for version in range(1, len(steps)):
            path = tmp_path / f"{version}.db"
            old = Database(path, steps[:version], "test")
            await old.open()
            await old.do(lambda execute: execute("INSERT INTO suppressed VALUES ('yard', 0, 7)"))
            await old.close()
            new = Database(path, steps, "test")
            await new.open()
            assert await new.rows("PRAGMA user_version") == [(len(steps),)]
            assert await new.rows("SELECT count FROM suppressed") == [(7,)]
            assert await new.rows("SELECT later FROM alert") == []
            await new.close()

    async def test_a_step_that_fails_leaves_the_older_schema_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "events.db"
        old = Database(path, [("CREATE TABLE one (a)",)], "test")
        await old.open()
        await old.close()
        bad = Database(path, [("CREATE TABLE one (a)",), ("CREATE TABLE two (a)", "CREATE TABLE one (a)")], "test")
        with pytest.raises(DatabaseUnusable):
            await bad.open()
        await bad.close()
        again = Database(path, [("CREATE TABLE one (a)",)], "test")
        await again.open()
        assert await again.rows("SELECT name FROM sqlite_master") == [("one",)]
        await again.close()

    async def test_work_that_raises_is_undone(self, tmp_path: Path) -> None:
        database = Database(tmp_path / "a.db", [("CREATE TABLE one (a)",)], "test")
        await database.open()

        def work(execute: object) -> None:
            assert callable(execute)
            execute("INSERT INTO one VALUES (1)")
            execute("INSERT INTO nowhere VALUES (1)")

        with pytest.raises(DatabaseUnusable):
            await database.do(work)
        assert await database.rows("SELECT a FROM one") == []
        await database.close()
