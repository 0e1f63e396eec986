"""Alerts over the API: lists, boxes, pictures, verdicts, facts by hand, arming; every refusal in words."""

from typing import Any

import pytest

from appliance.alerts.model import Kind, Signal, Source
from tests.peers.fake_detector import PICTURE
from tests.unit.web.conftest import Api

OWN = {"Sec-Fetch-Site": "same-origin"}
CAMERA = "hall"


async def listed(api: Api) -> list[dict[str, Any]]:
    now = api.detector.clock.utc_us()
    found: list[dict[str, Any]] = (await api.json("alerts", "/api/v1/alerts", **{"from": now - 10**12, "to": now}))[
        "alerts"
    ]
    return found


async def test_a_visit_is_listed_opened_and_pictured(api: Api) -> None:
    number = await api.detector.visit(CAMERA)
    (alert,) = await listed(api)
    assert (alert["number"], alert["camera"], alert["rules"], alert["protected"]) == (
        number,
        CAMERA,
        ["intrusion"],
        True,
    )
    whole = await api.json("alert", f"/api/v1/alerts/{number}")
    assert whole["alert"] == alert
    assert [seen["box"][0] for seen in whole["sightings"]] == [0.1, 0.15, 0.2, 0.25]
    picture = f"/api/v1/alerts/{number}/picture.jpg"
    assert (await api.json("picture", picture, status=403))["code"] == "look-outside"
    await api.post("openLook", "/api/v1/looks", {"reason": "alert", "alert": number}, status=201)
    assert (await api.get("picture", picture)).body == PICTURE


async def test_a_verdict_is_given_by_name_and_kept(api: Api) -> None:
    number = await api.detector.visit(CAMERA)
    said = {"verdict": "false", "note": "un chat"}
    answered = await api.post("verdict", f"/api/v1/alerts/{number}/verdict", said)
    assert answered["alert"]["answer"]["by"] == "Mme Durand"
    assert (await listed(api))[0]["answer"] == answered["alert"]["answer"]
    for body in ({"note": ""}, {**said, "verdict": "maybe"}, {**said, "more": 1}, {**said, "by": "M. Petit"}):
        problem = await api.post("verdict", f"/api/v1/alerts/{number}/verdict", body, status=400)
        assert problem["code"] == "bad-body"
    assert (await api.post("verdict", "/api/v1/alerts/99/verdict", said, status=404))["code"] == "no-such-alert"


async def test_a_list_is_of_one_camera_one_kind_answered_or_not_and_in_pages(api: Api) -> None:
    numbers = [await api.detector.visit(camera) for camera in ("hall", "yard")]
    fact = {"camera": "yard", "kind": "technical", "note": "écran noir"}
    numbers.append((await api.post("report", "/api/v1/alerts", fact))["number"])
    verdict = {"verdict": "false", "note": ""}
    await api.post("verdict", f"/api/v1/alerts/{numbers[0]}/verdict", verdict)
    now = api.detector.clock.utc_us()
    span = {"from": now - 10**12, "to": now + 1}

    async def found(**which: Any) -> tuple[list[int], int, int]:
        told = await api.json("alerts", "/api/v1/alerts", **span, **which)
        return [each["number"] for each in told["alerts"]], told["count"], told["waiting"]

    newest = numbers[::-1]
    assert await found() == (newest, 3, 2)
    assert await found(state="todo") == (newest[:2], 2, 2)
    assert await found(state="done") == (newest[2:], 1, 2)
    assert await found(camera="hall") == (newest[2:], 1, 0)
    assert await found(camera="yard", kind="technical") == (newest[:1], 1, 1)
    assert await found(limit=1, skip=1) == (newest[1:2], 3, 2)
    for wrong in ({"kind": "face"}, {"state": "seen"}, {"skip": -1}):
        await api.json("alerts", "/api/v1/alerts", status=400, **span, **wrong)


async def test_a_covered_camera_is_on_the_home_page_and_no_detector_is_no_fault(api: Api) -> None:
    at = api.detector.clock.utc_us()
    signal = Signal(at, CAMERA, Source.CAMERA, Kind.TECHNICAL, "covered")
    await api.detector.desk.signal(signal)
    body = await api.json("state", "/api/v1/state")
    (issue,) = [each for each in body["issues"] if each["code"].startswith("SIGHT")]
    assert (issue["code"], issue["camera"], issue["since_us"]) == ("SIGHT_COVERED", CAMERA, at)
    api.detector.down = True
    assert (await api.json("state", "/api/v1/state"))["verdict"] == "ok"


async def test_a_fact_by_hand_is_an_alert(api: Api) -> None:
    fact = {"camera": CAMERA, "kind": "active", "note": "vitre cassée"}
    number = (await api.post("report", "/api/v1/alerts", fact))["number"]
    whole = await api.json("alert", f"/api/v1/alerts/{number}")
    assert (whole["alert"]["source"], whole["alert"]["note"], whole["alert"]["severity"]) == (
        "person",
        "vitre cassée",
        3,
    )
    problem = await api.post("report", "/api/v1/alerts", {**fact, "camera": "moon"}, status=400)
    assert "moon" in problem["fr"]


async def test_arming_is_shown_and_said_by_name(api: Api) -> None:
    before = (await api.json("arming", "/api/v1/arming"))["cameras"]
    assert {each["watch"] for each in before} == {"persons"}
    word = {"cameras": [CAMERA], "armed": False, "why": "ménage", "until_us": 10**15}
    after = (await api.post("arm", "/api/v1/arming", word))["cameras"]
    assert [each["watch"] for each in after if each["camera"] == CAMERA] == ["camera_truth"]
    assert after[0]["word"]["by"] == "Mme Durand"
    assert (await api.post("arm", "/api/v1/arming", {**word, "why": "non"}, status=400))["code"] == "alert-refused"


async def test_detection_says_its_model_and_its_false_alarms(api: Api) -> None:
    number = await api.detector.visit(CAMERA)
    await api.post("verdict", f"/api/v1/alerts/{number}/verdict", {"verdict": "false"})
    told = await api.json("detection", "/api/v1/detection")
    assert (told["model"]["name"], told["model"]["demo"]) == ("demo", True)
    assert [(rate["camera"], rate["alerts"], rate["false"]) for rate in told["rates"]] == [(CAMERA, 1, 1)]


async def test_a_change_comes_from_the_page_alone_and_in_json(api: Api) -> None:
    number = await api.detector.visit(CAMERA)
    url = f"{api.base}/api/v1/alerts/{number}/verdict"
    said = {"verdict": "false", "note": ""}
    async with api.session.post(url, json=said) as answer:  # no Sec-Fetch-Site: not our page
        assert answer.status == 403
    async with api.session.post(url, json=said, headers={"Sec-Fetch-Site": "cross-site"}) as answer:
        assert answer.status == 403
    async with api.session.post(url, data=said, headers=OWN) as answer:
        assert answer.status == 400
        assert (await answer.json(content_type=None))["code"] == "bad-body"
    async with api.session.post(url, data=b"[" * 9000, headers={**OWN, "Content-Type": "application/json"}) as answer:
        assert answer.status == 400
    assert (await listed(api))[0]["answer"] is None


async def test_without_a_detector_the_routes_say_so_and_the_page_works(api: Api) -> None:
    api.detector.down = True
    problem = await api.json("alerts", "/api/v1/alerts", status=503, **{"from": 0, "to": 5})
    assert problem["code"] == "detector-unreachable"
    await api.json("state", "/api/v1/state")


@pytest.mark.parametrize("path", ["/api/v1/alerts/0", "/api/v1/alerts/x", "/api/v1/alerts/-1", "/api/v1/alerts/1.5"])
async def test_a_number_is_a_number(api: Api, path: str) -> None:
    assert (await api.json("alert", path, status=400))["code"] == "bad-query"
