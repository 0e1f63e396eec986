"""A disk image looked at and changed from outside: no mount, no device-mapper."""

import json
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

SECTOR: Final = 512
SLICE: Final = 4 << 20


class Partition(NamedTuple):
    """`number` from 1; `start` and `size` in octets; `uuid` in lower case."""

    number: int
    start: int
    size: int
    uuid: str


def partitions(disk: Path) -> dict[str, Partition]:
    """By label."""
    told = subprocess.run(["sfdisk", "--json", disk], check=True, capture_output=True, text=True)
    rows = json.loads(told.stdout)["partitiontable"]["partitions"]
    return {
        row["name"]: Partition(n, row["start"] * SECTOR, row["size"] * SECTOR, row["uuid"].lower())
        for n, row in enumerate(rows, 1)
    }


def copied_in(disk: Path, at: int, file: Path) -> None:
    """Lay a file over the disk from that octet on."""
    with disk.open("r+b") as target, file.open("rb") as source:
        target.seek(at)
        while piece := source.read(SLICE):
            target.write(piece)


def copied_out(disk: Path, part: Partition, target: Path, size: int) -> None:
    """The first `size` octets of a partition as a file."""
    with disk.open("rb") as source, target.open("wb") as file:
        source.seek(part.start)
        left = size
        while left:
            piece = source.read(min(SLICE, left))
            file.write(piece)
            left -= len(piece)
