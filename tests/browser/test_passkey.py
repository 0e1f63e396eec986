"""A security key in a real browser, by the name of a certificate that the browser trusts, and without one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web

from appliance.core.clock import SimulatedClock
from appliance.web.certificate import names_of, server_context
from appliance.web.passkey_routes import NAMES
from tests.browser.barriers import barriers, speak
from tests.browser.chromium import chromium
from tests.browser.conftest import Desk, served
from tests.browser.test_alerts import click, fill
from tests.browser.trusted import trusted
from tests.peers.fake_recorder import FakeRecorder
from tests.peers.sign_in import PASSWORD, code_of

NAME: Final = "nvr-0780123.videos.example.fr"
OPTIONS: Final = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasResidentKey": False,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
LISTED: Final = "document.querySelector('t-passkeys ul')?.innerText ?? ''"

pytestmark = pytest.mark.full


@dataclass(slots=True)
class Keyed:
    """A page by its name, and a key in the browser's hand."""

    desk: Desk
    key: str

    async def call(self, method: str, **more: Any) -> dict[str, Any]:
        return await self.desk.page.call(f"WebAuthn.{method}", authenticatorId=self.key, **more)

    def code(self) -> str:
        assert isinstance(self.desk.staff.clock, SimulatedClock)
        self.desk.staff.clock.advance(60)  # each code is for one use
        return code_of(self.desk.staff)

    async def own(self) -> None:
        await self.desk.page.open(f"{self.desk.base}/compte")
        await self.desk.page.until("document.querySelector('t-passkeys ul')")

    async def add(self) -> None:
        await self.own()
        for name, value in {"key": "trousseau", "old": PASSWORD, "code": self.code()}.items():
            await fill(self.desk, f"t-passkeys input[name={name}]", value)
        await self.desk.page.run("document.querySelector('t-passkeys form').requestSubmit()")

    async def enter(self) -> None:
        """To the screen that asks for the second factor, and the key is asked."""
        await self.desk.sign_in(None)
        await self.desk.page.open(f"{self.desk.base}/")
        await self.desk.page.until("document.querySelector('t-login form')")
        for name, value in {"name": "durand", "password": PASSWORD}.items():
            await fill(self.desk, f"t-login input[name={name}]", value)
        await self.desk.page.run("document.querySelector('t-login form').requestSubmit()")
        await self.desk.page.until("document.querySelector('t-login .with-key')")
        await click(self.desk, "t-login .with-key")

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.desk.told.lines if kind.startswith("passkey")]


@pytest.fixture
async def keyed(built_page: Path, tmp_path: Path) -> AsyncIterator[Keyed]:
    pem, environment = await asyncio.to_thread(trusted, tmp_path, NAME)
    browser = partial(chromium, hosts=(NAME,), environment=environment)
    async with served(FakeRecorder(), built_page, tmp_path, browser=browser) as desk:
        app = desk.runner.app
        assert isinstance(app, web.Application)
        app[NAMES].update(await asyncio.to_thread(names_of, pem))
        context = await asyncio.to_thread(server_context, pem)
        await web.TCPSite(desk.runner, "127.0.0.1", 0, ssl_context=context).start()
        desk.base = f"https://{NAME}:{desk.runner.addresses[1][1]}"
        await desk.page.call("WebAuthn.enable")
        key = (await desk.page.call("WebAuthn.addVirtualAuthenticator", options=OPTIONS))["authenticatorId"]
        await desk.sign_in()
        desk.page.expected = ("401 (Unauthorized)",)
        yield Keyed(desk, key)


async def test_a_key_is_added_opens_the_page_and_is_removed(keyed: Keyed) -> None:
    page = keyed.desk.page
    await keyed.add()
    await page.until(f"({LISTED}).includes('trousseau')")
    assert "Clé ajoutée" in await page.text("t-passkeys")
    await page.run("document.querySelector('t-passkeys details').open = true")
    for language, words in (("en", "Security keys"), ("fr", "Clés de sécurité")):
        await speak(page, language)
        assert await barriers(page, words) == []
    await page.resize(320, 900)
    assert await barriers(page, "Clés de sécurité") == []
    assert len((await keyed.call("getCredentials"))["credentials"]) == 1
    await keyed.add()
    await page.until("document.querySelector('t-passkeys .refusal')?.innerText.includes('déjà la vôtre')")
    await keyed.enter()
    await page.until("document.querySelector('h1').innerText === 'Tout va bien'")
    assert "Mme Durand" in await page.text("header .who")
    await keyed.own()
    assert "dernière réponse" in await page.text("t-passkeys ul")
    await click(keyed.desk, "t-passkeys li button")
    await page.until("document.querySelectorAll('t-passkeys li').length === 0")
    assert keyed.kinds() == ["passkey-added", "passkey-used", "passkey-removed"]


async def test_a_key_that_is_silent_or_there_twice_is_refused_in_words_and_the_code_remains(keyed: Keyed) -> None:
    page = keyed.desk.page
    await keyed.add()
    await page.until(f"({LISTED}).includes('trousseau')")
    (credential,) = (await keyed.call("getCredentials"))["credentials"]
    await keyed.call("clearCredentials")
    await keyed.enter()
    await page.until("document.querySelector('t-login .refusal')?.innerText.includes('ou vous avez annulé')")
    await page.resize(320, 900)
    assert await barriers(page, "Répondre avec une clé de sécurité") == []
    await keyed.call("addCredential", credential={**credential, "rpId": NAME})
    await click(keyed.desk, "t-login .with-key")  # its first challenge is used up: another is asked for
    await page.until("document.querySelector('h1').innerText === 'Tout va bien'")
    await keyed.call("clearCredentials")
    await keyed.call("addCredential", credential={**credential, "signCount": 0, "rpId": NAME})
    await keyed.enter()
    await page.until("document.querySelector('t-login .refusal')?.innerText.includes('pas été acceptée')")
    assert keyed.kinds()[-2:] == ["passkey-copied", "passkey-refused"]
    await fill(keyed.desk, "t-login input[name=code]", keyed.code())
    await page.run("document.querySelector('t-login form').requestSubmit()")
    await page.until("document.querySelector('h1').innerText === 'Tout va bien'")


async def test_a_page_without_a_name_says_why_there_are_no_keys(desk: Desk) -> None:
    await desk.page.open(f"{desk.base}/compte")
    await desk.page.until("document.querySelector('t-passkeys .hint')")
    assert "ouverte par un nom" in await desk.page.text("t-passkeys")
    assert await desk.page.run("document.querySelector('t-passkeys form')") is None


async def test_a_certificate_that_the_browser_does_not_know_is_told_as_such(keyed: Keyed, tmp_path: Path) -> None:
    await keyed.add()
    await keyed.desk.page.until(f"({LISTED}).includes('trousseau')")
    async with chromium(hosts=(NAME,), environment={"HOME": str(tmp_path)}) as page:
        await page.open(f"{keyed.desk.base}/")
        await page.run("certificateErrorPageController.proceed()")  # as a person who clicks the warning away
        await page.until("document.querySelector('t-login form')")
        mine = replace(keyed, desk=replace(keyed.desk, page=page))
        await mine.enter()
        await page.until("document.querySelector('t-login .refusal')?.innerText.includes('un certificat')")
