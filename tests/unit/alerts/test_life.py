"""Alerts open, grow, close and are capped as people need them to."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from appliance.alerts.life import (
    CAP,
    CAP_PERIOD_US,
    COOL_DOWN_US,
    QUIET_US,
    SECOND_US,
    Book,
    Change,
    Closed,
    Grew,
    Opened,
    Suppressed,
    groups,
)
from appliance.alerts.model import Kind, Severity, Signal, Source
from appliance.alerts.score import rarity, score, severity

T = 1_795_500_000_000_000


def sight(at_s: float, camera: str = "yard", rule: str = "intrusion", kind: Kind = Kind.PASSIVE) -> Signal:
    return Signal(T + round(at_s * SECOND_US), camera, Source.RULE, kind, rule, "lawn", "person", 0.8, track=1)


def truth(at_s: float, rule: str, camera: str = "yard") -> Signal:
    return Signal(T + round(at_s * SECOND_US), camera, Source.CAMERA, Kind.TECHNICAL, rule)


def play(book: Book, signals: list[Signal]) -> list[Change]:
    """Signals in order, a tick each second between and after them."""
    changes: list[Change] = []
    now = signals[0].utc_us
    for signal in signals:
        while now + SECOND_US <= signal.utc_us:
            now += SECOND_US
            changes += book.tick(now)
        changes += book.signal(signal)
    for _ in range(QUIET_US // SECOND_US + 1):
        now += SECOND_US
        changes += book.tick(now)
    return changes


def test_a_visit_is_one_alert_that_closes_after_quiet() -> None:
    changes = play(Book(), [sight(0), sight(0.4), sight(5), sight(12)])
    assert [type(change) for change in changes] == [Opened, Grew, Grew, Grew, Closed]
    closed = changes[-1]
    assert isinstance(closed, Closed)
    assert (closed.alert.signals, closed.alert.rules) == (4, ["intrusion"])
    assert closed.alert.last_us == T + 12 * SECOND_US
    assert closed.alert.closed_us == T + 12 * SECOND_US + QUIET_US


def test_rules_of_one_visit_are_one_alert_and_all_are_named() -> None:
    changes = play(Book(), [sight(0), sight(3, rule="line"), sight(9, rule="loitering")])
    assert sum(isinstance(change, Opened) for change in changes) == 1
    last = changes[-1]
    assert isinstance(last, Closed)
    assert last.alert.rules == ["intrusion", "line", "loitering"]


def test_who_comes_back_at_once_is_the_same_alert_and_later_another() -> None:
    back_s = (QUIET_US + COOL_DOWN_US) / SECOND_US - 2
    changes = play(Book(), [sight(0), sight(back_s)])
    assert [type(change) for change in changes] == [Opened, Closed, Grew, Closed]
    assert isinstance(changes[2], Grew)
    assert changes[2].again
    changes = play(Book(), [sight(0), sight(back_s + 4)])
    assert [type(change) for change in changes] == [Opened, Closed, Opened, Closed]


def test_a_linked_camera_joins_and_another_does_not() -> None:
    book = Book({"thermal": ["yard"]})
    changes = play(book, [sight(0, "thermal"), sight(1, "yard"), sight(2, "gate")])
    opened = [change.alert for change in changes if isinstance(change, Opened)]
    assert [alert.cameras for alert in opened] == [("thermal", "yard"), ("gate",)]


def test_the_truths_of_a_camera_are_alerts_of_their_own() -> None:
    changes = play(Book({"thermal": ["yard"]}), [sight(0), truth(1, "covered"), truth(2, "moved"), truth(3, "covered")])
    assert [c.alert.first.rule for c in changes if isinstance(c, Opened)] == ["intrusion", "covered", "moved"]


def test_a_report_by_hand_is_always_an_alert_of_its_own() -> None:
    by_hand = Signal(T + SECOND_US, "yard", Source.PERSON, Kind.ACTIVE, "reported", by="M. Petit", note="vitre cassée")
    changes = play(Book(), [sight(0), by_hand, by_hand._replace(utc_us=T + 2 * SECOND_US), sight(3)])
    assert sum(isinstance(change, Opened) for change in changes) == 3


def test_a_noisy_camera_is_said_once_counted_and_heard_again_when_it_calms_down() -> None:
    apart_s = (QUIET_US + COOL_DOWN_US) / SECOND_US + 1
    signals = [sight(i * apart_s) for i in range(CAP + 5)]
    book = Book()
    changes = play(book, signals)
    assert sum(isinstance(change, Opened) for change in changes) == CAP
    over = [change for change in changes if isinstance(change, Suppressed)]
    assert [change.first for change in over] == [True, False, False, False, False]
    assert book.noisy() == ["yard"]
    assert isinstance(book.signal(sight(apart_s, kind=Kind.FIRE))[0], Opened)
    book.tick(T + CAP_PERIOD_US + round((CAP + 1) * apart_s * SECOND_US))
    assert book.noisy() == []
    assert isinstance(book.signal(sight(CAP_PERIOD_US / SECOND_US * 2))[0], Opened)


def test_after_a_restart_an_alert_goes_on() -> None:
    book = Book()
    first = book.signal(sight(0))[0]
    assert isinstance(first, Opened)
    again = Book()
    again.resume([first.alert])
    grown = again.signal(sight(3))[0]
    assert isinstance(grown, Grew)
    assert grown.alert is first.alert


@given(
    st.lists(
        st.tuples(st.integers(0, 4000), st.sampled_from(["yard", "gate"]), st.sampled_from(list(Kind))), max_size=60
    )
)
def test_whatever_comes_no_signal_is_lost_and_no_camera_floods(seen: list[tuple[int, str, Kind]]) -> None:
    signals = [sight(at, camera, kind=kind) for at, camera, kind in sorted(seen)]
    if not signals:
        return
    changes = play(Book(), signals)
    fed = sum(isinstance(change, Opened | Grew | Suppressed) for change in changes)
    assert fed == len(signals)
    for camera in ("yard", "gate"):
        capped = {Kind.PASSIVE, Kind.TECHNICAL}
        times = [
            c.alert.opened_us
            for c in changes
            if isinstance(c, Opened) and c.alert.first.camera == camera and c.alert.first.kind in capped
        ]
        assert all(later - earlier >= CAP_PERIOD_US for earlier, later in zip(times, times[CAP:], strict=False))
    still = [c.alert for c in changes if isinstance(c, Opened) and c.alert.active]
    assert not still


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=8))
def test_groups_are_whole_and_apart(links: list[tuple[str, str]]) -> None:
    linked: dict[str, list[str]] = {}
    for one, other in links:
        linked.setdefault(one, []).append(other)
    found = groups(linked)
    for one, other in links:
        assert found[one] == found[other]
    for name, group in found.items():
        assert name in group
        assert all(found[member] == group for member in group)


def test_points_have_parts_and_order_a_list() -> None:
    changes = play(Book(), [sight(i) for i in range(11)])
    assert isinstance(changes[0], Opened)
    alert = changes[0].alert
    parts = score(alert)
    assert parts == (40, 24, 20, 10)
    assert severity(Kind.PASSIVE, parts.total) is Severity.HIGH
    alert.rarity = rarity(4)
    assert score(alert).rarity == 0
    grades = [severity(Kind.PASSIVE, points) for points in range(101)]
    assert all(earlier <= later for earlier, later in pairwise(grades))
    assert severity(Kind.ACTIVE, 0) is Severity.HIGH
    assert severity(Kind.TECHNICAL, 100) is Severity.MEDIUM
