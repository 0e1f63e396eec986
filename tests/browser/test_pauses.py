"""A day with planned pauses on the page: apart from the gaps, in words, with the hour at which recording goes on."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.core.cause import GapCause
from appliance.web.recorder import Answer
from tests.browser.barriers import barriers
from tests.browser.conftest import Desk, served
from tests.peers.fake_recorder import FakeRecorder
from tests.unit.site.test_calendar import at

MIDNIGHT, NOW = at("2026-11-24T00:00"), at("2026-11-24T16:20")
OPENS, CLOSES = at("2026-11-24T07:45"), at("2026-11-24T18:15")
DEAD = (at("2026-11-24T03:00"), at("2026-11-24T04:30"))
FILLS = "[...document.querySelectorAll('t-timeline rect.gap')].map((each) => each.getAttribute('fill')).join(' ')"


class SchoolDay(FakeRecorder):
    """`cour` is paused since the school opened; in the night its camera was silent. `portail` records on."""

    def __init__(self) -> None:
        super().__init__()
        self.now_us = NOW
        self.pauses["cour"] = {
            "cause": "PLANNED",
            "from_us": OPENS,
            "until_us": CLOSES,
            "fr": "pause prévue (site ouvert), reprise à 18 h 15",
            "en": "planned pause (site open), resumes at 18:15",
        }

    def durable_us(self) -> int:
        return self.now_us

    def _first_us(self) -> int:
        return MIDNIGHT - 86_400_000_000

    async def spans(self, camera: str, stream: str, from_us: int, to_us: int) -> Answer:
        paused = camera == "cour"
        rows: list[dict[str, Any]] = [
            {"from_us": self._first_us(), "to_us": DEAD[0], "cause": "NONE"},
            {"from_us": DEAD[1], "to_us": OPENS if paused else self.now_us, "cause": GapCause.CAMERA_SILENT.name},
        ]
        return {
            "spans": [row for row in rows if row["from_us"] < to_us and row["to_us"] > from_us],
            "pauses": self._pauses(camera),
            "durable_us": self.now_us,
            "live": {"state": "gap" if paused else "recording", "cause": "PLANNED" if paused else "NONE"},
        }


@pytest.fixture
async def school(built_page: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    async with served(SchoolDay(), built_page, tmp_path) as found:
        yield found


async def test_home_says_that_a_camera_is_paused_and_that_all_is_well(school: Desk) -> None:
    await school.home()
    assert await school.page.text("h1") == "Tout va bien"
    assert "1 caméra sur 2 enregistrée, 1 en pause, 2 disques sur 2 en service" in await school.page.text(".verdict")
    state = "N'enregistre pas\u202f: pause prévue (site ouvert), reprise à 18 h 15"
    assert state in await school.page.text(".state.paused")
    school.recorder.pauses["cour"] |= {"cause": "CLOCK_DOUBTFUL", "until_us": None, "fr": "heure incertaine", "en": "?"}
    await school.page.until("document.querySelector('h1').innerText.includes('attention')")
    assert "pause par précaution, heure incertaine" in await school.page.text(".issues li")
    school.recorder.pauses.clear()
    school.recorder.next_pause_us = at("2026-11-25T07:45")
    await school.page.until("document.querySelector('table').innerText.includes('prochaine pause')")
    assert "prochaine pause prévue\u202f: le 25/11/2026 à 07:45:00" in await school.page.text("table")


@pytest.mark.parametrize("width", [1280, 390])
async def test_a_pause_is_drawn_apart_from_a_gap(school: Desk, width: int, tmp_path: Path) -> None:
    await school.page.resize(width, 900)
    await school.page.open(f"{school.base}/lecture?cam=cour")
    await school.page.until(f"({FILLS}).includes('url(#pause)')")
    assert (await school.page.run(FILLS)).split() == ["url(#hatch)", "url(#pause)"]
    titles = await school.page.run("[...document.querySelectorAll('t-timeline title')].map((each) => each.textContent)")
    assert any(text.startswith("pause prévue (site ouvert), de 07:45:00 à en cours") for text in titles)
    rows = await school.page.run("document.querySelectorAll('.events tbody tr').length")
    assert rows == 1, "the silent camera alone"
    assert "depuis 07:45:00, en cours" in await school.page.text(".pauses")
    assert "Pause prévue (site ouvert)" in await school.page.text(".legend")
    assert "reprise à 18 h 15" in await school.page.text(".calendar")
    wide = await school.page.run("document.documentElement.scrollWidth")
    assert wide <= width
    await school.page.screenshot(tmp_path / f"pause-{width}.png", whole=True)


async def test_an_instant_of_the_pause_says_when_recording_goes_on(school: Desk) -> None:
    await school.page.open(f"{school.base}/lecture?cam=cour&t={at('2026-11-24T12:00')}")
    await school.page.until("document.querySelector('.over')?.innerText.includes('reprise à 18 h 15')")
    slider = await school.page.run("document.querySelector('[role=slider]').getAttribute('aria-valuetext')")
    assert slider == "mardi 24 novembre 2026, 12:00:00, pause prévue (site ouvert)"


@pytest.mark.full
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_barrier_that_axe_can_see(school: Desk, scheme: str) -> None:
    await school.page.media(scheme)
    for address, there in (("/", ".state.paused"), ("/lecture?cam=cour", ".pauses")):
        await school.page.open(f"{school.base}{address}")
        await school.page.until(f"document.querySelector('{there}')")
        assert await barriers(school.page, "pause") == [], (scheme, address)
