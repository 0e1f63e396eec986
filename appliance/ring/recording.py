"""The ring: streams in, durable parts out. One event loop, one writer thread per disk, a tick every 0.4 s.

The ticks are in `ticker`, the disks in `members`; here is what the rest of the recorder sees of them.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Final

from appliance.core.cause import GapCause
from appliance.core.chain import Tell, untold
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.judgement import Evidence, Stamp
from appliance.core.supervise import Supervisor
from appliance.media.stream import ClockState, StreamKey, StreamSink
from appliance.ring import audit, backup
from appliance.ring.access.feed import Feed, Subscriber
from appliance.ring.access.lookup import ChunkRanges
from appliance.ring.access.report import disk_states, live, stream_state
from appliance.ring.access.stretches import StreamSpan
from appliance.ring.audit import Audit
from appliance.ring.backup import Backups
from appliance.ring.dating.evidence import witness
from appliance.ring.dating.redater import Redater
from appliance.ring.disks.member import Member
from appliance.ring.disks.members import Members
from appliance.ring.disks.opening import DiskPath, Owner
from appliance.ring.expiry.destruction import Destruction
from appliance.ring.expiry.expirer import Expirer
from appliance.ring.faults import NoDisk, UnknownStream
from appliance.ring.index.cache import Index
from appliance.ring.lane import Budget, Lane
from appliance.ring.planner import Planner
from appliance.ring.protect.copies import Copies
from appliance.ring.protect.held import Kept
from appliance.ring.protect.policy import Hold
from appliance.ring.protect.pool_end import PoolEnd
from appliance.ring.protect.protected import Protected
from appliance.ring.recovery import span_rows
from appliance.ring.shared import Shared
from appliance.ring.ticker import Ticker

log = logging.getLogger(__name__)

TICK_S: Final = 0.4
"""Seconds between ticks: what a power cut may take, at 2.5 flushes a second and disk."""

QUEUE_LIMIT: Final = 256 << 20
"""Bytes of pictures in memory, all streams together: 8 s of 64 cameras at 4 Mbit/s."""


LOOK_S: Final = 5.0
"""Seconds between looks at disks that came or went: a drawer is pulled and pushed by a hand."""

CLOSE_S: Final = 3.0
"""Seconds for a disk to take its last pictures when the recorder stops; systemd allows five for all."""


class Ring:
    """Recorder side of the ring. Lives in one event loop; create, `open`, feed the sinks of `stream`, `close`."""

    def __init__(
        self,
        disks: Sequence[DiskPath],
        clock: Clock,
        index_path: Path,
        *,
        site_name: str = "",
        appliance: str = "",
        tick_s: float = TICK_S,
        quarantine_s: float = 120,
        queue_limit: int = QUEUE_LIMIT,
        automatic: bool = True,
        supervisor: Supervisor | None = None,
        clock_state: Callable[[], int] = lambda: ClockState.DOUBTFUL,
        expiry_us: Callable[[], int | None] | None = None,
        zone: tzinfo = UTC,
        tell: Tell = untold,
        anchor: Callable[[], str] = lambda: "",
    ) -> None:
        """`automatic` False: nothing ticks by itself, `tick()` is called (tests, accelerated runs).

        `before_tick` is called at the start of each tick, in the loop: capture drains its sockets there.
        `clock_state`: the judgement of UTC now, told in each heartbeat; `anchor`: of the recorder's journal, told too.
        `expiry_us`: the time that expires holds, None while nothing may go by it; `zone`: the site's; `tell`: the
        journal.
        """
        self._tick_us = round(tick_s * 1_000_000)
        self._automatic = automatic
        self._supervisor = supervisor or Supervisor(clock)
        self._budget = Budget(queue_limit)
        index, planner = Index(index_path, clock), Planner(clock, site_name)
        self._shared = Shared(clock, index, planner, Feed(clock), clock_state, anchor)
        quarantine_us = round(quarantine_s * 1_000_000)
        self._members = Members(disks, self._shared, quarantine_us, Owner(appliance, site_name))
        self.destruction = Destruction(self._shared.index, clock, lambda: self._members.all)
        self.expirer = Expirer(self._shared, lambda: self._members.all, self.destruction, quarantine_us)
        self._redater = Redater(self._shared, lambda: self._members.all)
        self._ticker = Ticker(self._shared, self._members, self.destruction, self._tick_us)
        self._members.joined = self._ticker.restock
        self._members.before_serving = self.before_serving
        self.protected = Protected(
            self._shared,
            self._members,
            PoolEnd(self._shared, self.destruction, quarantine_us),
            zone=zone,
            expiry_us=expiry_us,
            tell=tell,
        )
        self.copies = Copies(self.protected, self._shared.catalogue)
        self._ticker.after_tick += [self.protected.wake, self._shared.start.fill.moved]
        self._first_us: dict[StreamKey, int] = {}
        self._jobs: list[asyncio.Task[None]] = []
        self.backups = Backups(clock, lambda: self._members.live, expiry_us)
        self.audit = Audit(self._shared.index)
        self._opened = False
        self.before_tick = self._ticker.before_tick
        self.on_witness: Callable[[Evidence], None] = lambda _evidence: None

    # life

    async def open(self) -> None:
        """Open disks and index, learn every chunk's state, prepare the stock; open chunks are read in background.

        A disk that cannot be used is left aside and named in the state. Raises NoDisk, DiskTooSmall.
        """
        await self._shared.index.open()
        try:
            await self._members.open()
        except NoDisk:
            await self._shared.index.close()
            raise
        for member in self._members.live:
            await self._members.answered(member, self._redater.load(member))
        opened = await self._members.take()
        indexed = await self._shared.start.fill.at_once()
        for member in self._members.live:
            await self._members.answered(member, self.destruction.load(member))
        self._opened = True
        for lane in self._shared.lanes.values():
            self._shared.start.attach(lane)
        self._members.check_size()
        for member in self._members.live:
            self._shared.help(member.prepare(member.rewipe, [], self._shared.index))
            self._ticker.restock(member)
        await self._shared.settle()
        self._members.recover(opened)
        await self.tick()
        await self.tick()  # the catalogue says that the stock is ready
        self._members.started.set()
        if not indexed:
            self._shared.start.fill.later()
        self._jobs = [self._supervisor.keep("protected copies", self.protected.run)]
        if self._automatic:
            self._jobs += [
                self._supervisor.keep("ring ticks", self._ticker.run),
                self._supervisor.supervise("ring index", 1.0, self.keep_index),
                self._supervisor.supervise("ring audit", audit.PERIOD_S, self.audit_once),
                self._supervisor.supervise("backups", backup.PERIOD_S, self.backups.once),
                self._supervisor.supervise("ring disks", LOOK_S, self.look),
            ]

    @property
    def opened(self) -> bool:
        """Disks and index are there."""
        return self._opened

    async def close(self) -> None:
        """A last tick; everything appended is durable, open chunks stay open for the next start."""
        self._shared.stopping = True
        self._opened = False
        for job in self._jobs:
            job.cancel()
        if self._jobs:
            await asyncio.wait(self._jobs)
        await self._shared.start.fill.stop()
        await self.protected.stop()
        self._members.close()
        members = self._members.all
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._last_ticks()
        except TimeoutError:
            for member in members:
                if member.task is not None:
                    self._members.fail(member, "no answer at the end")
            busy = [member.task for member in members if member.task is not None]
            if busy:
                await asyncio.wait(busy)
        await self.settle()
        await self._tell_destroyed()
        await self._shared.index.note(self._heads())
        held = [chunk for chunks in self._shared.open_chunks.values() for chunk in chunks]
        await asyncio.gather(*(m.close([c.fd for c in held if c.disk == m.index], CLOSE_S) for m in members))
        await self._shared.index.close()

    async def _last_ticks(self) -> None:
        busy = [member.task for member in self._members.all if member.task is not None]
        if busy:
            await asyncio.wait(busy)
        await self.settle()
        await asyncio.gather(*(member.catalog.stop() for member in self._members.all))
        await self.tick()
        await self.tick()  # the blocks that complete the tables written by the last one

    async def look(self) -> None:
        """Periodic work, also at once when the system says that a disk has come or gone."""
        await self._members.look()

    async def _tell_destroyed(self) -> None:
        """The register's lines of the last hour, or the next start tells them."""
        try:
            await self.destruction.report(all_of_it=True)
        except ApplianceError as error:
            log.error("destroyed footage is told at the next start: %s", error)  # noqa: TRY400

    async def make_lawful(self, anchor: Stamp | None, former: Stamp | None = None) -> None:
        """Before anything is served: true times first, then a pass over what is due.

        `anchor`: a trusted instant of this boot, None while the clock is doubtful; `former`: one of an earlier boot.
        Raises IndexUnavailable.
        """
        if anchor is not None:
            await self._redater.run(anchor, former)
            await self.expirer.once()

    async def keep_lawful(self, anchor: Stamp | None, former: Stamp | None = None) -> None:
        """Periodic work, each minute: the same until nothing is due, then the register is told. Raises IndexUnavailable
        and what the register raises.
        """
        await self.make_lawful(anchor, former)
        await self.expirer.run(self._progress)
        await self.destruction.report()

    async def before_serving(self, member: Member) -> None:
        """A disk that came back: what its file says of true times, what it did not tell, and what expired meanwhile."""
        self._hear(member)
        await self._redater.load(member)
        await self.destruction.load(member)
        await self.expirer.once()  # while the clock is doubtful nothing goes, and nothing is served

    def _hear(self, member: Member) -> None:
        """What a disk that came tells of the time. One of another appliance is a foreign witness."""
        others = [m.disk.identity.appliance for m in self._members.all if m is not member]
        own = not others or member.disk.identity.appliance in others
        seen = None if member.last_beat is None else witness(member.last_beat, own=own)
        if seen is not None:
            self.on_witness(seen)

    async def _progress(self) -> None:
        """Wait for a tick, or make one where nothing ticks by itself."""
        await (asyncio.sleep(self._tick_us / 1e6) if self._automatic else self.tick())

    async def adopt(self, path: Path, typed: str) -> None:
        """Take over the disk of another appliance: see Members.adopt."""
        await self._members.adopt(path, typed)

    def stream(self, key: StreamKey, title: str, priority: int = 0) -> StreamSink:
        """The sink of a stream; a higher `priority` loses pictures later when the queue is full."""
        lane = self._shared.lanes.get(key)
        if lane is None:
            lane = self._shared.lanes[key] = Lane(key, title, priority, self._budget, self._overflow)
            if self._opened:
                self._shared.start.attach(lane)
                self._members.check_size()
        return lane

    async def tick(self) -> None:
        """One tick of every idle disk; returns when it is durable and published."""
        await self._ticker.tick()

    async def settle(self) -> None:
        """Wait for what runs beside the ticks: files being opened, chunks being recovered, a large index made again."""
        await self._shared.settle()
        await self._shared.start.fill.wait()

    def rebuild_index(self) -> None:
        """Make the index again from the catalogues, beside the recording: see IndexFill. Raises IndexNotRebuilt."""
        self._shared.start.fill.rebuild(self._members.live)

    def _overflow(self) -> None:
        """The queue is full: whole GOPs go, of the least important stream that waits most; one that fills
        half of it goes first.
        """
        while self._budget.used > self._budget.limit:
            waiting = [lane for lane in self._shared.lanes.values() if lane.pending]
            if not waiting:
                return
            lane = max(waiting, key=lambda lane: lane.pending)
            if lane.pending * 2 < self._budget.limit:  # it is not one camera's doing
                lane = min(waiting, key=lambda lane: (lane.priority, -lane.pending))
            cause = GapCause.OVERLOAD if self._members.live else GapCause.DISK
            lane.counters.dropped += lane.drop_gop(cause)

    # questions

    async def ranges(
        self, key: StreamKey, from_us: int, to_us: int, *, from_keyframe: bool = False, hold: str = ""
    ) -> list[ChunkRanges]:
        """Durable parts of a stream that overlap [from, to): see Catalogue.ranges. Raises UnknownStream, UnknownHold.

        What the ring gave back before its time is taken from protected copies; `hold`: of that hold's copies alone,
        as long as it lasts.
        """
        if hold:
            return await self.copies.of_hold(hold, key, from_us, to_us, from_keyframe=from_keyframe)
        found = await self._shared.catalogue.ranges(self._known(key), from_us, to_us, from_keyframe=from_keyframe)
        return await self.copies.completed(key, found, from_us, to_us, from_keyframe=from_keyframe)

    async def spans(self, key: StreamKey, from_us: int, to_us: int) -> list[StreamSpan]:
        """Durable stretches of a stream, protected copies included: see Catalogue.spans. Raises UnknownStream."""
        found = await self._shared.catalogue.spans(self._known(key), from_us, to_us)
        return await self.copies.completed_spans(key, found, from_us, to_us)

    async def hold(self, asked: Hold) -> Kept:
        """Keep a sequence: see Protected.hold. Raises UnknownStream besides."""
        for key in asked.streams:
            self._known(key)
        return await self.protected.hold(asked)

    async def lease(self, key: StreamKey, from_us: int, to_us: int, seconds: float) -> tuple[str, int]:
        """(lease, UTC microseconds of its end). Raises UnknownStream."""
        return await self._shared.catalogue.lease(self._known(key), from_us, to_us, seconds)

    def release(self, lease: str) -> None:
        """End a lease. Raises UnknownLease."""
        self._shared.catalogue.leases.release(lease)

    def subscribe(self, keys: Iterable[StreamKey]) -> Subscriber:
        """Newest durable parts of these streams. Raises UnknownStream."""
        return self._shared.feed.subscribe([self._known(key) for key in keys])

    def durable_us(self, key: StreamKey) -> int | None:
        """UTC up to which the stream is safe on disk, in this life of the process."""
        return self._shared.lanes[self._known(key)].durable_utc_us

    def has_past(self, key: StreamKey) -> bool:
        """Did the stream record anything that is still on the disks when the ring was opened?"""
        return self._shared.start.has_past(key)

    def live(self, key: StreamKey) -> tuple[str, GapCause]:
        """("recording", NONE), or ("gap", why nothing comes)."""
        return live(self._shared.lanes[self._known(key)])

    def _known(self, key: StreamKey) -> StreamKey:
        if key not in self._shared.lanes:
            raise UnknownStream(stream=str(key))
        return key

    async def audit_once(self) -> None:
        """Periodic work: compare a header of each disk with its catalogue."""
        await self.audit.once(self._members.live)

    async def keep_index(self) -> None:
        """Periodic work: commit the index, refresh how far the past reaches."""
        await self._shared.index.note(self._heads())
        await self._shared.index.commit_if_due()
        for member in self._members.all:
            if why := member.catalog.damage:
                self._shared.start.begin_catalog(member, f"damaged: {why}", member.catalog.epoch + 1)
            member.catalog.compact_if_due()
        first = await self._shared.index.oldest(self._shared.lanes)
        for key, chunks in self._shared.open_chunks.items():
            rows = (self._shared.redating.spans(key, span_rows(chunk.spans)) for chunk in chunks)
            held = [span.from_us for spans in rows for span in spans]
            if held:
                first[key] = min(first.get(key, held[0]), *held)
        self._first_us = {key: max(us, self.expirer.expired_until(key.camera) + 1) for key, us in first.items()}

    def turns(self) -> dict[str, int]:
        """Ticks that each live disk's writer has finished: what the watchdog looks at."""
        return {f"disk {member.index}": member.ticks for member in self._members.live}

    def disk_states(self) -> list[dict[str, object]]:
        """The disks of the site description as plain values, in its order."""
        return disk_states(self._members, self._tick_us)

    def _heads(self) -> dict[str, str]:
        """Catalogue heads: what every line up to there says, the index has been told."""
        return {member.uuid: str(head) for member in self._members.all if (head := member.catalog.head)}

    def state(self) -> dict[str, object]:
        """Disks and streams as plain values for the socket's `state`."""
        return {
            "now_utc_us": self._shared.clock.utc_us(),
            "rebuilding": self._shared.start.fill.rebuilding,
            "backups": dict(self.backups.last_us),
            "audit": {"looked": sum(self.audit.looked.values()), "faults": sum(self.audit.faults.values())},
            "tick_ms": self._tick_us // 1000,
            "pending": self._budget.used,
            "disks": self.disk_states(),
            "retention": self.expirer.state(),
            "streams": {
                str(key): {**stream_state(lane), "first_utc_us": self._first_us.get(key)}
                for key, lane in self._shared.lanes.items()
            },
        }
