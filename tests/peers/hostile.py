"""Each parser of what a camera sends, as a function of bytes: returns, or refuses by a named error. For any input.

`TARGETS` is what Hypothesis, the kept corpus and the coverage-guided fuzzer (tests/fuzz/run.py) all feed.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from appliance.capture.auth import parse_challenges
from appliance.capture.connection import RtspConnection
from appliance.capture.errors import CameraClosed, CaptureError
from appliance.capture.measure import coded_bytes
from appliance.capture.message import parse_head, parse_rtp_info, parse_session, parse_transport
from appliance.capture.rtsp import RtspSession
from appliance.capture.runs import RunKeeper
from appliance.capture.sdp import choose_video, parse_sdp
from appliance.capture.url import Credentials, join_control, parse_url
from appliance.core.clock import SimulatedClock
from appliance.core.errors import ApplianceError
from appliance.media.access_unit import H264Depacketiser
from appliance.media.access_unit_h265 import H265Depacketiser
from appliance.media.depacketiser import Depacketiser
from appliance.media.hevc import parse_sps as parse_hevc_sps
from appliance.media.nal import split_annex_b, stored_units
from appliance.media.parameters import parameter_sets
from appliance.media.rtp import parse_rtcp
from appliance.media.sps import parse_sps
from appliance.media.stream import ClockState, Codec
from tests.peers.conversation import Replayed
from tests.peers.sink import KeepingSink

CODECS: Final[tuple[Codec, ...]] = ("h264", "h265")
MAX_INPUT: Final = 65_536
"""Bytes of one input: the largest interleaved message and then some."""


def rtsp(data: bytes) -> None:
    """An answer's head and the headers in it."""
    message, _length = parse_head(data, 0)
    for values in message.headers.values():
        for value in values:
            parse_session(value)
            parse_transport(value)
            parse_rtp_info(value)
        parse_challenges(values)


def sdp(data: bytes) -> None:
    """A description, its video and its parameter sets."""
    track = choose_video(parse_sdp(data))
    _ = parameter_sets(track.codec, track.parameter_sets).parameters
    join_control("rtsp://camera/x/", track.control or "")


def url(data: bytes) -> None:
    """A URL as a site file or a camera gives it."""
    parse_url(data.decode("utf-8", "surrogateescape"))


def rtcp(data: bytes) -> None:
    """A compound packet."""
    parse_rtcp(data)


def h264_sps(data: bytes) -> None:
    """A sequence parameter set."""
    parse_sps(data)


def h265_sps(data: bytes) -> None:
    """The same of H.265."""
    parse_hevc_sps(data)


def nals(data: bytes) -> None:
    """A byte stream and an access unit with lengths."""
    parts = split_annex_b(data)
    assert sum(map(len, parts)) <= len(data)
    for codec in CODECS:
        parameter_sets(codec, parts)
        coded_bytes(data, codec)
    list(stored_units(data))


def packets(data: bytes) -> None:
    """RTP packets, each behind two bytes of length, into both depacketisers and runs of their pictures."""
    for codec in CODECS:
        clock, sink = SimulatedClock(), KeepingSink()
        runs = RunKeeper(sink, clock, lambda: ClockState.HELD)
        runs.connected((), codec)
        _pour(_depacketiser(codec, runs, clock), data, clock)
        kept = sum(len(unit.data) for run in sink.runs for unit in run.units)
        assert kept <= 8 * len(data) + 64  # lengths are added, nothing is multiplied


def _depacketiser(codec: Codec, runs: RunKeeper, clock: SimulatedClock) -> Depacketiser:
    kind = H264Depacketiser if codec == "h264" else H265Depacketiser
    return kind(96, lambda picture: runs.picture(picture, clock.monotonic_us()), lambda _lost: runs.gap())


def _pour(receiver: Depacketiser, data: bytes, clock: SimulatedClock) -> None:
    at = 0
    while at + 2 <= len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        packet = bytearray(data[at + 2 : at + 2 + length])
        clock.advance(0.001)
        with suppress(ApplianceError):
            receiver.packet(packet, memoryview(packet), 0, len(packet))
        at += 2 + length


def connection(data: bytes) -> None:
    """The whole connection, in pieces by the first byte: nothing is raised into the loop; its end is a named reason."""
    asyncio.run(pictures(data))


async def pictures(data: bytes) -> int:
    """Pictures that were kept."""
    clock, sink = SimulatedClock(), KeepingSink()
    runs = RunKeeper(sink, clock, lambda: ClockState.HELD)
    runs.connected(())
    link = RtspConnection(clock)
    receiver = H264Depacketiser(96, lambda p: runs.picture(p, link.arrival_us), lambda _n: runs.gap())
    link.receive((0, 1), receiver, lambda _data: None)
    step, data = 1 + (data[0] if data else 0) * 7, data[1:]
    for at in range(0, len(data), step):
        if link.closed.done():
            break
        room = link.get_buffer(-1)
        piece = data[at : at + step]
        room[: len(piece)] = piece
        link.buffer_updated(len(piece))
    if link.closed.done():
        assert isinstance(link.closed.result(), CaptureError)
    return sum(len(run.units) for run in sink.runs)


def session(data: bytes) -> None:
    """The same before any stream: a description is asked for, its end has to be found, then it is SETUP and played."""
    asyncio.run(_session(data))


async def _session(data: bytes) -> None:
    link = RtspConnection(SimulatedClock())
    wire = Replayed(
        {method: [data[1:]] for method in ("DESCRIBE", "SETUP", "PLAY")}, (1 + (data[0] if data else 0) * 7,)
    )
    wire.connection = link
    link.connection_made(wire)
    talk = RtspSession(link, parse_url("rtsp://camera/x"), Credentials("user", "word"))
    with suppress(TimeoutError, CaptureError):
        async with asyncio.timeout(0):  # what is not there at once never comes
            track = await talk.describe()
            await talk.setup(track, H264Depacketiser(96, lambda _p: None, lambda _n: None), lambda _d: None)
            await talk.play()
    link.abort(CameraClosed(reason="the input is over"))


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "rtsp": rtsp,
    "sdp": sdp,
    "url": url,
    "rtcp": rtcp,
    "h264_sps": h264_sps,
    "h265_sps": h265_sps,
    "nals": nals,
    "packets": packets,
    "connection": connection,
    "session": session,
}


def feed(name: str, data: bytes) -> None:
    """One input to one target: whatever is not a named error goes on up."""
    with suppress(ApplianceError):
        TARGETS[name](data[:MAX_INPUT])
