"""When each camera records: always, or only outside the site's activity.

`outside_activity` means that no byte reaches a disk from the opening of the site to its closing. CNIL (cameras in
schools, 12 Sep 2025) wants that for a school's living spaces; most collèges ask for it on other cameras too.

Rules, all on the side of recording less:
- a margin widens the activity: recording stops `margin_before` ahead of an opening and starts again `margin_after`
  behind a closing, so a margin can only take recording away;
- a day's hours are those of its exceptional day, else none on a bank or school holiday, else those of its weekday; an
  opening that passes midnight belongs to the day on which it begins;
- wall times are read in the site's zone. An hour that exists twice opens at its first and closes at its second
  passage; one that does not exist opens an offset early and closes an offset late;
- an override of the rule lasts to the end of its last day and then ends by itself;
- without a calendar the site counts as open all the time.

Everything is pure. Instants are UTC microseconds, spans [from, to). Openings are cached per UTC day and calendar,
which all cameras of a site share.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from appliance.core.errors import Language
from appliance.site.bank_holidays import BankHolidays, bank_holidays

Opening = tuple[int, int]
"""Minutes after local midnight, from and to; `to` is over 1440 when the opening passes midnight, 2880 at the most."""

Span = tuple[int, int]

DAY_MINUTES: Final = 1440
DAY_US: Final = 86_400_000_000
MINUTE_US: Final = 60_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

HORIZON_DAYS: Final = 400
"""How far `next_change` looks: more than a school year; the recorder asks again long before."""

MAX_MARGIN_MINUTES: Final = 120
"""Minutes. `_REACH` counts on it."""

_REACH: Final = range(-2, 2)
"""Local days whose openings can touch a UTC day: zones run from UTC-12 to UTC+14, an opening ends 48 h after its
midnight at the most, and a margin adds 2 h on either side."""

_DAYS_CACHED: Final = 1024
"""More than HORIZON_DAYS, so that a question asked again costs no new calculation; some 200 bytes each."""


class RecordingMode(StrEnum):
    """What `recording =` of a camera may say."""

    PERMANENT = "permanent"
    OUTSIDE_ACTIVITY = "outside_activity"


@dataclass(frozen=True, slots=True)
class CameraRule:
    """What holds for one camera. With `override_until` (last day, in the site's zone) an OUTSIDE_ACTIVITY camera
    records all the time to the end of that day.
    """

    recording: RecordingMode = RecordingMode.PERMANENT
    override_reason: str = ""
    override_until: date | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Calendar:
    """When a site is open. Compared by identity: that is the key of the cached days.

    `week` has seven entries, Monday first. `school_holidays` are first and last day, both closed. `exceptional` gives
    the hours of single days, none = closed, and goes before everything else.
    """

    week: tuple[tuple[Opening, ...], ...]
    bank_holidays: BankHolidays = BankHolidays.METROPOLE
    school_holidays: tuple[tuple[date, date], ...] = ()
    exceptional: Mapping[date, tuple[Opening, ...]] = field(default_factory=dict)
    margin_before_minutes: int = 0
    margin_after_minutes: int = 0


ALWAYS_OPEN: Final = Calendar(week=(((0, DAY_MINUTES),),) * 7, bank_holidays=BankHolidays.NONE)
"""Stands in for a calendar that is not there: a camera bound to one then never records."""


def recording_now(camera: CameraRule, calendar: Calendar | None, utc_us: int, zone: ZoneInfo) -> bool:
    """True when `camera` may record at `utc_us`. Cheap: a few comparisons on a cached day."""
    if camera.recording is RecordingMode.PERMANENT:
        return True
    if camera.override_until is not None and utc_us < _override_end(camera.override_until, zone):
        return True
    return not any(begin <= utc_us < end for begin, end in _utc_day(calendar or ALWAYS_OPEN, zone, utc_us // DAY_US))


def next_change(camera: CameraRule, calendar: Calendar | None, utc_us: int, zone: ZoneInfo) -> int | None:
    """First instant after `utc_us` at which `recording_now` changes; None when none comes within HORIZON_DAYS."""
    if camera.recording is RecordingMode.PERMANENT:
        return None
    horizon = (utc_us // DAY_US + HORIZON_DAYS) * DAY_US
    for begin, end in _activity(camera, calendar or ALWAYS_OPEN, utc_us, horizon, zone):
        if begin > utc_us:
            return begin
        if end > utc_us:
            return end if end < horizon else None
    return None


def intervals(
    camera: CameraRule, calendar: Calendar | None, from_us: int, to_us: int, zone: ZoneInfo
) -> list[tuple[int, int, bool]]:
    """[from_us, to_us) cut where recording changes: (from, to, recording), no holes, recording and pause in turn."""
    found: list[tuple[int, int, bool]] = []
    at = from_us
    if camera.recording is not RecordingMode.PERMANENT:
        for begin, end in _activity(camera, calendar or ALWAYS_OPEN, from_us, to_us, zone):
            pause_begin, pause_end = max(begin, from_us), min(end, to_us)
            if pause_begin >= pause_end:
                continue
            if at < pause_begin:
                found.append((at, pause_begin, True))
            found.append((pause_begin, pause_end, False))
            at = pause_end
    if at < to_us:
        found.append((at, to_us, True))
    return found


def local_date(utc_us: int, zone: ZoneInfo) -> date:
    """The day that a wall calendar of the site shows."""
    return (_EPOCH + timedelta(microseconds=utc_us)).astimezone(zone).date()


def parse_opening(text: str) -> Opening:
    """`"08:00-18:00"`, `"00:00-24:00"`, or past midnight `"18:00-02:00"`. Raises ValueError."""
    begin_text, dash, end_text = text.replace(" ", "").partition("-")
    begin, end = _minutes(begin_text), _minutes(end_text)
    if not dash or begin in (DAY_MINUTES, end):
        raise ValueError(text)
    return (begin, end if end > begin else end + DAY_MINUTES)


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    if not (1 <= len(hours) <= 2 and len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit()):
        raise ValueError(text)
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > DAY_MINUTES:
        raise ValueError(text)
    return total


def openings(calendar: Calendar, day: date) -> tuple[Opening, ...]:
    """The hours, without margins, of the openings that begin on `day`."""
    exceptional = calendar.exceptional.get(day)
    if exceptional is not None:
        return exceptional
    if day in bank_holidays(day.year, calendar.bank_holidays):
        return ()
    if any(first <= day <= last for first, last in calendar.school_holidays):
        return ()
    return calendar.week[day.weekday()]


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans in order of their begin, those that touch or overlap made one."""
    held: Span | None = None
    for begin, end in spans:
        if held is None:
            held = (begin, end)
        elif begin <= held[1]:
            held = (held[0], max(held[1], end))
        else:
            yield held
            held = (begin, end)
    if held is not None:
        yield held


def _instant(day: date, minute: int, zone: ZoneInfo, *, opens: bool) -> int:
    """UTC of a wall time `minute` minutes after midnight of `day`; see the module on hours that come twice or never."""
    wall = datetime.combine(day, time.min, tzinfo=zone) + timedelta(minutes=minute)
    both = [(wall.replace(fold=fold) - _EPOCH) // timedelta(microseconds=1) for fold in (0, 1)]
    return min(both) if opens else max(both)


@lru_cache(maxsize=64)
def _override_end(until: date, zone: ZoneInfo) -> int:
    return _instant(until, DAY_MINUTES, zone, opens=True)


@lru_cache(maxsize=_DAYS_CACHED)
def _utc_day(calendar: Calendar, zone: ZoneInfo, number: int) -> tuple[Span, ...]:
    """Activity with margins inside UTC day `number` (days since 1970)."""
    day_begin = number * DAY_US
    day_end = day_begin + DAY_US
    before, after = calendar.margin_before_minutes * MINUTE_US, calendar.margin_after_minutes * MINUTE_US
    spans: list[Span] = []
    for offset in _REACH:
        day = (_EPOCH + timedelta(days=number + offset)).date()
        for opens, closes in openings(calendar, day):
            begin = max(_instant(day, opens, zone, opens=True) - before, day_begin)
            end = min(_instant(day, closes, zone, opens=False) + after, day_end)
            if begin < end:
                spans.append((begin, end))
    return tuple(_merged(sorted(spans)))


def _activity(camera: CameraRule, calendar: Calendar, from_us: int, to_us: int, zone: ZoneInfo) -> Iterator[Span]:
    """Activity that stops `camera`, in whole UTC days from that of `from_us` until `to_us` is reached, merged."""
    resumes = None if camera.override_until is None else _override_end(camera.override_until, zone)

    def spans() -> Iterator[Span]:
        for number in range(from_us // DAY_US, -(-to_us // DAY_US)):
            for begin, end in _utc_day(calendar, zone, number):
                if resumes is None or begin >= resumes:
                    yield (begin, end)
                elif end > resumes:
                    yield (resumes, end)

    return _merged(spans())


_WEEKDAYS: Final = {
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_LONG_OVERRIDE_DAYS: Final = 366
"""An override is for an exceptional situation; one that outlives a school year is asked about again."""


def sentence(camera: CameraRule, calendar: Calendar | None, language: Language) -> str:
    """When the camera records, for the person who checks a site file; hours include the margins."""
    french = language == "fr"
    if camera.recording is RecordingMode.PERMANENT:
        return "enregistre en permanence." if french else "records all the time."
    weekly = _week_words(calendar or ALWAYS_OPEN, language)
    also = _also_words(calendar or ALWAYS_OPEN, language)
    if french:
        words = f"n'enregistre pas {weekly} (marges comprises) ; enregistre le reste du temps{also}."
    else:
        words = f"does not record {weekly} (margins included); records at all other times{also}."
    if camera.override_until is None:
        return words
    day = camera.override_until.strftime("%d/%m/%Y" if french else "%Y-%m-%d")
    if french:
        lead = f"par dérogation ({camera.override_reason}), enregistre en permanence jusqu'au {day} inclus ; ensuite"
    else:
        lead = f"by an override ({camera.override_reason}), records all the time up to and including {day}; then"
    return f"{lead} {words}"


def warnings(
    cameras: Mapping[str, CameraRule], calendar: Calendar | None, today: date, language: Language, *, school: bool
) -> list[str]:
    """What is allowed in a site file but worth a look; `cameras` by id, `school`: holidays are expected."""
    french = language == "fr"
    found: list[str] = []
    year = today + timedelta(days=365)
    if calendar and school and not any(first <= year and today <= last for first, last in calendar.school_holidays):
        found.append(
            "aucune période de vacances scolaires dans les 12 mois à venir : les caméras hors activité "
            "n'enregistreront pas pendant les vacances. Ajoutez des tables [[calendar.school_holiday]]."
            if french
            else "no school holiday in the coming 12 months: cameras that record outside activity will not record "
            "during the holidays. Add [[calendar.school_holiday]] tables."
        )
    for name, rule in cameras.items():
        if rule.override_until is None:
            continue
        if rule.override_until < today:
            found.append(
                f"{name} : la dérogation est terminée depuis le {rule.override_until:%d/%m/%Y} ; retirez-la du fichier."
                if french
                else f"{name}: the override ended on {rule.override_until:%Y-%m-%d}; take it out of the file."
            )
        elif rule.override_until - today > timedelta(days=_LONG_OVERRIDE_DAYS):
            found.append(
                f"{name} : la dérogation dure plus d'un an ; elle doit rester exceptionnelle."
                if french
                else f"{name}: the override runs for more than a year; it must stay exceptional."
            )
    return found


def _week_words(calendar: Calendar, language: Language) -> str:
    """`du lundi au vendredi de 7 h 45 à 18 h 15`: weekdays of equal hours together."""
    groups: dict[tuple[Opening, ...], list[int]] = {}
    for weekday, day in enumerate(calendar.week):
        widened = sorted((a - calendar.margin_before_minutes, b + calendar.margin_after_minutes) for a, b in day)
        if widened:
            groups.setdefault(tuple(_merged(widened)), []).append(weekday)
    to, conjunction = ("à", " et ") if language == "fr" else ("to", " and ")
    lead = "de" if language == "fr" else "from"
    parts = []
    for hours, weekdays in groups.items():
        spans = [f"{lead} {hour_words(a, language)} {to} {hour_words(b, language)}" for a, b in hours]
        parts.append(f"{_days(weekdays, language)} {conjunction.join(spans)}")
    return ", ".join(parts)


def _days(weekdays: list[int], language: Language) -> str:
    names = [_WEEKDAYS[language][weekday] for weekday in weekdays]
    if len(names) > 2 and weekdays[-1] - weekdays[0] == len(weekdays) - 1:
        return f"du {names[0]} au {names[-1]}" if language == "fr" else f"from {names[0]} to {names[-1]}"
    last = (" et " if language == "fr" else " and ") + names[-1] if len(names) > 1 else names[-1]
    return f"{'le' if language == 'fr' else 'on'} {', '.join(names[:-1])}{last}"


def hour_words(minute: int, language: Language) -> str:
    """`8 h 30`, `08:30`; `minute` counts from midnight, and before 0 or over 1440 the day is said."""
    day, of_day = divmod(minute, DAY_MINUTES)
    if minute == DAY_MINUTES:
        day, of_day = 0, DAY_MINUTES
    hours, minutes = divmod(of_day, 60)
    if language == "en":
        return f"{hours:02}:{minutes:02}" + {-1: " the day before", 0: "", 1: " the next day"}.get(
            day, " two days later"
        )
    text = f"{hours} h {minutes:02}" if minutes else f"{hours} h"
    return text + {-1: " la veille", 0: "", 1: " le lendemain"}.get(day, " le surlendemain")


def _also_words(calendar: Calendar, language: Language) -> str:
    fr, en = [], []
    if calendar.bank_holidays is not BankHolidays.NONE:
        fr.append("jours fériés")
        en.append("bank holidays")
    if calendar.school_holidays:
        fr.append("vacances scolaires")
        en.append("school holidays")
    words = " et ".join(fr) if language == "fr" else " and ".join(en)
    tail = (f", {words} compris" if language == "fr" else f", {words} included") if words else ""
    if calendar.exceptional:
        count = len(calendar.exceptional)
        tail += f" ; {count} jour(s) particulier(s)" if language == "fr" else f"; {count} exceptional day(s)"
    return tail
