"""A second version laid into slot B of a box's disk, as an update would."""

import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Final

from imagebuild import uki
from tests.image.disks import copied_in, partitions
from tests.image.vm import Machine
from tests.peers.need import ROOT

IMAGE: Final = ROOT / "build/image"
SECOND: Final = "9.0.0"
"""Its version: newer than any that is built, so that the loader prefers it."""


def lay_second(machine: Machine, folder: Path, root: Path, tries: int) -> None:
    """`root` (erofs) in slot B with hashes of its own, and an entry that may be started `tries` times."""
    folder.mkdir()
    verity = folder / "root.verity"
    told = subprocess.run(
        ["veritysetup", "format", root, verity, f"--salt={'b' * 64}"], check=True, capture_output=True, text=True
    )
    root_hash = next(line.split()[-1] for line in told.stdout.splitlines() if line.startswith("Root hash:"))
    there = partitions(machine.disk)
    for label, file, identity in (
        ("temoin-root-b", root, root_hash[:32]),
        ("temoin-verity-b", verity, root_hash[32:]),
    ):
        copied_in(machine.disk, there[label].start, file)
        number = str(there[label].number)
        command = ["sfdisk", "--quiet", "--part-uuid", str(machine.disk), number, str(uuid.UUID(identity))]
        subprocess.run(command, check=True, capture_output=True)
    release = folder / "os-release"
    lines = (IMAGE / "harden/tree/usr/lib/os-release").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("IMAGE_VERSION=")]
    release.write_text("\n".join([*kept, f"IMAGE_VERSION={SECOND}", ""]), encoding="utf-8")
    made = uki.make_uki(folder, IMAGE / "kernel/vmlinuz", IMAGE / "initrd/initrd.img", release, root_hash)
    entry = folder / f"temoin_{SECOND}+{tries}.efi"
    shutil.copy(made, entry)
    at = f"{machine.disk}@@{there['temoin-esp'].start}"
    subprocess.run(["mcopy", "-i", at, entry, f"::EFI/Linux/{entry.name}"], check=True, capture_output=True)


def flip_bit(disk: Path, label: str) -> None:
    """One bit of erofs's superblock, which is read first."""
    with disk.open("r+b") as file:
        file.seek(partitions(disk)[label].start + 1024)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))
