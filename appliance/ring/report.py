"""What the ring says of itself, as plain values for the socket's `state` and for `appliance status`."""

from typing import Final

from appliance.core.cause import GapCause
from appliance.core.errors import ApplianceError
from appliance.ring.lane import Lane
from appliance.ring.member import Member
from appliance.ring.pool import ChunkState

_ABSENT: Final = {
    **dict.fromkeys(
        ("chunks", "protected", *(state.name.lower() for state in ChunkState), "mark_utc_us", "tick_ms"), 0
    ),
    "backend": "",
}
"""Figures of a disk that is left aside, so that every disk of the state has the same fields."""


def disk_state(member: Member, tick_us: int) -> dict[str, object]:
    """One disk. `tick_ms`: the longest of the last ticks; `loss_bound_ms`: what a power cut now may take at most,
    one tick period and that tick (a picture under way in the camera apart); `error`: "" or why it left the pool.
    """
    slowest_ms = max(member.took_us, default=0) / 1000
    return {
        "path": str(member.disk.path),
        "uuid": member.uuid,
        "chunks": member.pool.count,
        "protected": member.pool.protected,
        **member.pool.counts(),
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
        "error": member.failed,
    }


def absent_disk_state(path: str, error: ApplianceError) -> dict[str, object]:
    """A disk of the site description that could not be opened."""
    return {**_ABSENT, "path": path, "error": error.sentence("en"), "error_fr": error.sentence("fr")}


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
