"""Aiming lasts five minutes whatever the clock does, gives one picture a second, and its rows outlive the process."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from appliance.accounts.aim import LASTS_US, PACE_US, Aim, Aims, End, due, remaining_us
from appliance.accounts.look import KEPT_US
from appliance.accounts.look_store import STEPS, LookStore
from appliance.accounts.roles import RIGHTS, Right, Role
from appliance.core.database import Database

INSTANTS = st.integers(min_value=0, max_value=1 << 50)


@given(INSTANTS, INSTANTS, INSTANTS)
def test_it_never_grows_and_ends_after_five_minutes(since: int, now: int, later: int) -> None:
    left = remaining_us(since, now)
    assert 0 <= left <= LASTS_US
    assert remaining_us(since, now + later) <= left
    assert (left == 0) == (now >= since + LASTS_US)


@given(INSTANTS, st.lists(st.integers(0, 2 * PACE_US), max_size=40))
def test_no_more_pictures_leave_than_seconds_go_by(first: int, steps: list[int]) -> None:
    last, now, left = None, first, 0
    for step in steps:
        now += step
        if due(last, now):
            last, left = now, left + 1
    assert left <= 1 + (now - first) // PACE_US


def test_the_technician_alone_aims() -> None:
    assert [role for role in Role if Right.AIM in RIGHTS[role]] == [Role.TECHNICIAN]


async def test_rows_say_who_what_when_and_how_it_ended(tmp_path: Path) -> None:
    database = Database(tmp_path / "looks.db", STEPS, "looks")
    await database.open()
    store = Aims(database)
    begun = Aim("martin", "technicien", "hall", 1000)
    number = await store.add(begun)
    assert [each.number for each in await store.unended()] == [number]
    ended = Aim("martin", "technicien", "hall", 1000, number, 2000, End.STOPPED, 7)
    await store.end(ended)
    assert (await store.unended(), await store.newest(1000, 1001, 9)) == ([], [ended])
    assert await store.newest(0, 1000, 9) == []
    await store.drop(await store.add(Aim("martin", "technicien", "hall", 3000)))
    await database.close()


async def test_after_three_years_a_row_goes(tmp_path: Path) -> None:
    store = LookStore(tmp_path / "looks.db")
    await store.database.open()
    assert await store.empty()
    number = await Aims(store.database).add(Aim("martin", "technicien", "hall", 1000))
    assert not await store.empty(), "where somebody has aimed, nothing is lost"
    await store.expire(1000 + KEPT_US)
    assert [each.number for each in await Aims(store.database).unended()] == [number]
    await store.expire(1001 + KEPT_US)
    assert await store.empty()
    await store.database.close()
