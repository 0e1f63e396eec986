"""The one way to run background work: every job has a name, a last success and a fault when it is late.

This is the only place of the product where an unexpected exception is caught: it is logged once with its
trace, shown as the job's fault, and the job goes on. Named errors (ApplianceError) are expected failures;
anything else is a bug of ours that must not stop the other jobs.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError

log = logging.getLogger(__name__)

LATE_PERIODS = 3
"""A job is late after three periods without success: one may be unlucky, three are a fault."""

CRASH_SHOWN_US = 60_000_000
"""A service job that crashed is shown as a fault for a minute: longer than any page's refresh."""

CRASH_PAUSE_S = 1.0
"""Seconds before a crashed service job starts again: long enough not to spin, short beside any alarm."""

Job = Callable[[], Awaitable[None]]
Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class JobState:
    """What is known of one job. Times are monotonic microseconds."""

    name: str
    period_s: float | None  # None: a service job, meant never to end
    started_us: int
    last_success_us: int | None = None
    last_error: str | None = None
    last_failure_us: int | None = None
    crashes: int = 0

    def late(self, now_us: int) -> bool:
        """True when a periodic job has not succeeded for LATE_PERIODS periods, or a service job crashed of late."""
        if self.period_s is None:
            return self.last_failure_us is not None and now_us - self.last_failure_us < CRASH_SHOWN_US
        since = self.last_success_us if self.last_success_us is not None else self.started_us
        return now_us - since > LATE_PERIODS * self.period_s * 1_000_000


class Supervisor:
    """Owns the background tasks of one process."""

    def __init__(self, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._tasks: set[asyncio.Task[None]] = set()
        self.jobs: dict[str, JobState] = {}

    def supervise(self, name: str, period_s: float, job: Job) -> asyncio.Task[None]:
        """Run `job` every `period_s` seconds until closed; the first run is at once."""
        return self._start(name, period_s, job)

    def keep(self, name: str, job: Job) -> asyncio.Task[None]:
        """Run a job that should never end; when it ends or crashes it is started again."""
        return self._start(name, None, job)

    def late(self) -> list[JobState]:
        """Jobs that are a fault now."""
        now = self._clock.monotonic_us()
        return [state for state in self.jobs.values() if state.late(now)]

    async def close(self) -> None:
        """Cancel every job and wait for them."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    def _start(self, name: str, period_s: float | None, job: Job) -> asyncio.Task[None]:
        if name in self.jobs:
            raise ValueError(f"two jobs named {name}")
        state = JobState(name, period_s, self._clock.monotonic_us())
        self.jobs[name] = state
        task = asyncio.create_task(self._run(state, job), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, state: JobState, job: Job) -> None:
        while True:
            try:
                await job()
                state.last_success_us = self._clock.monotonic_us()
                if state.last_error is not None:
                    log.info("job %s works again", state.name)
                state.last_error = None
            except ApplianceError as error:
                self._failed(state, error.code, error, trace=False)
            except Exception as error:  # the one barrier: see the module's first lines
                state.crashes += 1
                self._failed(state, type(error).__name__, error, trace=True)
            await self._sleep(CRASH_PAUSE_S if state.period_s is None else state.period_s)

    def _failed(self, state: JobState, code: str, error: Exception, *, trace: bool) -> None:
        state.last_failure_us = self._clock.monotonic_us()
        if state.last_error != code:  # once, not at each try
            log.error("job %s failed: %s: %s", state.name, code, error, exc_info=error if trace else None)
        state.last_error = code
