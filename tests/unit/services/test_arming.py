"""Who is watched, by the file, people's words and the clock; words survive a restart and end by themselves."""

from pathlib import Path

import pytest

from appliance.alerts.store import AlertStore
from appliance.core.chain import Facts
from appliance.core.clock import SimulatedClock
from appliance.detection.errors import ArmingRefused
from appliance.services.arming import WatchKeeper
from appliance.site.load import load_site
from appliance.site.model import Site

SITE = """
[site]
name = "Collège"
place = "Lyon"
kind = "office"

[calendar.hours]
monday = ["08:00-18:00"]
tuesday = ["08:00-18:00"]
wednesday = ["08:00-18:00"]
thursday = ["08:00-18:00"]
friday = ["08:00-18:00"]

[[camera]]
id = "hall"
name = "Hall"
place = "Rez-de-chaussée"
main = "rtsp://10.0.0.2/main"
legal_zone = "non_public"
area_type = "circulation"
purpose = "Intrusion"
view = "wide"
[camera.detection]
aipd = "AIPD-2026-07"

[[camera]]
id = "rue"
name = "Rue"
place = "Portail"
main = "rtsp://10.0.0.3/main"
legal_zone = "public_road"
area_type = "street"
purpose = "Abords"
view = "wide"

[[disk]]
path = "disk"
"""

HOUR = 3_600_000_000
NIGHT = 1_795_471_200_000_000  # 23:00 on Monday 23 November 2026 in Paris


@pytest.fixture
def site(tmp_path: Path) -> Site:
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    found = load_site(path)
    assert found.site.zone.key  # read from the system here, not in the event loop
    return found


async def test_words_hold_for_their_time_and_survive_a_restart(site: Site, tmp_path: Path) -> None:
    clock = SimulatedClock(NIGHT)
    told: list[tuple[str, Facts]] = []

    def tell(kind: str, facts: Facts) -> bool:
        told.append((kind, facts))
        return True

    store = AlertStore(tmp_path / "events.db")
    await store.open()
    keeper = WatchKeeper(site, store, clock, tell)
    await keeper.load()
    assert keeper.verdict("hall").reason == "clock-in-doubt", "nothing is believed before the recorder was asked"
    keeper.clock_certain = True
    assert keeper.verdict("hall").armed
    assert not keeper.verdict("rue").decodes
    for by, why, until in (("", "ménage", HOUR), ("M. Petit", "non", HOUR), ("M. Petit", "ménage", 73 * HOUR)):
        with pytest.raises(ArmingRefused):
            await keeper.arm(["hall"], armed=False, by=by, why=why, until_us=NIGHT + until)
    await keeper.arm(["hall", "rue"], armed=False, by="M. Petit", why="ménage", until_us=NIGHT + HOUR)
    assert keeper.verdict("hall").reason == "disarmed"
    await store.close()

    store = AlertStore(tmp_path / "events.db")
    await store.open()
    keeper = WatchKeeper(site, store, clock, tell)
    await keeper.load()
    keeper.clock_certain = True
    shown = {each["camera"]: each for each in keeper.message()}
    assert shown["hall"]["word"]["by"] == "M. Petit"
    assert shown["hall"]["until_us"] == NIGHT + HOUR
    assert shown["rue"]["watch"] == "statistics"
    clock.advance(3600)
    assert keeper.verdict("hall").armed, "it re-arms by itself"
    assert keeper.message()[0]["word"] is None
    await keeper.arm(["rue"], armed=True, by="M. Petit", why="vandalisme", until_us=clock.utc_us() + HOUR)
    assert not keeper.verdict("rue").decodes, "nobody can arm the public road"
    assert [kind for kind, _ in told] == ["watch-disarmed", "watch-disarmed", "watch-armed"]
    await store.close()
