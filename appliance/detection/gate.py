"""The legal gate: what may be done with a camera's pictures at an instant. Decided before a byte reaches a decoder.

| camera                                              | armed          | not armed      |
|-----------------------------------------------------|----------------|----------------|
| `public_road`, `open_to_public`, whatever else holds| -              | STATISTICS     |
| `non_public` without hours or AIPD reference        | -              | STATISTICS     |
| `non_public`, clock in doubt                        | -              | as not armed   |
| `non_public`, living space without reason and end   | -              | STATISTICS     |
| `non_public`, living space with reason and end      | PERSONS        | STATISTICS     |
| `non_public`, any other area                        | PERSONS        | CAMERA_TRUTH   |

STATISTICS: sizes, rates and gaps of the coded stream; no picture is decoded. CAMERA_TRUTH: decoded, to tell whether
the camera still sees (covered, defocused, moved, frozen); neither persons nor motion are looked for. PERSONS: all.

Armed is: outside the site's declared hours (margins count as hours), or by hand. A person disarms, or arms within the
hours, by a record that says who, why and until when; at its end the calendar holds again, so nothing stays disarmed by
forgetting. In the hours a living space cannot be armed at all.

Sources: Conseil d'État, 30 Jan 2026, no. 506370 (no systematic analysis of pictures of the public road without a law;
places open to the public are treated alike out of prudence); CNIL, cameras in schools, 12 Sep 2025 (living spaces);
GDPR art. 35 (AIPD before the first alert). There is no switch, no option and no role that opens a public place.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, Self
from zoneinfo import ZoneInfo

from appliance.core.errors import Language
from appliance.detection.errors import ArmingRefused
from appliance.site.calendar import ALWAYS_OPEN, Calendar, CameraRule, RecordingMode, next_change, recording_now
from appliance.site.model import LIVING_SPACES, AreaType, CameraSettings, LegalZone, Site

HOUR_US: Final = 3_600_000_000

MAX_BY_HAND_H: Final = 72
"""Hours. A long weekend of works; what lasts longer belongs in the calendar, where others see it."""

LEAST_REASON: Final = 5
"""Characters of a typed reason: "ménage" is one, "ok" is none."""

_OUTSIDE: Final = CameraRule(RecordingMode.OUTSIDE_ACTIVITY)
"""The calendar's question "is the site at rest?", as the recorder asks it."""


class Watch(StrEnum):
    """How far analysis may go."""

    STATISTICS = "statistics"
    CAMERA_TRUTH = "camera_truth"
    PERSONS = "persons"


class GateReason(StrEnum):
    """Why: the one fact that decided."""

    PUBLIC_PLACE = "public-place"
    NO_HOURS = "no-hours"
    NO_AIPD = "no-aipd"
    CLOCK_IN_DOUBT = "clock-in-doubt"
    LIVING_SPACE = "living-space"
    OPENING_HOURS = "opening-hours"
    DISARMED = "disarmed"
    OUTSIDE_HOURS = "outside-hours"
    ARMED_BY_HAND = "armed-by-hand"


@dataclass(frozen=True, slots=True)
class ArmingRecord:
    """A person's word on one camera: armed or disarmed, by whom, why, from when until when (UTC us). [from, until)."""

    armed: bool
    by: str
    why: str
    from_us: int
    until_us: int

    def __post_init__(self) -> None:
        span = self.until_us - self.from_us
        whole = bool(self.by.strip()) and len(self.why.strip()) >= LEAST_REASON
        if not whole or not 0 < span <= MAX_BY_HAND_H * HOUR_US:
            raise ArmingRefused(least=LEAST_REASON, hours=MAX_BY_HAND_H)

    def holds(self, utc_us: int) -> bool:
        """True within its time."""
        return self.from_us <= utc_us < self.until_us


@dataclass(frozen=True, slots=True)
class CameraRecord:
    """What the law asks of a camera. `hours` None: none were declared."""

    legal_zone: LegalZone
    area_type: AreaType
    hours: Calendar | None
    zone: ZoneInfo
    aipd: str | None = None
    living_space_reason: str | None = None
    living_space_until: date | None = None

    @classmethod
    def of(cls, site: Site, camera: CameraSettings) -> Self:
        """From the site's file."""
        detection = camera.detection
        return cls(
            camera.legal_zone,
            camera.area_type,
            site.opening_calendar,
            site.site.zone,
            detection.aipd,
            detection.living_space_reason,
            detection.living_space_until,
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be done and why. `until_us`: when the answer may change by itself; None: not without a new record."""

    watch: Watch
    reason: GateReason
    until_us: int | None = None

    @property
    def armed(self) -> bool:
        """True when persons are looked for."""
        return self.watch is Watch.PERSONS

    @property
    def decodes(self) -> bool:
        """True when pictures may be decoded."""
        return self.watch is not Watch.STATISTICS


def gate(camera: CameraRecord, record: ArmingRecord | None, utc_us: int, *, clock_certain: bool) -> Verdict:
    """What may be done with the pictures of `camera` taken at `utc_us`.

    `record`: the newest one by hand, None without any. `clock_certain`: the judgement on the clock is not *doubtful*;
    hours mean nothing while it is.
    """
    if closed := _closed(camera, utc_us):
        return Verdict(Watch.STATISTICS, closed)
    living = camera.area_type in LIVING_SPACES
    unarmed = Watch.STATISTICS if living else Watch.CAMERA_TRUTH
    if not clock_certain:
        return Verdict(unarmed, GateReason.CLOCK_IN_DOUBT)
    outside = recording_now(_OUTSIDE, camera.hours, utc_us, camera.zone)
    until = _changes(camera, record, utc_us)
    if record is not None and record.holds(utc_us):
        if not record.armed:
            return Verdict(unarmed, GateReason.DISARMED, until)
        if not outside and not living:
            return Verdict(Watch.PERSONS, GateReason.ARMED_BY_HAND, until)
    if outside:
        return Verdict(Watch.PERSONS, GateReason.OUTSIDE_HOURS, until)
    return Verdict(unarmed, GateReason.OPENING_HOURS, until)


def _closed(camera: CameraRecord, utc_us: int) -> GateReason | None:
    """Why this camera cannot be analysed from now on as its record stands; None when it can. Unknown is closed."""
    if camera.legal_zone is not LegalZone.NON_PUBLIC:
        return GateReason.PUBLIC_PLACE
    if camera.hours is None:
        return GateReason.NO_HOURS
    if not (camera.aipd or "").strip():
        return GateReason.NO_AIPD
    if camera.area_type in LIVING_SPACES and not _living_allowed(camera, utc_us):
        return GateReason.LIVING_SPACE
    return None


def _living_rule(camera: CameraRecord) -> CameraRule | None:
    """Records to the end of the last day on which a living space may be watched; None without reason or date."""
    if not (camera.living_space_reason or "").strip() or camera.living_space_until is None:
        return None
    return CameraRule(RecordingMode.OUTSIDE_ACTIVITY, "", camera.living_space_until)


def _living_allowed(camera: CameraRecord, utc_us: int) -> bool:
    rule = _living_rule(camera)
    return rule is not None and recording_now(rule, ALWAYS_OPEN, utc_us, camera.zone)


def _changes(camera: CameraRecord, record: ArmingRecord | None, utc_us: int) -> int | None:
    """The first instant after `utc_us` at which anything that `gate` looks at changes."""
    instants = [next_change(_OUTSIDE, camera.hours, utc_us, camera.zone)]
    if record is not None:
        instants += [record.from_us, record.until_us]
    if camera.area_type in LIVING_SPACES and (rule := _living_rule(camera)):
        instants.append(next_change(rule, ALWAYS_OPEN, utc_us, camera.zone))
    return min((at for at in instants if at is not None and at > utc_us), default=None)


_WORDS: Final[dict[GateReason, tuple[str, str]]] = {
    GateReason.PUBLIC_PLACE: (
        "Voie publique ou lieu ouvert au public : aucune image n'est analysée, la loi ne le permet pas.",
        "Public road or place open to the public: no picture is analysed, the law does not allow it.",
    ),
    GateReason.NO_HOURS: (
        "Détection à l'arrêt : les heures d'ouverture du site ne sont pas saisies.",
        "Detection is off: the site's opening hours are not entered.",
    ),
    GateReason.NO_AIPD: (
        "Détection à l'arrêt : la référence de l'analyse d'impact (AIPD) n'est pas saisie.",
        "Detection is off: the reference of the impact assessment (AIPD) is not entered.",
    ),
    GateReason.CLOCK_IN_DOUBT: (
        "Détection à l'arrêt : l'heure de l'appareil n'est pas sûre, les horaires ne peuvent pas être respectés.",
        "Detection is off: the appliance's time is in doubt, opening hours cannot be kept.",
    ),
    GateReason.LIVING_SPACE: (
        "Détection à l'arrêt : lieu de vie, sans motif et date de fin en cours.",
        "Detection is off: a living space, without a reason and an end date that hold.",
    ),
    GateReason.OPENING_HOURS: (
        "Détection en pause : le site est ouvert.",
        "Detection is paused: the site is open.",
    ),
    GateReason.DISARMED: (
        "Détection suspendue par une personne ; elle reprendra seule.",
        "Detection is suspended by a person; it will start again by itself.",
    ),
    GateReason.OUTSIDE_HOURS: (
        "Détection en service : le site est fermé.",
        "Detection is on: the site is closed.",
    ),
    GateReason.ARMED_BY_HAND: (
        "Détection mise en service par une personne pendant les heures d'ouverture.",
        "Detection was turned on by a person in opening hours.",
    ),
}


def sentence(verdict: Verdict, language: Language) -> str:
    """The verdict for the home page."""
    return _WORDS[verdict.reason][0 if language == "fr" else 1]
