"""The disks without their recorder, or beside it: read only, by catalogues and files alone. Everything blocks."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.media.part import STARTS_KEYFRAME, STARTS_RUN, PartEntry
from appliance.media.stream import ClockState, StreamKey
from appliance.ring.access.part_ref import PartRef
from appliance.ring.access.reader import ReadableChunk
from appliance.ring.catalog.file import read_catalog, reader
from appliance.ring.catalog.log import CATALOG
from appliance.ring.catalog.replay import Replay, rows
from appliance.ring.chunk import Geometry
from appliance.ring.dating.redate import REDATE, Redating, decode
from appliance.ring.disks.disk import HEARTBEAT, Heartbeat, chunk_name, decode_heartbeat
from appliance.ring.disks.identity import DiskIdentity, read_identity
from appliance.ring.index.rows import ChunkRow, Held
from appliance.ring.recovery import end_us, read_entries_at, span_rows, spans_of


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
