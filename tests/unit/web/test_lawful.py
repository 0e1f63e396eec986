"""The clock and the days of keeping in words: what is a thing to do, and what is only said."""

import pytest

from appliance.core.clock_reason import CONTINUOUS, NTP, STEPPED
from appliance.core.language import language_of
from appliance.services.status import sentences
from appliance.web.verdict import build_state

DAY_US = 86_400_000_000
NOW = 1_795_500_000_000_000


def answer(clock: str | None = None, longer_us: int = 0, shorter_us: int = 0) -> dict[str, object]:
    reason = {"verified": NTP, "held": CONTINUOUS, "doubtful": STEPPED}
    told: dict[str, object] = {
        "now_utc_us": NOW,
        "cameras": [{"id": "cour", "name": "Cour", "place": "", "streams": {}}],
        "disks": [],
        "retention": [{"camera": "cour", "longer_us": longer_us, "shorter_us": shorter_us, "overdue": 1}],
    }
    if clock is not None:
        why = reason[clock]
        told["clock"] = {"state": clock, "since_utc_us": NOW - DAY_US, "fr": why.fr, "en": why.en, "expires": False}
    return told


@pytest.mark.parametrize(
    ("clock", "verdict"), [(None, "ok"), ("verified", "ok"), ("held", "ok"), ("doubtful", "attention")]
)
def test_only_a_doubtful_clock_is_a_thing_to_do(clock: str | None, verdict: str) -> None:
    body = build_state(answer(clock))
    assert body["verdict"] == verdict
    assert (body["clock"] is None) == (clock is None)
    if clock == "doubtful":
        (issue,) = body["issues"]
        assert (issue["code"], issue["since_us"]) == ("CLOCK", NOW - DAY_US)
        assert "page «\u202fHeure\u202f»" in issue["todo_fr"]
        assert "Comparez l'heure affichée" in issue["todo_fr"]


def test_both_retention_alarms_name_the_camera_and_the_length() -> None:
    body = build_state(answer(longer_us=DAY_US, shorter_us=3 * DAY_US))
    assert [issue["code"] for issue in body["issues"]] == ["KEPT_LONGER", "KEPT_SHORTER"]
    assert [issue["camera"] for issue in body["issues"]] == ["cour", "cour"]
    assert body["issues"][0]["fr"].endswith("gardées 1 jour de trop")
    assert body["issues"][1]["fr"].endswith("il manque 3 jours")
    assert body["issues"][1]["en"].endswith("3 days missing")
    assert build_state(answer(longer_us=1))["issues"][0]["fr"].endswith("gardées 1 h de trop")


def test_the_console_says_the_same() -> None:
    told = {**answer("doubtful", longer_us=2 * DAY_US), "disks": []}
    lines, well = sentences(told, "fr")
    assert not well
    assert lines[0].startswith("✖ Horloge : heure non vérifiée depuis le 23/11/2026")
    assert lines[-1] == "✖ Cour\u202f: des images sont gardées 2 jours de trop"
    lines, well = sentences({**answer("held"), "cameras": []}, language_of({"LC_ALL": "en_GB.UTF-8"}))
    assert well
    assert lines == ["✔ Clock: time not verified since 2026-11-23 06:00:00. Time held since last verified."]
