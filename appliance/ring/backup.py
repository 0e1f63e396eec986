"""Hourly copies of databases and small records onto the recording disks.

A database is copied by SQLite's own backup, so the copy is of one moment whatever its owner writes meanwhile; other
files are copied as they are. Files of the recorder are read here (`add`), those of other services come from them
(`accept`, `receive`): nobody opens another's database. The bytes go through the disk's writer in slices and delay no
tick. Disks take turns.

index.db is a cache of the catalogues and is not copied.
"""

import asyncio
import hashlib
import json
import logging
import os
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.line_errors import NotAllowed
from appliance.core.units import BLOCK, round_up_to_block
from appliance.ring.backup_files import BACKUP_NAME, FOLDER, Copy, copies_of, forget_before, newest, snapshot
from appliance.ring.disks.member import Member
from appliance.ring.faults import BackupFailed
from appliance.ring.small_file import save

log = logging.getLogger(__name__)

PERIOD_S: Final = 3600.0
"""Seconds between copies: what a dead system disk may take of what people entered."""

KEEP_US: Final = 30 * 86_400_000_000
"""Microseconds a copy is kept at most when no other takes its place: it tells of people and must end as what it is
a copy of does."""

YOUNG_US: Final = 1_800_000_000
"""Microseconds: a copy younger than this is replaced rather than the one before it, so that a service which starts
again and again does not push out the last copy of before."""


class Backups:
    """One of these a ring; lives in its event loop. `last_us`: UTC of the last copy of each name.

    `given`: called when a service got its copy back, with the name and the copy's UTC.
    """

    def __init__(
        self,
        clock: Clock,
        members: Callable[[], Sequence[Member]],
        expiry_us: Callable[[], int | None] | None = None,
    ) -> None:
        """`expiry_us`: the time that expires copies, None while nothing may go by it."""
        self._clock = clock
        self._members = members
        self._expiry_us = expiry_us or clock.utc_us
        self.keep_us = KEEP_US
        self._sources: dict[str, Path] = {}
        self._owners: dict[str, frozenset[int]] = {}
        self._turns: dict[str, int] = {}
        self._turn = asyncio.Lock()
        self.last_us: dict[str, int] = {}
        self.given: Callable[[str, int], None] = lambda _name, _utc_us: None

    def add(self, name: str, path: Path) -> None:
        """Copy this file each hour from now on; `name` names it on the disks: lower case letters, digits, - and . ."""
        self._named(name)
        self._sources[name] = path

    def accept(self, name: str, uids: frozenset[int]) -> None:
        """Take copies of this name from these users, and give them back to them; from root and ourselves anyhow."""
        self._named(name)
        self._owners[name] = uids

    def _named(self, name: str) -> None:
        if not re.fullmatch(BACKUP_NAME, name) or name in self._turns:
            raise ValueError(name)
        self._turns[name] = len(self._turns)

    def check(self, name: str, uid: int) -> None:
        """May this user bring and fetch copies of this name? Raises NotAllowed."""
        owners = self._owners.get(name)
        if owners is None or uid not in {0, os.getuid(), *owners}:
            raise NotAllowed(verb=f"keep {name}")

    async def once(self) -> None:
        """Periodic work: a copy of each file that is there. Raises BackupFailed when one cannot be made."""
        failed: BackupFailed | None = None
        for name, path in self._sources.items():
            try:
                if await asyncio.to_thread(path.exists):
                    data = await asyncio.to_thread(snapshot, path)
                    await self._write(name, hashlib.sha256(data).hexdigest(), len(data), _one(data))
            except BackupFailed as error:
                failed = error  # the others are copied all the same
        await self._forget_old()
        if failed is not None:
            raise failed

    async def _forget_old(self) -> None:
        """Copies that nothing has replaced for too long are gone: a service that is used no more has left them."""
        now_us = self._expiry_us()
        if now_us is None:
            return
        async with self._turn:
            for member in self._members():
                try:
                    await asyncio.get_running_loop().run_in_executor(
                        member.thread, forget_before, member.disk.path, now_us - self.keep_us
                    )
                except (OSError, ApplianceError) as error:
                    log.error("old copies on %s: %s", member.disk.name.words("en"), error)  # noqa: TRY400

    async def receive(self, name: str, size: int, sha256: str, pieces: AsyncIterator[bytes]) -> int:
        """A copy from its owner; UTC of it when it is durable. `pieces`: whole blocks each but the last one.

        Raises BackupFailed, and what `pieces` raises.
        """
        return await self._write(name, sha256, size, pieces)

    async def fetch(self, name: str) -> tuple[Copy, bytes]:
        """The newest whole copy on the disks that record. Raises NoBackup."""
        paths = [member.disk.path for member in self._members()]
        async with self._turn:
            return await asyncio.to_thread(newest, paths, name)

    async def _write(self, name: str, sha256: str, size: int, pieces: AsyncIterator[bytes]) -> int:
        async with self._turn:
            members = self._members()
            if not members:
                raise BackupFailed(name=name, why="no disk")
            member = members[self._turns[name] % len(members)]
            self._turns[name] += 1
            folder = member.disk.path / FOLDER
            try:
                known = await asyncio.to_thread(copies_of, folder, name)
                slot, kept = place(known, self._clock.utc_us())
                fd = await asyncio.to_thread(_open, member, folder / f"{name}.{slot}")
                if await _put(member, fd, pieces) != sha256:
                    raise BackupFailed(name=name, why="sha256")
                made = Copy(slot, size, sha256, self._clock.utc_us())
                text = json.dumps([asdict(copy) for copy in (made, *kept)]).encode()
                await asyncio.get_running_loop().run_in_executor(member.thread, save, folder / f"{name}.json", text)
            except BackupFailed:
                raise
            except (OSError, ApplianceError) as error:
                if isinstance(error, ConnectionError | TimeoutError):
                    raise  # whoever brought it is gone
                why = error.strerror if isinstance(error, OSError) else str(error)
                raise BackupFailed(name=name, why=why or str(error)) from error
            self.last_us[name] = made.utc_us
            return made.utc_us


def place(known: Sequence[Copy], now_us: int) -> tuple[int, Sequence[Copy]]:
    """(slot of the next copy, copies that stay) of a disk whose copies are `known`, the newest first. Pure."""
    if not known:
        return 0, ()
    if len(known) > 1 and abs(now_us - known[0].utc_us) < YOUNG_US:
        return known[0].slot, known[1:2]
    return 1 - known[0].slot, known[:1]


async def _one(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _put(member: Member, fd: int, pieces: AsyncIterator[bytes]) -> str:
    """Write to an empty file of a disk, in order; SHA-256 of what came. The descriptor is given up in any case.

    Raises OSError, DiskFailed, and what `pieces` raises.
    """
    digest, at = hashlib.sha256(), 0
    try:
        async for piece in pieces:
            digest.update(piece)
            await member.slices.put(fd, at, piece.ljust(round_up_to_block(max(len(piece), 1)), b"\0"))
            at += max(len(piece), BLOCK)
    finally:
        closed = member.slices.close_fd(fd)
    await closed
    return digest.hexdigest()


def _open(member: Member, path: Path) -> int:
    path.parent.mkdir(exist_ok=True)
    fd = member.disk.open_file(path, create=True)
    try:
        os.ftruncate(fd, 0)
    except OSError:
        os.close(fd)
        raise
    return fd
