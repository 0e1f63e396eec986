"""What a disk's catalogue settles at start, in one thread a disk: replayed, tried on some chunks, then believed.

Looked at besides: chunks whose last line is READY or OPEN, because they may hold more than the catalogue knows, and
those whose kind is of a later version. All others are not touched before the recording has begun.
"""

import logging
import os
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from appliance.media.stream import StreamKey
from appliance.ring.catalog.file import read_catalog, reader
from appliance.ring.catalog.log import CATALOG, Head
from appliance.ring.catalog.replay import Read, Replay, rows
from appliance.ring.disks.disk import Disk
from appliance.ring.disks.pool import ChunkState
from appliance.ring.errors import CatalogUnreadable
from appliance.ring.index.rows import Held
from appliance.ring.placement import HOUR_US, Opening
from appliance.ring.recovery import Scan, read_entries, scan, span_rows, spans_of

log = logging.getLogger(__name__)

TRIED: Final = 8
"""Closed chunks whose header is compared with the catalogue before it is believed, the newest and as many others:
a copied or restored catalogue is wrong about nearly all of them."""

RECENT: Final = 8192
"""Closed chunks looked at for openings of the last hour: 128 streams fill 4 400 at 4 Mbit/s."""

NO_FD: Final = -1

_STATES: Final = {"FREE": ChunkState.FREE, "FREED": ChunkState.FREED, "SUSPECT": ChunkState.SUSPECT}


@dataclass(slots=True)
class Settled:
    """What is known of a disk. `fd`: the catalogue, to go on with; `states`: of the ring's chunks, from number 0.

    `closed`: closed chunks, oldest line first; `looked`: chunks whose header was read; `put`, `forget`: what the
    index lacks, when `current`; else it knows another past and is to be filled again.
    """

    found: Replay
    fd: int
    states: bytearray
    freed: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    looked: Scan = field(default_factory=Scan)
    openings: list[tuple[StreamKey, Opening]] = field(default_factory=list)
    current: bool = False
    put: list[Held] = field(default_factory=list)
    forget: list[int] = field(default_factory=list)


def settle(disk: Disk, witness: str, mark: str, now_us: int) -> Settled:
    """Everything that the start needs. Raises CatalogUnreadable when the catalogue is not to be believed, OSError.

    `witness`: head that the heartbeat tells; `mark`: head that the index tells.
    """
    identity = disk.identity
    head = Head.of(mark)
    found = read_catalog(disk.path, identity.uuid, identity.chunks, witness=witness, mark=head)
    states = bytearray(identity.of_ring)
    for number in found.closed:
        if number < identity.of_ring:
            states[number] = ChunkState.CLOSED
    unsettled: list[int] = []
    freed: list[int] = []
    special = [number for number in found.special if number < identity.of_ring]
    for number in special:
        kind = found.special[number][0]
        if kind not in _STATES:
            unsettled.append(number)
        else:
            states[number] = _STATES[kind]
            if kind == "FREED":
                freed.append(number)
    reading = os.open(disk.path / CATALOG, os.O_RDONLY | os.O_CLOEXEC)  # what goes on with it may be O_DIRECT
    try:
        read = reader(reading)
        ours = [number for number in found.closed if number < identity.of_ring]
        result = Settled(found, NO_FD, states, freed, ours, forget=special)
        result.looked = scan(disk, {}, unsettled)
        _try(disk, read, result)
        _openings(disk, read, result, now_us)
        if head is not None and found.since is not None:
            _changes(disk, read, result, found.since)
    finally:
        os.close(reading)
    result.fd = disk.open_file(disk.path / CATALOG)
    return result


def _try(disk: Disk, read: Read, result: Settled) -> None:
    """Some headers must be those the catalogue tells. Raises CatalogUnreadable."""
    closed = result.closed
    chosen = closed[-TRIED:] + random.sample(closed[:-TRIED], min(TRIED, len(closed[:-TRIED])))
    told = {row.number: row.generation for row, _ in rows(read, disk.identity.uuid, chosen, result.found.at)}
    tried = scan(disk, told, chosen)
    wrong = len(chosen) - len(tried.known)
    if wrong * 2 > len(chosen):
        raise CatalogUnreadable(why=f"{wrong} of {len(chosen)} files are not as it says")
    if wrong:
        log.error("catalogue of %s: %d of %d files are not as it says", disk.path, wrong, len(chosen))
        looked = result.looked
        looked.free += tried.free
        looked.suspect += tried.suspect
        looked.opened += tried.opened
        looked.closed += tried.closed
        looked.generation = max(looked.generation, tried.generation)
        other = set(chosen) - set(tried.known)
        result.closed = [number for number in closed if number not in other]
        result.forget += other
        for number in other:
            result.states[number] = ChunkState.FREE  # until its header has said what it is


def _openings(disk: Disk, read: Read, result: Settled, now_us: int) -> None:
    """Chunks opened within the last hour: a stream may open so many and no more, restarts included."""
    for row, _ in rows(read, disk.identity.uuid, result.closed[-RECENT:], result.found.at):
        if abs(now_us - row.opened_us) < HOUR_US:
            key = StreamKey(row.camera, "main" if row.stream == "main" else "sub")
            result.openings.append((key, Opening(row.opened_us, row.size)))


def _changes(disk: Disk, read: Read, result: Settled, since: set[int]) -> None:
    """What the index lacks: it was saved before the last lines."""
    result.current = True
    closed = since.intersection(result.closed)
    result.forget += since - closed
    result.put += closed_rows(disk, read, closed, result.found.at)


def closed_rows(disk: Disk, read: Read, numbers: Iterable[int], at: Sequence[int]) -> list[Held]:
    """What the index holds of these chunks; stretches that no line has room for come from the part table."""
    held: list[Held] = []
    for row, spans in rows(read, disk.identity.uuid, numbers, at):
        entries = read_entries(disk, row.number, row.generation) if spans is None else None
        held.append((row, span_rows(spans_of(entries or [])) if spans is None else spans))
    return held


def closed_of(disk: Disk, numbers: Iterable[int], at: Sequence[int]) -> list[Held]:
    """The same, from the disk's own catalogue."""
    fd = os.open(disk.path / CATALOG, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return closed_rows(disk, reader(fd), numbers, at)
    finally:
        os.close(fd)
