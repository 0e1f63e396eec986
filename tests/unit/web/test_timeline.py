"""Spans and gaps as pure functions."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.cause import GapCause
from appliance.web.slices import gop_slice, parts_slice
from appliance.web.timeline import (
    NOT_KEPT,
    SLIVER_US,
    TAIL_US,
    TOUCHING_US,
    UNKNOWN,
    Gap,
    cause_name,
    find_gaps,
    gap_at,
    light_only,
    read_spans,
    words,
)
from appliance.web.verdict import ADVICE

DAY = 86_400_000_000


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[dict[str, Any]], int, int, int]:
    """Rows as the recorder sends them (from 0 on), an interval, and now."""
    at, rows = draw(st.integers(0, DAY)), []
    for length, hole in draw(st.lists(st.tuples(st.integers(1, DAY), st.integers(0, DAY)), max_size=8)):
        rows.append({"from_us": at, "to_us": at + length, "cause": draw(st.sampled_from(GapCause)).name})
        at += length + hole
    start = draw(st.integers(0, 2 * DAY))
    return rows, start, start + draw(st.integers(1, 3 * DAY)), max(at, draw(st.integers(0, 8 * DAY)))


@given(histories())
def test_spans_and_gaps_never_overlap_and_leave_no_hole_unnamed(
    case: tuple[list[dict[str, Any]], int, int, int],
) -> None:
    rows, start, end, now = case
    first = rows[0]["from_us"] if rows else None
    spans = read_spans({"spans": rows}, start, end)
    gaps = find_gaps(spans, start, end, now_us=now, first_us=first, after=UNKNOWN, live="CAMERA_REFUSED")
    pieces = sorted([(s.from_us, s.to_us) for s in spans] + [(g.from_us, g.to_us) for g in gaps])
    at = start
    for left, right in pieces:
        assert -1 < left - at < TOUCHING_US
        assert right > left
        at = right
    assert at <= end
    assert min(end, now) - at < TAIL_US
    for gap in gaps:
        assert words(gap.cause)[0]
        assert gap_at(gaps, gap.from_us) == gap
        assert first is not None or gap.cause == NOT_KEPT
        assert gap.cause != "NONE"


def test_a_hole_that_the_oldest_picture_cuts_is_two_gaps() -> None:
    spans = read_spans({"spans": [{"from_us": 50_000_000, "to_us": 60_000_000, "cause": "DISK"}]}, 0, 60_000_000)
    gaps = find_gaps(spans, 0, 60_000_000, now_us=DAY, first_us=20_000_000, after=UNKNOWN, live=UNKNOWN)
    assert [(gap.from_us, gap.to_us, gap.cause) for gap in gaps] == [
        (0, 20_000_000, NOT_KEPT),
        (20_000_000, 50_000_000, "DISK"),
    ]


def test_full_definition_alone_is_missing_only_where_the_light_stream_is_there() -> None:
    second = 1_000_000
    light = [Gap(10 * second, 20 * second, "CAMERA_CLOSED")]
    same = Gap(10 * second - second // 2, 21 * second, "CAMERA_CLOSED")  # comes back a keyframe later
    alone = Gap(30 * second, 30 * second + second // 5, "PACKET_LOSS")
    longer = Gap(8 * second, 40 * second, "DISK", open=True)
    assert light_only([same], light) == []
    assert light_only([alone], light) == [alone]
    left = 10 * second - SLIVER_US
    assert light_only([Gap(left, 40 * second, "DISK", open=True)], light) == [
        Gap(left, 10 * second, "DISK"),
        Gap(20 * second, 40 * second, "DISK", open=True),
    ]
    assert light_only([longer], light) == [Gap(20 * second, 40 * second, "DISK", open=True)]


def test_causes_by_name_number_or_nonsense() -> None:
    assert cause_name("CLOCK") == "CLOCK"
    assert cause_name(6) == "CLOCK"
    assert cause_name(None) == cause_name("WEATHER") == cause_name(99) == UNKNOWN
    assert words("WEATHER") == words(UNKNOWN)


def test_advice_is_given_for_known_causes_only() -> None:
    assert set(ADVICE) <= set(GapCause.__members__)
    assert all(fr and en and fr != en for fr, en in ADVICE.values())


@st.composite
def tables(draw: st.DrawFn) -> list[list[int]]:
    """Rows of one chunk: parts of 1 s, some keyframes, some run changes with a hole."""
    rows, offset, utc, run = [], 4096, 1_000_000_000, 1
    for number in range(draw(st.integers(1, 20))):
        new_run = number > 0 and draw(st.booleans()) and draw(st.booleans())
        if new_run:
            run, utc = run + 1, utc + draw(st.integers(1, 60)) * 1_000_000
        keyframe = number == 0 or new_run or draw(st.booleans())
        length = draw(st.integers(1, 9)) * 4096
        tfdt = (utc - 1_000_000_000) * 9 // 100
        rows.append([offset, length, utc, tfdt, 90_000, run, number, 1, int(keyframe) | 2 * new_run])
        offset, utc = offset + length, utc + 1_000_000
    return rows


@given(tables(), st.integers(-5, 400))
def test_a_gop_is_whole_holds_its_instant_and_stays_in_its_run(rows: list[list[int]], second: int) -> None:
    instant = 1_000_000_000 + second * 500_000
    chunk = {"disk": "0", "number": 1, "generation": 1, "base_utc_us": 1_000_000_000, "parts": rows}
    found = gop_slice({"chunks": [chunk]}, instant)
    holding = [row for row in rows if row[2] <= instant < row[2] + 1_000_000]
    assert (found is not None) == bool(holding)
    if found is None:
        return
    inside = [row for row in rows if found.offset <= row[0] < found.offset + found.length]
    assert inside[0][8] & 1
    assert not any(row[8] & 1 for row in inside[1:])
    assert sum(row[1] for row in inside) == found.length
    assert {row[5] for row in inside} == {holding[0][5]}
    assert found.start_us <= instant < found.end_us
    assert found.zero_us == 1_000_000_000
    behind = [row for row in rows if row[0] == found.offset + found.length]
    assert found.next_us == (behind[0][2] if behind else None)


@given(tables(), st.integers(-5, 400))
def test_parts_begin_at_a_keyframe_and_stay_in_one_run(rows: list[list[int]], second: int) -> None:
    instant = 1_000_000_000 + second * 500_000
    chunk = {"disk": "0", "number": 1, "generation": 1, "base_utc_us": 1_000_000_000, "parts": rows}
    found = parts_slice({"chunks": [chunk]}, instant)
    assert (found is None) == (instant >= rows[-1][2] + 1_000_000)
    if found is not None:
        inside = [row for row in rows if found.offset <= row[0] < found.offset + found.length]
        assert inside[0][8] & 1
        assert len({row[5] for row in inside}) == 1
        assert inside[-1][2] + 1_000_000 > instant
