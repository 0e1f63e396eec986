"""A process's journal as the process sees it: `append` costs microseconds, a thread of its own does the rest.

`append` makes the line's content and queues it; it never waits and never fails for the disk's sake. The thread hands
lines to the kernel at once (a killed process loses none of them) and flushes them together, at most once per
GROUP_S, at once for durable kinds and `flush()`. While the disk refuses, lines wait in memory up to QUEUE_BYTES;
further ones are lost and counted, the fault is in `state()`, and once writing works again a line `journal-lost` says
how many were lost and when.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.core.chain import HEADER_KIND, Facts, Head, Stamp, content
from appliance.core.chain_errors import JournalFactsRefused, JournalInUse, JournalLinesLost, JournalWriteFailed
from appliance.core.chain_file import ChainFile, JournalSettings, Opener, SystemFile
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.units import US_PER_SECOND

log = logging.getLogger(__name__)

GROUP_S: Final = 0.5
"""Seconds between two flushes: what a power cut may take of the ordinary lines, as much as it takes of the video."""

RETRY_S: Final = 5.0
"""Seconds between two tries on a disk that refused: soon enough for a partition that was full for a moment."""

QUEUE_BYTES: Final = 4 << 20
"""Bytes waiting for the disk, about 15 000 lines: hours of a recorder's ordinary life."""

LOST_KIND: Final = "journal-lost"
CUT_KIND: Final = "journal-cut"
"""The journal's own kinds: lines that never reached the disk; an unfinished line taken off at the start."""


@dataclass(frozen=True, slots=True)
class JournalState:
    """What is known of a journal. `waiting_bytes` are not durable yet; `lost` counts lines since the start.

    `faults`: what the operator must know now. `syncs`: flushes asked for since the start.
    """

    path: str
    head: Head
    waiting_bytes: int
    lost: int
    cut_bytes: int
    syncs: int
    faults: tuple[ApplianceError, ...]


@dataclass(frozen=True, slots=True)
class _Loss:
    """Lines lost so far, and when this episode began and went on to."""

    count: int = 0
    from_us: int = 0
    to_us: int = 0


@dataclass(frozen=True, slots=True)
class _Record:
    data: bytes
    durable: bool


@dataclass(frozen=True, slots=True)
class _Waiter:
    """Somebody waits until all before is durable; `last`: the thread ends after that."""

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Head]
    last: bool = False


class Journal:
    """Append-only journal of one process. `append` belongs to one thread, as a rule the event loop's."""

    def __init__(
        self,
        settings: JournalSettings,
        clock: Clock,
        *,
        clock_state: Callable[[], str] = lambda: "unknown",
        durable_kinds: Collection[str] = (),
        opener: Opener = SystemFile,
        group_s: float = GROUP_S,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        """`clock_state`: the judgement on UTC in a word, asked for each line, from two threads, never blocking."""
        self._clock = clock
        self._clock_state = clock_state
        self._durable_kinds = frozenset(durable_kinds)
        self._group_us = round(group_s * US_PER_SECOND)
        self._limit = queue_bytes
        self._file = ChainFile(settings, self._stamp, opener)
        self._queue: queue.SimpleQueue[_Record | _Waiter] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"journal-{settings.process}", daemon=True)
        self._accepted = 0  # bytes; written by `append` only, the next by the thread only: no lock
        self._settled = 0
        self._loss = _Loss()  # replaced by `append` only
        self._told = 0  # lost lines that a durable line tells of
        self._telling = 0  # the same, written but not durable yet
        self._cut_told = 0  # bytes, in the same two steps
        self._cut_telling = 0
        self._unsynced: list[bytes] = []  # the thread's own, in order
        self._written = 0  # how many of them the kernel has
        self._fault: JournalWriteFailed | JournalInUse | None = None
        self._last_sync_us = clock.monotonic_us()
        self._retry_us = 0
        self._ended = False

    async def open(self, *, required: bool = True) -> None:
        """Take the lock, recover, begin. A disk that refuses is a fault, tried again.

        Raises JournalInUse, unless not `required`: then that is a fault tried again, too.
        """
        await asyncio.get_running_loop().run_in_executor(None, self._thread.start)
        try:
            await self._settle(last=False)
        except JournalInUse as error:
            if required:
                await self.close()
                raise
            log.warning("the journal begins once it is free: %s", error)
        except JournalWriteFailed:
            log.warning("the journal begins once its disk lets it")

    def append(self, kind: str, facts: Facts) -> bool:
        """Enter what was done. Never blocks; False when it is lost because the queue is full.

        `kind`: lower case words with dashes, not beginning with "journal". `facts`: flat, never a secret.
        Raises JournalFactsRefused for anything else.
        """
        if kind.startswith(HEADER_KIND):
            raise JournalFactsRefused(kind=kind, reason="kind of the journal's own")
        data = content(self._stamp(), kind, facts)
        if self._ended or self._accepted - self._settled + len(data) > self._limit:
            loss, now = self._loss, self._clock.utc_us()
            self._loss = _Loss(loss.count + 1, now if loss.count == self._told else loss.from_us, now)
            return False
        self._accepted += len(data)
        self._queue.put(_Record(data, kind in self._durable_kinds))
        return True

    async def flush(self) -> Head:
        """Wait until all that was appended is durable; the head then. Raises JournalWriteFailed after one try."""
        return await self._settle(last=False)

    async def close(self) -> None:
        """Make everything durable if the disk lets it, and give the journal up."""
        if not self._ended:
            try:
                await self._settle(last=True)
            except (JournalWriteFailed, JournalInUse) as error:
                log.warning("journal closed with %d bytes not durable: %s", self._accepted - self._settled, error)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self._file.settings.directory

    def head(self) -> Head:
        """The last line that a power cut does not take: fit to be exported as an anchor."""
        return self._file.durable

    def state(self) -> JournalState:
        """What is known now; never blocks."""
        file, lost = self._file, self._loss.count
        faults: list[ApplianceError] = [fault for fault in (self._fault, file.damage) if fault is not None]
        if lost:
            faults.append(JournalLinesLost(count=lost, path=str(file.settings.directory)))
        waiting = self._accepted - self._settled
        return JournalState(str(file.path or ""), file.durable, waiting, lost, file.cut, file.syncs, tuple(faults))

    async def _settle(self, *, last: bool) -> Head:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Head] = loop.create_future()
        self._queue.put(_Waiter(loop, future, last))
        if self._ended:  # the thread has looked into the queue for the last time
            _resolve(future, self._file.durable, self._closed())
        return await future

    def _closed(self) -> JournalWriteFailed:
        return JournalWriteFailed(path=str(self._file.settings.directory), why="closed")

    def _stamp(self) -> Stamp:
        clock = self._clock
        return Stamp(clock.utc_us(), self._clock_state(), clock.boot_id.hex(), clock.monotonic_us())

    # From here on: the thread.

    def _run(self) -> None:
        waiters: list[_Waiter] = []
        try:
            while not any(waiter.last for waiter in waiters):
                waiters.clear()
                urgent = self._gather(waiters)
                self._step(urgent=urgent)
                self._answer(waiters)
        finally:
            self._ended = True
            self._file.close()
            self._drain(waiters)
            self._answer(waiters, self._closed())

    def _gather(self, waiters: list[_Waiter]) -> bool:
        """Wait for work or until it is time to flush or to try again; True when lines must become durable now."""
        due = self._due_us()
        wait = None if due is None else max(0.0, (due - self._clock.monotonic_us()) / US_PER_SECOND)
        try:
            item = self._queue.get(timeout=wait)
        except queue.Empty:
            return True
        urgent = self._take(item, waiters) | self._drain(waiters)
        if self._fault is not None:
            urgent = bool(waiters)  # a durable kind does not make a refusing disk be tried more often
        due = self._due_us()
        return urgent or (due is not None and self._clock.monotonic_us() >= due)

    def _drain(self, waiters: list[_Waiter]) -> bool:
        urgent = False
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return urgent
            urgent |= self._take(item, waiters)

    def _take(self, item: _Record | _Waiter, waiters: list[_Waiter]) -> bool:
        if isinstance(item, _Waiter):
            waiters.append(item)
            return True
        self._unsynced.append(item.data)
        return item.durable

    def _due_us(self) -> int | None:
        """Monotonic time of the next flush or try, None when there is nothing to do."""
        if self._fault is not None:
            return self._retry_us
        if self._unsynced or self._loss.count > self._told:
            return self._last_sync_us + self._group_us
        return None

    def _step(self, *, urgent: bool) -> None:
        """Hand new lines to the kernel; flush when `urgent`. Errors become the fault."""
        if self._fault is not None and not urgent:
            return
        try:
            self._file.ready()
            self._file.write(self._unsynced[self._written :])
            self._written = len(self._unsynced)
            self._tell_own()
            if urgent:
                self._sync()
        except JournalInUse as error:
            self._failed(error)
        except OSError as error:
            why = error.strerror or str(error)
            self._failed(JournalWriteFailed(path=str(self._file.settings.directory), why=why))

    def _tell_own(self) -> None:
        """Lines about the journal itself: they stand once the disk takes lines again."""
        if self._file.cut > self._cut_telling:
            self._file.write([content(self._stamp(), CUT_KIND, {"bytes": self._file.cut})])
            self._cut_telling = self._file.cut
        loss = self._loss
        if loss.count > self._telling:
            facts = {"count": loss.count - self._told, "from_utc_us": loss.from_us, "to_utc_us": loss.to_us}
            self._file.write([content(self._stamp(), LOST_KIND, facts)])
            self._telling = loss.count

    def _sync(self) -> None:
        file = self._file
        if file.head != file.durable:
            try:
                file.sync()
            except OSError:
                self._written, self._telling, self._cut_telling = 0, self._told, self._cut_told
                raise
        self._settled += sum(map(len, self._unsynced))
        self._unsynced.clear()
        self._written, self._told, self._cut_told = 0, self._telling, self._cut_telling
        self._last_sync_us = self._clock.monotonic_us()
        if self._fault is not None:
            log.info("the journal is written again")
            self._fault = None

    def _failed(self, fault: JournalWriteFailed | JournalInUse) -> None:
        if self._fault is None:  # once, not at each try
            log.error("journal: %s", fault)
        self._fault = fault
        self._retry_us = self._clock.monotonic_us() + round(RETRY_S * US_PER_SECOND)

    def _answer(self, waiters: list[_Waiter], fault: ApplianceError | None = None) -> None:
        fault = fault or self._fault
        for waiter in waiters:
            try:
                waiter.loop.call_soon_threadsafe(_resolve, waiter.future, self._file.durable, fault)
            except RuntimeError:  # its loop is closed: nobody waits any more
                log.debug("nobody waits for the journal's flush")


def _resolve(future: asyncio.Future[Head], head: Head, fault: ApplianceError | None) -> None:
    if future.done():  # cancelled meanwhile, or answered already
        return
    if fault is None:
        future.set_result(head)
    else:
        future.set_exception(fault)
