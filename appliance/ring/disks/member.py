"""A disk as a member of the ring: its chunks, its writer thread, its stock of ready chunks."""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.ring.catalog.keeper import CatalogKeeper
from appliance.ring.catalog.log import words
from appliance.ring.disks.disk import Disk, Heartbeat, encode_heartbeat
from appliance.ring.disks.loss import Loss
from appliance.ring.disks.pool import ChunkState, Pool, Wiped
from appliance.ring.disks.thread import DiskThreads
from appliance.ring.faults import DiskUnreadable
from appliance.ring.index.cache import Index
from appliance.ring.placement import DiskLoad, choose_freed, stock_wanted
from appliance.ring.planner import DiskPlan
from appliance.ring.slices import SliceQueue
from appliance.ring.writer import DiskWriter, TickResult, let_go

log = logging.getLogger(__name__)

HEARTBEAT_US: Final = 10_000_000
"""A busy disk writes its heartbeat this often, an idle one at each tick."""

QUARANTINE_SHARE: Final = 4
"""At most 1/4 of a disk's past is given up for what waits in quarantine: matters on demo disks only."""

STUCK_US: Final = 5_000_000
"""Microseconds after which a disk that has not answered is given up: what waits in memory meanwhile goes elsewhere."""

TICKS_SHOWN: Final = 64
"""Ticks the state's durations speak of: about 25 s."""


@dataclass(slots=True)
class Member:
    """Loop side of one disk. Times monotonic microseconds unless they say UTC.

    `failed`: why it left the pool, in a word for the log; `fault` says it to people. A failed member never works
    again: it stays where it is in the order, and its disk comes back as another member. `plan`: what its thread is
    writing now, since `asked_us`; `losses`: what of the past left with it, complete when `accounted`; `spoiled`: files
    it could not write to; `known`: its disk was a member in this life before, so that what it holds has numbers that
    this life knows; `late`: it joined while the ring recorded.
    """

    index: int
    disk: Disk
    clock: Clock
    quarantine_us: int
    pool: Pool = field(init=False)
    writer: DiskWriter = field(init=False)
    slices: SliceQueue = field(init=False)
    catalog: CatalogKeeper = field(init=False)
    thread: DiskThreads = field(init=False)
    task: asyncio.Task[None] | None = None
    due_us: int = 0
    mark_utc_us: int = 0
    heartbeat_us: int = -(1 << 62)
    last_beat: Heartbeat | None = None  # as the disk was found, before this process wrote its own
    failed: str = ""
    fault: ApplianceError | None = None
    left_utc_us: int | None = None
    left_us: int = 0
    plan: DiskPlan | None = None
    asked_us: int | None = None
    losses: list[Loss] = field(default_factory=list)
    accounted: asyncio.Event = field(default_factory=asyncio.Event)
    known: bool = False
    late: bool = False
    spoiled: int = 0
    took_us: deque[int] = field(default_factory=lambda: deque(maxlen=TICKS_SHOWN))
    ticks: int = 0
    flushes: int = 0
    written: int = 0
    rewipe: list[Wiped] = field(default_factory=list)  # given up before the start, their zeros not known to be durable

    def __post_init__(self) -> None:
        self.pool = Pool(self.disk.identity.chunks, self.disk.identity.protected)
        self.writer = DiskWriter(self.disk, self.clock)
        self.slices = SliceQueue(self.writer.close_later)
        self.catalog = CatalogKeeper(self.disk, self.pool, self.slices, self.clock)
        self.thread = DiskThreads(f"ring-disk-{self.index}")

    @property
    def uuid(self) -> str:
        """The disk's uuid."""
        return self.disk.identity.uuid

    def load(self) -> DiskLoad:
        """This disk as a candidate for new chunks."""
        return DiskLoad(self.index, self.pool.open_count, 0 if self.failed else len(self.pool.ready))

    def heartbeat(self, generation: int, clock_state: int, journal: str, *, idle: bool) -> bytes | None:
        """The block to write in this tick, if it is time. `journal`: an anchor of the recorder's journal."""
        now = self.clock.monotonic_us()
        if not idle and now - self.heartbeat_us < HEARTBEAT_US:
            return None
        self.heartbeat_us = now
        head = str(self.catalog.head or "")
        beat = Heartbeat(
            self.mark_utc_us, self.clock.utc_us(), self.clock.boot_id.hex(), generation, now, clock_state, head, journal
        )
        return encode_heartbeat(beat)

    def gone(self) -> bool:
        """Did it fail? Asked anew behind every `await`."""
        return self.failed != ""

    def returned(self) -> bool:
        """Given up, and yet it has answered all that it was asked: nothing of it runs any more."""
        return self.thread.returned and self.disk.helpers.returned

    def stuck(self) -> bool:
        """Has its thread been waiting for the disk for too long?"""
        return self.asked_us is not None and self.clock.monotonic_us() - self.asked_us > STUCK_US

    def to_wipe(self) -> list[Wiped]:
        """Chunks whose file is open and whose old bytes are to go in this tick."""
        settled = self.pool.settled
        chosen = [c for c in self.pool.wiped if c.fd is not None and not c.sent and settled(c.number)]
        for chunk in chosen:
            chunk.sent = True
        return chosen

    def wiped(self, chunks: list[Wiped]) -> None:
        """The zeros are durable: the quarantine begins."""
        now = self.clock.monotonic_us()
        for chunk in chunks:
            if chunk.number in self.pool.tainted:  # it could not be written to: destroyed now, and used no more
                self.pool.wiped.remove(chunk)
                self.pool.set(chunk.number, ChunkState.SUSPECT, "write")
                assert chunk.fd is not None
                self.writer.close_later(chunk.fd)
                continue
            chunk.until_us = now + chunk.quarantine_us
            if chunk.spare and chunk.fd is not None:
                self.thread.submit(os.close, chunk.fd)  # its own thread: no call to a disk in the event loop
                chunk.fd = None
        self.pool.release(now)

    def account(self, result: TickResult) -> None:
        """Figures of a finished tick, and what of the slices it wrote."""
        self.slices.settle(result.slices, result.took_us, result.refused)
        self.catalog.settle(result.catalog_error)
        self.ticks += 1
        self.took_us.append(result.took_us)
        self.flushes += result.flushes
        self.written += result.written

    def restock(self, expected_streams: int, leased: Callable[[str, int], bool]) -> tuple[list[Wiped], list[int]]:
        """Bring the stock to its size: chunks to prepare, and which of them held footage until now.

        Never-used chunks first, then the oldest recording of this disk, which goes early (every stream of the disk
        loses the same days).
        """
        pool = self.pool
        now = self.clock.monotonic_us()
        pool.release(now)
        streams = max(pool.open_count, expected_streams)
        spent = self._spent(now)
        wanted = stock_wanted(streams) + spent - pool.coming()
        if wanted <= 0 or self.failed:
            return [], []
        prepared = pool.take_unused(wanted)
        missing = wanted - len(prepared)
        urgent = pool.coming() <= streams + spent  # a reader may take the reserve, never what the next chunks need
        freed = choose_freed(pool.closed, missing, lambda number: leased(self.uuid, number), urgent=urgent)
        for number in freed:
            if leased(self.uuid, number):
                pool.leases_broken += 1
            pool.freed_early += 1
            prepared.append(pool.free(number, self.quarantine_us))
        return prepared, freed

    def _spent(self, now_us: int) -> int:
        """Chunks filled while others wait in quarantine: as many more are on their way, at most a quarter of the past.

        Without them the stock limits what a disk can record to its size per quarantine (5 Mbit/s a stream).
        """
        spent = self.pool.opened_within(now_us, self.quarantine_us)
        return min(spent, len(self.pool.closed) // QUARANTINE_SHARE)

    async def prepare(self, chunks: list[Wiped], freed: list[int], index: Index) -> None:
        """Forget freed footage, then open the files away from the tick; a file that cannot be opened is set aside."""
        await index.forget(self.uuid, freed)
        for chunk in chunks:
            try:
                opener = self.disk.open_unused if chunk.unused else self.disk.open_chunk
                fd = await self.disk.aside(opener, chunk.number)
            except OSError:
                return  # the disk was given up meanwhile
            except DiskUnreadable as error:
                if self.failed:
                    return
                log.error("chunk set aside: %s", error)  # noqa: TRY400 - the sentence says all
                self.pool.wiped.remove(chunk)
                self.pool.set(chunk.number, ChunkState.SUSPECT, words(str(error.facts["why"])))
                continue
            if self.failed:  # in this very moment
                await asyncio.to_thread(let_go, fd)
                return
            chunk.fd = fd

    def abandon(self, why: OSError, open_fds: list[int]) -> None:
        """Nothing is asked of the disk any more, whoever waits for it waits no longer.

        Its files are closed by its own thread, once that comes back: a descriptor closed under a call that still runs
        might be another disk's file by the time the call goes on.
        """
        self.disk.retired = True
        self.asked_us = None
        self.catalog.leave()
        stocked = [*self.catalog.fds(), *(chunk.fd for chunk in self.pool.stocked() if chunk.fd is not None)]
        self.pool.leave()
        self.thread.abandon(why, lambda: self._retire([*open_fds, *stocked]))
        self.disk.helpers.abandon(why)

    async def close(self, open_fds: list[int], seconds: float) -> None:
        """The ring stops: close every file; a disk that does not answer for `seconds` is left as it is."""
        self.slices.close()
        if self.failed:
            return
        stocked = [*self.catalog.fds(), *(chunk.fd for chunk in self.pool.stocked() if chunk.fd is not None)]
        done = asyncio.get_running_loop().run_in_executor(self.thread, self._retire, [*open_fds, *stocked])
        await asyncio.wait([done], timeout=seconds)
        self.thread.shutdown()
        self.disk.helpers.shutdown()
        self.disk.watch.close()

    def _retire(self, fds: list[int]) -> None:
        """In the disk's own thread: its last act."""
        self.writer.close(fds)
        self.disk.close()
