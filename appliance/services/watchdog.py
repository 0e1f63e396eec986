"""What the service manager is told: ready, stopping, and alive only while work is really done (sd_notify(3)).

Alive means that in this period the event loop turned and every worker went on: each disk's writer finished a tick, each
thread of the detector took work. A tick with nothing to write counts, so a camera network that is off restarts nobody.
"""

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Final

from appliance.core.supervise import Supervisor
from appliance.services.errors import WorkStands

log = logging.getLogger(__name__)

LOOKS: Final = 3
"""Looks in one watchdog time: a disk may take STUCK_US (5 s) before the ring gives it up and goes on without it, which
costs one look in three and restarts nobody."""

Progress = Callable[[], Mapping[str, int]]
"""Each worker that is to be alive now, and a figure that grows with its work."""


class Notifier:
    """Datagrams to the service manager; a process that was started otherwise tells nobody."""

    def __init__(self, address: str) -> None:
        """`address`: $NOTIFY_SOCKET, a path or `@abstract`; empty: nobody listens."""
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def tell(self, *words: str) -> bool:
        """Assignments such as READY=1, in one datagram. False: nobody listens, or it was not taken. Never blocks."""
        if not self._address:
            return False
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)) as outgoing:
            outgoing.setblocking(False)
            try:
                outgoing.sendto("\n".join(words).encode(), self._address)
            except OSError as error:
                log.warning("the service manager was not told %s: %s", words, error.strerror)
                return False
        return True


def system_notifier() -> Notifier:
    """The one of this process's environment."""
    return Notifier(os.environ.get("NOTIFY_SOCKET", ""))


def period_s(environment: Mapping[str, str], pid: int) -> float | None:
    """Seconds between looks, None when no watchdog waits for this process (sd_watchdog_enabled(3))."""
    said, whose = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not said.isdecimal() or int(said) == 0 or (whose and whose != str(pid)):
        return None
    return int(said) / LOOKS / 1e6


def standing(before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """Workers of both looks that did nothing between them. One that is new has until the next look. Pure."""
    return sorted(name for name, done in now.items() if name in before and done == before[name])


class Watchdog:
    """Looks at the work and tells the manager that all is alive, or keeps silent and says why as its job's fault."""

    def __init__(self, notifier: Notifier, progress: Progress) -> None:
        self._notifier = notifier
        self._progress = progress
        self._before: dict[str, int] = {}

    async def look(self) -> None:
        """Periodic work, in the loop that it answers for. Raises WorkStands, and then nothing was told."""
        now = dict(self._progress())
        still = standing(self._before, now)
        self._before = now
        if still:
            raise WorkStands(workers=", ".join(still))
        self._notifier.tell("WATCHDOG=1")


def no_workers() -> Mapping[str, int]:
    """The Progress of a service that is its event loop alone."""
    return {}


def keep_watchdog(jobs: Supervisor, progress: Progress = no_workers) -> None:
    """Answer for this process's work as long as `jobs` runs, where a watchdog waits."""
    period = period_s(os.environ, os.getpid())
    if period is not None:
        _ = jobs.supervise("watchdog", period, Watchdog(system_notifier(), progress).look)


class ThreadPulse:
    """Does a thread pool still take work? `turn` is asked at each look: it grows when the last question came back."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._asked: Future[None] | None = None
        self._turns = 0

    def turn(self) -> int:
        """Questions answered so far."""
        if self._asked is None or self._asked.done():
            self._turns += 1
            self._asked = self._pool.submit(_nothing)
        return self._turns


def _nothing() -> None:
    return None
