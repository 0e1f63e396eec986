"""What the calendar decides, given the judgement on the clock: always on the side of recording less."""

from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.cause import GapCause
from appliance.site.calendar import Calendar, CameraRule, recording_now
from appliance.site.schedule import GUARD_US, decide, pause_words, when_words
from tests.unit.site.test_calendar import ALWAYS, OUTSIDE, PARIS, SCHOOL, ZONES, at, week_of

YEAR = (at("2026-09-01T00:00"), at("2027-09-01T00:00"))
RULES = [OUTSIDE, replace(OUTSIDE, override_reason="vols répétés", override_until=date(2026, 12, 4))]
EDGES = (7 * 3600 + 45 * 60, 18 * 3600 + 30 * 60)  # seconds of the day at which a school day's pause begins and ends
near_edges = st.builds(
    lambda day, edge, us: YEAR[0] + (day * 86_400 + edge) * 1_000_000 + us,
    st.integers(0, 364),
    st.sampled_from(EDGES),
    st.integers(-3_000_000, 3_000_000),
)
moments = st.one_of(st.integers(*YEAR), near_edges)


@given(moments, st.sampled_from(RULES), st.sampled_from(ZONES))
def test_what_is_recorded_is_on_disk_before_the_site_opens(now: int, rule: CameraRule, zone: ZoneInfo) -> None:
    decision = decide(rule, SCHOOL, now, zone, doubtful=False)
    for after in (0, GUARD_US // 2, GUARD_US):
        assert not decision.records or recording_now(rule, SCHOOL, now + after, zone)


@given(moments, st.sampled_from(RULES), st.sampled_from(ZONES))
def test_a_decision_holds_until_its_end_and_changes_there(now: int, rule: CameraRule, zone: ZoneInfo) -> None:
    decision = decide(rule, SCHOOL, now, zone, doubtful=False)
    assert decision.until_us is not None
    assert decision.since_us <= now < decision.until_us
    for between in (now, (now + decision.until_us) // 2, decision.until_us - 1):
        same = decide(rule, SCHOOL, between, zone, doubtful=False)
        assert (same.cause, same.until_us) == (decision.cause, decision.until_us)
        assert decision.records or same.since_us == decision.since_us
    assert decide(rule, SCHOOL, decision.until_us, zone, doubtful=False).records is not decision.records


@given(moments, st.sampled_from(RULES), st.sampled_from(ZONES))
def test_a_doubtful_clock_never_records_what_may_not_be_recorded_always(
    now: int, rule: CameraRule, zone: ZoneInfo
) -> None:
    decision = decide(rule, SCHOOL, now, zone, doubtful=True)
    assert decision.cause is GapCause.CLOCK_DOUBTFUL
    assert decision.until_us is None


@given(st.integers(0, 1 << 52), st.booleans(), st.sampled_from([None, SCHOOL]))
def test_a_permanent_camera_asks_neither_calendar_nor_clock(
    now: int, doubtful: bool, calendar: Calendar | None
) -> None:
    assert decide(ALWAYS, calendar, now, PARIS, doubtful=doubtful).records


@pytest.mark.parametrize(
    ("moment", "cause", "until"),
    [
        ("2026-11-24T07:44:57", GapCause.NONE, "2026-11-24T07:44:58"),
        ("2026-11-24T07:44:58", GapCause.PLANNED, "2026-11-24T18:30:00"),
        ("2026-11-24T18:29:59", GapCause.PLANNED, "2026-11-24T18:30:00"),
        ("2026-11-24T18:30:00", GapCause.NONE, "2026-11-25T07:44:58"),
        ("2026-11-26T20:00:00", GapCause.NONE, "2026-11-30T07:44:58"),  # closed Friday, weekend
    ],
)
def test_the_edges_of_a_day(moment: str, cause: GapCause, until: str) -> None:
    decision = decide(OUTSIDE, SCHOOL, at(moment), PARIS, doubtful=False)
    assert (decision.cause, decision.until_us) == (cause, at(until))


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        ("2026-03-29", "2026-03-29T01:30", "2026-03-29T03:30"),  # the hour from 2 to 3 does not exist
        ("2026-10-25", "2026-10-25T01:30", "2026-10-25T03:30"),  # it comes twice
    ],
)
def test_a_pause_across_the_change_of_time(day: str, opens: str, closes: str) -> None:
    calendar = Calendar(week=week_of("01:30-03:30"))
    inside = decide(OUTSIDE, calendar, at(f"{day}T01:45"), PARIS, doubtful=False)
    assert inside.cause is GapCause.PLANNED
    assert (inside.since_us, inside.until_us) == (at(opens) - GUARD_US, at(closes))
    length = (at(closes) - at(opens)) / 3.6e9
    assert length == (1 if day.startswith("2026-03") else 3)


def test_an_override_ends_by_itself() -> None:
    rule = replace(OUTSIDE, override_reason="vols répétés", override_until=date(2026, 11, 24))
    during = decide(rule, SCHOOL, at("2026-11-24T10:00"), PARIS, doubtful=False)
    assert during.records
    assert during.until_us == at("2026-11-25T07:45") - GUARD_US
    assert decide(rule, SCHOOL, at("2026-11-25T10:00"), PARIS, doubtful=False).cause is GapCause.PLANNED


def test_a_site_that_never_closes_never_records() -> None:
    decision = decide(OUTSIDE, None, at("2026-11-24T10:00"), PARIS, doubtful=False)
    assert (decision.cause, decision.until_us) == (GapCause.PLANNED, None)
    assert pause_words(decision, at("2026-11-24T10:00"), PARIS, "fr") == "pause prévue (site ouvert)"


@pytest.mark.parametrize(
    ("moment", "french", "english"),
    [
        ("2026-11-24T18:30", "à 18 h 30", "at 18:30"),
        ("2026-11-25T00:00", "demain à 0 h", "tomorrow at 00:00"),
        ("2026-12-01T08:05", "le 01/12/2026 à 8 h 05", "on 2026-12-01 at 08:05"),
    ],
)
def test_an_instant_to_come_in_words(moment: str, french: str, english: str) -> None:
    now = at("2026-11-24T10:00")
    assert when_words(at(moment), now, PARIS, "fr") == french
    assert when_words(at(moment), now, PARIS, "en") == english


def test_a_pause_is_told_with_its_end() -> None:
    now = at("2026-11-24T10:00")
    planned = decide(OUTSIDE, SCHOOL, now, PARIS, doubtful=False)
    assert pause_words(planned, now, PARIS, "fr") == "pause prévue (site ouvert), reprise à 18 h 30"
    assert pause_words(planned, now, PARIS, "en") == "planned pause (site open), resumes at 18:30"
    doubtful = decide(OUTSIDE, SCHOOL, now, PARIS, doubtful=True)
    assert "confirmez l'heure" in pause_words(doubtful, now, PARIS, "fr")
