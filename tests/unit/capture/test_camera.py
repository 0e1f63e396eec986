"""The runner against a scripted camera in memory; time moves when the runner waits."""

import asyncio
import logging
import random
from base64 import b64encode
from collections.abc import Callable

import pytest

from appliance.capture.backoff import AUTH_BACKOFF_S, BACKOFF_MAX_S, auth_backoff_s, backoff_s
from appliance.capture.camera import CameraRunner
from appliance.capture.connection import RtspConnection
from appliance.capture.errors import CameraRefused, CameraUnreachable, CaptureError, NetworkDown
from appliance.capture.state import CaptureState
from appliance.capture.timeline import NTP_UNIX_S
from appliance.capture.url import Credentials, RtspUrl
from appliance.core.cause import GapCause
from appliance.core.clock import Clock, SimulatedClock
from appliance.media.stream import StreamKey
from tests.peers.h264_rtp import PPS, SPS, Packetiser, framed, goodbye, picture, sender_report
from tests.peers.sink import KeepingSink

KEY = StreamKey("gate", "main")
URL = "rtsp://10.0.0.7/live"
SDP = "\r\n".join([
    "v=0", "s=x", "a=control:*", "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000",
    f"a=fmtp:96 sprop-parameter-sets={b64encode(SPS).decode()},{b64encode(PPS).decode()}", "a=control:video",
    "m=audio 0 RTP/AVP 8", "a=control:audio", "",
])  # fmt: skip


class Scripted(asyncio.Transport):
    """A camera at the other end of one connection: answers at once, sends pictures when the clock moves."""

    def __init__(self, bench: "Bench", connection: RtspConnection) -> None:
        super().__init__()
        self.bench = bench
        self.connection = connection
        self.sender = Packetiser(sequence=bench.rng.randrange(65536), ssrc=0x55)
        self.playing = False
        self.gone = False
        self.number = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:  # type: ignore[type-arg, unused-ignore]
        method, url, _ = bytes(data).split(b" ", 2)
        text = bytes(data).decode()
        sequence = text.split("CSeq: ")[1].split("\r\n")[0]
        self.bench.requests.append(f"{method.decode()} {url.decode()}")
        self.bench.texts.append(text)
        status, headers, body = self.bench.answer(method.decode(), text)
        if status and not self.gone:
            lines = [f"RTSP/1.0 {status} X", f"CSeq: {sequence}", *headers, f"Content-Length: {len(body)}", "", body]
            self.send("\r\n".join(lines).encode())
        if method == b"PLAY" and status == 200:
            self.playing = True

    def send(self, data: bytes) -> None:
        """Bytes on the wire; taken before anything else runs, as the event loop would."""
        asyncio.get_running_loop().call_soon(self._deliver, data)

    def _deliver(self, data: bytes) -> None:
        if not self.gone:
            room = self.connection.get_buffer(-1)
            room[: len(data)] = data
            self.connection.buffer_updated(len(data))

    def picture(self, *, lose: bool = False) -> None:
        nals = picture(self.number, keyframe=self.number % 10 == 0, size=400)
        packets = self.sender.unit(nals, self.number * 18_000)
        if lose:
            packets.pop(1)
        self._deliver(b"".join(framed(packet) for packet in packets))
        self.number += 1

    def close(self, error: Exception | None = None) -> None:
        if not self.gone:
            self.gone = True
            self.connection.connection_lost(error)

    def abort(self) -> None:
        self.gone = True

    def is_closing(self) -> bool:
        return self.gone

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default


class Bench:
    """Clock, sink, runner and the script. `at[n]` is done before the runner's n-th wait ends."""

    def __init__(self, credentials: Credentials | None = None, first_cause: GapCause = GapCause.NONE) -> None:
        self.rng = random.Random(4)
        self.clock = SimulatedClock()
        self.sink = KeepingSink()
        self.requests: list[str] = []
        self.texts: list[str] = []
        self.waits: list[float] = []
        self.errors: list[CaptureError] = []
        self.answers: dict[str, tuple[int, list[str], str]] = {}
        self.at: dict[int, Callable[[], None]] = {}
        self.camera: Scripted | None = None
        self.connections = 0
        self.silent = False
        self.enough = 10**9
        self.done = asyncio.Event()
        self.runner = CameraRunner(
            KEY, URL, credentials, self.sink, self.clock,
            connect=self.connect, rng=random.Random(1), sleep=self.sleep, first_cause=first_cause,
        )  # fmt: skip

    def answer(self, method: str, _text: str) -> tuple[int, list[str], str]:
        if method in self.answers:
            return self.answers[method]
        return {
            "DESCRIBE": (200, ["Content-Base: rtsp://10.0.0.7/live/"], SDP),
            "SETUP": (200, ["Session: 77;timeout=10", "Transport: RTP/AVP/TCP;interleaved=0-1"], ""),
            "OPTIONS": (200, ["Public: OPTIONS, GET_PARAMETER"], ""),
        }.get(method, (200, [], ""))

    async def connect(self, _url: RtspUrl, clock: Clock) -> RtspConnection:
        self.connections += 1
        if self.errors:
            raise self.errors.pop(0)
        connection = RtspConnection(clock)
        self.camera = Scripted(self, connection)
        connection.connection_made(self.camera)
        return connection

    async def sleep(self, seconds: float) -> None:
        """The runner waits: five pictures a second come meanwhile, then the script's step is done."""
        self.waits.append(seconds)
        if len(self.waits) > self.enough:
            self.done.set()
            await asyncio.Event().wait()
        for _ in range(round(seconds * 5)):
            self.clock.advance(0.2)
            if self.camera is not None and self.camera.playing and not self.silent and not self.camera.gone:
                self.camera.picture()
        if step := self.at.pop(len(self.waits), None):
            step()
        await asyncio.sleep(0)

    async def run(self, waits: int) -> None:
        self.enough = waits
        task = asyncio.create_task(self.runner.run())
        finished = asyncio.create_task(self.done.wait())
        await asyncio.wait({task, finished}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        self.state = self.runner.state()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert self.runner.state().state is CaptureState.STOPPED


async def test_a_camera_is_recorded_and_its_audio_never_set_up() -> None:
    bench = Bench()
    await bench.run(5)
    assert bench.requests[:3] == [f"DESCRIBE {URL}", f"SETUP {URL}/video", f"PLAY {URL}/"]
    assert not any("audio" in request for request in bench.requests)
    assert bench.requests[-1] == f"TEARDOWN {URL}/"
    assert bench.sink.causes == [(GapCause.NONE, GapCause.APPLIANCE_OFF)]
    state = bench.state
    assert (state.state, state.cause, state.audio_offered) == (CaptureState.PLAYING, GapCause.NONE, True)
    assert (state.width, state.height, state.codec, state.fps) == (1920, 1080, "h264", 5.0)
    assert state.bitrate > 5_000
    assert state.pictures == bench.sink.pictures == 50


async def test_the_session_is_kept_alive_at_half_its_timeout_as_advertised() -> None:
    bench = Bench()
    await bench.run(12)
    pings = [request for request in bench.requests if request.split()[0] in {"OPTIONS", "GET_PARAMETER"}]
    assert pings[0] == f"OPTIONS {URL}/"
    assert set(pings[1:]) == {f"GET_PARAMETER {URL}/"}
    assert len(pings) == 4  # each 5 s, looked at each 2 s
    assert "Session: 77\r\n" in bench.texts[-1]


async def test_a_camera_that_answers_no_keep_alive_goes_on_and_an_expired_session_does_not() -> None:
    bench = Bench()
    bench.answers["OPTIONS"] = (501, [], "")
    await bench.run(10)
    assert bench.connections == 1
    bench = Bench()
    bench.answers["OPTIONS"] = (454, [], "")
    await bench.run(6)
    assert bench.sink.causes[0] == (GapCause.NONE, GapCause.CAMERA_CLOSED)


def close(bench: Bench) -> None:
    assert bench.camera is not None
    bench.camera.close()


def reset(bench: Bench) -> None:
    assert bench.camera is not None
    bench.camera.close(ConnectionResetError("reset"))


def say_goodbye(bench: Bench) -> None:
    assert bench.camera is not None
    bench.camera.send(framed(goodbye(0x55), 1))


def garbage(bench: Bench) -> None:
    assert bench.camera is not None
    bench.camera.send(b"<html>")


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (close, GapCause.CAMERA_CLOSED),
        (reset, GapCause.CAMERA_CLOSED),
        (say_goodbye, GapCause.CAMERA_CLOSED),
        (garbage, GapCause.CAMERA_PROTOCOL),
    ],
)
async def test_the_camera_is_met_again(fault: Callable[[Bench], None], cause: GapCause) -> None:
    bench = Bench()
    bench.at[2] = lambda: fault(bench)
    await bench.run(8)
    assert bench.connections == 2
    assert [start for start, _ in bench.sink.causes] == [GapCause.NONE, cause]
    assert bench.sink.causes[0][1] is cause
    assert bench.state.reconnects == 1
    assert bench.state.sentence_fr == ""


async def test_silence_is_noticed_within_ten_seconds() -> None:
    bench = Bench()

    def fall_silent() -> None:
        bench.silent = True

    def speak() -> None:
        bench.silent = False

    bench.at[2] = fall_silent
    bench.at[8] = speak
    await bench.run(14)
    first, second = bench.sink.runs
    assert (first.ended, second.start.cause) == (GapCause.CAMERA_SILENT, GapCause.CAMERA_SILENT)
    gap_s = (second.units[0].pts_ticks - first.units[-1].pts_ticks) / 90_000
    assert gap_s < 15


async def test_a_goodbye_of_another_source_means_nothing() -> None:
    bench = Bench()

    def stale() -> None:
        assert bench.camera is not None
        bench.camera.send(framed(goodbye(0x99), 1) + framed(b"\x00nonsense", 1))

    bench.at[2] = stale
    await bench.run(5)
    assert bench.connections == 1


async def test_lost_packets_are_counted_and_end_the_run() -> None:
    bench = Bench()

    def lose() -> None:
        assert bench.camera is not None
        bench.camera.picture(lose=True)

    bench.at[2] = lose
    await bench.run(6)
    assert bench.sink.causes[0] == (GapCause.NONE, GapCause.PACKET_LOSS)
    assert bench.sink.causes[1][0] is GapCause.PACKET_LOSS
    assert bench.state.lost_packets == 1
    assert bench.connections == 1


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (CameraRefused(host="c", reason="x"), GapCause.CAMERA_REFUSED),
        (CameraUnreachable(host="c", reason="x"), GapCause.CAMERA_UNREACHABLE),
    ],
)
async def test_what_kept_the_camera_away_is_the_cause_of_the_gap(error: CaptureError, cause: GapCause) -> None:
    bench = Bench(first_cause=GapCause.APPLIANCE_OFF)
    bench.errors = [error, error, error]
    await bench.run(6)
    assert bench.sink.runs[0].start.cause is cause
    assert bench.waits[:3] == sorted(bench.waits[:3])
    assert bench.connections == 4


@pytest.mark.parametrize(
    ("method", "answer", "cause"),
    [
        ("DESCRIBE", (404, [], ""), GapCause.CAMERA_NO_STREAM),
        ("DESCRIBE", (200, [], "v=0\r\n"), GapCause.CAMERA_PROTOCOL),
        ("DESCRIBE", (200, [], SDP.replace("H264", "H266")), GapCause.CAMERA_CODEC),
        ("DESCRIBE", (302, ["Location: rtsp://evil/"], ""), GapCause.CAMERA_PROTOCOL),
        ("DESCRIBE", (453, [], ""), GapCause.CAMERA_REFUSED),
        ("DESCRIBE", (500, [], ""), GapCause.CAMERA_PROTOCOL),
        ("SETUP", (461, [], ""), GapCause.CAMERA_PROTOCOL),
        ("SETUP", (200, ["Transport: RTP/AVP;unicast;client_port=1-2"], ""), GapCause.CAMERA_PROTOCOL),
        ("PLAY", (455, [], ""), GapCause.CAMERA_PROTOCOL),
        ("PLAY", (403, [], ""), GapCause.CAMERA_AUTH),
    ],
)
async def test_refusals_are_named(method: str, answer: tuple[int, list[str], str], cause: GapCause) -> None:
    bench = Bench()
    bench.answers[method] = answer
    await bench.run(3)
    assert bench.state.state is CaptureState.WAITING
    assert bench.state.cause is cause
    assert bench.state.sentence_fr != bench.state.sentence_en != ""
    assert "evil" not in bench.requests[-1]
    assert ("TEARDOWN" in bench.requests[-1]) == (method == "PLAY")


async def test_a_wrong_password_is_tried_once_a_minute_at_most() -> None:
    bench = Bench(Credentials("user", "hunter2"))
    bench.answers["DESCRIBE"] = (401, ['WWW-Authenticate: Digest realm="c", nonce="n"'], "")
    await bench.run(4)
    assert bench.requests == [f"DESCRIBE {URL}"] * 10  # five times one without and one with the password
    assert sum("Authorization" in text for text in bench.texts) == 5
    assert all(wait >= AUTH_BACKOFF_S for wait in bench.waits)
    assert bench.waits[3] >= 300
    assert bench.state.cause is GapCause.CAMERA_AUTH
    assert not any("hunter2" in text for text in (bench.state.sentence_fr, bench.state.sentence_en, *bench.texts))


async def test_a_failure_is_logged_once_and_so_is_the_recovery(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.errors = [CameraRefused(host="c", reason="x")] * 4
    with caplog.at_level(logging.INFO, logger="appliance.capture.camera"):
        await bench.run(8)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def reached(runner: CameraRunner, state: CaptureState) -> None:
    """Turns of the loop until it is there: a busy machine needs more of them than a quiet one."""
    for _ in range(1_000_000):
        if runner.state().state is state:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"{state} was not reached")


async def test_retry_now_does_not_wait_out_the_backoff() -> None:
    bench = Bench()
    bench.errors = [CameraRefused(host="c", reason="x")]
    forever = asyncio.Event()

    async def never(_seconds: float) -> None:
        await forever.wait()

    runner = CameraRunner(
        KEY, URL, None, bench.sink, bench.clock, connect=bench.connect, rng=random.Random(1), sleep=never
    )  # fmt: skip
    task = asyncio.create_task(runner.run())
    await reached(runner, CaptureState.WAITING)
    runner.retry_now()
    await reached(runner, CaptureState.WAITING_KEYFRAME)  # the sleep of the backoff never ends here
    assert runner.state().state is CaptureState.WAITING_KEYFRAME
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_cameras_clock_is_told_from_its_sender_reports() -> None:
    bench = Bench()

    def report() -> None:
        assert bench.camera is not None
        ahead = (bench.clock.utc_us() + 3_000_000) / 1_000_000
        ntp = int((ahead + NTP_UNIX_S) * 2**32)
        bench.camera.send(framed(sender_report(0x55, ntp, bench.camera.number * 18_000), 1))

    bench.at[2] = report
    await bench.run(5)
    assert bench.state.camera_clock_offset_us is not None
    assert 2.7e6 < bench.state.camera_clock_offset_us < 3.3e6


async def test_an_unusable_address_is_a_state_and_not_a_crash() -> None:
    bench = Bench()
    runner = CameraRunner(KEY, "http://c/", None, bench.sink, bench.clock, sleep=bench.sleep)
    bench.enough = 2
    task = asyncio.create_task(runner.run())
    await bench.done.wait()
    assert runner.state().cause is GapCause.CAMERA_PROTOCOL
    assert "rtsp://" in runner.state().sentence_fr
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_waits_grow_to_a_minute_and_differ() -> None:
    rng = random.Random(3)
    assert 0.75 <= backoff_s(0, rng) <= 1
    assert all(backoff_s(n, rng) <= BACKOFF_MAX_S for n in range(2000))
    assert backoff_s(50, rng) >= 45
    assert backoff_s(3, rng) != backoff_s(3, rng)
    assert 60 <= auth_backoff_s(1, rng) <= 75
    assert 300 <= auth_backoff_s(9, rng) <= 375


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_pause_ends_the_run_at_once_hangs_up_politely_and_stays_away() -> None:
    bench = Bench()
    pictures: list[int] = []

    def pause() -> None:
        bench.runner.pause(GapCause.PLANNED)
        pictures.append(bench.sink.pictures)
        assert bench.sink.causes == [(GapCause.NONE, GapCause.PLANNED)]
        assert bench.camera is not None
        bench.camera.picture()  # one that was on its way

    bench.at[3] = pause
    task = asyncio.create_task(bench.runner.run())
    await reaches(bench, CaptureState.PAUSED)
    bench.clock.advance(36_000)
    await settled()
    assert bench.requests[-1].startswith("TEARDOWN")
    assert (bench.connections, bench.sink.pictures) == (1, pictures[0])
    assert bench.runner.state().cause is GapCause.PLANNED
    bench.runner.resume()
    await reaches(bench, CaptureState.PLAYING)
    assert bench.connections == 2
    assert bench.sink.causes == [(GapCause.NONE, GapCause.PLANNED), (GapCause.PLANNED, None)]
    await ended(task)


async def reaches(bench: Bench, state: CaptureState) -> None:
    for _ in range(2000):
        if bench.runner.state().state is state:
            return
        await asyncio.sleep(0)
    raise AssertionError(bench.runner.state())


async def ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_camera_that_is_paused_before_it_is_met_is_not_met() -> None:
    bench = Bench(first_cause=GapCause.POWER)
    bench.runner.pause(GapCause.PLANNED)
    task = asyncio.create_task(bench.runner.run())
    await settled()
    assert (bench.connections, bench.runner.state().state) == (0, CaptureState.PAUSED)
    bench.runner.resume()
    await reaches(bench, CaptureState.PLAYING)
    assert bench.sink.runs[0].start.cause is GapCause.POWER, "the gap began without the pause"
    await ended(task)


async def test_a_pause_waits_for_no_backoff_and_neither_does_its_end() -> None:
    bench = Bench(first_cause=GapCause.APPLIANCE_OFF)
    bench.errors = [CameraRefused(host="c", reason="x")] * 9
    never = asyncio.Event()
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await never.wait()

    bench.runner._sleep = sleep
    task = asyncio.create_task(bench.runner.run())
    await settled()
    assert bench.runner.state().cause is GapCause.CAMERA_REFUSED
    bench.runner.pause(GapCause.PLANNED)
    await settled()
    state = bench.runner.state()
    assert (state.state, state.cause, state.sentence_fr) == (CaptureState.PAUSED, GapCause.PLANNED, "")
    bench.runner.resume()
    await settled()
    assert (bench.connections, bench.runner.state().cause) == (2, GapCause.CAMERA_REFUSED)
    assert len(waits) == 2
    await ended(task)


@pytest.mark.parametrize("step", ["DESCRIBE", "SETUP", "PLAY"])
async def test_a_pause_while_the_camera_is_being_met(step: str) -> None:
    bench = Bench()
    bench.answers[step] = (0, [], "")  # it does not answer
    task = asyncio.create_task(bench.runner.run())
    await settled()
    assert any(request.startswith(step) for request in bench.requests)
    bench.runner.pause(GapCause.PLANNED)
    bench.answers.clear()
    await settled()
    assert bench.runner.state().state is CaptureState.PAUSED
    assert bench.camera is not None
    assert bench.camera.gone
    await ended(task)


async def test_a_pause_that_is_over_before_it_was_noticed_begins_a_new_session() -> None:
    bench = Bench()
    task = asyncio.create_task(bench.runner.run())
    await reaches(bench, CaptureState.PLAYING)
    bench.runner.pause(GapCause.PLANNED)
    bench.runner.pause(GapCause.CLOCK_DOUBTFUL)
    bench.runner.resume()
    bench.runner.resume()
    await settled()
    assert bench.connections == 2
    await reaches(bench, CaptureState.PLAYING)
    assert bench.sink.causes == [(GapCause.NONE, GapCause.PLANNED), (GapCause.PLANNED, None)]
    await ended(task)


async def test_a_failure_that_is_the_networks_is_told_as_such_in_state_and_gap() -> None:
    bench = Bench(first_cause=GapCause.APPLIANCE_OFF)
    bench.errors = [CameraUnreachable(host="c", reason="x")] * 3
    seen: list[str] = []

    def explain(error: CaptureError) -> CaptureError:
        seen.append(error.code)
        return NetworkDown() if isinstance(error, CameraUnreachable) else error

    bench.runner._explain = explain
    await bench.run(8)
    assert seen[:3] == ["camera-unreachable"] * 3
    assert bench.sink.runs[0].start.cause is GapCause.NETWORK
