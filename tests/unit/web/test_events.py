"""Server-sent events: the state again and again, what is wrong in its place, and an end to all of it."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from appliance.accounts.roles import Role
from appliance.web import events
from tests.peers.sign_in import PEOPLE
from tests.unit.web.conftest import Api
from tests.unit.web.contract import CONTRACT, check

PATH = "/api/v1/events"


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PERIOD_S", 0.02)


async def told(answer: aiohttp.ClientResponse) -> tuple[str, dict[str, Any]]:
    """The next event, its data held against the contract."""
    while not (line := (await answer.content.readline()).decode()).startswith("event: "):
        assert line, "the stream has ended"
    name, data = line.removeprefix("event: ").strip(), (await answer.content.readline()).decode()
    assert await answer.content.readline() == b"\n"
    body = json.loads(data.removeprefix("data: "))
    check(body, CONTRACT["components"]["schemas"][name.capitalize()])
    return name, body


async def room(api: Api) -> None:
    """Until there is room for another page."""
    async with asyncio.timeout(30):
        while (await api.session.head(api.base + PATH)).status != 200:
            pass


async def test_the_state_is_told_again_as_it_changes(api: Api) -> None:
    async with api.session.get(api.base + PATH) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert (await answer.content.readline()).startswith(b"retry: ")
        name, body = await told(answer)
        assert (name, body) == ("state", await api.json("state", "/api/v1/state"))
        api.recorder.now_us += 1_000_000
        while body["now_utc_us"] != api.recorder.now_us:
            name, body = await told(answer)
        api.recorder.down = True
        while name == "state":
            name, body = await told(answer)
        assert (name, body["status"]) == ("problem", 503)
        assert "ne répond pas" in body["fr"]
        api.recorder.down = False
        while name == "problem":
            name, body = await told(answer)


async def test_there_is_room_for_so_many_and_whoever_goes_leaves_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST", 1)
    async with api.session.get(api.base + PATH) as answer:
        await told(answer)
        problem = await api.json("events", PATH, status=503)
        assert problem["code"] == "too-many-pages"
    await room(api)


@pytest.mark.full  # the system's own buffers are filled first
async def test_a_reader_that_reads_nothing_is_let_go(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PERIOD_S", 0.0)
    monkeypatch.setattr(events, "SEND_S", 0.1)
    monkeypatch.setattr(events, "MOST", 1)
    host, port = api.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    cookie = api.session.headers["Cookie"]
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookie}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    await room(api)
    writer.close()


async def test_it_ends_with_the_session(api: Api) -> None:
    async with api.session.get(api.base + PATH) as answer:
        await told(answer)
        await api.desk.sessions.revoke(PEOPLE[Role.MANAGER][0])
        async with asyncio.timeout(5):
            await answer.content.read()
    await api.json("events", PATH, status=401)


async def test_a_viewer_is_told_of_the_cameras_of_the_grant_alone(api: Api) -> None:
    await api.as_(Role.VIEWER)
    async with api.session.get(api.base + PATH) as answer:
        name, body = await told(answer)
    assert (name, body) == ("state", await api.json("state", "/api/v1/state"))
    assert body["cameras"] == body["disks"] == [], "the grant is of a camera that is not there"


async def test_the_end_of_the_process_waits_for_no_page(api: Api) -> None:
    async with api.session.get(api.base + PATH) as answer:
        await told(answer)
        async with asyncio.timeout(5):
            await api.runner.cleanup()
            await answer.content.read()
