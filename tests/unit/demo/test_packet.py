"""RTP packets of a simulated camera, taken apart again."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from appliance.demo.packet import RtpState, block_of, ntp_of, payloads_of, stap_a


def reassemble(payloads: list[bytes]) -> list[bytes]:
    """RFC 6184 section 5.8 read from the receiver's side."""
    nals: list[bytes] = []
    for payload in payloads:
        if payload[0] & 31 != 28:
            nals.append(payload)
        elif payload[1] & 0x80:
            nals.append(bytes((payload[0] & 0xE0 | payload[1] & 0x1F,)) + payload[2:])
        else:
            nals[-1] += payload[2:]
    return nals


nal_units = st.builds(
    lambda kind, body: bytes((0x60 | kind,)) + body,
    st.integers(1, 12),
    st.binary(max_size=5000),
)


@given(nal_units, st.integers(20, 1500))
def test_fragments_give_the_nal_unit_back(nal: bytes, limit: int) -> None:
    payloads = payloads_of(nal, limit)
    assert reassemble(payloads) == [nal]
    assert all(len(payload) <= limit for payload in payloads)
    if len(payloads) > 1:
        assert [bool(p[1] & 0x80) for p in payloads] == [True] + [False] * (len(payloads) - 1)
        assert [bool(p[1] & 0x40) for p in payloads] == [False] * (len(payloads) - 1) + [True]


def test_aggregate_holds_both_units_with_the_highest_reference() -> None:
    assert stap_a([b"\x67ab", b"\x48c"]) == b"\x78" + b"\x00\x03\x67ab" + b"\x00\x02\x48c"


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=9), st.integers(0, 65535), st.booleans())
def test_each_client_gets_its_own_numbers(payloads: list[bytes], sequence: int, marker: bool) -> None:
    block = block_of(payloads, marker=marker)
    rtp = RtpState(channel=4, ssrc=0xDEADBEEF, sequence=sequence, timestamp_base=0xFFFFFFF0)
    data = bytearray(block.data)
    rtp.fill(block, data, rtp.rtp_time(0x20))
    at = 0
    for index, payload in enumerate(payloads):
        dollar, channel, length, first, second, seq, timestamp, ssrc = struct.unpack_from(">BBHBBHII", data, at)
        assert (dollar, channel, length, first) == (0x24, 4, 12 + len(payload), 0x80)
        assert second == (0x80 if marker and index == len(payloads) - 1 else 0) | 96
        assert (seq, timestamp, ssrc) == ((sequence + index) % 65536, 0x10, 0xDEADBEEF)
        assert data[at + 16 : at + 4 + length] == payload
        at += 4 + length
    assert at == len(data)
    assert (rtp.packets, rtp.octets) == (len(payloads), sum(map(len, payloads)))
    assert block.data[6:16] == bytes(10)  # the shared block is untouched


def test_sender_report_pairs_ntp_with_media_time() -> None:
    rtp = RtpState(channel=2, ssrc=7, sequence=0, timestamp_base=1000, packets=3, octets=99)
    report = rtp.sender_report(ntp_of(1_500_000), 90_000, b"cam")
    assert report[:2] == b"$\x03"
    assert int.from_bytes(report[2:4], "big") == len(report) - 4
    fields = struct.unpack_from(">BBHIQIII", report, 4)
    assert fields == (0x80, 200, 6, 7, (2_208_988_801 << 32) + (1 << 31), 91_000, 3, 99)
    assert report[4 + 28 : 4 + 30] == b"\x81\xca"
    assert b"\x01\x03cam\x00" in report
    assert (len(report) - 4) % 4 == 0
