"""Expiry by age: never beyond a calendar month, never before the days are over, whatever the calendar does."""

import calendar
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.ring.expiry.policy import (
    DAY_US,
    HOUR_US,
    LATE_US,
    Held,
    due,
    expired_until,
    limit_utc,
    pass_limit,
    retention,
)

PARIS, REUNION = ZoneInfo("Europe/Paris"), ZoneInfo("Indian/Reunion")
ZONES = st.sampled_from([PARIS, REUNION, ZoneInfo("America/Cayenne"), ZoneInfo("Pacific/Noumea"), ZoneInfo("UTC")])
DAYS = st.integers(1, 31)
MINUTE_US = 60_000_000

EDGES = st.sampled_from([(y, m) for y in (2026, 2027, 2028, 2100) for m in (1, 2, 3, 10, 12)])


def us(instant: datetime) -> int:
    return (instant.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def at(zone: ZoneInfo, year: int, month: int, day: int, hour: int, minute: int = 0) -> int:
    return us(datetime(year, month, day, hour, minute, tzinfo=zone))


@st.composite
def instants(draw: st.DrawFn) -> int:
    """Any time of 2026 to 2101, most of them near a month's end or a night of a time change."""
    if draw(st.booleans()):
        return draw(st.integers(1_770_000_000_000_000, 4_130_000_000_000_000))
    year, month = draw(EDGES)
    end = us(datetime(year, month, calendar.monthrange(year, month)[1], tzinfo=UTC))
    return end + draw(st.integers(-7 * DAY_US, 2 * DAY_US))


@pytest.mark.parametrize(
    ("taken", "limit"),
    [
        ((2026, 1, 31, 12), (2026, 2, 28, 12)),
        ((2028, 1, 31, 12), (2028, 2, 29, 12)),
        ((2028, 1, 30, 12), (2028, 2, 29, 12)),
        ((2027, 2, 1, 0), (2027, 3, 1, 0)),
        ((2026, 12, 31, 23, 59), (2027, 1, 30, 23, 59)),  # thirty days are shorter than December
        ((2026, 3, 31, 8), (2026, 4, 30, 8)),
        ((2026, 4, 15, 8), (2026, 5, 15, 8)),
    ],
)
@pytest.mark.parametrize("zone", [PARIS, REUNION])
def test_thirty_days_or_the_same_day_of_the_next_month(
    taken: tuple[int, ...], limit: tuple[int, ...], zone: ZoneInfo
) -> None:
    expected = min(at(zone, *limit), at(zone, *taken) + 30 * DAY_US)
    assert limit_utc(at(zone, *taken), 30, zone) == expected
    assert at(zone, *limit) - expected <= HOUR_US  # the clocks' change in April and March of Paris


def test_an_hour_that_a_time_change_skips_or_repeats_is_read_at_its_earliest() -> None:
    skipped = limit_utc(at(PARIS, 2026, 2, 28, 2, 30) + DAY_US, 31, PARIS)
    assert skipped == at(PARIS, 2026, 4, 1, 2, 30)  # 1 March + a month: no time change on that day
    in_the_gap = limit_utc(at(PARIS, 2027, 2, 28, 2, 30), 31, PARIS)
    assert in_the_gap == us(datetime(2027, 3, 28, 0, 30, tzinfo=UTC))  # 02:30 does not exist: 01:30 winter time
    repeated = limit_utc(at(PARIS, 2026, 9, 25, 2, 30), 31, PARIS)
    assert repeated == us(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))  # the first of two 02:30


@settings(max_examples=500)
@given(instants(), DAYS, ZONES)
def test_limit_is_within_a_calendar_month_and_not_before_the_days(taken: int, days: int, zone: ZoneInfo) -> None:
    limit = limit_utc(taken, days, zone)
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=taken)).astimezone(zone)
    length = calendar.monthrange(local.year, local.month)[1]
    assert limit <= taken + days * DAY_US
    assert limit <= taken + length * DAY_US + HOUR_US
    gone = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=limit)).astimezone(zone)
    months = (gone.year - local.year) * 12 + gone.month - local.month
    assert months <= 1
    assert months < 1 or gone.day <= local.day
    if limit < taken + days * DAY_US:  # only a month shorter than the days, or an hour of a time change
        following = calendar.monthrange(local.year + local.month // 12, local.month % 12 + 1)[1]
        assert days >= min(length, length - local.day + following)
        assert limit >= taken + 28 * DAY_US - HOUR_US


@st.composite
def rings(draw: st.DrawFn) -> list[tuple[int, int, int, bool]]:
    count = draw(st.integers(0, 30))
    return [
        Held(number, oldest := draw(instants()), oldest + 10 * MINUTE_US, draw(st.booleans()))
        for number in range(count)
    ]  # fmt: skip


@settings(max_examples=200)
@given(rings(), instants(), st.integers(0, 40 * DAY_US), DAYS, ZONES, st.sets(st.integers(0, 30)))
def test_due_is_exact_ordered_and_monotone(
    ring: list[tuple[int, int, int, bool]], now: int, on: int, days: int, zone: ZoneInfo, holds: set[int]
) -> None:
    gone = due(ring, now, zone, days, holds)
    by_id = {row[0]: row for row in ring}
    expected = {
        number
        for number, oldest, _newest, protected in ring
        if now >= limit_utc(oldest, days, zone) and not protected and number not in holds
    }
    assert set(gone) == expected
    assert len(gone) == len(expected)
    assert [by_id[number][1] for number in gone] == sorted(by_id[number][1] for number in gone)
    assert set(gone) <= set(due(ring, now + on, zone, days, holds))
    assert set(gone) <= set(due(ring, now, zone, max(1, days - 1), holds))


@given(instants(), DAYS, ZONES)
def test_a_chunk_goes_at_its_limit_and_not_a_microsecond_before(oldest: int, days: int, zone: ZoneInfo) -> None:
    ring = [Held("a", oldest, oldest + MINUTE_US)]
    limit = limit_utc(oldest, days, zone)
    assert due(ring, limit - 1, zone, days) == []
    assert due(ring, limit, zone, days) == ["a"]


@pytest.mark.parametrize("oldest", [-(2**60), -1, 0, 2**60])
def test_dates_without_a_calendar_go_by_days(oldest: int) -> None:
    assert limit_utc(oldest, 31, PARIS) in {oldest + 31 * DAY_US, DAY_US * 31}


@given(st.integers(0, 400), st.integers(1, 10_000), st.integers(0, 600), st.booleans())
def test_a_pass_frees_five_percent_an_hour_until_the_elapsed_time_is_confirmed(
    count: int, disk: int, freed: int, confirmed: bool
) -> None:
    names = list(range(count))
    going = pass_limit(names, disk, elapsed_confirmed=confirmed, freed_last_hour=freed)
    assert list(going) == names[: len(going)]
    if confirmed:
        assert len(going) == count
    else:
        assert not going or len(going) + freed <= max(1, disk * 0.05)
        assert len(going) == min(count, max(0, max(1, disk * 5 // 100) - freed))


TAKEN = at(PARIS, 2026, 11, 1, 12)


def test_held_longer_than_allowed_is_an_alarm_after_five_minutes_unless_held_on_purpose() -> None:
    ring = [Held("a", TAKEN, TAKEN + 1), Held("b", TAKEN + 1, TAKEN + 2), Held("pool", 0, 1, protected=True)]
    limit = TAKEN + 5 * DAY_US
    kept = retention(ring, limit + LATE_US - 1, PARIS, allowed_days=5, required_days=3)
    assert (kept.held_longer, kept.overdue, kept.late_us) == (False, (), 0)
    late = retention(ring, limit + LATE_US, PARIS, allowed_days=5, required_days=3)
    assert (late.held_longer, late.overdue, late.late_us) == (True, ("a",), LATE_US)
    both = retention(ring, limit + DAY_US, PARIS, allowed_days=5, required_days=3, holds={"a"})
    assert both.overdue == ("b",)
    assert both.late_us == DAY_US - 1


def test_held_shorter_than_required_is_an_alarm_while_freed_pictures_should_still_be_there() -> None:
    def missing(now: int, freed: int | None, required: int = 3) -> int:
        return retention(
            [], now, PARIS, allowed_days=31, required_days=required, freed_early_newest_us=freed
        ).short_us  # fmt: skip

    assert missing(TAKEN + DAY_US, None) == 0
    assert missing(TAKEN + DAY_US, TAKEN) == 2 * DAY_US
    assert missing(TAKEN + 3 * DAY_US, TAKEN) == 0
    assert missing(TAKEN + 30 * DAY_US, TAKEN, 31) == 0  # a month is over: nobody may require more
    assert retention([], TAKEN, PARIS, allowed_days=5, required_days=5, freed_early_newest_us=TAKEN).held_shorter


def test_a_month_of_four_weeks_less_an_hour_is_not_overlooked() -> None:
    taken = at(PARIS, 2027, 2, 28, 2, 30)
    limit = limit_utc(taken, 31, PARIS)
    assert limit - taken == 28 * DAY_US - HOUR_US
    assert due([Held("a", taken, taken)], limit, PARIS, 31) == ["a"]


@settings(max_examples=150)
@given(instants(), DAYS, ZONES, st.integers(-2 * DAY_US, 34 * DAY_US))
def test_what_has_expired_is_never_shown_and_what_is_hidden_goes_within_a_day_or_three(
    now: int, days: int, zone: ZoneInfo, back: int
) -> None:
    until = expired_until(now, days, zone)
    taken = now - back
    limit = limit_utc(taken, days, zone)
    if limit <= now:
        assert taken <= until
    elif taken <= until:  # hidden before its time: at a month's end, or in the night of a time change
        assert limit - now < DAY_US + HOUR_US
    assert limit_utc(until, days, zone) <= now
    if days < 28:
        assert until == now - days * DAY_US


def test_at_the_end_of_february_a_whole_january_is_hidden_by_its_last_day() -> None:
    noon = at(PARIS, 2026, 2, 28, 12)
    assert expired_until(noon, 31, PARIS) == at(PARIS, 2026, 1, 31, 12)
    assert expired_until(at(PARIS, 2026, 3, 31, 12), 31, PARIS) == at(PARIS, 2026, 3, 1, 0) - 1
    assert expired_until(at(PARIS, 2026, 3, 15, 12), 31, PARIS) == at(PARIS, 2026, 2, 15, 12)
