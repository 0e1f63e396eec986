"""What the ring says of itself, as plain values for the socket's `state` and for `appliance status`."""

from collections.abc import Sequence
from typing import Final

from appliance.core.cause import GapCause
from appliance.core.errors import ApplianceError
from appliance.ring.disks.loss import Loss
from appliance.ring.disks.member import Member
from appliance.ring.disks.members import Members
from appliance.ring.disks.naming import DiskName, name_of
from appliance.ring.disks.opening import DiskPath
from appliance.ring.disks.pool import ChunkState
from appliance.ring.disks.survey import Survey
from appliance.ring.faults import DiskMissing, DiskNotFormatted
from appliance.ring.lane import Lane

_ABSENT: Final = {
    **dict.fromkeys(
        ("chunks", "protected", *(state.name.lower() for state in ChunkState), "mark_utc_us", "tick_ms"), 0
    ),
    "backend": "",
}
"""Figures of a disk that is left aside, so that every disk of the state has the same fields."""


def disk_state(
    member: Member, tick_us: int, refused: ApplianceError | None = None, foreign: Survey | None = None
) -> dict[str, object]:
    """One disk. `tick_ms`: the longest of the last ticks; `loss_bound_ms`: what a power cut now may take at most,
    one tick period and that tick (a picture under way in the camera apart); `error`: "" or why it left the pool;
    `refused`: why what is in its place now does not record; `suspect`: chunks that are used no more, or will not be;
    `lost`: what of the past left with it.
    """
    slowest_ms = max(member.took_us, default=0) / 1000
    fault = member.fault
    if fault is not None and refused is not None and not isinstance(refused, DiskMissing | DiskNotFormatted):
        fault = refused  # what lies in its place now is what has to be acted on
    return {
        "path": str(member.disk.path),
        "uuid": member.uuid,
        "chunks": member.pool.count,
        "protected": member.pool.protected,
        **member.pool.counts(),
        "suspect": member.pool.counts()["suspect"] + len(member.pool.tainted),
        "ready": len(member.pool.ready),
        "freed_early": member.pool.freed_early,
        "leases_broken": member.pool.leases_broken,
        "backend": member.disk.flush_mode.value,
        "zeroing": member.disk.zeroing,
        "tick_ms": round(slowest_ms, 1),
        "loss_bound_ms": round(tick_us / 1000 + slowest_ms),
        "ticks": member.ticks,
        "flushes": member.flushes,
        "written": member.written,
        "mark_utc_us": member.mark_utc_us,
        "spoiled": member.spoiled,
        "left_utc_us": member.left_utc_us,
        "lost": [loss_state(loss) for loss in member.losses],
        "foreign": None if foreign is None else survey_state(foreign),
        **name_state(member.disk.name),
        **error_state(fault),
    }


def absent_disk_state(
    slot: DiskPath, error: ApplianceError, foreign: Survey | None = None, lost: Sequence[Loss] = ()
) -> dict[str, object]:
    """A disk of the site description that could not be opened."""
    return {
        **_ABSENT,
        "path": str(slot.path),
        "lost": [loss_state(loss) for loss in lost],
        "foreign": None if foreign is None else survey_state(foreign),
        **name_state(name_of(slot.path, slot.bay)),
        **error_state(error),
    }


def disk_states(members: Members, tick_us: int) -> list[dict[str, object]]:
    """The disks of the site description in its order: as each works, as it failed, or why it never began."""
    return [_state_at(members, slot, tick_us) for slot in members.slots]


def _state_at(members: Members, slot: DiskPath, tick_us: int) -> dict[str, object]:
    member = members.at(slot.path)
    refused = members.unusable.get(slot.path)
    if member is not None:
        return disk_state(member, tick_us, refused, members.foreign.get(slot.path))
    assert refused is not None
    alone = list(members.unusable) == [slot.path]  # of several nobody knows which one held what
    lost = members.absent if alone else []
    return absent_disk_state(slot, refused, members.foreign.get(slot.path), lost)


def name_state(name: DiskName) -> dict[str, object]:
    """What people call a disk."""
    return {"bay": name.bay, "name": name.words("en"), "name_fr": name.words("fr")}


def error_state(error: ApplianceError | None) -> dict[str, object]:
    """A fault in both languages, "" when there is none."""
    if error is None:
        return {"error": "", "error_fr": "", "code": ""}
    return {"error": error.sentence("en"), "error_fr": error.sentence("fr"), "code": error.code}


def loss_state(loss: Loss) -> dict[str, object]:
    """What of one stream's past left with a disk."""
    return {
        "camera": loss.key.camera,
        "stream": loss.key.stream,
        "us": loss.us,
        "hours": loss.hours,
        "from_us": loss.from_us,
        "to_us": loss.to_us,
    }


def live(lane: Lane) -> tuple[str, GapCause]:
    """("recording", NONE), or ("gap", why nothing comes)."""
    cause = lane.end_cause
    return ("recording", GapCause.NONE) if cause is None else ("gap", cause)


def stream_state(lane: Lane) -> dict[str, object]:
    """One stream: what is durable, and every picture that is not, by reason."""
    state, cause = live(lane)
    counters = lane.counters
    return {
        "state": state,
        "cause": cause.name,
        "durable_utc_us": lane.durable_utc_us,
        "run": lane.run_id,
        "sequence": lane.sequence,
        "size": counters.size,
        "parts": counters.parts,
        "pending": lane.pending,
        "dropped": counters.dropped,
        "refused": counters.refused,
        "parameters": counters.parameters,
        "lost": counters.lost,
        "recovering": lane.recovering,
        "error": "" if lane.fault is None else lane.fault.sentence("en"),
        "error_fr": "" if lane.fault is None else lane.fault.sentence("fr"),
    }


def survey_state(found: Survey) -> dict[str, object]:
    """What lies on a disk that is only looked at."""
    return {
        "uuid": found.identity.uuid,
        "site": found.identity.site,
        "appliance": found.identity.appliance,
        "from_us": found.from_us,
        "to_us": found.to_us,
        "hours": found.hours,
        "streams": [loss_state(stream) for stream in found.streams],
    }
