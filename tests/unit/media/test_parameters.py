"""Parameter sets: SDP's and in-band ones, and what counts as a change."""

import pytest

from appliance.media.parameters import MAX_KEPT, H264ParameterSets
from tests.peers.h264_rtp import PPS, SPS

SMALL = bytes.fromhex("674d401eda0280bfe584000003000400000300c83c58ba80")
OTHER_PPS = bytes.fromhex("68ce0fc8")


def test_sets_of_sdp_serve_until_others_come() -> None:
    sets = H264ParameterSets([SPS, PPS])
    assert sets.parameters is not None
    assert (sets.parameters.width, sets.parameters.height, sets.parameters.rfc6381) == (1920, 1080, "avc1.4d4028")
    assert not sets.offer((SPS, PPS))
    assert sets.offer((SMALL, PPS))
    assert sets.parameters.parameter_sets == (SMALL, PPS)
    assert (sets.parameters.width, sets.parameters.height) == (640, 360)


@pytest.mark.parametrize(
    "described",
    [(), (b"\x67\x4d", b"\x68"), (b"\x00\x01\x02",), (SPS,)],
    ids=["absent", "cut", "nonsense", "no PPS"],
)
def test_in_band_sets_win_when_those_of_sdp_do_not_parse(described: tuple[bytes, ...]) -> None:
    sets = H264ParameterSets(described)
    assert sets.parameters is None
    assert sets.offer((SPS, PPS))
    assert sets.parameters is not None


def test_sdp_in_byte_stream_form_is_understood() -> None:
    sets = H264ParameterSets([SPS + b"\x00\x00\x00\x01", b"\x00\x00\x00\x01" + PPS])
    assert sets.parameters is not None
    assert sets.parameters.parameter_sets == (SPS, PPS)


def test_the_first_in_band_pair_replaces_all_of_sdp() -> None:
    second = bytes((PPS[0], 0x58, *PPS[2:]))  # pic_parameter_set_id 1
    sets = H264ParameterSets([SPS, PPS, second])
    assert sets.offer((SPS, PPS))
    assert sets.parameters is not None
    assert sets.parameters.parameter_sets == (SPS, PPS)


def test_repeated_sets_are_no_change_and_a_lone_pps_is_one() -> None:
    sets = H264ParameterSets()
    assert sets.offer((SPS, PPS))
    assert not sets.offer((SPS, PPS))
    assert not sets.offer((PPS,))
    assert not sets.offer((SPS, PPS, PPS))
    assert sets.offer((OTHER_PPS,))


def test_a_broken_set_in_band_changes_nothing() -> None:
    sets = H264ParameterSets([SPS, PPS])
    assert not sets.offer((b"\x67\x4d\x40", PPS))
    assert not sets.offer((b"\x68",))
    assert sets.rejected == 2


def test_sets_without_number_or_end_are_not_kept() -> None:
    sets = H264ParameterSets([SPS, PPS])
    many = tuple(BitWriter().ue(number).pps() for number in range(1, 40))
    assert sets.offer(many)
    assert sets.parameters is not None
    assert len(sets.parameters.parameter_sets) == 1 + MAX_KEPT
    assert not sets.offer((PPS + bytes(range(1, 255)) * 8,))


class BitWriter:
    """Writes a PPS that is only its number."""

    def __init__(self) -> None:
        self.text = ""

    def ue(self, value: int) -> "BitWriter":
        bits = format(value + 1, "b")
        self.text += "0" * (len(bits) - 1) + bits
        return self

    def pps(self) -> bytes:
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        return b"\x68" + bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))
