"""The viewing lock over the API: every route of pictures is shut before an opening and after it."""

from typing import Any

import aiohttp
import pytest

from appliance.accounts.look import AFTER_US, BEFORE_US, JUSTIFY_US, LASTS_US
from tests.peers.fake_recorder import LENGTH_US, START_US
from tests.peers.sign_in import DURAND
from tests.unit.web.conftest import Api

CAMERA = "/api/v1/cameras/portail"
SECOND = 1_000_000
STRETCH: dict[str, Any] = {"from": START_US + SECOND, "to": START_US + 3 * SECOND}
ROUTES: list[tuple[str, str, dict[str, Any]]] = [
    ("gop", f"{CAMERA}/gop", {"t": START_US + SECOND}),
    ("parts", f"{CAMERA}/parts", STRETCH),
    ("clips", f"{CAMERA}/clips", STRETCH),
    ("clip", f"{CAMERA}/clip.mp4", STRETCH),
]
TYPED = {
    "reason": "damage",
    "text": "Vitre brisée au hall ce matin",
    "cameras": ["portail"],
    "from_us": START_US + SECOND,
    "to_us": START_US + 5 * SECOND,
}


async def opened(api: Api, **given: object) -> dict[str, Any]:
    found: dict[str, Any] = (await api.post("openLook", "/api/v1/looks", {**TYPED, **given}, status=201))["look"]
    return found


async def shut(api: Api) -> None:
    """Whatever the fixture has opened is closed."""
    for entry in api.book.current(DURAND.name):
        await api.book.close(DURAND, entry.number)


@pytest.mark.parametrize(("operation", "path", "asked"), ROUTES)
async def test_no_picture_leaves_before_an_opening_nor_when_it_is_over(
    api: Api, operation: str, path: str, asked: dict[str, Any]
) -> None:
    init = (await api.get("gop", f"{CAMERA}/gop", t=START_US + SECOND)).headers["Media-Init"]
    await shut(api)
    body = await api.json(operation, path, status=403, **asked)
    assert (body["type"], body["code"]) == ("urn:temoin:problem:look", "look-over")
    assert (await api.json("init", f"{CAMERA}/init/{init}", status=403))["code"] == "look-over"
    await opened(api)
    await api.get(operation, path, **asked)
    await api.get("init", f"{CAMERA}/init/{init}")
    api.clock.advance(LASTS_US / SECOND)
    assert (await api.json(operation, path, status=403, **asked))["code"] == "look-over"


async def test_what_is_open_is_told_with_its_time_and_closed_by_hand(api: Api) -> None:
    await shut(api)
    look = await opened(api)
    assert (look["remaining_us"], look["cameras"], look["to_us"]) == (LASTS_US, ["portail"], START_US + 15 * SECOND)
    api.clock.advance(100)
    (now,) = (await api.json("currentLooks", "/api/v1/looks/current"))["looks"]
    assert now == {**look, "remaining_us": LASTS_US - 100 * SECOND}
    body = await api.json("gop", "/api/v1/cameras/cour/gop", status=403, t=START_US + SECOND)
    assert body["code"] == "look-outside"
    ended = (await api.delete("closeLook", f"/api/v1/looks/{look['number']}"))["look"]
    assert (ended["remaining_us"], ended["closed_us"]) == (0, api.clock.utc_us())
    assert (await api.json("currentLooks", "/api/v1/looks/current"))["looks"] == []
    await api.delete("closeLook", "/api/v1/looks/99", status=404)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"text": "vol"}, "reason-lacks"),
        ({"reason": "judicial"}, "reason-lacks"),
        ({"number": "2026/12"}, "reason-lacks"),
        ({"reason": "curiosity"}, "bad-body"),
        ({"cameras": []}, "nothing-to-open"),
        ({"to_us": None}, "nothing-to-open"),
        ({"from_us": START_US + 5 * SECOND}, "nothing-to-open"),
        ({"reason": "alert"}, "reason-lacks"),
        ({"who": "me"}, "bad-body"),
    ],
)
async def test_a_reason_is_whole_or_refused_in_words(api: Api, given: dict[str, Any], code: str) -> None:
    assert (await api.post("openLook", "/api/v1/looks", {**TYPED, **given}, status=400))["code"] == code


async def test_an_unknown_camera_or_alert_opens_nothing(api: Api) -> None:
    assert (await api.post("openLook", "/api/v1/looks", {**TYPED, "cameras": ["lune"]}, status=404))["code"] == (
        "unknown-camera"
    )
    asked = {"reason": "alert", "alert": 99}
    assert (await api.post("openLook", "/api/v1/looks", asked, status=404))["code"] == "no-such-alert"


async def test_an_alert_opens_its_cameras_and_is_followed_while_it_goes_on(api: Api) -> None:
    await shut(api)
    clock = api.detector.clock
    clock.step_utc((START_US + 40 * SECOND - clock.utc_us()) / SECOND)
    number = await api.detector.visit("portail")
    look = (await api.post("openLook", "/api/v1/looks", {"reason": "alert", "alert": number}, status=201))["look"]
    first = START_US + 40 * SECOND
    assert (look["cameras"], look["from_us"], look["to_us"]) == (["portail"], first - BEFORE_US, None)
    await api.get("gop", f"{CAMERA}/gop", t=START_US + LENGTH_US - SECOND)
    clock.advance(3600)
    await api.detector.desk.tick()
    api.clock.advance(3)
    await api.get("gop", f"{CAMERA}/gop", t=first)
    (now,) = (await api.json("currentLooks", "/api/v1/looks/current"))["looks"]
    assert now["to_us"] == first + 3 * SECOND + AFTER_US


async def test_a_followed_alert_without_news_is_followed_no_further(api: Api) -> None:
    await shut(api)
    clock = api.detector.clock
    clock.step_utc((START_US + 40 * SECOND - clock.utc_us()) / SECOND)
    number = await api.detector.visit("portail")
    await api.post("openLook", "/api/v1/looks", {"reason": "alert", "alert": number}, status=201)
    api.detector.down = True
    for seconds, known in ((5, True), (60, False)):
        api.clock.advance(seconds)
        await api.get("gop", f"{CAMERA}/gop", t=START_US + 40 * SECOND)
        (now,) = (await api.json("currentLooks", "/api/v1/looks/current"))["looks"]
        assert (now["to_us"] is None) is known


async def test_urgency_opens_at_once_and_is_overdue_on_the_home_page(api: Api) -> None:
    await shut(api)
    look = await opened(api, reason="urgency", text="")
    assert look["justify_before_us"] == look["opened_us"] + JUSTIFY_US
    await api.get("gop", f"{CAMERA}/gop", t=START_US + SECOND)
    assert (await api.json("state", "/api/v1/state"))["issues"] == []
    api.clock.advance(JUSTIFY_US / SECOND)
    state = await api.json("state", "/api/v1/state")
    assert (state["verdict"], [each["code"] for each in state["issues"]]) == ("attention", ["LOOK_OVERDUE"])
    (waiting,) = (await api.json("currentLooks", "/api/v1/looks/current"))["to_justify"]
    path = f"/api/v1/looks/{waiting['number']}/justification"
    await api.post("justifyLook", path, {"text": "court"}, status=400)
    said = await api.post("justifyLook", path, {"text": "Un élève était blessé sous le préau"})
    assert said["look"]["justified_us"] == api.clock.utc_us()
    assert (await api.json("state", "/api/v1/state"))["issues"] == []


async def test_a_long_file_ends_with_the_opening(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = iter([b"first", b"second"])

    def gather(_blocks: object) -> bytes:
        api.clock.advance(LASTS_US / SECOND / 2)
        return next(blocks, b"")

    monkeypatch.setattr("appliance.web.clips._gather", gather)
    with pytest.raises(aiohttp.ClientPayloadError):
        await api.get("clip", f"{CAMERA}/clip.mp4", **STRETCH)
    assert next(blocks, None) is None, "the second block was read, and not sent"
