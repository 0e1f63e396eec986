"""Path and query parameters, validated strictly: an unknown or repeated name is a mistake, not noise.

Instants are UTC: an integer of microseconds since 1970, or ISO 8601 with an offset
(`2026-11-24T14:03:00+01:00`, `...Z`). A time without offset is refused: it would mean another instant
in winter than in summer.
"""

from datetime import UTC, datetime
from typing import Annotated, TypeVar

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from appliance.core.units import US_PER_SECOND
from appliance.media.stream import StreamName
from appliance.web.errors import BadQuery

LAST_US = 4_102_444_800 * US_PER_SECOND
"""us. Year 2100: above it a figure is a mistake of unit (nanoseconds, say), not a date."""

TIMELINE_SPAN_US = 32 * 86_400 * US_PER_SECOND
"""us. One calendar month is the longest a site may keep video, and a day more for the time zone."""

PARTS_SPAN_US = 2 * 3600 * US_PER_SECOND
"""us. The recorder's own limit of one `ranges` answer."""

LAST_BYTE = 1 << 30
"""Bytes. More than the longest GOP of any camera: minutes of a "smart" codec are some tens of megabytes."""

_DATETIME_MIN = datetime(1970, 1, 1, tzinfo=UTC)


def parse_instant(value: object) -> int:
    """Microseconds UTC of an instant written either way; ValueError in words for anything else."""
    text = str(value).strip()
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a bare "+" of a URL arrives as a space
    except ValueError:
        raise ValueError("not an instant: microseconds UTC or ISO 8601 with an offset") from None
    if moment.tzinfo is None:
        raise ValueError("an instant needs an offset, as in 2026-11-24T14:03:00+01:00")
    delta = moment - _DATETIME_MIN
    return (delta.days * 86_400 + delta.seconds) * US_PER_SECOND + delta.microseconds


Instant = Annotated[int, BeforeValidator(parse_instant), Field(ge=0, le=LAST_US)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
InitId = Annotated[str, Field(pattern=r"^[0-9]{1,16}-[0-9a-f]{1,32}-[0-9]{1,10}-[0-9]{1,20}$")]


class Strict(BaseModel):
    """Unknown names are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoQuery(Strict):
    """A route without parameters."""


class CameraPath(Strict):
    """`/cameras/{id}/...`."""

    id: Identifier


class InitPath(CameraPath):
    """`/cameras/{id}/init/{init_id}`."""

    init_id: InitId


class StreamQuery(Strict):
    """Which stream: the sub-stream unless asked otherwise."""

    q: StreamName = "sub"


class GopQuery(StreamQuery):
    """The GOP that contains `t`; `init=1` puts the chunk's ftyp and moov before it; `skip` leaves out so many bytes of
    all that, which the caller has.
    """

    t: Instant
    init: bool = False
    skip: Annotated[int, Field(ge=0, le=LAST_BYTE)] = 0


class KeyframeQuery(Strict):
    """The picture that the GOP of `t` begins with, of the main stream unless asked otherwise."""

    q: StreamName = "main"
    t: Instant


class Interval(Strict):
    """From an instant to behind another."""

    from_: Instant = Field(alias="from")
    to: Instant

    @model_validator(mode="after")
    def _ordered(self) -> "Interval":
        if self.to <= self.from_:
            raise ValueError("`to` must be later than `from`")
        if self.to - self.from_ > self.longest():
            raise ValueError(f"longer than {self.longest() // US_PER_SECOND} s: ask in pieces")
        return self

    @classmethod
    def longest(cls) -> int:
        """Longest interval of this route in us."""
        return PARTS_SPAN_US


class TimelineQuery(Interval):
    """An interval of one stream's history."""

    stream: StreamName = "sub"

    @classmethod
    def longest(cls) -> int:
        return TIMELINE_SPAN_US


class PartsQuery(Interval, StreamQuery):
    """Parts by time."""

    init: bool = False


class ClipsQuery(Interval):
    """A clip of the main stream unless asked otherwise: it is the picture of record."""

    q: StreamName = "main"


class ClipQuery(ClipsQuery):
    """One file of a clip, numbered from 1: a codec change starts another."""

    file: int = Field(default=1, ge=1, le=1000)


Model = TypeVar("Model", bound=BaseModel)


def query(request: web.Request, model: type[Model]) -> Model:
    """The request's query as `model`; BadQuery names the parameter and what is wrong with it."""
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise BadQuery(where=name, what="given more than once")
    return _validated(dict(request.query), model)


def path(request: web.Request, model: type[Model]) -> Model:
    """The request's path parameters as `model`."""
    return _validated(dict(request.match_info), model)


def _validated(values: dict[str, str], model: type[Model]) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "from, to"
        raise BadQuery(where=where, what=first["msg"].removeprefix("Value error, ")) from None
