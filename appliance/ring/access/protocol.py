"""The recorder's socket, version 1: JSON lines over a unix stream, checked at the edge.

Lines, versions and refusals are those of every service (core/lines.py). After `subscribe` the connection carries
parts only: a line `{"part":{...}}`, then `length` raw bytes.
"""

import base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeVar

from pydantic import Field

from appliance.core.cause import GapCause
from appliance.core.line_errors import BadRequest
from appliance.core.lines import LineRequest, checked_request, encode
from appliance.core.units import US_PER_SECOND
from appliance.media.part import STARTS_KEYFRAME, STARTS_RUN, PartEntry
from appliance.media.stream import StreamKey, StreamName
from appliance.ring.access.feed import FeedPart
from appliance.ring.access.lookup import MAX_LEASE_S, ChunkRanges
from appliance.ring.access.part_ref import PartRef
from appliance.ring.access.stretches import StreamSpan
from appliance.ring.backup_files import BACKUP_NAME, MAX_SIZE

MAX_RANGE_US: Final = 2 * 3600 * US_PER_SECOND
"""The longest `ranges`: what a player loads ahead or a clip holds; more is asked in pieces."""

MAX_STREAMS: Final = 256
"""Streams of one subscription: main and sub of 64 cameras, twice."""

_MAX_US: Final = 1 << 62  # sums of two times stay within SQLite's 64 bits


M = TypeVar("M", bound=LineRequest)


class _OfStream(LineRequest):
    camera: str = Field(min_length=1, max_length=64)
    stream: StreamName
    from_us: int = Field(ge=-_MAX_US, le=_MAX_US)
    to_us: int = Field(ge=-_MAX_US, le=_MAX_US)

    @property
    def key(self) -> StreamKey:
        """The stream asked for."""
        return StreamKey(self.camera, self.stream)


class StateRequest(LineRequest):
    """State of cameras, disks and jobs."""

    verb: Literal["state"]


class SpansRequest(_OfStream):
    """Recorded stretches."""

    verb: Literal["spans"]


class RangesRequest(_OfStream):
    """Where the parts of a time lie."""

    verb: Literal["ranges"]
    from_keyframe: bool = False
    hold: str = Field(default="", max_length=32)  # of this hold's copies alone


class LeaseRequest(_OfStream):
    """Keep a time from being freed for `seconds`."""

    verb: Literal["lease"]
    seconds: float = Field(gt=0, le=MAX_LEASE_S, strict=False)


class ReleaseRequest(LineRequest):
    """End a lease."""

    verb: Literal["release"]
    lease: str = Field(max_length=32)


class SubscribeRequest(LineRequest):
    """The newest parts of some streams, named "camera/stream"."""

    verb: Literal["subscribe"]
    streams: list[str] = Field(min_length=1, max_length=MAX_STREAMS)

    @property
    def keys(self) -> list[StreamKey]:
        """The streams asked for. Raises BadRequest."""
        return [parse_key(name) for name in self.streams]


class ConfirmTimeRequest(LineRequest):
    """A person says that the appliance's time is right."""

    verb: Literal["confirm-time"]


class AdoptRequest(LineRequest):
    """Take over the disk of another appliance. `name`: what a person typed to say which (see adoption.names)."""

    verb: Literal["adopt"]
    path: str = Field(min_length=1, max_length=4096)
    name: str = Field(min_length=1, max_length=256)


class RebuildIndexRequest(LineRequest):
    """Make the index again from the disks' catalogues, beside the recording; `state` says `rebuilding` meanwhile."""

    verb: Literal["rebuild-index"]


class KeepRequest(LineRequest):
    """Copy `size` bytes, which follow the answer, onto a recording disk; a second answer says when it is durable.

    `name`: which of the asker's files it is.
    """

    verb: Literal["keep"]
    name: str = Field(pattern=BACKUP_NAME)
    size: int = Field(ge=1, le=MAX_SIZE)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class KeptRequest(LineRequest):
    """The newest whole copy of such a file: `size`, `sha256`, `utc_us`, then its bytes."""

    verb: Literal["kept"]
    name: str = Field(pattern=BACKUP_NAME)


Request = (
    StateRequest
    | SpansRequest
    | RangesRequest
    | LeaseRequest
    | ReleaseRequest
    | SubscribeRequest
    | ConfirmTimeRequest
    | AdoptRequest
    | RebuildIndexRequest
    | KeepRequest
    | KeptRequest
)


def parse_key(name: str) -> StreamKey:
    """The stream that "cam/sub" names. Raises BadRequest."""
    camera, _, stream = name.rpartition("/")
    if not camera or stream not in {"main", "sub"}:
        raise BadRequest(why=f"stream {name[:64]!r}")
    return StreamKey(camera, "main" if stream == "main" else "sub")


def parse_request(line: bytes, further: Mapping[str, type[M]] = MappingProxyType({})) -> Request | M:
    """A checked request of this protocol, or one of `further` verbs. Raises BadRequest, nothing else."""
    request: Request | M = checked_request(line, {**_MODELS, **further})
    if isinstance(request, _OfStream):
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
    "adopt": AdoptRequest,
    "rebuild-index": RebuildIndexRequest,
    "keep": KeepRequest,
    "kept": KeptRequest,
}


def _check_times(request: _OfStream) -> None:
    length = request.to_us - request.from_us
    if length <= 0:
        raise BadRequest(why="to_us is not after from_us")
    if not isinstance(request, SpansRequest) and length > MAX_RANGE_US:
        raise BadRequest(why="more than 2 h")


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
