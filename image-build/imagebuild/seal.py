"""Stage `seal`: the tree as one compressed file, its hash tree, and the one hash that stands for all of it.

erofs with lz4hc, chosen by read speed against size (the sealed tree itself, 469 MB; 2 shared cores, file in the page
cache, file system's own cache cold; the lowest of three runs). CPU-s of: importing all services (0.62 from a plain
cached tree), reading every file once, 4000 random blocks of 4 KiB; then wall seconds of the same, since erofs unpacks
in threads of the kernel too, which the first figures do not see:

    erofs lz4hc, 64 KiB          197 MB   0.72  0.40  0.15   wall 0.96  0.80  0.24   made in 11 CPU-s
    erofs lz4hc, 16 KiB          209 MB   0.69  0.40  0.09   wall 0.91  0.99  0.12   made in  8 CPU-s
    squashfs zstd-15, 64 KiB     144 MB   0.88  1.16  0.26   wall 0.95  1.26  0.32   made in 39 CPU-s
    squashfs zstd-15, 128 KiB    138 MB   1.00  1.22  0.31   wall 1.20  1.42  0.36   made in 51 CPU-s
    squashfs zstd-15, 256 KiB    133 MB   0.97  1.32  0.36   wall 1.10  1.67  0.69   made in 56 CPU-s

squashfs would save a quarter to a third of a slot that has 350 MB and uses 199; erofs costs less of a processor that
records (reading all: wall 0.80 against 1.26 and more), and a change of the source is sealed in seconds.
"""

import os
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imagebuild.words import BuildStopped

SALT: Final = "74656d6f696e" * 5 + "7465"
"""Fixed (32 octets): the root hash is that of the tree, the same on every machine that builds it."""

NAMESPACE: Final = uuid.UUID("c7f5b3a1-2f5e-4d0b-9a44-74656d6f696e")
"""What our UUIDs are derived from."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """`root_hash`: hexadecimal, 64 digits."""

    root: Path
    verity: Path
    root_hash: str

    @property
    def root_uuid(self) -> str:
        """Partition UUID by which systemd finds the root: the first half of the hash (Discoverable Partitions)."""
        return str(uuid.UUID(self.root_hash[:32]))

    @property
    def verity_uuid(self) -> str:
        """The second half."""
        return str(uuid.UUID(self.root_hash[32:]))

    @classmethod
    def of(cls, place: Path) -> "Sealed":
        """As `seal` left it."""
        return cls(
            place / "root.erofs", place / "root.verity", (place / "roothash").read_text(encoding="ascii").strip()
        )


def seal(place: Path, tree: Path, epoch: int) -> Sealed:
    """`place/root.erofs`, `root.verity`, `roothash`. The same tree gives the same three. Raises BuildStopped."""
    root, verity = place / "root.erofs", place / "root.verity"
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    fixed = str(uuid.uuid5(NAMESPACE, "root"))
    command = ["mkfs.erofs", "--quiet", "-zlz4hc", "-C65536", f"-T{epoch}", f"-U{fixed}", str(root), str(tree)]
    _run(command, environment)
    size = root.stat().st_size
    if size % 4096:
        os.truncate(root, size + 4096 - size % 4096)
    format_command = ["veritysetup", "format", str(root), str(verity), f"--salt={SALT}"]
    format_command += [f"--uuid={uuid.uuid5(NAMESPACE, 'verity')}"]
    told = _run(format_command, environment)
    root_hash = next(line.split()[-1] for line in told.splitlines() if line.startswith("Root hash:"))
    (place / "roothash").write_text(root_hash + "\n", encoding="ascii")
    return Sealed(root, verity, root_hash)


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise BuildStopped(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout
