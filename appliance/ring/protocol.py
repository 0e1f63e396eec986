"""The recorder's socket, version 1: JSON lines over a unix stream, checked at the edge.

A request is one line `{"v":1,"id":7,"verb":"ranges",...}`, at most MAX_REQUEST bytes of UTF-8; the answer is one line
of at most MAX_LINE, `{"id":7,"ok":true,...}` or `{"id":7,"ok":false,"error":{"code","fr","en"}}`. Unknown fields are
errors. After `subscribe` the connection carries parts only: a line `{"part":{...}}`, then `length` raw bytes.
"""

import base64
import json
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.core.cause import GapCause
from appliance.core.errors import ApplianceError
from appliance.core.units import US_PER_SECOND
from appliance.media.part import STARTS_KEYFRAME, STARTS_RUN, PartEntry
from appliance.media.stream import StreamKey, StreamName
from appliance.ring.catalogue import MAX_LEASE_S, ChunkRanges, StreamSpan
from appliance.ring.faults import BadRequest
from appliance.ring.feed import FeedPart
from appliance.ring.part_ref import PartRef

VERSION: Final = 1

MAX_LINE: Final = 4 << 20
"""Bytes of a line: 2 h of ranges are 1.6 MB."""

MAX_REQUEST: Final = 64 << 10
"""Bytes of a request: 256 streams in one subscription are 25 kB. A hundred clients with half a line cost 13 MB."""

MAX_RANGE_US: Final = 2 * 3600 * US_PER_SECOND
"""The longest `ranges`: what a player loads ahead or a clip holds; more is asked in pieces."""

MAX_STREAMS: Final = 256
"""Streams of one subscription: main and sub of 64 cameras, twice."""

_MAX_US: Final = 1 << 62  # sums of two times stay within SQLite's 64 bits


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    v: Literal[1]
    id: int = Field(ge=0, le=_MAX_US)


class _OfStream(_Request):
    camera: str = Field(min_length=1, max_length=64)
    stream: StreamName
    from_us: int = Field(ge=-_MAX_US, le=_MAX_US)
    to_us: int = Field(ge=-_MAX_US, le=_MAX_US)

    @property
    def key(self) -> StreamKey:
        """The stream asked for."""
        return StreamKey(self.camera, self.stream)


class StateRequest(_Request):
    """State of cameras, disks and jobs."""

    verb: Literal["state"]


class SpansRequest(_OfStream):
    """Recorded stretches."""

    verb: Literal["spans"]


class RangesRequest(_OfStream):
    """Where the parts of a time lie."""

    verb: Literal["ranges"]
    from_keyframe: bool = False


class LeaseRequest(_OfStream):
    """Keep a time from being freed for `seconds`."""

    verb: Literal["lease"]
    seconds: float = Field(gt=0, le=MAX_LEASE_S, strict=False)


class ReleaseRequest(_Request):
    """End a lease."""

    verb: Literal["release"]
    lease: str = Field(max_length=32)


class SubscribeRequest(_Request):
    """The newest parts of some streams, named "camera/stream"."""

    verb: Literal["subscribe"]
    streams: list[str] = Field(min_length=1, max_length=MAX_STREAMS)

    @property
    def keys(self) -> list[StreamKey]:
        """The streams asked for. Raises BadRequest."""
        return [parse_key(name) for name in self.streams]


class ConfirmTimeRequest(_Request):
    """A person says that the appliance's time is right."""

    verb: Literal["confirm-time"]


Request = (
    StateRequest | SpansRequest | RangesRequest | LeaseRequest | ReleaseRequest | SubscribeRequest | ConfirmTimeRequest
)


def parse_key(name: str) -> StreamKey:
    """The stream that "cam/sub" names. Raises BadRequest."""
    camera, _, stream = name.rpartition("/")
    if not camera or stream not in {"main", "sub"}:
        raise BadRequest(why=f"stream {name[:64]!r}")
    return StreamKey(camera, "main" if stream == "main" else "sub")


def parse_request(line: bytes) -> Request:
    """A checked request. Raises BadRequest, nothing else."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRequest(why="no JSON") from error
    if not isinstance(value, dict):
        raise BadRequest(why="no object")
    if value.get("v") != VERSION:
        raise BadRequest(why=f"version {str(value.get('v'))[:16]}")
    model = _MODELS.get(str(value.get("verb")))
    if model is None:
        raise BadRequest(why=f"verb {str(value.get('verb'))[:32]!r}")
    try:
        request = model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadRequest(why=f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    _check_times(request)
    return request


_MODELS: Final[dict[str, type[Request]]] = {
    "state": StateRequest,
    "spans": SpansRequest,
    "ranges": RangesRequest,
    "lease": LeaseRequest,
    "release": ReleaseRequest,
    "subscribe": SubscribeRequest,
    "confirm-time": ConfirmTimeRequest,
}


def _check_times(request: Request) -> None:
    if isinstance(request, _OfStream):
        length = request.to_us - request.from_us
        if length <= 0:
            raise BadRequest(why="to_us is not after from_us")
        if not isinstance(request, SpansRequest) and length > MAX_RANGE_US:
            raise BadRequest(why="more than 2 h")


def request_id(line: bytes) -> int | None:
    """The id of a request that may be wrong otherwise, to answer it by."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    number = value.get("id") if isinstance(value, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def encode(message: dict[str, Any]) -> bytes:
    """One line."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def error_answer(number: int | None, error: ApplianceError) -> bytes:
    """The line that refuses a request."""
    named = {"code": error.code, "fr": error.sentence("fr"), "en": error.sentence("en")}
    return encode({"id": number, "ok": False, "error": named})


def part_ref(entry: PartEntry) -> PartRef:
    """A part for the wire."""
    flags = (STARTS_KEYFRAME if entry.starts_keyframe else 0) | (STARTS_RUN if entry.starts_run else 0)
    return PartRef(
        entry.offset, entry.length, entry.utc_us, entry.tfdt, entry.duration, entry.run, entry.sequence,
        entry.samples, flags,
    )  # fmt: skip


def span_message(span: StreamSpan) -> dict[str, object]:
    """A stretch; `cause` is the name of the GapCause of the hole before it."""
    return {"from_us": span.from_us, "to_us": span.to_us, "run": span.run, "cause": cause_name(span.cause)}


def cause_name(number: int) -> str:
    """Name of a cause; a number of a newer version stays a number in words."""
    return GapCause(number).name if number in GapCause._value2member_map_ else f"CAUSE_{number}"


def chunk_message(chunk: ChunkRanges) -> dict[str, object]:
    """One chunk of a `ranges` answer."""
    return {
        "disk": chunk.disk,
        "path": chunk.path,
        "number": chunk.number,
        "generation": chunk.generation,
        "codec": chunk.codec,
        "width": chunk.width,
        "height": chunk.height,
        "init_length": chunk.init_length,
        "base_utc_us": chunk.base_utc_us,
        "parts": [part_ref(entry) for entry in chunk.parts],
    }


def part_line(part: FeedPart, *, with_init: bool) -> bytes:
    """The line before a part's bytes."""
    described = part.describe()
    if with_init:
        described["init"] = base64.b64encode(part.init).decode("ascii")
    return encode({"part": described})
