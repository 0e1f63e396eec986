"""The connection: any cut of the byte stream gives the same messages, and nothing hostile reaches the loop."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.capture.connection import BUFFER_BYTES, LOW_WATER_MAX, LOW_WATER_US, UNREAD_BYTES, RtspConnection
from appliance.capture.errors import (
    CameraClosed,
    CameraFloods,
    CameraSilent,
    CaptureError,
    RedirectRefused,
    RtspInvalid,
)
from appliance.capture.rates import Rates
from appliance.core.clock import Clock, SimulatedClock, SystemClock
from appliance.media.access_unit import H264Depacketiser
from appliance.media.depacketiser import Picture
from tests.peers.h264_rtp import Packetiser, framed, goodbye, picture, stored

OK = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 4\r\n\r\nbody"


class Wire(asyncio.Transport):
    """A transport that keeps what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:  # type: ignore[type-arg, unused-ignore]
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return len(self.written)  # nobody reads it

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


class Bench:
    """A connection with a depacketiser on channel 0 and 1."""

    def __init__(self, clock: Clock | None = None) -> None:
        """With a `clock` the connection waits for a transport of its own."""
        self.wire = Wire()
        self.connection = RtspConnection(clock or SimulatedClock())
        if clock is None:
            self.connection.connection_made(self.wire)
        self.pictures: list[Picture] = []
        self.gaps: list[int] = []
        self.rtcp: list[bytes] = []
        self.depacketiser = H264Depacketiser(96, self.pictures.append, self.gaps.append)
        self.connection.receive((0, 1), self.depacketiser, self.rtcp.append)

    def feed(self, data: bytes, sizes: list[int] | None = None) -> None:
        at, turn = 0, 0
        while at < len(data) and not self.wire.aborted:
            room = self.connection.get_buffer(-1)
            assert len(room) > 0
            count = min(len(room), len(data) - at, sizes[turn % len(sizes)] if sizes else len(data))
            room[:count] = data[at : at + count]
            self.connection.buffer_updated(count)
            at += count
            turn += 1


def stream() -> tuple[bytes, list[bytes]]:
    """Answers, pictures, RTCP and stray data in one byte stream, and the pictures in it."""
    sender = Packetiser(limit=200)
    parts: list[bytes] = [OK]
    units: list[bytes] = []
    for number in range(9):
        nals = picture(number, keyframe=number % 4 == 0, size=1500)
        units.append(stored(nals))
        parts += [framed(packet) for packet in sender.unit(nals, number * 3600)]
        parts.append([b"", framed(goodbye(1), 1), b"\r\n" + framed(b"stray", 7), OK.replace(b"1", b"9", 1)][number % 4])
    return b"".join(parts), units


BYTES, UNITS = stream()


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=30))
def test_any_cut_of_the_stream_gives_the_same_pictures(sizes: list[int]) -> None:
    async def run() -> None:
        bench = Bench()
        bench.feed(BYTES, sizes)
        assert [bytes(unit.data) for unit in bench.pictures] == UNITS
        assert bench.rtcp == [goodbye(1)] * 2
        assert bench.connection.stray_messages == 2
        assert not bench.gaps
        assert not bench.connection.closed.done()

    asyncio.run(run())


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=200), st.sampled_from([OK, b"RTSP/1.0 ", b"$\x00\x00", b"\r\n\r\n", b"$\x01\x00\x04"])
        )
    )
)
def test_arbitrary_bytes_end_the_connection_by_name_or_not_at_all(chunks: list[bytes]) -> None:
    async def run() -> None:
        bench = Bench()
        for chunk in chunks:
            bench.feed(chunk)
        if bench.connection.closed.done():
            assert isinstance(bench.connection.closed.result(), CaptureError)
            assert bench.wire.aborted

    asyncio.run(run())


async def test_an_answer_reaches_the_request_it_belongs_to() -> None:
    bench = Bench()
    first = asyncio.create_task(bench.connection.request("OPTIONS", "rtsp://c/", {}))
    await asyncio.sleep(0)
    bench.feed(OK.replace(b"CSeq: 1", b"CSeq: 77"))  # too late, for something long given up
    bench.feed(OK)
    answer = await first
    assert (answer.status, answer.body) == (200, b"body")
    assert b"OPTIONS rtsp://c/ RTSP/1.0\r\nCSeq: 1\r\n" in bench.wire.written


async def test_an_answer_without_cseq_is_taken_in_order() -> None:
    bench = Bench()
    task = asyncio.create_task(bench.connection.request("OPTIONS", "rtsp://c/", {}))
    await asyncio.sleep(0)
    bench.feed(b"RTSP/1.0 200 OK\nContent-Length: 0\n\n")
    assert (await task).status == 200


async def test_no_answer_is_silence_by_name() -> None:
    bench = Bench()
    with pytest.raises(CameraSilent, match="no answer to DESCRIBE"):
        await bench.connection.request("DESCRIBE", "rtsp://c/", {}, timeout_s=0.01)


async def test_the_end_of_the_connection_ends_the_request() -> None:
    bench = Bench()
    task = asyncio.create_task(bench.connection.request("OPTIONS", "rtsp://c/", {}))
    await asyncio.sleep(0)
    bench.connection.connection_lost(ConnectionResetError("reset by peer"))
    with pytest.raises(CameraClosed, match="reset by peer"):
        await task
    with pytest.raises(CameraClosed):
        await bench.connection.request("OPTIONS", "rtsp://c/", {})


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", RtspInvalid),
        (b"\x80\x60\x00\x01", RtspInvalid),
        (b"RTSP/1.0 200 OK\r\nx: " + b"y" * 20_000, RtspInvalid),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 9999999\r\n\r\n", RtspInvalid),
        (b"REDIRECT rtsp://c RTSP/1.0\r\nCSeq: 1\r\nLocation: rtsp://evil/\r\n\r\n", RedirectRefused),
    ],
)
async def test_what_rtsp_does_not_allow_ends_the_connection(data: bytes, error: type[CaptureError]) -> None:
    bench = Bench()
    bench.feed(data)
    assert isinstance(bench.connection.closed.result(), error)
    assert bench.wire.aborted


@pytest.mark.parametrize(
    ("method", "status"),
    [(b"SET_PARAMETER", b"501 Not Implemented"), (b"ANNOUNCE", b"501 Not Implemented"), (b"OPTIONS", b"200 OK"),
     (b"GET_PARAMETER", b"200 OK")],
)  # fmt: skip
async def test_requests_of_the_camera_are_answered_and_the_stream_goes_on(method: bytes, status: bytes) -> None:
    bench = Bench()
    bench.feed(method + b" rtsp://c RTSP/1.0\r\nCSeq: 12\r\n\r\n" + BYTES)
    assert bench.wire.written == b"RTSP/1.0 " + status + b"\r\nCSeq: 12\r\n\r\n"
    assert len(bench.pictures) == len(UNITS)


@pytest.mark.parametrize("limit", ["FLOOD_BYTES", "FLOOD_MESSAGES"])
async def test_more_than_any_camera_sends_ends_the_connection(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    each = {"FLOOD_BYTES": framed(bytes(60_000), 7), "FLOOD_MESSAGES": framed(b"", 7)}[limit]
    monkeypatch.setattr(f"appliance.capture.connection.{limit}", {"FLOOD_BYTES": 120_000, "FLOOD_MESSAGES": 2}[limit])
    bench = Bench()
    for _ in range(5):  # a look at the rate between them allows as much again
        bench.feed(each)
        bench.connection.set_rate(1000)
    assert not bench.wire.aborted
    for _ in range(3):
        bench.feed(each)
    assert isinstance(bench.connection.closed.result(), CameraFloods)


async def test_requests_whose_answers_are_not_read_end_the_connection() -> None:
    bench = Bench()
    bench.feed(b"SET_PARAMETER rtsp://c RTSP/1.0\r\nCSeq: 1\r\n\r\n" * 5000)
    assert isinstance(bench.connection.closed.result(), CameraFloods)
    assert len(bench.wire.written) < 2 * UNREAD_BYTES


async def test_a_packet_of_the_largest_size_fits() -> None:
    bench = Bench()
    nal = b"\x65\xb8" + b"\x11" * (65_535 - 14)
    bench.feed(framed(Packetiser().raw(nal, 0, marker=True)) * 1, [1000])
    assert bytes(bench.pictures[0].data) == stored([nal])
    assert len(bench.connection.get_buffer(-1)) == BUFFER_BYTES


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=30), st.integers(2, 4))
def test_connections_share_the_buffer_without_mixing(sizes: list[int], count: int) -> None:
    async def run() -> None:
        benches = [Bench() for _ in range(count)]
        at, turn = 0, 0
        while at < len(BYTES):
            size = sizes[turn % len(sizes)]
            for bench in benches:
                bench.feed(BYTES[at : at + size])
            at, turn = at + size, turn + 1
        for bench in benches:
            assert [bytes(unit.data) for unit in bench.pictures] == UNITS

    asyncio.run(run())


CLOCK = SystemClock()


@asynccontextmanager
async def on_tcp() -> AsyncIterator[tuple[Bench, asyncio.StreamWriter]]:
    """A connection on a real socket, and the camera's end of it."""
    cameras: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda _, writer: cameras.put_nowait(writer), "127.0.0.1", 0)
    async with server:
        bench = Bench(CLOCK)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: bench.connection, *server.sockets[0].getsockname())
        camera = await cameras.get()
        yield bench, camera
        camera.close()
        await camera.wait_closed()
        bench.connection.abort(CameraClosed(reason="the test is over"))


async def test_a_tick_takes_all_that_the_socket_holds_and_knows_when_it_came() -> None:
    large = framed(Packetiser().raw(b"\x65\xb8" + b"\x11" * 65_000, 0, marker=True)) * 4
    async with on_tcp() as (bench, camera):
        bench.connection.set_rate(1_000_000)
        camera.write(large)
        await camera.drain()
        sent_us = CLOCK.monotonic_us()
        await asyncio.sleep(0.3)
        assert not bench.connection.bytes_received  # below the mark nothing wakes us
        bench.connection.drain()
        assert bench.connection.bytes_received == len(large) > BUFFER_BYTES
        assert bench.connection.arrival_us - sent_us < 200_000  # when the last bytes came, not when they were read
        bench.connection.drain()
        assert bench.connection.bytes_received == len(large)


async def test_who_sends_faster_than_is_read_ends_no_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.capture.connection.DRAIN_BYTES", BUFFER_BYTES + 1)
    async with on_tcp() as (bench, camera):
        bench.connection.set_rate(1_000_000)
        camera.write(framed(bytes(65_000)) * 9)
        await camera.drain()
        before = bench.connection.bytes_received
        bench.connection.drain()
        assert bench.connection.bytes_received - before <= 2 * BUFFER_BYTES < 9 * 65_000


async def test_above_the_mark_and_at_the_end_no_tick_is_needed() -> None:
    async with on_tcp() as (bench, camera):
        bench.connection.set_rate(20_000)
        camera.write(BYTES[:8_000])
        await asyncio.sleep(0.05)
        assert not bench.connection.bytes_received
        camera.write(BYTES[8_000:] + b"\r\n" * 8_000)
        async with asyncio.timeout(5):
            while len(bench.pictures) < len(UNITS):  # noqa: ASYNC110 - the kernel brings it about
                await asyncio.sleep(0.01)
        camera.write(OK)
        camera.close()
        async with asyncio.timeout(5):
            assert isinstance(await bench.connection.closed, CameraClosed)
        assert bench.connection.bytes_received == len(BYTES) + 16_000 + len(OK)


class Socket:
    """Notes the socket options that are set."""

    def __init__(self) -> None:
        self.marks: list[int] = []

    def setsockopt(self, _level: int, _name: int, value: int) -> None:
        self.marks.append(value)


class SocketWire(Wire):
    def __init__(self, sock: Socket) -> None:
        super().__init__()
        self.sock = sock

    def get_extra_info(self, name: str, default: object = None) -> object:
        extra: Mapping[str, object] = {"socket": self.sock}
        return extra.get(name, default)


async def test_the_low_water_mark_follows_the_rate_and_yields_to_requests() -> None:
    sock = Socket()
    connection = RtspConnection(SimulatedClock())
    connection.connection_made(SocketWire(sock))
    connection.set_rate(500_000)
    assert sock.marks == [400_000]  # 0.8 s
    connection.set_rate(520_000)
    assert sock.marks == [400_000]  # not for a few percent
    task = asyncio.create_task(connection.request("OPTIONS", "*", {}))
    await asyncio.sleep(0)
    assert sock.marks[-1] == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert sock.marks[-1] == 400_000
    connection.set_rate(50_000_000)
    assert sock.marks[-1] == LOW_WATER_MAX


@given(st.lists(st.integers(1_000, 1_500_000), min_size=2, max_size=6), st.integers(1_000, 1_500_000))
async def test_each_streams_mark_follows_its_own_rate_by_day_and_by_night(rates: list[int], other: int) -> None:
    sock, beside = Socket(), Socket()
    streams = [(RtspConnection(SimulatedClock()), Rates(), each) for each in (sock, beside)]
    for connection, follow, each in streams:
        connection.connection_made(SocketWire(each))
        follow.begin(connection, 0, 0)
    now_us = 0
    for rate in rates:
        for _ in range(25):  # looks 2 s apart: half of each counts
            now_us += 2_000_000
            for (connection, follow, _), own in zip(streams, (rate, other), strict=True):
                connection.bytes_received += 2 * own
                follow.look(connection, 0, now_us)
        wanted = min(LOW_WATER_MAX, rate * LOW_WATER_US / 1e6)
        assert 0.74 * wanted <= sock.marks[-1] <= 1.36 * wanted, "within the step that is worth a call"
    assert len(beside.marks) == 1, "another stream's mark stays"
