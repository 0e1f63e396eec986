"""`appliance ring check`: a disk compared with its catalogue, file by file, and nothing changed. Everything blocks."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from appliance.ring.access.offline import DiskFiles
from appliance.ring.catalog.file import reader
from appliance.ring.catalog.log import CATALOG, NO_HEAD, Head
from appliance.ring.catalog.replay import Replay, replay
from appliance.ring.disks.disk import chunk_name
from appliance.ring.errors import CatalogUnreadable
from appliance.ring.index.rows import ChunkRow
from appliance.ring.protect.policy import hold_in
from appliance.ring.walk import ChunkState as Found
from appliance.ring.walk import WalkResult, walk

NEWER: Final = frozenset({"OPEN", "READY"})
"""Kinds whose chunk may hold more than its line says: what is found there is no fault."""


class Finding(NamedTuple):
    """Something wrong. `what`: a word of WORDS; `number`: of the chunk, -1 for the disk; `why`: a detail."""

    what: str
    number: int
    why: str = ""


@dataclass(slots=True)
class Checked:
    """What a check of a disk looked at and found. `pool`: chunks of the protected pool that hold copies."""

    path: Path
    chunks: int = 0
    closed: int = 0
    open: int = 0
    pool: int = 0
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
        _without(disk, result, deep=deep, every=every)
        _pool(disk, result, deep=deep, every=every)
        return result
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
    _pool(disk, result, deep=deep, every=every)
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


def _without(disk: DiskFiles, result: Checked, *, deep: bool, every: Callable[[int], None]) -> None:
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


def _discount(disk: DiskFiles, before: Replay, result: Checked) -> None:
    """A recorder that runs has changed these meanwhile: their lines are others now."""
    try:
        now = disk.catalog()
    except CatalogUnreadable:
        return
    same = now.beginning.epoch == before.beginning.epoch
    result.found = [f for f in result.found if f.number < 0 or (same and now.at[f.number] == before.at[f.number])]


def _pool(disk: DiskFiles, result: Checked, *, deep: bool, every: Callable[[int], None]) -> None:
    """The protected pool, which no catalogue tells of: each file is a copy that names its hold, or empty.

    A recorder that runs may be at one of them: what is found is looked at once more.
    """
    for number in range(disk.identity.of_ring, disk.identity.chunks):
        every(number)
        used, finding = _copy(disk, number, deep=deep)
        if finding is not None:
            used, finding = _copy(disk, number, deep=deep)
        result.pool += used
        if finding is not None:
            result.found.append(finding)


def _copy(disk: DiskFiles, number: int, *, deep: bool) -> tuple[bool, Finding | None]:
    """(does it hold anything, what is wrong with it) of one file of the pool."""
    try:
        fd = os.open(disk.path / chunk_name(number), os.O_RDONLY | os.O_CLOEXEC)
        try:
            seen = walk(fd, disk.geometry)
            if deep and seen.state is Found.CLOSED:
                seen = walk(fd, disk.geometry, deep=True)
        finally:
            os.close(fd)
    except OSError as error:
        return True, Finding("file", number, error.strerror or "")
    if seen.state is Found.FREE:
        return False, None
    if seen.state is Found.DAMAGED or seen.header is None:
        return True, Finding("damaged", number, seen.reason)
    own = (seen.header.disk_uuid, seen.header.number) == (disk.identity.uuid, number)
    return True, None if own and hold_in(seen.header.protected) is not None else Finding("other", number)
