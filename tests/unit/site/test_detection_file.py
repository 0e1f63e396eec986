"""`[camera.detection]` in a site file: what is accepted, what is refused, and where."""

from pathlib import Path

import pytest

from appliance.detection.gate import CameraRecord, GateReason, gate
from appliance.site.errors import SiteInvalid
from appliance.site.load import load_site
from appliance.site.model import Site

GOOD = """\
[site]
name = "Collège Jean Moulin"
place = "Mantes-la-Jolie"
kind = "school"

[[camera]]
id = "arriere"
name = "Arrière"
place = "Pelouse"
main = "rtsp://10.20.0.11/main"
legal_zone = "non_public"
area_type = "perimeter"
purpose = "levée de doute hors horaires"
view = "wide"
linked = ["thermique"]

[camera.detection]
aipd = "AIPD 2026-014, avis du DPO du 12 octobre 2026"

[[camera.detection.zone]]
name = "Pelouse"
polygon = [[0, 0.5], [1, 0.6], [1, 1], [0, 1]]
min_height = 0.05

[[camera.detection.zone]]
name = "Porte"
rule = "loitering"
polygon = [[0.4, 0.2], [0.6, 0.2], [0.6, 0.5], [0.4, 0.5]]
hours = ["22:00-05:00"]

[[camera.detection.line]]
name = "Clôture"
start = [0.1, 0.4]
end = [0.9, 0.4]
direction = "to_left"
objects = ["person", "vehicle"]

[[camera.detection.ignore]]
polygon = [[0, 0], [1, 0], [1, 0.2], [0, 0.2]]

[[camera]]
id = "thermique"
name = "Thermique"
place = "Pelouse"
main = "rtsp://10.20.0.12/main"
legal_zone = "non_public"
area_type = "yard"
purpose = "levée de doute hors horaires"
view = "wide"
spectrum = "thermal"

[[disk]]
path = "disk-a"

[calendar.hours]
monday = ["08:00-18:00"]
tuesday = ["08:00-18:00"]
wednesday = ["08:00-12:30"]
thursday = ["08:00-18:00"]
friday = ["08:00-18:00"]
"""


def load(folder: Path, text: str) -> Site:
    file = folder / "site.toml"
    file.write_text(text, encoding="utf-8")
    return load_site(file)


def line_with(text: str) -> int:
    return GOOD[: GOOD.index(text)].count("\n") + 1


def test_zones_lines_and_ignored_areas_are_read(tmp_path: Path) -> None:
    camera, thermal = load(tmp_path, GOOD).camera
    lawn, door = camera.detection.zone
    assert (lawn.rule, lawn.dwell_s, lawn.objects, lawn.hours) == ("intrusion", 1.0, ("person",), None)
    assert (door.rule, door.dwell_s, door.hours) == ("loitering", 60.0, ("22:00-05:00",))
    assert camera.detection.line[0].direction == "to_left"
    assert camera.detection.ignore[0].polygon[2] == (1.0, 0.2)
    assert camera.linked == ("thermique",)
    assert thermal.spectrum == "thermal"
    assert not thermal.detection.zone


def test_the_gate_is_fed_from_the_file(tmp_path: Path) -> None:
    site = load(tmp_path, GOOD)
    sunday_noon = 1_795_345_200_000_000
    armed, never = (gate(CameraRecord.of(site, c), None, sunday_noon, clock_certain=True) for c in site.camera)
    assert (armed.reason, never.reason) == (GateReason.OUTSIDE_HOURS, GateReason.NO_AIPD)


@pytest.mark.parametrize(
    ("old", "new", "at", "words"),
    [
        ('legal_zone = "non_public"', 'legal_zone = "open_to_public"', "[camera.detection]", "n° 506370"),
        ('legal_zone = "non_public"', 'legal_zone = "public_road"', "[camera.detection]", "retirez la table"),
        ('linked = ["thermique"]', 'linked = ["thermik"]', "linked", "noms courts"),
        ('linked = ["thermique"]', 'linked = ["arriere"]', "linked", "d'autres caméras"),
        ("min_height = 0.05", "min_height = 1.0", "[[camera.detection.zone]]", "plus petit que max_height"),
        ("[[0, 0.5], [1, 0.6], [1, 1], [0, 1]]", "[[0, 0.5], [1, 1], [1, 0.6], [0, 1]]", "[[camera.det", "se croisent"),
        ("[[0, 0.5], [1, 0.6], [1, 1], [0, 1]]", "[[0, 0], [1, 1], [0.5, 0.5]]", "[[camera.detection.z", "surface"),
        ("[[0, 0.5], [1, 0.6], [1, 1], [0, 1]]", "[[0, 0], [640, 0], [0.5, 0.5]]", "polygon = [[0, 0.5]", "au plus 1"),
        ('polygon = [[0, 0.5], [1, 0.6], [1, 1], [0, 1]]\n', "", "[[camera.detection.zone]]", "polygon = [[0.1"),
        ("end = [0.9, 0.4]", "end = [0.11, 0.4]", "[[camera.detection.line]]", "trop courte"),
        ('name = "Porte"', 'name = "Pelouse"', "[camera.detection]", "même nom"),
        ('aipd = "', 'living_space_reason = "dégradations de nuit"\naipd = "', "[camera.detection]", "date de fin"),
        ('rule = "loitering"', 'rule = "fall"', 'rule = "loitering"', '"intrusion", "loitering"'),
        ('direction = "to_left"', 'sens = "to_left"', 'direction = "to_left"', "mot inconnu"),
        ('objects = ["person", "vehicle"]', 'objects = ["face"]', "objects", '"person", "vehicle"'),
        ('hours = ["22:00-05:00"]', 'hours = ["22 h"]', "hours = [", "08:00-18:00"),
    ],
)  # fmt: skip
def test_each_mistake_has_its_line_and_what_to_write(tmp_path: Path, old: str, new: str, at: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(SiteInvalid) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert [(p.line, words in p.fr) for p in caught.value.problems] == [(line_with(at), True)]
    assert all(p.en != p.fr for p in caught.value.problems)


def test_a_reason_for_a_living_space_is_refused_elsewhere(tmp_path: Path) -> None:
    more = 'living_space_reason = "dégradations de nuit"\nliving_space_until = 2026-12-18\naipd = "'
    with pytest.raises(SiteInvalid) as caught:
        load(tmp_path, GOOD.replace('aipd = "', more, 1))
    assert "lieu de vie" in caught.value.problems[0].fr
    assert load(tmp_path, GOOD.replace('aipd = "', more, 1).replace('"perimeter"', '"yard"')).camera
