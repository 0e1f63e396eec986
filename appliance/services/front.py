"""`appliance front`: the page that anybody on the site's network may open until the appliance is set up.

It tells which box this is, whether all is well, and the fingerprint to compare with the box's own screen; no name of a
place or a camera, no picture, nothing to type in. Its process can reach neither the recorder nor the recordings: it
reads one line that the console leaves. It gets its port from systemd, so that it needs no right to open one.
"""

import asyncio
import base64
import html
import json
from hashlib import sha256
from pathlib import Path
from typing import Final

from aiohttp import web

from appliance.core.clock import Clock, SystemClock
from appliance.core.supervise import Supervisor
from appliance.services.port import box_number, first_line, given_port
from appliance.services.process import say_ready, say_stopping, start_logs, stop_event
from appliance.services.watchdog import keep_watchdog
from appliance.web.certificate import ensure_certificate, fingerprint_of, hex_lines, in_words, server_context
from appliance.web.runner import Runner
from appliance.web.security import HEADERS

STALE_US: Final = 60_000_000
"""us. A line of the console older than this tells nothing any more."""

STYLE: Final = (
    "body{font:18px/1.5 system-ui,sans-serif;max-width:40em;margin:2em auto;padding:0 1em;color:#111;background:#fff}"
    "code{font-size:1.1em;overflow-wrap:anywhere}section{border-top:1px solid #767676}"
)
_HASH: Final = base64.b64encode(sha256(STYLE.encode()).digest()).decode()
PAGE_HEADERS: Final = {
    **HEADERS,
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


def well_of(text: str, now_us: int) -> bool | None:
    """The console's line: well, not well, or None when it is none or too old. Pure."""
    try:
        told = json.loads(text)
        age = now_us - int(told["at_us"])
        return bool(told["well"]) if 0 <= age < STALE_US else None
    except (ValueError, TypeError, KeyError):
        return None


def page_text(number: str, version: str, fingerprint: str, *, well: bool | None) -> str:
    """The whole page, French then English. Pure."""
    box, words = html.escape(f"{number}, version {version or '?'}"), html.escape(in_words(fingerprint))
    hexes = "<br>".join(hex_lines(fingerprint))
    fr = {True: "tout est en ordre", False: "un défaut est à voir sur son écran", None: "inconnu pour le moment"}[well]
    en = {True: "all is well", False: "a fault is told on its screen", None: "not known at the moment"}[well]
    return f"""<!doctype html>
<html lang="fr"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Témoin</title><style>{STYLE}</style></head><body>
<main><h1>Témoin, enregistreur vidéo</h1>
<p>Appareil : <code>{box}</code></p>
<p>État : <strong>{fr}</strong></p>
<p>Empreinte de cette page, à comparer avec l'écran de l'appareil :<br><strong><code>{words}</code></strong><br>
<code>{hexes}</code></p>
<p>Aucune image n'est visible ici : l'appareil n'est pas encore mis en service.</p>
<section lang="en"><h2>Témoin, video recorder</h2>
<p>State: <strong>{en}</strong>. Compare the fingerprint above with the appliance's own screen.
No picture can be seen here: the appliance is not set up yet.</p></section></main></body></html>
"""


def make_front(fingerprint: str, number: str, version: str, told: Path, clock: Clock) -> web.Application:
    """One page at `/`; everything else is not there."""

    def text() -> str:
        try:
            line = told.read_text(encoding="ascii")
        except (OSError, ValueError):
            line = ""
        return page_text(number, version, fingerprint, well=well_of(line, clock.monotonic_us()))

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=await asyncio.to_thread(text), content_type="text/html")

    async def strict(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(PAGE_HEADERS)

    app = web.Application(client_max_size=1024)
    app.router.add_get("/", page)
    app.on_response_prepare.append(strict)
    return app


async def _serve(folder: Path, told: Path, clock: Clock) -> None:
    stop = stop_event()
    number = await asyncio.to_thread(box_number)
    version = await asyncio.to_thread(first_line, Path("/usr/lib/appliance/version"))
    pem = await asyncio.to_thread(ensure_certificate, folder, f"temoin-{number}")
    fingerprint = fingerprint_of(await asyncio.to_thread(pem.read_text, "ascii"))
    app = make_front(fingerprint, number, version, told, clock)
    runner = Runner(app, keepalive_timeout=5.0)
    await runner.setup()
    await web.SockSite(runner, given_port(), ssl_context=await asyncio.to_thread(server_context, pem)).start()
    jobs = Supervisor(clock)
    keep_watchdog(jobs)
    say_ready(in_words(fingerprint))
    await stop.wait()
    say_stopping()
    await jobs.close()
    await runner.cleanup()


def main(folder: Path, told: Path) -> int:
    """Serves until SIGTERM. Raises CertificateNotMade, NoPortGiven."""
    start_logs()
    asyncio.run(_serve(folder, told, SystemClock()))
    return 0
