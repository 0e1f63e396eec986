"""Parts kept as bytes are the parts that were put in, and cost the collector nothing."""

import gc

from hypothesis import given
from hypothesis import strategies as st

from appliance.media.part import PartEntry
from appliance.ring.part_rows import PartRows
from appliance.ring.recovery import end_us

U32 = st.integers(0, 2**32 - 1)
ENTRIES = st.lists(
    st.builds(
        PartEntry,
        offset=st.integers(0, 2**40),
        length=U32,
        utc_us=st.integers(-(2**62), 2**62),
        tfdt=st.integers(0, 2**48 - 1),  # as the chunk's own table has it
        duration=U32,
        run=U32,
        sequence=U32,
        samples=st.integers(0, 2**16 - 1),
        starts_keyframe=st.booleans(),
        starts_run=st.booleans(),
        cause=st.integers(0, 255),
        clock_state=st.integers(0, 15),
    ),
    max_size=12,
)
PLACES = st.integers(-15, 15) | st.none()


@given(ENTRIES, PLACES, PLACES, st.sampled_from([None, 1, 2, -1]))
def test_rows_are_as_the_list(entries: list[PartEntry], start: int | None, stop: int | None, step: int | None) -> None:
    rows = PartRows(entries)
    assert len(rows) == len(entries)
    assert list(rows) == entries
    assert rows == entries
    assert rows[start:stop:step] == entries[start:stop:step]
    for place in range(-len(entries), len(entries)):
        assert rows[place] == entries[place]
    for place in (len(entries), -len(entries) - 1):
        try:
            rows[place]
        except IndexError:
            continue
        raise AssertionError(place)


@given(ENTRIES, st.integers(0, 12), ENTRIES)
def test_rows_are_cut_and_go_on(entries: list[PartEntry], count: int, more: list[PartEntry]) -> None:
    rows = PartRows(entries)
    rows.cut(count)
    for entry in more:
        rows.append(entry)
    assert rows == entries[:count] + more
    assert bool(rows) == bool(entries[:count] + more)


def test_a_chunk_of_parts_is_one_object_to_the_collector() -> None:
    entry = PartEntry(1 << 40, 8192, 1 << 50, 1 << 40, 36_000, 3, 9, 10, True, False, 0, 2)
    rows = PartRows()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(3000):
        rows.append(entry)
    assert len(gc.get_objects()) - before < 10


@given(ENTRIES, st.integers(-(2**62), 2**62), st.integers(0, 2**62), st.integers(-(2**62), 2**62), U32)
def test_rows_are_found_as_in_the_list(
    entries: list[PartEntry], from_us: int, length_us: int, lawful_us: int, sequence: int
) -> None:
    rows, to_us = PartRows(entries), from_us + length_us
    assert rows.overlapping(from_us, to_us, lawful_us) == [
        e for e in entries if lawful_us <= e.utc_us < to_us and end_us(e) > from_us
    ]
    for run in {entry.run for entry in entries} | {0}:
        earlier = [e for e in entries if e.run == run and e.sequence < sequence]
        keyframes = [at for at, entry in enumerate(earlier) if entry.starts_keyframe]
        assert rows.leading_to(run, sequence) == earlier[keyframes[-1] if keyframes else 0 :]
    half = len(entries) // 2
    head = rows.head(half)
    rows.cut(0)
    assert head == entries[:half]
