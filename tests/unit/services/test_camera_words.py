"""What a technician reads of cameras: who was found, which are known, what one is; in both languages."""

from typing import Any

import pytest

from appliance.core.errors import Language
from appliance.services.camera_words import camera_lines, found_lines

DEVICES = [
    {"address": "10.20.0.11", "name": "Acme", "hardware": "X1"},
    {"address": "10.20.0.12:8080", "name": "", "hardware": ""},
]

CAMERA: dict[str, Any] = {
    "address": "10.20.0.11",
    "make": "Acme",
    "model": "X1",
    "firmware": "",
    "serial": "7",
    "clock_off_s": -3,
    "clock_by_ntp": True,
    "streams": [
        {"role": "main", "codec": "h265", "width": 0, "height": 0, "fps": 0, "gop": 0, "kbps": 0, "url": "rtsp://a/b"},
        {"role": "sub", "codec": "", "width": 640, "height": 360, "fps": 8, "gop": 12, "kbps": 9, "url": "rtsp://a/c"},
    ],
    "remarks": [{"code": "x", "fr": "À régler.", "en": "To be set."}],
    "site_toml": "",
}


@pytest.mark.parametrize(
    ("language", "known", "nobody"),
    [("fr", "(dans site.toml à cette adresse : Cour, Hall)", "Aucune"), ("en", "(in site.toml at this address:", "No")],
)
def test_each_device_with_all_cameras_that_the_site_has_there(language: Language, known: str, nobody: str) -> None:
    lines = found_lines(DEVICES, {"10.20.0.11": ["Cour", "Hall"]}, "cameras", language)
    assert len(lines) == 4
    assert known in lines[1]
    assert "site.toml" not in lines[2], "a machine that the site does not know"
    assert ("sans nom" if language == "fr" else "no name") in lines[2]
    assert found_lines([], {}, "cameras", language)[0].startswith(nobody)


def test_what_a_camera_does_not_say_is_left_out_and_figures_are_of_the_language() -> None:
    french, english = (("\n".join(camera_lines(CAMERA, language))) for language in ("fr", "en"))
    assert "principal H.265, ?\n" in french
    assert "léger     ?, 640 × 360, 8 images/s, image clé toutes les 1,5 s, 9 kbit/s" in french
    assert "key picture every 1.5 s" in english
    assert "écart -3 s, par le réseau" in french
    assert ("✖ À régler." in french, "✖ To be set." in english, "site.toml" in french) == (True, True, False)
