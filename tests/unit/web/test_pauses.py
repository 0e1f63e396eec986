"""Pauses beside gaps: cut exactly, told apart, and no alarm for what is planned."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from appliance.web.pauses import Row, cut_by_pauses, read_pauses
from appliance.web.timeline import NOT_KEPT, SLIVER_US, Gap
from appliance.web.verdict import LATE_US, build_state
from tests.unit.web.contract import CONTRACT, check
from tests.unit.web.test_verdict import NOW, answer, stream

HOUR = 3_600_000_000
PAUSE: dict[str, Any] = {
    "cause": "PLANNED",
    "from_us": NOW - 5 * LATE_US,
    "until_us": NOW + HOUR,
    "fr": "pause prévue (site ouvert), reprise à 18 h 30",
    "en": "planned pause (site open), resumes at 18:30",
}


def cut(gap: Gap, *pauses: Row) -> list[tuple[int, int, str, bool]]:
    return [(g.from_us, g.to_us, g.cause, g.open) for g in cut_by_pauses([gap], pauses)]


def test_a_power_cut_that_a_pause_follows_is_two_things() -> None:
    gap = Gap(5 * HOUR, 20 * HOUR, "POWER")
    assert cut(gap, (8 * HOUR, 18 * HOUR, "PLANNED")) == [
        (5 * HOUR, 8 * HOUR, "POWER", False),
        (8 * HOUR, 18 * HOUR, "PLANNED", False),
        (18 * HOUR, 20 * HOUR, "POWER", False),
    ]


def test_what_a_camera_takes_to_be_met_again_belongs_to_the_pause() -> None:
    gap = Gap(8 * HOUR - SLIVER_US + 1, 18 * HOUR + SLIVER_US - 1, "CAMERA_REFUSED", open=True)
    assert cut(gap, (8 * HOUR, 18 * HOUR, "PLANNED")) == [(gap.from_us, gap.to_us, "PLANNED", True)]
    slow = Gap(8 * HOUR, 18 * HOUR + 60_000_000, "PLANNED")
    assert cut(slow, (8 * HOUR, 18 * HOUR, "PLANNED")) == [(8 * HOUR, 18 * HOUR + 60_000_000, "PLANNED", False)]


def test_a_gap_without_pause_stays_as_it_is() -> None:
    gap = Gap(HOUR, 2 * HOUR, "DISK", open=True)
    assert cut_by_pauses([gap], [(3 * HOUR, 4 * HOUR, "PLANNED")]) == [gap]


def test_a_camera_that_has_only_ever_been_paused_is_shown_so() -> None:
    assert cut(Gap(HOUR, 9 * HOUR, NOT_KEPT), (3 * HOUR, 12 * HOUR, "PLANNED")) == [
        (HOUR, 3 * HOUR, NOT_KEPT, False),
        (3 * HOUR, 9 * HOUR, "PLANNED", False),
    ]


@given(
    st.lists(st.integers(1, 4 * SLIVER_US), min_size=1, max_size=12),
    st.integers(0, 10 * SLIVER_US),
    st.integers(1, 20 * SLIVER_US),
    st.booleans(),
)
def test_pieces_of_a_gap_are_the_gap(lengths: list[int], start: int, length: int, still: bool) -> None:
    at, pauses = 0, []
    for number, each in enumerate(lengths):
        if number % 2:
            pauses.append((at, at + each, ("PLANNED", "CLOCK_DOUBTFUL")[number % 4 // 2]))
        at += each
    gap = Gap(start, start + length, "POWER", open=still)
    pieces = cut_by_pauses([gap], pauses)
    assert (pieces[0].from_us, pieces[-1].to_us) == (gap.from_us, gap.to_us)
    for left, right in pairwise(pieces):
        assert left.to_us == right.from_us
        assert left.cause != right.cause
        assert not left.open
    assert pieces[-1].open is still
    assert all(piece.to_us > piece.from_us for piece in pieces)
    for from_us, to_us, cause in pauses:  # no instant of a pause is told as a gap
        for piece in pieces:
            if piece.cause == "POWER":
                assert not max(from_us, piece.from_us) < min(to_us, piece.to_us), cause


def test_an_older_recorder_tells_no_pauses() -> None:
    assert read_pauses({"spans": []}) == []
    assert read_pauses({"pauses": [[1, 2, "PLANNED"], [2, 3, "?"]]}) == [(1, 2, "PLANNED"), (2, 3, "UNKNOWN")]


def paused(pause: dict[str, Any]) -> dict[str, Any]:
    told = answer(stream(9 * LATE_US, "PLANNED"), stream(9 * LATE_US, "PLANNED"))
    told["cameras"][0].update(pause=pause, recording="outside_activity")
    return build_state(told)


def test_a_planned_pause_is_no_trouble() -> None:
    body = paused(PAUSE)
    assert (body["verdict"], body["issues"]) == ("ok", [])
    camera = body["cameras"][0]
    check(camera, CONTRACT["components"]["schemas"]["Camera"])
    assert camera["pause"] == PAUSE
    assert {each["status"] for each in camera["streams"].values()} == {"paused"}


def test_a_pause_because_the_time_is_in_doubt_is_one_issue_for_all_cameras() -> None:
    doubt = {**PAUSE, "cause": "CLOCK_DOUBTFUL", "until_us": None}
    one = paused(doubt)
    assert one["verdict"] == "attention"
    assert one["issues"][0]["fr"] == "A\u202f: pas d'enregistrement (pause par précaution, heure incertaine)"
    told = answer(stream(0))
    told["cameras"] = [{**told["cameras"][0], "id": name, "name": name, "pause": doubt} for name in "ab"]
    two = build_state(told)["issues"]
    assert [issue["en"] for issue in two] == ["2 cameras: no recording (paused as a precaution, time in doubt)"]
    assert two[0]["place"] == "a, b"
