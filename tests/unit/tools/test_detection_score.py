"""The scoring of detection on traces made by hand: a measure that cannot tell good from bad measures nothing."""

from appliance.detection.rules import Event
from appliance.detection.shapes import Kind
from appliance.detection.tamper import Truth
from tests.bench.detection_score import Trace, entry_delays, score, table, tamper_faults

ENTRIES = [
    {"cls": "person", "start": 2.0, "end": 8.0},
    {"cls": "car", "start": 3.0, "end": 5.0},
    {"cls": "person+bicycle", "start": 4.0, "end": 8.0},
]


def trace(clip: str = "parking", persons: tuple[float, ...] = (), said: tuple[float, ...] = ()) -> Trace:
    made = Trace(clip, 10.0)
    made.times = [n / 5 for n in range(50)]
    made.present = [any(at <= time < at + 1 for at in said) for time in made.times]
    made.moving = [False] * 50
    made.confirmed = [(at, Kind.PERSON) for at in persons] + [(3.5, Kind.VEHICLE)]
    return made


def test_each_entry_wants_a_person_of_its_own_in_its_time() -> None:
    assert entry_delays(trace(persons=(2.5, 5.0)), ENTRIES) == [0.5, 1.0]
    assert entry_delays(trace(persons=(2.5,)), ENTRIES) == [0.5, None]
    assert entry_delays(trace(persons=(1.0, 9.0)), ENTRIES) == [None, None]


def test_presence_is_asked_in_the_middle_of_each_second() -> None:
    truths = {"parking": {"events": ENTRIES, "person_seconds": [2, 3], "ignore_person": [4]}}
    made = score([trace(persons=(2.5,), said=(2.0, 4.0, 7.0))], truths)
    assert (made.hits, made.missed, made.false) == (1, 1, 1)
    assert (made.precision, made.recall, made.entries_missed) == (0.5, 0.5, 1)
    assert made.entries_median == made.entries_max == 0.5
    assert "1 of 2" in table([("x", made)])


def said(*what: tuple[float, Truth]) -> Trace:
    made = trace("tamper")
    made.events = [Event(round(at * 1e6), truth) for at, truth in what]
    made.events.append(Event(9_500_000, Truth.COVERED, ended=True))
    return made


def test_a_state_must_be_said_in_its_time_once_and_no_other() -> None:
    states = [{"state": "normal", "start": 0}, {"state": "covered (black)", "start": 2}, {"state": "moved", "start": 4}]
    assert tamper_faults(said((5, Truth.COVERED), (15, Truth.MOVED)), states) == (0, 0)
    assert tamper_faults(said((8.5, Truth.COVERED), (15, Truth.MOVED)), states) == (1, 1)
    assert tamper_faults(said((1, Truth.COVERED), (5, Truth.FROZEN)), states) == (2, 2)
    assert tamper_faults(said((5, Truth.COVERED), (6, Truth.COVERED), (15, Truth.MOVED)), states) == (0, 1)


def test_an_alert_where_nobody_enters_counts() -> None:
    made = trace("road")
    made.events = [Event(3_000_000, "intrusion", kind=Kind.PERSON), Event(4_000_000, "line", kind=Kind.VEHICLE)]
    assert score([made], {"road": {"events": [], "person_seconds": []}}).quiet_false == 1
