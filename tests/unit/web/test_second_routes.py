"""To stop watching a whole site takes two persons, or two witnesses when nobody answers; each step is entered."""

from typing import Any

import pytest

from appliance.accounts.second import URGENT_US, WAIT_US
from tests.peers.sign_in import add_petit
from tests.unit.web.conftest import Api

WHOLE = {"cameras": ["hall", "yard"], "why": "travaux de nuit", "until_us": 10**15}
SECOND = 1_000_000


@pytest.fixture(autouse=True)
async def nothing_told(api: Api) -> None:
    """A second manager, and nothing in the journal yet."""
    await add_petit(api.desk)
    api.told.clear()


async def asked(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = (await api.post("askSecond", "/api/v1/second", WHOLE, status=201))["request"]
    return found


async def watched(api: Api) -> set[str]:
    cameras = (await api.json("arming", "/api/v1/arming"))["cameras"]
    return {each["camera"] for each in cameras if each["watch"] == "persons"}


async def test_one_person_stops_one_camera_and_not_the_last(api: Api) -> None:
    word = {"armed": False, "why": "ménage", "until_us": 10**15}
    problem = await api.post("arm", "/api/v1/arming", {**word, "cameras": ["hall", "yard"]}, status=403)
    assert problem["code"] == "second-needed"
    await api.post("arm", "/api/v1/arming", {**word, "cameras": ["hall"]})
    assert (await api.post("arm", "/api/v1/arming", {**word, "cameras": ["yard"]}, status=403))[
        "code"
    ] == "second-needed"
    await api.post("arm", "/api/v1/arming", {**word, "cameras": ["hall", "yard"], "armed": True})
    assert await watched(api) == {"hall", "yard"}


async def test_another_person_signs_and_it_is_done_at_once(api: Api) -> None:
    request = await asked(api)
    assert (request["stage"], request["mine"], request["waits_us"]) == ("waiting", True, WAIT_US)
    path = f"/api/v1/second/{request['number']}/signature"
    assert (await api.post("signSecond", path, {}, status=403))["code"] == "not-a-second-person"
    await api.as_("petit")
    (seen,) = (await api.json("seconds", "/api/v1/second"))["requests"]
    assert (seen["mine"], seen["why"], seen["asker"]) == (False, "travaux de nuit", "Mme Durand")
    await api.post("signSecond", path, {})
    assert await watched(api) == set()
    assert (await api.post("signSecond", path, {}, status=404))["code"] == "second-over"
    assert [(kind, facts.get("countersigned"), facts.get("signer")) for kind, facts in api.told] == [
        ("second-asked", None, None),
        ("second-refused", None, None),
        ("second-done", True, "petit"),
        ("second-refused", None, None),
    ]


async def test_nobody_answers_and_two_witnesses_stand_by(api: Api) -> None:
    path = f"/api/v1/second/{(await asked(api))['number']}/urgent"
    two = {"witnesses": ["Mme Blanc", "M. Noir"]}
    assert (await api.post("urgeSecond", path, two, status=404))["code"] == "second-over", "ten minutes first"
    api.clock.advance(WAIT_US / SECOND)
    (seen,) = (await api.json("seconds", "/api/v1/second"))["requests"]
    assert seen["stage"] == "urgent"
    alone = {"witnesses": ["Mme Durand", "M. Noir"]}
    assert (await api.post("urgeSecond", path, alone, status=400))["code"] == "no-witnesses"
    await api.as_("petit")
    assert (await api.post("urgeSecond", path, two, status=404))["code"] == "second-over", "somebody else's request"
    await api.as_("durand")
    await api.post("urgeSecond", path, two)
    assert await watched(api) == set()
    kind, facts = api.told[-1]
    assert (kind, facts["countersigned"], facts["witnesses"]) == ("second-done", False, "Mme Blanc, M. Noir")
    assert facts["nobody_else"] is False, "somebody could have answered"
    (seen,) = (await api.json("seconds", "/api/v1/second"))["requests"]
    assert (seen["stage"], seen["witnesses"]) == ("unsigned", ["Mme Blanc", "M. Noir"])
    words = (await api.json("arming", "/api/v1/arming"))["cameras"]
    assert {each["word"]["by"] for each in words} == {"Mme Durand, non contresigné"}


async def test_who_is_alone_acts_before_two_witnesses_at_once(api: Api) -> None:
    request = await asked(api)
    path = f"/api/v1/second/{request['number']}/urgent"
    two = {"witnesses": ["Mme Blanc", "M. Noir"]}
    await api.desk.store.revoke("petit", api.clock.utc_us())
    assert (await api.post("urgeSecond", path, two, status=404))["code"] == "second-over", "the central team can sign"
    await api.desk.store.revoke("centre", api.clock.utc_us())
    (seen,) = (await api.json("seconds", "/api/v1/second"))["requests"]
    assert (request["nobody_else"], request["stage"]) == (False, "waiting")
    assert (seen["nobody_else"], seen["stage"], seen["waits_us"]) == (True, "urgent", 0)
    assert (await api.post("urgeSecond", path, {"witnesses": ["A", " a "]}, status=400))["code"] == "no-witnesses"
    await api.post("urgeSecond", path, two)
    assert await watched(api) == set()
    kind, facts = api.told[-1]
    assert (kind, facts["countersigned"], facts["nobody_else"]) == ("second-done", False, True)


async def test_a_request_grows_old_and_one_that_cannot_be_done_waits_on(api: Api) -> None:
    path = f"/api/v1/second/{(await asked(api))['number']}/signature"
    await api.as_("petit")
    api.detector.down = True
    await api.post("signSecond", path, {}, status=503)
    api.detector.down = False
    api.clock.advance((WAIT_US + URGENT_US) / SECOND)
    assert (await api.post("signSecond", path, {}, status=404))["code"] == "second-over"
    assert (await api.json("seconds", "/api/v1/second"))["requests"][0]["stage"] == "over"
    await api.post("signSecond", "/api/v1/second/99/signature", {}, status=404)
