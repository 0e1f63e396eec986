"""What lies on a recording disk, without writing a byte to it: whose it is, which cameras, from when to when.

By its catalogue where that holds, else by every chunk's header. Blocks, on a large disk without catalogue for long.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from appliance.media.stream import StreamKey
from appliance.ring.catalog.file import read_catalog, reader
from appliance.ring.catalog.log import CATALOG
from appliance.ring.catalog.replay import rows
from appliance.ring.chunk import Geometry
from appliance.ring.disks.disk import HEARTBEAT, Heartbeat, chunk_name, decode_heartbeat
from appliance.ring.disks.identity import DiskIdentity, read_identity
from appliance.ring.disks.loss import Loss, losses
from appliance.ring.errors import CatalogUnreadable
from appliance.ring.index.rows import Held
from appliance.ring.recovery import chunk_row, scan, span_rows, spans_of
from appliance.ring.walk import walk


@dataclass(frozen=True, slots=True)
class LookedAt:
    """A recording disk that is only read."""

    path: Path
    identity: DiskIdentity

    @property
    def geometry(self) -> Geometry:
        """Sizes of its chunks."""
        return self.identity.geometry


@dataclass(frozen=True, slots=True)
class Survey:
    """What a disk holds. `streams`: how much of each; `chunks`: how many hold something; `beat`: its last heartbeat."""

    identity: DiskIdentity
    beat: Heartbeat | None
    streams: list[Loss]
    chunks: int

    @property
    def hours(self) -> float:
        """All streams together."""
        return round(sum(stream.us for stream in self.streams) / 3_600_000_000, 1)

    @property
    def from_us(self) -> int | None:
        """UTC of the oldest picture."""
        return min((stream.from_us for stream in self.streams), default=None)

    @property
    def to_us(self) -> int | None:
        """UTC of the newest picture."""
        return max((stream.to_us for stream in self.streams), default=None)


def survey(path: Path) -> Survey:
    """Look at the disk at `path`. Raises what read_identity raises, OSError when the disk cannot be read."""
    disk = LookedAt(path, read_identity(path))
    beat = _beat(path)
    try:
        held = _by_catalog(disk, beat)
    except CatalogUnreadable:
        held = _by_headers(disk, None)
    stretches = [
        (StreamKey(row.camera, "main" if row.stream == "main" else "sub"), span.from_us, span.to_us)
        for row, spans in held
        for span in spans
    ]
    return Survey(disk.identity, beat, losses(stretches), len(held))


def _beat(path: Path) -> Heartbeat | None:
    try:
        return decode_heartbeat((path / HEARTBEAT).read_bytes())
    except OSError:
        return None


def _by_catalog(disk: LookedAt, beat: Heartbeat | None) -> list[Held]:
    identity = disk.identity
    found = read_catalog(disk.path, identity.uuid, identity.chunks, witness=beat.catalog if beat else "")
    fd = os.open(disk.path / CATALOG, os.O_RDONLY | os.O_CLOEXEC)
    try:
        told = list(rows(reader(fd), identity.uuid, found.closed, found.at))
    finally:
        os.close(fd)
    held: list[Held] = []
    unsaid: list[int] = [row.number for row, spans in told if spans is None]
    held += [(row, spans) for row, spans in told if spans is not None]
    unsaid += [number for number, (kind, _) in found.special.items() if kind in {"OPEN", "READY"}]
    return held + _by_headers(disk, unsaid)


def _by_headers(disk: LookedAt, numbers: list[int] | None) -> list[Held]:
    found = scan(disk, {}, numbers)
    held = list(found.closed)
    for info in found.opened:
        fd = os.open(disk.path / chunk_name(info.header.number), os.O_RDONLY | os.O_CLOEXEC)
        try:
            entries = walk(fd, disk.geometry).entries
        finally:
            os.close(fd)
        if entries:
            held.append((chunk_row(info.header, info.init_length, entries), span_rows(spans_of(entries))))
    return held
