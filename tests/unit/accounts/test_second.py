"""Two persons, or two witnesses after ten minutes; never one alone, and never twice."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.accounts.look_store import STEPS
from appliance.accounts.roles import GRANT_LONGEST_US, Account, Grant, Right, Role, may
from appliance.accounts.second import (
    URGENT_US,
    WAIT_US,
    Request,
    Seconds,
    Stage,
    alone,
    may_sign,
    may_urge,
    stage,
)
from appliance.core.database import Database

NOW = 1_795_500_000_000_000
ASKED = Request(1, "durand", "Principale", {"cameras": ["hall"]}, "Travaux de nuit", NOW)
PEOPLE = st.sampled_from(["durand", "Durand", " durand ", "petit", "roux", ""])


@given(st.integers(-10, WAIT_US + URGENT_US + 10), PEOPLE, st.lists(PEOPLE, max_size=4), st.booleans())
def test_nobody_acts_alone(after: int, person: str, names: list[str], nobody: bool) -> None:
    now = NOW + after
    where = stage(ASKED, now, nobody=nobody)
    if may_sign(ASKED, person, now):
        assert person != "durand"
        assert 0 <= after < WAIT_US + URGENT_US
    if may_urge(ASKED, person, names, now, nobody=nobody):
        assert person == "durand"
        assert (0 if nobody else WAIT_US) <= after < WAIT_US + URGENT_US
        assert len({" ".join(name.split()).casefold() for name in names} - {"", "durand"}) >= 2
    assert (where is Stage.OVER) == (after < 0 or after >= WAIT_US + URGENT_US)


GRANT = Grant(frozenset({"hall"}), NOW - 10, NOW, NOW, NOW + GRANT_LONGEST_US)
ACCOUNTS = st.builds(
    Account,
    st.sampled_from(["durand", "petit", "roux"]),
    st.just("f"),
    st.sampled_from(Role),
    st.sampled_from([NOW - 5, NOW, NOW + 5]),
    st.sampled_from([NOW - 1, NOW, NOW + 1, NOW + 9]),
    st.booleans(),
    st.sampled_from([None, GRANT]),
)


@given(st.lists(ACCOUNTS, max_size=5), st.integers(0, WAIT_US - 1))
def test_where_nobody_could_sign_two_witnesses_do_at_once(accounts: list[Account], after: int) -> None:
    nobody = alone("durand", accounts, NOW)
    others = [each for each in accounts if each.name != "durand" and may(each, Right.COUNTERSIGN, NOW)]
    assert nobody == (not others)
    assert may_urge(ASKED, "durand", ["A", "B"], NOW + after, nobody=nobody) == nobody
    assert not may_urge(ASKED, "durand", ["A"], NOW + after, nobody=True), "two, however urgent"
    for each in others:  # one of them is enough to wait for
        assert each.role in {Role.MANAGER, Role.CENTRAL}
        assert not each.revoked
        assert each.from_us <= NOW < each.until_us


@given(st.integers(0, WAIT_US + URGENT_US), st.booleans())
def test_what_is_done_is_done(after: int, signed: bool) -> None:
    done = replace(ASKED, done_us=NOW + 5, **({"signer": "petit"} if signed else {"witnesses": ("A", "B")}))
    assert stage(done, NOW + after) is (Stage.SIGNED if signed else Stage.UNSIGNED)
    assert not may_sign(done, "petit", NOW + after)
    assert not may_urge(done, "durand", ["A", "B"], NOW + after)


@pytest.fixture
async def table(tmp_path: Path) -> AsyncIterator[Seconds]:
    database = Database(tmp_path / "looks.db", STEPS, "looks")
    await database.open()
    yield Seconds(database)
    await database.close()


async def test_a_request_is_kept_and_done_once(table: Seconds) -> None:
    made = await table.ask("durand", "Principale", {"cameras": ["hall"]}, "Travaux de nuit", NOW)
    assert await table.one(made.number) == made
    assert await table.done(made.number, NOW + 1, "petit", ())
    assert not await table.done(made.number, NOW + 2, "roux", ())
    (kept,) = await table.since(NOW)
    assert (kept.signer, kept.done_us) == ("petit", NOW + 1)
    await table.undone(made.number)
    assert await table.one(made.number) == made
    assert await table.since(NOW + 1) == []
    assert await table.one(99) is None
