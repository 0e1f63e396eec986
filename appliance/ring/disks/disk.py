"""A recording disk: a directory whose chunk files are all made once and then only rewritten.

It is a mount point (a filesystem of its own) or a plain directory (demo, developers). `nvr-disk.json` says what it
is; `NN/NNNNNN.mp4` are the chunks, 256 a directory; `nvr-heartbeat` is one 4 KiB block of JSON text and its CRC.
Everything here blocks and belongs to the disk's writer thread or to a helper thread, never to the event loop.
"""

import asyncio
import contextlib
import ctypes
import errno
import json
import os
import uuid
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from appliance.core.units import BLOCK
from appliance.ring.catalog.file import begin_catalog
from appliance.ring.catalog.log import NO_HEAD, Beginning
from appliance.ring.chunk import Geometry
from appliance.ring.disks.adoption import TYPED
from appliance.ring.disks.claim import claim, release
from appliance.ring.disks.identity import IDENTITY, NOBODY, DiskIdentity, read_identity
from appliance.ring.disks.naming import look_up
from appliance.ring.disks.thread import DiskThreads
from appliance.ring.disks.unmount import Watch
from appliance.ring.faults import (
    DiskAlreadyFormatted,
    DiskFailed,
    DiskUnreadable,
)

T = TypeVar("T")

HEARTBEAT: Final = "nvr-heartbeat"

PROTECTED_PERCENT: Final = 8
"""Share of a new disk's chunks that are the protected pool's: 320 GB of 4 TB."""

LEAST_PROTECTED: Final = 2
"""Main and sub-stream of one camera. Where 8 % are less than one chunk (below 25 chunks) there is no pool."""

CHUNKS_PER_DIRECTORY: Final = 256
"""Small directories: each stays one block, so a look-up costs one cached read."""

FIELD_GEOMETRY: Final = Geometry(chunk_size=64 << 20, table_reserve=192 << 10)
"""Chunks of the field: 128 s at 4 Mbit/s; a table for 20 min of parts."""

DEMO_GEOMETRY: Final = Geometry(chunk_size=4 << 20, table_reserve=32 << 10)
"""Chunks of demo and tests: a ring of a few hundred MB laps while one watches."""

HELPERS: Final = 4
"""Threads that open files and read tables of one disk: a chunk being read back must not keep others from opening."""

ORDERED_FILESYSTEMS: Final = frozenset({"ext3", "ext4", "xfs"})
"""One journal in order: flushing the last file written makes the metadata of earlier ones durable too."""

FALLOC_FL_KEEP_SIZE: Final = 0x01
FALLOC_FL_ZERO_RANGE: Final = 0x10
"""linux/falloc.h."""

ZEROS: Final = bytes(1 << 20)
"""Written when the filesystem refuses ZERO_RANGE (tmpfs, overlay)."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


BESIDE_SHARE: Final = 1000
BESIDE_CHUNKS: Final = 4
"""A thousandth of a disk and the room of four chunks (256 MiB in the field) stay free for what lies beside the chunks:
the catalogue and its former ones (2.3 kB a chunk, 5 MB at the least), lists of protected copies (4 MiB), backups."""


class Flush(StrEnum):
    """How a tick becomes durable; the value is what the state says."""

    ONE = "O_DIRECT, 1 fdatasync"
    EACH_DIRECT = "O_DIRECT, fdatasync per chunk"
    SYNCFS = "syncfs"
    EACH = "fdatasync per chunk"

    @property
    def direct(self) -> bool:
        """True when files are opened with O_DIRECT."""
        return self in {Flush.ONE, Flush.EACH_DIRECT}


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last sign of life of a recorder on this disk. `generation`: the highest given out so far.

    `monotonic_us`: of the same instant as `utc_us`; `clock_state`: the judgement of UTC then (0: not told).
    `catalog`: head of the catalogue's durable lines (catalog_log.Head), "" when there is no catalogue. `journal`: head
    of the recorder's journal as core.chain writes an anchor, "" when it has none.
    """

    durable_utc_us: int
    utc_us: int
    boot_id: str
    generation: int
    monotonic_us: int = 0
    clock_state: int = 0
    catalog: str = ""
    journal: str = ""


def chunk_name(number: int) -> str:
    """`00/000017.mp4` for 17."""
    return f"{number // CHUNKS_PER_DIRECTORY:02x}/{number:06d}.mp4"


def protected_share(chunks: int) -> int:
    """How many of a new disk's chunks are the protected pool's."""
    if chunks * PROTECTED_PERCENT < 2 * 100:
        return 0
    return max(LEAST_PROTECTED, chunks * PROTECTED_PERCENT // 100)


def chunks_that_fit(free: int, geometry: Geometry) -> int:
    """How many chunks to make on a disk with `free` bytes; beside them lie catalogues, lists and backups."""
    return max(0, free - free // BESIDE_SHARE - BESIDE_CHUNKS * geometry.chunk_size) // geometry.chunk_size


def format_disk(
    path: Path,
    geometry: Geometry,
    chunks: int,
    *,
    appliance: str = "",
    site: str = "",
    protected: int | None = None,
) -> DiskIdentity:
    """Make every chunk of a new disk, then its identity (the last thing written: a torn format is no disk).

    `protected`: chunks of the protected pool, `protected_share` as a rule; `site`: whose name is on it.
    Raises DiskAlreadyFormatted, or DiskFailed when there is no room.
    """
    if (path / IDENTITY).exists():
        raise DiskAlreadyFormatted(path=str(path), last=read_identity(path).uuid[-TYPED:])
    share = protected_share(chunks) if protected is None else protected
    identity = DiskIdentity(uuid.uuid4().hex, appliance or NOBODY, geometry, chunks, share, site)
    try:
        path.mkdir(parents=True, exist_ok=True)
        for number in range(chunks):
            _allocate(path / chunk_name(number), geometry.chunk_size)
        _allocate(path / HEARTBEAT, BLOCK)
        begin_catalog(path, Beginning(1, identity.uuid, chunks, NO_HEAD, "format"))
        draft = path / (IDENTITY + ".new")
        draft.write_bytes(identity.encode())
        _syncfs(path)
        draft.rename(path / IDENTITY)
        _syncfs(path)
    except OSError as error:
        raise DiskFailed(**look_up(path).facts, why=error.strerror or str(error)) from error
    return identity


class Disk:
    """An opened recording disk. `path` is the directory, `zeroing` how chunks are wiped, as the state says it.

    `retired`: nobody wants its files any more; a call that comes back late leaves none open.
    """

    def __init__(self, path: Path, bay: str = "") -> None:
        """Opens it for this process alone. `bay`: where it sits, for its name.

        Raises the errors of read_identity, DiskInUse, DiskUnreadable when a file is missing or may not be written.
        """
        self.path = path
        self.identity = read_identity(path)
        self.geometry = self.identity.geometry
        self.zeroing = "ZERO_RANGE"
        self.name = look_up(path, bay)
        self.helpers = DiskThreads(f"ring-help-{path.name}", HELPERS)
        self.retired = False
        try:
            self._claim = claim(path)
        except OSError as error:
            raise DiskUnreadable(path=str(path), why=error.strerror or str(error)) from error
        try:
            self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            self.flush_mode = self._probe()
            self._heartbeat = os.open(path / HEARTBEAT, self._flags)
            self.watch = Watch(path)
            root = os.fstat(self._root)
            self._place = (root.st_dev, root.st_ino)
        except OSError as error:
            release(self._claim)
            raise DiskUnreadable(path=str(path), why=error.strerror or str(error)) from error

    @property
    def heartbeat_fd(self) -> int:
        """Descriptor of `/nvr-heartbeat`, open for the disk's life."""
        return self._heartbeat

    @property
    def _flags(self) -> int:
        return os.O_RDWR | os.O_CLOEXEC | (os.O_DIRECT if self.flush_mode.direct else 0)

    def _probe(self) -> Flush:
        """Does the filesystem take O_DIRECT, and does one flush cover every file of a tick?"""
        own = self.path.is_mount()
        try:
            os.close(os.open(self.path / HEARTBEAT, os.O_RDWR | os.O_DIRECT | os.O_CLOEXEC))
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return Flush.SYNCFS if own else Flush.EACH
        return Flush.ONE if _filesystem(self.path) in ORDERED_FILESYSTEMS else Flush.EACH_DIRECT

    def open_chunk(self, number: int) -> int:
        """A descriptor for reading and writing. Raises DiskUnreadable when it is not the file that was formatted."""
        path = self.path / chunk_name(number)
        try:
            fd = os.open(path, self._flags)
        except OSError as error:
            raise DiskUnreadable(path=str(path), why=error.strerror or str(error)) from error
        if self.retired or os.fstat(fd).st_size != self.geometry.chunk_size:
            os.close(fd)
            raise DiskUnreadable(path=str(path), why="size")
        return fd

    def open_unused(self, number: int) -> int:
        """The same for a chunk that is believed to be empty; raises DiskUnreadable too when it is not: it is kept."""
        path = self.path / chunk_name(number)
        try:
            with path.open("rb") as file:
                empty = not any(file.read(BLOCK))
        except OSError as error:
            raise DiskUnreadable(path=str(path), why=error.strerror or str(error)) from error
        if not empty:
            raise DiskUnreadable(path=str(path), why="not empty")
        return self.open_chunk(number)

    def aside(self, function: Callable[..., T], *arguments: object) -> Awaitable[T]:
        """Do this in one of the disk's helper threads. Raises OSError too when the disk is given up meanwhile."""
        return asyncio.get_running_loop().run_in_executor(self.helpers, function, *arguments)

    def there(self) -> bool:
        """Is it still this disk that lies at its path? Blocks. Raises OSError when the path cannot be asked."""
        try:
            found = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (found.st_dev, found.st_ino) == self._place

    def open_file(self, path: Path, *, create: bool = False) -> int:
        """A descriptor for `SliceQueue.put` of a file of this disk that is no chunk. Blocks. Raises OSError."""
        return os.open(path, self._flags | (os.O_CREAT if create else 0), 0o640)

    def zero(self, fd: int, offset: int = 0) -> None:
        """Old bytes read as zeros from `offset` to the end, for every reader, once flushed. Raises OSError."""
        length = self.geometry.chunk_size - offset
        if self.zeroing == "ZERO_RANGE":
            mode = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE
            if _libc.fallocate(fd, mode, offset, length) == 0:
                return
            number = ctypes.get_errno()
            if number not in {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}:
                raise OSError(number, os.strerror(number))
            self.zeroing = "zeros written"
        buffered = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_CLOEXEC)  # any memory will do without O_DIRECT
        try:
            while length > 0:
                written = os.pwrite(buffered, ZEROS[:length], offset)
                offset, length = offset + written, length - written
            os.fdatasync(buffered)
        finally:
            os.close(buffered)

    def flush(self, written: Sequence[int]) -> int:
        """Make everything written through these descriptors durable; the last one was written last. Raises OSError.

        One fdatasync is enough on ext4 and xfs: O_DIRECT data of every file has left for the drive already, the
        flush empties the drive's cache as a whole, and the journal commits in order, so the transaction that holds
        the extent conversion of the last file is not older than those of the files before it. That holds only when
        the last write did change extents: the caller puts a heartbeat, which does not, first.
        Returns how many flushes were asked for.
        """
        if self.flush_mode is Flush.ONE:
            os.fdatasync(written[-1])
            return 1
        if self.flush_mode is Flush.SYNCFS:
            if _libc.syncfs(self._root) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
            return 1
        different = list(dict.fromkeys(written))
        for fd in different:
            os.fdatasync(fd)
        return len(different)

    def read_heartbeat(self) -> Heartbeat | None:
        """The last sign of life, None when there is none or it does not hold."""
        try:
            block = (self.path / HEARTBEAT).read_bytes()
        except OSError:
            return None
        return decode_heartbeat(block)

    def leave(self) -> None:
        """Nobody wants it: close all of it. Blocks."""
        self.close()
        self.watch.close()

    def close(self) -> None:
        """Close the descriptors this object opened itself, all but the watch."""
        for fd in (self._heartbeat, self._root):
            with contextlib.suppress(OSError):  # closed all the same (close(2))
                os.close(fd)
        release(self._claim)


def encode_heartbeat(beat: Heartbeat) -> bytes:
    """One block: a line of JSON, its CRC-32 in hex on the second line, spaces."""
    text = json.dumps(
        {
            "durable_utc_us": beat.durable_utc_us,
            "utc_us": beat.utc_us,
            "boot_id": beat.boot_id,
            "generation": beat.generation,
            "monotonic_us": beat.monotonic_us,
            "clock_state": beat.clock_state,
            "catalog": beat.catalog,
            "journal": beat.journal,
        },
    ).encode()
    return (text + b"\n%08x\n" % zlib.crc32(text)).ljust(BLOCK, b" ")


def decode_heartbeat(block: bytes) -> Heartbeat | None:
    """None when the block holds no heartbeat or its CRC does not hold."""
    text, _, rest = block.partition(b"\n")
    if rest[:8] != b"%08x" % zlib.crc32(text):
        return None
    try:
        beat = json.loads(text)
        return Heartbeat(
            durable_utc_us=int(beat["durable_utc_us"]),
            utc_us=int(beat["utc_us"]),
            boot_id=str(beat["boot_id"]),
            generation=int(beat["generation"]),
            monotonic_us=int(beat.get("monotonic_us", 0)),
            clock_state=int(beat.get("clock_state", 0)),
            catalog=str(beat.get("catalog", "")),
            journal=str(beat.get("journal", "")),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _allocate(path: Path, size: int) -> None:
    path.parent.mkdir(exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        os.posix_fallocate(fd, 0, size)
    finally:
        os.close(fd)


def _syncfs(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _libc.syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(fd)


def _filesystem(path: Path) -> str:
    """Type of the filesystem `path` lies on, "" when the kernel does not tell (proc(5), mountinfo)."""
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        fields, _, after = line.partition(" - ")
        if fields.split()[2] == wanted:
            return after.split()[0]
    return ""
