"""The depacketiser: pictures come out as they went in, however they were cut, and nothing hostile gets through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.media.access_unit import H264Depacketiser
from appliance.media.depacketiser import FOREIGN_PACKETS, MAX_UNIT_BYTES
from tests.peers.collector import Collector
from tests.peers.h264_rtp import PPS, SPS, Packetiser, framed, picture, slice_nal, stored

SEI = b"\x06\x05\x10" + bytes(range(16)) + b"\x80"
AUD = b"\x09\xf0"


class Receiver(Collector):
    kind = H264Depacketiser


def pictures(count: int, size: int = 900) -> list[list[bytes]]:
    return [picture(number, keyframe=number % 5 == 0, size=size + number) for number in range(count)]


@pytest.mark.parametrize("limit", [50, 120, 2000])
def test_pictures_come_out_bit_for_bit(limit: int) -> None:
    sender, receiver = Packetiser(limit=limit), Receiver()
    sent = pictures(12)
    receiver.stream(b"".join(framed(p) for at, nals in enumerate(sent) for p in sender.unit(nals, at * 3600)))
    assert receiver.units == [stored(nals) for nals in sent]
    assert [unit.keyframe for unit in receiver.pictures] == [at % 5 == 0 for at in range(12)]
    assert [unit.timestamp for unit in receiver.pictures] == [at * 3600 for at in range(12)]
    assert receiver.pictures[0].parameter_sets == (SPS, PPS)
    assert receiver.pictures[1].parameter_sets == ()
    assert (receiver.gaps, receiver.depacketiser.malformed) == ([], 0)


@pytest.mark.parametrize("filled", [b"", b"\0", b"\0\0", b"\xff", b"\0\0\0"])
def test_stap_a_holds_the_small_units(filled: bytes) -> None:
    sender, receiver = Packetiser(limit=500), Receiver()
    stap = b"\x78" + b"".join(len(nal).to_bytes(2, "big") + nal for nal in (SPS, PPS, SEI))
    idr = slice_nal(5, 1, 300)
    receiver.take(sender.raw(stap + filled, 0), sender.raw(idr, 0, marker=True))
    assert receiver.units == [stored([SPS, PPS, SEI, idr])]
    assert (receiver.gaps, receiver.depacketiser.malformed) == ([], 0)


@pytest.mark.parametrize("end", ["timestamp", "aud", "first_mb"])
def test_a_picture_ends_without_a_marker_too(end: str) -> None:
    sender, receiver = Packetiser(limit=500), Receiver()
    first, second = picture(0, keyframe=True), picture(1, keyframe=False)
    if end == "aud":
        second = [AUD, *second]
    receiver.take(*sender.unit(first, 0, marker=False))
    receiver.take(*sender.unit(second, 3600 if end == "timestamp" else 0))
    assert receiver.units == [stored(first), stored(second)]


def test_several_slices_are_one_picture() -> None:
    sender, receiver = Packetiser(limit=500), Receiver()
    nals = [SPS, PPS, slice_nal(5, 1, 90), slice_nal(5, 2, 90, first=False), slice_nal(5, 3, 90, first=False)]
    receiver.take(*sender.unit(nals, 0))
    assert receiver.units == [stored(nals)]


def test_parameter_sets_between_the_slices_of_one_picture_do_not_divide_it() -> None:
    sender, receiver = Packetiser(limit=500), Receiver()
    nals = [SPS, PPS, slice_nal(5, 1, 90), SPS, PPS, slice_nal(5, 2, 90, first=False)]
    receiver.take(*sender.unit(nals, 0))
    assert receiver.units == [stored(nals)]


def test_parameter_sets_before_the_next_first_slice_go_with_it() -> None:
    sender, receiver = Packetiser(limit=500), Receiver()
    first, second = [slice_nal(1, 1, 90)], [SPS, PPS, SEI, slice_nal(5, 2, 90)]
    receiver.take(*sender.unit(picture(0, keyframe=True), 0))
    receiver.take(*sender.unit(first + second, 3600))
    assert receiver.units[1:] == [stored(first), stored(second)]
    assert [unit.parameter_sets for unit in receiver.pictures[1:]] == [(), (SPS, PPS)]


def test_a_marker_on_sei_ends_nothing() -> None:
    sender, receiver = Packetiser(limit=500), Receiver()
    idr = slice_nal(5, 1, 90)
    receiver.take(sender.raw(SPS, 0), sender.raw(PPS, 0), sender.raw(SEI, 0, marker=True))
    receiver.take(sender.raw(idr, 0, marker=True))
    assert receiver.units == [stored([SPS, PPS, SEI, idr])]


def test_a_camera_that_marks_each_slice_is_found_out() -> None:
    sender, receiver = Packetiser(limit=500), Receiver()

    def send(number: int, kind: int) -> list[bytes]:
        nals = [slice_nal(kind, number, 90), slice_nal(kind, number + 1, 90, first=False)]
        for nal in nals:
            receiver.take(sender.raw(nal, number * 3600, marker=True))
        return nals

    send(0, 5)
    assert len(receiver.pictures) == 1  # half a picture, and then it shows
    assert receiver.gaps == [0]
    whole = [stored(send(number, 5)) for number in range(1, 5)]
    assert receiver.units[1:] == whole[:-1]  # the last is still open: it ends with the next timestamp


def test_parameter_sets_under_a_timestamp_of_their_own_belong_to_the_next_picture() -> None:
    sender, receiver = Packetiser(limit=500), Receiver()
    idr = slice_nal(5, 1, 90)
    receiver.take(sender.raw(SPS, 0), sender.raw(PPS, 0, marker=True), sender.raw(idr, 3600, marker=True))
    assert receiver.units == [stored([SPS, PPS, idr])]
    assert receiver.pictures[0].timestamp == 3600


def test_a_byte_stream_inside_a_single_unit_is_divided() -> None:
    sender, receiver = Packetiser(limit=500), Receiver()
    idr = slice_nal(5, 1, 90)
    receiver.take(sender.raw(b"\x00\x00\x00\x01".join([SPS, PPS, idr]), 0, marker=True))
    assert receiver.units == [stored([SPS, PPS, idr])]
    assert receiver.pictures[0].parameter_sets == (SPS, PPS)


@pytest.mark.parametrize("code", [b"\0\0\1", b"\0\0\0\1"])
def test_start_codes_before_each_unit_are_framing(code: bytes) -> None:
    sender, receiver = Packetiser(limit=500), Receiver()
    idr = slice_nal(5, 1, 90)
    receiver.take(*(sender.raw(code + nal, 0, marker=nal is idr) for nal in (SPS, PPS, SEI, idr)))
    receiver.take(sender.raw(b"\0" + code[:1], 0), sender.raw(b"\0\0\2\1", 0))  # type 0 without a code is nothing
    assert receiver.units == [stored([SPS, PPS, SEI, idr])]
    assert (receiver.gaps, receiver.depacketiser.malformed) == ([], 0)


def test_a_byte_stream_inside_fragments_of_a_parameter_set_is_divided() -> None:
    sender, receiver = Packetiser(limit=60), Receiver()
    idr = slice_nal(5, 1, 200)
    receiver.take(*sender.unit([b"\x00\x00\x00\x01".join([SPS, PPS, idr])], 0))
    assert receiver.units == [stored([SPS, PPS, idr])]


def test_empty_fragments_reserved_bits_and_changing_types_are_borne() -> None:
    sender, receiver = Packetiser(limit=60), Receiver()
    idr = slice_nal(5, 1, 300)
    payloads = [bytearray(payload) for payload in sender.fragments(idr)]
    payloads[1][1] = 1  # the type changes on the way
    payloads[2][1] |= 0x20
    payloads.insert(2, bytearray(payloads[3][:2]))
    payloads.insert(0, bytearray((idr[0] & 0xE0 | 28, 0x80 | 5)))
    payloads[1][1] = 5
    last = len(payloads) - 1
    receiver.stream(b"".join(framed(sender.raw(bytes(p), 0, marker=at == last)) for at, p in enumerate(payloads)))
    assert receiver.units == [stored([idr])]


def test_padding_extension_and_csrc_do_not_reach_the_picture() -> None:
    sender, receiver = Packetiser(limit=500), Receiver()
    idr = slice_nal(5, 1, 90)
    receiver.take(sender.raw(bytes(4) + b"\xbe\xde\x00\x01abcd" + idr + b"\x00\x00\x03", 0, marker=True, first=0xB1))
    assert receiver.units == [stored([idr])]


@pytest.mark.parametrize("lost", [1, 3])
def test_a_sequence_gap_drops_the_picture_and_is_told(lost: int) -> None:
    sender, receiver = Packetiser(limit=100), Receiver()
    sent = pictures(8)
    packets = [sender.unit(nals, at * 3600) for at, nals in enumerate(sent)]
    del packets[2][3 : 3 + lost]
    receiver.stream(b"".join(framed(packet) for unit in packets for packet in unit))
    assert receiver.gaps == [lost]
    assert receiver.depacketiser.packets_lost == lost
    assert receiver.units == [stored(nals) for at, nals in enumerate(sent) if at != 2]


def test_a_gap_between_pictures_drops_the_one_that_may_have_lost_its_head() -> None:
    sender, receiver = Packetiser(limit=100), Receiver()
    sent = pictures(8)
    packets = [sender.unit(nals, at * 3600) for at, nals in enumerate(sent)]
    packets[2].pop()
    receiver.take(*(packet for unit in packets for packet in unit))
    assert receiver.units == [stored(nals) for at, nals in enumerate(sent) if at not in {2, 3}]


def test_a_keyframe_that_shows_its_beginning_is_kept_right_behind_a_gap() -> None:
    sender, receiver = Packetiser(limit=100), Receiver()
    sent = pictures(8)
    packets = [sender.unit(nals, at * 3600) for at, nals in enumerate(sent)]
    packets[4].pop()  # number 5 is a keyframe that begins with its SPS
    receiver.take(*(packet for unit in packets for packet in unit))
    assert receiver.units == [stored(nals) for at, nals in enumerate(sent) if at != 4]


def test_a_repeated_packet_is_dropped_and_a_restart_is_a_gap() -> None:
    sender, receiver = Packetiser(limit=500), Receiver()
    packets = sender.unit(picture(0, keyframe=True), 0)
    receiver.take(*packets, packets[-1])
    assert receiver.gaps == []
    sender.sequence -= 1000
    receiver.take(*sender.unit(picture(1, keyframe=True), 3600))
    assert receiver.gaps == [1]
    assert len(receiver.pictures) == 2  # it begins with an SPS, so it is whole


def test_other_payload_types_and_sources_are_skipped() -> None:
    sender, receiver = Packetiser(limit=500), Receiver()
    stale = Packetiser(ssrc=99, sequence=5)
    other = Packetiser(payload_type=50, sequence=9)
    sent = pictures(6)
    for at, nals in enumerate(sent):
        receiver.take(*sender.unit(nals, at * 3600), other.raw(b"\x01", 0), stale.raw(b"\x65\x80", 77))
    assert receiver.units == [stored(nals) for nals in sent]
    assert receiver.depacketiser.foreign_packets == 12
    assert receiver.gaps == []


def test_a_source_that_took_over_is_followed() -> None:
    sender, receiver = Packetiser(limit=500), Receiver()
    receiver.take(*sender.unit(picture(0, keyframe=True), 0))
    fresh = Packetiser(ssrc=7, sequence=100, limit=5000)
    for number in range(FOREIGN_PACKETS + 3):
        receiver.take(*fresh.unit(picture(number, keyframe=False), number * 3600))
    receiver.take(*fresh.unit(picture(1, keyframe=True), 999_999))
    assert receiver.depacketiser.ssrc == 7
    assert receiver.gaps == [0]
    assert receiver.pictures[-1].keyframe


@pytest.mark.parametrize("payload", [b"\x78\x00\x09\x65", b"\x79\x00\x00", b"\x7c", b"\x7c\x05\x00"])
def test_broken_payloads_cost_their_picture_and_are_counted(payload: bytes) -> None:
    sender, receiver = Packetiser(limit=500), Receiver()
    receiver.take(*sender.unit(picture(0, keyframe=True), 0))
    receiver.take(*sender.unit(picture(1, keyframe=False), 3600, marker=False), sender.raw(payload, 3600, marker=True))
    receiver.take(*sender.unit(picture(2, keyframe=True), 7200))
    assert receiver.depacketiser.malformed == 1
    assert receiver.gaps == [0]
    assert receiver.units == [stored(picture(0, keyframe=True)), stored(picture(2, keyframe=True))]


def test_a_picture_without_end_does_not_fill_the_memory() -> None:
    receiver, sender = Receiver(), Packetiser()
    block = bytes((0x7C, 0x05)) + bytes(range(1, 251)) * 200
    receiver.take(sender.raw(bytes((0x7C, 0x85, 0xB8)), 0))
    for _ in range(MAX_UNIT_BYTES // len(block) * 2 + 2):
        receiver.stream(framed(sender.raw(block, 0)))
    assert receiver.gaps == [0]
    assert receiver.pictures == []


def test_parameter_sets_without_end_do_not_fill_the_memory() -> None:
    receiver, sender = Receiver(), Packetiser(limit=500)
    for _ in range(300):
        receiver.take(sender.raw(SPS, 0))
    assert receiver.gaps == [0, 0, 0, 0]  # dropped at each 65th set
    receiver.take(*sender.unit(picture(0, keyframe=True), 3600))
    assert len(receiver.pictures) == 1


@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 3), st.booleans(), st.integers(0, 2)), max_size=40))
def test_arbitrary_payloads_raise_nothing_and_stored_units_stay_well_formed(
    packets: list[tuple[bytes, int, bool, int]],
) -> None:
    sender, receiver = Packetiser(), Receiver()
    for payload, skipped, marker, step in packets:
        sender.sequence = (sender.sequence + (skipped == 3)) & 0xFFFF
        receiver.stream(framed(sender.raw(payload, step * 3600, marker=marker)))
    for unit in receiver.units:
        at = 0
        while at < len(unit):
            at += 4 + int.from_bytes(unit[at : at + 4], "big")
        assert at == len(unit)


@given(st.lists(st.binary(max_size=60), max_size=30))
def test_arbitrary_packets_raise_nothing(packets: list[bytes]) -> None:
    receiver = Receiver()
    receiver.take(*packets)
    assert receiver.depacketiser.malformed + receiver.depacketiser.foreign_packets <= 2 * len(packets) + 1
