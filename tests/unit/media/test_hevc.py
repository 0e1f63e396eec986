"""H.265 parameter sets: real encoders' and cameras', and nothing hostile gets through but SpsInvalid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.media import hevc
from appliance.media.boxes import init_segment
from appliance.media.errors import CodecNotRecorded
from appliance.media.input_errors import SpsInvalid
from appliance.media.parameters import H265ParameterSets
from appliance.media.stream import CodecParameters
from tests.peers.h265_rtp import PPS_TYPE, SPS_TYPE, VPS_TYPE, encoded, kind

DAHUA_SPS = bytes.fromhex(
    "42010101600000030000030000030000030096a001e020021c4d94ba4914ab7fdf1000e4e1c100001d4c0004466150"
)

FORMS = {
    "plain": ("bframes=0", 0),
    "B-frames": ("bframes=3:b-pyramid=1", 2),
    "sub-layers": ("bframes=0:temporal-layers=1", None),
    "scaling lists": ("bframes=0:scaling-list=default", 0),
    "several references": ("bframes=2:ref=4", None),
    "HRD": ("bframes=0:hrd=1:vbv-maxrate=1000:vbv-bufsize=1000:bitrate=800", 0),
}


def sets_of(parameters: str, width: int = 320, height: int = 180) -> list[bytes]:
    return [n for n in encoded(6, parameters, 5, width, height)[0][0] if kind(n) in {VPS_TYPE, SPS_TYPE, PPS_TYPE}]


@pytest.mark.parametrize("form", FORMS)
def test_sets_of_an_encoder(form: str) -> None:
    options, reorder = FORMS[form]
    sets = H265ParameterSets(sets_of(options))
    assert sets.rejected == 0
    assert sets.parameters is not None
    assert sets.active is not None
    assert (sets.parameters.codec, sets.parameters.width) == ("h265", 320)
    assert sets.parameters.height == 180
    assert sets.active.vui_complete
    assert sets.active.frame_ticks == 3600
    if reorder is not None:
        assert sets.active.max_reorder_frames == reorder
    assert sets.parameters.rfc6381.startswith("hvc1.1.6.L")
    assert b"hvcC" in init_segment(sets.parameters, "x")


def test_a_picture_that_fits_no_block_is_cropped() -> None:
    sps = hevc.parse_sps(next(n for n in sets_of("bframes=0", 322, 182) if kind(n) == SPS_TYPE))
    assert (sps.width, sps.height) == (322, 182)


def test_in_band_sets_replace_those_of_sdp_and_a_change_is_told() -> None:
    small, large = sets_of("bframes=0"), sets_of("bframes=0", 640, 360)
    sets = H265ParameterSets(small)
    assert not sets.offer(tuple(small))
    assert sets.offer(tuple(large))
    assert sets.parameters is not None
    assert (sets.parameters.width, sets.parameters.height) == (640, 360)


def test_sets_of_other_layers_describe_nothing() -> None:
    other = [bytes((nal[0], nal[1] | 1 << 3)) + nal[2:] for nal in sets_of("bframes=0")]
    assert H265ParameterSets(other).parameters is None


def test_a_set_that_cannot_be_described_is_named() -> None:
    vps, sps, pps = sets_of("bframes=0")
    for sets in ((vps, sps), (vps, sps[:9], pps)):
        with pytest.raises(CodecNotRecorded):
            init_segment(CodecParameters("h265", sets, 320, 180, ""), "x")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_set_or_a_named_error(data: bytes) -> None:
    for nal in (data, b"\x42\x01" + data, b"\x42\x01\x01\x01\x60" + data):
        try:
            sps = hevc.parse_sps(nal)
        except SpsInvalid:
            continue
        assert 0 < sps.width <= 16_384


@given(st.integers(0, 60), st.integers(0, 7))
def test_a_flipped_bit_is_a_set_or_a_named_error(at: int, bit: int) -> None:
    sps = bytearray(next(n for n in sets_of("bframes=3:b-pyramid=1") if kind(n) == SPS_TYPE))
    sps[at % len(sps)] ^= 1 << bit
    sets = H265ParameterSets([bytes(sps)])
    assert sets.parameters is None
