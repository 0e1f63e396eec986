"""Whose a disk is: a record in `nvr-recorder`, so that two recorders never write to the same chunks.

The record names a process of a boot; it holds while that process runs. No lock is kept: a process killed while one
of its threads waits for a dead disk keeps every lock until that disk answers, and would keep the next recorder from
the disks that work. `flock` only guards the moment of looking and writing. The record names its own file besides:
the copy of a disk belongs to nobody.
"""

import os
from pathlib import Path
from typing import Final

from appliance.core.lock_file import lock_file
from appliance.ring.faults import DiskInUse

RECORD: Final = "nvr-recorder"

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_DEAD: Final = frozenset("ZXx")
"""States of proc(5) in which a process does nothing more, whatever its threads wait for."""


_ours: set[str] = set()  # places of the records that name this very process, and still hold


def claim(disk: Path) -> str:
    """The disk is this process's until it ends or `release` gets what is returned. Raises DiskInUse, OSError."""
    fd = _locked(disk)
    try:
        boot = _boot_id()
        found = os.fstat(fd)
        place = f"{found.st_dev}:{found.st_ino}"
        holder = _holder(os.pread(fd, 256, 0), boot, place)
        if holder:
            raise DiskInUse(path=str(disk), pid=holder)
        pid = os.getpid()
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{boot} {pid} {_born(pid)} {place}\n".encode(), 0)
        _ours.add(place)
    finally:
        os.close(fd)
    return place


def holder(disk: Path) -> int:
    """The running process whose disk it is, 0 when there is none or the disk cannot be read."""
    try:
        with (disk / RECORD).open("rb") as record:
            found = os.fstat(record.fileno())
            return _holder(record.read(256), _boot_id(), f"{found.st_dev}:{found.st_ino}")
    except OSError:
        return 0


def release(place: str) -> None:
    """The disk is nobody's: for this process at once, for others when this one has ended."""
    _ours.discard(place)


def _locked(disk: Path) -> int:
    try:
        return lock_file(disk / RECORD)
    except BlockingIOError as error:
        raise DiskInUse(path=str(disk), pid="?") from error


def _holder(record: bytes, boot: str, place: str) -> int:
    """The running process that the record names, 0 when there is none."""
    fields = record.decode("ascii", "replace").split()
    if len(fields) != 4 or fields[0] != boot or fields[3] != place or not fields[1].isdecimal():
        return 0
    pid = int(fields[1])
    if pid == os.getpid() and place not in _ours:
        return 0
    return pid if _born(pid) == fields[2] else 0


def _boot_id() -> str:
    return _BOOT_ID.read_text(encoding="ascii").strip()


def _born(pid: int) -> str:
    """When a process started, in ticks since boot; "" when it runs no more (proc(5), stat, fields 3 and 22)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in _DEAD else fields[19]
