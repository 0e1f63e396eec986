"""Background work: a failure is told once, never spreads, and lateness is a fault after three periods."""

import asyncio
import logging
from typing import ClassVar

import pytest

from appliance.core.clock import SimulatedClock
from appliance.core.errors import ApplianceError
from appliance.core.supervise import CRASH_PAUSE_S, CRASH_SHOWN_US, LATE_PERIODS, JobState, Supervisor


class DiskGone(ApplianceError):
    code: ClassVar[str] = "test-disk-gone"
    fr: ClassVar[str] = "Le disque ne répond plus. Vérifiez son câble."
    en: ClassVar[str] = "The disk does not answer. Check its cable."


class Turns:
    """A sleep that lets a job run exactly as often as the test says, and moves the clock meanwhile."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.asked: list[float] = []
        self._gate = asyncio.Semaphore(0)
        self._arrived = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        self._arrived.release()
        await self._gate.acquire()
        self.clock.advance(seconds)

    async def first_run_is_over(self) -> None:
        await self._arrived.acquire()

    async def one_more_run(self) -> None:
        self._gate.release()
        await self._arrived.acquire()


async def test_a_job_runs_at_once_and_then_every_period() -> None:
    clock = SimulatedClock()
    turns = Turns(clock)
    supervisor = Supervisor(clock, turns.sleep)
    runs: list[int] = []

    async def job() -> None:
        runs.append(clock.monotonic_us())

    _ = supervisor.supervise("tick", 0.4, job)
    await turns.first_run_is_over()
    await turns.one_more_run()
    await turns.one_more_run()
    await supervisor.close()
    assert runs == [5_000_000, 5_400_000, 5_800_000]
    assert turns.asked == [0.4, 0.4, 0.4]


async def test_a_named_failure_is_logged_once_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = SimulatedClock()
    turns = Turns(clock)
    supervisor = Supervisor(clock, turns.sleep)
    broken = True

    async def job() -> None:
        if broken:
            raise DiskGone

    with caplog.at_level(logging.INFO):
        _ = supervisor.supervise("probe", 1.0, job)
        await turns.first_run_is_over()
        await turns.one_more_run()
        await turns.one_more_run()
        state = supervisor.jobs["probe"]
        assert (state.last_error, state.crashes, state.last_success_us) == ("test-disk-gone", 0, None)
        broken = False
        await turns.one_more_run()
        await turns.one_more_run()
    await supervisor.close()
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        "job probe failed: test-disk-gone: The disk does not answer. Check its cable.",
        "job probe works again",
    ]
    assert state.last_error is None
    assert caplog.records[0].exc_info is None


async def test_a_bug_in_one_job_is_counted_with_its_trace_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = SimulatedClock()
    turns, other_turns = Turns(clock), Turns(clock)
    sleeps = {"bad": turns.sleep, "good": other_turns.sleep}
    healthy: list[int] = []

    async def bad() -> None:
        raise ZeroDivisionError("a bug of ours")

    async def good() -> None:
        healthy.append(1)

    async def sleep(seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        await sleeps[task.get_name()](seconds)

    supervisor = Supervisor(clock, sleep)
    _ = supervisor.supervise("bad", 1.0, bad)
    _ = supervisor.supervise("good", 1.0, good)
    await turns.first_run_is_over()
    await other_turns.first_run_is_over()
    await turns.one_more_run()
    await other_turns.one_more_run()
    await supervisor.close()
    assert supervisor.jobs["bad"].crashes == 2
    assert supervisor.jobs["bad"].last_error == "ZeroDivisionError"
    assert len(healthy) == 2
    traced = [record for record in caplog.records if record.exc_info]
    assert len(traced) == 1


async def test_a_service_that_ends_or_crashes_is_started_again_after_a_pause() -> None:
    clock = SimulatedClock()
    turns = Turns(clock)
    supervisor = Supervisor(clock, turns.sleep)
    starts = 0

    async def service() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            raise OSError("crash")

    _ = supervisor.keep("server", service)
    await turns.first_run_is_over()
    assert [state.name for state in supervisor.late()] == ["server"]
    await turns.one_more_run()
    assert starts == 2
    assert turns.asked == [CRASH_PAUSE_S, CRASH_PAUSE_S]
    clock.advance(CRASH_SHOWN_US / 1_000_000)
    assert supervisor.late() == []
    await supervisor.close()


async def test_close_cancels_every_job_and_waits_for_its_end() -> None:
    supervisor = Supervisor(SimulatedClock())
    entered, cleaned = asyncio.Event(), asyncio.Event()

    async def service() -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    task = supervisor.keep("server", service)
    await entered.wait()
    await supervisor.close()
    assert cleaned.is_set()
    assert task.cancelled()


async def test_two_jobs_cannot_have_one_name() -> None:
    supervisor = Supervisor(SimulatedClock())

    async def job() -> None:
        await asyncio.Event().wait()

    _ = supervisor.keep("one", job)
    with pytest.raises(ValueError, match="two jobs named one"):
        _ = supervisor.supervise("one", 1.0, job)
    await supervisor.close()


def test_a_periodic_job_is_late_after_three_periods_without_success() -> None:
    state = JobState("probe", period_s=2.0, started_us=0)
    limit = int(LATE_PERIODS * 2.0 * 1_000_000)
    assert not state.late(limit)
    assert state.late(limit + 1)
    state.last_success_us = limit
    assert not state.late(2 * limit)
    assert state.late(2 * limit + 1)
