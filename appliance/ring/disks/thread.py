"""Threads for calls that a dying disk may never answer: daemons, waited for by nobody, abandoned as they are.

A call that hangs in the kernel cannot be ended, not even by SIGKILL. So what waits for it is let go instead: the
future fails, the thread runs what is left for it when the call comes back at last, if ever, and ends. The standard
library's pools do not serve: they join their threads when the process ends.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, InvalidStateError
from typing import Any, TypeVar

T = TypeVar("T")


class DiskThreads(Executor):
    """Up to `count` threads, started when there is work; with one, calls are done in the order they were given."""

    def __init__(self, name: str, count: int = 1) -> None:
        self._name = name
        self._count = count
        self._wake = threading.Condition()  # held for some assignments, never during a call
        self._calls: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._unanswered: set[Future[Any]] = set()
        self._threads = self._idle = 0
        self._ended: OSError | None = None
        self._last: Callable[[], object] | None = None

    @property
    def abandoned(self) -> bool:
        """True for a call that nobody waits for any more."""
        return self._ended is not None

    @property
    def returned(self) -> bool:
        """True once it was given up and whatever it was at has come back, its last act done."""
        return self._ended is not None and self._threads == 0

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """The future of a call; it fails with what `abandon` is given when that comes first."""
        future: Future[T] = Future()
        with self._wake:
            if self._ended is not None:
                future.set_exception(self._ended)
                return future
            self._calls.append((future, lambda: fn(*args, **kwargs)))
            self._unanswered.add(future)
            if len(self._calls) > self._idle and self._threads < self._count:
                self._start()
            self._wake.notify()
        return future

    def abandon(self, why: OSError, last: Callable[[], object] | None = None) -> None:
        """Every call fails with `why`, also those given later; `last` is done when the running one has come back."""
        with self._wake:
            if self._ended is not None:
                return
            self._ended, self._last = why, last
            unanswered, self._unanswered = self._unanswered, set()
            self._calls.clear()
            if last is not None and self._threads == 0:
                self._start()
            self._wake.notify_all()
        for future in unanswered:
            with contextlib.suppress(InvalidStateError):  # answered or cancelled in this very moment
                future.set_exception(why)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """No more calls; never waits, whatever is asked."""
        self.abandon(OSError("thread ended"))

    def _start(self) -> None:
        self._threads += 1
        threading.Thread(target=self._work, name=f"{self._name}-{self._threads}", daemon=True).start()

    def _work(self) -> None:
        while (call := self._next()) is not None:
            self._answer(*call)
            del call  # keeps what it answered alive no longer than needed
        with self._wake:
            last, self._last = self._last, None
        if last is not None:
            last()
        with self._wake:
            self._threads -= 1

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        with self._wake:
            while self._ended is None and not self._calls:
                self._idle += 1
                self._wake.wait()
                self._idle -= 1
            if self._ended is not None:
                return None
            future, function = self._calls.popleft()
        return future, function

    def _answer(self, future: Future[Any], function: Callable[[], Any]) -> None:
        result: Any = None
        failure: BaseException | None = None
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - passed on to whoever waits
            failure = error
        with self._wake:
            self._unanswered.discard(future)
        with contextlib.suppress(InvalidStateError):  # abandoned, or cancelled by who waited
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)
