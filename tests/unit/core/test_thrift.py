"""Changes told sparingly: bounded in number, none uncounted, the last state always told."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.thrift import BURST, MAX_KEYS, REFILL_US, Report, Thrift

changes = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 2 * REFILL_US)), max_size=120)


@given(changes)
def test_every_change_is_in_one_report_and_the_last_state_is_told(given_changes: list[tuple[str, bool, int]]) -> None:
    thrift: Thrift[str, bool] = Thrift()
    told: list[Report[str, bool]] = []
    now, last, count = 0, {}, dict.fromkeys("abc", 0)
    for key, state, after in given_changes:
        now += after
        told += thrift.due(now)
        told += thrift.changed(key, state, now)
        last[key] = state
        count[key] += 1
    told += thrift.due(now + REFILL_US)
    assert thrift.rest() == []
    for key, state in last.items():
        of_key = [report for report in told if report.key == key]
        assert of_key[-1].state == state
        assert sum(report.changes for report in of_key) == count[key]
        assert all(report.changes > 0 for report in of_key)


@given(changes)
def test_reports_are_bounded_however_often_something_changes(given_changes: list[tuple[str, bool, int]]) -> None:
    thrift: Thrift[str, bool] = Thrift()
    now, count = 0, 0
    for _key, state, after in given_changes:
        now += after // 50
        count += len(thrift.due(now)) + len(thrift.changed("a", state, now))
    assert count <= BURST + now // REFILL_US


def test_the_first_changes_are_told_at_once_and_then_one_a_while_with_its_count() -> None:
    thrift: Thrift[str, int] = Thrift(burst=2, refill_us=100)
    assert thrift.changed("a", 1, 0) == [Report("a", 1, 1, 0)]
    assert thrift.changed("a", 2, 1) == [Report("a", 2, 1, 1)]
    assert thrift.changed("a", 3, 2) == []
    assert thrift.changed("a", 4, 3) == []
    assert thrift.due(99) == []
    assert thrift.due(100) == [Report("a", 4, 2, 2)]
    assert thrift.due(300) == []
    assert thrift.changed("b", 9, 300) == [Report("b", 9, 1, 300)]


def test_what_waits_at_the_end_is_told_once() -> None:
    thrift: Thrift[str, int] = Thrift(burst=1, refill_us=100)
    assert len(thrift.changed("a", 1, 0)) == 1
    assert thrift.changed("a", 2, 1) == []
    assert thrift.rest() == [Report("a", 2, 1, 1)]
    assert thrift.rest() == []


def test_a_clock_that_goes_back_gives_no_reports() -> None:
    thrift: Thrift[str, int] = Thrift(burst=1, refill_us=100)
    assert len(thrift.changed("a", 1, 1000)) == 1
    assert thrift.changed("a", 2, 0) == []
    assert thrift.due(50) == []


def test_keys_are_forgotten_before_they_fill_the_memory() -> None:
    thrift: Thrift[int, int] = Thrift()
    for key in range(2 * MAX_KEYS):
        thrift.changed(key, 0, key)
    assert len(thrift._purses) == MAX_KEYS
