"""Everything else that is written to a recording disk: protected copies, backups, exports, a slice a tick.

It goes through the disk's own writer thread, behind the recording of the same tick and before its one flush, so it
costs no flush and never competes with the recording from outside. How much a tick takes follows what it costs: at
most MAX_BUDGET bytes, less as soon as ticks with slices take visibly longer than those without. `SliceBudget` is the
policy, pure; `SliceQueue` is the loop side, one a disk; `DiskWriter` writes what `take` hands out.
"""

import asyncio
import statistics
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from appliance.core.units import BLOCK
from appliance.ring.writer import Slice

MAX_BUDGET: Final = 8 << 20
"""Bytes a tick: 20 MB/s beside the recording, a third of what a hard disk of the field has to spare."""

START_BUDGET: Final = 1 << 20
"""Bytes of the first tick: nothing is known of the disk yet."""

MIN_BUDGET: Final = 64 << 10
"""Bytes a tick at the least: a copy that stands still never ends (160 kB/s is ten times a light stream)."""

PIECE: Final = 256 << 10
"""Bytes of one write: between two of them the writer looks at the clock (25 ms at 10 MB/s)."""

TARGET_US: Final = 20_000
"""Microseconds that slices may add to a tick as a rule: the promise is 50 ms, flushes vary by half of that."""

CALM_US: Final = 10_000
"""A tick that was delayed by less lets the next one take more."""

CALM_EVERY: Final = 16
"""One tick in so many goes without slices, to learn again what ticks take by themselves."""

CALM_KEPT: Final = 15
"""Ticks without slices that the usual length is the median of."""


@dataclass(slots=True)
class SliceBudget:
    """How many bytes of slices the next tick takes. Pure: fed with what ticks took. `size`: the present budget."""

    size: int = START_BUDGET
    _calm: deque[int] = field(default_factory=lambda: deque(maxlen=CALM_KEPT))
    _since_calm: int = 0

    def next(self) -> int:
        """Bytes for the next tick, whole blocks; 0 when the tick is to show what one takes without."""
        if self._since_calm >= CALM_EVERY or not self._calm:
            return 0
        return self.size

    def learn(self, took_us: int, sliced: int, *, cut: bool = False) -> None:
        """A tick with `sliced` bytes of slices took so long. `cut`: there were more, and no time for them."""
        if not sliced:
            self._calm.append(took_us)
            self._since_calm = 0
            return
        self._since_calm += 1
        delay_us = took_us - self.usual_us
        wanted = min(sliced, self.size) if cut else self.size
        if delay_us > TARGET_US and (cut or sliced * 2 >= self.size):  # a few blocks delay nothing
            wanted = max(wanted * TARGET_US // delay_us, self.size // 8)
        elif delay_us < CALM_US and sliced >= self.size:
            wanted = self.size * 5 // 4
        self.size = min(MAX_BUDGET, max(MIN_BUDGET, wanted // BLOCK * BLOCK))

    @property
    def usual_us(self) -> int:
        """Microseconds that a tick without slices takes."""
        return round(statistics.median(self._calm)) if self._calm else 0


@dataclass(slots=True, eq=False)
class _Item:
    """Bytes to be written; `flushed` of them are durable. Without bytes: a descriptor to be closed."""

    fd: int
    offset: int
    data: memoryview
    overwrites: bool
    done: asyncio.Future[None]
    flushed: int = 0


class SliceQueue:
    """What waits to be written to one disk. Everything here is called in the event loop.

    `close_later`: takes a descriptor that the writer closes at its own end, when no tick will do it any more.
    """

    def __init__(self, close_later: Callable[[int], None]) -> None:
        self._close_later = close_later
        self.budget = SliceBudget()
        self._urgent: deque[_Item] = deque()
        self._items: deque[_Item] = deque()
        self._sent: list[tuple[_Item, int]] = []
        self._error: Exception | None = None

    def put(
        self, fd: int, offset: int, data: bytes | memoryview, *, urgent: bool = False, overwrites: bool = False
    ) -> "asyncio.Future[None]":
        """Write whole blocks at `offset` of `fd` in the coming ticks; the future is done when they are durable.

        `fd` was opened by `Disk.open_file` or `open_chunk` and stays open until then (see `close_fd`); `data` must not
        change. Data of one file are written in the order of `put`, and those of several ticks become durable in it;
        within a tick a power cut may take any of them, so what must come after waits for the future before. `urgent`
        goes before all that is not. `overwrites`: blocks that were written since the file's were zeroed or made, so
        that the write changes no extents (see `Disk.flush`). The future raises DiskFailed when the disk did, OSError
        when only this could not be written (no room, a bad block): then the recording goes on without it.
        """
        if offset % BLOCK or len(data) % BLOCK or not len(data):
            raise ValueError(f"{len(data)} bytes at {offset}: not whole blocks")
        return self._add(_Item(fd, offset, memoryview(data), overwrites, self._future()), urgent=urgent)

    def close_fd(self, fd: int, *, urgent: bool = False) -> "asyncio.Future[None]":
        """Close a descriptor behind everything that was put so far with the same urgency."""
        return self._add(_Item(fd, 0, memoryview(b""), overwrites=True, done=self._future()), urgent=urgent)

    def take(self) -> list[Slice]:
        """The slices of the next tick, PIECE bytes each at most; `settle` or `fail` must follow."""
        self._sent = []
        if not self.waiting():
            return []
        left = self.budget.next()
        slices: list[Slice] = []
        for item in (*self._urgent, *self._items):
            at = item.flushed
            while left > 0 and (at < len(item.data) or not item.data):
                size = min(PIECE, left, len(item.data) - at)
                slices.append(Slice(item.fd, item.offset + at, item.data[at : at + size], item.overwrites))
                self._sent.append((item, size))
                at += size
                left -= size
                if not item.data:
                    break
            if left <= 0:
                break
        return slices

    def settle(self, written: int, took_us: int, refused: Mapping[int, OSError] = MappingProxyType({})) -> None:
        """The tick is durable with the first `written` slices of `take`, the writer had no time for the others.

        `refused`: those among them, by place, that could not be written: their data are given up, and whoever waits
        is told why.
        """
        cut = written < len(self._sent)
        done, self._sent = self._sent[:written], []
        for place, (item, size) in enumerate(done):
            if place in refused:
                self._refuse(item, refused[place])
                continue
            item.flushed += size
            if item.flushed == len(item.data) and not item.done.done():
                item.done.set_result(None)
        self.budget.learn(took_us, sum(size for _, size in done), cut=cut)
        self._forget()

    def fail(self, error: Exception) -> None:
        """The disk failed: nothing of what waits will be written, and nothing more is taken."""
        self._error = error
        self._sent = []
        for item in (*self._urgent, *self._items):
            self._refuse(item, error)
        self._urgent.clear()
        self._items.clear()

    def close(self) -> None:
        """The ring stops: what was not written is given up."""
        for item in (*self._urgent, *self._items):
            item.done.cancel()
            if not item.data:
                self._close_later(item.fd)
        self._urgent.clear()
        self._items.clear()

    def waiting(self) -> int:
        """Bytes and descriptors that are not done."""
        self._forget()
        return sum(len(item.data) - item.flushed or 1 for item in (*self._urgent, *self._items))

    def _add(self, item: _Item, *, urgent: bool) -> "asyncio.Future[None]":
        if self._error is not None:
            self._refuse(item, self._error)
        else:
            (self._urgent if urgent else self._items).append(item)
        return item.done

    def _refuse(self, item: _Item, error: Exception) -> None:
        if not item.data:
            self._close_later(item.fd)
        if not item.done.done():
            item.done.set_exception(error)
            item.done.exception()  # whoever waits gets it; nobody waiting is no mistake

    def _forget(self) -> None:
        """What is done, or given up by whoever put it, unless the writer has it now."""
        sent = {id(item) for item, _ in self._sent}
        for items in (self._urgent, self._items):
            if any(item.done.done() for item in items):
                kept = [item for item in items if not item.done.done() or id(item) in sent]
                items.clear()
                items.extend(kept)

    @staticmethod
    def _future() -> "asyncio.Future[None]":
        return asyncio.get_running_loop().create_future()
