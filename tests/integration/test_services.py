"""Services that cannot start: one clear sentence in each language, exit code 3, no trace; SIGTERM ends with 0."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.ring.disks.disk import format_disk
from tests.peers.ring_rig import SMALL

CANNOT = 3

SITE = """
[site]
name = "Essai"
place = "Ici"
kind = "school"
timezone = "Europe/Paris"

[[camera]]
id = "cam"
name = "Porte"
place = "Hall"
main = "rtsp://127.0.0.1:1/main"
legal_zone = "non_public"
area_type = "entrance"
purpose = "levée de doute"
view = "wide"

[[disk]]
path = "disk"

[recorder]
clock = "host"
socket = "{socket}"
index = "index.db"

[web]
port = {port}
"""


def site(folder: Path, *, chunks: int = 20, socket_path: str = "recorder.sock", port: int = 0) -> Path:
    if chunks:
        format_disk(folder / "disk", SMALL, chunks)
    file = folder / "site.toml"
    file.write_text(SITE.format(socket=socket_path, port=port), encoding="utf-8")
    return file


def start(verb: str, file: Path, language: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "LANG": f"{language}.UTF-8", "LC_ALL": f"{language}.UTF-8"}
    command = [sys.executable, "-m", "appliance", verb, "--site", str(file)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def refused(verb: str, file: Path) -> tuple[str, str]:
    """The last line in French and in English."""
    sentences: list[str] = []
    for language in ("fr_FR", "en_GB"):
        with start(verb, file, language) as process:
            _, said = process.communicate(timeout=40)
        assert process.returncode == CANNOT, said
        assert "Traceback" not in said
        sentences.append(said.strip().splitlines()[-1])
        assert sentences[-1].startswith("appliance: ")
    return sentences[0], sentences[1]


def test_a_disk_that_is_not_formatted(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    french, english = refused("recorder", site(tmp_path, chunks=0))
    assert "est-il monté" in french
    assert "is it mounted" in english
    assert str(tmp_path / "disk") in french


def test_a_disk_that_is_not_there(tmp_path: Path) -> None:
    french, english = refused("recorder", site(tmp_path, chunks=0))
    assert "branché et monté" in french
    assert "plugged in and mounted" in english
    assert "format" not in english, "whoever forgot to mount must not format the folder below"


@pytest.mark.full
def test_a_disk_that_another_recorder_uses(tmp_path: Path) -> None:
    file = site(tmp_path)
    with start("recorder", file, "en_GB") as first:
        assert first.stdout is not None
        assert first.stdout.readline().startswith("ready")
        french, english = refused("recorder", file)
        assert f"processus {first.pid}" in french
        assert f"process {first.pid}" in english
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) == 0
    with start("recorder", file, "en_GB") as again:
        assert again.stdout is not None
        assert again.stdout.readline().startswith("ready")
        again.send_signal(signal.SIGTERM)
        assert again.wait(20) == 0


def test_a_recorder_waits_for_the_one_that_is_stopping(tmp_path: Path) -> None:
    file = site(tmp_path)
    with start("recorder", file, "en_GB") as first:
        assert first.stdout is not None
        assert first.stdout.readline().startswith("ready")
        with start("recorder", file, "en_GB") as second:
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(1.5)
            first.send_signal(signal.SIGTERM)
            assert second.stdout is not None
            assert second.stdout.readline().startswith("ready")
            second.send_signal(signal.SIGTERM)
            assert second.wait(20) == 0


@pytest.mark.parametrize("place", ["/proc/nowhere/recorder.sock", "x" * 120 + ".sock", "disk"])
def test_a_socket_that_cannot_be_made(tmp_path: Path, place: str) -> None:
    french, english = refused("recorder", site(tmp_path, socket_path=place))
    assert "recorder.socket" in french
    assert "recorder.socket" in english


def test_an_index_that_cannot_be_written_stops_no_recorder(tmp_path: Path) -> None:
    file = site(tmp_path)
    (tmp_path / "index.db.damaged").mkdir()
    (tmp_path / "index.db").mkdir()
    (tmp_path / "index.db.damaged" / "full").touch()
    with start("recorder", file, "en_GB") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 0
    assert "Traceback" not in said
    assert "recording goes on" in said


@pytest.mark.full
def test_a_port_that_is_taken_stops_all_services(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        french, english = refused("web", site(tmp_path, port=port))
    assert str(port) in french
    assert str(port) in english


def say(verb: str, file: Path, language: str) -> tuple[int, str]:
    environment = {**os.environ, "LC_ALL": f"{language}.UTF-8"}
    command = [sys.executable, "-m", "appliance", *verb.split(), "--site", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=40, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_time_that_nobody_verifies_is_confirmed_on_the_console(tmp_path: Path) -> None:
    file = site(tmp_path)
    file.write_text(file.read_text(encoding="utf-8").replace('clock = "host"\n', ""), encoding="utf-8")
    with start("recorder", file, "en_GB") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready")
        code, before = say("clock status", file, "fr_FR")
        if "heure vérifiée" in before:  # this machine has an RTC and NTP
            assert code == 0
        else:
            assert code == 1
            assert "heure non vérifiée" in before
            assert "ne sont pas montrées" in before
            assert "Clock:" in say("status", file, "en_GB")[1]
            code, after = say("clock confirm", file, "fr_FR")
            assert (code, "Heure confirmée par une personne." in after) == (0, True)
            assert "time not verified" in say("clock status", file, "en_GB")[1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
