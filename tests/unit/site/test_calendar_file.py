"""`[calendar]` and `recording` in a site file: what is accepted, what is refused, and where."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appliance import cli
from appliance.site.bank_holidays import BankHolidays
from appliance.site.calendar import RecordingMode, recording_now
from appliance.site.errors import SiteInvalid
from appliance.site.load import load_site
from appliance.site.locate import line_of
from appliance.site.model import LIVING_SPACES, Site

PARIS = ZoneInfo("Europe/Paris")
IN_HOURS = 1_795_514_400_000_000  # 2026-11-24 11:00 in Paris, a Tuesday

GOOD = """\
[site]
name = "Collège Jean Moulin"
place = "Mantes-la-Jolie"
kind = "school"

[[camera]]
id = "portail"
name = "Portail"
place = "Entrée"
main = "rtsp://10.20.0.11/main"
legal_zone = "non_public"
area_type = "entrance"
purpose = "levée de doute"
view = "wide"
recording = "permanent"

[[camera]]
id = "preau"
name = "Préau"
place = "Bâtiment A"
main = "rtsp://10.20.0.12/main"
legal_zone = "non_public"
area_type = "covered_yard"
purpose = "levée de doute hors horaires"
view = "wide"

[[disk]]
path = "disk-a"

[calendar]
bank_holidays = "alsace-moselle"
margin_before_minutes = 10

[calendar.hours]
monday = ["08:00-18:00"]
tuesday = ["08:00-12:00", "13:30-18:00"]
wednesday = ["08:00-12:30"]
thursday = ["08:00-18:00"]
friday = ["08:00-18:00"]

[[calendar.school_holiday]]
name = "Noël"
first = 2026-12-19
last = 2027-01-03

[[calendar.school_holiday]]
name = "Hiver"
first = 2027-02-06
last = 2027-02-21

[[calendar.exceptional_day]]
name = "Portes ouvertes"
date = 2026-12-05
hours = ["09:00-13:00"]
"""
VIEW = 'view = "wide"\n\n[[disk]]'  # the end of the second camera
OVERRIDE = 'recording = "permanent"\noverride_reason = "vols répétés, plainte déposée"\noverride_until = 2027-01-31\n'


def load(folder: Path, text: str) -> Site:
    file = folder / "site.toml"
    file.write_text(text, encoding="utf-8")
    return load_site(file)


def with_second(more: str) -> str:
    return GOOD.replace(VIEW, VIEW.replace("\n\n", f"\n{more}\n", 1))


def problems(folder: Path, text: str) -> list[tuple[int, str, str, str]]:
    with pytest.raises(SiteInvalid) as caught:
        load(folder, text)
    return [(p.line, p.place, p.fr, p.en) for p in caught.value.problems]


def test_a_calendar_is_read(tmp_path: Path) -> None:
    calendar = load(tmp_path, GOOD).opening_calendar
    assert calendar is not None
    assert calendar.week[1] == ((480, 720), (810, 1080))
    assert calendar.week[5:] == ((), ())
    assert calendar.bank_holidays is BankHolidays.ALSACE_MOSELLE
    assert calendar.school_holidays[1] == (date(2027, 2, 6), date(2027, 2, 21))
    assert calendar.exceptional == {date(2026, 12, 5): ((540, 780),)}
    assert (calendar.margin_before_minutes, calendar.margin_after_minutes) == (10, 15)


def test_the_calendar_is_one_object_for_all_cameras(tmp_path: Path) -> None:
    site = load(tmp_path, GOOD)
    assert site.opening_calendar is site.opening_calendar


def test_a_living_space_of_a_school_never_records_in_hours(tmp_path: Path) -> None:
    site = load(tmp_path, GOOD)
    gate, yard = (site.rule(camera) for camera in site.camera)
    assert recording_now(gate, site.opening_calendar, IN_HOURS, PARIS)
    assert yard.recording is RecordingMode.OUTSIDE_ACTIVITY
    assert not recording_now(yard, site.opening_calendar, IN_HOURS, PARIS)
    assert load(tmp_path, with_second('recording = "outside_activity"')).rule(site.camera[1]) == yard


@pytest.mark.parametrize("space", sorted(LIVING_SPACES))
def test_permanent_is_refused_for_each_living_space(tmp_path: Path, space: str) -> None:
    text = with_second('recording = "permanent"').replace("covered_yard", space)
    ((line, place, fr, en),) = problems(tmp_path, text)
    assert (line, place) == (26, "[[camera]] preau, recording")
    assert "lieu de vie" in fr
    assert "override_reason" in en


def test_an_override_needs_its_reason_and_its_end(tmp_path: Path) -> None:
    site = load(tmp_path, with_second(OVERRIDE))
    rule = site.rule(site.camera[1])
    assert (rule.recording, rule.override_until) == (RecordingMode.OUTSIDE_ACTIVITY, date(2027, 1, 31))
    for missing in ("override_reason", "override_until"):
        lines = [line for line in OVERRIDE.splitlines() if not line.startswith(missing)]
        ((line, _, fr, _),) = problems(tmp_path, with_second("\n".join(lines)))
        assert line == 27
        assert "override_reason et override_until" in fr


def test_an_override_that_is_over_does_not_stop_the_appliance(tmp_path: Path) -> None:
    site = load(tmp_path, with_second(OVERRIDE.replace("2027-01-31", "2020-01-31")))
    assert not recording_now(site.rule(site.camera[1]), site.opening_calendar, IN_HOURS, PARIS)


def test_elsewhere_than_in_a_school_these_spaces_are_free(tmp_path: Path) -> None:
    site = load(tmp_path, with_second('recording = "permanent"').replace('"school"', '"fire_station"'))
    assert site.rule(site.camera[1]).recording is RecordingMode.PERMANENT


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('recording = "permanent"\n', 'recording = "always"\n', 15, '"outside_activity"'),
        ('recording = "permanent"\n', OVERRIDE, 16, "retirez-la"),
        (VIEW, VIEW.replace("\n\n", '\noverride_reason = "motif assez long"\n\n'), 26, "retirez-la"),
        ('monday = ["08:00-18:00"]\n', "", 34, 'monday = ["08:00-12:00"'),
        ('monday = ["08:00-18:00"]', 'monday = "08:00-18:00"', 35, "écrivez une liste"),
        ('monday = ["08:00-18:00"]', 'monday = ["8h-18h"]', 35, '"08:00-18:00"'),
        ('monday = ["08:00-18:00"]', 'monday = [\n  "08:00-12:00",\n  "18:00"\n]', 35, "passe minuit"),
        ("friday = ", "fryday = ", 39, 'vouliez-vous dire "friday"'),
        ('"alsace-moselle"', '"alsace"', 31, '"reunion"'),
        ("margin_before_minutes = 10", "margin_before_minutes = 121", 32, "au plus 120"),
        ("margin_before_minutes = 10", "margin_before = 10", 32, '"margin_before_minutes"'),
        ("last = 2027-02-21", "last = 2027-02-05", 46, "last est avant first"),
        ("last = 2027-02-21", "last = 2028-02-21", 46, "vérifiez l'année"),
        ("last = 2027-02-21", 'last = "2027-02-21"', 49, "une date sans guillemets"),
        ("last = 2027-02-21", "last = 20270221", 49, "une date sans guillemets"),
        ("last = 2027-02-21", "last = 2027-02-21T10:00:00", 49, "une date sans guillemets"),
        ("date = 2026-12-05", "dat = 2026-12-05", 53, 'vouliez-vous dire "date"'),
    ],
)
def test_each_mistake_has_its_line_and_what_to_write(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    assert GOOD.count(old) == 1 or old.startswith("recording")
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert any(where == line and words in fr for where, _, fr, _ in found), found


def test_the_place_of_a_mistake_is_named(tmp_path: Path) -> None:
    ((_, place, _, _),) = problems(tmp_path, GOOD.replace("last = 2027-02-21", 'last = "x"'))
    assert place == "[[calendar.school_holiday]] Hiver, last"


def test_two_entries_for_one_day_are_refused(tmp_path: Path) -> None:
    more = '\n[[calendar.exceptional_day]]\nname = "Pont"\ndate = 2026-12-05\nhours = []\n'
    ((line, _, fr, _),) = problems(tmp_path, GOOD + more)
    assert line == 30
    assert "la même date" in fr


def test_a_calendar_that_is_never_open_is_refused(tmp_path: Path) -> None:
    days = ("monday", "tuesday", "wednesday", "thursday", "friday")
    head, _, tail = GOOD.partition("[calendar.hours]\n")
    closed = "".join(f"{day} = []\n" for day in days)
    ((line, _, fr, _),) = problems(tmp_path, f"{head}[calendar.hours]\n{closed}\n[[{tail.partition('[[')[2]}")
    assert line == 34
    assert "aucun jour n'est ouvert" in fr


def test_outside_activity_without_a_calendar_is_refused_on_each_camera(tmp_path: Path) -> None:
    text = GOOD.partition("[calendar]")[0].replace('recording = "permanent"', 'recording = "outside_activity"')
    found = problems(tmp_path, text)
    assert [line for line, _, _, _ in found] == [15, 17]
    assert all("[calendar.hours]" in fr and "[calendar.hours]" in en for _, _, fr, en in found)


def test_lines_in_nested_tables_are_found() -> None:
    assert line_of(GOOD, ("calendar", "school_holiday", 1, "last")) == 49
    assert line_of(GOOD, ("calendar", "school_holiday", 0)) == 41
    assert line_of(GOOD, ("calendar", "hours", "tuesday", 1)) == 36
    text = "[[camera]]\n[camera.view]\nx = 1\n[[camera]]\n[camera.view]\nx = 2\n"
    assert line_of(text, ("camera", 1, "view", "x")) == 6


@pytest.mark.parametrize("language", ["fr", "en"])
def test_site_check_says_when_each_camera_records_and_warns(
    tmp_path: Path, language: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8" if language == "fr" else "C")
    file = tmp_path / "site.toml"
    old = GOOD.replace("2026-12-19", "2020-12-19").replace("2027-01-03", "2021-01-03")
    file.write_text(old.replace("2027-02", "2021-02"), encoding="utf-8")
    assert cli.main(["site", "check", str(file)]) == cli.OK
    text = capsys.readouterr().out
    if language == "fr":
        assert "portail : enregistre en permanence." in text
        assert "preau : n'enregistre pas le lundi, jeudi et vendredi de 7 h 50 à 18 h 15, le mardi" in text
        assert "Attention : aucune période de vacances scolaires" in text
    else:
        assert "portail: records all the time." in text
        assert "Warning: no school holiday" in text
