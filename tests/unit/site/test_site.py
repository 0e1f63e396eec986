"""Site descriptions: what is accepted, and that every mistake is named with its line and what to write."""

from pathlib import Path

import pytest

from appliance.site.errors import SiteFileMissing, SiteInvalid
from appliance.site.load import load_credentials, load_site
from appliance.site.locate import line_of
from appliance.site.model import DEFAULT_DAYS, AreaType, Site

GOOD = """\
secrets = "secrets.toml"

[site]
name = "Collège Jean Moulin"
place = "Mantes-la-Jolie"
kind = "school"

[[camera]]
id = "portail"
name = "Portail"
place = "Entrée principale"
main = "rtsp://10.20.0.11/main"
sub = "rtsp://10.20.0.11/sub"
legal_zone = "open_to_public"
area_type = "entrance"
purpose = "levée de doute à l'entrée"
view = "wide"

[[camera]]
id = "couloir"
name = "Couloir"
place = "Bâtiment B"
main = "rtsp://10.20.0.12/main"
legal_zone = "non_public"
area_type = "circulation"
purpose = "levée de doute hors horaires"
view = "narrow"

[[disk]]
path = "disk-a"
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "site.toml"
    file.write_text(text, encoding="utf-8")
    return file


def problems(folder: Path, text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(SiteInvalid) as caught:
        load_site(write(folder, text))
    return [(p.line, p.fr, p.en) for p in caught.value.problems]


def test_a_good_file_is_read_with_paths_made_absolute(tmp_path: Path) -> None:
    site = load_site(write(tmp_path, GOOD))
    assert [camera.id for camera in site.camera] == ["portail", "couloir"]
    assert site.camera[1].sub is None
    assert site.disk[0].path == tmp_path / "disk-a"
    assert site.secrets == tmp_path / "secrets.toml"
    assert site.recorder.quarantine_s == 120


@pytest.mark.parametrize("kind", sorted(DEFAULT_DAYS))
def test_days_default_by_kind_of_site(tmp_path: Path, kind: str) -> None:
    site = load_site(write(tmp_path, GOOD.replace('"school"', f'"{kind}"')))
    assert site.site.days == DEFAULT_DAYS[kind]


def test_days_are_never_over_the_authorisation(tmp_path: Path) -> None:
    site = load_site(write(tmp_path, GOOD.replace('kind = "school"', 'kind = "school"\nauthorised_days = 3')))
    assert site.site.days == 3
    text = GOOD.replace('kind = "school"', 'kind = "school"\nauthorised_days = 10\nrecording_days = 11')
    ((line, fr, _en),) = problems(tmp_path, text)
    assert line == 3
    assert "authorised_days" in fr
    ((line, fr, _en),) = problems(tmp_path, GOOD.replace('kind = "school"', 'kind = "school"\nauthorised_days = 32'))
    assert (line, fr) == (7, "au plus 31")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('kind = "school"', 'kind = "scool"', 6, '"fire_station"'),
        ('view = "narrow"', 'veiw = "narrow"', 27, 'vouliez-vous dire "view"'),
        ('legal_zone = "non_public"\n', "", 19, 'legal_zone = "non_public"'),
        ('"rtsp://10.20.0.12/main"', '"http://10.20.0.12/main"', 23, "rtsp://10.20.0.11:554/chemin"),
        ('"rtsp://10.20.0.12/main"', '"rtsp://admin:x@10.20.0.12/main"', 23, "fichier des secrets"),
        ('"rtsp://10.20.0.12/main"', '"rtsp://10.20.0.12:port/main"', 23, "rtsp://"),
        ('id = "couloir"', 'id = "Couloir 1"', 20, "lettres minuscules"),
        ('area_type = "circulation"', 'area_type = "toilets"', 25, '"entrance"'),
        ('purpose = "levée de doute hors horaires"', "purpose = 3", 26, "un texte entre guillemets"),
        ('[[disk]]\npath = "disk-a"\n', "", 0, "manque"),
        ('id = "couloir"', 'id = "portail"', 0, 'deux [[camera]] portent le nom "portail"'),
        ('kind = "school"', 'kind = "school"\ntimezone = "Europe/Pariss"', 7, "Europe/Paris"),
        ("[site]", "[site", 3, "écriture incorrecte"),
    ],
)
def test_each_mistake_has_its_line_and_what_to_write(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert any(where == line and words in fr for where, fr, _ in found), found


def test_all_mistakes_are_told_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = GOOD.replace('kind = "school"', 'kind = "scool"').replace('view = "narrow"', 'view = "norrow"')
    assert [line for line, _, _ in problems(tmp_path, text)] == [6, 27]


def test_a_missing_file_says_which(tmp_path: Path) -> None:
    with pytest.raises(SiteFileMissing, match="nowhere"):
        load_site(tmp_path / "nowhere.toml")


def test_no_value_exists_for_places_that_are_never_filmed() -> None:
    assert not {"toilets", "changing_room"} & {str(value) for value in AreaType}


def secrets(folder: Path, text: str, mode: int = 0o600) -> Site:
    file = folder / "secrets.toml"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return load_site(write(folder, GOOD))


def test_credentials_are_read_and_never_shown(tmp_path: Path) -> None:
    found = load_credentials(secrets(tmp_path, '[portail]\nuser = "admin"\npassword = "pa55"\n'))
    assert found["portail"].password == "pa55"
    assert "pa55" not in repr(found)


def test_a_secrets_file_that_others_can_read_is_refused_with_the_command_to_run(tmp_path: Path) -> None:
    site = secrets(tmp_path, '[portail]\nuser = "admin"\npassword = "pa55"\n', mode=0o644)
    with pytest.raises(SiteInvalid) as caught:
        load_credentials(site)
    assert "chmod 600" in caught.value.problems[0].fr


def test_mistakes_in_the_secrets_never_print_a_secret(tmp_path: Path) -> None:
    site = secrets(tmp_path, '[portal]\nuser = "a"\npassword = "pa55"\n[couloir]\nuser = "b"\npasword = "pa55"\n')
    with pytest.raises(SiteInvalid) as caught:
        load_credentials(site)
    sentences = [p.sentence("fr") + p.sentence("en") for p in caught.value.problems]
    assert "portail" in sentences[0]
    assert any("password" in sentence for sentence in sentences[1:])
    assert not any("pa55" in sentence for sentence in sentences)


def test_the_line_of_a_value_is_found_in_arrays_of_tables() -> None:
    assert line_of(GOOD, ("camera", 1, "view")) == 27
    assert line_of(GOOD, ("camera", 1, "sub")) == 19
    assert line_of(GOOD, ("nothing", "here")) == 0


def test_secrets_that_systemd_grants_come_first_and_their_mode_is_its_own(tmp_path: Path) -> None:
    """An access list for one user shows as rights of the group (systemd.exec(5), LoadCredential=)."""
    site = secrets(tmp_path, '[portail]\nuser = "u"\npassword = "own"\n')
    granted = tmp_path / "granted"
    granted.mkdir()
    assert load_credentials(site, granted)["portail"].password == "own"
    given = granted / "cameras.toml"
    given.write_text('[portail]\nuser = "u"\npassword = "granted"\n', encoding="utf-8")
    given.chmod(0o440)
    assert load_credentials(site, granted)["portail"].password == "granted"
    given.write_text("", encoding="utf-8")
    assert load_credentials(site, granted) == {}
