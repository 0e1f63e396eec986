"""The ring's decisions: properties over all inputs, and the sentences of the design as examples."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.units import BLOCK
from appliance.media.stream import AccessUnit
from appliance.ring.placement import (
    AGE_LIMIT_TICKS,
    HOUR_US,
    OPENINGS_PER_HOUR,
    SLOW_AGE_LIMIT_TICKS,
    WISHES_PER_HOUR,
    ChunkRoom,
    DiskLoad,
    Opening,
    Roll,
    age_limit_ticks,
    choose_disk,
    choose_freed,
    chunks_needed,
    cut,
    may_open,
    oldest_gop,
    roll,
    stock_wanted,
)

MIB = 1 << 20
units_of = st.lists(st.tuples(st.integers(1, 4000), st.booleans()), max_size=60)


def units(described: list[tuple[int, bool]]) -> list[AccessUnit]:
    return [AccessUnit(bytes(size), i, i, keyframe) for i, (size, keyframe) in enumerate(described)]


@given(units_of, st.integers(1, 10_000))
def test_parts_hold_every_picture_once_and_only_begin_with_keyframes(
    described: list[tuple[int, bool]], most: int
) -> None:
    pending = units(described)
    parts = cut(pending, most)
    assert [i for start, end in parts for i in range(start, end)] == list(range(len(pending)))
    for start, end in parts:
        assert start < end
        assert not any(unit.keyframe for unit in pending[start + 1 : end])
        assert end - start == 1 or sum(len(unit.data) for unit in pending[start:end]) <= most
    for (start, end), (_, following) in pairwise(parts):
        reason = pending[end].keyframe or sum(len(u.data) for u in pending[start : end + 1]) > most
        assert reason, "no part ends without need"
        assert following > end


@given(units_of)
def test_a_dropped_gop_ends_before_the_next_keyframe(described: list[tuple[int, bool]]) -> None:
    pending = units(described)
    count = oldest_gop(pending)
    assert 0 <= count <= len(pending)
    assert count == len(pending) or pending[count].keyframe
    assert not any(unit.keyframe for unit in pending[1:count])


rooms = st.builds(
    ChunkRoom,
    end=st.integers(1, 64 * MIB // BLOCK).map(lambda n: n * BLOCK),
    limit=st.just(64 * MIB - 200 * 1024),
    age_ticks=st.integers(0, 2 * SLOW_AGE_LIMIT_TICKS),
    age_limit_ticks=st.sampled_from((AGE_LIMIT_TICKS, SLOW_AGE_LIMIT_TICKS)),
    table_full=st.booleans(),
    same_parameters=st.booleans(),
    gop_size=st.integers(0, 16 * MIB),
    gop_ticks=st.integers(0, 900_000),
)


@given(rooms, st.integers(1, 512).map(lambda n: n * BLOCK), st.booleans())
def test_a_part_that_stays_fits_and_is_of_the_right_kind(room: ChunkRoom, size: int, keyframe: bool) -> None:
    decision = roll(room, size, keyframe=keyframe)
    fits = size <= room.limit - room.end and not room.table_full
    if decision in {Roll.CONTINUE, Roll.WISH, Roll.AGE}:
        assert fits
        assert room.same_parameters
    if decision is Roll.FULL:
        assert not fits
    if decision is Roll.WISH:
        assert keyframe, "a GOP is torn for no wish"
    if decision is Roll.CONTINUE:
        assert room.age_ticks < room.age_limit_ticks
        if keyframe:
            assert room.limit - room.end >= 1.25 * room.gop_size
            assert room.age_ticks + room.gop_ticks <= room.age_limit_ticks


def test_slow_streams_may_keep_their_chunk_twice_as_long() -> None:
    minute = 60 * 90_000
    assert age_limit_ticks(0, 0) == AGE_LIMIT_TICKS
    assert age_limit_ticks(50_000 * 61, minute + 90_000) == SLOW_AGE_LIMIT_TICKS
    assert age_limit_ticks(500_000 * 61, minute + 90_000) == AGE_LIMIT_TICKS


@given(
    st.lists(st.tuples(st.integers(0, 120_000_000), st.integers(0, 4 * MIB), st.booleans()), min_size=1, max_size=200)
)
def test_a_stream_never_opens_more_than_it_wrote_plus_six_an_hour(steps: list[tuple[int, int, bool]]) -> None:
    """Whatever a camera does: in every window of an hour, openings <= bytes written there / chunk size + 6."""
    now, chunk_size = 0, 4 * MIB
    openings: list[Opening] = []
    for wait, size, wish in steps:
        now += wait
        if may_open(openings, now, chunk_size, WISHES_PER_HOUR if wish else OPENINGS_PER_HOUR):
            openings.append(Opening(now, size))
        window = [opening for opening in openings if now - opening.opened_us < HOUR_US]
        assert len(window) <= sum(opening.size for opening in window) / chunk_size + OPENINGS_PER_HOUR


disks_of = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=6).map(
    lambda pairs: [DiskLoad(i, opened, ready) for i, (opened, ready) in enumerate(pairs)]
)


@given(disks_of, st.one_of(st.none(), st.integers(0, 5)))
def test_the_next_chunk_lies_on_another_disk_when_one_is_ready(disks: list[DiskLoad], last: int | None) -> None:
    chosen = choose_disk(disks, last)
    ready = {disk.index: disk for disk in disks if disk.ready}
    if not ready:
        assert chosen is None
        return
    assert chosen in ready
    others = [disk for disk in ready.values() if disk.index != last]
    if others:
        assert chosen != last
        assert ready[chosen].open_streams == min(disk.open_streams for disk in others)


def test_equal_disks_take_turns() -> None:
    disks = [DiskLoad(i, 3, 4) for i in range(3)]
    order = [choose_disk(disks, None)]
    for _ in range(5):
        order.append(choose_disk(disks, order[-1]))
    assert order == [0, 1, 2, 0, 1, 2]


@given(st.lists(st.integers(0, 50), unique=True), st.integers(-1, 8), st.sets(st.integers(0, 50)), st.booleans())
def test_the_oldest_go_first_and_leased_ones_only_when_recording_would_stop(
    closed: list[int], wanted: int, leased: set[int], urgent: bool
) -> None:
    freed = choose_freed(closed, wanted, leased.__contains__, urgent=urgent)
    free = [number for number in closed if number not in leased]
    if wanted <= 0:
        assert freed == []
    elif free:
        assert freed == free[:wanted]
    else:
        assert freed == (closed[:1] if urgent else [])


@given(st.integers(0, 200))
def test_the_smallest_disk_holds_its_open_chunks_stock_and_quarantine(streams: int) -> None:
    assert stock_wanted(streams) == streams + 4
    assert chunks_needed(streams) > streams + 2 * stock_wanted(streams)
