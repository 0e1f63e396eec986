"""Encrypted cameras in site.toml: somebody vouches for each, however the fingerprint is written."""

from pathlib import Path

import pytest

from appliance.site.load import load_site
from tests.unit.site.test_site import GOOD, problems, write

PIN = "0f" * 32
SECURE = GOOD.replace('"rtsp://10.20.0.12/main"', '"rtsps://10.20.0.12/main"')


@pytest.mark.parametrize("text", [PIN, PIN.upper(), f"sha256:{PIN}", ":".join(["0F"] * 32)])
def test_a_fingerprint_as_tools_print_it(tmp_path: Path, text: str) -> None:
    site = load_site(write(tmp_path, SECURE.replace('"narrow"', f'"narrow"\nfingerprint = "{text}"')))
    assert site.camera[1].fingerprint == PIN
    assert site.camera[0].fingerprint is None


def test_an_authority_vouches_for_all_cameras(tmp_path: Path) -> None:
    site = load_site(write(tmp_path, f'authority = "cameras.pem"\n{SECURE}'))
    assert site.authority == tmp_path / "cameras.pem"


def test_an_encrypted_camera_without_either_is_refused(tmp_path: Path) -> None:
    ((line, fr, en),) = problems(tmp_path, SECURE)
    assert line == 23
    assert "fingerprint" in fr
    assert "authority" in en


@pytest.mark.parametrize("text", ["", "0f", "0f" * 31 + "0g", "0f" * 33])
def test_what_is_no_fingerprint_is_named(tmp_path: Path, text: str) -> None:
    found = problems(tmp_path, SECURE.replace('"narrow"', f'"narrow"\nfingerprint = "{text}"'))
    assert any(line == 28 and "64 chiffres" in fr for line, fr, _ in found)


def test_the_reader_is_chosen_by_a_word(tmp_path: Path) -> None:
    site = load_site(write(tmp_path, GOOD.replace('"narrow"', '"narrow"\nreader = "compatible"')))
    assert [camera.reader for camera in site.camera] == ["auto", "compatible"]
    assert any(
        "valeur inconnue" in fr for _, fr, _ in problems(tmp_path, GOOD.replace('"narrow"', '"narrow"\nreader = "x"'))
    )
