"""The runner against a scripted camera in memory; time moves when the runner waits."""

import asyncio
import logging
import random
from collections.abc import Callable

import pytest

from appliance.capture.backoff import AUTH_BACKOFF_S, BACKOFF_MAX_S, auth_backoff_s, backoff_s
from appliance.capture.camera import CameraRunner
from appliance.capture.errors import CameraRefused, CameraUnreachable, CaptureError, NetworkDown
from appliance.capture.state import CaptureState
from appliance.capture.timeline import NTP_UNIX_S
from appliance.capture.url import Credentials
from appliance.core.cause import GapCause
from tests.peers.h264_rtp import framed, goodbye, sender_report
from tests.peers.scripted import KEY, SDP, URL, Bench, reaches


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
    await reaches(runner, CaptureState.WAITING)
    runner.retry_now()
    await reaches(runner, CaptureState.WAITING_KEYFRAME)  # the sleep of the backoff never ends here
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
