"""The notice panel's figures are the settings in force, one panel per law; what is missing is named."""

from pathlib import Path

import pytest

from appliance.site.errors import SiteInvalid
from appliance.site.load import load_site
from appliance.web.notice import notice_of
from tests.unit.site.test_site import GOOD, write
from tests.unit.web.conftest import Api
from tests.unit.web.contract import CONTRACT, check

NOTICE = """
[notice]
controller = "Collège Jean Moulin"
authorisation = "arrêté n° 2026-0042"
contact = "secrétariat"
dpo = "dpo@departement.example"
"""


def test_one_panel_per_law_with_the_days_that_hold(tmp_path: Path) -> None:
    text = GOOD.replace('view = "wide"', 'view = "wide"\nrecording_days = 8')
    told = notice_of(load_site(write(tmp_path, text + NOTICE)))
    check(told, CONTRACT["components"]["schemas"]["NoticePanels"])
    assert [(each["law"], each["days"], each["cameras"]) for each in told["panels"]] == [
        ("public", 8, 1),
        ("private", 5, 1),
    ]
    assert told["panels"][0]["purposes"] == ["levée de doute à l'entrée"]
    assert told["missing"] == []


def test_what_is_missing_is_named_and_the_prefects_order_for_public_places_only(tmp_path: Path) -> None:
    assert notice_of(load_site(write(tmp_path, GOOD)))["missing"] == ["controller", "contact", "dpo", "authorisation"]
    private = GOOD.replace("open_to_public", "non_public")
    told = notice_of(load_site(write(tmp_path, private)))
    assert told["missing"] == ["controller", "contact", "dpo"]
    assert [each["law"] for each in told["panels"]] == ["private"]


def test_outside_hours_is_said_only_when_it_holds_for_every_camera(tmp_path: Path) -> None:
    week = "".join(f'{day} = ["08:00-18:00"]\n' for day in ("monday", "tuesday", "wednesday", "thursday", "friday"))
    calendar = f"\n[calendar.hours]\n{week}"
    one = GOOD.replace('view = "narrow"', 'view = "narrow"\nrecording = "outside_activity"')
    panels = notice_of(load_site(write(tmp_path, one + calendar)))["panels"]
    assert [each["outside_hours"] for each in panels] == [False, True]
    both = one.replace("open_to_public", "non_public")
    (panel,) = notice_of(load_site(write(tmp_path, both + calendar)))["panels"]
    assert panel["outside_hours"] is False


def test_an_unknown_key_of_the_notice_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SiteInvalid):
        load_site(write(tmp_path, GOOD + NOTICE.replace("dpo", "dpd")))


async def test_the_page_is_told(api: Api) -> None:
    assert (await api.json("notice", "/api/v1/notice"))["panels"] == []
