"""What makes a name durable, and a new file nobody else's: a file's own flush keeps its bytes, not its name."""

import os
from pathlib import Path


def sync_directory(folder: Path) -> None:
    """Names in this folder are durable (fsync(2)). Raises OSError. Blocks."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_new(file: Path, data: bytes, mode: int) -> None:
    """A new file with these rights, whatever lay there; durable but for its name.

    Nobody else can read it at any moment, and a link that another user of the folder left is not followed. Raises
    OSError. Blocks.
    """
    file.unlink(missing_ok=True)
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as target:
        target.write(data)
        target.flush()
        os.fchmod(fd, mode)
        os.fsync(fd)
