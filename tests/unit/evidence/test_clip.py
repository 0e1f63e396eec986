"""Clips: every mdat as it was, true time over borders and gaps, one file for each codec, size known before."""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core.units import ticks_to_us
from appliance.evidence.clip import ClipChunk, ClipFile, plan_clip
from appliance.evidence.errors import ClipSourceLost
from appliance.media.boxes import iter_boxes
from appliance.media.part import PartEntry
from appliance.media.stream import AccessUnit, CodecParameters
from appliance.ring.access.part_ref import PartRef
from tests.peers.footage import FRAME, HEADER, PARAMETERS, SMALL, UTC, Chunk, cut, payload, pictures, with_parameters

PART_US = ticks_to_us(5 * FRAME)  # 0.2 s
OTHER_SETS = CodecParameters("h264", (bytes.fromhex("674d401f00"), bytes.fromhex("68ee3c80")), 640, 360, "avc1.4d401f")


class Ring:
    """Chunks by path, as a recorder's answer to `ranges` lists them."""

    def __init__(self) -> None:
        self.chunks: dict[str, Chunk] = {}
        self.sequence = 0
        self.reads: list[tuple[str, int, int]] = []

    def add(
        self,
        units: Sequence[AccessUnit],
        *,
        run: int = 1,
        utc_shift_us: int = 0,
        parameters: CodecParameters = PARAMETERS,
        into: str | None = None,
    ) -> str:
        """Write parts of five units to a new chunk, or behind those of a chunk that is there."""
        path = into or f"{len(self.chunks):02}"
        if path not in self.chunks:
            header = replace(with_parameters(HEADER, parameters), generation=100 + len(self.chunks), title=f"t{path}")
            self.chunks[path] = Chunk(replace(header, base_ticks=units[0].dts_ticks), SMALL)
        chunk = self.chunks[path]
        for number, part in enumerate(cut(units, 5)):
            utc = UTC + ticks_to_us(part[0].dts_ticks - HEADER.base_ticks) + utc_shift_us
            new_run = number == 0 and part[0].keyframe
            chunk.part(part, run=run, sequence=self.sequence, utc_us=utc, starts_run=new_run)
            self.sequence += 1
        return path

    def answer(self) -> list[ClipChunk]:
        return [
            ClipChunk(path, chunk.header.generation, chunk.init, tuple(map(row, chunk.entries)))
            for path, chunk in self.chunks.items()
        ]

    def read(self, path: str, offset: int, length: int) -> bytes:
        self.reads.append((path, offset, length))
        return self.chunks[path].read(offset, length)

    def payload_hashes(self, file: ClipFile) -> list[str]:
        """SHA-256 of the mdats on disk that a file is made of."""
        wanted = [(piece.path, piece.part.offset) for piece in file.pieces]
        at = {(path, e.offset): payload(c.data, e) for path, c in self.chunks.items() for e in c.entries}
        return [hashlib.sha256(at[key]).hexdigest() for key in wanted]


def row(entry: PartEntry) -> PartRef:
    flags = entry.starts_keyframe | entry.starts_run << 1
    return PartRef(
        entry.offset,
        entry.length,
        entry.utc_us,
        entry.tfdt,
        entry.duration,
        entry.run,
        entry.sequence,
        entry.samples,
        flags,
    )


def written(ring: Ring, file: ClipFile) -> bytes:
    return b"".join(file.blocks(ring.read))


def fragments(data: bytes) -> list[tuple[int, int, str]]:
    """(mfhd number, tfdt, SHA-256 of mdat) by a parser that knows ISO boxes only."""
    found = []
    number = tfdt = -1
    for kind, start, end in iter_boxes(data):
        if kind == b"moof":
            (number,) = struct.unpack_from(">I", data, start + 20)
            (tfdt,) = struct.unpack_from(">Q", data, start + 60)
        elif kind == b"mdat":
            found.append((number, tfdt, hashlib.sha256(data[start + 8 : end]).hexdigest()))
    return found


def check(ring: Ring, file: ClipFile) -> list[int]:
    """What is true of every file of a clip; returns its decode times."""
    data = written(ring, file)
    assert len(data) == file.size
    reads = len(ring.reads)
    assert b"".join(file.blocks(ring.read, payloads=False)) == data, "the page's way gives the same bytes"
    del ring.reads[reads:]
    found = fragments(data)
    assert [number for number, _, _ in found] == list(range(1, len(found) + 1))
    assert [digest for _, _, digest in found] == ring.payload_hashes(file)
    times = [tfdt for _, tfdt, _ in found]
    assert times == [piece.tfdt for piece in file.pieces]
    assert times[0] == 0
    assert all(a < b for a, b in pairwise(times))
    assert file.pieces[0].part.keyframe
    kinds = [kind for kind, _, _ in iter_boxes(data)]
    assert kinds[:2] == [b"ftyp", b"moov"]
    assert kinds[-1] == b"mfra"
    assert set(kinds[2:-1]) <= {b"moof", b"mdat", b"free"}
    return times


def test_a_clip_of_one_chunk_begins_at_the_keyframe_and_ends_behind_the_part_at_the_end() -> None:
    ring = Ring()
    ring.add(pictures(100))  # parts of 0.2 s, a keyframe each 0.4 s
    [file] = plan_clip(ring.answer(), UTC + 3 * PART_US + 1, UTC + 7 * PART_US + 1)
    assert (file.from_us, file.to_us) == (UTC + 2 * PART_US, UTC + 8 * PART_US)
    assert check(ring, file) == [i * 5 * FRAME for i in range(6)]
    assert ring.reads == [(p.path, p.part.offset, p.part.length) for p in file.pieces]


def test_borders_of_the_interval() -> None:
    ring = Ring()
    ring.add(pictures(100))
    [file] = plan_clip(ring.answer(), UTC + 4 * PART_US, UTC + 6 * PART_US)
    assert (file.from_us, file.to_us) == (UTC + 4 * PART_US, UTC + 6 * PART_US)
    assert plan_clip(ring.answer(), UTC + 100 * 40_000, UTC + 10**9) == []
    assert plan_clip(ring.answer(), UTC - 10**9, UTC) == []
    assert plan_clip([], UTC, UTC + 1) == []


def test_a_chunk_border_in_a_run_leaves_no_trace() -> None:
    ring = Ring()
    units = pictures(100)
    ring.add(units[:45])  # the next chunk begins inside a group of pictures
    ring.add(units[45:])
    [file] = plan_clip(ring.answer(), UTC, UTC + 10**9)
    assert check(ring, file) == [i * 5 * FRAME for i in range(20)]


def test_utc_in_whole_microseconds_does_not_move_a_tick_over_many_chunks() -> None:
    ring = Ring()
    units = pictures(120)
    for number, unit in enumerate(units):
        unit.dts_ticks = unit.pts_ticks = HEADER.base_ticks + number * 3003  # 29.97: no whole microseconds
    for start in range(0, 120, 10):
        ring.add(units[start : start + 10])
    [file] = plan_clip(ring.answer(), UTC, UTC + 10**9)
    assert check(ring, file) == [i * 5 * 3003 for i in range(24)]


def test_a_gap_is_as_long_in_the_clip_as_it_was() -> None:
    ring = Ring()
    path = ring.add(pictures(20))
    later = pictures(120)[100:]
    ring.add(later, run=2, utc_shift_us=500, into=path)
    [file] = plan_clip(ring.answer(), UTC, UTC + 10**9)
    times = check(ring, file)
    assert times[:4] == [i * 5 * FRAME for i in range(4)]
    assert times[4:] == [100 * FRAME + 45 + i * 5 * FRAME for i in range(4)]  # 500 us are 45 ticks


def test_a_clip_that_begins_in_a_gap_begins_with_the_run_after_it() -> None:
    ring = Ring()
    path = ring.add(pictures(20))
    ring.add(pictures(120)[100:], run=2, into=path)
    [file] = plan_clip(ring.answer(), UTC + 2_000_000, UTC + 10**9)
    assert file.from_us == UTC + 4_000_000
    check(ring, file)


def test_a_run_without_an_earlier_keyframe_begins_at_the_next_one() -> None:
    ring = Ring()
    ring.add(pictures(100)[5:])
    [file] = plan_clip(ring.answer(), UTC + PART_US, UTC + 10**9)
    assert file.from_us == UTC + 2 * PART_US
    check(ring, file)


def test_pictures_of_another_run_do_not_help_a_decoder() -> None:
    ring = Ring()
    path = ring.add(pictures(20))
    ring.add(pictures(125)[105:], run=2, into=path)  # a run whose first keyframe is missing
    [file] = plan_clip(ring.answer(), UTC + 106 * 40_000, UTC + 10**9)
    assert file.from_us == UTC + 110 * 40_000
    check(ring, file)


def test_utc_that_went_back_never_turns_the_file_round() -> None:
    ring = Ring()
    path = ring.add(pictures(50))
    ring.add(pictures(100)[50:], run=2, utc_shift_us=-1_500_000, into=path)
    [file] = plan_clip(ring.answer(), UTC, UTC + 10**9)
    assert check(ring, file) == [i * 5 * FRAME for i in range(20)]


def test_a_codec_change_starts_another_file() -> None:
    ring = Ring()
    units = pictures(150)
    ring.add(units[:50])
    ring.add(units[50:100], run=2, parameters=OTHER_SETS)
    ring.add(units[100:], run=3, parameters=OTHER_SETS)  # only the title differs: the same file goes on
    files = plan_clip(ring.answer(), UTC + 2 * PART_US, UTC + 10**9)
    assert [len(file.pieces) for file in files] == [8, 20]
    assert [file.init for file in files] == [ring.chunks["00"].init, ring.chunks["01"].init]
    assert check(ring, files[1]) == [i * 5 * FRAME for i in range(20)]
    check(ring, files[0])


def test_after_a_codec_change_a_file_waits_for_its_keyframe() -> None:
    ring = Ring()
    units = pictures(100)
    ring.add(units[:50])
    ring.add(units[55:], run=2, parameters=OTHER_SETS)
    files = plan_clip(ring.answer(), UTC, UTC + 10**9)
    assert files[1].from_us == UTC + 12 * PART_US
    check(ring, files[1])


def test_a_part_written_twice_is_taken_once() -> None:
    ring = Ring()
    units = pictures(50)
    ring.add(units[:30])
    ring.sequence = 4
    ring.add(units[20:])  # the last two parts again, on another disk
    [file] = plan_clip(ring.answer(), UTC, UTC + 10**9)
    assert check(ring, file) == [i * 5 * FRAME for i in range(10)]


@pytest.mark.parametrize("harm", ["freed", "payload", "header", "generation", "moved", "short"])
def test_footage_that_is_not_there_any_more_ends_the_clip_by_name(harm: str) -> None:
    ring = Ring()
    ring.add(pictures(50))
    chunk = ring.chunks["00"]
    [file] = plan_clip(ring.answer(), UTC, UTC + 10**9)
    entry = chunk.entries[2]
    if harm == "freed":
        chunk.data = bytearray(len(chunk.data))
    elif harm == "payload":
        chunk.data[entry.offset + entry.length // 2] ^= 1
    elif harm == "header":
        chunk.data[entry.offset + 60] ^= 1
    elif harm == "generation":
        again = Chunk(replace(chunk.header, generation=999), SMALL)
        for part in cut(pictures(50), 5):
            again.part(part)
        ring.chunks["00"] = again
    elif harm == "moved":
        other = chunk.entries[1]
        chunk.data[entry.offset : entry.offset + entry.length] = chunk.read(other.offset, entry.length)
    else:
        del chunk.data[entry.offset + 500 :]
    whole = 0 if harm in {"freed", "generation"} else 2
    given_out: list[bytes | memoryview] = []
    with pytest.raises(ClipSourceLost):
        given_out.extend(file.blocks(ring.read))
    assert len(given_out) == 1 + 3 * whole


def test_an_answer_of_the_recorder_becomes_a_chunk() -> None:
    answer = {"generation": 5, "codec": "avc1.640029", "width": 320, "height": 180, "parts": [list(range(9))]}
    chunk = ClipChunk.of(answer, "00/000001.mp4", b"init")
    assert (chunk.generation, chunk.codec, chunk.width, chunk.height) == (5, "avc1.640029", 320, 180)
    assert chunk.parts[0] == PartRef(0, 1, 2, 3, 4, 5, 6, 7, 8)
    assert not chunk.parts[0].keyframe


pieces = st.lists(
    st.tuples(
        st.integers(1, 30),  # units
        st.sampled_from(["goes on", "chunk", "gap", "codec", "clock back"]),
        st.integers(1, 400),  # frames of the gap
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60)
@given(pieces, st.integers(-10, 800), st.integers(1, 900))
def test_any_history_gives_files_that_hold(history: list[tuple[int, str, int]], start: int, length: int) -> None:
    ring, at, run, shift, which = Ring(), 0, 0, 0, 0
    path: str | None = None
    for count, event, frames in history:
        if event not in {"goes on", "chunk"}:
            run += 1
        if event == "gap":
            at += frames
        if event == "clock back":
            shift -= frames * 40_000
        if event == "codec":
            which += 1
        if event in {"chunk", "codec"}:
            path = None
        fresh = event not in {"goes on", "chunk"}
        units = pictures(at + count, 60, gop=12)[at:]
        units[0].keyframe |= fresh
        path = ring.add(units, run=run, utc_shift_us=shift, parameters=(PARAMETERS, OTHER_SETS)[which % 2], into=path)
        at += count
    from_us = UTC + start * 40_000
    to_us = from_us + length * 40_000
    files = plan_clip(ring.answer(), from_us, to_us)
    taken = {(p.path, p.part.offset) for file in files for p in file.pieces}
    assert len(taken) == sum(len(file.pieces) for file in files)
    for file in files:
        check(ring, file)
        assert all(piece.part.utc_us < to_us for piece in file.pieces)
    keyframes = [
        (path, e)
        for path, chunk in ring.chunks.items()
        for e in chunk.entries
        if e.starts_keyframe and from_us <= e.utc_us < to_us
    ]
    assert all((path, e.offset) in taken for path, e in keyframes)


def test_for_the_page_parts_that_lie_side_by_side_are_read_at_once() -> None:
    ring = Ring()
    path = ring.add(pictures(20))
    [file] = plan_clip(ring.answer(), UTC, UTC + 3 * PART_US)
    first, last = file.pieces[0].part, file.pieces[-1].part
    b"".join(file.blocks(ring.read, payloads=False))
    assert ring.reads == [(path, first.offset, last.offset + last.length - first.offset)]
