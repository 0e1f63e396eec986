"""The demonstration's own files: read back by the product's strict reader."""

import os
import socket
import stat
from datetime import date
from pathlib import Path

import pytest

from appliance.demo.errors import DemonstrationRuns, PortTaken
from appliance.demo.scenes import SCENES
from appliance.demo.show import PORTS_TRIED, free_port
from appliance.demo.site import CAMERAS, MARKER, PASSWORD, USER, fresh_folder, write_site
from appliance.detection.gate import CameraRecord, gate
from appliance.detection.install import folders, known_models, models_in
from appliance.site.load import load_credentials, load_site


def test_the_site_file_is_accepted_by_the_product(tmp_path: Path) -> None:
    os.close(fresh_folder(tmp_path / "demo"))
    ports = {camera.scene: 20_000 + index for index, camera in enumerate(CAMERAS)}
    file = write_site(tmp_path / "demo", ports, 8080, date(2026, 11, 25))
    site = load_site(file)
    assert [camera.id for camera in site.camera] == list(SCENES)
    assert str(site.camera[0].main) == "rtsp://127.0.0.1:20000/main"
    assert [disk.path for disk in site.disk] == [tmp_path / "demo" / "disk-a", tmp_path / "demo" / "disk-b"]
    noon = 1_795_690_800_000_000  # Wednesday 25 November 2026: the college is closed for the show
    gates = {c.id: gate(CameraRecord.of(site, c), None, noon, clock_certain=True) for c in site.camera}
    assert {name for name, verdict in gates.items() if verdict.armed} == {"cour", "couloir", "parking"}
    credentials = load_credentials(site)
    assert {(c.user, c.password) for c in credentials.values()} == {(USER, PASSWORD)}
    assert stat.S_IMODE((tmp_path / "demo" / "secrets.toml").stat().st_mode) == 0o600


def test_drawn_scenes_are_looked_at_by_the_model_that_knows_them(tmp_path: Path) -> None:
    ports = {camera.scene: 20_000 + index for index, camera in enumerate(CAMERAS)}
    for drawn in (True, False):
        folder = tmp_path / str(drawn)
        os.close(fresh_folder(folder))
        site = load_site(write_site(folder, ports, 8080, date(2026, 11, 25), drawn=drawn))
        found = models_in(folders(site.detector.models, {}), known_models())
        assert [one.description.name for one in found] == (["demo"] if drawn else [])
        for camera in site.camera:
            watched = camera.legal_zone == "non_public"
            assert any(area.name == "Compteur incrusté" for area in camera.detection.ignore) == watched


def test_only_our_own_folder_is_emptied(tmp_path: Path) -> None:
    own, foreign = tmp_path / "own", tmp_path / "foreign"
    os.close(fresh_folder(own))
    (own / "old").touch()
    os.close(fresh_folder(own))
    assert [path.name for path in own.iterdir()] == [MARKER]
    foreign.mkdir()
    (foreign / "holiday.jpg").touch()
    with pytest.raises(FileExistsError):
        fresh_folder(foreign)
    assert (foreign / "holiday.jpg").exists()


def test_a_demonstration_that_runs_keeps_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    running = fresh_folder(folder)
    (folder / "disk-a").mkdir()
    with pytest.raises(DemonstrationRuns, match="demo"):
        fresh_folder(folder)
    assert (folder / "disk-a").exists()
    os.close(running)
    os.close(fresh_folder(folder))
    assert not (folder / "disk-a").exists()


def test_the_next_free_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        if port + PORTS_TRIED > 65_535:
            pytest.skip("the kernel gave one of the last ports")
        found = free_port(port)
        assert port < found < port + PORTS_TRIED


def test_no_free_port_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: socket.socket, _address: tuple[str, int]) -> None:
        raise OSError("taken")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(PortTaken) as caught:
        free_port(8080)
    assert "8080" in caught.value.sentence("fr")
