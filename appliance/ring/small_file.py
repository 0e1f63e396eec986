"""Small files of the ring on a recording disk: replaced as a whole, or one line longer, durable when it returns.

Called in the disk's writer thread, so that nothing is written beside a tick. All of it blocks and raises OSError.
"""

import os
from pathlib import Path
from typing import Final

from appliance.core.durable import sync_directory

SMALL_FILE_S: Final = 5.0
"""Seconds a disk may take; then it is stuck, and whoever waits goes on without it."""


def save(path: Path, data: bytes) -> None:
    """Replace a file: draft, flush, rename, flush of the folder."""
    draft = path.with_name(path.name + ".new")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        _write(fd, data, 0)
    finally:
        os.close(fd)
    draft.replace(path)
    sync_directory(path.parent)


def add(path: Path, data: bytes) -> None:
    """Append to a file; a new one is durable by name too."""
    new = not path.exists()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        _write(fd, data, os.fstat(fd).st_size)
    finally:
        os.close(fd)
    if new:
        sync_directory(path.parent)


def _write(fd: int, data: bytes, offset: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(fd, data[done:], offset + done)
    os.fdatasync(fd)
