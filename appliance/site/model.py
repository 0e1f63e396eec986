"""What a site is: its cameras, disks and how long pictures are kept. Read from `site.toml`.

Unknown keys are mistakes: a typing error must not silently become a default. Credentials stand in a file of
their own that only its owner can read.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

CALENDAR_MONTH_DAYS: Final = 31
"""Days. Code de la sécurité intérieure, art. L252-5: one month at the most; 31 is the longest one. Expiry
applies the calendar on top (same day of the next month)."""

DEFAULT_DAYS: Final = {"school": 5, "office": 7, "fire_station": 10, "other": 10}
"""Days kept when the file says nothing. CNIL, 12 Sep 2025: "a few days" in schools; at work a month at the
most, a week is enough for an office; 10 is what the first département sites kept."""

MAX_CAMERAS: Final = 64
"""The load that the appliance is measured for."""


class LegalZone(StrEnum):
    """Which law a camera falls under (CSI title V, or GDPR). Every rule on images keys on it."""

    PUBLIC_ROAD = "public_road"
    OPEN_TO_PUBLIC = "open_to_public"
    NON_PUBLIC = "non_public"


class AreaType(StrEnum):
    """What the camera looks at. CNIL: living spaces of a school are not filmed in opening hours."""

    ENTRANCE = "entrance"
    EXIT = "exit"
    CIRCULATION = "circulation"
    CAR_PARK = "car_park"
    PERIMETER = "perimeter"
    RECEPTION = "reception"
    STORE_ROOM = "store_room"
    TECHNICAL_ROOM = "technical_room"
    VEHICLE_BAY = "vehicle_bay"
    STREET = "street"
    YARD = "yard"
    COVERED_YARD = "covered_yard"
    CLASSROOM = "classroom"
    CANTEEN = "canteen"
    COMMON_ROOM = "common_room"
    LIBRARY = "library"
    STAFF_ROOM = "staff_room"


LIVING_SPACES: Final = frozenset(
    {
        AreaType.YARD,
        AreaType.COVERED_YARD,
        AreaType.CLASSROOM,
        AreaType.CANTEEN,
        AreaType.COMMON_ROOM,
        AreaType.LIBRARY,
        AreaType.STAFF_ROOM,
    }
)
"""CNIL, cameras in schools, 12 Sep 2025. Toilets and changing rooms are not even a value: never filmed."""


def _camera_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("rtsp", "rtsps") or not parts.hostname:
        raise ValueError("url")
    if parts.username is not None or parts.password is not None:
        raise ValueError("url-credentials")
    try:
        _ = parts.port
    except ValueError as error:
        raise ValueError("url") from error
    return value


CameraId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=120)]
CameraUrl = Annotated[str, AfterValidator(_camera_url)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class SiteSettings(_Table):
    """`[site]`."""

    name: Words
    place: Words
    kind: Literal["school", "office", "fire_station", "other"]
    timezone: str = "Europe/Paris"
    authorised_days: int = Field(default=CALENDAR_MONTH_DAYS, ge=1, le=CALENDAR_MONTH_DAYS)
    recording_days: int | None = Field(default=None, ge=1, le=CALENDAR_MONTH_DAYS)

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("timezone")
        return value

    @model_validator(mode="after")
    def _within_authorisation(self) -> Self:
        if self.recording_days is not None and self.recording_days > self.authorised_days:
            raise ValueError("days-over-authorised")
        return self

    @property
    def days(self) -> int:
        """Days that pictures are kept: as written, else the default of the kind, never over the authorisation."""
        return min(self.recording_days or DEFAULT_DAYS[self.kind], self.authorised_days)

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone: every hour that a person reads is in it."""
        return ZoneInfo(self.timezone)


class CameraSettings(_Table):
    """`[[camera]]`. `main` is recorded and exported; `sub` (H.264, ~640x360) is what pages play."""

    id: CameraId
    name: Words
    place: Words
    main: CameraUrl
    sub: CameraUrl | None = None
    legal_zone: LegalZone
    area_type: AreaType
    purpose: Words
    view: Literal["narrow", "wide"]


class DiskSettings(_Table):
    """`[[disk]]`: a mount point, or a folder in demo and tests."""

    path: Path


class RecorderSettings(_Table):
    """`[recorder]`. Times are seconds; the defaults are the field's."""

    socket: Path = Path("/run/appliance/recorder.sock")
    index: Path = Path("/var/lib/appliance/index.db")
    quarantine_s: float = Field(default=120, ge=1, le=600)


class WebSettings(_Table):
    """`[web]`: the port on loopback."""

    port: int = Field(default=8080, ge=0, le=65535)


class Site(_Table):
    """A whole `site.toml`, paths made absolute against the file's folder."""

    site: SiteSettings
    secrets: Path | None = None
    camera: tuple[CameraSettings, ...] = Field(min_length=1, max_length=MAX_CAMERAS)
    disk: tuple[DiskSettings, ...] = Field(min_length=1, max_length=8)
    recorder: RecorderSettings = RecorderSettings()
    web: WebSettings = WebSettings()

    @model_validator(mode="after")
    def _unique(self) -> Self:
        for kind, names in (("camera", [c.id for c in self.camera]), ("disk", [str(d.path) for d in self.disk])):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"twice:{kind}:{twice[0]}")
        return self

    def within(self, folder: Path) -> "Site":
        """The same site with relative paths read from `folder`."""
        return self.model_copy(
            update={
                "secrets": None if self.secrets is None else folder / self.secrets,
                "disk": tuple(disk.model_copy(update={"path": folder / disk.path}) for disk in self.disk),
                "recorder": self.recorder.model_copy(
                    update={"socket": folder / self.recorder.socket, "index": folder / self.recorder.index}
                ),
            }
        )


class Credentials(_Table):
    """User and password of one camera; `repr` never shows the password."""

    user: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=128, repr=False)
