"""Security keys over the API: by the name of the certificate over TLS alone; each answer as contracted."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web

from appliance.accounts.passkey import Party
from appliance.core.clock import SimulatedClock
from appliance.web.certificate import ensure_certificate, names_of, server_context
from appliance.web.passkey_routes import NAMES
from tests.peers.authenticator import Authenticator
from tests.peers.sign_in import PASSWORD, code_of
from tests.unit.web.conftest import Api

NAME: Final = "nvr-0780123.videos.example.fr"
KEYS: Final = "/api/v1/session/keys"


@dataclass(slots=True)
class Named:
    """The same API by TLS, its name in each request."""

    api: Api
    port: int
    party: Party

    def as_named(self, host: str) -> None:
        self.api.session.headers["Host"] = host

    def code(self) -> str:
        assert isinstance(self.api.desk.clock, SimulatedClock)
        self.api.desk.clock.advance(60)
        return code_of(self.api.desk)

    async def asked(self) -> Any:
        proof = {"password": PASSWORD, "code": self.code()}
        return await self.api.post("askPasskey", f"{KEYS}/challenge", proof, status=201)

    async def add(self, device: Authenticator, name: str = "trousseau", *, status: int = 200, **forged: str) -> Any:
        challenge = (await self.asked())["challenge"]
        answer = asdict(device.create(raw(challenge), self.party, **forged))
        return await self.api.post("addPasskey", KEYS, {"name": name, "challenge": challenge, **answer}, status=status)

    async def log_in(self, status: int, **more: Any) -> Any:
        await self.api.as_(None)
        body = {"name": "durand", "password": PASSWORD, **more}
        return await self.api.post("logIn", "/api/v1/session", body, status=status)


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture
async def named(api: Api, tmp_path: Path) -> AsyncIterator[Named]:
    pem = await asyncio.to_thread(ensure_certificate, tmp_path, NAME)
    names = await asyncio.to_thread(names_of, pem)
    assert names == {NAME}
    api.app[NAMES].update(names)
    context = await asyncio.to_thread(server_context, pem)
    await web.TCPSite(api.runner, "127.0.0.1", 0, ssl_context=context).start()
    port = int(api.runner.addresses[1][1])
    trusting = await asyncio.to_thread(partial(ssl.create_default_context, cafile=str(pem)))
    plain, cookie, api.base = api.session, api.session.headers["Cookie"], f"https://127.0.0.1:{port}"
    connector = aiohttp.TCPConnector(ssl=trusting)
    trusting.check_hostname = False  # it is reached by its address, named in Host
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), headers={"Cookie": cookie, "Host": f"{NAME}:{port}"}
    ) as session:
        api.session = session
        yield Named(api, port, Party(NAME, f"https://{NAME}:{port}"))
        api.session = plain


async def test_a_key_is_added_used_in_the_codes_place_and_removed(named: Named) -> None:
    api, device = named.api, Authenticator()
    told = await api.json("passkeys", KEYS)
    assert (told["why_not"], told["keys"]) == (None, [])
    asked = await named.asked()
    assert (asked["party"], asked["keys"], asked["user"]["display"]) == (NAME, [], "Mme Durand")
    (key,) = (await named.add(device, " trousseau "))["keys"]
    assert (key["name"], key["party"], key["here"], key["used_us"]) == ("trousseau", NAME, True, None)
    assert len((await named.asked())["keys"]) == 1, "the same key is not to be added twice"
    needed = await named.log_in(401)
    assert (needed["code"], needed["passkey"]["party"]) == ("code-needed", NAME)
    challenge = needed["passkey"]["challenge"]
    answer = {"challenge": challenge, **asdict(device.get(raw(challenge), named.party))}
    assert (await named.log_in(200, passkey=answer))["name"] == "durand"
    assert (await named.log_in(401, passkey=answer))["code"] == "passkey-refused"
    assert (await named.log_in(200, code=named.code()))["name"] == "durand", "the telephone remains"
    await api.as_("durand")
    assert (await api.json("passkeys", KEYS))["keys"][0]["used_us"] is not None
    assert (await api.delete("removePasskey", f"{KEYS}/{key['id']}"))["keys"] == []
    assert (await api.delete("removePasskey", f"{KEYS}/{key['id']}", status=404))["code"] == "no-such-passkey"
    assert "passkey" not in await named.log_in(401)
    kinds = [kind for kind, _ in api.told if kind.startswith("passkey")]
    assert kinds == ["passkey-added", "passkey-used", "passkey-refused", "passkey-removed"]


async def test_by_an_address_or_another_name_no_key_is_asked_for_and_the_page_says_why(named: Named) -> None:
    api, device = named.api, Authenticator()
    await named.add(device)
    for host in ("10.0.3.15", f"127.0.0.1:{named.port}", "other.example.fr", f"x.{NAME}"):
        named.as_named(host)
        await api.as_("durand")
        told = await api.json("passkeys", KEYS)
        assert f"https://{NAME}/" in told["why_not"]["fr"]
        assert [each["here"] for each in told["keys"]] == [False]
        proof = {"password": PASSWORD, "code": named.code()}
        refused = await api.post("askPasskey", f"{KEYS}/challenge", proof, status=403)
        assert refused["code"] == "passkey-by-name"
        assert "passkey" not in await named.log_in(401)


async def test_without_encryption_there_is_no_name(api: Api) -> None:
    told = await api.json("passkeys", KEYS)
    assert "page chiffrée" in told["why_not"]["fr"]
    refused = await api.post("askPasskey", f"{KEYS}/challenge", {"password": PASSWORD, "code": "1"}, status=403)
    assert refused["code"] == "passkey-no-name"
    api.app[NAMES].add("localhost")
    assert (await api.json("passkeys", KEYS))["why_not"] is not None


async def test_forged_answers_are_refused_with_a_name(named: Named) -> None:
    for forged in ({"origin": "https://evil.example.fr"}, {"rp": "evil.example.fr"}):
        assert (await named.add(Authenticator(), status=401, **forged))["code"] == "passkey-refused"
    asked = (await named.asked())["challenge"]
    answer = asdict(Authenticator().create(raw(asked), named.party))
    for broken in ({"id": "é"}, {"id": "A"}, {"name": "\n"}, {"name": "x" * 41}, {"attestation": ""}, {"more": 1}):
        body = {"name": "x", "challenge": asked, **answer, **broken}
        assert (await named.api.post("addPasskey", KEYS, body, status=400))["code"] == "bad-body"
    assert (await named.api.json("passkeys", KEYS))["keys"] == []
