"""The counter's two carriers: written and read back, at any value and any size of display."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.demo.bits import escape, unescape
from appliance.demo.counter import (
    BLOCKS,
    SEI_TEXT_AT,
    Burnt,
    Stamp,
    code_bits,
    code_macroblocks,
    find_stamp,
    read_burnt,
    read_sei,
    sei_nal,
    stamp_text,
)

stamps = st.builds(
    Stamp,
    counter=st.integers(0, 2**64 - 1),
    utc_us=st.integers(0, 2**63),
    tag=st.integers(0, 255),
)


@given(stamps, stamps)
def test_sei_round_trip_has_one_length_and_needs_no_escape(first: Stamp, second: Stamp) -> None:
    nal = sei_nal(first)
    assert read_sei(nal) == first
    assert escape(nal) == nal == unescape(nal)
    assert len(nal) == len(sei_nal(second))
    patched = bytearray(nal)
    patched[SEI_TEXT_AT : SEI_TEXT_AT + len(stamp_text(second))] = stamp_text(second)
    assert bytes(patched) == sei_nal(second)


@given(stamps, st.binary(max_size=200))
def test_stamp_is_found_inside_other_data(stamp: Stamp, around: bytes) -> None:
    assert find_stamp(around + sei_nal(stamp) + around) == stamp


@pytest.mark.parametrize("nal", [b"", b"\x06", b"\x06\x05\x10" + bytes(16), sei_nal(Stamp(1, 2, 3))[:-10], b"\x65abc"])
def test_other_sei_is_not_ours(nal: bytes) -> None:
    assert read_sei(nal) is None


def painted(counter: int, tag: int, width: int, height: int) -> npt.NDArray[np.uint8]:
    """A grey picture with the block code, by the module's own description of the geometry."""
    picture = np.full((height, width), 100, np.uint8)
    top = (-(-height // 16) - 3) * 16
    picture[top:] = 24
    bits, k = code_bits(counter, tag), code_macroblocks(width)
    for line in (0, 1):
        for block, bit in enumerate("01" + bits[line * (BLOCKS - 2) : (line + 1) * (BLOCKS - 2)]):
            for macroblock in range(block * k, block * k + k):
                if bit == "1":
                    x = macroblock * 16
                    picture[top + 8 * line : top + 8 * line + 8, x : x + 12] = 232
    return picture


@settings(max_examples=40)  # whole pictures
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 255),
    st.sampled_from([(640, 360), (480, 360), (1280, 720), (960, 720), (1920, 1080)]),
)
def test_burnt_code_is_read_as_painted(counter: int, tag: int, size: tuple[int, int]) -> None:
    picture = painted(counter, tag, *size)
    assert read_burnt(picture, *size) == Burnt(counter, tag)
    colour = np.repeat(picture[..., None], 4, axis=2)
    assert read_burnt(colour, *size) == Burnt(counter, tag)
    assert read_burnt(picture[::2, ::2], *size) == Burnt(counter, tag)


@given(st.integers(0, 2**32 - 1), st.integers(0, BLOCKS - 3), st.booleans())
def test_a_wrong_block_is_noticed(counter: int, block: int, lower: bool) -> None:
    picture = painted(counter, 3, 640, 360)
    top = (-(-360 // 16) - 3) * 16 + 8 * lower
    part = picture[top : top + 8, (block + 2) * 16 : (block + 2) * 16 + 12]
    part[:] = 232 if part[0, 0] == 24 else 24
    assert read_burnt(picture, 640, 360) is None


def test_a_picture_without_code_gives_none() -> None:
    assert read_burnt(np.full((360, 640), 128, np.uint8), 640, 360) is None
    assert read_burnt(np.zeros((240, 320), np.uint8), 320, 240) is None
