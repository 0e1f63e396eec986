"""Chunk headers and tables: what is written reads back, what is damaged is refused, the bytes are frozen."""

import hashlib
import json
import struct
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.units import BLOCK
from appliance.media.boxes import init_segment, iter_boxes, mfra_size
from appliance.media.part import PartEntry
from appliance.media.stream import CodecParameters, StreamKey
from appliance.ring.chunk import (
    MAX_HEADER,
    ChunkHeader,
    Geometry,
    closing,
    decode_header,
    encode_header,
    header_crc,
    parse_table,
    parts_limit,
    read_header,
    read_table,
    table_full,
    table_offset,
    terminator,
)
from appliance.ring.errors import ChunkUnreadable, HeaderTooLong, TableUnreadable
from tests.peers.footage import DEMO, HEADER, SMALL, Chunk, pictures

FIELD = Geometry(chunk_size=64 << 20, table_reserve=192 << 10)

headers = st.builds(
    ChunkHeader,
    generation=st.integers(0, 2**64 - 1),
    number=st.integers(0, 2**32 - 1),
    disk_uuid=st.binary(min_size=16, max_size=16).map(bytes.hex),
    site=st.text(max_size=80),
    key=st.builds(StreamKey, st.text(max_size=40), st.sampled_from(["main", "sub"])),
    title=st.text(max_size=200),
    parameters=st.builds(
        CodecParameters,
        st.just("h264"),
        st.binary(min_size=3, max_size=60).map(lambda b: (b"\x67" + b, b"\x68" + b)),
        st.integers(1, 8192),
        st.integers(1, 8192),
        st.text(max_size=20),
    ),
    opened_utc_us=st.integers(-(2**63), 2**63 - 1),
    opened_monotonic_us=st.integers(-(2**63), 2**63 - 1),
    boot_id=st.binary(min_size=16, max_size=16),
    base_ticks=st.integers(-(2**63), 2**63 - 1),
)


@given(headers, st.sampled_from([DEMO, SMALL, FIELD]))
def test_a_header_reads_back(header: ChunkHeader, geometry: Geometry) -> None:
    data = encode_header(header, geometry)
    info = read_header(data)
    assert (info.header, info.length, info.geometry) == (header, len(data), geometry)
    assert decode_header(data + bytes(100)) == (header, len(data))
    assert header_crc(data) == info.crc
    assert len(data) % BLOCK == 0
    assert data[: info.init_length] == init_segment(header.parameters, header.title)
    assert [kind for kind, _, _ in iter_boxes(data)] == [b"ftyp", b"moov", b"uuid", b"free"]


def test_the_header_lies_as_documented() -> None:
    data = encode_header(HEADER, DEMO)
    at = read_header(data).init_length
    assert data[at + 4 : at + 8] == b"uuid"
    assert struct.unpack_from(">IIIIIQI", data, at + 24) == (1 << 24, 4096, at, 4 << 20, 32 << 10, 7, 3)
    assert data[at + 56 : at + 72].hex() == HEADER.disk_uuid
    assert struct.unpack_from(">qq", data, at + 72) == (HEADER.opened_utc_us, HEADER.opened_monotonic_us)
    assert data[at + 88 : at + 104] == HEADER.boot_id
    base, size = struct.unpack_from(">qI", data, at + 104)
    assert base == HEADER.base_ticks
    assert json.loads(data[at + 116 : at + 116 + size])["site"] == "École Jules-Ferry"


@given(st.data())
def test_no_flipped_bit_of_a_header_passes(data: st.DataObject) -> None:
    encoded = bytearray(encode_header(HEADER, DEMO))
    end = next(end for kind, _, end in iter_boxes(bytes(encoded)) if kind == b"uuid")
    encoded[data.draw(st.integers(0, end - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ChunkUnreadable):
        read_header(bytes(encoded))


@given(st.binary(max_size=600), st.integers(0, 2000))
def test_any_bytes_are_refused_by_name(junk: bytes, length: int) -> None:
    whole = encode_header(HEADER, DEMO)
    end = next(end for kind, _, end in iter_boxes(whole) if kind == b"uuid")
    for data in (junk, whole[: min(length, end - 1)], junk + whole, whole[:40] + junk + whole[40:]):
        if data[:end] == whole[:end]:
            continue
        with pytest.raises(ChunkUnreadable):
            read_header(data)


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"{}",
        b'{"x":',
        b"\xff",
        b"[" * 5000,
        b'{"stream":[],"codec":"h264"}',
        b'{"stream":"third","codec":"h264"}',
        b'{"stream":"sub","codec":"h264","parameter_sets":["!"]}',
        b'{"stream":"sub","codec":"h264","parameter_sets":[],"width":1e999}',
        b'{"stream":"sub","codec":"h264","parameter_sets":[3],"width":1,"height":1}',
    ],
)
def test_a_text_that_says_something_else_is_refused_even_under_a_right_crc(text: bytes) -> None:
    data = encode_header(HEADER, DEMO)
    at = read_header(data).init_length
    head = bytearray(data[: at + 112]) + struct.pack(">I", len(text)) + text
    struct.pack_into(">I", head, at, len(head) + 4 - at)
    struct.pack_into(">I", head, at + 28, 64 * BLOCK)
    forged = bytes(head) + struct.pack(">I", zlib.crc32(head))
    with pytest.raises(ChunkUnreadable, match="text"):
        read_header(forged)


def test_a_header_that_cannot_be_read_in_one_go_is_refused() -> None:
    with pytest.raises(HeaderTooLong):
        encode_header(replace(HEADER, site="é" * MAX_HEADER), DEMO)


def test_geometry_is_whole_blocks_and_leaves_room() -> None:
    for size, reserve in ((4 << 20, 100), (4097, 4096), (4 << 20, 4 << 20), (512 << 20, 4096), (4 << 20, 0)):
        with pytest.raises(ValueError, match="chunks of"):
            Geometry(size, reserve)


def test_the_terminator_runs_to_the_end_of_the_file() -> None:
    block = terminator(8192, DEMO)
    assert len(block) == BLOCK
    assert struct.unpack_from(">I4s", block) == ((4 << 20) - 8192, b"free")
    assert not any(block[8:])


@given(st.lists(st.tuples(st.integers(1, 20), st.booleans()), max_size=12))
def test_a_closed_chunk_is_boxes_from_end_to_end(shape: list[tuple[int, bool]]) -> None:
    chunk, at = Chunk(geometry=SMALL), 0
    for count, run in shape:
        chunk.part(pictures(at + count, 300)[at:], starts_run=run, run=at)
        at += count
    chunk.close()
    data = bytes(chunk.data)
    boxes = list(iter_boxes(data))
    assert [kind for kind, _, _ in boxes[-3:]] == [b"free", b"uuid", b"mfra"]
    assert boxes[-2][1] == table_offset(SMALL)
    assert boxes[-1][2] == len(data) == SMALL.chunk_size
    assert data[-12:-8] == b"mfro"
    assert read_table(data[table_offset(SMALL) :]) == chunk.entries


def test_tfra_points_at_the_moof_of_each_keyframe_part() -> None:
    chunk = Chunk().parts(pictures(40)).close()
    data = bytes(chunk.data)
    (size,) = struct.unpack(">I", data[-4:])
    keyframes = [entry for entry in chunk.entries if entry.starts_keyframe]
    assert len(keyframes) == 4
    assert size == mfra_size(4)
    start = len(data) - size + 8 + 24
    for number, entry in enumerate(keyframes):
        time, moof = struct.unpack_from(">QQ", data, start + 19 * number)
        assert time == entry.tfdt
        assert data[moof + 4 : moof + 8] == b"moof"


def test_closing_writes_the_table_first_and_whole_blocks_only() -> None:
    chunk = Chunk().parts(pictures(20))
    before = bytes(chunk.data)
    blocks = closing(chunk.entries, chunk.end, DEMO, generation=7, header_crc=1, last_crc=2)
    assert [offset for offset, _ in blocks] == [table_offset(DEMO), chunk.end]
    assert all(offset % BLOCK == 0 and len(block) % BLOCK == 0 for offset, block in blocks)
    chunk.close(steps=1)
    assert bytes(chunk.data[: table_offset(DEMO)]) == before[: table_offset(DEMO)]


@pytest.mark.parametrize("every", [1, 10])
def test_a_table_that_is_not_full_takes_another_part(every: int) -> None:
    chunk, keyframes = Chunk(geometry=SMALL).part(pictures(1, 50)), 0
    entries: list[PartEntry] = []
    while not table_full(len(entries), keyframes, SMALL):
        keyframe = len(entries) % every == 0
        entries.append(replace(chunk, offset=4096 + len(entries) * BLOCK, length=BLOCK, starts_keyframe=keyframe))
        keyframes += keyframe
    assert len(entries) > 100
    room = Geometry(chunk_size=2 << 20, table_reserve=SMALL.table_reserve)
    blocks = closing(entries, 4096 + len(entries) * BLOCK, room, generation=1, header_crc=2, last_crc=3)
    assert len(blocks[0][1]) == SMALL.table_reserve
    assert read_table(blocks[0][1]) == entries


def test_closing_refuses_holes_overfull_tables_and_parts_beyond_the_limit() -> None:
    chunk = Chunk().parts(pictures(20))
    names = {"generation": 7, "header_crc": 1, "last_crc": 2}
    with pytest.raises(ValueError, match="holes"):
        closing(chunk.entries[1:], chunk.end + BLOCK, DEMO, **names)
    many = [replace(chunk.entries[0], offset=4096 + i * BLOCK, length=BLOCK) for i in range(300)]
    with pytest.raises(ValueError, match="holes"):
        closing(many, 4096 + 300 * BLOCK, SMALL, **names)
    with pytest.raises(ValueError, match="table_full"):
        closing(many, 4096 + 300 * BLOCK, Geometry(4 << 20, 8 << 10), **names)
    assert parts_limit(SMALL) == SMALL.chunk_size - SMALL.table_reserve - BLOCK


@given(st.data())
def test_no_flipped_bit_of_a_table_passes(data: st.DataObject) -> None:
    chunk = Chunk(geometry=SMALL).parts(pictures(30)).close()
    tail = bytearray(chunk.data[table_offset(SMALL) :])
    used = 64 + 32 * len(chunk.entries)
    tail[data.draw(st.integers(0, used - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(TableUnreadable):
        parse_table(bytes(tail))


@given(st.binary(max_size=300))
def test_any_bytes_are_no_table(junk: bytes) -> None:
    with pytest.raises(TableUnreadable):
        parse_table(junk)


def test_the_bytes_are_frozen() -> None:
    """Two hundred sites live with this format: it changes by a new version, never by accident."""
    chunk = Chunk(geometry=SMALL).parts(pictures(30))
    opened = hashlib.sha256(chunk.data).hexdigest()
    closed = hashlib.sha256(chunk.close().data).hexdigest()
    assert opened == "c4806228e23147a813efbc2ac6f4b2d5a771f4266b997e749d229d9ab5743111"
    assert closed == "36b820a9dac1978a4d4df08d596ce8a5d138e5dae6c1dff74a167b8d79685a1c"
