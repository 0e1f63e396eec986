"""SPS: sets of a real encoder, sets written by hand, and bytes that are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.media.input_errors import SpsInvalid
from appliance.media.sps import MAX_SPS_BYTES, BitReader, parse_sps


@pytest.mark.parametrize(
    ("text", "width", "height", "codec", "reorder", "frames_only"),
    [
        ("674d4028da01e0089f961000000300100000030320f1832a", 1920, 1080, "avc1.4d4028", 0, True),
        ("6742c01eda0280bfe584000003000400000300c83c58ba80", 640, 360, "avc1.42c01e", 0, True),
        ("6764001facd9405005ba1000000300100000030320f1831960", 1280, 720, "avc1.64001f", 2, True),
        ("6764001eace80b424d0800000300080000030190f8a155", 720, 576, "avc1.64001e", 0, False),
    ],
)
def test_sets_of_libx264(text: str, width: int, height: int, codec: str, reorder: int, frames_only: bool) -> None:
    sps = parse_sps(bytes.fromhex(text))
    assert (sps.width, sps.height, sps.rfc6381) == (width, height, codec)
    assert (sps.max_reorder_frames, sps.frames_only, sps.frame_ticks) == (reorder, frames_only, 3600)


class Writer:
    """Bits of an SPS written by hand."""

    def __init__(self) -> None:
        self.text = ""

    def u(self, count: int, value: int) -> "Writer":
        self.text += format(value, f"0{count}b")
        return self

    def ue(self, *values: int) -> "Writer":
        for value in values:
            bits = format(value + 1, "b")
            self.text += "0" * (len(bits) - 1) + bits
        return self

    def nal(self) -> bytes:
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        raw = bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))
        out, zeros = bytearray(), 0
        for byte in raw:
            if zeros >= 2 and byte <= 3:
                out.append(3)
                zeros = 0
            out.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return b"\x67" + bytes(out)


def high(*, reorder: int) -> bytes:
    """High profile, scaling lists, POC type 1, interlaced 720 x 576, a VUI with HRD and every option."""
    w = Writer().u(8, 100).u(8, 0).u(8, 31).ue(0)
    w.ue(1, 0, 0).u(1, 0).u(1, 1)
    w.u(1, 1)
    for _ in range(16):
        w.ue(1)  # se(1): delta_scale 1
    w.u(7, 0)  # no further lists
    w.ue(0).ue(1).u(1, 0).ue(0, 0).ue(2).ue(3, 4)  # POC type 1 with two offsets
    w.ue(4).u(1, 0).ue(44, 17).u(1, 0).u(1, 1).u(1, 1).u(1, 0)  # 45 x 18 map units, frame_mbs_only 0
    w.u(1, 1)  # VUI
    w.u(1, 1).u(8, 255).u(16, 12).u(16, 11)
    w.u(1, 1).u(1, 1)
    w.u(1, 1).u(4, 0b1010).u(1, 1).u(24, 0x010101)
    w.u(1, 1).ue(0, 0)
    w.u(1, 1).u(32, 1).u(32, 50).u(1, 1)
    for _ in range(2):
        w.u(1, 1).ue(0).u(8, 0).ue(100, 200).u(1, 0).u(20, 0)
    w.u(1, 0).u(1, 0)
    w.u(1, 1).u(1, 1).ue(0, 0, 10, 10, reorder, 4)
    return w.nal()


def test_every_optional_field_is_walked() -> None:
    sps = parse_sps(high(reorder=2))
    assert (sps.width, sps.height, sps.frames_only, sps.poc_type) == (720, 576, False, 1)
    assert sps.max_reorder_frames == 2
    assert sps.frame_ticks == 3600
    assert sps.vui_complete


def test_a_vui_that_breaks_off_keeps_the_geometry() -> None:
    whole = high(reorder=2)
    sps = parse_sps(whole[:-4])
    assert (sps.width, sps.height) == (720, 576)
    assert not sps.vui_complete
    assert sps.max_reorder_frames is None


def test_extra_bytes_behind_the_set_do_no_harm() -> None:
    assert parse_sps(high(reorder=1) + b"\x00\x00\xff").max_reorder_frames == 1


@pytest.mark.parametrize(
    "data", [b"", b"\x67", b"\x68\xee\x3c\x80", b"\x67" + bytes(MAX_SPS_BYTES), b"\xe7\x42\x00\x1e\x80"]
)
def test_what_is_no_sps_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(SpsInvalid):
        parse_sps(data)


def test_a_picture_cropped_away_is_refused() -> None:
    w = (
        Writer()
        .u(8, 66)
        .u(8, 0)
        .u(8, 30)
        .ue(0, 0, 2, 1)
        .u(1, 0)
        .ue(0, 0)
        .u(1, 1)
        .u(1, 1)
        .u(1, 1)
        .ue(8, 8, 0, 0)
        .u(1, 0)
    )
    with pytest.raises(SpsInvalid, match="picture of"):
        parse_sps(w.nal())


@given(st.binary(max_size=80))
def test_arbitrary_bytes_raise_nothing_else(data: bytes) -> None:
    try:
        sps = parse_sps(b"\x67" + data)
    except SpsInvalid:
        return
    assert 0 < sps.width <= 16_384
    assert 0 < sps.height <= 16_384


@given(st.lists(st.integers(0, 2**31), max_size=6))
def test_exponential_golomb_codes_come_back(values: list[int]) -> None:
    w = Writer().ue(*values)
    text = w.text + "0" * (-len(w.text) % 8)
    reader = BitReader(bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8)))
    assert [reader.ue(2**32, "value") for _ in values] == values
