"""Objects over time: what is confirmed and when, who stays himself, and what is only furniture."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.detection.shapes import WHOLE, Box, Detection, Kind
from appliance.detection.track import CONFIRM_US, LOST_US, Tracker
from tests.peers.views import walk

LOOK_US = 400_000


def person(box: Box, score: float = 0.8) -> Detection:
    return Detection(box, Kind.PERSON, score)


def test_two_findings_and_motion_confirm() -> None:
    tracker = Tracker()
    first, second, *_ = walk(0.2, 0.4, 5)
    assert not tracker.update([person(first)], [WHOLE], [first], 0)
    (track,) = tracker.update([person(second)], [WHOLE], [second], LOOK_US)
    assert (track.confirmed_us, track.hits) == (LOOK_US, 2)


@given(st.lists(st.floats(0.25, 1.0), min_size=2, max_size=12))
def test_what_never_moved_is_no_object(scores: list[float]) -> None:
    tracker = Tracker()
    statue = Box(0.4, 0.3, 0.5, 0.7)
    elsewhere = Box(0.7, 0.1, 0.9, 0.3)
    for index, score in enumerate(scores):
        assert not tracker.update([person(statue, score)], [WHOLE], [elsewhere], index * LOOK_US)


@given(st.lists(st.floats(0.25, 0.39), min_size=2, max_size=12))
def test_weak_findings_alone_are_no_object(scores: list[float]) -> None:
    tracker = Tracker()
    box = Box(0.4, 0.3, 0.5, 0.7)
    for index, score in enumerate(scores):
        assert not tracker.update([person(box, score)], [WHOLE], [box], index * LOOK_US)


def test_findings_too_far_apart_or_too_near_do_not_confirm() -> None:
    box = Box(0.4, 0.3, 0.5, 0.7)
    tracker = Tracker()
    tracker.update([person(box, 0.5)], [WHOLE], [box], 0)
    assert not tracker.update([person(box, 0.5)], [WHOLE], [box], CONFIRM_US + 1)
    tracker = Tracker()
    tracker.update([person(box)], [WHOLE], [box], 0)
    assert not tracker.update([person(box)], [WHOLE], [box], 200_000)
    assert tracker.update([person(box)], [WHOLE], [box], 400_000)


def test_two_who_cross_stay_themselves() -> None:
    tracker = Tracker()
    right, left = walk(0.2, 0.8, 25, foot=0.8), walk(0.8, 0.2, 25, foot=0.6)
    for index, pair in enumerate(zip(right, left, strict=True)):
        tracker.update([person(box) for box in pair], [WHOLE], pair, index * LOOK_US)
    ends = {track.number: track.box for track in tracker.tracks}
    assert ends == {1: right[-1], 2: left[-1]}


def test_a_small_quick_one_is_followed_by_distance() -> None:
    tracker = Tracker()
    for index, box in enumerate(walk(0.1, 0.6, 20, height=0.06)):
        tracker.update([person(box)], [WHOLE], [box], index * LOOK_US)
    assert len(tracker.tracks) == 1


def test_who_was_not_looked_for_is_not_missed() -> None:
    tracker = Tracker()
    box = Box(0.1, 0.3, 0.2, 0.7)
    for at in (0, LOOK_US):
        tracker.update([person(box)], [WHOLE], [box], at)
    other = Box(0.6, 0.0, 1.0, 0.5)
    tracker.update([], [other], [], LOOK_US + LOST_US + 1)
    assert tracker.tracks[0].missed == 0
    tracker.update([], [WHOLE], [], LOOK_US + LOST_US + 2)
    assert not tracker.tracks


def test_kinds_are_not_mixed() -> None:
    tracker = Tracker()
    box = Box(0.1, 0.3, 0.2, 0.7)
    tracker.update([person(box)], [WHOLE], [box], 0)
    tracker.update([Detection(box, Kind.VEHICLE, 0.9)], [WHOLE], [box], LOOK_US)
    assert {track.kind for track in tracker.tracks} == {Kind.PERSON, Kind.VEHICLE}


def test_one_who_stands_is_still() -> None:
    tracker = Tracker()
    box = Box(0.1, 0.3, 0.2, 0.7)
    for index in range(20):
        swaying = box.moved(0.002 * (index % 3), 0)
        tracker.update([person(swaying)], [WHOLE], [box], index * LOOK_US)
    assert tracker.tracks[0].still(20 * LOOK_US)
    tracker.update([person(box.moved(0.2, 0))], [WHOLE], [box], 20 * LOOK_US)
    assert not tracker.tracks[0].still(20 * LOOK_US)
