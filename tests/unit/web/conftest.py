"""The application over a recorder that answers from memory, on a real loopback socket."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from appliance.accounts.desk import AccountDesk
from appliance.accounts.roles import Role
from appliance.core.chain import Facts
from appliance.core.clock import SimulatedClock
from appliance.web.app import make_app, serve
from appliance.web.look_book import LookBook
from appliance.web.recorder import SiteInfo
from tests.peers.fake_detector import FakeDetector
from tests.peers.fake_recorder import FakeRecorder
from tests.peers.fake_stills import FakeStills
from tests.peers.looking import Told, make_book, open_tape
from tests.peers.sign_in import cookie_of, make_staff
from tests.unit.web.contract import CONTRACT, check, resolve


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, read to its end."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Api:
    """A client that holds every answer against the contract."""

    session: aiohttp.ClientSession
    base: str
    recorder: FakeRecorder
    detector: FakeDetector
    folder: Path
    site: SiteInfo
    told: list[tuple[str, Facts]]
    book: LookBook
    clock: SimulatedClock
    desk: AccountDesk
    runner: web.AppRunner
    app: web.Application

    async def as_(self, who: Role | str | None) -> None:
        """Whose requests the next ones are; None: nobody's."""
        self.session.headers.pop("Cookie", None)
        self.session.headers.update({} if who is None else await cookie_of(self.desk, who))

    async def get(self, operation: str, path: str, *, status: int = 200, **params: Any) -> Answer:
        async with self.session.get(f"{self.base}{path}", params=params) as response:
            body = await response.read()
            assert response.status == status, body
            self._check(operation, status, response.headers, body)
            return Answer(response.headers, body)

    async def json(self, operation: str, path: str, *, status: int = 200, **params: Any) -> Any:
        return json.loads((await self.get(operation, path, status=status, **params)).body)

    async def delete(self, operation: str, path: str, *, status: int = 200) -> Any:
        """An end as the page asks for it."""
        return await self._change("DELETE", operation, path, status, None)

    async def post(self, operation: str, path: str, body: Mapping[str, Any], *, status: int = 200) -> Any:
        """A change as the page asks for it."""
        check(body, request_schema(operation)) if status < 300 else None
        return await self._change("POST", operation, path, status, body)

    async def _change(self, method: str, operation: str, path: str, status: int, body: object) -> Any:
        headers = {"Sec-Fetch-Site": "same-origin"}
        asked = self.session.request(method, f"{self.base}{path}", json=body, headers=headers)
        async with asked as response:
            raw = await response.read()
            assert response.status == status, raw
            self._check(operation, status, response.headers, raw)
            return json.loads(raw)

    def _check(self, operation: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        described = operation_of(operation)
        wanted = resolve(described["responses"][str(status)])
        kind = headers["Content-Type"].split(";")[0]
        assert kind in wanted["content"]
        for name, header in wanted.get("headers", {}).items():
            assert name in headers or not header["required"], name
        if kind.endswith("json"):
            check(json.loads(body), wanted["content"][kind]["schema"])


def operation_of(name: str) -> dict[str, Any]:
    """An operation of the contract."""
    operations = (operation for methods in CONTRACT["paths"].values() for operation in methods.values())
    found: dict[str, Any] = next(operation for operation in operations if operation["operationId"] == name)
    return found


def request_schema(name: str) -> dict[str, Any]:
    """What the body of a change is to be."""
    found: dict[str, Any] = operation_of(name)["requestBody"]["content"]["application/json"]["schema"]
    return found


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>page</title>", encoding="utf-8")
    (tmp_path / "assets" / "a-1234.js").write_text("void 0;\n" * 100, encoding="utf-8")
    recorder = FakeRecorder()
    site = SiteInfo("Collège Émile-Zola", "Lyon", "Europe/Paris")
    detector = FakeDetector(tmp_path, ("hall", "yard"))
    await detector.desk.open()
    told = Told()
    clock = SimulatedClock(recorder.now_us)
    book = await make_book(tmp_path, clock, told)
    await open_tape(book, recorder)
    told.lines.clear()
    desk = await make_staff(tmp_path, SimulatedClock(recorder.now_us), told)  # sessions last, whatever looks do
    app = make_app(recorder, detector, tmp_path, site, book, desk, told, FakeStills())
    runner = await serve(app, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        found = Api(session, base, recorder, detector, tmp_path, site, told.lines, book, clock, desk, runner, app)
        await found.as_(Role.MANAGER)
        yield found
    await runner.cleanup()
    await desk.close()
    await detector.desk.close()
    await book.store.database.close()
