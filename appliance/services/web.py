"""The page's process: serves the API and the page, reading through the recorder's socket.

On loopback without encryption, and by TLS on the port that systemd hands over: the site's network.
"""

import asyncio
import errno
import logging
import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import web
from pydantic import ValidationError

from appliance import __version__
from appliance.accounts.desk import AccountDesk
from appliance.accounts.look_store import LookStore
from appliance.accounts.manage import adopt
from appliance.accounts.store import WITHOUT
from appliance.alerts.client import DetectorClient
from appliance.core.clock import Clock, SystemClock
from appliance.core.database import DatabaseUnusable
from appliance.core.errors import ApplianceError
from appliance.core.supervise import Supervisor
from appliance.ring.access.reader import RecorderClient
from appliance.ring.faults import RecordLost
from appliance.services.certificate import AUTHORITY, folder_given, name_of
from appliance.services.database_copies import COPY_S, DatabaseCopies
from appliance.services.errors import PageNotBuilt, PortTaken
from appliance.services.journal import WEB, begin, end, journal_folder, make_journal, telling
from appliance.services.port import box_number, first_line, given_port, port_given
from appliance.services.process import die_with_parent, say_ready, say_stopping, start_logs, stop_event
from appliance.services.records import ACCOUNTS, LOOKS
from appliance.services.watchdog import keep_watchdog
from appliance.site.load import load_site
from appliance.site.model import Site
from appliance.site.provision_model import FirstAccount
from appliance.stills.client import Connect, StillsClient, by_child, by_socket
from appliance.web.aim import AIMS
from appliance.web.aim_book import SWEEP_S, AimBook
from appliance.web.app import LOST, make_app, serve
from appliance.web.certificate import ensure_certificate
from appliance.web.certificate_desk import Place
from appliance.web.certificate_routes import DESK
from appliance.web.look_book import FLUSH_S, LookBook
from appliance.web.look_check import JournalFiles
from appliance.web.notice import notice_of
from appliance.web.passkey_routes import NAMES
from appliance.web.recorder import SiteInfo
from appliance.web.served import ServedCertificate

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
"""What is served without encryption reaches no wire."""

STATIC = Path(__file__).parents[2] / "webui" / "dist"
"""The page as built by Vite; an installed appliance names its own place by APPLIANCE_STATIC."""

CERTIFICATE_S: Final = 5.0
"""Seconds between two looks at the certificate's folder: whoever installs one waits for it."""

FIRST: Final = "sealed_first-account.json"
"""Name of the credential with the first manager, of the provisioning file (see appliance-web.service)."""

EXPIRE_S: Final = 24 * 3600.0
"""Seconds between two looks for rows whose three years are over."""

LEADS_ON: Final = ("look-opened", "look-closed", "look-bounded", "look-justified", "aim-opened", "aim-ended")
"""Lines of the journal that are durable at once: what somebody may see follows from them."""

SOON_S: Final = 10.0
"""Seconds until a changed account is copied: a withdrawn one must not come back with an old copy."""

REFUSALS_S: Final = 5.0
"""Seconds between two looks at refusals that wait for their line in the journal."""


def state_folder(site: Site) -> Path:
    """Where the page's process keeps what it must not forget: of its unit, or beside the recorder's index."""
    given = os.environ.get("STATE_DIRECTORY", "")
    return Path(given) if given else site.recorder.index.parent


async def _serve(site: Site, port: int, clock: Clock, authority: Path) -> None:
    static = Path(os.environ.get("APPLIANCE_STATIC", STATIC))
    if not (static / "index.html").exists():
        raise PageNotBuilt(path=str(static))
    stop = stop_event()
    client = RecorderClient(site.recorder.socket)
    detector = DetectorClient(site.detector.socket)
    journal = make_journal(site, WEB, clock, durable_kinds=LEADS_ON)
    tell = telling(journal)
    desk = AccountDesk(state_folder(site) / ACCOUNTS, clock, tell)
    people_copies = DatabaseCopies(desk.store.database, ACCOUNTS, site.recorder.socket, tell, without=WITHOUT)
    changed = asyncio.Event()
    desk.changed = changed.set
    about = SiteInfo(site.site.name, site.site.place, site.site.timezone, notice_of(site))
    files = JournalFiles(journal_folder(site), WEB, journal.flush)
    book = LookBook(LookStore(state_folder(site) / LOOKS), clock, tell, files)
    copies = DatabaseCopies(book.store.database, LOOKS, site.recorder.socket, tell)
    # together: a recorder that does not answer yet is waited for once
    _ = await asyncio.gather(desk.open(), book.store.database.open())
    await book.load()
    app = make_app(client, detector, static, about, book, desk, tell, StillsClient(_stills(), clock))
    faults = [*people_copies.faults(), *copies.faults()]
    app[LOST].extend(fault for fault in faults if fault["code"] == RecordLost.code)
    await _adopt(desk)
    runner = await _listen(app, port, site, authority)
    address = runner.addresses[0]
    tell("service-started", {"version": __version__, "pid": os.getpid(), "port": int(address[1])})
    await begin(journal)
    jobs = Supervisor(clock)
    keep_watchdog(jobs)
    _looked_after(jobs, book, app[AIMS])
    _ = jobs.supervise("copy of looks", COPY_S, copies.once)
    _ = jobs.supervise("copy of accounts", COPY_S, people_copies.once)
    _ = jobs.supervise("copy of changed accounts", SOON_S, partial(_copy_changed, changed, people_copies))
    _ = jobs.supervise("refusals", REFUSALS_S, partial(_refusals_due, desk))
    if port_given():
        _ = jobs.supervise("certificate", CERTIFICATE_S, app[DESK].look)
    say_ready(f"http://{address[0]}:{address[1]}/")
    await stop.wait()
    say_stopping()
    await jobs.close()
    await runner.cleanup()
    await client.close()
    await detector.close()
    with suppress(DatabaseUnusable):  # the journal has what the file has not
        await book.flush()
    await book.store.database.close()
    await desk.close()
    tell("service-stopped", {"version": __version__})
    await end(journal)


def _looked_after(jobs: Supervisor, book: LookBook, aims: AimBook) -> None:
    """What ends by its time, of those who look and of those who aim."""
    _ = jobs.supervise("looks", FLUSH_S, book.flush)
    _ = jobs.supervise("looks expiry", EXPIRE_S, lambda: book.store.expire(book.clock.utc_us()))
    _ = jobs.supervise("aims", SWEEP_S, aims.sweep)


def _stills() -> Connect:
    """The picture process: by the socket that the unit names, else a child."""
    named = os.environ.get("APPLIANCE_STILLS", "")
    return by_socket(Path(named)) if named else by_child()


async def _listen(app: web.Application, port: int, site: Site, authority: Path) -> web.AppRunner:
    """On loopback, and on the port that was handed over if there is one. Raises PortTaken, and as `_encrypted`."""
    try:
        runner = await serve(app, LOOPBACK, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(port=port) from error
        raise
    if port_given():
        place = await _encrypted(runner, site, authority)
        app[DESK].place = place
        app[NAMES].update(place.served.names)  # known now: keys are offered from the first request on
    return runner


async def _encrypted(runner: web.AppRunner, site: Site, authority: Path) -> Place:
    """Serve by TLS on the port that was handed over. Raises NoPortGiven, CertificateNotMade."""
    served, number = ServedCertificate(folder_given()), await asyncio.to_thread(box_number)
    _ = await asyncio.to_thread(ensure_certificate, served.folder, f"temoin-{number}")
    context = await asyncio.to_thread(served.context)
    await web.SockSite(runner, given_port(), ssl_context=context).start()
    return Place(served, name_of(site.web.name, number), authority, site.site.zone)


def _first() -> FirstAccount | None:
    """The first manager as the office's file names them; None when it names nobody. Blocks."""
    text = first_line(Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / FIRST)
    try:
        return FirstAccount.model_validate_json(text) if text else None
    except ValidationError:
        log.error("the first account is not readable")  # noqa: TRY400 - the error would hold the password
        return None


async def _adopt(desk: AccountDesk) -> None:
    """Open the first account where there is none at all."""
    first = await asyncio.to_thread(_first)
    if first is not None:
        _ = await adopt(desk, first.login, first.name, first.function, first.password)


async def _copy_changed(changed: asyncio.Event, copies: DatabaseCopies) -> None:
    if changed.is_set():
        changed.clear()
        try:
            await copies.once()
        except ApplianceError:
            changed.set()
            raise


async def _refusals_due(desk: AccountDesk) -> None:
    desk.refusals_due()


def main(file: Path, port: int | None) -> int:
    """`appliance web`: returns 0 after SIGTERM or SIGINT. Raises PortTaken, PageNotBuilt."""
    die_with_parent()
    start_logs()
    site = load_site(file)
    asyncio.run(_serve(site, site.web.port if port is None else port, SystemClock(), file.parent / AUTHORITY))
    return 0
