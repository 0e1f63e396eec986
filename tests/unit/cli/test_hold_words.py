"""`appliance hold`: what is typed becomes a request, what is kept becomes words."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appliance.media.stream import StreamKey
from appliance.services.errors import DateUnreadable
from appliance.services.hold_words import REASONS, STATES, Asked, fields, parse_instant, sentences
from appliance.site.load import load_site
from tests.unit.ring.test_protect import HOLD
from tests.unit.site.test_site import GOOD, write

PARIS = ZoneInfo("Europe/Paris")
ASKED = Asked("portail", "2026-11-25T14:00", "2026-11-25T14:10:30", "incident", "Portail forcé", "Mme Roux", "", None)


def _us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def test_dates_are_read_in_the_sites_time() -> None:
    assert parse_instant("2026-11-25T14:03", PARIS) == _us("2026-11-25T13:03")
    assert parse_instant("2026-07-25", PARIS) == _us("2026-07-24T22:00")
    with pytest.raises(DateUnreadable) as refused:
        parse_instant("hier 14 h", PARIS)
    assert "hier 14 h" in refused.value.sentence("fr")


def test_both_streams_of_a_camera_are_kept_and_only_those_it_has(tmp_path: Path) -> None:
    site = load_site(write(tmp_path, GOOD))
    keys, wanted = fields(ASKED, site)
    assert keys == [StreamKey("portail", "main"), StreamKey("portail", "sub")]
    assert wanted["from_us"] == _us("2026-11-25T13:00")
    assert "expires_us" not in wanted, "as late as may be"
    keys, wanted = fields(replace(ASKED, camera="couloir", expires="2026-12-01"), site)
    assert keys == [StreamKey("couloir", "main")]
    assert wanted["expires_us"] == _us("2026-11-30T23:00")


REPORT = {**HOLD.plain(), "state": "complete", "size": 12_400_000, "chunks": 2, "lost_us": 0}


def test_the_list_says_what_is_kept_why_for_whom_and_until_when() -> None:
    line, room = sentences([REPORT], 50_000_000, PARIS, "fr")
    for words in ("h1", "cour/main", "12 Mo", "complète", "incident à établir", "Principal du collège", "20/02/2026"):
        assert words in line
    assert room == "Réserve protégée : 50 Mo libres."
    assert sentences([], 0, PARIS, "en") == ["No sequence is kept.", "Protected reserve: 0 MB free."]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("reason", REASONS)
def test_every_state_and_reason_has_words_in_both_languages(state: str, reason: str) -> None:
    report = {**REPORT, "state": state, "reason": reason, "procedure": "PV 12"}
    french, english = (sentences([report], 0, PARIS, language)[0] for language in ("fr", "en"))
    assert STATES[state][0] in french
    assert REASONS[reason][1] in english
    assert "PV 12" in french
