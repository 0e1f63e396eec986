"""Rules on tracks whose way is known: when they speak, and that they speak once."""

from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.detection.rules import COOL_DOWN_US, Event, Rules
from appliance.detection.shapes import WHOLE, Box, Detection, Kind
from appliance.detection.track import Tracker
from appliance.site.detection import DetectionSettings, LineSettings, ZoneSettings
from tests.peers.views import walk

PARIS: Final = ZoneInfo("Europe/Paris")
LOOK_US: Final = 400_000
LOWER: Final = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))
NIGHT: Final = 1_795_561_200_000_000  # 2026-11-25 00:00 in Paris


def zone(**more: Any) -> DetectionSettings:
    return DetectionSettings(zone=(ZoneSettings(name="pelouse", polygon=LOWER, **more),))


def line(**more: Any) -> DetectionSettings:
    return DetectionSettings(line=(LineSettings(name="clôture", start=(0.2, 0.5), end=(0.8, 0.5), **more),))


def run(
    settings: DetectionSettings, boxes: list[Box], kind: Kind = Kind.PERSON, utc_us: int = NIGHT, **more: Any
) -> list[Event]:
    rules, tracker, events = Rules.of(settings, PARIS, **more), Tracker(), []
    for index, box in enumerate(boxes):
        tracker.update([Detection(box, kind, 0.8)], [WHOLE], [box], index * LOOK_US)
        events += rules.judge(tracker.tracks, index * LOOK_US, utc_us + index * LOOK_US)
    return events


def test_an_intrusion_is_told_once_a_second_after_the_foot_is_in() -> None:
    (event,) = run(zone(), walk(0.1, 0.6, 20, foot=0.8))
    assert (event.rule, event.zone, event.kind, event.ended) == ("intrusion", "pelouse", Kind.PERSON, False)
    assert 1_000_000 <= event.time_us <= 2_000_000
    assert event.score == pytest.approx(0.8)


def test_the_foot_counts_not_the_head() -> None:
    assert not run(zone(), walk(0.1, 0.6, 20, foot=0.45))
    assert not run(zone(), [Box(0.4, 0.2, 0.5, 0.49)] * 20)
    assert run(zone(), walk(0.1, 0.6, 20, foot=1.0))  # cut off by the picture's lower side


def test_who_passes_quickly_is_no_intrusion() -> None:
    outside, within = walk(0.1, 0.2, 5, foot=0.45), walk(0.2, 0.25, 2, foot=0.55)
    assert not run(zone(), [*outside, *within, *outside])


def test_what_goes_on_is_told_again_after_the_cool_down() -> None:
    looks = 2 * COOL_DOWN_US // LOOK_US + 10
    swaying = [Box(0.4 + 0.002 * (n % 2), 0.4, 0.5, 0.8) for n in range(looks)]
    told = [event.time_us for event in run(zone(), swaying)]
    assert [later - earlier for earlier, later in pairwise(told)] == [COOL_DOWN_US] * 2


def test_heights_kinds_and_hours_narrow_a_zone() -> None:
    boxes = walk(0.1, 0.6, 20, height=0.3)
    assert not run(zone(min_height=0.35), boxes)
    assert not run(zone(max_height=0.25), boxes)
    assert not run(zone(), boxes, Kind.VEHICLE)
    assert run(zone(objects=("vehicle",)), boxes, Kind.VEHICLE)
    assert run(zone(hours=("22:00-05:00",)), boxes)
    assert not run(zone(hours=("05:00-22:00",)), boxes)
    assert not run(zone(), boxes, Kind.ANIMAL)


def test_loitering_waits_and_forgives_a_moment_behind_a_post() -> None:
    settings = zone(rule="loitering", seconds=15)
    assert not run(settings, [Box(0.4, 0.4, 0.5, 0.8)] * 35)
    (event,) = run(settings, [Box(0.4 + 0.001 * (n % 3), 0.4, 0.5, 0.8) for n in range(45)])
    assert event.rule == "loitering"
    assert 15_000_000 <= event.time_us <= 16_000_000


@pytest.mark.parametrize(("direction", "down", "up"), [("both", 1, 1), ("to_right", 1, 0), ("to_left", 0, 1)])
def test_a_line_is_crossed_in_its_direction(direction: str, down: int, up: int) -> None:
    """Seen from start (left) to end (right), the lower part of the picture is on the right."""
    way = [Box(0.45, y - 0.2, 0.55, y) for y in (0.35 + 0.02 * n for n in range(16))]
    assert len(run(line(direction=direction), way)) == down
    assert len(run(line(direction=direction), way[::-1])) == up


def test_beside_the_line_is_not_over_it() -> None:
    assert not run(line(), [Box(0.85, y - 0.2, 0.95, y) for y in (0.35 + 0.02 * n for n in range(16))])


@given(st.lists(st.floats(-0.012, 0.012), min_size=5, max_size=40))
def test_a_box_that_sways_on_a_line_crosses_nothing(sways: list[float]) -> None:
    assert not run(line(), [Box(0.45, 0.3 + sway, 0.55, 0.5 + sway) for sway in sways])


@given(st.lists(st.tuples(st.floats(0.1, 0.9), st.floats(0.3, 0.9)), min_size=2, max_size=30))
def test_every_event_is_about_a_foot_in_the_zone(ways: list[tuple[float, float]]) -> None:
    for event in run(zone(), [Box(x - 0.05, y - 0.25, x + 0.05, y) for x, y in ways]):
        assert event.box is not None
        assert event.box.bottom >= 0.5


def test_without_zones_a_person_anywhere_counts_after_three_findings() -> None:
    (event,) = run(DetectionSettings(), walk(0.1, 0.6, 20, foot=0.3, height=0.2))
    assert (event.rule, event.zone) == ("intrusion", "")
    assert not run(DetectionSettings(), walk(0.1, 0.6, 20), Kind.VEHICLE)


def test_where_kinds_are_not_known_whatever_moves_counts_by_its_size() -> None:
    boxes = walk(0.1, 0.6, 20, height=0.3)
    assert run(zone(), boxes, Kind.MOTION, kinds_known=False)
    assert not run(zone(min_height=0.5), boxes, Kind.MOTION, kinds_known=False)
    assert run(line(), [Box(0.45, y - 0.2, 0.55, y) for y in (0.35 + 0.02 * n for n in range(16))], Kind.MOTION,
               kinds_known=False)  # fmt: skip
