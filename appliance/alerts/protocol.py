"""The detector's socket: what the page asks of alerts. Transport and refusals are those of every service (core/lines).

Verbs: `alerts` (a list), `alert` (one, with its boxes), `picture`, `answer` (a person's verdict), `report` (a fact
by hand), `arming` (what is armed and why not), `arm`, `state`.
"""

from typing import Any, Final, Literal

from pydantic import Field

from appliance.alerts.model import Kind, Verdict
from appliance.alerts.store import MAX_LIST, Entry, Sighting, State, WeekRate
from appliance.core.lines import LineRequest, checked_request

_MAX_US: Final = 1 << 62

MAX_NAME: Final = 80
"""Characters of a person's name."""

MAX_NOTE: Final = 500
"""Characters of what a person writes."""


MAX_SKIP: Final = 100_000
"""Alerts left out before a list begins: more than a month of 64 noisy cameras holds."""


class AlertsRequest(LineRequest):
    """Alerts opened in [from, to), newest first, and how many of the same cameras and kind nobody has answered."""

    verb: Literal["alerts"]
    from_us: int = Field(ge=0, le=_MAX_US)
    to_us: int = Field(ge=0, le=_MAX_US)
    limit: int = Field(default=50, ge=1, le=MAX_LIST)
    skip: int = Field(default=0, ge=0, le=MAX_SKIP)
    camera: str = Field(default="", max_length=64)
    kind: Kind | None = Field(default=None, strict=False)
    state: State = "all"


class AlertRequest(LineRequest):
    """One alert with its boxes."""

    verb: Literal["alert"]
    number: int = Field(ge=1, le=_MAX_US)


class PictureRequest(LineRequest):
    """The picture of the list."""

    verb: Literal["picture"]
    number: int = Field(ge=1, le=_MAX_US)


class AnswerRequest(LineRequest):
    """A person's verdict."""

    verb: Literal["answer"]
    number: int = Field(ge=1, le=_MAX_US)
    verdict: Verdict = Field(strict=False)
    by: str = Field(max_length=MAX_NAME)
    note: str = Field(default="", max_length=MAX_NOTE)


class ReportRequest(LineRequest):
    """A fact that a person reports."""

    verb: Literal["report"]
    camera: str = Field(min_length=1, max_length=64)
    kind: Kind = Field(strict=False)
    by: str = Field(max_length=MAX_NAME)
    note: str = Field(max_length=MAX_NOTE)


class ArmingRequest(LineRequest):
    """What is watched, and why the rest is not."""

    verb: Literal["arming"]


class ArmRequest(LineRequest):
    """A person arms or disarms some cameras until an instant."""

    verb: Literal["arm"]
    cameras: list[str] = Field(min_length=1, max_length=64)
    armed: bool
    by: str = Field(max_length=MAX_NAME)
    why: str = Field(max_length=MAX_NOTE)
    until_us: int = Field(ge=0, le=_MAX_US)


class DetectorStateRequest(LineRequest):
    """How detection is: model, delays, faults."""

    verb: Literal["state"]


Request = (
    AlertsRequest
    | AlertRequest
    | PictureRequest
    | AnswerRequest
    | ReportRequest
    | ArmingRequest
    | ArmRequest
    | DetectorStateRequest
)

MODELS: Final[dict[str, type[Request]]] = {
    "alerts": AlertsRequest,
    "alert": AlertRequest,
    "picture": PictureRequest,
    "answer": AnswerRequest,
    "report": ReportRequest,
    "arming": ArmingRequest,
    "arm": ArmRequest,
    "state": DetectorStateRequest,
}


def parse_request(line: bytes) -> Request:
    """A checked request. Raises BadRequest, nothing else."""
    return checked_request(line, MODELS)


def entry_message(entry: Entry) -> dict[str, Any]:
    """An alert of the list as plain values."""
    answer = entry.answer
    return {
        "number": entry.number,
        "camera": entry.camera,
        "cameras": list(entry.cameras),
        "source": entry.source.value,
        "kind": entry.kind.value,
        "rule": entry.rule,
        "rules": list(entry.rules),
        "zone": entry.zone,
        "label": entry.label,
        "opened_us": entry.opened_us,
        "last_us": entry.last_us,
        "closed_us": entry.closed_us,
        "severity": int(entry.severity),
        "score": entry.points.total,
        "points": entry.points._asdict(),
        "reported_by": entry.reported_by,
        "note": entry.note,
        "protected": bool(entry.hold),
        "hold_fault": entry.hold_fault,
        "has_picture": entry.has_picture,
        "answer": None
        if answer is None
        else {"verdict": answer.verdict.value, "by": answer.by, "note": answer.note, "utc_us": answer.utc_us},
    }


def sighting_message(seen: Sighting) -> dict[str, Any]:
    """A box as plain values; `box`: left, top, width, height, shares of the picture."""
    return {
        "utc_us": seen.utc_us,
        "camera": seen.camera,
        "rule": seen.rule,
        "label": seen.label,
        "track": seen.track,
        "score": round(seen.score, 3),
        "box": None if seen.box is None else [round(side, 4) for side in seen.box],
    }


def rate_message(rate: WeekRate) -> dict[str, Any]:
    """Alerts of a camera and week as plain values."""
    return rate._asdict()
