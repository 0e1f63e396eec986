"""The page's certificate by the page itself: asked for, signed by a real authority, installed, and then trusted."""

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web

from appliance.accounts.roles import Role
from appliance.core.clock import SimulatedClock, SystemClock
from appliance.web.certificate import ensure_certificate, fingerprint_of, in_words, served_fingerprint
from appliance.web.certificate_desk import Place
from appliance.web.certificate_routes import DESK
from appliance.web.served import ServedCertificate
from tests.browser.barriers import barriers, speak
from tests.browser.chromium import chromium
from tests.browser.conftest import Desk, served
from tests.browser.test_alerts import click
from tests.browser.trusted import of_home, trusting
from tests.peers.authority import Authority
from tests.peers.fake_recorder import FakeRecorder

NAME: Final = "temoin.zola.exemple.fr"
NOW_US: Final = SystemClock().utc_us() + 7200 * 1_000_000
"""us: openssl dates what a test makes by the machine's own clock, and this is read when the tests are gathered, up to
an hour before."""

TEXT: Final = "document.querySelector('t-certificate').innerText"

pytestmark = pytest.mark.full


@pytest.fixture
async def authority(tmp_path: Path) -> Authority:
    made = await asyncio.to_thread(Authority, tmp_path / "authority")
    await asyncio.to_thread(trusting, tmp_path / "home", made.root)
    return made


@pytest.fixture
async def secure(built_page: Path, tmp_path: Path, authority: Authority) -> AsyncIterator[Desk]:
    """A technician behind the warning of a page that has the appliance's own certificate only."""
    browser = partial(chromium, hosts=(NAME,), environment=of_home(tmp_path / "home"))
    async with served(FakeRecorder(), built_page, tmp_path, browser=browser) as desk:
        folder = tmp_path / "front"
        await asyncio.to_thread(folder.mkdir)
        _ = await asyncio.to_thread(ensure_certificate, folder, "temoin-1")
        certificate = ServedCertificate(folder)
        context = await asyncio.to_thread(certificate.context)
        await web.TCPSite(desk.runner, "127.0.0.1", 0, ssl_context=context).start()
        app = desk.runner.app
        assert isinstance(app, web.Application)
        app[DESK].place, app[DESK].clock = Place(certificate, NAME, authority.root), SimulatedClock(NOW_US)
        desk.page.expected = ("401 (Unauthorized)", "409 (Conflict)")
        desk.base = f"https://{NAME}:{desk.runner.addresses[1][1]}"
        await desk.page.open(f"{desk.base}/")
        assert await desk.page.run("document.title") != "Témoin", "nobody's certificate: the browser warns"
        await desk.page.run("certificateErrorPageController.proceed()")  # as a person who has compared the words
        await desk.page.until("document.querySelector('t-login form')")
        await desk.sign_in(Role.TECHNICIAN)
        yield desk


async def choose(desk: Desk, file: Path) -> None:
    """The file as a person chooses it, and sent."""
    await desk.page.tab.locator("t-certificate input[type=file]").set_input_files(file)
    await click(desk, "t-certificate form button")


async def printed(desk: Desk) -> str:
    """The text of the label, which alone is printed, on one page."""
    page = desk.page
    await page.tab.emulate_media(media="print")
    shown = "[...document.querySelectorAll('t-certificate > *, header, footer')].filter((e) => e.offsetHeight)"
    assert await page.run(f"{shown}.map((each) => each.className).join()") == "label"
    sheet = await page.tab.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", sheet)) == 1
    text = await page.text(".label")
    await page.tab.emulate_media(media="screen")
    return text


async def saved(desk: Desk, folder: Path) -> str:
    """The request as the browser saves it."""
    async with desk.page.tab.expect_download() as saving:
        await click(desk, "t-certificate a[download]")
    download = await saving.value
    assert download.suggested_filename == "demande.csr"
    file = folder / download.suggested_filename
    await download.save_as(file)
    return await asyncio.to_thread(file.read_text, "ascii")


def port_of(desk: Desk) -> tuple[str, int]:
    address: Any = desk.runner.addresses[1]
    return "127.0.0.1", int(address[1])


async def test_a_certificate_is_asked_for_signed_installed_and_trusted(
    secure: Desk, authority: Authority, tmp_path: Path
) -> None:
    desk, page = secure, secure.page
    await desk.home()
    await click(desk, "a[href='/certificat']")
    await page.until(f"({TEXT}).includes('Empreinte')")
    own = await asyncio.to_thread(served_fingerprint, port_of(desk))
    assert await page.text("t-certificate .words") == in_words(own)
    assert "l'appareil lui-même" in await page.text("t-certificate")
    label = await printed(desk)
    assert (in_words(own) in label, f"https://{NAME}" in label, "Collège Émile-Zola" in label) == (True, True, True)
    assert own.upper()[:8] in label.replace(" ", "")
    await click(desk, "t-certificate .ask")
    await page.until("document.querySelector('t-certificate textarea.request')")
    request = await saved(desk, tmp_path / "saved")
    assert request == await page.run("document.querySelector('t-certificate textarea.request').value")
    for language, words in (("en", "Request to be signed"), ("fr", "Demande à faire signer")):
        await speak(page, language)
        assert await barriers(page, words) == []
    await page.resize(320, 900)
    assert await barriers(page, "Demande à faire signer") == []
    file = tmp_path / "rendu.pem"
    await asyncio.to_thread(file.write_text, await asyncio.to_thread(authority.sign, request, NAME))
    await choose(desk, file)
    await page.until("document.querySelector('t-certificate .refusal')?.innerText.includes('pas signé par')")
    assert await asyncio.to_thread(served_fingerprint, port_of(desk)) == own, "what is refused changes nothing"
    pem = await asyncio.to_thread(authority.sign, request, NAME) + authority.pem
    await asyncio.to_thread(file.write_text, pem)
    await choose(desk, file)
    await page.until(f"({TEXT}).includes('Le certificat est installé')")
    await page.until("document.querySelector('h1').getBoundingClientRect().top >= 0")
    issued = fingerprint_of(pem)
    assert await asyncio.to_thread(served_fingerprint, port_of(desk)) == issued != own
    assert await page.text("t-certificate .words") == in_words(issued)
    assert "CN=Autorite" in await page.text("t-certificate")
    assert await barriers(page, "Le certificat est installé") == []
    label = await printed(desk)
    assert f"https://{NAME}" in label
    assert in_words(issued) not in label, "an authority's is compared by the browser"
    kinds = [kind for kind, _ in desk.told.lines if kind.startswith("certificate-")]
    assert kinds == ["certificate-asked", "certificate-refused", "certificate-served", "certificate-installed"]
    async with chromium(hosts=(NAME,), environment=of_home(tmp_path / "home")) as other:
        await other.open(f"{desk.base}/")
        await other.until("document.querySelector('t-login form')")
        assert await other.run("isSecureContext"), "no warning: the authority is known to this browser"


async def test_a_pasted_text_and_a_page_without_encryption_are_told_in_words(secure: Desk) -> None:
    desk, page = secure, secure.page
    await desk.sign_in(Role.CENTRAL)
    await page.open(f"{desk.base}/certificat")
    await page.until(f"({TEXT}).includes('Empreinte')")
    await page.run("document.querySelector('t-certificate textarea[name=text]').value = 'bonjour'")
    await click(desk, "t-certificate form button")
    await page.until(
        "document.querySelector('t-certificate .refusal')?.innerText.includes('texte collé ne se lit pas')"
    )
    app = desk.runner.app
    assert isinstance(app, web.Application)
    app[DESK].place = None
    await page.open(f"{desk.base}/certificat")
    await page.until(f"({TEXT}).includes('sans chiffrement')")
    assert await page.run("document.querySelector('t-certificate form, t-certificate .ask')") is None


async def test_a_manager_is_offered_none(desk: Desk) -> None:
    await desk.home()
    assert await desk.page.run("document.querySelector('a[href=\"/certificat\"]')") is None
    await desk.page.open(f"{desk.base}/certificat")
    await desk.page.until("document.querySelector('main').innerText.includes('pas ouverte à votre compte')")
