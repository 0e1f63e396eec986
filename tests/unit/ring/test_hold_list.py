"""The list of holds on a disk: a cut takes one slot at most, damage takes what it touches."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.units import BLOCK
from appliance.ring.protect.hold_list import HOLDS, SLOT, decode_slot, encode_list, make_list, read_list, slot_offset
from appliance.ring.protect.policy import MAX_HOLDS, MAX_WORDS
from tests.unit.ring.test_protect import HOLD


def _write(path: Path, count: int, holds: int) -> None:
    with path.open("r+b") as file:
        file.seek(slot_offset(count))
        file.write(encode_list(count, [replace(HOLD, id=f"h{i}") for i in range(holds)]))


def test_the_newer_slot_is_believed_and_the_other_when_it_is_torn(tmp_path: Path) -> None:
    path = tmp_path / HOLDS
    assert read_list(path) == (0, [])
    make_list(path)
    assert read_list(path) == (0, [])
    for count in (1, 2, 3):
        _write(path, count, count)
        found, holds = read_list(path)
        assert (found, [h.id for h in holds]) == (count, [f"h{i}" for i in range(count)])
    with path.open("r+b") as file:
        file.seek(slot_offset(3) + 100)
        file.write(b"\0")
    assert read_list(path)[0] == 2
    make_list(path)
    assert read_list(path)[0] == 2, "a file that is there is kept"


def test_the_usual_list_fits_its_slot() -> None:
    long = replace(HOLD, words="é" * MAX_WORDS, requester="à" * MAX_WORDS)
    data = encode_list(1, [long] * MAX_HOLDS)
    assert len(data) <= SLOT
    assert len(data) % BLOCK == 0


@given(st.binary(max_size=200))
def test_bytes_that_are_no_list_are_none(data: bytes) -> None:
    assert decode_slot(data) is None


@given(at=st.integers(0, 4000), value=st.integers(0, 255))
def test_a_flipped_byte_is_found(at: int, value: int) -> None:
    data = bytearray(encode_list(5, [HOLD, HOLD]))
    found = decode_slot(bytes(data))
    data[at] = value
    assert decode_slot(bytes(data)) in (found, None)
