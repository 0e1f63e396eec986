"""A stream's history from rows: every hole has the cause that it came from."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.cause import GapCause
from appliance.ring.access.stretches import LAST_PARTS, merged
from appliance.ring.index.rows import SpanRow, joined

TICK = 400_000
MINUTE = 60_000_000
DAY = 1440 * MINUTE
POWER, ERASED, DISK, NONE = GapCause.POWER, GapCause.ERASED, GapCause.DISK, GapCause.NONE


def row(run: int, from_us: int, parts: int, first: int, cause: GapCause = NONE) -> SpanRow:
    """`parts` parts of a tick each."""
    return SpanRow(run, from_us, from_us + parts * TICK, cause, first, first + parts - 1, 1)


def causes(*rows: SpanRow, lost: tuple[tuple[int, int], ...] = ()) -> list[GapCause]:
    found = {(span.from_us, span.run): span for span in rows}
    return [GapCause(span.cause) for span in merged(found, 0, DAY, lost)]


def test_a_run_over_several_chunks_is_one_stretch() -> None:
    assert causes(row(1, 0, 100, 1), row(1, 100 * TICK, 50, 101), row(1, 150 * TICK, 9, 151)) == [NONE]


def test_what_the_ring_gave_back_is_erased() -> None:
    assert causes(row(1, 0, 100, 1), row(1, 300 * TICK, 50, 301)) == [NONE, ERASED]
    assert causes(row(1, 0, 100, 1), row(2, DAY // 2, 50, 301, POWER)) == [NONE, ERASED], "minutes, not a tick"
    away = ((50 * TICK, 290 * TICK),)
    assert causes(row(1, 0, 100, 1), row(1, 300 * TICK, 50, 301), lost=away) == [NONE, DISK]


@pytest.mark.parametrize("cause", [POWER, GapCause.APPLIANCE_OFF])
def test_the_last_tick_of_a_run_that_was_cut_is_not_erased(cause: GapCause) -> None:
    first, other_disk = row(1, 0, 100, 1), row(1, 101 * TICK, 1, 102)
    after = row(2, MINUTE, 100, 103, cause)
    assert causes(first, other_disk, after) == [NONE, cause, cause], "the tick's first half was lost with its disk"
    assert causes(first, row(2, MINUTE, 100, 103, cause)) == [NONE, cause], "all of the tick was lost"
    assert causes(first, row(1, 101 * TICK, 30, 102), row(2, MINUTE, 9, 132, cause)) == [NONE, ERASED, cause]


def test_a_run_that_ended_otherwise_lacks_no_tick() -> None:
    lacking = row(1, 0, 100, 1), row(1, 101 * TICK, 1, 102)
    assert causes(*lacking, row(2, MINUTE, 9, 103, GapCause.CAMERA_SILENT)) == [NONE, ERASED, GapCause.CAMERA_SILENT]
    assert causes(*lacking) == [NONE, ERASED], "nothing is known of what came after"


@given(
    lengths=st.lists(st.integers(1, 500), min_size=2, max_size=8),
    missing=st.lists(st.integers(0, 40), min_size=7, max_size=7),
    cut=st.lists(st.booleans(), min_size=7, max_size=7),
)
def test_stretches_are_in_order_and_a_hole_of_many_parts_is_never_put_on_a_cut(
    lengths: list[int], missing: list[int], cut: list[bool]
) -> None:
    rows, run, sequence, at = [row(1, 0, lengths[0], 1)], 1, lengths[0], lengths[0] * TICK
    for length, hole, new in zip(lengths[1:], missing, cut, strict=False):
        run += new
        at += hole * TICK + new * MINUTE
        rows.append(row(run, at, length, sequence + hole + 1, POWER if new else NONE))
        sequence, at = sequence + hole + length, at + length * TICK
    found = merged({(span.from_us, span.run): span for span in rows}, 0, 1 << 60, ())
    assert all(a.to_us <= b.from_us for a, b in pairwise(found))
    starts = {span.from_us: span for span in found}
    for before, span in pairwise(rows):
        hole = span.first_sequence - before.last_sequence - 1
        if span.run == before.run and hole == 0:
            assert span.from_us not in starts
        elif hole > LAST_PARTS:
            assert starts[span.from_us].cause == ERASED
        elif span.run != before.run:
            assert starts[span.from_us].cause == POWER


@given(
    st.lists(
        st.tuples(
            st.integers(1, 30),  # parts of a chunk's row
            st.sampled_from(["there", "there", "there", "gone", "twice", "hidden", "doubted"]),
            st.sampled_from(["on", "on", "on", "late", "run"]),  # what follows it
        ),
        max_size=25,
    )
)
def test_rows_joined_as_they_are_read_tell_the_same_history(chunks: list[tuple[int, str, str]]) -> None:
    rows: list[tuple[object, ...]] = []
    run, at, sequence = 1, 0, 1
    for parts, fate, after in chunks:
        one = row(run, at, parts, sequence, POWER)
        if fate != "gone":
            rows.append(
                (*one._replace(clock=3 if fate == "doubted" else 1), "b" if fate == "hidden" else "a", len(rows))
            )
        if fate == "twice":  # its first parts are on another disk too
            rows.append((*row(run, at, max(1, parts // 2), sequence, POWER), "c", len(rows)))
        at, sequence = one.to_us + (TICK // 2 if after == "late" else 0), one.last_sequence + 1
        if after == "run":
            run, at = run + 1, at + MINUTE
    plain = [SpanRow(*each[:7]) for each in rows if each[7] != "b"]  # type: ignore[arg-type]
    brought = joined(rows, {"b"})
    assert len(brought) <= len(plain)

    def told(found: list[SpanRow]) -> list[object]:
        best: dict[tuple[int, int], SpanRow] = {}
        for span in found:
            other = best.get((span.from_us, span.run))
            best[span.from_us, span.run] = span if other is None or span.last_sequence >= other.last_sequence else other
        return list(merged(best, 0, 10 * DAY, ()))

    assert told(brought) == told(plain)
