"""The catalogue of one disk while it records: lines go with the ticks, files are renewed beside them.

Loop side. `take` gives the lines of a tick to the writer, `settle` hears that they are durable. A file that is to be
begun (none was there, or half of its lines are dead) is written through the disk's slices, a few blocks a tick, while
the lines of the meantime wait for it; then one tick writes them behind it, from that tick on both files get every
line, and the new one takes the former's name. So no tick waits, no flush is added, and at any moment the file named
`catalog.log` holds every durable line.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.ring.catalog.file import (
    LEAST_DEAD,
    NEW,
    Step,
    install,
    live_offsets,
    raw_lines,
    reader,
    reserve,
    set_aside,
    until,
)
from appliance.ring.catalog.log import (
    CATALOG,
    NO_HEAD,
    Appender,
    Beginning,
    Head,
    Line,
    closed_facts,
    encode_line,
    stamp,
)
from appliance.ring.catalog.replay import Replay, replay
from appliance.ring.disks.disk import Disk
from appliance.ring.disks.pool import Pool
from appliance.ring.errors import CatalogUnreadable
from appliance.ring.faults import CatalogFailed
from appliance.ring.index.rows import Held
from appliance.ring.slices import SliceQueue
from appliance.ring.writer import CatalogJob

log = logging.getLogger(__name__)

BATCH: Final = 4096
"""Lines of a new file gathered at a time: 1 MB."""

PIECE: Final = 1 << 20
"""Bytes of a new file handed to the slices at a time."""

NO_FD: Final = -1

OVER: Final = b" ended\n"
"""The end of a note that is over: the new file goes without."""


@dataclass(slots=True)
class _Tail:
    """The end of one file. `waiting`: lines that are not in it yet; `writing`: they may go there now."""

    fd: int
    appender: Appender
    writing: bool
    waiting: list[Line] = field(default_factory=list)
    durable: Head | None = None


Rows = Callable[[list[int]], Awaitable[dict[int, Held]]]
"""Numbers of closed chunks -> what the index holds of them; those it no longer knows are left out."""


class CatalogKeeper:
    """Keeps the catalogue of one disk. `why`: what made the present file begin; `error`: why it is kept no more.

    `damage`: what was found wrong with the file while it was renewed: `begin` another; `step`: see catalog_file.Step.
    """

    def __init__(self, disk: Disk, pool: Pool, slices: SliceQueue, clock: Clock) -> None:
        self._disk = disk
        self._pool = pool
        self._slices = slices
        self._clock = clock
        self._current: _Tail | None = None
        self._next: _Tail | None = None
        self._jobs: list[tuple[_Tail, CatalogJob]] = []
        self._sent: list[Line] = []
        self._told = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._installing = False
        self._spent: list[int] = []
        self._live = bytearray(pool.count)
        self.epoch = 0
        self.why = ""
        self.error = ""
        self.step: Step = lambda _: None
        self.damage = ""

    @property
    def head(self) -> Head | None:
        """The end of the durable lines; None: there is no catalogue (yet)."""
        return self._current.durable if self._current is not None else None

    @property
    def lines(self) -> int:
        """Lines in the present file."""
        return self._current.appender.lines if self._current is not None else 0

    @property
    def busy(self) -> bool:
        """Is a file being made?"""
        return self._task is not None and not self._task.done()

    def go_on(self, found: Replay, fd: int) -> None:
        """Go on behind what a replay found; `fd`: the open file, from `Disk.open_file`."""
        self._current = _Tail(fd, Appender(found.head, found.tail, found.lines), writing=True, durable=found.head)
        self.epoch, self.why = found.beginning.epoch, found.beginning.why
        self._live = bytearray(offset > 0 for offset in found.at)
        self._pool.gated = True

    # ticks

    def take(self) -> list[CatalogJob]:
        """The lines of the next tick; `settle` follows before it is asked again."""
        lines = self._pool.take_lines()
        self._sent, self._jobs = lines, []
        for line in lines:
            if line.kind.isupper():
                self._live[line.number] = 1
        for tail in (self._current, self._next):
            if tail is None:
                continue
            tail.waiting += lines
            if tail.writing and tail.waiting:
                waiting, tail.waiting = tail.waiting, []
                self._jobs.append((tail, CatalogJob(tail.fd, tail.appender, waiting)))
        return [job for _, job in self._jobs]

    def settle(self, error: OSError | None) -> None:
        """The tick is durable; `error`: but not its lines."""
        jobs, self._jobs = self._jobs, []
        for tail, job in jobs:
            job.appender.durable()
            tail.durable = job.appender.head()
        self._pool.said(self._sent)
        self._sent = []
        if error is not None:
            self._broken(error)
        self._told.set()

    def _broken(self, error: OSError) -> None:
        """The catalogue cannot be written: recording goes on without, and the next start reads the files."""
        self.error = error.strerror or str(error)
        log.error("%s", CatalogFailed(path=str(self._disk.path), why=self.error))
        self._pool.gated = False
        fds = self.fds()
        self._current = self._next = None
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._set_aside(fds))

    async def _set_aside(self, fds: list[int]) -> None:
        def work() -> None:
            for fd in fds:
                os.close(fd)
            set_aside(self._disk.path)

        try:
            await self._disk.aside(work)
        except OSError as error:  # the heartbeat no longer tells a head: that says it too
            log.error("catalogue of %s cannot be set aside: %s", self._disk.path, error.strerror)  # noqa: TRY400

    # new files

    def compact_if_due(self) -> None:
        """Renew the file when it has more dead lines than live ones."""
        live = sum(self._live)
        if self._current is not None and not self.busy and self.lines - live > max(live, LEAST_DEAD):
            self.compact()

    def compact(self) -> None:
        """Renew the file now, beside the ticks: one line a chunk, nothing lost."""
        current = self._current
        assert current is not None
        assert current.durable is not None
        sent = [line for tail, job in self._jobs if tail is current for line in job.lines]
        lines = self._file_lines(current.durable)
        self._renew(lines, str(current.durable), "compact", [*sent, *current.waiting])

    def begin(self, closed: Sequence[int], others: Iterable[Line], rows: Rows, why: str, epoch: int) -> None:
        """Begin a catalogue where there is none: the present state of each chunk, `closed` in their order."""
        self.epoch = epoch - 1
        self.damage = ""
        self._renew(self._known_lines(list(closed), list(others), rows), NO_HEAD, why, [])

    def _renew(self, lines: AsyncIterator[list[bytes]], previous: str, why: str, waiting: list[Line]) -> None:
        beginning = Beginning(self.epoch + 1, self._disk.identity.uuid, self._disk.identity.chunks, previous, why)
        self._next = _Tail(NO_FD, Appender.begin(beginning, self._clock.utc_us()), writing=False, waiting=waiting)
        self._task = asyncio.create_task(self._make(self._next, lines, beginning))

    async def _make(self, tail: _Tail, lines: AsyncIterator[list[bytes]], beginning: Beginning) -> None:
        try:
            tail.fd = await self._disk.aside(self._open_new)
            await self._write(tail, [])
            async for some in lines:
                await self._write(tail, some)
            tail.writing = self._pool.gated = True
            if not tail.waiting:
                tail.durable = tail.appender.head()
            await self._until(lambda: tail.durable is not None)
            self._installing = True
            await self._disk.aside(install, self._disk.path, self.step)
        except CatalogUnreadable as error:
            log.error("catalogue of %s: %s", self._disk.path, error)  # noqa: TRY400 - the sentence says all
            self._give_up(tail)
            self.damage = str(error.facts["why"])
            return
        except (OSError, ApplianceError) as error:
            log.error("catalogue of %s not renewed: %s", self._disk.path, error)  # noqa: TRY400 - says it all
            self._give_up(tail)
            return
        finally:
            self._installing = False
        former, self._current, self._next = self._current, tail, None
        self.epoch, self.why, self.error = beginning.epoch, beginning.why, ""
        log.info("catalogue of %s: file %d (%s)", self._disk.path, beginning.epoch, beginning.why)
        if former is not None:
            await self._until(lambda: all(tail is not former for tail, _ in self._jobs))
            await self._disk.aside(os.close, former.fd)

    def _give_up(self, tail: _Tail) -> None:
        self._next = None
        if tail.fd != NO_FD:
            self._spent.append(tail.fd)

    async def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            self._told.clear()
            await self._told.wait()

    async def _write(self, tail: _Tail, lines: list[bytes]) -> None:
        """These lines are in the new file, durable."""
        offset, blocks = await self._disk.aside(tail.appender.copy, lines, self._clock.utc_us())
        for at in range(0, len(blocks), PIECE):
            await self._slices.put(tail.fd, offset + at, memoryview(blocks)[at : at + PIECE])
        tail.appender.durable()

    def _open_new(self) -> int:
        path = self._disk.path / NEW
        path.unlink(missing_ok=True)
        fd = self._disk.open_file(path, create=True)
        reserve(fd, self._disk.identity.chunks)
        return fd

    async def _file_lines(self, head: Head) -> AsyncIterator[list[bytes]]:
        """The live lines of the present file up to `head`, in their order, some at a time."""
        fd = await self._disk.aside(os.open, self._disk.path / CATALOG, os.O_RDONLY | os.O_CLOEXEC)
        try:
            read = until(reader(fd), head)
            found = await self._disk.aside(replay, read)
            if found.head != head:
                raise CatalogUnreadable(why=f"its end is {found.head}, not {head}")
            offsets = await self._disk.aside(live_offsets, found)
            for at in range(0, len(offsets), BATCH):
                some = await self._disk.aside(raw_lines, read, offsets[at : at + BATCH])
                yield [line for line in some if not line.endswith(OVER)]
        finally:
            await self._disk.aside(os.close, fd)

    async def _known_lines(self, closed: list[int], others: list[Line], rows: Rows) -> AsyncIterator[list[bytes]]:
        when = stamp(self._clock.utc_us())
        for number in closed:
            self._live[number] = 1
        for at in range(0, len(closed), BATCH):
            numbers = closed[at : at + BATCH]
            held = await rows(numbers)
            lines = [Line("CLOSED", n, closed_facts(*held[n])) for n in numbers if n in held]
            yield [encode_line(f"{when} {line.kind} {line.number} {line.facts}") for line in lines]
        for line in others:
            self._live[line.number] = 1
        yield [encode_line(f"{when} {kind} {number} {facts}".rstrip(" ")) for kind, number, facts in others]

    # end

    async def stop(self) -> None:
        """Make no more files; one that is taking its place is let to."""
        if self._task is None:
            return
        if not self._installing:
            self._task.cancel()
        await asyncio.wait([self._task])
        if self._next is not None:
            self._next.writing = False

    def leave(self) -> None:
        """The disk is out: make no more files."""
        if self._task is not None:
            self._task.cancel()

    def fds(self) -> list[int]:
        """Descriptors to be closed with the disk."""
        tails = [tail for tail in (self._current, self._next) if tail is not None and tail.fd != NO_FD]
        return [*self._spent, *(tail.fd for tail in tails)]
