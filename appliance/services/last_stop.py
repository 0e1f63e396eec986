"""How the recorder's last life ended, so that the gap it left is told by its true cause.

An orderly stop leaves a mark: a small durable file beside the index. Whoever stops the recorder for an update announces
it first by another file (`announce`); a start with another version than the mark's is an update, too. Without a mark
the disks' heartbeats decide: a last sign of life in this boot of the machine means that the recorder alone was killed,
one in another boot that the machine went down under it.

| mark                           | newest sign of life        | cause                                             |
|--------------------------------|----------------------------|---------------------------------------------------|
| of an update, or other version | before the mark            | UPDATE                                            |
| any other                      | before the mark            | APPLIANCE_OFF                                     |
| none, or older than the sign   | in this boot               | APPLIANCE_OFF: killed                             |
| none, or older than the sign   | in another boot            | POWER: no current, or a reset without warning     |
| none                           | none                       | APPLIANCE_OFF: nobody knows, and nothing was kept |

`start_cause` is pure; the rest reads and writes small files and blocks.
"""

import asyncio
import json
import logging
import os
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from appliance.core.cause import GapCause
from appliance.core.durable import sync_directory
from appliance.ring.disks.disk import HEARTBEAT, Heartbeat, decode_heartbeat

log = logging.getLogger(__name__)

MARK_FILE: Final = "recorder.stopped"
ANNOUNCED_FILE: Final = "recorder.update"
FORMAT: Final = 1

ASK_S: Final = 3.0
"""Seconds a disk may take to show its heartbeat; one that is stuck says nothing."""

STOP: Final = "stop"
UPDATE: Final = "update"
"""Reasons of an orderly stop."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign of life by both clocks. `boot`: 32 hex digits, the boot that `monotonic_us` belongs to."""

    boot: str
    utc_us: int
    monotonic_us: int


@dataclass(frozen=True, slots=True)
class StopMark:
    """What an orderly stop leaves. `software`: the version that stopped."""

    sign: Sign
    software: str
    reason: str


def start_cause(boot: str, software: str, signs: Iterable[Sign], mark: StopMark | None) -> GapCause:
    """Why nothing was recorded before this start: see the module's table. `boot`, `software`: ours, now."""
    seen = list(signs)
    if mark is not None and not any(_after(sign, mark.sign, boot) for sign in seen):
        return GapCause.UPDATE if mark.reason == UPDATE or mark.software != software else GapCause.APPLIANCE_OFF
    if not seen or any(sign.boot == boot for sign in seen):
        return GapCause.APPLIANCE_OFF
    return GapCause.POWER


def _after(sign: Sign, mark: Sign, boot: str) -> bool:
    """Was the recorder alive after the mark? Monotonic time decides within a boot, the order of boots, then UTC."""
    if sign.boot == mark.boot:
        return sign.monotonic_us > mark.monotonic_us
    if boot in {sign.boot, mark.boot}:
        return sign.boot == boot
    return sign.utc_us > mark.utc_us


async def last_heartbeats(disks: Iterable[Path]) -> list[Heartbeat]:
    """The last heartbeat of each disk that shows one in time. To be asked before the ring writes new ones."""

    async def ask(disk: Path) -> Heartbeat | None:
        try:
            async with asyncio.timeout(ASK_S):
                return await asyncio.to_thread(read_heartbeat, disk)
        except TimeoutError:
            log.warning("disk %s does not show its heartbeat", disk)
            return None

    return [beat for beat in await asyncio.gather(*map(ask, disks)) if beat is not None]


def read_heartbeat(disk: Path) -> Heartbeat | None:
    """The last heartbeat of a disk; None when there is none. Blocks."""
    try:
        return decode_heartbeat((disk / HEARTBEAT).read_bytes())
    except OSError:
        return None


def sign_of(beat: Heartbeat) -> Sign:
    """A heartbeat as a sign of life."""
    return Sign(beat.boot_id, beat.utc_us, beat.monotonic_us)


def announce_update(folder: Path) -> None:
    """The next orderly stop is for an update. Blocks. Raises OSError."""
    _write(folder / ANNOUNCED_FILE, b"")


def leave_mark(folder: Path, sign: Sign, software: str) -> None:
    """Leave the mark of an orderly stop. Blocks; a system disk that refuses costs the mark and nothing else."""
    announced = folder / ANNOUNCED_FILE
    reason = UPDATE if announced.exists() else STOP
    text = json.dumps({"version": FORMAT, **asdict(StopMark(sign, software, reason))}).encode()
    try:
        _write(folder / MARK_FILE, b"%b %08x\n" % (text, zlib.crc32(text)))
        announced.unlink(missing_ok=True)
    except OSError as error:
        log.warning("the orderly stop leaves no mark: %s", error)


def read_mark(folder: Path) -> StopMark | None:
    """The mark of the last orderly stop; None when there is none or it does not hold. Blocks."""
    try:
        text, _, crc = (folder / MARK_FILE).read_bytes().rstrip(b"\n").rpartition(b" ")
        if crc != b"%08x" % zlib.crc32(text):
            return None
        found = json.loads(text)
        if found["version"] != FORMAT:
            return None
        sign = found["sign"]
        return StopMark(
            Sign(str(sign["boot"]), int(sign["utc_us"]), int(sign["monotonic_us"])),
            str(found["software"]),
            str(found["reason"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def take_mark(folder: Path) -> None:
    """Remove the mark: this life has begun. Blocks; one that cannot be removed is older than the next heartbeat."""
    try:
        (folder / MARK_FILE).unlink(missing_ok=True)
        sync_directory(folder)
    except OSError as error:
        log.warning("the mark of the last stop stays: %s", error)


def _write(path: Path, data: bytes) -> None:
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_directory(path.parent)
