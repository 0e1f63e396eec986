"""True times for footage of a doubtful clock: nothing before its time, boots in their order, files that may be torn."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.units import ticks_to_us
from appliance.media.part import PartEntry
from appliance.media.stream import ClockState, StreamKey
from appliance.ring.dating.redate import REDATED, DoubtfulRun, Redating, decode, encode, offsets
from appliance.ring.index.rows import ChunkRow, SpanRow

NOW, A, B = b"n" * 16, b"a" * 16, b"b" * 16
T0 = 1_795_500_000_000_000
HOUR_US = 3_600_000_000
KEY = StreamKey("cam", "main")
ENTRY = PartEntry(4096, 8192, 1_000_000, 0, 36_000, 7, 1, 10, True, True, 0, ClockState.DOUBTFUL)


def run(number: int, boot: bytes, utc_offset: int, end_monotonic: int, generation: int = 1) -> DoubtfulRun:
    return DoubtfulRun(("cam", "main", number), boot, utc_offset, end_monotonic + utc_offset, (generation, number))


def test_a_run_of_this_boot_gets_the_time_that_its_monotonic_clock_says() -> None:
    found = offsets([run(1, NOW, 0, 50)], {NOW: T0}, NOW)  # the kernel's clock counted from 1970
    assert found == {("cam", "main", 1): T0}


def test_boots_that_were_never_dated_end_where_the_next_begins() -> None:
    runs = [run(3, NOW, 0, 50, 3), run(2, B, 5, HOUR_US, 2), run(1, A, -9, 2 * HOUR_US, 1)]
    found = offsets(runs, {NOW: T0}, NOW)
    assert found["cam", "main", 2] + 5 == T0 - HOUR_US
    assert found["cam", "main", 1] - 9 == T0 - 3 * HOUR_US


def test_a_boot_that_was_trusted_once_keeps_its_own_time_and_bounds_the_one_before() -> None:
    known = T0 - 10 * HOUR_US
    found = offsets([run(2, B, 5, HOUR_US, 2), run(1, A, 0, HOUR_US, 1)], {NOW: T0, B: known}, NOW)
    assert found["cam", "main", 2] + 5 == known
    assert found["cam", "main", 1] == known - HOUR_US


boots = st.lists(
    st.tuples(st.integers(-(2**50), 2**50), st.lists(st.integers(1, 30 * 24 * HOUR_US), min_size=1, max_size=4)),
    max_size=5,
)


@given(boots)
def test_no_footage_is_put_in_the_future_and_boots_do_not_overlap(boots: list[tuple[int, list[int]]]) -> None:
    runs, number = [], 0
    for boot, (utc_offset, ends) in enumerate(boots):
        for end in ends:
            number += 1
            runs.append(run(number, bytes([boot]) * 16, utc_offset, end, boot + 1))
    found = offsets(runs, {NOW: T0}, NOW)
    assert len(found) == len(runs)
    limit = T0
    for boot, (utc_offset, ends) in reversed(list(enumerate(boots))):
        mine = [each for each in runs if each.boot_id == bytes([boot]) * 16]
        zeros = {found[each.id] + each.utc_offset_us for each in mine}
        assert len(zeros) == 1  # one clock a boot
        assert max(zeros) + max(ends) == limit
        assert all(each.utc_offset_us == utc_offset for each in mine)
        limit = min(zeros)


def test_rows_stretches_and_parts_are_put_right_once() -> None:
    redating = Redating()
    span = SpanRow(7, 1_000_000, 1_400_000, 0, 1, 1, ClockState.DOUBTFUL)
    trusted = SpanRow(6, T0, T0 + 5, 0, 1, 1, ClockState.HELD)
    row = ChunkRow("d" * 32, 1, 1, "cam", "main", 0, 1_000_000, T0 + 5, 9, "avc1", 1, 1, 1, 7, 1)
    assert redating.held((row, [trusted, span])) == (row, [trusted, span])
    assert redating.add({("cam", "main", 7): T0, ("cam", "main", 6): 99}) != {}
    assert redating.add({("cam", "main", 7): 1}) == {}
    dated = redating.held((row, [trusted, span]))
    assert dated[1] == [trusted, SpanRow(7, T0 + 1_000_000, T0 + 1_400_000, 0, 1, 1, REDATED)]
    assert (dated[0].first_us, dated[0].last_us) == (T0, T0 + 1_400_000)
    assert redating.held(dated) == dated
    assert redating.entries(KEY, [ENTRY])[0].utc_us == T0 + 1_000_000
    assert redating.entries(KEY, [replace(ENTRY, clock_state=ClockState.HELD)])[0].utc_us == 1_000_000
    other = [replace(ENTRY, run=8)]
    assert redating.entries(KEY, other) is other
    assert ticks_to_us(ENTRY.duration) == span.to_us - span.from_us


@given(
    st.dictionaries(
        st.tuples(st.text(max_size=40), st.sampled_from(["main", "sub"]), st.integers(1, 2**31)),
        st.integers(-(2**62), 2**62),
    )
)
def test_the_file_says_what_was_written(found: dict[tuple[str, str, int], int]) -> None:
    assert decode(encode(found)) == found


@given(st.binary(max_size=200))
def test_a_file_that_is_none_is_found_out(data: bytes) -> None:
    assert decode(data) is None


@pytest.mark.parametrize("at", range(0, 60, 7))
def test_a_changed_byte_is_found_out(at: int) -> None:
    data = bytearray(encode({("cam", "main", 7): T0}))
    data[at] ^= 1
    assert decode(bytes(data)) is None
