"""The account of destroyed footage: written down before the bytes go, told to the register once they are gone.

Whoever gives up a chunk calls `condemn` between `Pool.free` and the opening of the file: until then no tick can zero
it. The tick that has zeroed it, flushed, calls `destroyed`. Once an hour the register gets one line per camera and
reason: from, to, count, bytes and a hash over the chunks. A disk that refuses the account stops no destruction: the
law sets its time; the account is then kept in memory alone, and said to be so. Protected copies go the same way; what
a stop left of theirs is decided when their pool has been looked at.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from appliance.core.chain import Facts, untold
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.ring.disks.member import Member
from appliance.ring.disks.pool import ChunkState
from appliance.ring.expiry.destroyed_log import (
    DESTROYED,
    Doomed,
    Left,
    digest,
    doom_lines,
    early_line,
    entry_line,
    parse,
)
from appliance.ring.expiry.policy import HOUR_US
from appliance.ring.index import ages
from appliance.ring.index.cache import Index
from appliance.ring.index.rows import ChunkRow
from appliance.ring.small_file import SMALL_FILE_S, add, save

log = logging.getLogger(__name__)

KIND: Final = "footage-destroyed"
"""Kind of the register's lines."""

EARLY: Final = "early"
"""Reason of a chunk that was given up because the stock needed it, and nothing was due by its age."""


class Register(Protocol):
    """Where destruction is told: the recorder's journal."""

    def tell(self, kind: str, facts: Facts) -> bool:
        """Enter a line; False when it is lost."""
        ...

    async def settled(self) -> None:
        """Returns when all that was told is durable. Raises ApplianceError."""

    async def knows(self, entries: Iterable[str]) -> set[str]:
        """Which of these entries (the facts' `sha256`) it holds."""
        ...


class NoRegister:
    """Takes everything and keeps nothing: for a ring that is used without a recorder."""

    def tell(self, kind: str, facts: Facts) -> bool:
        return untold(kind, facts) or True

    async def settled(self) -> None:
        return

    async def knows(self, entries: Iterable[str]) -> set[str]:
        return set(entries) & set()


@dataclass(slots=True)
class _Batch:
    """A line of the register to be. `told`: the register has taken it and is to make it durable."""

    entry: str
    dooms: list[Doomed]
    late: bool
    told: bool = False


class Destruction:
    """One of these a ring; lives in its event loop.

    `early_us`: by camera, newest picture that went before its time, for lack of room; kept on the disks. `loaded`:
    members whose file is known.
    """

    def __init__(self, index: Index, clock: Clock, members: Callable[[], Iterable[Member]]) -> None:
        self._index = index
        self._clock = clock
        self._members = members
        self.register: Register = NoRegister()
        self.early_us: dict[str, int] = {}
        self.loaded: set[int] = set()
        self._condemned: dict[tuple[str, int], Doomed] = {}
        self._unsure: dict[int, list[Doomed]] = {}  # by member: copies that may be gone, until their pool is known
        self._gone: dict[tuple[int, str, str, bool], list[Doomed]] = {}  # by hour, camera, reason, late
        self._batches: list[_Batch] = []
        self._turn = asyncio.Lock()

    @property
    def untold(self) -> int:
        """Chunks destroyed or condemned that the register does not have yet."""
        others = (*self._gone.values(), *self._unsure.values(), *(batch.dooms for batch in self._batches))
        return len(self._condemned) + sum(map(len, others))

    async def condemn(self, member: Member, numbers: Sequence[int], reason: str) -> None:
        """The footage of these chunks is given up; durable when it returns. Before the index forgets them.

        Raises nothing on the disk's account: footage whose account cannot be kept goes all the same.
        """
        if numbers:
            await self.condemn_rows(member, await self._rows(member, numbers), reason)

    async def condemn_rows(self, member: Member, rows: Iterable[ChunkRow], reason: str) -> None:
        """The same for chunks that the index does not know: protected copies, with their true times."""
        dooms = [_doom(row, reason) for row in rows]
        for doom in dooms:
            self._condemned[doom.disk, doom.number] = doom
            self._note_early(doom)
        if dooms:
            await self._write(member, add, doom_lines(dooms))

    def _note_early(self, doom: Doomed) -> None:
        if doom.reason == EARLY:
            self.early_us[doom.camera] = max(doom.to_us, self.early_us.get(doom.camera, doom.to_us))

    def destroyed(self, member: Member, numbers: Iterable[int]) -> None:
        """The zeros of these chunks are durable."""
        for number in numbers:
            doom = self._condemned.pop((member.uuid, number), None)
            if doom is not None:
                self._gone.setdefault((self._hour(), doom.camera, doom.reason, False), []).append(doom)

    async def load(self, member: Member) -> None:
        """After a disk's chunks are learnt: what was destroyed before a stop and is not in the register.

        What is there still was never destroyed: whoever wanted it gone will find it again.
        """
        try:
            data = await member.disk.aside(_read, member.disk.path / DESTROYED)
            if data:
                await self._learn(member, parse(data, member.uuid))
        finally:
            self.loaded.add(member.index)

    async def _learn(self, member: Member, left: Left) -> None:
        for camera, us in left.early.items():
            self.early_us[camera] = max(us, self.early_us.get(camera, us))
        known = await self._index.known(member.uuid)
        known_entries = await self.register.knows(left.entries)
        told = {chunk for entry in known_entries for chunk in left.entries[entry]}
        for entry, chunks in left.entries.items():
            dooms = [left.dooms[chunk] for chunk in chunks if chunk in left.dooms and chunk not in told]
            batch = next((batch for batch in self._batches if batch.entry == entry), None)
            if batch is not None:  # of two disks, or of one that comes back
                batch.dooms += [doom for doom in dooms if doom not in batch.dooms]
            elif dooms:
                self._batches.append(_Batch(entry, dooms, late=True))
            told.update(chunks)
        here = {doom.chunk for doom in self._told_or_gone()}  # a disk that was away: some of it was told meanwhile
        unsure = self._unsure.setdefault(member.index, [])
        for (number, generation), doom in left.dooms.items():
            if number >= member.pool.of_ring:
                if (number, generation) not in told and doom.chunk not in here:
                    self._condemned.pop((doom.disk, number), None)
                    unsure.append(doom)
                continue
            state = ChunkState(member.pool.states[number]) if number < member.pool.count else ChunkState.SUSPECT
            there = known.get(number) == generation or (self._index.building and state is ChunkState.CLOSED)
            if not there:
                self._note_early(doom)
            if (number, generation) in told or there or doom.chunk in here:
                continue
            if state in {ChunkState.FREED, ChunkState.SUSPECT}:  # zeroed again, or nobody knows
                self._condemned[doom.disk, number] = doom
            else:
                self._gone.setdefault((self._hour() - 1, doom.camera, doom.reason, True), []).append(doom)
        await self._rewrite([member])

    def settle_pool(self, member: Member, there: Mapping[int, int]) -> list[int]:
        """Once it is known what a disk's pool held at the start (`there`: generation by number): which copies of the
        file are gone. Returns the chunks to be zeroed once more before that is told.
        """
        again: list[int] = []
        pool = member.pool
        for doom in self._unsure.pop(member.index, ()):
            state = ChunkState(pool.states[doom.number])
            wiped = next((chunk for chunk in pool.wiped if chunk.number == doom.number), None)
            used = state in {ChunkState.POOL_OPEN, ChunkState.POOL_CLOSED}
            if used and there.get(doom.number) == doom.generation:
                continue  # never destroyed: whoever wanted it gone will find it again
            ready = any(chunk.number == doom.number for chunk in pool.protected_ready)
            if used or ready or (wiped is not None and wiped.until_us is not None):
                self._gone.setdefault((self._hour() - 1, doom.camera, doom.reason, True), []).append(doom)
                continue
            self._condemned[doom.disk, doom.number] = doom
            if state is ChunkState.POOL_FREE and wiped is None:  # were its zeros durable? nobody knows
                again.append(doom.number)
        return again

    def _told_or_gone(self) -> Iterator[Doomed]:
        for dooms in (*self._gone.values(), *(batch.dooms for batch in self._batches)):
            yield from dooms

    async def report(self, *, all_of_it: bool = False) -> None:
        """Periodic work: tell the register of the hours that are over. Raises ApplianceError; tried again."""
        async with self._turn:
            for key in [key for key in self._gone if all_of_it or key[0] != self._hour()]:
                dooms = self._gone.pop(key)
                batch = _Batch(digest(dooms), dooms, late=key[3])
                self._batches.append(batch)
                for member in self._members():
                    mine = [doom for doom in dooms if doom.disk == member.uuid]
                    if mine:
                        await self._write(member, add, entry_line(batch.entry, mine))
            for batch in self._batches:
                batch.told = batch.told or self.register.tell(KIND, _facts(batch))
            told = [batch for batch in self._batches if batch.told]
            if not told:
                return
            await self.register.settled()
            self._batches = [batch for batch in self._batches if not batch.told]
            disks = {doom.disk for batch in told for doom in batch.dooms}
            await self._rewrite([member for member in self._members() if member.uuid in disks])

    async def _rows(self, member: Member, numbers: Sequence[int]) -> list[ChunkRow]:
        try:
            return await ages.rows(self._index, member.uuid, list(numbers))
        except ApplianceError as error:
            log.error("the account of %d destroyed files is lost: %s", len(numbers), error)  # noqa: TRY400
            return []

    async def _rewrite(self, members: Iterable[Member]) -> None:
        """Each disk's file as what is left of it."""
        for member in members:
            others = (self._condemned.values(), *self._gone.values(), *self._unsure.values())
            mine = [doom for dooms in others for doom in dooms if doom.disk == member.uuid]
            data = (early_line(self.early_us) if self.early_us else b"") + doom_lines(mine)
            for batch in self._batches:
                part = [doom for doom in batch.dooms if doom.disk == member.uuid]
                data += doom_lines(part) + (entry_line(batch.entry, part) if part else b"")
            await self._write(member, save, data)

    async def _write(self, member: Member, how: Callable[[Path, bytes], None], data: bytes) -> None:
        if member.failed:
            return
        work: Awaitable[None] = asyncio.get_running_loop().run_in_executor(
            member.thread, how, member.disk.path / DESTROYED, data
        )
        try:
            async with asyncio.timeout(SMALL_FILE_S):
                await work
        except (OSError, TimeoutError, RuntimeError) as error:  # RuntimeError: the disk's thread has ended
            log.error("the account of destroyed footage is not kept on %s: %s", member.disk.path, error)  # noqa: TRY400

    def _hour(self) -> int:
        return self._clock.utc_us() // HOUR_US


def _doom(row: ChunkRow, reason: str) -> Doomed:
    facts = (row.camera, row.stream, row.first_us, row.last_us, row.size)
    return Doomed(row.disk, row.number, row.generation, *facts, reason)


def _facts(batch: _Batch) -> dict[str, str | int | bool]:
    dooms = batch.dooms
    return {
        "camera": dooms[0].camera,
        "reason": dooms[0].reason,
        "from_utc_us": min(doom.from_us for doom in dooms),
        "to_utc_us": max(doom.to_us for doom in dooms),
        "count": len(dooms),
        "bytes": sum(doom.size for doom in dooms),
        "sha256": batch.entry,
        "late": batch.late,
    }


def left_on(path: Path, disk: str) -> Left:
    """What a disk's file says now. Blocks."""
    return parse(_read(path / DESTROYED), disk)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
