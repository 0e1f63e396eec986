"""The legal gate: what the law closes stays closed whatever else the record says, and nothing stays disarmed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.detection.errors import ArmingRefused
from appliance.detection.gate import (
    HOUR_US,
    MAX_BY_HAND_H,
    ArmingRecord,
    CameraRecord,
    GateReason,
    Watch,
    gate,
    sentence,
)
from appliance.site.bank_holidays import BankHolidays
from appliance.site.calendar import Calendar
from appliance.site.model import LIVING_SPACES, AreaType, LegalZone

PARIS: Final = ZoneInfo("Europe/Paris")
HOURS: Final = Calendar(week=(((480, 1080),),) * 5 + ((),) * 2, margin_before_minutes=15, margin_after_minutes=15)
LAWFUL: Final = CameraRecord(LegalZone.NON_PUBLIC, AreaType.CIRCULATION, HOURS, PARIS, aipd="AIPD 2026-014")
LIVING: Final = replace(
    LAWFUL,
    area_type=AreaType.YARD,
    living_space_reason="dégradations répétées la nuit",
    living_space_until=date(2026, 12, 18),
)


def at(text: str) -> int:
    """UTC us of a wall time in Paris."""
    return round(datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp()) * 1_000_000


NOON: Final = at("2026-11-24 12:00")  # a Tuesday
NIGHT: Final = at("2026-11-24 23:00")

instants = st.integers(at("2026-11-01 00:00"), at("2027-01-31 00:00"))
records = st.none() | st.builds(
    lambda armed, start, hours: ArmingRecord(armed, "C. Martin", "travaux", start, start + hours * HOUR_US),
    st.booleans(),
    instants,
    st.integers(1, MAX_BY_HAND_H),
)
cameras = st.builds(
    CameraRecord,
    st.sampled_from(LegalZone),
    st.sampled_from(AreaType),
    st.sampled_from([HOURS, Calendar(week=((),) * 7, bank_holidays=BankHolidays.NONE), None]),
    st.just(PARIS),
    st.sampled_from([None, "", "  ", "AIPD 2026-014"]),
    st.sampled_from([None, "dégradations répétées"]),
    st.sampled_from([None, date(2026, 11, 20), date(2026, 12, 18)]),
)


def decide(camera: CameraRecord, utc_us: int, record: ArmingRecord | None = None) -> tuple[Watch, GateReason]:
    verdict = gate(camera, record, utc_us, clock_certain=True)
    return verdict.watch, verdict.reason


def by_hand(armed: bool, start: int, hours: float) -> ArmingRecord:
    return ArmingRecord(armed, "C. Martin", "exercice incendie", start, start + round(hours * HOUR_US))


@given(cameras, records, instants, st.booleans())
def test_a_public_place_is_never_decoded(
    camera: CameraRecord, record: ArmingRecord | None, utc_us: int, certain: bool
) -> None:
    for zone in (LegalZone.PUBLIC_ROAD, LegalZone.OPEN_TO_PUBLIC):
        verdict = gate(replace(camera, legal_zone=zone), record, utc_us, clock_certain=certain)
        assert not verdict.decodes
        assert (verdict.reason, verdict.until_us) == (GateReason.PUBLIC_PLACE, None)


@given(cameras, records, instants, st.booleans())
def test_persons_are_looked_for_only_with_hours_aipd_and_a_clock(
    camera: CameraRecord, record: ArmingRecord | None, utc_us: int, certain: bool
) -> None:
    verdict = gate(camera, record, utc_us, clock_certain=certain)
    if verdict.decodes:
        assert camera.legal_zone is LegalZone.NON_PUBLIC
        assert camera.hours is not None
        assert (camera.aipd or "").strip()
    if verdict.armed:
        assert certain
        assert verdict.reason in {GateReason.OUTSIDE_HOURS, GateReason.ARMED_BY_HAND}


@given(cameras, records, instants, st.booleans())
def test_a_living_space_is_decoded_only_when_armed_and_never_in_hours(
    camera: CameraRecord, record: ArmingRecord | None, utc_us: int, certain: bool
) -> None:
    verdict = gate(camera, record, utc_us, clock_certain=certain)
    if camera.area_type in LIVING_SPACES and verdict.decodes:
        assert verdict.reason is GateReason.OUTSIDE_HOURS
        assert camera.living_space_reason
        assert camera.living_space_until is not None
        assert datetime.fromtimestamp(utc_us / 1e6, PARIS).date() <= camera.living_space_until


@given(cameras, records, instants)
def test_the_answer_holds_until_it_says(camera: CameraRecord, record: ArmingRecord | None, utc_us: int) -> None:
    now = gate(camera, record, utc_us, clock_certain=True)
    horizon = utc_us + 40 * 24 * HOUR_US
    end = horizon if now.until_us is None else now.until_us
    assert end > utc_us
    for part in (0.0, 0.3, 0.7):
        later = gate(camera, record, utc_us + int((end - 1 - utc_us) * part), clock_certain=True)
        assert (later.watch, later.reason) == (now.watch, now.reason)


@given(cameras, records, instants)
def test_it_arms_again_by_itself(camera: CameraRecord, record: ArmingRecord | None, utc_us: int) -> None:
    if record is not None and utc_us >= record.until_us:
        without = gate(camera, None, utc_us, clock_certain=True)
        assert gate(camera, record, utc_us, clock_certain=True) == without


def test_the_day_of_an_ordinary_camera() -> None:
    assert decide(LAWFUL, NOON) == (Watch.CAMERA_TRUTH, GateReason.OPENING_HOURS)
    assert decide(LAWFUL, NIGHT) == (Watch.PERSONS, GateReason.OUTSIDE_HOURS)
    verdict = gate(LAWFUL, None, NOON, clock_certain=True)
    assert verdict.until_us == at("2026-11-24 18:15")  # the margin still counts as hours


def test_disarmed_by_hand_at_night_and_armed_by_hand_in_hours() -> None:
    off, on = by_hand(False, NIGHT, 2), by_hand(True, NOON, 1)
    assert decide(LAWFUL, NIGHT, off) == (Watch.CAMERA_TRUTH, GateReason.DISARMED)
    assert decide(LAWFUL, NIGHT + 2 * HOUR_US, off) == (Watch.PERSONS, GateReason.OUTSIDE_HOURS)
    assert decide(LAWFUL, NOON, on) == (Watch.PERSONS, GateReason.ARMED_BY_HAND)
    assert decide(LAWFUL, NOON + HOUR_US, on) == (Watch.CAMERA_TRUTH, GateReason.OPENING_HOURS)
    assert gate(LAWFUL, off, NIGHT, clock_certain=True).until_us == NIGHT + 2 * HOUR_US
    assert gate(LAWFUL, by_hand(False, NIGHT + HOUR_US, 1), NIGHT, clock_certain=True).until_us == NIGHT + HOUR_US


def test_a_living_space() -> None:
    assert decide(LIVING, NIGHT) == (Watch.PERSONS, GateReason.OUTSIDE_HOURS)
    assert decide(LIVING, NOON) == (Watch.STATISTICS, GateReason.OPENING_HOURS)
    assert decide(LIVING, NOON, by_hand(True, NOON, 1)) == (Watch.STATISTICS, GateReason.OPENING_HOURS)
    assert decide(LIVING, at("2026-12-18 23:59")) == (Watch.PERSONS, GateReason.OUTSIDE_HOURS)
    assert decide(LIVING, at("2026-12-19 00:00")) == (Watch.STATISTICS, GateReason.LIVING_SPACE)
    assert decide(replace(LIVING, living_space_reason=None), NIGHT) == (Watch.STATISTICS, GateReason.LIVING_SPACE)


def test_what_is_missing_is_named() -> None:
    assert decide(replace(LAWFUL, hours=None), NIGHT) == (Watch.STATISTICS, GateReason.NO_HOURS)
    assert decide(replace(LAWFUL, aipd=None), NIGHT) == (Watch.STATISTICS, GateReason.NO_AIPD)
    doubtful = gate(LAWFUL, by_hand(True, NIGHT, 1), NIGHT, clock_certain=False)
    assert (doubtful.watch, doubtful.reason) == (Watch.CAMERA_TRUTH, GateReason.CLOCK_IN_DOUBT)


@pytest.mark.parametrize(
    ("by", "why", "hours"),
    [
        ("", "travaux", 1),
        ("  ", "travaux", 1),
        ("C. Martin", "ok", 1),
        ("C. Martin", "travaux", 0),
        ("C. Martin", "travaux", -1),
        ("C. Martin", "travaux", MAX_BY_HAND_H + 1),
    ],
)
def test_a_record_without_who_why_or_until_when_is_refused(by: str, why: str, hours: int) -> None:
    with pytest.raises(ArmingRefused):
        ArmingRecord(False, by, why, NIGHT, NIGHT + hours * HOUR_US)


def test_every_reason_has_a_sentence_in_both_languages() -> None:
    found = {gate(camera, record, utc, clock_certain=certain).reason: gate(camera, record, utc, clock_certain=certain)
             for camera in (LAWFUL, LIVING, replace(LAWFUL, hours=None), replace(LAWFUL, aipd=None),
                            replace(LAWFUL, legal_zone=LegalZone.PUBLIC_ROAD), replace(LIVING, living_space_until=None))
             for record in (None, by_hand(False, NIGHT, 1), by_hand(True, NOON, 1))
             for utc in (NOON, NIGHT) for certain in (True, False)}  # fmt: skip
    assert set(found) == set(GateReason)
    for verdict in found.values():
        assert sentence(verdict, "fr") != sentence(verdict, "en")


def test_the_epoch_is_no_special_day() -> None:
    start = round((datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=4)).timestamp()) * 1_000_000
    assert decide(LAWFUL, start + 11 * HOUR_US)[1] is GateReason.OPENING_HOURS  # Monday, noon in Paris
