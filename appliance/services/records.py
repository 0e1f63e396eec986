"""What lies on the system disk, and how each of it comes back when it is deleted or damaged.

| file             | comes back                                                                                       |
|------------------|--------------------------------------------------------------------------------------------------|
| index.db         | made again from the disks' catalogues                                                            |
| events.db        | the detector's; copied each hour onto a recording disk by the recorder, asked back at its start  |
| looks.db         | the page's: who looked at what; copied and asked back in the same way                            |
| accounts.db      | the page's: who may look; copied and asked back in the same way                                  |
| clock.record     | copied each hour onto a recording disk, put back at the recorder's start                         |
| appliance-id     | stands on every disk of this appliance                                                           |
| journal/         | not put back: the disks know how far each journal went, `journal verify` tells what is missing   |
| in-hand          | what the detector looks at: of its present life and the one before alone                         |
| crashes.json     | cameras set aside after crashes of the detector: without it they are looked at again             |
| recorder.stopped | mark of an orderly stop, and recorder.update, of an update: gone at the next start               |

The list of protected sequences lies on every recording disk and in the copies themselves. Copies of events.db are
without the pictures of alerts, which are kept nowhere longer than the footage they are from.
"""

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from appliance.core.errors import ApplianceError
from appliance.core.timesource import load_record
from appliance.ring.access.reader import RecorderClient
from appliance.ring.backup_files import restore
from appliance.ring.disks.identity import read_identity
from appliance.ring.faults import NoBackup, RecorderRefused, RecorderUnreachable, RecordLost, RecordRestored
from appliance.services.access import DETECTOR, WEB
from appliance.services.clock import RECORD_FILE

log = logging.getLogger(__name__)

EVENTS: Final = "events.db"
"""Name of the detector's database among the copies."""

LOOKS: Final = "looks.db"
"""Name of the database of who looked at what, and of its copies."""

ACCOUNTS: Final = "accounts.db"
"""Name of the database of who may look, and of its copies."""

OWNERS: Final = {EVENTS: DETECTOR, LOOKS: WEB, ACCOUNTS: WEB}
"""Whose databases the recorder copies: names of the copies, users of the units."""

RESTORE_S: Final = 3.0
"""Seconds the recorder's start waits for disks that are asked for a copy, only when a record is missing."""

ASK_S: Final = 10.0
"""Seconds a service whose database is missing waits for a recorder that does not answer; it begins after the
recorder, which answers as soon as it records."""

RETRY_S: Final = 0.5

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def restored(name: str, utc_us: int) -> RecordRestored:
    """The fault that says so."""
    when = (_EPOCH + timedelta(microseconds=utc_us)).strftime("%Y-%m-%d %H:%M UTC")
    return RecordRestored(name=name, when=when)


async def restore_clock(folder: Path, disks: Iterable[Path], appliance: str) -> ApplianceError | None:
    """Put the clock's record back when it is missing or does not hold, from this appliance's disks alone.

    None when it is there, or was never made.
    """
    try:
        async with asyncio.timeout(RESTORE_S):
            return await asyncio.to_thread(_restore_clock, folder / RECORD_FILE, list(disks), appliance)
    except TimeoutError:
        log.warning("disks do not answer: %s begins anew", RECORD_FILE)
        return RecordLost(name=RECORD_FILE)


def _restore_clock(path: Path, disks: list[Path], appliance: str) -> ApplianceError | None:
    there = path.exists()
    if there and load_record(path) is not None:
        return None
    try:
        return restored(RECORD_FILE, restore(_own(disks, appliance), RECORD_FILE, path))
    except NoBackup:
        return RecordLost(name=RECORD_FILE) if there else None
    except OSError as error:
        log.error("%s cannot be put back: %s", path, error.strerror)  # noqa: TRY400
        return RecordLost(name=RECORD_FILE)


def _own(disks: Iterable[Path], appliance: str) -> list[Path]:
    found: list[Path] = []
    for path in disks:
        try:
            if appliance and read_identity(path).appliance == appliance:
                found.append(path)
        except ApplianceError:
            pass  # said when the ring opens it
    return found


async def ask_back(socket: Path, name: str, wait_s: float = ASK_S) -> tuple[bytes, int] | None:
    """(bytes, UTC us) of the last copy of a database, by the recorder; None when there is none, or no recorder."""
    async with RecorderClient(socket) as recorder:
        try:
            async with asyncio.timeout(wait_s):
                while True:
                    try:
                        return await recorder.kept(name)
                    except RecorderUnreachable:
                        await asyncio.sleep(RETRY_S)
        except TimeoutError:
            log.error("the recorder does not answer: %s begins anew", name)  # noqa: TRY400 - it says all
        except RecorderRefused as refused:
            if refused.facts.get("refusal") != NoBackup.code:
                log.error("%s: %s", name, refused)  # noqa: TRY400 - the sentence says all
    return None
