"""The accounting of many cameras tells every picture that is missing, altered, or there again."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from appliance.media.access_unit import H264Depacketiser
from appliance.media.depacketiser import Picture
from tests.peers.numbered import Kind, Ledger, NumberedPictures

SMALL = Kind(fps=5, bytes_per_second=4_000, gop_s=2)
PICTURES = NumberedPictures("small", SMALL)
FIRST = 1_000_003 * len(PICTURES)


def units(first: int, count: int) -> list[bytes]:
    """What a recorder makes of the packets."""
    found: list[bytes] = []

    def take(picture: Picture) -> None:
        found.append(bytes(picture.data))

    depacketiser = H264Depacketiser(96, take, lambda _lost: None)
    sequence = 0
    for number in range(first, first + count):
        block = PICTURES.block(number)
        for start, end in block.packets():
            packet = bytearray(block.data[start:end])
            packet[6:12] = (sequence & 0xFFFF).to_bytes(2, "big") + (number * 18_000 & 0xFFFFFFFF).to_bytes(4, "big")
            sequence += 1
            depacketiser.packet(packet, memoryview(packet), 4, len(packet))
    return found


UNITS = units(FIRST, 40)


def test_a_picture_comes_out_as_it_was_sent_with_its_number() -> None:
    assert [PICTURES.number_of(unit) for unit in UNITS] == list(range(FIRST, FIRST + 40))


@given(st.integers(0, 39), st.data())
def test_one_byte_makes_it_another(which: int, data: st.DataObject) -> None:
    unit = bytearray(UNITS[which])
    at = data.draw(st.integers(0, len(unit) - 1))
    unit[at] ^= data.draw(st.integers(1, 255))
    assert PICTURES.number_of(bytes(unit)) != FIRST + which
    assert PICTURES.number_of(UNITS[which][:-1]) is None


@given(st.sets(st.integers(0, 39)), st.sets(st.integers(0, 39)))
def test_what_is_missing_or_there_again_is_counted(missing: set[int], again: set[int]) -> None:
    ledger = Ledger()
    kept = [number for number in range(40) if number not in missing]
    again -= missing
    for number in chain.from_iterable([number, number] if number in again else [number] for number in kept):
        ledger.enter(number)
    assert ledger.differences([(0, 40)]) == len(missing) + len(again)


def test_sessions_leave_out_what_nobody_asked_for() -> None:
    ledger = Ledger()
    for number in (*range(10, 20), *range(30, 40)):
        ledger.enter(number)
    assert ledger.differences([(10, 20), (30, 40)]) == 0
    assert ledger.differences([(10, 22), (30, 40)]) == 2, "what was sent before the end of a session"
    assert ledger.differences([(10, 40)]) == 10
    assert ledger.differences([]) == 30, "pictures of nobody"
    assert Ledger().differences([(10, 20)]) == 10
