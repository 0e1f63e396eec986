"""Routes and contract agree both ways, and every operation says how it fails."""

import re
from pathlib import Path

import pytest
from aiohttp import web

from appliance.accounts.desk import AccountDesk
from appliance.accounts.look_store import LookStore
from appliance.accounts.roles import RIGHTS, Right, Role
from appliance.core.chain import untold
from appliance.core.clock import SimulatedClock
from appliance.web.app import make_app
from appliance.web.look_book import LookBook
from appliance.web.recorder import SiteInfo
from appliance.web.who import WHO
from tests.peers.fake_detector import FakeDetector
from tests.peers.fake_recorder import FakeRecorder
from tests.unit.web.conftest import Api
from tests.unit.web.contract import CONTRACT, check, resolve

NO_DETECTOR = FakeDetector(Path("/nonexistent"), ())
NO_BOOK = LookBook(LookStore(Path("/nonexistent/looks.db")), SimulatedClock(), untold)
NOBODY = AccountDesk(Path("/nonexistent/accounts.db"), SimulatedClock())
LOCKED = {
    *(
        f"/api/v1/cameras/{{id}}/{each}"
        for each in ("gop", "init/{init_id}", "parts", "clips", "clip.mp4", "keyframe.jpg")
    ),
    "/api/v1/alerts/{number}/picture.jpg",
}
"""Behind the viewing lock."""


def made() -> web.Application:
    """The application over nothing."""
    site = SiteInfo("S", "P", "Europe/Paris")
    return make_app(FakeRecorder(), NO_DETECTOR, Path("/nonexistent"), site, NO_BOOK, NOBODY)


def test_routes_are_the_contract() -> None:
    app = made()
    routes = {
        (route.method, resource.canonical)
        for resource in app.router.resources()
        for route in resource
        if resource.canonical.startswith("/api/")
    }
    assert {method for method, _ in routes} == {"GET", "HEAD", "POST", "DELETE"}
    written = {(method.upper(), path) for path, methods in CONTRACT["paths"].items() for method in methods}
    assert {(method, path) for method, path in routes if method != "HEAD"} == written


def test_every_operation_names_its_failures() -> None:
    for path, methods in CONTRACT["paths"].items():
        for method, operation in methods.items():
            answers = operation["responses"]
            assert {"400", "401", "403", "503"} <= set(answers), path
            assert len({"200", "201"} & set(answers)) == 1, path
            assert "404" in answers or "{" not in path, path
            assert ("requestBody" in operation) == (method == "post"), path
            assert ("Shut" in str(operation["responses"]["403"])) == (path in LOCKED), path
            named = {resolve(parameter)["name"] for parameter in operation.get("parameters", ())}
            assert {part[1:-1] for part in path.split("/") if part.startswith("{")} <= named


def test_the_checker_refuses_what_the_contract_does_not_say() -> None:
    gap = CONTRACT["components"]["schemas"]["Gap"]
    good = {"from_us": 1, "to_us": 2, "cause": "DISK", "fr": "x", "en": "y", "open": False}
    check(good, gap)
    for bad in ({**good, "more": 1}, {**good, "open": 1}, {**good, "from_us": True}, {**good, "from_us": -1}, {}):
        with pytest.raises(AssertionError):
            check(bad, gap)


def test_the_application_is_aiohttps() -> None:
    app = made()
    assert isinstance(app, web.Application)
    assert "/" in {resource.canonical for resource in app.router.resources()}


def test_every_route_says_who_may_call_it() -> None:
    app = made()
    who = app[WHO]
    served = {
        (route.method, resource.canonical)
        for resource in app.router.resources()
        for route in resource
        if route.method != "HEAD"
    }
    assert set(who) == served
    everybody = {where for where, route in who.items() if route.right is None and where[1].startswith("/api/")}
    assert everybody == {("POST", "/api/v1/session"), ("POST", "/api/v1/recovery")}
    assert all(route.right is None for (_, path), route in who.items() if not path.startswith("/api/"))
    shown = re.compile(r"/(gop|parts|clips|clip\.mp4|keyframe\.jpg|picture\.jpg|init/\{init_id\}|timeline)$")
    own = {each for each in who if each[1].startswith("/api/v1/looks") and who[each].right is not Right.LOOKS}
    assert {path for _, path in own if path.endswith("}")} == {"/api/v1/looks/{number}"}
    named = {each for each in who if each[1].startswith("/api/v1/bookmarks")}  # instants alone, filtered by account
    assert {each for each, route in who.items() if route.right is Right.FOOTAGE} == own | named | {
        each for each in who if shown.search(each[1])
    }
    assert Right.FOOTAGE not in RIGHTS[Role.TECHNICIAN] | RIGHTS[Role.CENTRAL]
    assert not [role for role, rights in RIGHTS.items() if {Right.FOOTAGE, Right.AIM} <= rights]


@pytest.mark.parametrize("address", ["/api/v1/looks/check", "/api/v1/looks/current"])
async def test_a_fixed_address_is_never_taken_for_the_number_of_another(api: Api, address: str) -> None:
    async with api.session.delete(f"{api.base}{address}", headers={"Sec-Fetch-Site": "same-origin"}) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET")
