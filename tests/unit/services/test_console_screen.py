"""The console's screen: what it tells, and that nothing a camera or a server says can steer the terminal."""

import dataclasses
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.errors import Language
from appliance.services.console import recovery_keys, told_lines
from appliance.services.console_screen import COLUMNS, ROWS, Facts, drawn, plain, render

NOW_US = 1_795_500_000_000_000


def camera(name: str, mark_us: int | None = NOW_US - 500_000, why: str = "") -> dict[str, Any]:
    stream = {
        "durable_utc_us": mark_us, "state": "connecting", "sentence_fr": why, "sentence_en": why, "fps": 25.0,
        "width": 1920, "height": 1080, "bitrate": 4e6,
    }  # fmt: skip
    return {"id": name.lower(), "name": name, "streams": {"main": stream}}


def state(*cameras: dict[str, Any]) -> dict[str, Any]:
    return {"now_utc_us": NOW_US, "cameras": list(cameras), "disks": []}


def facts(**changed: Any) -> Facts:
    whole = Facts(
        site="Collège Jean Moulin, 12 rue de la Gare, Mantes-la-Jolie",
        number="3d1219c7c4c5",
        version="1.0.0",
        root_hash="ab" * 32,
        disks="sealed",
        addresses=(("uplink", "192.168.1.20"), ("cameras", "10.20.0.1")),
        fingerprint="0123456789abcdef" * 4,
        state=None,
        told=(),
        recovery=(),
        now=datetime(2026, 11, 26, 2, 3, tzinfo=ZoneInfo("Europe/Paris")),
    )
    return dataclasses.replace(whole, **changed)


def text(shown: Facts, language: Language = "fr") -> str:
    return "\n".join(render(shown, language))


def test_who_it_is_stands_on_the_screen() -> None:
    said = text(facts())
    for words in ("Collège Jean Moulin", "3d1219c7c4c5", "1.0.0", "abababababababab", "chiffrés", "192.168.1.20"):
        assert words in said
    assert "01:23:45:67:89:AB:CD:EF" in said
    assert "26/11/2026 02:03" in said


def test_a_recorder_that_does_not_answer_is_said_and_a_site_not_set_up_is_no_fault_of_it() -> None:
    assert "L'enregistrement ne répond pas" in text(facts())
    assert "does not answer" in text(facts(), "en")
    assert "ne répond pas" not in text(facts(site=""))
    assert "pas encore mis en service" in text(facts(site=""))


def test_cameras_are_counted_and_the_silent_one_named() -> None:
    said = text(facts(state=state(camera("Portail"), camera("Cour", None, "La caméra ne répond pas."))))
    assert "1 sur 2 enregistrent" in said
    assert "Cour" in said
    assert "La caméra ne répond pas." in said
    assert "Portail (main)" not in said, "what works takes no line"


def test_sixty_four_faults_fit_and_the_rest_is_counted() -> None:
    cameras = [camera(f"Caméra {number}", None, "Elle ne répond pas ; vérifiez son câble.") for number in range(64)]
    lines = render(facts(state=state(*cameras)), "fr")
    assert len(lines) == ROWS
    assert "autre(s)" in lines[-1]
    shown = sum(line.startswith(" ! Caméra") for line in lines)
    assert f"et {64 - shown + len(_others(lines))} autre(s)" in lines[-1]


def _others(lines: list[str]) -> list[str]:
    """Faults that are no camera's, such as that of the disks."""
    return [line for line in lines if line.startswith(" ! ") and "Caméra" not in line and "autre(s)" not in line]


def test_the_recovery_key_comes_first_and_whole() -> None:
    key = "-".join(["cbdefghi"] * 8)
    lines = render(facts(recovery=(("temoin-state", key), ("temoin-recordings", key))), "fr")
    assert lines[2].startswith("CLÉ DE SECOURS")
    assert sum(key in line for line in lines) == 2
    assert recovery_keys(f"temoin-state {key}\n") == (("temoin-state", key),)
    assert recovery_keys("none") == ()


def test_an_earlier_start_that_was_refused_is_told_and_a_good_provisioning_is_not() -> None:
    refused = {"at_utc_us": 1, "fr": ["un disque ne s'écrit pas"], "en": ["a disk takes no writing"]}
    assert told_lines({"well": True, "fr": ["fait"]}, {}, 2, "fr") == ()
    assert told_lines({"well": False, "fr": ["a", "b"]}, {}, 2, "fr") == ("a", "b")
    assert "un disque ne s'écrit pas" in text(facts(told=told_lines({}, refused, 2, "fr")))
    assert told_lines({}, refused, 8 * 86_400_000_000, "fr") == (), "old news"


@pytest.mark.parametrize("said", ["\x1b[2J\x1b]0;x\x07", "\x9b31m", "a\r\nb\x00", "\u202eabc", "日本 ✔ — œuvre"])
def test_nothing_steers_the_terminal(said: str) -> None:
    shown = plain(said)
    assert shown.isprintable()
    shown.encode("cp437")


@given(st.text(max_size=300), st.text(max_size=300), st.lists(st.text(max_size=300), max_size=30))
def test_whatever_the_words_are_the_screen_holds_them(name: str, why: str, told: list[str]) -> None:
    shown = facts(
        site=name, state=state(camera(name, None, why)), told=tuple(told), now=datetime(2026, 1, 1, tzinfo=UTC)
    )
    for language in ("fr", "en"):
        lines = render(shown, "fr" if language == "fr" else "en")
        assert len(lines) <= ROWS
        for line in lines:
            assert len(line) < COLUMNS
            assert line.isprintable()
            line.encode("cp437")


def test_a_screen_is_drawn_from_the_top_each_line_to_its_end() -> None:
    assert drawn(["a", "b"], whole=False) == "\x1b[Ha\x1b[K\r\nb\x1b[K\r\n\x1b[J"
    assert "\x1b[2J" in drawn([], whole=True)
