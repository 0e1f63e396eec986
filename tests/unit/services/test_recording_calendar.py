"""The calendar at work: runners and gates follow it, the journal tells it, and a later life of the process knows it."""

import asyncio
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.capture.gate import Gate
from appliance.core.cause import GapCause
from appliance.core.chain import Facts
from appliance.core.clock import SimulatedClock
from appliance.media.stream import StreamKey
from appliance.services.journal import RECORDER, begin, end, journal_folder, make_journal, telling
from appliance.services.recording_calendar import RecordingCalendar
from appliance.site.calendar import recording_now
from appliance.site.model import Site
from appliance.site.schedule import GUARD_US
from tests.peers.sink import KeepingSink
from tests.unit.site.test_calendar import PARIS, at

HOURS = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), ("08:00-18:00",))


def a_site(folder: Path = Path("/nowhere"), **override: object) -> Site:
    camera = {
        "place": "Ici", "main": "rtsp://10.0.0.1/m", "legal_zone": "non_public", "purpose": "essai", "view": "wide",
    }  # fmt: skip
    return Site.model_validate({
        "site": {"name": "Essai", "place": "Ici", "kind": "school"},
        "camera": [
            {**camera, "id": "cour", "name": "Cour", "area_type": "yard", **override},
            {**camera, "id": "portail", "name": "Portail", "area_type": "entrance"},
        ],
        "disk": [{"path": str(folder / "disk")}],
        "recorder": {"index": str(folder / "index.db")},
        "calendar": {"hours": HOURS},
    })  # fmt: skip


@dataclass
class Runner:
    """What a runner was told."""

    paused: GapCause = GapCause.NONE
    told: list[str] = field(default_factory=list)

    def pause(self, cause: GapCause) -> None:
        self.paused = cause
        self.told.append(cause.name)

    def resume(self) -> None:
        self.paused = GapCause.NONE
        self.told.append("resume")


class Rig:
    """A calendar over runners that only note, a clock that is set, and the lines it would enter."""

    def __init__(self, moment: str, site: Site | None = None) -> None:
        self.clock = SimulatedClock(at(moment))
        self.doubtful = False
        self.lines: list[tuple[str, Facts]] = []
        self.site = site or a_site()
        self.calendar = RecordingCalendar(self.site, self.clock, lambda: self.doubtful, self.tell)
        self.runners = {camera.id: Runner() for camera in self.site.camera}
        for camera in self.site.camera:
            gate = Gate(StreamKey(camera.id, "main"), KeepingSink())
            self.calendar.add(camera, gate, self.runners[camera.id])

    def tell(self, kind: str, facts: Facts) -> bool:
        self.lines.append((kind, facts))
        return True

    def to(self, moment: str) -> None:
        self.clock.step_utc((at(moment) - self.clock.utc_us()) / 1e6)
        self.calendar.enforce()

    def cause(self, camera: str = "cour") -> GapCause:
        return self.runners[camera].paused


def test_a_school_day() -> None:
    rig = Rig("2026-11-24T06:00")
    for moment, cause in (
        ("2026-11-24T07:44:57", GapCause.NONE),
        ("2026-11-24T07:44:58", GapCause.PLANNED),
        ("2026-11-24T18:14:59", GapCause.PLANNED),
        ("2026-11-24T18:15:00", GapCause.NONE),
    ):
        rig.to(moment)
        assert rig.cause() is cause, moment
    assert rig.lines == [
        (
            "pause-begun",
            {
                "camera": "cour",
                "cause": "PLANNED",
                "since_utc_us": at("2026-11-24T07:44:58"),
                "until_utc_us": at("2026-11-24T18:15"),
            },
        ),
        ("pause-ended", {"camera": "cour", "cause": "PLANNED", "from_utc_us": at("2026-11-24T07:44:58")}),
    ]
    assert rig.cause("portail") is GapCause.NONE
    assert not rig.calendar.pauses("portail", 0, at("2027-01-01T00:00"))


def test_a_recorder_that_starts_in_hours_pauses_before_it_meets_the_camera() -> None:
    rig = Rig("2026-11-24T10:00")
    rig.calendar.enforce()
    assert rig.runners["cour"].told == ["PLANNED"]
    state = rig.calendar.state("cour")
    assert state["recording"] == "outside_activity"
    assert state["pause"] == {
        "cause": "PLANNED",
        "from_us": at("2026-11-24T10:00"),
        "until_us": at("2026-11-24T18:15"),
        "fr": "pause prévue (site ouvert), reprise à 18 h 15",
        "en": "planned pause (site open), resumes at 18:15",
    }
    assert rig.calendar.pauses("cour", 0, at("2026-11-25T00:00")) == [
        (at("2026-11-24T07:44:58"), at("2026-11-24T18:15"), "PLANNED")
    ]
    assert rig.calendar.state("portail") == {"recording": "permanent", "pause": None, "next_pause_us": None}


def test_a_clock_in_doubt_pauses_at_night_too_and_says_why() -> None:
    rig = Rig("2026-11-24T03:00")
    rig.calendar.enforce()
    assert rig.cause() is GapCause.NONE
    rig.doubtful = True
    rig.to("2026-11-24T03:01")
    assert (rig.cause(), rig.cause("portail")) == (GapCause.CLOCK_DOUBTFUL, GapCause.NONE)
    rig.to("2026-11-24T10:00")
    assert rig.cause() is GapCause.CLOCK_DOUBTFUL
    rig.doubtful = False
    rig.to("2026-11-24T10:01")
    assert rig.cause() is GapCause.PLANNED
    rig.to("2026-11-24T20:00")
    assert rig.cause() is GapCause.NONE
    assert [(kind, facts["cause"]) for kind, facts in rig.lines] == [
        ("pause-begun", "CLOCK_DOUBTFUL"), ("pause-ended", "CLOCK_DOUBTFUL"),
        ("pause-begun", "PLANNED"), ("pause-ended", "PLANNED"),
    ]  # fmt: skip


def test_an_override_ends_by_itself() -> None:
    site = a_site(recording="permanent", override_reason="vols répétés dans la cour", override_until=date(2026, 11, 24))
    rig = Rig("2026-11-24T10:00", site)
    rig.calendar.enforce()
    assert rig.cause() is GapCause.NONE
    rig.to("2026-11-25T07:44:58")
    assert rig.cause() is GapCause.PLANNED


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [("2026-11-24T03:00", "2026-11-24T09:00", "PLANNED"), ("2026-11-24T09:00", "2026-11-24T03:00", "NONE")],
)
def test_a_clock_that_is_set_is_followed_at_once(before: str, after: str, cause: str) -> None:
    rig = Rig(before)
    rig.calendar.enforce()
    rig.to(after)
    assert rig.cause().name == cause


@given(st.lists(st.integers(0, 30 * 24 * 60), min_size=1, max_size=40))
def test_whenever_the_clock_is_looked_at_nothing_is_recorded_in_hours(minutes: list[int]) -> None:
    """Also when the job was late by hours: the gate's limit is what the calendar said."""
    rig = Rig("2026-10-20T12:00")
    rule, calendar = rig.site.rule(rig.site.camera[0]), rig.site.opening_calendar
    start = rig.clock.utc_us()
    for minute in sorted(minutes):
        rig.clock.step_utc((start + minute * 60_000_000 - rig.clock.utc_us()) / 1e6)
        rig.calendar.enforce()
        now = rig.clock.utc_us()
        if recording_now(rule, calendar, now, PARIS) and recording_now(rule, calendar, now + GUARD_US, PARIS):
            assert rig.cause() is GapCause.NONE
        else:
            assert rig.cause() is GapCause.PLANNED


async def test_a_later_life_of_the_process_knows_the_pauses_of_the_journal(tmp_path: Path) -> None:
    site = a_site(tmp_path)
    clock = SimulatedClock(at("2026-11-24T07:00"))
    journal = make_journal(site, RECORDER, clock)
    await begin(journal)
    tell = telling(journal)
    tell("service-started", {"version": "1"})
    first = RecordingCalendar(site, clock, lambda: False, tell)
    first.add(site.camera[0], Gate(StreamKey("cour", "main"), KeepingSink()), Runner())
    first.enforce()
    clock.advance(3 * 3600)
    first.enforce()
    await end(journal)  # killed at ten, in the pause
    clock.advance(12 * 3600)
    second = RecordingCalendar(site, clock, lambda: False, tell)
    await second.learn(journal_folder(site), RECORDER)
    day = at("2026-11-24T00:00"), at("2026-11-25T00:00")
    assert second.pauses("cour", *day) == [(at("2026-11-24T07:44:58"), at("2026-11-24T18:15"), "PLANNED")]
    assert second.pauses("cour", *day) == first.pauses("cour", *day)


async def test_a_journal_that_cannot_be_read_teaches_nothing_and_stops_nothing(tmp_path: Path) -> None:
    rig = Rig("2026-11-24T10:00")
    await rig.calendar.learn(tmp_path / "nowhere", RECORDER)
    (tmp_path / "recorder-000000000001.log").mkdir()
    await rig.calendar.learn(tmp_path, RECORDER)
    await asyncio.to_thread((tmp_path / "recorder-000000000002.log").write_bytes, b'"kind":"pause-begun"\n\xff\n{}')
    await rig.calendar.learn(tmp_path, RECORDER)
    assert rig.calendar.pauses("cour", 0, 1 << 60) == []
