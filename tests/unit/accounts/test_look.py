"""Nothing leaves before an opening, after it or for another; an open alert alone is followed to the durable mark."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.accounts.look import (
    JUSTIFY_US,
    LASTS_US,
    Fault,
    Given,
    Look,
    Reason,
    Shut,
    countersigned,
    fault_of,
    lets,
    overdue,
    remaining_us,
    shut,
    witnessed,
)
from appliance.accounts.roles import Account, Role

TOLD = "Vitre brisée au hall ce matin"
DAMAGE = Look("durand", Given(Reason.DAMAGE, TOLD), frozenset({"hall"}), 1_000, 2_000, 10_000)
OPEN_ALERT = Look("durand", Given(Reason.ALERT, alert=7), frozenset({"hall", "cour"}), 1_000, None, 10_000)


@pytest.mark.parametrize(
    ("reason", "fault"),
    [
        (Given(Reason.ALERT, alert=7), None),
        (Given(Reason.ALERT), Fault.NO_ALERT),
        (Given(Reason.DOUBT, TOLD), None),
        (Given(Reason.DOUBT, "vol"), Fault.TEXT),
        (Given(Reason.DOUBT, "   vol         "), Fault.TEXT),
        (Given(Reason.DAMAGE, "x" * 501), Fault.TEXT),
        (Given(Reason.DAMAGE, TOLD, "2026/12"), Fault.NUMBER_UNWANTED),
        (Given(Reason.JUDICIAL, TOLD), Fault.NUMBER_MISSING),
        (Given(Reason.JUDICIAL, TOLD, "  "), Fault.NUMBER_MISSING),
        (Given(Reason.JUDICIAL, TOLD, "2026/12"), None),
        (Given(Reason.URGENCY), None),
    ],
)
def test_reasons(reason: Given, fault: Fault | None) -> None:
    assert fault_of(reason) is fault


@given(
    st.sampled_from(["durand", "petit"]),
    st.sampled_from(["hall", "cour", "cave"]),
    *(st.integers(min_value=900, max_value=2_100),) * 2,
    st.one_of(st.integers(min_value=9_990, max_value=10_010), st.integers(LASTS_US + 9_990, LASTS_US + 10_010)),
    st.integers(min_value=900, max_value=2_100),
)
def test_what_an_opening_lets_through(who: str, camera: str, start: int, end: int, now: int, durable: int) -> None:
    lasting = 10_000 <= now < 10_000 + LASTS_US
    right = who == "durand" and lasting and 1_000 <= start < end <= durable
    assert lets(DAMAGE, who, camera, (start, end), now, durable) == (right and camera == "hall" and end <= 2_000)
    assert lets(OPEN_ALERT, who, camera, (start, end), now, durable) == (right and camera != "cave")
    for closed in (
        replace(DAMAGE, closed_us=10_001),
        replace(DAMAGE, to_us=None),  # a typed reason never leads to "now"
        replace(DAMAGE, given=Given(Reason.DAMAGE, "vol")),
    ):
        assert not lets(closed, who, camera, (start, end), now, durable)


PEOPLE = {
    role: Account(name, "", role, 0, 10**17) for role, name in ((Role.MANAGER, "durand"), (Role.TECHNICIAN, "petit"))
}


@given(
    st.sampled_from(sorted(PEOPLE)),
    st.lists(st.sampled_from([DAMAGE, OPEN_ALERT, replace(DAMAGE, who="petit"), replace(DAMAGE, closed_us=10_001)])),
    st.sampled_from(["hall", "cour"]),
    st.integers(min_value=900, max_value=2_100),
    st.sampled_from([10_000, 10_002, LASTS_US + 10_000]),
)
def test_why_a_stretch_stays(role: Role, looks: list[Look], camera: str, start: int, now: int) -> None:
    account, span = PEOPLE[role], (start, start + 10)
    why = shut(looks, account, camera, span, now, 2_050)
    let = any(lets(each, account.name, camera, span, now, 2_050) for each in looks)
    assert (why is None) == (let and role is Role.MANAGER)
    assert (why is Shut.ACCOUNT) == (role is Role.TECHNICIAN)
    if why is Shut.NEEDED:
        assert not any(remaining_us(each, now) for each in looks if each.who == account.name)
    if why is Shut.OVER:
        assert any(each.who == account.name for each in looks)


@given(st.integers(min_value=0, max_value=10**16))
def test_the_time_that_remains_only_falls(now: int) -> None:
    left = remaining_us(DAMAGE, now)
    assert 0 <= left <= LASTS_US
    if now >= DAMAGE.opened_us:
        assert remaining_us(DAMAGE, now + 1) == max(0, left - 1)
    else:
        assert left == 0


def test_urgency_is_overdue_after_a_day_without_a_word() -> None:
    urgent = replace(DAMAGE, given=Given(Reason.URGENCY))
    end = urgent.opened_us + JUSTIFY_US
    assert [overdue(urgent, False, end - 1), overdue(urgent, False, end), overdue(urgent, True, end)] == [
        False,
        True,
        False,
    ]
    assert not overdue(DAMAGE, False, end)


def test_a_second_person_is_another_one_and_witnesses_are_two() -> None:
    assert not countersigned("durand", ["durand"])
    assert countersigned("durand", ["durand", "petit"])
    assert witnessed("A. Durand", ["B. Petit", "C. Roux"])
    for names in (["B. Petit"], ["B. Petit", "b.  petit"], ["B. Petit", "a. durand"], ["B. Petit", " "]):
        assert not witnessed("A. Durand", names)
