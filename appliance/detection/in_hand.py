"""Which camera's pictures were in hand when the detector's process died, and what follows from it.

Hostile or broken video may crash libav or a model's runtime, and with them the process; systemd starts it again within
a second. A camera whose pictures did that CRASHES times within WITHIN_US is set aside for ASIDE_US, so that the others
are watched: the pictures go on being recorded, only the analysis of that camera rests.

The note is a file mapped into memory: what a thread wrote is there after SIGSEGV and SIGKILL, without a system call per
part. It speaks of one boot: after a power cut nobody knows what was in hand, and nothing is held against a camera.
"""

import json
import mmap
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, TypeVar

CRASHES: Final = 3
WITHIN_US: Final = 600_000_000
"""us. Three crashes in ten minutes are the camera's doing; a process killed once by hand is nobody's."""

ASIDE_US: Final = 3_600_000_000
"""us. An hour: a camera that was restarted or whose cable was mended meanwhile is watched again by itself."""

_SLOT: Final = 64
"""Octets of a slot: a camera's name, filled up with zeros; the first slot holds the boot's number."""

Record = Mapping[str, tuple[int, ...]]
"""Camera -> UTC microseconds of its crashes, rising."""

T = TypeVar("T")


def after_crash(record: Record, cameras: Iterable[str], now_us: int) -> Record:
    """The record with a crash of these cameras added; what no decision needs any more, or lies ahead, is left out."""
    kept = {name: tuple(at for at in crashes if 0 <= now_us - at <= ASIDE_US) for name, crashes in record.items()}
    for name in cameras:
        kept[name] = (*kept.get(name, ()), now_us)
    return {name: crashes for name, crashes in kept.items() if crashes}


def aside(record: Record, now_us: int) -> dict[str, int]:
    """Camera -> UTC microseconds until which it is set aside."""
    found: dict[str, int] = {}
    for name, crashes in record.items():
        for first, last in zip(crashes, crashes[CRASHES - 1 :], strict=False):
            if 0 <= last - first <= WITHIN_US and 0 <= now_us - last < ASIDE_US:
                found[name] = last + ASIDE_US
    return found


class InHand:
    """The note of one process. `left`: what the process before died with. Blocks: make it before the loop runs."""

    def __init__(self, path: Path, boot_id: bytes, slots: int) -> None:
        """Raises OSError where the file cannot be made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        size = (slots + 1) * _SLOT
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            before = os.pread(fd, 1 << 16, 0)
            os.ftruncate(fd, size)
            self._map = mmap.mmap(fd, size)
        finally:
            os.close(fd)
        own = boot_id[:_SLOT].ljust(_SLOT, b"\0")
        names = [before[at : at + _SLOT].rstrip(b"\0") for at in range(_SLOT, len(before), _SLOT)]
        same = before[:_SLOT] == own
        self.left = frozenset(name.decode("utf-8", "replace") for name in names if name) if same else frozenset()
        self._map[:] = own.ljust(size, b"\0")

    def holding(self, slot: int, camera: str, function: Callable[..., T], *arguments: object) -> T:
        """Run a function that has this camera's pictures in hand. In the thread whose slot it is."""
        at = (slot + 1) * _SLOT
        self._map[at : at + _SLOT] = camera.encode()[:_SLOT].ljust(_SLOT, b"\0")
        try:
            return function(*arguments)
        finally:
            self._map[at : at + _SLOT] = bytes(_SLOT)


def load_record(path: Path) -> Record:
    """The record as it was written; none, or an unreadable one, is an empty one. Blocks."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): tuple(sorted(map(int, crashes))) for name, crashes in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def save_record(path: Path, record: Record) -> None:
    """Replace the record. Blocks. Raises OSError."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(record), encoding="utf-8")
    draft.replace(path)
