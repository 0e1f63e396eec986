"""The catalogue as files of a disk: read and judged at start, begun, and put in the place of the former one.

Everything here blocks: it is called by helper threads, by the disk's writer thread at start, or by a field tool.
"""

import ctypes
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from appliance.core.durable import sync_directory
from appliance.core.units import BLOCK
from appliance.ring.catalog.log import CATALOG, Appender, Beginning, Head, good
from appliance.ring.catalog.replay import READ, Read, Replay, replay
from appliance.ring.errors import CatalogUnreadable

NEW: Final = "catalog.new"
"""A file being written; what a stop left of it is worth nothing."""

KEPT: Final = 2
"""Former files kept, `.1` the younger: a technician can see what became of a chunk before the last compaction."""

LINE_ROOM: Final = 280
"""Bytes kept for each chunk's next line, so that the file does not grow bit by bit: a CLOSED line has 200 to 250."""

LEAST_DEAD: Final = 2000
"""Dead lines below which no file is renewed: half a megabyte, read in 10 ms."""

SPARE_LINES: Final = 2000
"""Room for the lines that come while a new file is made."""

FALLOC_FL_KEEP_SIZE: Final = 0x01
"""linux/falloc.h: the room is kept, the file's size says how much is written."""

Step = Callable[[str], None]
"""Called before each step that a power cut may fall behind: for tests."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def reader(fd: int) -> Read:
    """Reads an open file."""

    def read(offset: int, length: int) -> bytes:
        return os.pread(fd, length, offset)

    return read


def read_catalog(path: Path, disk: str, chunks: int, *, witness: str = "", mark: Head | None = None) -> Replay:
    """Replay the catalogue of the disk at `path`. `witness`: the head that the disk's heartbeat tells.

    Raises CatalogUnreadable when there is none, when it is damaged or of another disk, or when it lacks what the
    heartbeat saw; OSError of the disk passes through.
    """
    head = Head.of(witness)
    try:
        fd = os.open(path / CATALOG, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise CatalogUnreadable(why="missing") from error
    try:
        found = replay(reader(fd), witnesses=[] if head is None else [head], mark=mark)
    finally:
        os.close(fd)
    beginning = found.beginning
    if (beginning.disk, beginning.chunks) != (disk, chunks):
        raise CatalogUnreadable(why="of another disk")
    if head is None or head in found.seen:
        return found
    if head.epoch < beginning.epoch:  # the heartbeat is older than the file: it saw the end of the former one
        return found
    raise CatalogUnreadable(why="its end is missing")


def begin_catalog(path: Path, beginning: Beginning) -> None:
    """Write the catalogue of a new disk, not flushed: whoever formats flushes. Raises OSError."""
    offset, blocks = Appender.begin(beginning, 0).append([], 0)
    fd = os.open(path / CATALOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        reserve(fd, beginning.chunks)
        os.pwrite(fd, blocks, offset)
    finally:
        os.close(fd)


def reserve(fd: int, chunks: int) -> None:
    """Keep room for all lines until the file is renewed; where the filesystem cannot, the file grows as it must.

    So a tick never allocates, which would read the filesystem's maps now and then, and a full disk does not matter.
    """
    lines = chunks + max(chunks, LEAST_DEAD) + SPARE_LINES
    _libc.fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, lines * LINE_ROOM)


def install(path: Path, step: Step = lambda _: None) -> None:
    """The new file, durable already, takes the place of the catalogue; the former ones are kept. Raises OSError.

    At each moment `catalog.log` is a whole file that has every durable line, the former or the new one.
    """
    current, first = path / CATALOG, path / f"{CATALOG}.1"
    if current.exists():
        step("former")
        for number in range(KEPT, 1, -1):
            former = path / f"{CATALOG}.{number - 1}"
            if former.exists():
                former.replace(path / f"{CATALOG}.{number}")
        step("link")
        first.unlink(missing_ok=True)
        os.link(current, first)
    step("rename")
    (path / NEW).replace(current)
    step("directory")
    sync_directory(path)
    step("done")


def set_aside(path: Path) -> None:
    """A catalogue that cannot be written any more must not be believed at the next start. Raises OSError."""
    (path / CATALOG).replace(path / f"{CATALOG}.damaged")
    sync_directory(path)


def until(read: Read, head: Head) -> Read:
    """The same file as it was when `head` was its end."""
    end = head.block * BLOCK + head.used

    def limited(offset: int, length: int) -> bytes:
        data = read(offset, min(length, max(0, end - offset)))
        whole = -(-len(data) // BLOCK) * BLOCK
        return data if len(data) == whole else data.ljust(whole - 1, b" ") + b"\n"

    return limited


def live_offsets(found: Replay) -> list[int]:
    """Where the lines lie that count, in their order."""
    return sorted([*(offset for offset in found.at if offset), *found.notes.values()])


def raw_lines(read: Read, offsets: Sequence[int]) -> list[bytes]:
    """Whole lines, line feed included, that begin at these offsets (rising). Raises CatalogUnreadable."""
    start, data, lines = 0, b"", []
    for offset in offsets:
        end = data.find(b"\n", offset - start) if start <= offset < start + len(data) else -1
        if end < 0:
            start, data = offset, read(offset, READ)
            end = data.find(b"\n")
        line = data[offset - start : end]
        if not good(line):
            raise CatalogUnreadable(why=f"the line at byte {offset} does not hold")
        lines.append(line + b"\n")
    return lines
