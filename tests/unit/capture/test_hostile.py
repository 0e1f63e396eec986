"""Hostile bytes: each parser returns or refuses by name, in bounded time and memory; the kept corpus too."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.peers.h264_rtp import PPS, SPS, Packetiser, framed, picture
from tests.peers.hostile import MAX_INPUT, TARGETS, feed, pictures
from tests.peers.makes import MAKES
from tests.peers.makes_more import MORE_MAKES

CORPUS = Path(__file__).resolve().parents[2] / "fuzz" / "corpus"
FEEDS = pytest.mark.parametrize("target", sorted(TARGETS))
H265_SPS = bytes.fromhex("420101016000000300900000030000030078a003c08010e596566924caf010100000030010000003019080")
MEMORY = 32 << 20
"""Bytes at the most, for 64 KiB of input."""


def packets() -> list[bytes]:
    sender = Packetiser(limit=300)
    return [packet for n in range(4) for packet in sender.unit(picture(n, keyframe=n == 0, size=900), n * 3600)]


def seeds(target: str) -> list[bytes]:
    """Sound inputs, to be bent."""
    session = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 7;timeout=30\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n"
    known = {
        "rtsp": [session + b'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5\r\nRTP-Info: url=a;seq=1'],
        "sdp": [
            (
                b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                b"a=fmtp:96 sprop-parameter-sets=Z0IAKeKQ,aM48\r\n"
                b"a=control:track1\r\nm=audio 0 RTP/AVP 0\r\n"
            )
        ],
        "url": [b"rtsp://user:pass@[::1]:554/a?b=c"],
        "rtcp": [bytes.fromhex("80c80006") + bytes(24) + bytes.fromhex("81cb000100000001")],
        "h264_sps": [SPS],
        "h265_sps": [H265_SPS],
        "nals": [b"\0\0\1" + SPS + b"\0\0\0\1" + PPS, b"".join(len(x).to_bytes(4, "big") + x for x in (SPS, PPS))],
        "packets": [b"".join(len(packet).to_bytes(2, "big") + packet for packet in packets())],
        "session": [
            b"\x20" + made
            for make in (*MAKES.values(), *MORE_MAKES.values())
            for made in (make.describe, make.describe + make.setup, make.describe + make.setup + make.play)
        ],
        "connection": [b"\x05" + session + b"\r\n" + b"".join(framed(packet) for packet in packets())],
    }
    return known[target]


@FEEDS
@settings(max_examples=60)
@given(data=st.data())
def test_anything_is_parsed_or_refused_by_name(target: str, data: st.DataObject) -> None:
    feed(target, data.draw(st.binary(max_size=600)))
    bent = bytearray(data.draw(st.sampled_from(seeds(target))))
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(bent) - 1), st.integers(0, 255)), max_size=8)):
        bent[at] = value
    first, stop = sorted(data.draw(st.tuples(st.integers(0, len(bent)), st.integers(0, len(bent)))))
    feed(target, bytes(bent[:first] + bent[stop:]))
    feed(target, bytes(bent[:stop] + bent[first:]))


async def test_the_sound_inputs_reach_a_picture() -> None:
    """The twin of the test above: what is bent there was recorded before."""
    for sound in (*seeds("connection"), (CORPUS / "connection" / "sound-0").read_bytes()):
        assert await pictures(sound) >= 3


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*/*")), ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_the_fuzzer_found_stays_mended(file: Path) -> None:
    feed(file.parent.name, file.read_bytes())


@pytest.mark.full
@FEEDS
@pytest.mark.parametrize(
    "shape", ["zeros", "ones", "lines", "repeated", "colons", "starts", "tiny", "blanks", "quotes", "commas"]
)
def test_the_largest_inputs_cost_bounded_memory_and_end(target: str, shape: str) -> None:
    seed = seeds(target)[0]
    shapes = {
        "zeros": b"\0",
        "ones": b"\xff",
        "lines": b"a=b\r\n",
        "repeated": seed,
        "colons": b':;,=" ',
        "starts": b"\0\0\1\x67",
        "tiny": b"\0\x01a",
        "blanks": b" " * 15_000 + b"\xc3\xa9",  # what a backtracking pattern would try in every way
        "quotes": b'a="\\"b=' * 1500 + b"\\",
        "commas": b"," * 15_000 + b"a=",
    }
    unit = shapes[shape]
    data = (seed + unit * (MAX_INPUT // len(unit) + 1))[:MAX_INPUT]
    feed(target, b"")  # what is made once
    tracemalloc.start()
    try:
        feed(target, data)
        feed(target, unit * (MAX_INPUT // len(unit)))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY  # quadratic time would meet the test's own limit
