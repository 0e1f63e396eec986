"""A stream as it was measured, in a person's words."""

from dataclasses import asdict
from typing import Any

import pytest

from appliance.capture.measure import Stored
from appliance.core.errors import Language
from appliance.services.status import sentences
from appliance.services.stream_words import measured

MINUTE = asdict(Stored(1280, 720, 12.5, 6.25, 2_100_000, 2.0))


@pytest.mark.parametrize(
    ("stream", "french", "english"),
    [
        ({}, "", ""),
        ({"audio_offered": True}, "son offert, jamais pris", "sound is offered, never taken"),
        (
            {"stored": MINUTE, "camera_clock_offset_us": -3_240_000},
            (
                "enregistré\u202f: 1280 × 720, 12,5 images/s dont 6,2 réelles, image clé toutes les 2,0 s au plus,"
                " 2,1 Mbit/s\u202f; horloge de la caméra en retard de 3,2 s"
            ),
            (
                "stored: 1280 × 720, 12.5 pictures/s, 6.2 of them real, a key picture every 2.0 s at most, 2.1 Mbit/s;"
                " the camera's clock is 3.2 s slow"
            ),
        ),
        (
            {"stored": MINUTE | {"real_fps": None, "gop_s": None}, "audio_offered": False},
            (
                "enregistré\u202f: 1280 × 720, 12,5 images/s (scène immobile), 2,1 Mbit/s\u202f; la caméra ne dit pas"
                " son heure"
            ),
            "stored: 1280 × 720, 12.5 pictures/s (still scene), 2.1 Mbit/s; the camera does not tell its time",
        ),
        (
            {"camera_clock_offset_us": 90_000_000},
            "horloge de la caméra en avance de 90,0 s",
            "the camera's clock is 90.0 s fast",
        ),
        ({"camera_clock_offset_us": -499_999}, "horloge de la caméra à l'heure", "the camera's clock is right"),
    ],
)
def test_what_was_measured_is_said_and_no_more(stream: dict[str, Any], french: str, english: str) -> None:
    assert measured(stream, "fr") == french
    assert measured(stream, "en") == english


@pytest.mark.parametrize("language", ["fr", "en"])
def test_status_tells_it_beneath_a_stream_that_is_recorded_alone(language: Language) -> None:
    facts = {"fps": 12.5, "width": 1280, "height": 720, "bitrate": 2e6, "state": "playing", "stored": MINUTE}
    facts |= {"sentence_fr": "", "sentence_en": "", "camera_clock_offset_us": 0, "audio_offered": True}
    cameras = [{"id": "cour", "name": "Cour", "streams": {"main": facts | {"durable_utc_us": 0}}}]
    for now_us, told in ((0, True), (60_000_000, False)):
        lines, well = sentences({"now_utc_us": now_us, "cameras": cameras, "disks": []}, language)
        (line,) = (each for each in lines if "Cour" in each)
        assert (measured(facts, language) in line) == told
        assert line.startswith("✔ Cour (main)" if told else "✖ Cour (main)")
        assert told or not well
