"""What `nvr-disk.json` says of a recording disk: which one it is, whose, and how it is divided."""

import contextlib
import json
import logging
import re
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.core.errors import ApplianceError
from appliance.ring.chunk import Geometry
from appliance.ring.faults import (
    ApplianceIdDamaged,
    DiskMissing,
    DiskNew,
    DiskNotFormatted,
    DiskUnreadable,
    DiskVersion,
)
from appliance.ring.small_file import save

log = logging.getLogger(__name__)

IDENTITY: Final = "nvr-disk.json"

FORMAT_VERSION: Final = 1
"""Version of the whole disk format; a higher one is refused."""

NOBODY: Final = uuid.UUID(int=0).hex
"""Appliance of a disk that was formatted where none was known."""

APPLIANCE_ID: Final = "appliance-id"
"""File beside the index: 32 hex digits and a line feed."""

_HEX: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class DiskIdentity:
    """What `nvr-disk.json` holds. `uuid`, `appliance`: 32 hex digits. The last `protected` chunks are the pool's.

    `site`: name of the site it was formatted or taken over at, "" on older disks.
    """

    uuid: str
    appliance: str
    geometry: Geometry
    chunks: int
    protected: int = 0
    site: str = ""

    @property
    def of_ring(self) -> int:
        """Chunks that recording goes round in, from number 0."""
        return self.chunks - self.protected

    def encode(self) -> bytes:
        """The file."""
        text = {
            "version": FORMAT_VERSION,
            "uuid": self.uuid,
            "appliance": self.appliance,
            "site": self.site,
            "chunk_size": self.geometry.chunk_size,
            "table_reserve": self.geometry.table_reserve,
            "chunks": self.chunks,
            "protected_chunks": self.protected,
        }
        return (json.dumps(text, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def read_identity(path: Path) -> DiskIdentity:
    """Raises DiskMissing, DiskNew, DiskNotFormatted, DiskUnreadable or DiskVersion."""
    try:
        text = json.loads((path / IDENTITY).read_text(encoding="utf-8"))
        version = text["version"]
        if version != FORMAT_VERSION:
            raise DiskVersion(path=str(path), version=str(version))
        geometry = Geometry(chunk_size=int(text["chunk_size"]), table_reserve=int(text["table_reserve"]))
        identity = DiskIdentity(
            str(text["uuid"]),
            str(text["appliance"]),
            geometry,
            int(text["chunks"]),
            int(text.get("protected_chunks", 0)),
            str(text.get("site", "")),
        )
    except FileNotFoundError as error:
        raise _absent(path)(path=str(path)) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DiskUnreadable(path=str(path), why=f"{IDENTITY}: {error}") from error
    if not _HEX.fullmatch(identity.uuid) or identity.chunks <= 0 or not 0 <= identity.protected < identity.chunks:
        raise DiskUnreadable(path=str(path), why=f"{IDENTITY}: uuid or chunks")
    return identity


def _absent(path: Path) -> type[ApplianceError]:
    if path.is_mount():
        return DiskNew
    return DiskNotFormatted if path.is_dir() else DiskMissing


def write_identity(path: Path, identity: DiskIdentity) -> None:
    """Replace it in one step: after a power cut the disk is the former's or the new one's. Blocks. Raises OSError."""
    save(path / IDENTITY, identity.encode())


LIVED: Final = ("journal/recorder-*.log", "clock.record", "index.db")
"""What a recorder leaves beside its id: where one of them is, a recorder has lived. A new system has an empty folder
for journals."""


def appliance_id(folder: Path) -> str:
    """This appliance's id, made once and durable before it is used. Blocks.

    Raises ApplianceIdDamaged when the file does not hold, or is missing where a recorder has lived: another id would
    make all disks foreign. OSError where it cannot be kept.
    """
    path = folder / APPLIANCE_ID
    try:
        known = path.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        if any(any(folder.glob(pattern)) for pattern in LIVED):
            raise ApplianceIdDamaged(path=str(path)) from error
        return _make_id(folder)
    except ValueError as error:
        raise ApplianceIdDamaged(path=str(path)) from error
    if not _HEX.fullmatch(known):
        raise ApplianceIdDamaged(path=str(path))
    return known


def _make_id(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    made = uuid.uuid4().hex
    save(folder / APPLIANCE_ID, made.encode("ascii") + b"\n")
    return made


def id_of_recorder(folder: Path, disks: Iterable[Path]) -> str:
    """The same for a recorder, which records whatever becomes of that file: then it is who most of its disks say, and
    the file is made again.

    A missing file is one that was lost only where a recorder has lived: in a new one the disks of another stay foreign.
    "" when the disks say nothing and the file cannot be made. Blocks.
    """
    path = folder / APPLIANCE_ID
    try:
        return appliance_id(folder)
    except (OSError, ApplianceIdDamaged) as error:
        log.error("id of this appliance: %s; it is taken from the disks", error)  # noqa: TRY400
    known = _named_by(disks)
    try:
        if path.exists() and known:
            path.replace(path.with_name(path.name + ".damaged"))
        if known:
            save(path, known.encode("ascii") + b"\n")
        elif not path.exists():
            return _make_id(folder)
    except OSError as error:
        log.error("id of this appliance cannot be kept: %s", error)  # noqa: TRY400
    return known


def _named_by(disks: Iterable[Path]) -> str:
    named: Counter[str] = Counter()
    for path in disks:
        with contextlib.suppress(ApplianceError):
            named[read_identity(path).appliance] += 1
    del named[NOBODY]
    return named.most_common(1)[0][0] if named else ""
