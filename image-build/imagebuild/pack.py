"""What leaves the build: the disk compressed, its block map for bmaptool, and SHA256SUMS over both."""

import hashlib
import subprocess
from pathlib import Path
from typing import Final

from imagebuild.words import BuildStopped

LEVEL: Final = 10
"""zstd. The root is compressed already: 3 gives 177 MB in 2 s, 10 gives 169 MB in 8 s, 19 costs minutes."""

PACKED_MB: Final = 300
"""MB (10**6). A stick of a technician and a line of a small town hall take that; more means something large came in."""

SUMS: Final = "SHA256SUMS"


def sums(files: list[Path]) -> str:
    """Lines that `sha256sum --check` reads, by name."""
    lines = []
    for file in sorted(files, key=lambda one: one.name):
        with file.open("rb") as opened:
            lines.append(f"{hashlib.file_digest(opened, 'sha256').hexdigest()}  {file.name}\n")
    return "".join(lines)


def pack(disk: Path) -> Path:
    """`DISK.zst`, `DISK.bmap` and SHA256SUMS beside `disk`. The same disk gives the same file. Raises BuildStopped."""
    packed, blocks = disk.with_name(disk.name + ".zst"), disk.with_suffix(".bmap")
    _run(["zstd", "--quiet", "--force", f"-{LEVEL}", "-T0", "-o", str(packed), str(disk)])
    _run(["bmaptool", "create", "-o", str(blocks), str(disk)])
    if (size := packed.stat().st_size // 10**6) > PACKED_MB:
        raise BuildStopped(f"the packed image has {size} MB, {PACKED_MB} at the most: something large came in")
    (disk.parent / SUMS).write_text(sums([packed, blocks]), encoding="ascii")
    return packed


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildStopped(f"{command[0]} failed: {done.stderr.strip()[-300:]}")
