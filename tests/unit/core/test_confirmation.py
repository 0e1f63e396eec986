"""When a start is a good one, and what is kept of one that is not."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.confirmation import DEATHS, GOOD_US, LIMIT_US, Confirmation, Seen, reasons

GOOD = Seen({"recorder": "active"}, (), recording=True)
DEAD = Seen({"recorder": "failed"}, (), recording=True)
BLIND = Seen({"recorder": "active"}, (), recording=False)
DYING = Seen({"recorder": "activating"}, (), recording=False, deaths={"recorder": DEATHS})
FULL = Seen({"recorder": "active"}, ("read-only",), recording=True)
EMPTY = Seen({}, (), recording=None)
SECOND = 1_000_000


def test_each_thing_that_is_wrong_is_a_reason_of_its_own() -> None:
    assert reasons(GOOD) == reasons(EMPTY) == []
    assert [reason.en for reason in reasons(DEAD)] == ["service recorder does not run (failed)"]
    assert [reason.en for reason in reasons(FULL)] == ["disk: read-only"]
    assert [reason.fr for reason in reasons(BLIND)] == ["aucune caméra n'est enregistrée"]
    assert len(reasons(Seen({"a": "failed", "b": "inactive"}, ("x",), recording=False))) == 4


def test_two_minutes_without_a_break_confirm_it() -> None:
    start = Confirmation(0)
    assert start.look(GOOD, 0) is None
    assert start.look(GOOD, GOOD_US - SECOND) is None
    assert start.look(BLIND, GOOD_US) is None, "a break: it begins anew"
    assert start.look(GOOD, GOOD_US + SECOND) is None
    assert start.look(GOOD, 2 * GOOD_US) is None
    assert start.look(GOOD, 2 * GOOD_US + SECOND) is True


def test_a_service_that_only_dies_is_waited_for_two_minutes_and_no_longer() -> None:
    start = Confirmation(0)
    assert start.look(DYING, 0) is None
    assert start.look(DYING, GOOD_US - SECOND) is None
    assert start.look(GOOD, GOOD_US) is None, "it came up: looked at anew"
    assert start.look(DYING, GOOD_US + SECOND) is None
    assert start.look(DYING, 2 * GOOD_US + SECOND) is False
    assert "recorder" in start.against[0].en
    late = Confirmation(0)
    few = Seen({"recorder": "activating"}, (), recording=False, deaths={"recorder": DEATHS - 1})
    assert late.look(few, LIMIT_US - SECOND) is None


@given(looks=st.lists(st.tuples(st.integers(1, 60), st.sampled_from([GOOD, DEAD, BLIND, FULL, DYING])), max_size=200))
def test_it_is_confirmed_only_after_two_good_minutes_and_always_decided_in_time(looks: list[tuple[int, Seen]]) -> None:
    start, now, good_since, dying_since = Confirmation(0), 0, None, None
    for seconds, seen in looks:
        now += seconds * SECOND
        good_since = None if seen is not GOOD else now if good_since is None else good_since
        dying_since = None if seen is not DYING else now if dying_since is None else dying_since
        hopeless = dying_since is not None and now - dying_since >= GOOD_US
        said = start.look(seen, now)
        if said is True:
            assert good_since is not None
            assert now - good_since >= GOOD_US
            return
        if said is False:
            assert hopeless or now >= LIMIT_US
            assert start.against
            return
        assert not hopeless
        assert now < LIMIT_US
