"""The demonstration's own judge must find every kind of lie."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.cause import GapCause
from appliance.demo.plan import SETTLE_S, plan
from appliance.demo.verify import Evidence, Expected, Gap, Sent, judge

S = 1_000_000
START = 1_795_500_000 * S


def at(second: float) -> int:
    return START + round(second * S)


def sound() -> Evidence:
    """Sixty seconds at 10 pictures a second, silent from 20 to 30."""
    sent = [Sent(n, at(n / 10), damaged=False) for n in range(600) if not 200 <= n < 300]
    return Evidence(
        camera="cour",
        stream="sub",
        from_us=at(0),
        to_us=at(60),
        sent=sent,
        spans=[(at(0), at(20)), (at(30), at(60))],
        gaps=[Gap(at(20), at(30), "CAMERA_SILENT")],
        expected=[Expected(at(20.1), at(36), "CAMERA_SILENT")],
        found=[row.counter for row in sent],
        burnt=[(5, 5), (2**32 + 7, 7)],
        asked_us=at(61),
    )


def test_a_sound_recording_has_no_problem() -> None:
    verdict = judge(sound())
    assert (verdict.problems, verdict.seconds, verdict.pictures) == ([], 50.0, 500)
    assert (verdict.matched, verdict.expected) == (1, 1)


@given(st.integers(0, 599).filter(lambda n: not 195 <= n < 305 and 5 <= n < 595))
def test_one_missing_picture_is_found(counter: int) -> None:
    evidence = sound()
    verdict = judge(replace(evidence, found=[n for n in evidence.found if n != counter]))
    assert [fr for fr, _ in verdict.problems] == [f"1 images envoyées manquent, dès la n° {counter}"]


def test_a_damaged_picture_may_miss() -> None:
    evidence = sound()
    sent = [replace(row, damaged=row.counter == 50) for row in evidence.sent]
    found = [n for n in evidence.found if n != 50]
    assert judge(replace(evidence, sent=sent, found=found)).problems == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gaps": [Gap(at(20), at(30), "CAMERA_CLOSED")]}, "cause CAMERA_CLOSED instead of CAMERA_SILENT"),
        ({"gaps": []}, "expected gap not reported: CAMERA_SILENT"),
        ({"gaps": [Gap(at(20), at(40), "CAMERA_SILENT")]}, "back 4.0 s too late"),
        (
            {"gaps": [Gap(at(5), at(6), "DISK"), Gap(at(20), at(30), "CAMERA_SILENT")]},
            "gap of 1.0 s that nothing explains (DISK)",
        ),
        ({"found": []}, "no picture read back"),
        ({"burnt": []}, "burnt-in counter unreadable or wrong in 0 pictures"),
        ({"burnt": [(5, 6), (7, None)]}, "burnt-in counter unreadable or wrong in 2 pictures"),
        ({"decode_errors": 3}, "3 pictures cannot be decoded"),
    ],
)
def test_each_lie_has_its_sentence(change: dict[str, object], said: str) -> None:
    problems = judge(replace(sound(), **change)).problems  # type: ignore[arg-type]  # parametrised fields
    assert said in [en for _, en in problems]


def test_pictures_the_camera_never_sent_are_found() -> None:
    evidence = sound()
    verdict = judge(replace(evidence, found=[*evidence.found, 250, 600]))  # 600: exposed after the camera was asked
    assert [en for _, en in verdict.problems] == ["1 pictures that the camera never sent"]


@given(st.one_of(st.none(), st.floats(1, 300)))
def test_a_plan_is_over_in_time_and_names_causes(duration: float | None) -> None:
    faults = plan(duration)
    for fault in faults:
        assert fault.cause in GapCause
        assert all("{name}" in sentence for sentence in fault.sentence)
        if duration is not None and fault.back_s is not None:
            assert fault.over_s + SETTLE_S <= duration
    assert [f.at_s for f in faults] == sorted(f.at_s for f in faults)


def test_a_minute_shows_every_fault() -> None:
    assert [fault.cause for fault in plan(60)] == [
        GapCause.CAMERA_CLOSED,
        GapCause.CAMERA_SILENT,
        GapCause.PACKET_LOSS,
        GapCause.CAMERA_REFUSED,
        GapCause.CAMERA_AUTH,
    ]


@pytest.mark.parametrize("cause", ["ERASED", "NOT_KEPT"])
def test_what_the_ring_has_lapped_is_no_fault_but_young_video_cannot_be_lapped(cause: str) -> None:
    evidence = sound()
    erased = replace(evidence, gaps=[Gap(at(20), at(30), cause)])
    later = replace(erased, asked_us=at(100))
    assert (judge(later).problems, judge(later).expected) == ([], 0)
    assert f"cause {cause} instead of CAMERA_SILENT" in [en for _, en in judge(erased).problems]
