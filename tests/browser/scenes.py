"""Every screen of the page in the states in which somebody meets it, each brought about as it happens at a site."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from appliance.accounts.look import LASTS_US
from appliance.accounts.roles import Grant, Role
from appliance.accounts.second import WAIT_US
from appliance.alerts.model import Kind, Signal, Source
from appliance.core.cause import GapCause
from appliance.core.clock import SimulatedClock
from appliance.core.clock_reason import STEPPED
from appliance.web.certificate import ensure_certificate
from appliance.web.certificate_desk import Place
from appliance.web.certificate_routes import DESK
from appliance.web.look_book import Span
from appliance.web.served import ServedCertificate
from tests.browser.conftest import Desk
from tests.browser.screen import SCREEN
from tests.browser.test_accounts import OWN, send, type_secret
from tests.browser.test_alerts import click, fill, visited
from tests.browser.test_marks import set_one
from tests.browser.test_review import reported
from tests.browser.test_second import asked
from tests.browser.test_tiles import CAMERAS, open_wall
from tests.peers.fake_recorder import FIRST_RUN_S, START_US
from tests.peers.looking import TECHNICIAN
from tests.peers.sign_in import PASSWORD, PEOPLE, add_petit

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
DIALOG: Final = "document.querySelector('dialog[open]')"


@dataclass(frozen=True, slots=True)
class Scene:
    """`words`: French and English, there only when the screen is filled; `opened`: pictures are open already."""

    words: tuple[str, str]
    play: Callable[[Desk], Awaitable[object]]
    opened: bool = True
    cameras: dict[str, str] | None = None


async def there(desk: Desk, path: str, what: str) -> None:
    """Open an address and wait for an element."""
    await desk.page.open(f"{desk.base}{path}")
    await desk.page.until(f"document.querySelector({what!r})")


async def choose(desk: Desk, selector: str, value: str) -> None:
    """Choose a value of a list, as a hand does."""
    await desk.page.run(
        f"(which => {{ which.value = {value!r}; which.dispatchEvent(new Event('change', {{ bubbles: true }})); }})"
        f"(document.querySelector({selector!r}))"
    )


async def outside(desk: Desk) -> None:
    desk.page.expected = ("401 (Unauthorized)", "400 (Bad Request)", "403 (Forbidden)")
    await desk.page.open("about:blank")  # the page of whoever was there before asks no more
    await desk.sign_in(None)
    await there(desk, "/", "t-login form")


async def wrong_password(desk: Desk) -> None:
    await outside(desk)
    await send(desk, name="durand", password="pas celui-ci du tout")
    await desk.page.until("document.querySelector('t-login .refusal')")


async def code(desk: Desk) -> None:
    await outside(desk)
    await send(desk, name="durand", password=PASSWORD)
    await desk.page.until("document.querySelector('t-login input[name=code]')")


async def forgotten(desk: Desk) -> None:
    await outside(desk)
    await click(desk, "t-login .plain")
    await desk.page.until("document.querySelector('t-login input[name=sheet]')")


async def accounts(desk: Desk) -> None:
    await there(desk, "/acces", "t-accounts tbody tr")


async def new_account(desk: Desk) -> None:
    await accounts(desk)
    await click(desk, "t-accounts details summary")


async def opened_account(desk: Desk) -> str:
    """The password that is told once."""
    await new_account(desk)
    await choose(desk, "t-accounts form select", "manager")
    await desk.page.until("!document.querySelector('t-accounts form [name=hours]')")
    for name, value in {"person": "M. Petit", "name": "petit", "function": "gestionnaire"}.items():
        await fill(desk, f"t-accounts form input[name={name}]", value)
    await desk.page.run("document.querySelector('t-accounts form').requestSubmit()")
    await desk.page.until("document.querySelector('.once code')")
    return await desk.page.text(".once code")


async def first_password(desk: Desk) -> str:
    given = await opened_account(desk)
    await outside(desk)
    await send(desk, name="petit", password=given)
    await desk.page.until("document.querySelector('t-login input[name=again]')")
    return given


async def second_factor(desk: Desk) -> None:
    given = await first_password(desk)
    await send(desk, old=given, new=OWN, again=OWN)
    await desk.page.until("document.querySelector('t-login h1').innerText === 'Le code de votre téléphone'")


async def telephone(desk: Desk) -> None:
    await second_factor(desk)
    await send(desk)
    await desk.page.until("document.querySelector('t-login .secret')")


async def codes(desk: Desk) -> None:
    await second_factor(desk)
    await type_secret(desk)


async def deed(desk: Desk, name: str) -> None:
    """One of the buttons of an account."""
    await accounts(desk)
    chosen = f"[...document.querySelectorAll('t-accounts .deeds button')].find((each) => each.innerText === {name!r})"
    await desk.page.run(f"{chosen}.click()")
    await desk.page.until(DIALOG)


async def grant(desk: Desk) -> None:
    await deed(desk, "Donner un accès")


async def withdraw(desk: Desk) -> None:
    await deed(desk, "Retirer")


async def own(desk: Desk) -> None:
    await there(desk, "/compte", "t-own form")


async def sheet(desk: Desk) -> None:
    await there(desk, "/compte", "t-own .make")
    await click(desk, "t-own .make")
    await desk.page.until("document.querySelector('.sheet code')")


async def well(desk: Desk) -> None:
    await desk.home()
    await desk.page.until("document.querySelector('t-watch tbody tr')")


async def wrong(desk: Desk) -> None:
    now = desk.recorder.now_us
    desk.recorder.begun = {"cause": "POWER", "before_us": now - 17 * 60 * SECOND, "at_us": now - 60 * SECOND}
    await visited(desk)
    desk.recorder.disk_error = "gone", "débranché"
    desk.recorder.stopped["portail"] = GapCause.CAMERA_AUTH
    covered = Signal(desk.detector.clock.utc_us(), "cour", Source.CAMERA, Kind.TECHNICAL, "covered")
    await desk.detector.desk.signal(covered)
    await well(desk)
    await desk.page.until("document.querySelector('.issues a[href=\"/alertes\"]')")


async def doubtful(desk: Desk) -> None:
    desk.recorder.judged("doubtful", STEPPED, START_US - DAY)
    desk.recorder.retention = [{"camera": "cour", "longer_us": 3 * DAY, "shorter_us": 0}]
    await well(desk)


async def down(desk: Desk) -> None:
    desk.page.expected = ("503 (Service Unavailable)",)
    await well(desk)
    desk.recorder.down = True
    await desk.page.until("document.querySelector('main > .verdict.attention[role=alert]')")


async def never_up(desk: Desk) -> None:
    desk.page.expected = ("503 (Service Unavailable)",)
    desk.recorder.down = True
    await there(desk, "/", "main > .verdict.attention[role=alert]")


async def nowhere(desk: Desk) -> None:
    desk.page.expected = ("404 (Not Found)",)
    await there(desk, "/camera", ".verdict.waiting h1")


async def not_yours(desk: Desk) -> None:
    await desk.sign_in(Role.TECHNICIAN)
    await there(desk, "/alertes", ".verdict.waiting h1")


async def aim(desk: Desk) -> None:
    await desk.sign_in(Role.TECHNICIAN)
    await there(desk, "/cadrage?cam=cour", "t-aim button.primary")


async def aimed(desk: Desk) -> None:
    desk.page.expected = ("429 (Too Many Requests)",)
    await aim(desk)
    await click(desk, "t-aim button.primary")
    await desk.page.until("document.querySelector('t-aim img.still')?.naturalWidth > 0", 15)


async def aim_over(desk: Desk) -> None:
    await aimed(desk)
    await click(desk, ".left ~ button")
    await desk.page.until("document.querySelector('t-aim button.primary')")


async def viewer(desk: Desk) -> None:
    await desk.sign_in(Role.VIEWER)
    await desk.page.open(f"{desk.base}/")
    await desk.page.until(f"{SCREEN}")


async def access_over(desk: Desk) -> None:
    name, now = PEOPLE[Role.VIEWER][0], desk.staff.clock.utc_us()
    await desk.staff.store.grant(name, Grant(frozenset({"portail"}), START_US, now, now, now + 120 * SECOND))
    await viewer(desk)
    desk.page.expected = ("403 (Forbidden)",)
    assert isinstance(desk.staff.clock, SimulatedClock)
    desk.staff.clock.advance(121)
    await desk.page.until("document.querySelector('h1').innerText === 'Votre accès est terminé'")


async def no_alert(desk: Desk) -> None:
    await there(desk, "/alertes", "t-review .card")


async def alerts(desk: Desk) -> None:
    await reported(desk, 2)
    await visited(desk)
    await there(desk, "/alertes", ".review tbody tr")


async def alert(desk: Desk) -> None:
    number = await visited(desk)
    await there(desk, f"/alertes?n={number}", ".judge")
    await desk.page.until(f"{SCREEN}?.player?.at != null")


async def keys(desk: Desk) -> None:
    await alerts(desk)
    await desk.page.press("?")
    await desk.page.until(DIALOG)


async def no_detection(desk: Desk) -> None:
    desk.page.expected = ("503 (Service Unavailable)",)
    desk.detector.down = True
    await there(desk, "/alertes", ".refusal")


async def unset(desk: Desk) -> None:
    await there(desk, "/lecture?cam=portail", "t-timeline rect")


async def gap(desk: Desk) -> None:
    desk.recorder.main_gap = (2 * SECOND, 5 * SECOND)
    await there(desk, f"/lecture?cam=portail&t={START_US + (FIRST_RUN_S + 1) * SECOND}", ".over")
    await desk.page.until("document.querySelector('.events tbody tr')")


async def picture(desk: Desk) -> None:
    await desk.at(START_US + 5 * SECOND)
    await desk.page.until("document.querySelector('video').readyState >= 2")


async def shut(desk: Desk) -> None:
    await there(desk, f"/lecture?cam=portail&t={START_US + 5 * SECOND}", ".over button")


async def reason(desk: Desk) -> None:
    await shut(desk)
    await click(desk, ".over button")
    await desk.page.until(DIALOG)
    await choose(desk, "dialog select", "judicial")
    await desk.page.until("document.querySelector('dialog input[name=number]')")


async def urgent(desk: Desk) -> None:
    await shut(desk)
    await click(desk, ".over button")
    await choose(desk, "dialog select", "urgency")
    await desk.page.until("!document.querySelector('dialog textarea').required")
    await click(desk, "dialog .primary")
    await desk.page.until("document.querySelector('.look.urgent')")
    await desk.page.run("document.querySelector('.look.urgent').open = true")


async def ended(desk: Desk) -> None:
    await desk.at(START_US + SECOND)
    await desk.page.run(f"{SCREEN}.player.play()")
    await desk.page.until(f"{SCREEN}.player.at > {START_US + 2 * SECOND}")
    desk.page.expected = ("403 (Forbidden)",)
    desk.clock.advance(LASTS_US / SECOND)
    await desk.page.until("document.querySelector('.over')?.innerText.includes('est terminée')")


async def four(desk: Desk) -> None:
    await desk.page.resize(1280, 900)
    await open_wall(desk, START_US + 5 * SECOND)


async def bookmarks(desk: Desk) -> None:
    await picture(desk)
    await set_one(desk, "sac noir oublié près de la grille")


async def journal(desk: Desk) -> None:
    desk.book.refuse(TECHNICIAN, Span("cour", "sub", START_US, START_US + SECOND, START_US + SECOND), "look-not-yours")
    await there(desk, "/consultations", "t-journal tbody tr")


async def requested(desk: Desk) -> None:
    await add_petit(desk.staff)
    await asked(desk)


async def to_sign(desk: Desk) -> None:
    await requested(desk)
    await desk.sign_in("petit")
    await desk.home()
    await desk.page.until("document.querySelector('t-second button')")


async def signed(desk: Desk) -> None:
    await to_sign(desk)
    await click(desk, "t-second button")
    await desk.page.until("document.querySelector('t-second').innerText.includes('contresigné')")


async def witnesses(desk: Desk) -> None:
    await requested(desk)
    desk.clock.advance(WAIT_US / SECOND)
    await desk.page.until("document.querySelector('t-second form')")


async def notice(desk: Desk) -> None:
    await there(desk, "/affiche", ".panel")


async def certificate(desk: Desk) -> None:
    """The appliance's own, of which browsers warn, and a request that is ready to be signed."""
    folder = desk.folder / "front"
    await asyncio.to_thread(folder.mkdir)
    _ = await asyncio.to_thread(ensure_certificate, folder, "temoin-1")
    found = ServedCertificate(folder)
    assert await asyncio.to_thread(found.look)
    app = desk.runner.app
    assert isinstance(app, web.Application)
    app[DESK].place = Place(found, "nvr-0690123.videos.college-emile-zola.exemple.fr", folder / "ca.pem")
    await desk.sign_in(Role.TECHNICIAN)
    await there(desk, "/certificat", "t-certificate .ask")
    await click(desk, "t-certificate .ask")
    await desk.page.until("document.querySelector('t-certificate [role=status]').innerText")


async def time_apart(desk: Desk) -> None:
    """The recorder's clock is of another year than the browser's."""
    desk.recorder.judged("doubtful", STEPPED, START_US - DAY)
    await desk.sign_in(Role.TECHNICIAN)
    await there(desk, "/heure", "t-clock button")


async def statement(desk: Desk) -> None:
    await there(desk, "/accessibilite", "t-statement h2")


SCENES: Final = {
    "login": Scene(("Se connecter", "Log in"), outside),
    "login-wrong": Scene(("code inexact", "is not right"), wrong_password),
    "login-code": Scene(("Code du téléphone", "Telephone's code"), code),
    "login-forgotten": Scene(("Code de la fiche", "Code of the sheet"), forgotten),
    "login-first": Scene(("Choisissez votre mot de passe", "Choose your password"), first_password),
    "login-factor": Scene(("Commencer", "Begin"), second_factor),
    "login-telephone": Scene(("six chiffres", "Six digits"), telephone),
    "login-codes": Scene(("Vos codes de secours", "Your recovery codes"), codes),
    "home-well": Scene(("Tout va bien", "All is well"), well),
    "home-wrong": Scene(("demandent votre attention", "need your attention"), wrong),
    "home-doubtful": Scene(("Heure non vérifiée", "Time not verified"), doubtful),
    "home-down": Scene(("ne répond pas", "does not answer"), down),
    "home-never-up": Scene(("ne répond pas", "does not answer"), never_up),
    "nowhere": Scene(("n'existe pas", "does not exist"), nowhere),
    "not-yours": Scene(("pas ouverte à votre compte", "not open to your account"), not_yours),
    "aim": Scene(("Une image par seconde", "One picture a second"), aim),
    "aim-open": Scene(("Reste 5:00", "5:00 left"), aimed),
    "aim-over": Scene(("Voir encore 5 minutes", "See for 5 minutes more"), aim_over),
    "viewer": Scene(("Relecture", "Playback"), viewer),
    "viewer-over": Scene(("Votre accès est terminé", "Your access is over"), access_over),
    "alerts-none": Scene(("Aucune alerte", "No alert"), no_alert),
    "alerts": Scene(("3 alertes", "3 alerts"), alerts),
    "alerts-shut": Scene(("Images fermées", "Pictures closed"), alerts, opened=False),
    "alerts-keys": Scene(("Je ne peux pas trancher", "cannot"), keys),
    "alerts-down": Scene(("ne répond pas", "does not answer"), no_detection),
    "alert": Scene(("Votre avis", "Your verdict"), alert),
    "play-unset": Scene(("Choisissez un instant", "Choose an instant"), unset),
    "play": Scene(("Pleine définition", "Full definition"), picture),
    "play-gap": Scene(("n'envoie plus d'image", "sends no picture"), gap),
    "play-shut": Scene(("Images fermées", "Pictures closed"), shut, opened=False),
    "play-reason": Scene(("Pourquoi ouvrir", "Why open"), reason, opened=False),
    "play-urgent": Scene(("à justifier", "to be justified"), urgent, opened=False),
    "play-ended": Scene(("est terminée", "is over"), ended),
    "play-four": Scene(("Parking", "Parking"), four, cameras=CAMERAS),
    "play-bookmarks": Scene(("sac noir", "sac noir"), bookmarks),
    "accounts": Scene(("Adj. Moreau", "Adj. Moreau"), accounts),
    "accounts-new": Scene(("Caméras à montrer", "Cameras to be shown"), new_account),
    "accounts-once": Scene(("en main propre", "in person"), opened_account),
    "accounts-grant": Scene(("Peut regarder pendant", "May look for"), grant),
    "accounts-withdraw": Scene(("ne pourra plus se connecter", "can no longer log in"), withdraw),
    "own": Scene(("pas de fiche de secours", "no recovery sheet"), own),
    "own-sheet": Scene(("Fiche de secours de", "Recovery sheet of"), sheet),
    "journal": Scene(("Bruit de verre", "Bruit de verre"), journal),
    "second-asked": Scene(("tout le site", "whole site"), requested),
    "second-sign": Scene(("Signer la demande", "Sign"), to_sign),
    "second-signed": Scene(("contresigné par", "M. Petit"), signed),
    "second-witnesses": Scene(("non contresignée", "not countersigned"), witnesses),
    "certificate": Scene(("Demande à faire signer", "Request to be signed"), certificate),
    "time": Scene(("Cette heure est juste", "This time is right"), time_apart),
    "notice": Scene(("Lieu sous vidéosurveillance", "under video surveillance"), notice),
    "statement": Scene(("déclarée non conforme", "declared not compliant"), statement),
}
