"""Boxes: what is written is what ISO/IEC 14496-12 and -15 say, and reading never trusts a size."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.media.boxes import (
    box,
    find_box,
    free_header,
    init_segment,
    iter_boxes,
    mfra,
    mfra_size,
    sample_description,
)
from appliance.media.errors import BoxUnreadable, CodecNotRecorded
from appliance.media.stream import CodecParameters

SPS = bytes.fromhex("67640029ac1b1a80")
PPS = bytes.fromhex("68ee3c80")
HIGH = CodecParameters("h264", (SPS, PPS), 1920, 1080, "avc1.640029")
MAIN = CodecParameters("h264", (b"\x67\x4d\x40\x1f\x00", PPS), 640, 360, "avc1.4d401f")
VPS_H265 = bytes.fromhex("40010c01ffff01600000030090000003000003003cba0240")
SPS_H265 = bytes.fromhex("42010101600000030090000003000003003ca00a080c1f3e5ba4a4c2e68080000003008000000c84")
PPS_H265 = bytes.fromhex("4401c073c189")
HEVC = CodecParameters("h265", (VPS_H265, SPS_H265, PPS_H265), 320, 180, "hvc1.1.6.L60.90")

STBL = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def kinds(data: bytes, *path: bytes) -> list[bytes]:
    start, end = find_box(data, *path) if path else (-8, len(data))
    return [kind for kind, _, _ in iter_boxes(data, start + 8, end)]


def test_init_segment_has_every_mandatory_box_in_place() -> None:
    init = init_segment(HIGH, "Cour")
    assert kinds(init) == [b"ftyp", b"moov"]
    assert kinds(init, b"moov") == [b"mvhd", b"trak", b"mvex", b"udta"]
    assert kinds(init, b"moov", b"trak", b"mdia", b"minf") == [b"vmhd", b"dinf", b"stbl"]
    assert kinds(init, *STBL) == [b"stsd", b"stts", b"stsc", b"stsz", b"stco"]


def test_avcc_carries_the_parameter_sets_as_given() -> None:
    description = sample_description(init_segment(HIGH, ""))
    at = description.index(b"avcC") + 4
    record = description[at:]
    assert record[:6] == bytes((1, 0x64, 0x00, 0x29, 0xFF, 0xE1))
    assert record[6:].startswith(struct.pack(">H", len(SPS)) + SPS + b"\x01" + struct.pack(">H", len(PPS)) + PPS)
    assert record.endswith(bytes((0xFD, 0xF8, 0xF8, 0)))  # High: chroma format and depths follow
    assert not sample_description(init_segment(MAIN, "")).endswith(bytes((0xFD, 0xF8, 0xF8, 0)))
    assert struct.pack(">HH", 1920, 1080) in description


def test_hvcc_has_profile_level_and_three_arrays() -> None:
    description = sample_description(init_segment(HEVC, ""))
    assert b"hvc1" in description
    record = description[description.index(b"hvcC") + 4 :]
    assert record[:13] == b"\x01" + bytes.fromhex("01600000009000000000003c")
    assert record[22] == 3
    for unit in HEVC.parameter_sets:
        assert struct.pack(">H", len(unit)) + unit in record


@pytest.mark.parametrize(
    "parameters",
    [
        CodecParameters("h264", (PPS,), 1, 1, ""),
        CodecParameters("h264", (SPS,), 1, 1, ""),
        CodecParameters("h264", (), 1, 1, ""),
        CodecParameters("h264", (b"\x67\x64", PPS), 1, 1, ""),
        CodecParameters("h265", (VPS_H265, SPS_H265), 1, 1, ""),
        CodecParameters("h265", (VPS_H265, b"\x42\x01\x01\x03" + bytes(16), PPS_H265), 1, 1, ""),
    ],
)
def test_a_stream_that_cannot_be_described_is_refused_by_name(parameters: CodecParameters) -> None:
    with pytest.raises(CodecNotRecorded):
        init_segment(parameters, "")


def test_title_is_where_players_read_it() -> None:
    init = init_segment(MAIN, "École – Cour")
    start, end = find_box(init, b"moov", b"udta", b"meta")
    text = init[start:end]
    assert text.index(b"mdir") < text.index(b"ilst") < text.index(b"\xa9nam") < text.index("École – Cour".encode())


def test_sample_description_tells_codec_changes_from_new_titles() -> None:
    assert sample_description(init_segment(MAIN, "a")) == sample_description(init_segment(MAIN, "b"))
    assert sample_description(init_segment(MAIN, "a")) != sample_description(init_segment(HIGH, "a"))


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2**32)), max_size=50))
def test_mfra_ends_with_its_own_size(entries: list[tuple[int, int]]) -> None:
    data = mfra(entries)
    assert len(data) == mfra_size(len(entries))
    assert struct.unpack(">I4sII", data[-16:]) == (16, b"mfro", 0, len(data))
    start, _ = find_box(data, b"mfra", b"tfra")
    found = [struct.unpack_from(">QQ", data, start + 24 + 19 * i) for i in range(len(entries))]
    assert found == entries


@given(st.binary(max_size=200))
def test_reading_boxes_of_any_bytes_ends_or_says_so(data: bytes) -> None:
    try:
        boxes = list(iter_boxes(data))
    except BoxUnreadable:
        return
    assert sum(end - start for _, start, end in boxes) == len(data)


def test_size_zero_and_sizes_beyond_the_end_are_refused() -> None:
    for head in (struct.pack(">I4s", 0, b"free"), struct.pack(">I4s", 9, b"free"), struct.pack(">I4s", 1, b"mdat")):
        with pytest.raises(BoxUnreadable):
            list(iter_boxes(head))
    assert list(iter_boxes(free_header(8))) == [(b"free", 0, 8)]
    with pytest.raises(BoxUnreadable):
        find_box(box(b"moov"), b"moov", b"trak")
