"""The command: its table, its help, its exit codes, both languages."""

import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from appliance import cli
from appliance.cli import command
from appliance.core.language import language_of
from appliance.services.status import sentences
from tests.unit.site.test_site import GOOD


@pytest.fixture(params=["fr_FR.UTF-8", "en_GB.UTF-8"])
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LC_ALL", request.param)
    return str(request.param)[:2]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "fr"),
        ({"LANG": "fr_FR.UTF-8"}, "fr"),
        ({"LANG": "fr_FR.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "fr_BE"}, "fr"),
    ],
)
def test_the_locale_chooses_the_language(environment: dict[str, str], expected: str) -> None:
    assert language_of(environment) == expected


def test_help_names_every_verb_with_an_example(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == cli.OK
    text = capsys.readouterr().out
    for verb in cli.VERBS:
        assert verb.example in text
        assert verb.words[0 if language == "fr" else 1] in text
    assert max(map(len, text.splitlines())) <= 110


@pytest.mark.parametrize("verb", cli.VERBS, ids=lambda verb: verb.path)
def test_each_verb_explains_each_argument(verb: cli.Verb, language: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*verb.path.split(), "--help"]) == cli.OK
    text = capsys.readouterr().out
    for argument in verb.arguments:
        assert argument.name in text
        assert argument.words[0 if language == "fr" else 1] in text


@pytest.mark.parametrize(
    ("arguments", "french", "english"),
    [
        ([], "Sur le site", "On site"),
        (["rnu"], "commande inconnue : rnu", "unknown command: rnu"),
        (["site", "check"], "il manque : file", "the following arguments are required: file"),
        (["run", "--site"], "--site : il manque la valeur", "argument --site: expected one argument"),
        (["run", "--site", "x", "y"], "mot(s) inconnu(s) : y", "unrecognized arguments: y"),
        (["run", "--site", "x", "--port", "80000"], "--port : '80000' ne convient pas", "'80000' does not fit"),
        (["disk", "format", "x", "--chunks", "0"], "'0' ne convient pas", "'0' does not fit"),
        (["disk", "format", "x", "--chunks", "9", "--chunk-mib", "5"], "'5' ne convient pas", "'5' does not fit"),
    ],
)
def test_a_wrong_command_line_says_why_and_ends_with_2(
    arguments: list[str], french: str, english: str, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == cli.USAGE
    told = capsys.readouterr()
    assert (french if language == "fr" else english) in told.out + told.err


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["--help"], ["site", "check", "FILE"]])
def test_output_that_nobody_reads_to_its_end_ends_the_command_quietly(
    arguments: list[str], unbuffered: str, tmp_path: Path
) -> None:
    (tmp_path / "site.toml").write_text(GOOD.replace('secrets = "secrets.toml"\n', ""), encoding="utf-8")
    reader, writer = os.pipe()
    os.close(reader)
    words = [str(tmp_path / "site.toml") if word == "FILE" else word for word in arguments]
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with os.fdopen(writer, "wb") as nobody:
        ended = subprocess.run(
            [sys.executable, "-m", "appliance", *words], stdout=nobody, stderr=subprocess.PIPE, env=env, check=False
        )
    assert (ended.returncode, ended.stderr) == (cli.CLOSED, b"")


def test_a_pipe_that_breaks_elsewhere_is_not_taken_for_the_reader(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_command", Mock(side_effect=BrokenPipeError))
    with pytest.raises(BrokenPipeError):
        cli.main(["--help"])
    print("still heard")
    assert "still heard" in capfd.readouterr().out


def test_a_flag_takes_no_value(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ring", "check", "--site", "/nowhere", "--deep"]) == cli.CANNOT
    capsys.readouterr()
    assert cli.main(["ring", "check", "--site", "/nowhere", "--deep=yes"]) == cli.USAGE
    assert ("--deep : s'écrit sans valeur" if language == "fr" else "--deep") in capsys.readouterr().err


def test_site_check_of_a_good_file(tmp_path: Path, language: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "site.toml"
    file.write_text(GOOD.replace('secrets = "secrets.toml"\n', ""), encoding="utf-8")
    assert cli.main(["site", "check", str(file)]) == cli.OK
    assert ("5 jour(s)" if language == "fr" else "5 day(s)") in capsys.readouterr().out


def test_site_check_of_a_wrong_file_names_the_line_and_ends_with_1(
    tmp_path: Path, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "site.toml"
    file.write_text(GOOD.replace('"school"', '"scool"'), encoding="utf-8")
    assert cli.main(["site", "check", str(file)]) == cli.FOUND
    assert ("ligne 6" if language == "fr" else "line 6") in capsys.readouterr().err


def test_a_disk_is_formatted_once_and_never_over_pictures(
    tmp_path: Path, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    format_two = ["disk", "format", str(tmp_path / "disk"), "--chunks", "2", "--chunk-mib", "4"]
    assert cli.main(format_two) == cli.OK
    assert ("8 Mio" if language == "fr" else "8 MiB") in capsys.readouterr().out
    assert cli.main(format_two) == cli.CANNOT
    assert str(tmp_path / "disk") in capsys.readouterr().err


def test_more_files_than_a_disk_has_room_for_are_refused_with_what_fits(
    tmp_path: Path, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["disk", "format", str(tmp_path / "disk"), "--chunks", "1000000"]) == cli.CANNOT
    said = capsys.readouterr().err
    assert ("au plus" if language == "fr" else "at the most") in said
    assert not (tmp_path / "disk").exists()


@pytest.mark.parametrize("verb", ["run", "recorder", "web", "status"])
def test_a_service_without_its_site_file_ends_with_3(
    verb: str, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([verb, "--site", "/nowhere/site.toml"]) == cli.CANNOT
    assert ("Vérifiez le chemin" if language == "fr" else "Check the path") in capsys.readouterr().err


STATE = {
    "now_utc_us": 100_000_000,
    "cameras": [
        {
            "name": "Portail",
            "streams": {
                "main": {
                    "durable_utc_us": 99_600_000,
                    "width": 1280,
                    "height": 720,
                    "fps": 12.5,
                    "bitrate": 1_000_000,
                    "sentence_fr": "",
                    "sentence_en": "",
                    "state": "playing",
                },
                "sub": {
                    "durable_utc_us": None,
                    "sentence_fr": "Mot de passe refusé.",
                    "sentence_en": "Password refused.",
                    "state": "waiting",
                },
            },
        }
    ],
    "disks": [
        {
            "path": "/srv/d",
            "chunks": 13,
            "protected": 3,
            "pool_free": 1,
            "free": 4,
            "open": 2,
            "closed": 4,
            "error": "",
            "backend": "O_DIRECT",
        }
    ],
}


def test_status_says_in_words_what_records_and_what_does_not() -> None:
    lines, well = sentences(STATE, "fr")
    assert not well
    assert lines[0].startswith("✔ Portail (main) : enregistre")
    assert "N’ENREGISTRE PAS : Mot de passe refusé." in lines[1]
    assert "2 fichiers protégés sur 3" in lines[2]
    lines, _ = sentences(STATE, "en")
    assert "NOT RECORDING: Password refused." in lines[1]


def test_status_tells_a_planned_pause_from_one_that_is_wrong() -> None:
    pause = {"cause": "PLANNED", "from_us": 1, "until_us": 2, "fr": "pause prévue (site ouvert)", "en": "planned pause"}
    camera = {**STATE["cameras"][0], "pause": pause}  # type: ignore[index]
    lines, well = sentences({**STATE, "cameras": [camera], "disks": []}, "fr")
    assert (lines, well) == (["✔ Portail : pause prévue (site ouvert)"], True)
    camera["pause"] = {**pause, "cause": "CLOCK_DOUBTFUL", "en": "time in doubt"}
    lines, well = sentences({**STATE, "cameras": [camera], "disks": []}, "en")
    assert (lines, well) == (["✖ Portail: time in doubt"], False)


def test_status_says_when_a_disk_has_no_protected_reserve() -> None:
    state = {**STATE, "disks": [{**STATE["disks"][0], "protected": 0, "pool_free": 0}]}  # type: ignore[index]
    assert "pas de réserve protégée" in sentences(state, "fr")[0][2]
    assert "no protected reserve" in sentences(state, "en")[0][2]


def test_status_names_a_failed_disk() -> None:
    state = {**STATE, "cameras": [], "disks": [{**STATE["disks"][0], "error": "EIO"}]}  # type: ignore[index]
    lines, well = sentences(state, "en")
    assert not well
    assert lines[0].startswith("✖ Disks: NO DISK IS RECORDING")
    assert lines[1].startswith("✖ Disk /srv/d (/srv/d): EIO")


def test_status_survives_a_disk_that_could_not_be_opened() -> None:
    state = {
        **STATE,
        "cameras": [],
        "disks": [{"path": "/srv/d", "failed": "gone", "failed_fr": "absent", "error": "gone"}],
    }
    lines, well = sentences(state, "en")
    assert not well
    assert lines[1:] == ["✖ Disk /srv/d (/srv/d): gone"]
