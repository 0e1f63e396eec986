"""Causes of gaps: their numbers are on disks already recorded and never change meaning."""

import pytest

from appliance.core.cause import GapCause

ON_DISK = {
    "NONE": 0,
    "APPLIANCE_OFF": 1,
    "POWER": 2,
    "UPDATE": 3,
    "PLANNED": 4,
    "DISK": 5,
    "CLOCK": 6,
    "OVERLOAD": 7,
    "ERASED": 8,
    "CLOCK_DOUBTFUL": 9,
    "NETWORK": 10,
    "CAMERA_REFUSED": 20,
    "CAMERA_UNREACHABLE": 21,
    "CAMERA_AUTH": 22,
    "CAMERA_SILENT": 23,
    "CAMERA_CLOSED": 24,
    "CAMERA_PROTOCOL": 25,
    "CAMERA_NO_STREAM": 26,
    "CAMERA_CODEC": 27,
    "CAMERA_TIME": 28,
    "PACKET_LOSS": 29,
    "PARAMETERS": 30,
}


def test_numbers_on_disk_keep_their_meaning() -> None:
    now = {cause.name: cause.value for cause in GapCause}
    assert {name: now.get(name) for name in ON_DISK} == ON_DISK


@pytest.mark.parametrize("cause", GapCause)
def test_a_cause_fits_its_byte_and_has_words_in_both_languages(cause: GapCause) -> None:
    assert 0 <= cause <= 255
    assert cause.label("fr")
    assert cause.label("en")
    assert cause.label("fr") != cause.label("en")


def test_no_two_causes_share_their_words() -> None:
    for language in ("fr", "en"):
        assert len({cause.label("fr" if language == "fr" else "en") for cause in GapCause}) == len(GapCause)
