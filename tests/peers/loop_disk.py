"""ext4 on a loop device: a disk of a test's own whose counters say what the device saw. As root."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
"""Bytes that the kernel counts in, whatever the device says."""


@dataclass(frozen=True)
class Seen:
    """Counters of /sys/block/*/stat (kernel, Documentation/block/stat.rst); `written` in bytes."""

    reads: int
    writes: int
    flushes: int
    written: int = 0

    def since(self, other: "Seen") -> "Seen":
        """What came since then."""
        return Seen(
            self.reads - other.reads,
            self.writes - other.writes,
            self.flushes - other.flushes,
            self.written - other.written,
        )


@dataclass(frozen=True)
class LoopDisk:
    """Mounted, and its device's name."""

    mount: Path
    device: str

    def seen(self) -> Seen:
        """Now."""
        fields = Path(f"/sys/block/{self.device}/stat").read_text(encoding="ascii").split()
        return Seen(int(fields[0]), int(fields[4]), int(fields[15]), int(fields[6]) * SECTOR)


@contextmanager
def loop_disk(base: Path, mib: int) -> Iterator[LoopDisk]:
    """An empty one of so many MiB, gone afterwards."""
    image, mount = base / "disk.img", base / "mount"
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(mib << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
    subprocess.run(["mount", "-o", "loop,noatime", image, mount], check=True)
    try:
        found = subprocess.run(["findmnt", "-no", "SOURCE", mount], check=True, capture_output=True, text=True)
        yield LoopDisk(mount, found.stdout.strip().rpartition("/")[2])
    finally:
        if subprocess.run(["umount", mount], check=False).returncode != 0:  # a test failed with files open
            subprocess.run(["umount", "--lazy", mount], check=True)
        image.unlink()
