"""What a site is: its cameras, disks and how long pictures are kept. Read from `site.toml`.

Unknown keys are mistakes: a typing error must not silently become a default. Credentials stand in a file of
their own that only its owner can read.
"""

from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from appliance.site.bank_holidays import BankHolidays
from appliance.site.calendar import (
    MAX_MARGIN_MINUTES,
    Calendar,
    CameraRule,
    Opening,
    RecordingMode,
)
from appliance.site.detection import DetectionSettings, detection_mistakes
from appliance.site.notice import NoticeSettings
from appliance.site.table import CameraId, Day, Hours, Reason, Table, Words, openings_of
from appliance.site.transport import CameraUrl, Fingerprint, Reader, certificate_mistake

CALENDAR_MONTH_DAYS: Final = 31
"""Days. Code de la sécurité intérieure, art. L252-5: one month at the most; 31 is the longest one. Expiry
applies the calendar on top (same day of the next month)."""

DEFAULT_DAYS: Final = {"school": 5, "office": 7, "fire_station": 10, "other": 10}
"""Days kept when the file says nothing. CNIL, 12 Sep 2025: "a few days" in schools; at work a month at the
most, a week is enough for an office; 10 is what the first département sites kept."""

MAX_CAMERAS: Final = 64
"""The load that the appliance is measured for."""

DEFAULT_MARGIN_MINUTES: Final = 15
"""Minutes before the opening and after the closing that still count as activity: people arrive early and leave late."""

MAX_SCHOOL_HOLIDAY_DAYS: Final = 100
"""Days. The summer is some 60; a longer period is a wrong year, and would record living spaces with pupils in them."""


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


class SiteSettings(Table):
    """`[site]`."""

    name: Words
    place: Words
    kind: Literal["school", "office", "fire_station", "other"]
    timezone: str = "Europe/Paris"
    authorised_days: int = Field(default=CALENDAR_MONTH_DAYS, ge=1, le=CALENDAR_MONTH_DAYS)
    recording_days: int | None = Field(default=None, ge=1, le=CALENDAR_MONTH_DAYS)
    minimum_days: int | None = Field(default=None, ge=0, le=CALENDAR_MONTH_DAYS)

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
        if self.minimum_days is not None and self.minimum_days > self.days:
            raise ValueError("minimum-over-days")
        return self

    @property
    def days(self) -> int:
        """Days that pictures are kept: as written, else the default of the kind, never over the authorisation."""
        return min(self.recording_days or DEFAULT_DAYS[self.kind], self.authorised_days)

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone: every hour that a person reads is in it."""
        return ZoneInfo(self.timezone)


class CameraSettings(Table):
    """`[[camera]]`. `main` is recorded and exported; `sub` (H.264, ~640x360) is what pages play and detection looks at.

    `linked`: cameras that see the same place, such as a thermal one and its colour twin; their alerts join.
    `fast_flow`: a narrow view of people who walk without obstacle (corridor, pavement): the law asks for 12 pictures
    a second.
    """

    id: CameraId
    name: Words
    place: Words
    main: CameraUrl
    sub: CameraUrl | None = None
    reader: Reader = "auto"
    fingerprint: Fingerprint | None = None
    legal_zone: LegalZone
    area_type: AreaType
    purpose: Words
    view: Literal["narrow", "wide"]
    fast_flow: bool = False
    recording: RecordingMode | None = None
    recording_days: int | None = Field(default=None, ge=1, le=CALENDAR_MONTH_DAYS)
    minimum_days: int | None = Field(default=None, ge=0, le=CALENDAR_MONTH_DAYS)
    override_reason: Reason | None = None
    override_until: Day | None = None
    spectrum: Literal["visible", "thermal"] = "visible"
    linked: tuple[CameraId, ...] = ()
    detection: DetectionSettings = DetectionSettings()


class WeekSettings(Table):
    """`[calendar.hours]`: working days must be said, a forgotten one would be recorded."""

    monday: Hours
    tuesday: Hours
    wednesday: Hours
    thursday: Hours
    friday: Hours
    saturday: Hours = ()
    sunday: Hours = ()

    @model_validator(mode="after")
    def _ever_open(self) -> Self:
        if not any(self.week):
            raise ValueError("never-open")
        return self

    @property
    def week(self) -> tuple[tuple[Opening, ...], ...]:
        """Seven days, Monday first."""
        days = (self.monday, self.tuesday, self.wednesday, self.thursday, self.friday, self.saturday, self.sunday)
        return tuple(openings_of(day) for day in days)


class SchoolHolidaySettings(Table):
    """`[[calendar.school_holiday]]`: first and last closed day. Zones A, B, C change by decree, so they are typed."""

    name: Words
    first: Day
    last: Day

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first:
            raise ValueError("holiday-order")
        if (self.last - self.first).days >= MAX_SCHOOL_HOLIDAY_DAYS:
            raise ValueError("holiday-long")
        return self


class ExceptionalDaySettings(Table):
    """`[[calendar.exceptional_day]]`: the hours of one date, whatever the rest says; `hours = []` is closed."""

    name: Words
    date: Day
    hours: Hours


class CalendarSettings(Table):
    """`[calendar]`: when the site is open."""

    hours: WeekSettings
    bank_holidays: BankHolidays = BankHolidays.METROPOLE
    margin_before_minutes: int = Field(default=DEFAULT_MARGIN_MINUTES, ge=0, le=MAX_MARGIN_MINUTES)
    margin_after_minutes: int = Field(default=DEFAULT_MARGIN_MINUTES, ge=0, le=MAX_MARGIN_MINUTES)
    school_holiday: tuple[SchoolHolidaySettings, ...] = ()
    exceptional_day: tuple[ExceptionalDaySettings, ...] = ()

    @model_validator(mode="after")
    def _one_entry_a_day(self) -> Self:
        dates = [day.date for day in self.exceptional_day]
        if len(set(dates)) < len(dates):
            raise ValueError("exceptional-twice")
        return self

    def calendar(self) -> Calendar:
        """The same, as the pure functions of `site.calendar` want it."""
        return Calendar(
            week=self.hours.week,
            bank_holidays=self.bank_holidays,
            school_holidays=tuple((period.first, period.last) for period in self.school_holiday),
            exceptional={day.date: openings_of(day.hours) for day in self.exceptional_day},
            margin_before_minutes=self.margin_before_minutes,
            margin_after_minutes=self.margin_after_minutes,
        )


class DiskSettings(Table):
    """`[[disk]]`: a mount point, or a folder in demo and tests. `bay`: as it stands on the drawer, "3"."""

    path: Path
    bay: str = Field(default="", max_length=16)


class RecorderSettings(Table):
    """`[recorder]`. Times are seconds; the defaults are the field's.

    `clock`: "judged" by network, RTC and disks, or "host": what the machine says is taken as verified, for a
    demonstration or a development machine without RTC and NTP.
    """

    socket: Path = Path("/run/appliance/recorder.sock")
    index: Path = Path("/var/lib/appliance/index.db")
    quarantine_s: float = Field(default=120, ge=1, le=600)
    clock: Literal["judged", "host"] = "judged"


class DetectorSettings(Table):
    """`[detector]`: its socket, what it keeps of alerts, and where installed models lie (`.tflite` and description)."""

    socket: Path = Path("/run/appliance/detector.sock")
    events: Path = Path("/var/lib/appliance/events.db")
    models: Path = Path("/var/lib/appliance/models")


class InputsSettings(Table):
    """`[inputs]`: the socket of the service that asks cameras, and the network card that they hang on."""

    socket: Path = Path("/run/appliance/inputs/inputs.sock")
    interface: str = Field(default="cameras", pattern=r"^[A-Za-z0-9._-]{1,15}$")


HOST_NAME: Final = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$"
"""Labels of at most 63 characters, in lower case: what stands in certificates."""


class WebSettings(Table):
    """`[web]`: the port on loopback, and the DNS name that people on the site's network type (RFC 1123 section 2.1)."""

    port: int = Field(default=8080, ge=0, le=65535)
    name: str | None = Field(default=None, max_length=253, pattern=HOST_NAME)


class Site(Table):
    """A whole `site.toml`, paths made absolute against the file's folder. `authority`: PEM, of rtsps cameras."""

    site: SiteSettings
    secrets: Path | None = None
    authority: Path | None = None
    camera: tuple[CameraSettings, ...] = Field(min_length=1, max_length=MAX_CAMERAS)
    disk: tuple[DiskSettings, ...] = Field(min_length=1, max_length=8)
    recorder: RecorderSettings = RecorderSettings()
    detector: DetectorSettings = DetectorSettings()
    inputs: InputsSettings = InputsSettings()
    web: WebSettings = WebSettings()
    calendar: CalendarSettings | None = None
    notice: NoticeSettings = NoticeSettings()
    _fingerprint: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _unique(self) -> Self:
        for kind, names in (("camera", [c.id for c in self.camera]), ("disk", [str(d.path) for d in self.disk])):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"twice:{kind}:{twice[0]}")
        return self

    @model_validator(mode="after")
    def _vouched_cameras(self) -> Self:
        found = [
            InitErrorDetails(type=PydanticCustomError("own", name), loc=("camera", index, "main"), input=None)
            for index, camera in enumerate(self.camera)
            if (name := certificate_mistake((camera.main, camera.sub), camera.fingerprint, self.authority))
        ]
        if found:
            raise ValidationError.from_exception_data("Site", found)
        return self

    @model_validator(mode="after")
    def _lawful_recording(self) -> Self:
        found = [
            InitErrorDetails(type=PydanticCustomError("own", name), loc=("camera", index, field), input=None)
            for index, camera in enumerate(self.camera)
            if (mistake := self._recording_mistake(camera))
            for field, name in [mistake]
        ]
        if found:
            raise ValidationError.from_exception_data("Site", found)
        return self

    @model_validator(mode="after")
    def _lawful_detection(self) -> Self:
        known = frozenset(camera.id for camera in self.camera)
        found = [
            InitErrorDetails(type=PydanticCustomError("own", name), loc=("camera", index, *place), input=None)
            for index, camera in enumerate(self.camera)
            for place, name in detection_mistakes(
                camera.id,
                camera.detection,
                camera.linked,
                known,
                lawful=camera.legal_zone is LegalZone.NON_PUBLIC,
                living=camera.area_type in LIVING_SPACES,
            )
        ]
        if found:
            raise ValidationError.from_exception_data("Site", found)
        return self

    def _recording_mistake(self, camera: CameraSettings) -> tuple[str, str] | None:
        """Key of the camera and name of the mistake."""
        given = [key for key in ("override_reason", "override_until") if getattr(camera, key) is not None]
        permanent = camera.recording is RecordingMode.PERMANENT
        if given and not (permanent and self._living_space(camera)):
            return given[0], "override-unused"
        if len(given) == 1:
            return given[0], "override-half"
        if permanent and self._living_space(camera) and not given:
            return "recording", "living-space"
        if self.rule(camera).recording is RecordingMode.OUTSIDE_ACTIVITY and self.calendar is None:
            return "recording", "no-calendar"
        return None

    @model_validator(mode="after")
    def _lawful_days(self) -> Self:
        found = [
            InitErrorDetails(type=PydanticCustomError("own", name), loc=("camera", index, field), input=None)
            for index, camera in enumerate(self.camera)
            for field, name, wrong in (
                ("recording_days", "days-over-authorised", (camera.recording_days or 0) > self.site.authorised_days),
                ("minimum_days", "minimum-over-days", (camera.minimum_days or 0) > self.days_of(camera)[0]),
            )
            if wrong
        ]
        if found:
            raise ValidationError.from_exception_data("Site", found)
        return self

    def days_of(self, camera: CameraSettings | None) -> tuple[int, int]:
        """Days that a camera's pictures are kept at the most and at the least; None: a camera that is no more.

        Without a minimum of its own a site must hold what it says it keeps: smaller disks are a fault. 0: none.
        """
        own = camera.recording_days if camera is not None else None
        days = self.site.days if own is None else min(own, self.site.authorised_days)
        least = camera.minimum_days if camera is not None else None
        if least is None:
            least = self.site.minimum_days
        return days, days if least is None else min(least, days)

    def _living_space(self, camera: CameraSettings) -> bool:
        return self.site.kind == "school" and camera.area_type in LIVING_SPACES

    def rule(self, camera: CameraSettings) -> CameraRule:
        """When this camera records. A school's living space never records in activity but for its override."""
        if self._living_space(camera):
            return CameraRule(RecordingMode.OUTSIDE_ACTIVITY, camera.override_reason or "", camera.override_until)
        return CameraRule(camera.recording or RecordingMode.PERMANENT)

    @cached_property
    def opening_calendar(self) -> Calendar | None:
        """The site's calendar, one object for all cameras: its days are cached by it."""
        return None if self.calendar is None else self.calendar.calendar()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the file's text, 64 hex digits; empty for a site that was never a file."""
        return self._fingerprint

    def read_from(self, folder: Path, text: str) -> "Site":
        """The same site as the file `text` of `folder` describes it: relative paths are read from there."""
        site = self.model_copy(
            update={
                "secrets": None if self.secrets is None else folder / self.secrets,
                "authority": None if self.authority is None else folder / self.authority,
                "disk": tuple(disk.model_copy(update={"path": folder / disk.path}) for disk in self.disk),
                "recorder": self.recorder.model_copy(
                    update={"socket": folder / self.recorder.socket, "index": folder / self.recorder.index}
                ),
                "inputs": self.inputs.model_copy(update={"socket": folder / self.inputs.socket}),
                "detector": self.detector.model_copy(
                    update={
                        key: folder / path
                        for key, path in (
                            ("socket", self.detector.socket),
                            ("events", self.detector.events),
                            ("models", self.detector.models),
                        )
                    }
                ),
            }
        )
        site._fingerprint = sha256(text.encode()).hexdigest()
        return site


class Credentials(Table):
    """User and password of one camera; `repr` never shows the password."""

    user: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=128, repr=False)
