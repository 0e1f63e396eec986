"""The recorder's verbs for holds: `hold`, `hold-extend`, `release-hold`, `holds`; and what answers them.

`hold` answers when everything recorded of the sequence by now is durable in the protected pool, which takes 100 s for
2 GB: on a connection of its own. What is still to come is copied as it is recorded (state "growing").
"""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from appliance.core.line_errors import BadRequest
from appliance.core.lines import LineRequest
from appliance.media.stream import StreamKey
from appliance.ring.protect.policy import LATEST, MAX_WORDS, Hold, Reason
from appliance.ring.recording import Ring

MAX_STREAMS: Final = 32
"""Streams of one hold: main and sub-stream of sixteen cameras; their names lie in each chunk's header."""

_MAX_US: Final = 1 << 62

Words = Annotated[str, StringConstraints(max_length=MAX_WORDS, pattern=r"^[^\x00-\x1f\x7f]*$")]
Name = Annotated[str, Field(min_length=1, max_length=32)]
Instant = Annotated[int, Field(ge=-_MAX_US, le=_MAX_US)]


class HoldRequest(LineRequest):
    """Keep a sequence: either `to_us` (over) or `until_us` (grows up to then). `why`: a Reason; `expires_us`: as
    late as the reason allows when absent.
    """

    verb: Literal["hold"]
    streams: list[str] = Field(min_length=1, max_length=MAX_STREAMS)
    from_us: Instant
    to_us: Instant | None = None
    until_us: Instant | None = None
    why: Literal["alert", "incident", "access", "judicial"]
    words: Words
    procedure: Words = ""
    requester: Words
    expires_us: Instant | None = None

    def hold(self) -> Hold:
        """As policy wants it. Raises BadRequest."""
        ends = [end for end in (self.to_us, self.until_us) if end is not None]
        if len(ends) != 1:
            raise BadRequest(why="to_us or until_us")
        keys = tuple(dict.fromkeys(_key(name) for name in self.streams))
        expires = LATEST if self.expires_us is None else self.expires_us
        reason = Reason(self.why)
        return Hold("", keys, self.from_us, ends[0], reason, self.words, self.procedure, self.requester, 0, expires)


class HoldExtendRequest(LineRequest):
    """Another end (later, or over now) or another expiry."""

    verb: Literal["hold-extend"]
    hold: Name
    until_us: Instant | None = None
    expires_us: Instant | None = None


class ReleaseHoldRequest(LineRequest):
    """Give a hold back: answered when its copies are destroyed."""

    verb: Literal["release-hold"]
    hold: Name


class HoldsRequest(LineRequest):
    """Every hold, its state and size."""

    verb: Literal["holds"]


AnyHoldRequest = HoldRequest | HoldExtendRequest | ReleaseHoldRequest | HoldsRequest

MODELS: Final[dict[str, type[AnyHoldRequest]]] = {
    "hold": HoldRequest,
    "hold-extend": HoldExtendRequest,
    "release-hold": ReleaseHoldRequest,
    "holds": HoldsRequest,
}


def _key(name: str) -> StreamKey:
    camera, _, stream = name.rpartition("/")
    if not 1 <= len(camera) <= 64 or stream not in {"main", "sub"}:
        raise BadRequest(why=f"stream {name[:64]!r}")
    return StreamKey(camera, "main" if stream == "main" else "sub")


async def answer(ring: Ring, request: AnyHoldRequest) -> dict[str, Any]:
    """What the verb gives back. Raises the errors of `Protected`, UnknownStream, BadRequest."""
    match request:
        case HoldRequest():
            return {"hold": (await ring.hold(request.hold())).report()}
        case HoldExtendRequest():
            kept = await ring.protected.extend(request.hold, to_us=request.until_us, expires_us=request.expires_us)
            return {"hold": kept.report()}
        case ReleaseHoldRequest():
            await ring.protected.release(request.hold)
            return {}
        case HoldsRequest():
            return {"holds": ring.protected.report(), "free_bytes": ring.protected.free_bytes()}
