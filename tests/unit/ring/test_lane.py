"""A stream's queue: order, overflow, resumption, and the numbers of runs and parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.cause import GapCause
from appliance.core.clock import SimulatedClock
from appliance.media.stream import AccessUnit, StreamKey
from appliance.ring.lane import Budget, Lane
from appliance.ring.writer import PartJob
from tests.peers.pictures import run_start

KEY = StreamKey("cam", "main")


def unit(dts: int, *, keyframe: bool = False, size: int = 100) -> AccessUnit:
    return AccessUnit(bytes(size), dts, dts, keyframe)


def lane(limit: int = 1 << 30) -> Lane:
    made = Lane(KEY, "Essai", 0, Budget(limit), lambda: None)
    made.start_run(run_start(SimulatedClock()))
    return made


def pending(queue: Lane) -> list[tuple[int, list[int]]]:
    return [(segment.run_id, [u.dts_ticks for u in segment.units]) for segment in queue.segments if segment.units]


def test_pictures_without_a_run_or_going_back_in_time_are_refused_and_counted() -> None:
    queue = lane()
    for dts in (10, 20, 20, 15, 30):
        queue.append(unit(dts, keyframe=dts == 10))
    queue.end_run(GapCause.CAMERA_CLOSED)
    queue.append(unit(40))
    assert pending(queue) == [(1, [10, 20, 30])]
    assert queue.counters.refused == 3
    assert queue.end_cause is GapCause.CAMERA_CLOSED


def test_a_gop_lost_at_the_head_opens_a_run_that_says_why() -> None:
    queue = lane()
    for dts in range(10):
        queue.append(unit(dts, keyframe=dts % 4 == 0))
    segment = queue.first()
    assert segment is not None
    queue.taken(segment, 2)
    segment.fresh = False
    assert queue.drop_gop(GapCause.OVERLOAD) == 2
    assert pending(queue) == [(2, [4, 5, 6, 7, 8, 9])]
    assert segment.fresh
    assert segment.run.cause is GapCause.OVERLOAD


def test_after_everything_was_lost_only_a_keyframe_goes_on() -> None:
    queue = lane()
    for dts in range(3):
        queue.append(unit(dts, keyframe=dts == 0))
    assert queue.drop_gop(GapCause.OVERLOAD) == 3
    for dts in range(3, 8):
        queue.append(unit(dts, keyframe=dts == 6))
    assert pending(queue) == [(2, [6, 7])]
    assert queue.counters.dropped == 3
    assert queue.segments[-1].run.cause is GapCause.OVERLOAD


def test_numbers_go_on_behind_a_past_that_is_learnt_late() -> None:
    queue = lane()
    queue.append(unit(1, keyframe=True))
    queue.start_run(run_start(SimulatedClock()))
    queue.append(unit(2, keyframe=True))
    queue.number_after(41, 900)
    queue.number_after(41, 900)
    queue.number_after(12, 5)
    assert pending(queue) == [(42, [1]), (43, [2])]
    assert (queue.run_id, queue.sequence) == (43, 900)


def part(queue: Lane, units: list[AccessUnit], sequence: int, *, starts_run: bool) -> PartJob:
    run = queue.segments[0].run
    return PartJob(units, run, queue.segments[0].run_id, sequence, 0, 0, 0, 1, starts_run, 0, 4096)


@pytest.mark.parametrize("starts_run", [True, False])
def test_parts_given_back_keep_their_place_and_identity(starts_run: bool) -> None:
    queue = lane()
    for dts in range(6):
        queue.append(unit(dts, keyframe=dts == 0))
    segment = queue.first()
    assert segment is not None
    cut = segment.units[:4]
    jobs = [part(queue, cut[:2], 8, starts_run=starts_run), part(queue, cut[2:], 9, starts_run=False)]
    queue.taken(segment, 4)
    segment.fresh = False
    queue.sequence = 9
    queue.give_back(jobs)
    assert pending(queue) == [(1, [0, 1, 2, 3, 4, 5])]
    assert queue.sequence == 7
    assert segment.fresh is starts_run
    assert queue.pending == 600


@given(
    st.lists(
        st.one_of(st.tuples(st.just("unit"), st.booleans()), st.tuples(st.sampled_from(("take", "drop", "run")))),
        max_size=80,
    )
)
def test_every_picture_is_taken_or_counted_and_runs_begin_with_keyframes(steps: list[tuple[object, ...]]) -> None:
    queue = lane()
    dts = sent = taken = dropped = 0
    begins = True
    runs: dict[int, bool] = {}
    for step in steps:
        if step[0] == "unit":
            keyframe = begins or bool(step[1])
            queue.append(unit(dts, keyframe=keyframe))
            begins, dts, sent = False, dts + 1, sent + 1
        elif step[0] == "run":
            queue.start_run(run_start(SimulatedClock()))
            begins = True
        elif step[0] == "drop":
            dropped += queue.drop_gop(GapCause.OVERLOAD)
        elif (segment := queue.first()) is not None:
            if segment.fresh:
                assert segment.units[0].keyframe
                assert segment.run_id not in runs, "a run begins once"
            runs[segment.run_id] = True
            segment.fresh = False
            queue.taken(segment, 1)
            taken += 1
        assert queue.pending == sum(len(u.data) for s in queue.segments for u in s.units)
        assert queue._budget.used == queue.pending
        ids = [s.run_id for s in queue.segments]
        assert ids == sorted(set(ids))
    left = sum(len(s.units) for s in queue.segments)
    assert taken + dropped + queue.counters.dropped + queue.counters.refused + left == sent
    assert queue.counters.refused == 0
