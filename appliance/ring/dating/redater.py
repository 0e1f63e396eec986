"""Puts true times on footage of a doubtful clock once one is trusted: finds the runs, saves, corrects the index."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from appliance.core.judgement import Stamp
from appliance.media.errors import PartUnreadable
from appliance.media.part import ParsedPart, PartEntry, header_size, parse_part
from appliance.media.stream import ClockState
from appliance.ring.dating.redate import REDATE, DoubtfulRun, RunId, decode, encode, offsets
from appliance.ring.disks.disk import chunk_name
from appliance.ring.disks.member import Member
from appliance.ring.index import ages
from appliance.ring.recovery import read_entries
from appliance.ring.shared import Shared
from appliance.ring.small_file import SMALL_FILE_S, save

log = logging.getLogger(__name__)


class Redater:
    """One of these a ring; lives in its event loop."""

    def __init__(self, shared: Shared, members: Callable[[], Iterable[Member]]) -> None:
        """`members`: the disks now, those that failed too."""
        self._shared = shared
        self._members = members
        self._redating = shared.redating
        self._turn = asyncio.Lock()
        self._unsaved: set[str] = set()  # disks whose file lacks an offset

    async def load(self, member: Member) -> None:
        """Before a disk's chunks are learnt: what its file knows. Never raises on what the file holds."""
        path = member.disk.path / REDATE
        data = await member.disk.aside(_read, path)
        found = None if data is None else decode(data)
        if data is not None and found is None:
            log.error("%s does not hold: footage of a doubtful clock may be dated again", path)
        if self._redating.add(found or {}):
            self._unsaved.update(other.uuid for other in self._members() if other is not member)
            await self._correct()

    async def run(self, anchor: Stamp, former: Stamp | None = None) -> int:
        """Date all that is not dated; how many runs that were.

        `anchor`: a trusted instant of this boot; `former`: one of an earlier boot. Raises IndexUnavailable.
        """
        async with self._turn:
            runs = await self._find()
            found: dict[RunId, int] = {}
            if runs:
                zeros = {stamp.boot_id: stamp.utc_us - stamp.monotonic_us for stamp in (former, anchor) if stamp}
                found = self._redating.add(offsets(runs, zeros, anchor.boot_id))
                self._unsaved.update(member.uuid for member in self._members())
            if self._unsaved:
                await self._save()
            if found:
                log.info("%d stretches of a doubtful clock are dated", len(found))
                await self._correct()
            return len(found)

    async def _find(self) -> list[DoubtfulRun]:
        """Every run without a true time, its boot and offset read from one of its parts."""
        members = {member.uuid: member for member in self._members() if not member.failed}
        runs: dict[RunId, DoubtfulRun] = {}
        for key, chunks in self._shared.open_chunks.items():
            for chunk in chunks:
                for span in chunk.spans:
                    run = (*key, span.run)
                    if (
                        span.clock != ClockState.DOUBTFUL
                        or run in self._redating.known
                        or chunk.header.disk_uuid not in members
                    ):
                        continue
                    entry = next(e for e in chunk.entries if e.run == span.run)
                    part = await self._part(
                        members[chunk.header.disk_uuid], chunk.number, entry, chunk.header.generation
                    )
                    _note(runs, run, part, span.to_us, chunk.header.generation)
        for found in await ages.undated(self._shared.index):
            if found[:3] in self._redating.known or found.disk not in members:
                continue
            part = await self._part_of(members[found.disk], found)
            _note(runs, found[:3], part, found.to_us, found.generation)
        return list(runs.values())

    async def _part_of(self, member: Member, found: ages.UndatedRun) -> ParsedPart | None:
        try:
            entries = await member.disk.aside(read_entries, member.disk, found.number, found.generation)
        except OSError as error:
            log.error("%s cannot be dated: %s", member.disk.path / chunk_name(found.number), error.strerror)  # noqa: TRY400
            return None
        entry = next((e for e in entries or () if e.run == found.run), None)
        return None if entry is None else await self._part(member, found.number, entry, found.generation)

    async def _part(self, member: Member, number: int, entry: PartEntry, generation: int) -> ParsedPart | None:
        """A part's header; None when it is not what the table says."""
        path = member.disk.path / chunk_name(number)
        try:
            part = await member.disk.aside(_read_part, path, entry)
        except (OSError, PartUnreadable) as error:
            log.error("%s cannot be dated: %s", path, error)  # noqa: TRY400 - the sentence says all
            return None
        return part if (part.header.generation, part.header.run) == (generation, entry.run) else None

    async def _save(self) -> None:
        """On every disk, by its own thread. A disk that refuses is tried again at the next call."""
        data = encode(self._redating.known)
        for member in list(self._members()):
            if member.uuid in self._unsaved and not member.failed:
                loop = asyncio.get_running_loop()
                try:
                    async with asyncio.timeout(SMALL_FILE_S):
                        await loop.run_in_executor(member.thread, save, member.disk.path / REDATE, data)
                except (OSError, TimeoutError) as error:
                    log.error("the true times are not saved on %s: %s", member.disk.path, error)  # noqa: TRY400
                else:
                    self._unsaved.discard(member.uuid)

    async def _correct(self) -> None:
        """Rows of the index that lack a time that is known, through `put`, which dates them."""
        index, known = self._shared.index, self._redating.known
        chunks = {(disk, number) for disk, number, run in await ages.undated_chunks(index) if run in known}
        chunks |= {(row.disk, row.number) for row, _ in index.unsaved()}
        held = [await ages.held(index, disk, number) for disk, number in sorted(chunks)]
        if held:
            await index.put(one for one in held if one is not None)


def _note(runs: dict[RunId, DoubtfulRun], run: RunId, part: ParsedPart | None, to_us: int, generation: int) -> None:
    if part is None:
        return
    header = part.header
    known = runs.get(run)
    order = (generation, header.run)
    runs[run] = DoubtfulRun(
        run,
        header.boot_id,
        header.utc_us - header.monotonic_us,
        to_us if known is None else max(known.to_us, to_us),
        order if known is None else max(known.order, order),
    )


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _read_part(path: Path, entry: PartEntry) -> ParsedPart:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return parse_part(os.pread(fd, header_size(entry.samples), entry.offset))
    finally:
        os.close(fd)
