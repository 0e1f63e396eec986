"""RTP and RTCP headers."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.media.input_errors import RtcpInvalid, RtpInvalid
from appliance.media.rtp import Bye, SenderReport, parse_rtcp, parse_rtp
from tests.peers.h264_rtp import goodbye, sender_report


def header(first: int, *, second: int = 0xE0) -> bytes:
    return struct.pack(">BBHII", first, second, 7, 90_000, 0x55)


def test_the_plain_header() -> None:
    packet = b"--" + header(0x80) + b"payload"
    parsed = parse_rtp(packet, 2, len(packet))
    assert parsed == (True, 96, 7, 90_000, 0x55, 14, len(packet))


def test_csrc_extension_and_padding_are_skipped() -> None:
    packet = header(0xB2) + bytes(8) + struct.pack(">HH", 0xABAC, 1) + bytes(4) + b"abc" + b"\x00\x00\x03"
    parsed = parse_rtp(packet, 0, len(packet))
    assert packet[parsed.payload : parsed.end] == b"abc"


@pytest.mark.parametrize(
    "packet",
    [
        b"\x80",
        header(0x40),
        header(0x8F),
        header(0x90) + b"\x00\x00",
        header(0x90) + b"\x00\x00\x00\x05",
        header(0xA0) + b"\x00",
        header(0xA0) + b"\x40",
    ],
)
def test_what_is_no_rtp_is_refused_by_name(packet: bytes) -> None:
    with pytest.raises(RtpInvalid):
        parse_rtp(packet, 0, len(packet))


def test_sender_report_and_goodbye_in_one_compound_packet() -> None:
    found = parse_rtcp(sender_report(9, 0x0123456789ABCDEF, 42) + goodbye(9))
    assert found == [SenderReport(9, 0x0123456789ABCDEF, 42), Bye((9,))]


@pytest.mark.parametrize(
    "data",
    [b"\x80", b"\x00\xc8\x00\x00", b"\x80\xc8\x00\x01\x00\x00\x00\x00", b"\x80\xc8\x00\x09", b"\x82\xcb\x00\x00"],
)
def test_what_is_no_rtcp_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(RtcpInvalid):
        parse_rtcp(data)


@given(st.binary(max_size=80))
def test_arbitrary_bytes_raise_only_named_errors(data: bytes) -> None:
    with suppress(RtpInvalid):
        parsed = parse_rtp(data, 0, len(data))
        assert 12 <= parsed.payload <= parsed.end <= len(data)
    with suppress(RtcpInvalid):
        assert len(parse_rtcp(data)) <= len(data) // 4
