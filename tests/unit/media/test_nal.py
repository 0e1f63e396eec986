"""NAL units: framing of both kinds."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.media.input_errors import NalInvalid
from appliance.media.nal import annex_b_ranges, nal_type, split_annex_b, stored_units, unescape

NAL = st.binary(min_size=1, max_size=40).map(lambda data: b"\x65" + data.replace(b"\x00", b"\x01"))


def test_emulation_prevention_is_removed_once() -> None:
    assert unescape(b"\x67\x00\x00\x03\x00\x00\x03\x01") == b"\x67\x00\x00\x00\x00\x01"
    assert unescape(b"\x67\x00\x03\x00") == b"\x67\x00\x03\x00"


@given(st.lists(NAL, max_size=5), st.sampled_from([b"\x00\x00\x01", b"\x00\x00\x00\x01", b"\x00\x00\x00\x00\x01"]))
def test_a_byte_stream_is_divided_at_its_start_codes(nals: list[bytes], code: bytes) -> None:
    assert split_annex_b(b"".join(code + nal for nal in nals)) == nals


def test_a_unit_without_start_code_is_left_whole_with_its_zeros() -> None:
    assert annex_b_ranges(b"xx\x65\x01\x00\x00", 2, 6) == [(2, 6)]
    assert split_annex_b(b"") == []


def test_trailing_start_code_of_an_sdp_set_is_framing() -> None:
    assert split_annex_b(b"\x68\xee\x3c\x80\x00\x00\x00\x01") == [b"\x68\xee\x3c\x80"]


@given(st.lists(NAL, max_size=5))
def test_stored_units_come_back(nals: list[bytes]) -> None:
    data = b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
    assert [bytes(unit) for unit in stored_units(data)] == nals


@given(st.binary(max_size=60))
def test_wrong_lengths_are_named(data: bytes) -> None:
    with suppress(NalInvalid):
        assert sum(4 + len(unit) for unit in stored_units(data)) == len(data)
    with pytest.raises(NalInvalid, match="length at byte 0"):
        list(stored_units(b"\x00\x01\x00\x00" + data))


def test_type_of_a_unit() -> None:
    assert nal_type(b"\x67\x4d") == 7
    with pytest.raises(NalInvalid):
        nal_type(b"")
