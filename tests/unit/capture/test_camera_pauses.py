"""Pauses of a runner, against a scripted camera: they end a run at once, and nothing waits for them."""

import asyncio

import pytest

from appliance.capture.errors import CameraRefused
from appliance.capture.state import CaptureState
from appliance.core.cause import GapCause
from tests.peers.scripted import Bench, ended, reaches, settled


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
    await reaches(bench.runner, CaptureState.PAUSED)
    bench.clock.advance(36_000)
    await settled()
    assert bench.requests[-1].startswith("TEARDOWN")
    assert (bench.connections, bench.sink.pictures) == (1, pictures[0])
    assert bench.runner.state().cause is GapCause.PLANNED
    bench.runner.resume()
    await reaches(bench.runner, CaptureState.PLAYING)
    assert bench.connections == 2
    assert bench.sink.causes == [(GapCause.NONE, GapCause.PLANNED), (GapCause.PLANNED, None)]
    await ended(task)


async def test_a_camera_that_is_paused_before_it_is_met_is_not_met() -> None:
    bench = Bench(first_cause=GapCause.POWER)
    bench.runner.pause(GapCause.PLANNED)
    task = asyncio.create_task(bench.runner.run())
    await settled()
    assert (bench.connections, bench.runner.state().state) == (0, CaptureState.PAUSED)
    bench.runner.resume()
    await reaches(bench.runner, CaptureState.PLAYING)
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
    await reaches(bench.runner, CaptureState.PLAYING)
    bench.runner.pause(GapCause.PLANNED)
    bench.runner.pause(GapCause.CLOCK_DOUBTFUL)
    bench.runner.resume()
    bench.runner.resume()
    await settled()
    assert bench.connections == 2
    await reaches(bench.runner, CaptureState.PLAYING)
    assert bench.sink.causes == [(GapCause.NONE, GapCause.PLANNED), (GapCause.PLANNED, None)]
    await ended(task)
