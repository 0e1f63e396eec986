"""The H.265 depacketiser: pictures come out as they went in, however they were cut (RFC 7798)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.media.access_unit_h265 import H265Depacketiser
from tests.peers.collector import Collector
from tests.peers.h264_rtp import framed, stored
from tests.peers.h265_rtp import HevcPacketiser, aggregate, encoded, kind

SETS = {32, 33, 34}
SUFFIX_SEI = b"\x50\x01\x84\x04abcd\x80"
PREFIX_SEI = b"\x4e\x01\x05\x04abcd\x80"
END_OF_SEQUENCE = b"\x48\x01"
AUD = b"\x46\x01\x50"


class Receiver(Collector):
    kind = H265Depacketiser


def trailing(fill: int, size: int = 60, *, nal: int = 1, first: bool = True) -> bytes:
    return bytes((nal << 1, 1, 0xA0 if first else 0x20)) + bytes(1 + (fill + at) % 255 for at in range(size))


def sets() -> list[bytes]:
    return [nal for nal in encoded()[0][0] if kind(nal) in SETS]


@pytest.mark.parametrize(
    "options", ["bframes=0", "bframes=3:b-pyramid=1", "bframes=0:slices=3:pools=2", "bframes=2:open-gop=1"]
)
@pytest.mark.parametrize("limit", [60, 1300, 60_000])
def test_pictures_of_an_encoder_come_out_bit_for_bit(options: str, limit: int) -> None:
    sent = encoded(12, options)
    sender, receiver = HevcPacketiser(limit=limit), Receiver()
    receiver.stream(b"".join(framed(p) for nals, at, _ in sent for p in sender.unit(nals, at * 3600)))
    assert receiver.units == [stored(nals) for nals, _, _ in sent]
    assert [unit.timestamp for unit in receiver.pictures] == [at * 3600 for _, at, _ in sent]
    assert [unit.keyframe for unit in receiver.pictures] == [key for _, _, key in sent]
    assert len(receiver.pictures[0].parameter_sets) == 3
    assert (receiver.gaps, receiver.depacketiser.malformed) == ([], 0)


def test_leading_pictures_of_an_open_group_are_told() -> None:
    sent = encoded(16, "bframes=2:open-gop=1")
    receiver, sender = Receiver(), HevcPacketiser(limit=1300)
    receiver.take(*(p for nals, at, _ in sent for p in sender.unit(nals, at * 3600)))
    expected = [any(6 <= kind(nal) <= 9 for nal in nals) for nals, _, _ in sent]
    assert any(expected)
    assert [unit.leading for unit in receiver.pictures] == expected


@pytest.mark.parametrize("filled", [b"", b"\0", b"\0\0", b"\xff"])
def test_an_aggregation_packet_holds_the_small_units(filled: bytes) -> None:
    sender, receiver = HevcPacketiser(limit=500), Receiver()
    idr = trailing(1, nal=19)
    receiver.take(sender.raw(aggregate([*sets(), PREFIX_SEI]) + filled, 0), sender.raw(idr, 0, marker=True))
    assert receiver.units == [stored([*sets(), PREFIX_SEI, idr])]


@pytest.mark.parametrize("end", ["timestamp", "aud", "first_slice"])
def test_a_picture_ends_without_a_marker_too(end: str) -> None:
    sender, receiver = HevcPacketiser(limit=500), Receiver()
    first = [*sets(), trailing(0, nal=20)]
    second = [AUD, trailing(7)] if end == "aud" else [trailing(7)]
    receiver.take(*sender.unit(first, 0, marker=False))
    receiver.take(*sender.unit(second, 3600 if end == "timestamp" else 0))
    assert receiver.units == [stored(first), stored(second)]


def test_what_closes_a_picture_stays_with_it() -> None:
    sender, receiver = HevcPacketiser(limit=500), Receiver()
    first = [*sets(), trailing(0, nal=19), trailing(9, nal=19, first=False), SUFFIX_SEI, END_OF_SEQUENCE]
    second = [PREFIX_SEI, trailing(7)]
    receiver.take(*sender.unit(first, 0, marker=False), *sender.unit(second, 0))
    assert receiver.units == [stored(first), stored(second)]


def test_units_of_other_layers_neither_begin_nor_end_a_picture() -> None:
    sender, receiver = HevcPacketiser(limit=500), Receiver()
    other = bytearray(trailing(3, nal=19))
    other[1] |= 1 << 3
    first = [*sets(), trailing(0, nal=19), bytes(other)]
    receiver.take(*sender.unit(first, 0))
    assert receiver.units == [stored(first)]


def test_a_lost_fragment_costs_its_picture_and_is_told() -> None:
    sender, receiver = HevcPacketiser(limit=50), Receiver()
    packets = [
        sender.unit([*sets(), trailing(0, 300, nal=19)], 0),
        sender.unit([trailing(1, 300)], 3600),
        sender.unit([trailing(2, 300)], 7200),
    ]
    del packets[1][2]
    receiver.take(*(p for picture in packets for p in picture))
    assert [unit.timestamp for unit in receiver.pictures] == [0, 7200]
    assert receiver.gaps == [1]


@pytest.mark.parametrize("before", [b"", b"\0\0\1", b"\0\0\0\1"])
def test_byte_stream_inside_a_packet_is_divided(before: bytes) -> None:
    sender, receiver = HevcPacketiser(limit=5000), Receiver()
    joined = before + b"\0\0\0\1".join([*sets(), trailing(0, nal=19)])
    receiver.take(sender.raw(joined, 0, marker=True))
    assert receiver.units == [stored([*sets(), trailing(0, nal=19)])]


def test_a_trailing_picture_of_type_0_in_a_single_packet() -> None:
    sender, receiver = HevcPacketiser(limit=500), Receiver()
    first, second = [*sets(), trailing(0, nal=19)], [trailing(7, nal=0)]
    receiver.take(*sender.unit(first, 0), *sender.unit(second, 3600))
    assert receiver.units == [stored(first), stored(second)]


def test_changing_types_and_empty_fragments_are_borne() -> None:
    sender, receiver = HevcPacketiser(limit=100), Receiver()
    picture = trailing(0, 300, nal=19)
    begin, *middle, end = sender.fragments(picture)
    odd = [middle[0][:2] + bytes((middle[0][2] & 0xC0 | 1,)) + middle[0][3:], *middle[1:]]
    payloads = [*sets(), begin, *odd, begin[:2] + bytes((begin[2] & 0x3F,)), end]
    receiver.take(*(sender.raw(p, 0, marker=p is end) for p in payloads))
    assert receiver.units == [stored([*sets(), picture])]


def test_a_marker_on_sei_ends_nothing() -> None:
    sender, receiver = HevcPacketiser(limit=500), Receiver()
    receiver.take(
        *(sender.raw(nal, 0) for nal in sets()),
        sender.raw(PREFIX_SEI, 0, marker=True),
        sender.raw(trailing(0, nal=19), 0, marker=True),
    )
    assert receiver.units == [stored([*sets(), PREFIX_SEI, trailing(0, nal=19)])]


@given(st.lists(st.tuples(st.binary(max_size=60), st.integers(0, 3), st.booleans()), max_size=30))
def test_nothing_hostile_raises_and_what_comes_out_is_framed(payloads: Sequence[tuple[bytes, int, bool]]) -> None:
    sender, receiver = HevcPacketiser(), Receiver()
    receiver.stream(b"".join(framed(sender.raw(p, t * 3600, marker=m)) for p, t, m in payloads))
    for unit in receiver.units:
        at = 0
        while at < len(unit):
            at += 4 + int.from_bytes(unit[at : at + 4], "big")
        assert at == len(unit)
