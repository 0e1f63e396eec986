"""A file that one process at a time holds: the lock goes with the process, however it ends (flock(2))."""

import fcntl
import os
from pathlib import Path


def lock_file(path: Path) -> int:
    """The descriptor of the file, made where it is missing; the lock lasts until it is closed.

    Raises BlockingIOError when another descriptor holds it, OSError when the file cannot be opened.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd
