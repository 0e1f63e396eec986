"""Faults of one disk of a running ring, injected where the product calls the system: flush, write, path."""

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.media.stream import StreamKey
from appliance.ring import start
from appliance.ring.disks.disk import Disk
from appliance.ring.disks.member import Member
from appliance.ring.recording import Ring
from tests.peers.ring_rig import KEY


def member_of(ring: Ring, key: StreamKey = KEY) -> Member:
    """The disk that the stream is being written to."""
    chunk = ring._shared.lanes[key].chunk
    assert chunk is not None
    return ring._members.all[chunk.disk]


def disks_of(ring: Ring) -> list[dict[str, object]]:
    """The disks of the state."""
    disks = ring.state()["disks"]
    assert isinstance(disks, list)
    return disks


def flush_fails(
    member: Member,
    monkeypatch: pytest.MonkeyPatch,
    number: int = errno.EIO,
    when: Callable[[], bool] = lambda: True,
) -> None:
    """From `when` on nothing becomes durable: a journal that was aborted, a disk that was pulled."""
    healthy = member.disk.flush
    failing = False

    def fails(written: list[int]) -> int:
        nonlocal failing
        failing = failing or when()
        if not failing:
            return healthy(written)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(member.disk, "flush", fails)


@dataclass
class Hanging:
    """A flush that does not come back before `release`."""

    entered: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)


def flush_hangs(member: Member, monkeypatch: pytest.MonkeyPatch) -> Hanging:
    """From the next tick on the disk does not answer."""
    hanging = Hanging()
    healthy = member.disk.flush

    def hangs(written: list[int]) -> int:
        hanging.entered.set()
        hanging.release.wait(50)
        return healthy(written)

    monkeypatch.setattr(member.disk, "flush", hangs)
    return hanging


def reading_hangs(monkeypatch: pytest.MonkeyPatch, what: str, bad: Path) -> Hanging:
    """A disk that opens well and does not come back from `settle` (its catalogue) or `scan` (its headers)."""
    hanging = Hanging()
    healthy = getattr(start, what)

    def hangs(disk: Disk, *arguments: object) -> object:
        if disk.path == bad:
            hanging.entered.set()
            hanging.release.wait(50)
        return healthy(disk, *arguments)

    monkeypatch.setattr(start, what, hangs)
    return hanging


def writes_fail(monkeypatch: pytest.MonkeyPatch, bad: Callable[[Path, int], bool], number: int = errno.EIO) -> None:
    """`bad(path, offset)`: writes that the drive refuses."""
    healthy = os.pwrite

    def pwrite(fd: int, data: bytes, offset: int) -> int:
        if bad(Path(f"/proc/self/fd/{fd}").readlink(), offset):
            raise OSError(number, os.strerror(number))
        return healthy(fd, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)


async def away(path: Path) -> Path:
    """Take the disk out: something else lies where it was."""
    aside = path.with_name(path.name + "-out")
    await asyncio.to_thread(path.rename, aside)
    return aside


async def back(path: Path) -> None:
    """Put it back where it was."""
    await asyncio.to_thread(path.with_name(path.name + "-out").rename, path)
