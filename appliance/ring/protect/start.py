"""What a disk says of its protected pool: its list of holds, and every chunk of the pool from its own bytes.

Blocks and runs in a helper thread beside the recording, which never waits for it. A field disk's pool is 24 000
chunks: four minutes of a hard disk that has other work, and holds are answered when it is done.
"""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from appliance.core.units import BLOCK
from appliance.ring.chunk import MAX_HEADER, HeaderInfo, read_header
from appliance.ring.disks.disk import Disk, chunk_name
from appliance.ring.disks.member import Member
from appliance.ring.errors import ChunkUnreadable
from appliance.ring.faults import ListUnwritten
from appliance.ring.index.rows import ChunkRow, SpanRow
from appliance.ring.protect.copying import rebase_recovered
from appliance.ring.protect.hold_list import HOLDS, make_list, read_list
from appliance.ring.protect.policy import Hold, hold_in
from appliance.ring.recovery import chunk_row, recover, span_rows, spans_of
from appliance.ring.walk import ChunkState as Found
from appliance.ring.walk import walk
from appliance.ring.writer import OpenChunk

log = logging.getLogger(__name__)


@dataclass(slots=True)
class PoolFound:
    """`fd`: of the list, open for writing; `holds`: of the list; `closed`, `opened`: with the hold their header
    names; `suspect`: chunks whose bytes make no sense, left alone.
    """

    fd: int = -1
    count: int = 0
    holds: list[Hold] = field(default_factory=list)
    closed: list[tuple[Hold, ChunkRow, list[SpanRow]]] = field(default_factory=list)
    opened: list[tuple[Hold, OpenChunk]] = field(default_factory=list)
    suspect: list[int] = field(default_factory=list)
    generation: int = 0


def look(disk: Disk, index: int, being_wiped: frozenset[int]) -> PoolFound:
    """Read the pool of a disk; chunks that were being written are cut behind their last good part and sealed.

    `being_wiped`: chunks whose destruction was under way. Raises OSError when the list can be neither read nor made.
    """
    found = PoolFound()
    path = disk.path / HOLDS
    found.count, found.holds = read_list(path)
    make_list(path)
    found.fd = disk.open_file(path)
    for number in range(disk.identity.of_ring, disk.identity.chunks):
        if number in being_wiped:
            continue
        try:
            _chunk(disk, index, number, found)
        except OSError as error:
            log.error("chunk %s set aside: %s", disk.path / chunk_name(number), error.strerror)  # noqa: TRY400
            found.suspect.append(number)
    return found


async def look_at(members: Sequence[Member]) -> list[tuple[Member, PoolFound]]:
    """The same of all these disks that have a pool; one that cannot be read is left out, and it is said."""
    found: list[tuple[Member, PoolFound]] = []
    for member in members:
        try:
            wiped = frozenset(chunk.number for chunk in member.pool.wiped)
            found.append((member, await member.disk.aside(look, member.disk, member.index, wiped)))
        except OSError as error:
            log.error("%s", ListUnwritten(**member.disk.name.facts, why=error.strerror or str(error)))  # noqa: TRY400
    return found


def _chunk(disk: Disk, index: int, number: int, found: PoolFound) -> None:
    fd = os.open(disk.path / chunk_name(number), os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not any(os.pread(fd, BLOCK, 0)):
            return
        info = _header(disk, number, os.pread(fd, MAX_HEADER, 0))
        hold = None if info is None else hold_in(info.header.protected)
        if info is None or hold is None:
            log.error("chunk %d of the protected pool of %s makes no sense: set aside", number, disk.path)
            found.suspect.append(number)
            return
        found.generation = max(found.generation, info.header.generation)
        result = walk(fd, disk.geometry)
    finally:
        os.close(fd)
    if result.state is Found.CLOSED:
        row = chunk_row(info.header, info.init_length, result.entries)
        found.closed.append((hold, row, span_rows(spans_of(result.entries))))
        return
    chunk = recover(disk, index, info)
    if chunk is None:
        found.suspect.append(number)
        return
    rebase_recovered(disk, chunk)
    found.opened.append((hold, chunk))


def _header(disk: Disk, number: int, prefix: bytes) -> HeaderInfo | None:
    try:
        info = read_header(prefix)
    except ChunkUnreadable:
        return None
    own = (info.header.disk_uuid, info.header.number, info.geometry) == (disk.identity.uuid, number, disk.geometry)
    return info if own else None
