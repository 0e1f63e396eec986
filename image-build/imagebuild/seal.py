"""Stage `seal`: the tree as one compressed file, its hash tree, and the one hash that stands for all of it."""

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
