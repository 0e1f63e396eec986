"""What a recording disk says of the time: the last heartbeat written on it, a witness for the clock judgement.

A busy disk's heartbeat is at most 10 s older than its newest part: nothing beside a judgement by minutes and days.
"""

from pathlib import Path
from typing import Final

from appliance.core.errors import ApplianceError
from appliance.core.judgement import Evidence, Stamp
from appliance.media.stream import ClockState
from appliance.ring.disks.disk import HEARTBEAT, Heartbeat, decode_heartbeat
from appliance.ring.disks.identity import read_identity

TRUSTED: Final = frozenset({ClockState.VERIFIED, ClockState.HELD})
"""Under any other judgement, or none, a heartbeat proves how long a boot lasted and no date."""

BOOT_ID: Final = 16
"""Bytes of a boot id."""


def witness(beat: Heartbeat, *, own: bool = True) -> Evidence | None:
    """A heartbeat as evidence; None when its boot id is none."""
    try:
        boot_id = bytes.fromhex(beat.boot_id)
    except ValueError:
        return None
    if len(boot_id) != BOOT_ID:
        return None
    return Evidence(Stamp(beat.utc_us, beat.monotonic_us, boot_id), beat.clock_state in TRUSTED, own)


def ask(path: Path, appliance: str | None = None) -> Evidence | None:
    """The evidence of the disk at `path`; None when there is none. Blocks.

    `appliance`: ours, 32 hex digits; a disk of another one is foreign. None: any disk counts as our own.
    """
    try:
        identity = read_identity(path)
        beat = decode_heartbeat((path / HEARTBEAT).read_bytes())
    except (ApplianceError, OSError):
        return None  # the ring names what is wrong with it when it opens it
    return None if beat is None else witness(beat, own=appliance is None or identity.appliance == appliance)
