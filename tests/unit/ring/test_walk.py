"""Walking chunks: whatever happened to the bytes, nothing of another stream or lap is believed."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from appliance.core.units import BLOCK
from appliance.media.boxes import iter_boxes
from appliance.media.part import PartEntry, build_part, part_size
from appliance.media.stream import StreamKey
from appliance.ring.chunk import Geometry, parts_limit, table_offset, terminator
from appliance.ring.walk import READ, ChunkState, WalkResult, walk
from tests.peers.footage import BOOT, DEMO, FRAME, HEADER, SMALL, UTC, Chunk, pictures

OLDER = replace(HEADER, generation=6)
OTHER = replace(HEADER, generation=8, key=StreamKey("hall", "sub"), title="École – Hall")
SAME_NUMBER = replace(HEADER, key=StreamKey("hall", "sub"))  # another disk may give out the same generation


def reader(data: bytes | bytearray) -> Callable[[int, int], bytes]:
    return lambda offset, length: bytes(data[offset : offset + length])


def look(data: bytes | bytearray, *, deep: bool = False, geometry: Geometry = SMALL) -> WalkResult:
    return walk(reader(data), geometry, deep=deep)


def chunk_of(count: int = 35, *, salt: int = 0, header: object = HEADER) -> Chunk:
    assert isinstance(header, type(HEADER))
    return Chunk(header, SMALL).parts(pictures(count, 900, salt=salt), 6)


def test_a_zeroed_file_is_free() -> None:
    assert look(bytes(SMALL.chunk_size)) == WalkResult(None, ChunkState.FREE)


def test_an_open_chunk_ends_at_its_terminator() -> None:
    chunk = chunk_of()
    found = look(chunk.data)
    assert (found.state, found.header, found.reason) == (ChunkState.OPEN, HEADER, "")
    assert found.entries == chunk.entries
    assert (found.end_offset, found.last_header_crc) == (chunk.end, chunk.crc)
    assert chunk.data[: found.init_length] == chunk.init


def test_a_chunk_without_parts_is_open_at_its_header() -> None:
    chunk = Chunk(geometry=SMALL)
    found = look(chunk.data)
    assert (found.state, found.entries, found.end_offset) == (ChunkState.OPEN, [], chunk.end)
    assert found.last_header_crc == found.header_crc == chunk.crc
    assert look(chunk.close().data).state is ChunkState.CLOSED


def test_a_closed_chunk_is_known_without_reading_its_parts() -> None:
    chunk = chunk_of().close()
    asked: list[tuple[int, int]] = []

    def read(offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return chunk.read(offset, length)

    found = walk(read, SMALL)
    assert (found.state, found.entries, found.last_header_crc) == (ChunkState.CLOSED, chunk.entries, chunk.crc)
    assert found.end_offset == chunk.end
    assert len(asked) == 3
    assert look(chunk.data, deep=True) == found


def test_a_cut_between_the_two_closing_writes_leaves_an_open_chunk() -> None:
    """The table and the last parts are of one flush: without the seal, which comes after it, neither is believed."""
    chunk = chunk_of()
    chunk.close(steps=1)
    last = chunk.entries[-1]
    found = look(chunk.data)
    assert (found.state, found.entries, found.end_offset) == (ChunkState.OPEN, chunk.entries, chunk.end)
    chunk.data[last.offset : chunk.end] = bytes(last.length)
    assert look(chunk.data).entries == chunk.entries[:-1]


@pytest.mark.parametrize("torn", [BLOCK, SMALL.table_reserve - BLOCK])
def test_a_torn_table_leaves_an_open_chunk(torn: int) -> None:
    chunk = chunk_of()
    chunk.close(steps=1)
    chunk.data[table_offset(SMALL) : table_offset(SMALL) + torn] = bytes(torn)
    found = look(chunk.data)
    assert (found.state, found.entries, found.reason) == (ChunkState.OPEN, chunk.entries, "")


def test_a_closed_chunk_whose_table_is_lost_is_walked_to_its_free_box() -> None:
    chunk = chunk_of().close()
    chunk.data[table_offset(SMALL) :] = bytes(SMALL.table_reserve)
    found = look(chunk.data)
    assert (found.state, found.entries, found.reason) == (ChunkState.OPEN, chunk.entries, "")


@pytest.mark.parametrize("stale", [OLDER, OTHER, SAME_NUMBER])
@pytest.mark.parametrize("terminated", [True, False])
def test_stale_parts_behind_the_end_are_not_ours(stale: object, terminated: bool) -> None:
    """Finding 2 of the lab: blocks of one flush reach the disk in any order, old parts lie at part borders."""
    old, new = chunk_of(35, salt=1, header=stale), chunk_of(10)
    lap = bytearray(old.data)
    lap[: new.end + (BLOCK if terminated else 0)] = new.data[: new.end + (BLOCK if terminated else 0)]
    found = look(lap)
    assert found.entries == new.entries
    assert (found.end_offset, found.last_header_crc) == (new.end, new.crc)
    assert bool(found.reason) is not terminated


def test_a_stale_table_of_an_older_lap_is_not_believed() -> None:
    old, new = chunk_of(35, salt=1, header=OLDER).close(), chunk_of(10)
    new.data[table_offset(SMALL) :] = old.data[table_offset(SMALL) :]
    found = look(new.data)
    assert (found.state, found.entries) == (ChunkState.OPEN, new.entries)


def test_a_part_of_this_chunk_at_another_place_is_not_believed() -> None:
    chunk = chunk_of()
    first, second = chunk.entries[0], chunk.entries[1]
    moved = bytearray(chunk.data)
    moved[second.offset : second.offset + first.length] = chunk.data[first.offset : second.offset]
    assert look(moved).entries == [first]


def test_lost_writes_at_the_tail_of_a_zeroed_chunk() -> None:
    chunk = chunk_of()
    last = chunk.entries[-1]
    chunk.data[chunk.end : chunk.end + BLOCK] = bytes(BLOCK)
    assert look(chunk.data).reason == "zeros behind the last part"
    assert look(chunk.data).entries == chunk.entries
    chunk.data[last.offset + BLOCK : last.offset + last.length] = bytes(last.length - BLOCK)
    found = look(chunk.data)
    assert (found.entries, found.reason) == (chunk.entries[:-1], "payload CRC")
    chunk.data[last.offset : last.offset + BLOCK] = bytes(BLOCK)
    assert look(chunk.data).reason == "zeros behind the last part"


def test_a_chunk_goes_on_behind_a_torn_part() -> None:
    """What the recorder does at start: cut, write a terminator, go on; the torn part's rest is never read."""
    chunk = chunk_of()
    last = chunk.entries[-2]
    chunk.data[last.offset + 300] ^= 1
    found = look(chunk.data)
    assert found.entries == chunk.entries[:-2]
    chunk.entries, chunk.end, chunk.crc = list(found.entries), found.end_offset, found.last_header_crc
    chunk.data[chunk.end : chunk.end + BLOCK] = terminator(chunk.end, SMALL)
    assert look(chunk.data).reason == ""
    chunk.part(pictures(40, 500)[34:], run=2, starts_run=True, cause=1)
    found = look(chunk.data)
    assert found.entries == chunk.entries
    assert found.entries[-1].cause == 1


def test_a_table_that_lies_is_found_by_a_deep_look() -> None:
    chunk = chunk_of().close()
    chunk.data[chunk.entries[2].offset + 1000] ^= 4
    assert look(chunk.data).state is ChunkState.CLOSED
    found = look(chunk.data, deep=True)
    assert (found.state, found.entries, found.reason) == (ChunkState.DAMAGED, chunk.entries[:2], "payload CRC")


def test_a_header_that_does_not_hold_is_damaged_and_sizes_must_be_the_disks() -> None:
    chunk = chunk_of()
    assert look(chunk.data, geometry=DEMO).reason == "sizes of another disk"
    chunk.data[100] ^= 1
    found = look(chunk.data)
    assert (found.state, found.header, found.entries) == (ChunkState.DAMAGED, None, [])


def test_a_full_chunk_ends_at_the_limit() -> None:
    chunk = Chunk(geometry=SMALL)
    while chunk.end < parts_limit(SMALL):
        chunk.part(pictures(len(chunk.entries) + 1, 3000)[-1:])
    assert chunk.end == parts_limit(SMALL)
    assert (look(chunk.data).entries, look(chunk.data).reason) == (chunk.entries, "")
    assert look(chunk.close().data, deep=True).entries == chunk.entries


def test_one_sequential_read_by_descriptor_with_parts_larger_than_it(tmp_path: Path) -> None:
    chunk = Chunk(geometry=DEMO)
    for number, size in enumerate((READ + 5, 10, READ - 4304, 700_000)):
        chunk.part(pictures(number + 1, size)[-1:])
    asked: list[tuple[int, int]] = []

    def read(offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return chunk.read(offset, length)

    assert walk(read, DEMO).entries == chunk.entries
    forward = asked[2:]  # header and table come first
    assert [offset for offset, _ in forward] == [READ * i for i in range(len(forward))]
    assert max(length for _, length in asked) <= READ
    file = tmp_path / "000000.mp4"
    file.write_bytes(chunk.data)
    descriptor = os.open(file, os.O_RDONLY)
    try:
        assert walk(descriptor, DEMO).entries == chunk.entries
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ({}, ""),
        ({"generation": 6}, "a part of another generation"),
        ({"offset": 0}, "a part that does not follow"),
        ({"previous_crc": 0}, "a part that does not follow"),
    ],
)
def test_each_claim_of_a_part_is_checked_by_itself(lie: dict[str, int], reason: str) -> None:
    chunk = chunk_of(6)
    units = pictures(12)[6:]
    truth = {"offset": chunk.end, "generation": 7, "previous_crc": chunk.crc, "run": 1, "sequence": 1, "utc_us": UTC}
    rest = {"monotonic_us": 0, "clock_state": 1, "cause": 0, "tfdt": 6 * FRAME, "last_duration": FRAME}
    into = bytearray(part_size(units))
    build_part(memoryview(into), units, boot_id=BOOT, starts_run=False, **(truth | rest | lie))
    chunk.data[chunk.end : chunk.end + len(into) + BLOCK] = into + terminator(chunk.end + len(into), SMALL)
    found = look(chunk.data)
    assert found.reason == reason
    assert len(found.entries) == (1 if reason else 2)


def test_a_part_may_not_reach_into_the_table() -> None:
    chunk = Chunk(geometry=SMALL)
    while chunk.end < parts_limit(SMALL) - BLOCK:
        chunk.part(pictures(len(chunk.entries) + 1, 3000)[-1:])
    chunk.part(pictures(60, 6000)[-1:])
    found = look(chunk.data)
    assert (found.entries, found.reason) == (chunk.entries[:-1], "a part beyond the limit")


def test_padding_that_is_no_box_would_stop_players_and_stops_the_walk() -> None:
    chunk = chunk_of()
    entry = chunk.entries[1]
    end = next(start for kind, start, _ in iter_boxes(bytes(chunk.data)) if kind == b"free" and start > entry.offset)
    chunk.data[end] ^= 1
    found = look(chunk.data)
    assert (found.entries, found.reason) == (chunk.entries[:1], "padding")


# Mutations ------------------------------------------------------------------------------------------------------

CLOSED = chunk_of().close()
OPEN = chunk_of()
FOREIGN = [chunk_of(35, salt=n, header=h).close() for n, h in ((1, OLDER), (2, OTHER), (3, SAME_NUMBER))]

flip = st.tuples(st.just("flip"), st.integers(0, SMALL.chunk_size - 1), st.integers(0, 7))
cut_off = st.tuples(st.just("cut"), st.integers(0, SMALL.chunk_size), st.just(0))
zero = st.tuples(st.just("zero"), st.integers(0, SMALL.chunk_size // BLOCK - 1), st.integers(1, 8))
splice = st.tuples(st.just("splice"), st.integers(0, SMALL.chunk_size // BLOCK - 1), st.integers(0, 2))
part_splice = st.tuples(st.just("part"), st.integers(0, 7), st.integers(0, 2))


def mutate(data: bytearray, kind: str, at: int, how: int) -> None:
    if kind == "flip" and at < len(data):
        data[at] ^= 1 << how
    elif kind == "cut":
        del data[at:]
    elif kind == "zero":
        data[at * BLOCK : (at + how) * BLOCK] = bytes(len(data[at * BLOCK : (at + how) * BLOCK]))
    elif kind == "splice":  # an older lap from a block on
        data[at * BLOCK :] = FOREIGN[how].data[at * BLOCK : len(data)]
    elif kind == "part":  # an older lap's part where one of ours begins
        mine = OPEN.entries[min(at, len(OPEN.entries) - 1)]
        theirs = FOREIGN[how].entries[min(at, len(FOREIGN[how].entries) - 1)]
        whole = FOREIGN[how].data[theirs.offset : theirs.offset + theirs.length]
        if mine.offset + len(whole) <= len(data):
            data[mine.offset : mine.offset + len(whole)] = whole


def unharmed(data: bytes | bytearray, original: Chunk) -> list[PartEntry]:
    """Our parts up to the first whose box bytes differ from what was written."""
    good: list[PartEntry] = []
    for entry in original.entries:
        ours = slice(entry.offset, entry.offset + entry.length)
        if data[ours] != original.data[ours]:
            break
        good.append(entry)
    return good


@settings(max_examples=300)
@given(st.sampled_from([OPEN, CLOSED]), st.lists(st.one_of(flip, cut_off, zero, splice, part_splice), max_size=4))
def test_nothing_but_our_own_parts_up_to_the_first_bad_one(
    original: Chunk, mutations: list[tuple[str, int, int]]
) -> None:
    data = bytearray(original.data)
    for mutation in mutations:
        mutate(data, *mutation)
    found = look(data, deep=True)
    if found.header != HEADER:  # the whole head is another lap's: then all of it is that lap's, or nothing
        assert found.header in {None, OLDER, OTHER, SAME_NUMBER}
        sources = [chunk for chunk in FOREIGN if chunk.header == found.header]
        assert all(found.entries == source.entries[: len(found.entries)] for source in sources)
        assert found.entries == [] or found.header is not None
        return
    good = unharmed(data, original)
    # Padding is no evidence: a part whose zeros were hit still holds. So at least the unharmed, and only ours.
    assert found.entries[: len(good)] == good
    assert found.entries == original.entries[: len(found.entries)]
    for entry in found.entries:
        assert payload_of(data, entry) == payload_of(original.data, entry)
    end = found.entries[-1].offset + found.entries[-1].length if found.entries else BLOCK
    assert found.end_offset == end


def payload_of(data: bytes | bytearray, entry: PartEntry) -> bytes:
    start = entry.offset + 208 + 16 * entry.samples
    size = sum(entry.samples * [900])
    return bytes(data[start : start + size])


@given(st.binary(max_size=5000), st.sampled_from([0, BLOCK, OPEN.end, OPEN.entries[2].offset]))
def test_any_bytes_behind_any_good_beginning(junk: bytes, keep: int) -> None:
    assume(any(junk[:BLOCK]))
    found = look(bytes(OPEN.data[:keep]) + junk)
    assert found.entries == [entry for entry in OPEN.entries if entry.offset + entry.length <= keep]
    assert found.state is (ChunkState.OPEN if keep else ChunkState.DAMAGED)
