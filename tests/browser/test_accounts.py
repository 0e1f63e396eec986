"""People of the site in a real browser: the way in from a first log-in on, and a manager's page of accounts."""

import base64

import pytest

from appliance.accounts import totp
from appliance.accounts.roles import Role
from tests.browser.barriers import barriers, speak
from tests.browser.conftest import Desk
from tests.browser.test_alerts import click, fill
from tests.peers.sign_in import PASSWORD, PEOPLE, code_of

OWN = "une phrase bien a moi"


async def send(desk: Desk, **fields: str) -> None:
    """Fill the form of the way in and send it."""
    for name, value in fields.items():
        await fill(desk, f"t-login input[name={name}]", value)
    await desk.page.run("document.querySelector('t-login form').requestSubmit()")


async def type_secret(desk: Desk) -> None:
    """From the screen that offers a second factor to its recovery codes."""
    await send(desk)
    await desk.page.until("document.querySelector('t-login .secret')")
    await desk.page.tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await click(desk, "t-login .secret + button")
    await desk.page.until("document.querySelector('t-login [role=status]').innerText === 'Copié.'")
    secret = base64.b32decode((await desk.page.text("t-login .secret")).replace(" ", ""))
    await send(desk, code=totp.hotp(secret, totp.step_of(desk.staff.clock.utc_us())))
    await desk.page.until("document.querySelectorAll('t-login .codes li').length > 4")


async def set_telephone(desk: Desk) -> None:
    """The same, and behind the codes."""
    await type_secret(desk)
    await desk.page.run("document.querySelector('t-login .primary').click()")


async def test_a_manager_opens_an_account_and_its_person_comes_in(desk: Desk) -> None:
    await desk.page.open(f"{desk.base}/acces")
    await desk.page.until("document.querySelector('t-accounts form')")
    assert await barriers(desk.page, "Adj. Moreau") == []
    await click(desk, "t-accounts details summary")
    await desk.page.run("document.querySelector('t-accounts form select').value = 'manager'")
    await desk.page.run("document.querySelector('t-accounts form select').dispatchEvent(new Event('change'))")
    await desk.page.until("!document.querySelector('t-accounts form [name=hours]')")
    for name, value in {"person": "M. Petit", "name": "petit", "function": "gestionnaire"}.items():
        await fill(desk, f"t-accounts form input[name={name}]", value)
    await desk.page.run("document.querySelector('t-accounts form').requestSubmit()")
    await desk.page.until("document.querySelector('.once code')")
    given = await desk.page.text(".once code")
    await desk.page.until("document.querySelector('t-accounts table').innerText.includes('gestionnaire')")
    await desk.sign_in(None)
    desk.page.expected = ("401 (Unauthorized)", "400 (Bad Request)")
    await desk.page.open(f"{desk.base}/")
    await desk.page.until("document.querySelector('t-login form')")
    assert await barriers(desk.page, "Se connecter") == []
    await send(desk, name="petit", password="pas celui-ci du tout")
    await desk.page.until("document.querySelector('t-login .refusal')")
    await send(desk, name="petit", password=given)
    await desk.page.until("document.querySelector('t-login input[name=again]')")
    await send(desk, old=given, new=OWN, again=OWN)
    await desk.page.until("document.querySelector('t-login h1').innerText === 'Le code de votre téléphone'")
    await set_telephone(desk)
    await desk.page.until("document.querySelector('h1').innerText === 'Tout va bien'")
    assert "M. Petit" in await desk.page.text("header .who")


@pytest.mark.full
async def test_each_role_finds_its_own_pages_and_no_other(desk: Desk) -> None:
    menus = {
        Role.MANAGER: ["Accueil", "Alertes", "Comptes", "Consultations"],
        Role.TECHNICIAN: ["Accueil"],
        Role.CENTRAL: ["Accueil"],
        Role.VIEWER: [],
    }
    for role, menu in menus.items():
        await desk.page.open("about:blank")  # the page of whoever was there before asks no more
        await desk.sign_in(role)
        await desk.page.open(f"{desk.base}/")
        await desk.page.until(f"document.querySelector('header .who')?.innerText.includes({PEOPLE[role][1]!r})")
        seen = await desk.page.run("[...document.querySelectorAll('header nav a')].map((each) => each.innerText)")
        assert seen == menu, role


@pytest.mark.full
async def test_the_code_is_asked_for_after_the_password_in_either_language_and_narrow(desk: Desk) -> None:
    await desk.sign_in(None)
    desk.page.expected = ("401 (Unauthorized)",)
    await desk.page.open(f"{desk.base}/")
    await desk.page.until("document.querySelector('t-login form')")
    await send(desk, name="durand", password=PASSWORD)
    await desk.page.until("document.querySelector('t-login input[name=code]')")
    await desk.page.resize(320, 900)
    for language, word in (("en", "Telephone's code"), ("fr", "Code du téléphone")):
        await speak(desk.page, language)
        for scheme in ("light", "dark"):
            await desk.page.media(scheme)
            assert await barriers(desk.page, word) == []
    await send(desk, code=code_of(desk.staff))
    await desk.page.until("document.querySelector('h1').innerText === 'Tout va bien'")


async def test_a_recovery_sheet_is_made_told_once_and_opens_the_account(desk: Desk) -> None:
    await desk.home()
    await click(desk, "header .who a")
    await desk.page.until("document.querySelector('t-own .make')")
    assert await barriers(desk.page, "Vous n'avez pas de fiche de secours") == []
    await click(desk, "t-own .make")
    await desk.page.until("document.querySelector('.sheet code')")
    sheet = await desk.page.text(".sheet code")
    await desk.page.until("document.querySelector('t-own').innerText.includes('Vous avez une fiche de secours')")
    await desk.page.tab.emulate_media(media="print")
    shown = "[...document.querySelectorAll('t-own section')].filter((each) => each.checkVisibility()).length"
    assert await desk.page.run(shown) == 1, "the sheet alone is printed"
    await desk.page.tab.emulate_media(media="screen")
    await desk.sign_in(None)
    desk.page.expected = ("401 (Unauthorized)",)
    await desk.page.open(f"{desk.base}/")
    await desk.page.until("document.querySelector('t-login .plain')")
    await click(desk, "t-login .plain")
    await desk.page.until("document.querySelector('t-login input[name=sheet]')")
    await send(desk, name="durand", sheet=sheet.lower(), new=OWN, again=OWN)
    await desk.page.until("document.querySelector('t-login h1').innerText === 'Le code de votre téléphone'")
    assert desk.told.of("recovery-sheet-used") == [{"account": "durand", "by": "durand"}]


@pytest.mark.full
async def test_ones_own_password_and_telephone_are_changed_on_ones_own_page(desk: Desk) -> None:
    await desk.page.open(f"{desk.base}/compte")
    await desk.page.until("document.querySelector('t-own form')")
    for width, language, word in ((320, "en", "no recovery sheet"), (1280, "fr", "pas de fiche de secours")):
        await desk.page.resize(width, 900)
        await speak(desk.page, language)
        assert await barriers(desk.page, word) == []
    for name, value in {"old": PASSWORD, "new": OWN, "again": OWN}.items():
        await fill(desk, f"t-own input[name={name}]", value)
    await desk.page.run("document.querySelector('t-own form').requestSubmit()")
    await desk.page.until("document.querySelector('t-own').innerText.includes('Mot de passe changé')")
    await desk.page.run("document.querySelectorAll('t-own section button')[1].click()")
    await desk.page.until("document.querySelector('t-login form')")
    await set_telephone(desk)
    await desk.page.until("document.querySelector('t-own').innerText.includes('Il vous reste 10 codes de secours')")
