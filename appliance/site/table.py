"""What every table of `site.toml` is made of: strict keys, and the types that several tables share."""

from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

from appliance.site.calendar import Opening, parse_opening


class Table(BaseModel):
    """A table whose unknown keys are mistakes: a typing error must not silently become a default."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


CameraId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=120)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=300)]


def _opening(value: str) -> str:
    try:
        parse_opening(value)
    except ValueError as error:
        raise ValueError("opening") from error
    return value


def _plain_date(value: object) -> object:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise PydanticCustomError("date_type", "date")
    return value


def _list_of_hours(value: object) -> object:
    if not isinstance(value, list | tuple):
        raise PydanticCustomError("own", "hours-list")
    return value


Day = Annotated[date, BeforeValidator(_plain_date)]
"""A TOML date and nothing that could be read as one: a number would count seconds since 1970."""

Hours = Annotated[tuple[Annotated[str, AfterValidator(_opening)], ...], BeforeValidator(_list_of_hours)]
"""`["08:00-12:00", "13:30-18:00"]`; `[]` is a closed day."""


def openings_of(hours: tuple[str, ...]) -> tuple[Opening, ...]:
    """The same, in minutes after midnight."""
    return tuple(parse_opening(text) for text in hours)
