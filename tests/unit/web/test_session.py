"""Log-ins over the API: who gets in, what the cookie is, what a session may do, and what is entered."""

from typing import Any

import pytest

from appliance.accounts.roles import RIGHTS, Grant, Right, Role
from appliance.accounts.sessions import ABSOLUTE_US, IDLE_US
from appliance.core.chain import Facts
from appliance.core.clock import SimulatedClock
from appliance.web.account_words import NOTICES
from appliance.web.who import COOKIE, WHO
from tests.peers.fake_recorder import START_US
from tests.peers.sign_in import PASSWORD, PEOPLE, YEAR_US, code_of
from tests.unit.web.conftest import Api

OWN = {"Sec-Fetch-Site": "same-origin"}
FROM, TO = START_US, START_US + 3_000_000


def told(api: Api, kind: str) -> list[Facts]:
    return [facts for name, facts in api.told if name == kind]


def forward(api: Api, seconds: float) -> None:
    assert isinstance(api.desk.clock, SimulatedClock)
    api.desk.clock.advance(seconds)


async def log_in(api: Api, name: str = "durand", code: str | None = None) -> Any:
    """By the page; the cookie of the answer is the one of the next requests."""
    body = {"name": name, "password": PASSWORD, "code": code_of(api.desk) if code is None else code}
    async with api.session.post(f"{api.base}/api/v1/session", json=body, headers=OWN) as answer:
        assert answer.status == 200, await answer.text()
        (line,) = answer.headers.getall("Set-Cookie")
        api.session.headers["Cookie"] = line.split(";")[0]
        return line


async def test_a_log_in_gives_a_cookie_that_no_script_and_no_other_site_has(api: Api) -> None:
    await api.as_(None)
    line = await log_in(api)
    name, _, rest = line.partition("=")
    assert name == COOKIE
    token, *attributes = (part.strip() for part in rest.split(";"))
    assert len(token) == 64
    assert {each.lower() for each in attributes} == {"httponly", "secure", "samesite=strict", "path=/"}
    mine = await api.json("session", "/api/v1/session")
    assert (mine["name"], mine["who"], mine["role"]) == ("durand", "Mme Durand", "manager")
    assert mine["rights"] == sorted(each.value for each in RIGHTS[Role.MANAGER])
    assert mine["must"] == []
    assert mine["until_us"] == api.desk.clock.utc_us() + ABSOLUTE_US
    assert told(api, "session-begun") == [{"account": "durand", "address": "127.0.0.1"}]
    await api.delete("logOut", "/api/v1/session")
    assert (await api.json("session", "/api/v1/session", status=401))["code"] == "not-logged-in"


async def test_every_route_asks_for_a_session_but_the_ways_in(api: Api) -> None:
    await api.as_(None)
    for (method, path), route in api.app[WHO].items():
        address = path.format(id="hall", number=1, name="durand", init_id="1-a-1-1")
        async with api.session.request(method, f"{api.base}{address}", headers=OWN, json={}) as answer:
            body = await answer.read()
            assert (answer.status == 401) == (route.right is not None), (method, path, body)
            assert answer.headers["Cache-Control"] in {"no-store", "no-cache"} or route.right is None


@pytest.mark.parametrize("role", Role)
async def test_a_role_gets_what_its_rights_say_and_every_refusal_is_entered(api: Api, role: Role) -> None:
    await api.as_(role)
    refused: list[Right | None] = []
    for (method, path), route in api.app[WHO].items():
        if method == "DELETE" or route.right in {None, Right.SELF}:
            continue
        address = path.format(id="hall", number=1, name="nobody", init_id="1-a-1-1")
        async with api.session.request(method, f"{api.base}{address}", headers=OWN, json={}) as answer:
            code = (await answer.json(content_type=None)).get("code") if answer.status != 200 else ""
            wanted = {route.right, route.also or route.right}
            assert (code == "right-missing") == (not wanted <= RIGHTS[role]), (method, path, code)
            refused += [route.right] if code == "right-missing" else []
    lines = told(api, "access-refused")
    assert sum(int(each["count"]) for each in lines) == len(refused)
    assert {each["account"] for each in lines} <= {PEOPLE[role][0]}
    apart = {Right.AIM, Right.CERTIFICATE}
    assert (set(refused) == apart) == (role is Role.MANAGER), "who may see footage does not aim"


async def test_a_technician_gets_no_picture_by_any_address(api: Api) -> None:
    await api.as_(Role.TECHNICIAN)
    asked = [
        f"/api/v1/cameras/cour/gop?t={FROM}",
        f"/api/v1/cameras/cour/parts?from={FROM}&to={TO}",
        f"/api/v1/cameras/cour/clip.mp4?from={FROM}&to={TO}",
        f"/api/v1/cameras/cour/timeline?from={FROM}&to={TO}",
        "/api/v1/alerts/1/picture.jpg",
    ]
    for path in asked:
        for method in ("GET", "HEAD"):
            async with api.session.request(method, f"{api.base}{path}") as answer:
                assert answer.status == 403
                assert answer.content_type == "application/problem+json"
    assert len({(each["method"], each["route"]) for each in told(api, "access-refused")}) == 2 * len(asked)


async def test_a_viewer_is_told_of_the_cameras_of_the_grant_alone(api: Api) -> None:
    whole = await api.json("state", "/api/v1/state")
    assert len(whole["cameras"]) > 1
    await api.as_(Role.VIEWER)
    seen = await api.json("state", "/api/v1/state")
    assert {each["id"] for each in seen["cameras"]} <= {"hall"}
    assert (seen["issues"], seen["disks"]) == ([], [])


async def test_a_viewer_goes_as_far_as_the_grant_and_no_further(api: Api) -> None:
    grant = Grant(frozenset({"cour"}), FROM + 1_000_000, TO, api.desk.clock.utc_us(), TO + 10**9)
    await api.desk.store.grant("moreau", grant)
    await api.as_(Role.VIEWER)
    line = await api.json("timeline", "/api/v1/cameras/cour/timeline", **{"from": FROM, "to": TO + 10**6})
    assert (line["from_us"], line["to_us"]) == (FROM + 1_000_000, TO)
    for camera, from_us, to_us in (("portail", FROM, TO), ("cour", TO, TO + 10**6), ("cour", FROM - 10**6, FROM)):
        path = f"/api/v1/cameras/{camera}/timeline"
        refused = await api.json("timeline", path, status=403, **{"from": from_us, "to": to_us})
        assert refused["code"] == "right-missing"
    await api.json("gop", "/api/v1/cameras/portail/gop", status=403, t=FROM)
    assert sum(int(each["count"]) for each in told(api, "access-refused")) == 4


async def test_wrong_answers_are_told_alike_and_slow_down(api: Api) -> None:
    await api.as_(None)
    url = f"{api.base}/api/v1/session"
    bodies = []
    for name, password in [("durand", "wrong"), ("nobody", PASSWORD), ("durand", ""), ("DURAND", PASSWORD), ("x", "y")]:
        async with api.session.post(url, json={"name": name, "password": password}, headers=OWN) as answer:
            assert answer.status == 401
            bodies.append(await answer.json(content_type=None))
    assert all(each == bodies[0] for each in bodies)
    async with api.session.post(url, json={"name": "durand", "password": PASSWORD}, headers=OWN) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    forward(api, 1)
    await log_in(api)
    assert sum(int(each["count"]) for each in told(api, "log-in-refused")) == 5


async def test_a_session_left_alone_ends_and_a_page_that_asks_by_itself_does_not_keep_it(api: Api) -> None:
    for _ in range(5):
        await api.json("state", "/api/v1/state")
        forward(api, IDLE_US / 5e6)
    assert (await api.json("state", "/api/v1/state", status=401))["code"] == "not-logged-in"
    await api.as_(Role.MANAGER)
    for _ in range(5):
        await api.json("session", "/api/v1/session")
        forward(api, IDLE_US / 5e6)
    await api.json("state", "/api/v1/state")


async def test_a_first_log_in_does_nothing_before_it_is_set_up(api: Api) -> None:
    now = api.desk.clock.utc_us()
    wanted = {"name": "petit", "person": "M. Petit", "function": "gestionnaire", "role": "manager"}
    made = await api.post("openAccount", "/api/v1/accounts", {**wanted, "from_us": now, "until_us": now + YEAR_US})
    await api.as_(None)
    body = {"name": "petit", "password": made["password"]}
    opened = await api.session.post(f"{api.base}/api/v1/session", json=body, headers=OWN)
    api.session.headers["Cookie"] = opened.headers["Set-Cookie"].split(";")[0]
    mine = await api.json("session", "/api/v1/session")
    assert (mine["must"], mine["rights"]) == (["password", "second-factor"], ["self"])
    assert (await api.json("state", "/api/v1/state", status=403))["code"] == "set-up-first"
    for path, change in (
        ("password", {"old": made["password"], "new": "un autre mot de passe"}),
        ("second-factor", {}),
    ):
        answer = await api.session.post(f"{api.base}/api/v1/session/{path}", json=change, headers=OWN)
        assert answer.status == 200
        if "Set-Cookie" in answer.headers:
            api.session.headers["Cookie"] = answer.headers["Set-Cookie"].split(";")[0]
    found = await api.desk.store.find("petit")
    assert found is not None
    change = {"code": code_of(api.desk, found[1].totp_next)}
    done = await api.session.post(f"{api.base}/api/v1/session/second-factor", json=change, headers=OWN)
    assert len((await done.json())["codes"]) == 10
    api.session.headers["Cookie"] = done.headers["Set-Cookie"].split(";")[0]
    await api.json("state", "/api/v1/state")


async def test_managers_are_told_of_each_other_and_the_last_one_stays(api: Api) -> None:
    now = api.desk.clock.utc_us()
    assert (await api.post("revokeAccount", "/api/v1/accounts/durand/revoke", {}, status=403))["code"] == "last-manager"
    body = {"name": "petit", "person": "M. Petit", "function": "gestionnaire", "role": "manager", "from_us": now}
    await api.post("openAccount", "/api/v1/accounts", {**body, "until_us": now + YEAR_US})
    await api.post("resetPassword", "/api/v1/accounts/martin/password", {})
    listed = await api.json("accounts", "/api/v1/accounts")
    by_name = {each["name"]: each for each in listed["accounts"]}
    assert (by_name["martin"]["first_log_in"], by_name["martin"]["second_factor"]) == (True, False)
    assert (await api.json("session", "/api/v1/session"))["notices"] == []
    grant = {"cameras": ["hall"], "from_us": 0, "to_us": now, "until_us": now + 3_600_000_000}
    await api.post("grantAccess", "/api/v1/accounts/moreau/grant", grant)
    late = {**grant, "until_us": now + YEAR_US}
    assert (await api.post("grantAccess", "/api/v1/accounts/moreau/grant", late, status=400))["fr"]
    await api.post("authoriseAccount", "/api/v1/accounts/martin/authorise", {"until_us": now + 2 * YEAR_US})
    await api.post("revokeAccount", "/api/v1/accounts/martin/revoke", {})
    api.session.headers["Cookie"] = f"{COOKIE}={await api.desk.sessions.begin('petit', 'x', now)}"
    seat = await api.desk.seat_of(api.session.headers["Cookie"].partition("=")[2])
    assert seat is not None
    kinds = [each.kind for each in await api.desk.notices(seat)]
    assert kinds == ["account-revoked", "account-authorised", "access-granted", "password-reset"]
    mine = await api.json("session", "/api/v1/session")
    assert [each["kind"] for each in mine["notices"]] == kinds
    assert "martin" in mine["notices"][0]["fr"]
    assert mine["notices"][0]["number"] > 0


async def test_sessions_are_listed_and_ended_by_their_owner_or_a_manager(api: Api) -> None:
    await api.as_(Role.TECHNICIAN)
    (own,) = (await api.json("sessions", "/api/v1/sessions"))["sessions"]
    assert (own["account"], own["mine"]) == ("martin", True)
    await api.as_(Role.MANAGER)
    everybody = (await api.json("sessions", "/api/v1/sessions"))["sessions"]
    assert {each["account"] for each in everybody} == {"martin", "durand"}
    await api.delete("endSession", f"/api/v1/sessions/{own['id']}")
    assert (await api.delete("endSession", f"/api/v1/sessions/{own['id']}", status=404))["code"] == "no-such-session"
    assert told(api, "session-revoked") == [{"account": "martin", "by": "durand"}]


async def test_the_recovery_sheet_comes_back_in(api: Api) -> None:
    sheet = await api.post("newSheet", "/api/v1/session/sheet", {})
    assert sheet["name"] == "durand"
    await api.as_(None)
    wrong = {"name": "durand", "sheet": "AAAAA-AAAAA", "password": "un nouveau mot de passe"}
    assert (await api.post("comeBack", "/api/v1/recovery", wrong, status=401))["code"] == "wrong-answer"
    back = await api.post("comeBack", "/api/v1/recovery", {**wrong, "sheet": sheet["code"].lower()})
    assert back["must"] == ["second-factor"]
    assert told(api, "recovery-sheet-used") == [{"account": "durand", "by": "durand"}]


@pytest.mark.parametrize("site", ["cross-site", "same-site", ""])
async def test_another_site_can_neither_log_in_nor_out(api: Api, site: str) -> None:
    headers = {"Sec-Fetch-Site": site} if site else {}
    for method in ("POST", "DELETE"):
        async with api.session.request(method, f"{api.base}/api/v1/session", headers=headers, json={}) as answer:
            assert answer.status == 403
            assert (await answer.json(content_type=None))["code"] == "cross-site"


def test_every_notice_has_words() -> None:
    for kind, pair in NOTICES.items():
        for words in pair:
            assert "{account}" in words, kind
