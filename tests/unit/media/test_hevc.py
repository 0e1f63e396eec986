"""H.265 parameter sets: real encoders' and cameras', and nothing hostile gets through but SpsInvalid."""

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.media import hevc
from appliance.media.boxes import init_segment
from appliance.media.errors import CodecNotRecorded
from appliance.media.input_errors import SpsInvalid
from appliance.media.parameters import H265ParameterSets, codes_fields
from appliance.media.stream import CodecParameters
from tests.peers.h265_rtp import PPS_TYPE, SPS_TYPE, VPS_TYPE, encoded, kind
from tests.unit.media.test_sps import Writer

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


def test_pictures_that_are_fields_are_known_by_their_set() -> None:
    for options, fields in (("bframes=0:interlace=tff", True), ("bframes=0:interlace=bff", True), ("bframes=0", False)):
        sets = H265ParameterSets(sets_of(options))
        assert sets.active is not None
        assert sets.parameters is not None
        assert (sets.active.fields, codes_fields(sets.parameters)) == (fields, fields)
        assert (sets.parameters.height, sets.active.frame_ticks) == (180, 3600)


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


def levels(w: Writer) -> Writer:
    """profile_tier_level of three sub-layers: profile 1, progressive and frame only."""
    general = 1 << 80 | 0x60000000 << 48 | 0b1001 << 44
    w.u(88, general).u(8, 93).u(2, 0b11).u(2, 0b01).u(12, 0)
    return w.u(88, general).u(8, 60).u(8, 90)


def vps_of_three() -> bytes:
    """A VPS that allows three sub-layers."""
    w = levels(Writer().u(4, 0).u(2, 0b11).u(6, 0).u(3, 2).u(1, 1).u(16, 0xFFFF))
    w.u(1, 1).ue(4, 0, 0, 4, 1, 0, 4, 2, 0).u(6, 0).ue(0).u(1, 0).u(1, 0)
    return b"\x40\x01" + w.nal()[1:]


def everything() -> bytes:
    """Three sub-layers, scaling lists, PCM, reference sets predicted from others, long-term pictures, then the VUI."""
    w = levels(Writer().u(4, 0).u(3, 2).u(1, 1))
    w.ue(0, 1, 640, 368).u(1, 1).ue(0, 0, 0, 4).ue(0, 0, 4)
    w.u(1, 1).ue(4, 0, 0, 4, 1, 0, 4, 2, 0)
    w.ue(0, 3, 0, 3, 0, 0).u(1, 1).u(1, 1)
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            w.u(1, size > 1)
            w.ue(*([0] * 65)) if size > 1 else w.ue(0)
    w.u(2, 0b11).u(1, 1).u(8, 0x77).ue(0, 2).u(1, 1)
    w.ue(3).ue(2, 1).ue(0).u(1, 1).ue(0).u(1, 1).ue(0).u(1, 1)
    w.u(1, 1).u(1, 1).ue(0).u(1, 1).u(2, 0b01).u(2, 0b00).u(1, 1)  # predicted: three of the four stay
    w.u(1, 1).u(1, 1).ue(1).u(1, 1).u(1, 1).u(1, 1).u(1, 1)
    w.u(1, 1).ue(1).u(8, 5).u(1, 1)
    w.u(2, 0b11).u(1, 1)
    w.u(1, 1).u(8, 255).u(16, 1).u(16, 1).u(1, 0).u(1, 1).u(4, 0b1010).u(1, 1).u(24, 0x010101).u(1, 0)
    w.u(3, 0).u(1, 0).u(1, 1).u(32, 1).u(32, 20).u(1, 0).u(1, 0).u(1, 0).u(1, 0)
    return b"\x42\x01" + w.nal()[1:]


def test_a_set_with_everything_before_its_timing() -> None:
    sps = hevc.parse_sps(everything())
    assert (sps.width, sps.height, sps.sub_layers, sps.max_reorder_frames) == (640, 360, 3, 2)
    assert (sps.frame_ticks, sps.vui_complete) == (4500, True)
    pps = sets_of("bframes=0")[-1]
    decoder = av.CodecContext.create("hevc", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.extradata = b"".join(b"\0\0\0\1" + nal for nal in (vps_of_three(), everything(), pps))
    decoder.open()
    assert (decoder.width, decoder.height) == (640, 360)  # as libav reads the same bits
    assert float(decoder.framerate) == 20.0


def test_a_set_whose_vui_breaks_off_keeps_its_geometry() -> None:
    sps = hevc.parse_sps(everything()[:-12])
    assert (sps.width, sps.height, sps.max_reorder_frames, sps.vui_complete) == (640, 360, 2, False)
