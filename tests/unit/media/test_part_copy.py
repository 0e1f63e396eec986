"""A part moved to another chunk: what ties it to its place changes, everything else stays, bit for bit."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.units import BLOCK, ticks_to_us
from appliance.media.part import MFHD_SEQUENCE, build_part, parse_part, part_size, verify_payload
from appliance.media.part_copy import dts_of, move_part
from appliance.media.stream import AccessUnit

U64 = st.integers(0, 2**63 - 1)


def _part(sizes: list[int], utc_us: int) -> bytearray:
    units = [
        AccessUnit(bytes([i + 1]) * size, i * 3600, i * 3600 + 7200 * (i % 2), i == 0, camera_us=utc_us - 5)
        for i, size in enumerate(sizes)
    ]
    block = bytearray(part_size(units))
    build_part(
        memoryview(block),
        units,
        offset=4096,
        generation=7,
        run=3,
        sequence=11,
        utc_us=utc_us,
        monotonic_us=123_456,
        boot_id=bytes(range(16)),
        clock_state=1,
        starts_run=True,
        cause=2,
        previous_crc=99,
        tfdt=5,
        last_duration=3600,
    )
    return block


@given(
    sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=12),
    block_number=st.integers(0, 60_000),
    generation=U64,
    previous=st.integers(0, 2**32 - 1),
    tfdt=st.integers(0, 2**47),
    utc_us=st.integers(-(2**62), 2**62),
)
def test_only_the_place_changes(
    sizes: list[int], block_number: int, generation: int, previous: int, tfdt: int, utc_us: int
) -> None:
    before = _part(sizes, utc_us)
    old = parse_part(memoryview(before))
    after = bytearray(before)
    crc = move_part(
        memoryview(after),
        old,
        offset=block_number * BLOCK,
        generation=generation,
        previous_crc=previous,
        tfdt=tfdt,
    )
    new = parse_part(memoryview(after))
    moved = replace(old.header, generation=generation, previous_crc=previous, header_crc=crc)
    assert new == replace(old, header=moved, block_number=block_number, tfdt=tfdt)
    assert after[old.payload_offset :] == before[old.payload_offset :], "mdat and padding, bit for bit"
    assert after[MFHD_SEQUENCE : MFHD_SEQUENCE + 4] == before[MFHD_SEQUENCE : MFHD_SEQUENCE + 4]
    assert verify_payload(memoryview(after), new)


def test_a_part_among_others_is_moved_alone() -> None:
    one, two = _part([900], 1), _part([700, 800], 2)
    whole = one + two
    second = parse_part(memoryview(whole), len(one))
    move_part(memoryview(whole), second, offset=0, generation=1, previous_crc=2, tfdt=3)
    assert whole[: len(one)] == one
    assert parse_part(memoryview(whole), len(one)).header.generation == 1


@given(st.integers(-(2**60), 2**60))
def test_the_decoding_time_comes_back_from_its_microseconds(dts: int) -> None:
    assert dts_of(ticks_to_us(dts)) == dts
