"""The recording calendar: wall times to instants, what partitions time, and what can never lengthen recording."""

import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.site.bank_holidays import BankHolidays, bank_holidays, easter
from appliance.site.calendar import (
    DAY_US,
    HORIZON_DAYS,
    Calendar,
    CameraRule,
    Opening,
    RecordingMode,
    intervals,
    local_date,
    next_change,
    openings,
    parse_opening,
    recording_now,
    sentence,
    warnings,
)

PARIS = ZoneInfo("Europe/Paris")
ZONES = [
    PARIS,
    ZoneInfo("Indian/Reunion"),
    ZoneInfo("America/Cayenne"),
    ZoneInfo("Pacific/Kiritimati"),
    ZoneInfo("UTC"),
]
OUTSIDE = CameraRule(RecordingMode.OUTSIDE_ACTIVITY)
ALWAYS = CameraRule()
HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WORKDAYS = ((parse_opening("08:00-18:00"),),) * 5 + ((), ())
SCHOOL = Calendar(
    week=WORKDAYS,
    school_holidays=((date(2026, 12, 19), date(2027, 1, 3)),),
    exceptional={date(2026, 12, 5): (parse_opening("09:00-13:00"),), date(2026, 11, 27): ()},
    margin_before_minutes=15,
    margin_after_minutes=30,
)


def at(text: str, zone: ZoneInfo = PARIS, fold: int = 0) -> int:
    local = datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)
    return (local - EPOCH) // timedelta(microseconds=1)


def week_of(*hours: str) -> tuple[tuple[Opening, ...], ...]:
    return (tuple(parse_opening(text) for text in hours),) * 7


def pauses(calendar: Calendar, first: str, last: str, zone: ZoneInfo = PARIS) -> list[tuple[int, int]]:
    return [(a, b) for a, b, on in intervals(OUTSIDE, calendar, at(first, zone), at(last, zone), zone) if not on]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-24T07:44:59", True),  # a Tuesday
        ("2026-11-24T07:45:00", False),
        ("2026-11-24T18:29:59", False),
        ("2026-11-24T18:30:00", True),
        ("2026-11-28T12:00:00", True),  # Saturday
        ("2026-11-27T12:00:00", True),  # exceptionally closed Friday
        ("2026-12-05T08:45:00", False),  # exceptionally open Saturday
        ("2026-12-05T13:30:00", True),
        ("2026-11-11T12:00:00", True),  # bank holiday, a Wednesday
        ("2026-12-18T12:00:00", False),  # the day before the holidays
        ("2026-12-21T12:00:00", True),
        ("2027-01-03T23:59:59", True),
        ("2027-01-04T12:00:00", False),  # the day after them
        ("2027-03-29T12:00:00", True),  # Easter Monday
    ],
)
def test_a_school_day_by_day(moment: str, expected: bool) -> None:
    assert recording_now(OUTSIDE, SCHOOL, at(moment), PARIS) is expected
    assert recording_now(ALWAYS, SCHOOL, at(moment), PARIS) is True


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)], ids=["spring", "autumn", "plain"]
)
def test_days_of_23_and_25_hours(day: str, hours: int) -> None:
    """The openings keep their wall times; what lies between them takes the change."""
    calendar = Calendar(week=week_of("08:00-18:00"), bank_holidays=BankHolidays.NONE)
    tomorrow = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    found = intervals(OUTSIDE, calendar, at(f"{day}T00:00"), at(f"{tomorrow}T00:00"), PARIS)
    assert [on for _, _, on in found] == [True, False, True]
    assert found[1][:2] == (at(f"{day}T08:00"), at(f"{day}T18:00"))
    assert sum(b - a for a, b, _ in found) == hours * HOUR_US


@pytest.mark.parametrize(("evening", "length"), [("2026-03-28", 7), ("2026-10-24", 9), ("2026-06-01", 8)])
def test_a_night_across_the_change_is_as_long_as_it_was(evening: str, length: int) -> None:
    calendar = Calendar(week=week_of("22:00-06:00"), bank_holidays=BankHolidays.NONE)
    morning = (date.fromisoformat(evening) + timedelta(days=1)).isoformat()
    ((begin, end),) = pauses(calendar, f"{evening}T12:00", f"{morning}T12:00")
    assert (begin, end) == (at(f"{evening}T22:00"), at(f"{morning}T06:00"))
    assert end - begin == length * HOUR_US


def test_hours_that_come_twice_or_never_are_not_recorded() -> None:
    twice = Calendar(week=week_of("02:15-02:45"), bank_holidays=BankHolidays.NONE)
    ((begin, end),) = pauses(twice, "2026-10-25T00:00", "2026-10-25T12:00")
    assert (begin, end) == (at("2026-10-25T02:15", fold=0), at("2026-10-25T02:45", fold=1))
    ((begin, end),) = pauses(twice, "2026-03-29T00:00", "2026-03-29T12:00")
    assert (begin, end) == (at("2026-03-29T01:15"), at("2026-03-29T03:45"))


def test_an_opening_past_midnight_belongs_to_the_day_it_begins_on() -> None:
    friday = ((), (), (), (), (parse_opening("18:00-02:00"),), (), ())
    calendar = Calendar(week=friday, margin_after_minutes=60)
    assert pauses(calendar, "2026-11-23T00:00", "2026-11-30T00:00") == [
        (at("2026-11-27T18:00"), at("2026-11-28T03:00"))
    ]


def test_margins_that_overlap_leave_no_recording_between() -> None:
    calendar = Calendar(week=week_of("08:00-12:00", "12:40-18:00"), margin_before_minutes=20, margin_after_minutes=20)
    assert pauses(calendar, "2026-11-24T00:00", "2026-11-25T00:00") == [
        (at("2026-11-24T07:40"), at("2026-11-24T18:20"))
    ]
    wider = replace(calendar, margin_before_minutes=19)
    assert len(pauses(wider, "2026-11-24T00:00", "2026-11-25T00:00")) == 2


def test_a_margin_reaches_over_midnight() -> None:
    sunday = ((), (), (), (), (), (), (parse_opening("00:00-24:00"),))
    calendar = Calendar(week=sunday, margin_before_minutes=120, margin_after_minutes=120)
    assert pauses(calendar, "2026-11-25T00:00", "2026-12-02T00:00") == [
        (at("2026-11-28T22:00"), at("2026-11-30T02:00"))
    ]


def test_the_longest_opening_ends_two_days_later() -> None:
    monday = ((parse_opening("23:59-23:58"),), (), (), (), (), (), ())
    calendar = Calendar(week=monday, margin_after_minutes=120)
    utc = ZoneInfo("UTC")
    end = at("2026-11-25T01:58", utc)
    assert pauses(calendar, "2026-11-23T00:00", "2026-11-29T00:00", utc) == [(at("2026-11-23T23:59", utc), end)]
    assert not recording_now(OUTSIDE, calendar, end - 1, utc)


def test_first_and_last_day_of_a_holiday_are_closed() -> None:
    calendar = replace(SCHOOL, school_holidays=((date(2026, 11, 24), date(2026, 11, 25)),))
    noons = [recording_now(OUTSIDE, calendar, at(f"2026-11-{day}T12:00"), PARIS) for day in (23, 24, 25, 26)]
    assert noons == [False, True, True, False]


def test_open_all_the_time_or_no_calendar_never_records_and_never_changes() -> None:
    calendar = Calendar(week=week_of("00:00-24:00"), bank_holidays=BankHolidays.NONE)
    for known in (calendar, None):
        assert not recording_now(OUTSIDE, known, at("2026-11-24T03:00"), PARIS)
        assert next_change(OUTSIDE, known, at("2026-11-24T03:00"), PARIS) is None
        assert [
            on for _, _, on in intervals(OUTSIDE, known, at("2026-03-01T00:00"), at("2026-12-01T00:00"), PARIS)
        ] == [False]
    assert next_change(ALWAYS, calendar, at("2026-11-24T03:00"), PARIS) is None


def test_an_override_ends_by_itself_with_its_last_day() -> None:
    override = replace(OUTSIDE, override_reason="vols répétés au foyer", override_until=date(2026, 11, 25))
    noon, after = at("2026-11-25T12:00"), at("2026-11-26T12:00")
    assert recording_now(override, SCHOOL, noon, PARIS)
    assert not recording_now(override, SCHOOL, after, PARIS)
    assert next_change(override, SCHOOL, noon, PARIS) == at("2026-11-26T07:45")
    always = Calendar(week=week_of("00:00-24:00"), bank_holidays=BankHolidays.NONE)
    assert next_change(override, always, noon, PARIS) == at("2026-11-26T00:00")


def test_next_change_walks_through_a_school_week() -> None:
    instant = at("2026-11-24T12:00")
    found = []
    for _ in range(5):
        change = next_change(OUTSIDE, SCHOOL, instant, PARIS)
        assert change is not None
        found.append(change)
        instant = change
    walls = ["2026-11-24T18:30", "2026-11-25T07:45", "2026-11-25T18:30", "2026-11-26T07:45", "2026-11-26T18:30"]
    assert found == [at(wall) for wall in walls]
    assert next_change(OUTSIDE, SCHOOL, instant, PARIS) == at("2026-11-30T07:45")  # Friday is closed


hours = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).map(lambda t: (t[0], min(t[0] + t[1], 2880)))
days = st.lists(hours, max_size=3).map(tuple)
some_date = st.dates(date(2026, 1, 1), date(2027, 12, 31))
calendars = st.builds(
    Calendar,
    week=st.tuples(*[days] * 7),
    bank_holidays=st.sampled_from(BankHolidays),
    school_holidays=st.lists(
        st.tuples(some_date, st.integers(0, 60)).map(lambda t: (t[0], t[0] + timedelta(days=t[1]))), max_size=3
    ).map(tuple),
    exceptional=st.dictionaries(some_date, days, max_size=3),
    margin_before_minutes=st.integers(0, 120),
    margin_after_minutes=st.integers(0, 120),
)
rules = st.one_of(
    st.just(OUTSIDE),
    st.just(ALWAYS),
    some_date.map(lambda day: replace(OUTSIDE, override_reason="motif écrit", override_until=day)),
)
zones = st.sampled_from(ZONES)
changes = [at("2026-03-29T03:00"), at("2026-10-25T02:00"), at("2027-03-28T03:00"), at("2027-01-01T00:00")]
instants = st.one_of(
    st.integers(at("2026-01-03T00:00"), at("2027-12-20T00:00")),
    st.tuples(st.sampled_from(changes), st.integers(-30 * HOUR_US, 30 * HOUR_US)).map(sum),
)


@given(rules, calendars, instants, st.integers(0, 12 * DAY_US), zones, st.data())
@settings(max_examples=150, deadline=None)
def test_intervals_partition_time_and_agree_with_each_instant(
    rule: CameraRule, calendar: Calendar, begin: int, length: int, zone: ZoneInfo, data: st.DataObject
) -> None:
    end = begin + length
    found = intervals(rule, calendar, begin, end, zone)
    assert sum(b - a for a, b, _ in found) == length
    assert all(a < b for a, b, _ in found)
    assert all(one[1] == two[0] and one[2] is not two[2] for one, two in pairwise(found))
    if found:
        assert (found[0][0], found[-1][1]) == (begin, end)
    for a, b, on in found:
        for instant in (a, b - 1, data.draw(st.integers(a, b - 1))):
            assert recording_now(rule, calendar, instant, zone) is on


@given(rules, calendars, instants, zones)
@settings(max_examples=150, deadline=None)
def test_next_change_is_the_first_change(rule: CameraRule, calendar: Calendar, instant: int, zone: ZoneInfo) -> None:
    change = next_change(rule, calendar, instant, zone)
    now = recording_now(rule, calendar, instant, zone)
    until = (instant // DAY_US + HORIZON_DAYS) * DAY_US if change is None else change
    assert intervals(rule, calendar, instant, until, zone) == [(instant, until, now)]
    if change is not None:
        assert change > instant
        assert recording_now(rule, calendar, change, zone) is not now


@given(calendars, instants, zones)
@settings(max_examples=150, deadline=None)
def test_margins_only_ever_take_recording_away(calendar: Calendar, instant: int, zone: ZoneInfo) -> None:
    bare = replace(calendar, margin_before_minutes=0, margin_after_minutes=0)
    if recording_now(OUTSIDE, calendar, instant, zone):
        assert recording_now(OUTSIDE, bare, instant, zone)


@given(calendars, instants, zones)
@settings(max_examples=200, deadline=None)
def test_wall_time_in_opening_hours_is_never_recorded(calendar: Calendar, instant: int, zone: ZoneInfo) -> None:
    """Against the plain reading of a wall clock, which knows nothing of spans, margins and offsets."""
    wall = (EPOCH + timedelta(microseconds=instant)).astimezone(zone).replace(tzinfo=None)
    for back in (0, 1, 2):
        day = wall.date() - timedelta(days=back)
        minute = (wall - datetime.combine(day, datetime.min.time())) / timedelta(minutes=1)
        if any(opens <= minute < closes for opens, closes in openings(calendar, day)):
            assert not recording_now(OUTSIDE, calendar, instant, zone)


@given(calendars, instants, some_date, zones)
@settings(max_examples=100, deadline=None)
def test_an_override_changes_nothing_behind_its_last_day(
    calendar: Calendar, instant: int, until: date, zone: ZoneInfo
) -> None:
    override = replace(OUTSIDE, override_reason="motif écrit", override_until=until)
    if local_date(instant, zone) <= until:
        assert recording_now(override, calendar, instant, zone)
    else:
        assert recording_now(override, calendar, instant, zone) is recording_now(OUTSIDE, calendar, instant, zone)


def test_a_year_by_the_minute_is_cheap() -> None:
    """Half a million questions: some 0.6 s of CPU with the cached days, some 30 s without."""
    start = at("2026-01-01T00:00")
    began = time.process_time()
    recorded = sum(recording_now(OUTSIDE, SCHOOL, start + minute * MINUTE_US, PARIS) for minute in range(365 * 24 * 60))
    assert time.process_time() - began < 8
    spans = intervals(OUTSIDE, SCHOOL, start, start + 365 * DAY_US, PARIS)
    assert recorded == sum(b - a for a, b, on in spans if on) // MINUTE_US


EASTER = (
    "2000-04-23 2008-03-23 2011-04-24 2024-03-31 2025-04-20 2026-04-05 2027-03-28 2028-04-16 2029-04-01 2030-04-21 "
    "2038-04-25 2049-04-18"
)


@pytest.mark.parametrize("sunday", EASTER.split())
def test_easter(sunday: str) -> None:
    assert easter(int(sunday[:4])) == date.fromisoformat(sunday)


def test_bank_holidays_of_a_year() -> None:
    metropole = bank_holidays(2026, BankHolidays.METROPOLE)
    expected = "01-01 04-06 05-01 05-08 05-14 05-25 07-14 08-15 11-01 11-11 12-25"
    assert sorted(f"{day:%m-%d}" for day in metropole) == expected.split()
    assert bank_holidays(2026, BankHolidays.NONE) == frozenset()


@pytest.mark.parametrize(
    ("where", "more"),
    [
        (BankHolidays.ALSACE_MOSELLE, ["04-03", "12-26"]),
        (BankHolidays.MAYOTTE, ["04-27"]),
        (BankHolidays.MARTINIQUE, ["05-22"]),
        (BankHolidays.GUADELOUPE, ["05-27"]),
        (BankHolidays.SAINT_MARTIN, ["05-28"]),
        (BankHolidays.GUYANE, ["06-10"]),
        (BankHolidays.SAINT_BARTHELEMY, ["10-09"]),
        (BankHolidays.REUNION, ["12-20"]),
    ],
)
def test_bank_holidays_elsewhere(where: BankHolidays, more: list[str]) -> None:
    extra = bank_holidays(2026, where) - bank_holidays(2026, BankHolidays.METROPOLE)
    assert sorted(f"{day:%m-%d}" for day in extra) == more


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("08:00-18:00", (480, 1080)),
        ("8:00 - 18:00", (480, 1080)),
        ("00:00-24:00", (0, 1440)),
        ("18:00-02:00", (1080, 1560)),
        ("23:00-00:00", (1380, 1440)),
    ],
)
def test_hours_are_read(text: str, expected: Opening) -> None:
    assert parse_opening(text) == expected


@pytest.mark.parametrize(
    "text", ["", "8-18", "08:00", "08:00-08:00", "24:00-08:00", "08:60-09:00", "08:00-25:00", "²8:00-09:00", "8:0-9:0"]
)
def test_hours_that_say_nothing_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_opening(text)


def test_sentences_tell_when_a_camera_records() -> None:
    assert sentence(ALWAYS, SCHOOL, "fr") == "enregistre en permanence."
    assert sentence(ALWAYS, None, "en") == "records all the time."
    assert sentence(OUTSIDE, SCHOOL, "fr") == (
        "n'enregistre pas du lundi au vendredi de 7 h 45 à 18 h 30 (marges comprises) ; enregistre le reste du temps, "
        "jours fériés et vacances scolaires compris ; 2 jour(s) particulier(s)."
    )
    short = (parse_opening("08:00-12:00"),)
    mixed = Calendar(week=(WORKDAYS[0], WORKDAYS[1], short, WORKDAYS[3], WORKDAYS[4], (), ()))
    assert sentence(OUTSIDE, mixed, "en") == (
        "does not record on Monday, Tuesday, Thursday and Friday from 08:00 to 18:00, on Wednesday from 08:00 to 12:00 "
        "(margins included); records at all other times, bank holidays included."
    )
    night = Calendar(week=week_of("22:00-06:30"), bank_holidays=BankHolidays.NONE)
    assert "du lundi au dimanche de 22 h à 6 h 30 le lendemain" in sentence(OUTSIDE, night, "fr")
    override = replace(OUTSIDE, override_reason="vols répétés", override_until=date(2027, 1, 31))
    assert sentence(override, SCHOOL, "fr").startswith(
        "par dérogation (vols répétés), enregistre en permanence jusqu'au 31/01/2027 inclus ; ensuite n'enregistre pas"
    )
    assert "up to and including 2027-01-31; then does not record" in sentence(override, SCHOOL, "en")


def test_warnings_tell_what_is_missing_or_over() -> None:
    today = date(2026, 11, 24)
    assert warnings({"cour": OUTSIDE}, SCHOOL, today, "fr", school=True) == []
    assert "12 mois" in warnings({}, SCHOOL, date(2027, 1, 4), "fr", school=True)[0]
    assert "12 months" in warnings({}, replace(SCHOOL, school_holidays=()), today, "en", school=True)[0]
    assert warnings({}, replace(SCHOOL, school_holidays=()), today, "en", school=False) == []
    assert warnings({}, None, today, "en", school=True) == []
    over = replace(OUTSIDE, override_reason="motif écrit", override_until=date(2026, 11, 23))
    assert "terminée depuis le 23/11/2026" in warnings({"cour": over}, SCHOOL, today, "fr", school=True)[0]
    last_day = replace(over, override_until=today)
    assert warnings({"cour": last_day}, SCHOOL, today, "fr", school=True) == []
    endless = replace(over, override_until=date(2099, 1, 1))
    assert "more than a year" in warnings({"cour": endless}, SCHOOL, today, "en", school=True)[0]
