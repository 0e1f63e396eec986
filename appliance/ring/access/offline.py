"""The disks without their recorder, or beside it: read only, by catalogues and files alone. Everything blocks."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from appliance.media.part import STARTS_KEYFRAME, STARTS_RUN, PartEntry
from appliance.media.stream import ClockState, StreamKey
from appliance.ring.access.part_ref import PartRef
from appliance.ring.access.reader import ReadableChunk
from appliance.ring.catalog.file import read_catalog, reader
from appliance.ring.catalog.log import CATALOG, NO_HEAD, Head
from appliance.ring.catalog.replay import Replay, replay, rows
from appliance.ring.chunk import Geometry
from appliance.ring.dating.redate import REDATE, Redating, decode
from appliance.ring.disks.disk import HEARTBEAT, Heartbeat, chunk_name, decode_heartbeat
from appliance.ring.disks.identity import DiskIdentity, read_identity
from appliance.ring.errors import CatalogUnreadable
from appliance.ring.index.rows import ChunkRow, Held
from appliance.ring.recovery import end_us, read_entries_at, span_rows, spans_of
from appliance.ring.walk import ChunkState as Found
from appliance.ring.walk import WalkResult, walk

NEWER: Final = frozenset({"OPEN", "READY"})
"""Kinds whose chunk may hold more than its line says: what is found there is no fault."""


@dataclass(frozen=True, slots=True)
class DiskFiles:
    """A recording disk that is only read."""

    path: Path
    identity: DiskIdentity

    @property
    def geometry(self) -> Geometry:
        """Sizes of its chunks."""
        return self.identity.geometry

    @staticmethod
    def at(path: Path) -> "DiskFiles":
        """Raises DiskMissing, DiskNotFormatted, DiskUnreadable, DiskVersion."""
        return DiskFiles(path, read_identity(path))

    def heartbeat(self) -> Heartbeat | None:
        """The last sign of life of a recorder."""
        try:
            return decode_heartbeat((self.path / HEARTBEAT).read_bytes())
        except OSError:
            return None

    def catalog(self) -> Replay:
        """Its catalogue, with the heartbeat as witness. Raises CatalogUnreadable, OSError."""
        beat = self.heartbeat()
        identity = self.identity
        return read_catalog(self.path, identity.uuid, identity.chunks, witness=beat.catalog if beat else "")

    def rows(self, found: Replay, numbers: Sequence[int]) -> Iterator[ChunkRow]:
        """What the lines of these closed chunks say, times as written. Raises CatalogUnreadable, OSError."""
        fd = os.open(self.path / CATALOG, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for row, _ in rows(reader(fd), self.identity.uuid, numbers, found.at):
                yield row
        finally:
            os.close(fd)

    def entries(self, row: ChunkRow) -> list[PartEntry]:
        """The parts of a closed chunk, times as written; none when its table is another's. Raises OSError."""
        return read_entries_at(self.path, self.geometry, row.number, row.generation) or []

    def held(self, found: Replay, numbers: Sequence[int]) -> Iterator[Held]:
        """Rows with their stretches, which may have to be read from the chunk. Raises CatalogUnreadable, OSError."""
        fd = os.open(self.path / CATALOG, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for row, spans in rows(reader(fd), self.identity.uuid, numbers, found.at):
                yield row, span_rows(spans_of(self.entries(row))) if spans is None else spans
        finally:
            os.close(fd)


class Finding(NamedTuple):
    """Something wrong. `what`: a word of WORDS; `number`: of the chunk, -1 for the disk; `why`: a detail."""

    what: str
    number: int
    why: str = ""


@dataclass(slots=True)
class Checked:
    """What a check of a disk looked at and found."""

    path: Path
    chunks: int = 0
    closed: int = 0
    open: int = 0
    found: list[Finding] = field(default_factory=list)


def check(path: Path, *, deep: bool = False, every: Callable[[int], None] = lambda _: None) -> Checked:
    """Compare a disk with its catalogue; `deep`: every part of every chunk, with its CRCs. `every`: told the progress.

    Beside a running recorder what has changed meanwhile is no fault. Raises what DiskFiles.at raises, OSError.
    """
    disk = DiskFiles.at(path)
    result = Checked(path, disk.identity.of_ring)
    try:
        catalog = disk.catalog()
        _former(disk, catalog)
    except CatalogUnreadable as error:
        result.found.append(Finding("catalogue", -1, str(error.facts["why"])))
        return _without(disk, result, deep=deep, every=every)
    closed = [number for number in catalog.closed if number < disk.identity.of_ring]
    told = {row.number: row for row in disk.rows(catalog, closed)}
    for number in range(disk.identity.of_ring):
        every(number)
        kind = "CLOSED" if number in told else catalog.special.get(number, ("FREE", []))[0]
        result.closed += kind == "CLOSED"
        result.open += kind == "OPEN"
        finding = _chunk(disk, number, kind, told.get(number), deep=deep)
        if finding is not None:
            result.found.append(finding)
    if result.found:
        _discount(disk, catalog, result)
    return result


def _former(disk: DiskFiles, found: Replay) -> None:
    """The file before says the same up to where this one begins. Raises CatalogUnreadable."""
    if found.beginning.previous == NO_HEAD:
        return
    head = Head.of(found.beginning.previous)
    try:
        fd = os.open(disk.path / f"{CATALOG}.1", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # taken away by somebody: the chain is open there, and the heads that left the machine tell
    try:
        if head is None or head not in replay(reader(fd), witnesses=[head]).seen:
            raise CatalogUnreadable(why="the former file is not the one it goes on from")
    finally:
        os.close(fd)


def _chunk(disk: DiskFiles, number: int, kind: str, row: ChunkRow | None, *, deep: bool) -> Finding | None:
    if kind == "SUSPECT":
        return None  # said so already
    try:
        fd = os.open(disk.path / chunk_name(number), os.O_RDONLY | os.O_CLOEXEC)
        try:
            result = walk(fd, disk.geometry, deep=deep and row is not None)
        finally:
            os.close(fd)
    except OSError as error:
        return Finding("file", number, error.strerror or "")
    if row is None:
        return _unclosed(number, kind, result)
    if result.state is not Found.CLOSED:
        return Finding("damaged", number, result.reason or result.state.value)
    header, last = result.header, result.entries[-1] if result.entries else None
    own = header is not None and (header.generation, header.disk_uuid) == (row.generation, disk.identity.uuid)
    same = last is None or (last.run, last.sequence) == (row.last_run, row.last_sequence)
    return None if own and same else Finding("other", number)


def _unclosed(number: int, kind: str, result: WalkResult) -> Finding | None:
    if kind in NEWER:
        return Finding("damaged", number, result.reason) if result.state is Found.DAMAGED else None
    empty = result.state is Found.FREE or kind == "FREED"  # zeroed again at the next start
    return None if empty else Finding("not-free", number, kind)


def _without(disk: DiskFiles, result: Checked, *, deep: bool, every: Callable[[int], None]) -> Checked:
    """No catalogue: what each file says of itself."""
    for number in range(disk.identity.of_ring):
        every(number)
        try:
            fd = os.open(disk.path / chunk_name(number), os.O_RDONLY | os.O_CLOEXEC)
            try:
                found = walk(fd, disk.geometry, deep=deep)
            finally:
                os.close(fd)
        except OSError as error:
            result.found.append(Finding("file", number, error.strerror or ""))
            continue
        result.closed += found.state is Found.CLOSED
        result.open += found.state is Found.OPEN
        if found.state is Found.DAMAGED:
            result.found.append(Finding("damaged", number, found.reason))
    return result


def _discount(disk: DiskFiles, before: Replay, result: Checked) -> None:
    """A recorder that runs has changed these meanwhile: their lines are others now."""
    try:
        now = disk.catalog()
    except CatalogUnreadable:
        return
    same = now.beginning.epoch == before.beginning.epoch
    result.found = [f for f in result.found if f.number < 0 or (same and now.at[f.number] == before.at[f.number])]


def true_times(disks: Iterable[Path]) -> Redating:
    """What the disks know of footage that was recorded under a doubtful clock; a file that does not hold says nothing.

    Each disk has the offsets of all.
    """
    redating = Redating()
    for path in disks:
        try:
            data = (path / REDATE).read_bytes()
        except OSError:
            continue
        redating.add(decode(data) or {})
    return redating


@dataclass(frozen=True, slots=True)
class OfflineParts:
    """`chunks`: with their parts, true times; `undated`: runs whose time nobody knows, of which nothing is given."""

    chunks: list[tuple[ReadableChunk, list[PartRef]]]
    undated: set[int]


def parts_of(path: Path, key: StreamKey, from_us: int, to_us: int, redating: Redating) -> OfflineParts:
    """Closed chunks of a stream with parts in [from, to), with all their dated parts, oldest first.

    Raises what DiskFiles.at and `catalog` raise.
    """
    disk = DiskFiles.at(path)
    found = OfflineParts([], set())
    catalog = disk.catalog()
    for held in disk.held(catalog, catalog.closed):
        if (held[0].camera, held[0].stream) != tuple(key):
            continue
        row, spans = redating.held(held)
        undated = {span.run for span in spans if span.clock == ClockState.DOUBTFUL}
        found.undated.update(undated)
        if row.last_us <= from_us or row.first_us >= to_us:
            continue
        entries = redating.entries(key, [entry for entry in disk.entries(row) if entry.run not in undated])
        if not any(e.utc_us < to_us and end_us(e) > from_us for e in entries):
            continue
        parts = [_ref(entry) for entry in entries]
        about = (row.codec, row.width, row.height, row.init_length, entries[0].utc_us, parts)
        chunk = ReadableChunk(row.disk, path / chunk_name(row.number), row.number, row.generation, *about)
        found.chunks.append((chunk, parts))
    return found


def _ref(entry: PartEntry) -> PartRef:
    flags = (STARTS_KEYFRAME if entry.starts_keyframe else 0) | (STARTS_RUN if entry.starts_run else 0)
    e = entry
    return PartRef(e.offset, e.length, e.utc_us, e.tfdt, e.duration, e.run, e.sequence, e.samples, flags)
