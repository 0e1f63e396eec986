"""The local UI's application: API under /api/v1 (contract: webui/openapi.yaml) and the built page.

`serve` listens on loopback; the site's network comes by TLS (services/web.py). What is recorded can only be read;
people answer alerts and say what is watched.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from aiohttp import web

from appliance.accounts.aim import Aims
from appliance.accounts.desk import AccountDesk
from appliance.accounts.passkey_desk import PasskeyDesk
from appliance.accounts.roles import Right
from appliance.core.chain import Tell, untold
from appliance.web import (
    accounts,
    aim,
    alerts,
    bookmarks,
    certificate_routes,
    clips,
    clock_routes,
    events,
    lock,
    look_register,
    looks,
    media,
    passkey_routes,
    query,
    second_routes,
    session,
    static,
    stills,
)
from appliance.web.aim_book import AimBook
from appliance.web.certificate_desk import CertificateDesk
from appliance.web.detector import DETECTOR, Detector
from appliance.web.errors import NoSuchPage
from appliance.web.look_book import LookBook
from appliance.web.problem import problems
from appliance.web.recorder import Recorder, SiteInfo
from appliance.web.runner import Runner
from appliance.web.security import add_headers, check_bind, guard
from appliance.web.sight import sight_issues
from appliance.web.verdict import build_state
from appliance.web.who import ACCOUNTS, FIXED, WHO, Route, account_of, admit, can, still_may

LOST: Final = web.AppKey("lost", list[dict[str, str]])
"""What of this process's own databases began empty: `code`, `fr`, `en`. The recorder tells what it gave back."""

CERTIFICATE: Final = web.AppKey("certificate", list[dict[str, str]])
"""What is to be told of the page's certificate, in the same form."""

API: Final = "/api/v1"

PAGES: Final = (
    "/",
    "/lecture",
    "/alertes",
    "/acces",
    "/consultations",
    "/cadrage",
    "/certificat",
    "/heure",
    "/compte",
    "/affiche",
    "/accessibilite",
)
"""Addresses of the page's screens: one document, every state in its URL."""


LARGEST_REQUEST: Final = 16 << 10
"""Bytes of a request body: nothing but a certificate is uploaded here, which has its own limit."""


def make_app(
    recorder: Recorder,
    detector: Detector,
    static_dir: Path,
    site: SiteInfo,
    book: LookBook,
    desk: AccountDesk,
    tell: Tell = untold,
    still: stills.Stills | None = None,
) -> web.Application:
    """The application; `static_dir` is the page's build (webui/dist), read once at start-up. `book`: who has what
    pictures open; `desk`: who may ask, open already; `tell`: the journal; `still`: who makes a picture of coded ones.
    """
    app = web.Application(middlewares=[guard, problems, admit], client_max_size=LARGEST_REQUEST)
    app[ACCOUNTS] = desk
    app[passkey_routes.PASSKEYS] = PasskeyDesk(desk)
    app[passkey_routes.NAMES] = set()
    app[LOST] = []
    app[CERTIFICATE] = []
    names, told = app[passkey_routes.NAMES], app[CERTIFICATE]
    app[certificate_routes.DESK] = CertificateDesk(book.clock, tell, names, told)
    app[media.RECORDER] = recorder
    app[DETECTOR] = detector
    app[clips.SITE] = site
    app[clips.TELL] = tell
    app[lock.BOOK] = book
    app[aim.AIMS] = AimBook(Aims(book.store.database), book.clock, tell, partial(desk.sits, right=Right.AIM))
    desk.ended = app[aim.AIMS].sessions_ended
    app[stills.STILLS] = still or stills.NoStills()

    async def page_files(app: web.Application) -> AsyncIterator[None]:
        app[static.FILES] = await asyncio.to_thread(static.load, static_dir)
        app[clips.ZONE] = await asyncio.to_thread(ZoneInfo, site.timezone)
        yield

    app.cleanup_ctx.append(page_files)
    app.cleanup_ctx.append(events.streams)
    app.cleanup_ctx.append(aim.kept)
    app.on_shutdown.append(events.end_streams)
    app.on_response_prepare.append(add_headers)
    for route in routes():
        app.router.add_route(route.method, route.path, route.handler)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, route.handler)
    fixed: defaultdict[str, list[str]] = defaultdict(list)
    app[FIXED] = fixed
    for route in routes():
        if "{" not in route.path:
            fixed[route.path].append(route.method)
    app[WHO] = {(route.method, route.path): route for route in routes()}
    return app


def routes() -> tuple[Route, ...]:
    """Every route with who may call it."""
    camera = f"{API}/cameras/{{id}}"
    alert = f"{API}/alerts/{{number}}"
    look = f"{API}/looks/{{number}}"
    second = f"{API}/second/{{number}}"
    return (
        Route("GET", f"{API}/state", state, Right.SITE, wakes=False),
        Route("GET", f"{API}/events", state_events, Right.SITE, wakes=False),
        Route("GET", f"{camera}/timeline", media.timeline, Right.FOOTAGE),
        Route("GET", f"{camera}/gop", media.gop, Right.FOOTAGE),
        Route("GET", f"{camera}/init/{{init_id}}", media.init, Right.FOOTAGE),
        Route("GET", f"{camera}/parts", media.parts, Right.FOOTAGE),
        Route("GET", f"{camera}/clips", clips.clips, Right.FOOTAGE),
        Route("GET", f"{camera}/clip.mp4", clips.clip, Right.FOOTAGE),
        Route("GET", f"{camera}/keyframe.jpg", stills.keyframe, Right.FOOTAGE),
        Route("GET", f"{camera}/aim.jpg", aim.picture, Right.AIM, wakes=False),
        Route("POST", f"{API}/aims", aim.open_aim, Right.AIM),
        Route("GET", f"{API}/aims/current", aim.current, Right.AIM, wakes=False),
        Route("DELETE", f"{API}/aims/current", aim.stop, Right.AIM),
        Route("GET", f"{API}/aims", aim.aims, Right.LOOKS),
        Route("GET", f"{API}/alerts", alerts.alerts, Right.ALERTS, wakes=False),
        Route("POST", f"{API}/alerts", alerts.report, Right.ALERTS),
        Route("GET", alert, alerts.alert, Right.ALERTS),
        Route("GET", f"{alert}/picture.jpg", alerts.picture, Right.FOOTAGE, also=Right.ALERTS),
        Route("POST", f"{alert}/verdict", alerts.verdict, Right.ALERTS),
        Route("POST", f"{API}/looks", looks.open_look, Right.FOOTAGE),
        Route("GET", f"{API}/looks/current", looks.current, Right.FOOTAGE, wakes=False),
        Route("GET", f"{API}/looks", look_register.looks, Right.LOOKS),
        Route("GET", f"{API}/looks/check", look_register.check_looks, Right.LOOKS),
        Route("GET", f"{API}/looks.csv", look_register.table, Right.LOOKS),
        Route("DELETE", look, looks.close_look, Right.FOOTAGE),
        Route("POST", f"{look}/justification", looks.justify, Right.FOOTAGE),
        Route("GET", f"{API}/bookmarks", bookmarks.bookmarks, Right.FOOTAGE),
        Route("POST", f"{API}/bookmarks", bookmarks.set_bookmark, Right.FOOTAGE),
        Route("DELETE", f"{API}/bookmarks/{{number}}", bookmarks.remove_bookmark, Right.FOOTAGE),
        Route("GET", f"{API}/detection", alerts.detection, Right.STATE, wakes=False),
        Route("GET", f"{API}/arming", alerts.arming, Right.STATE, wakes=False),
        Route("POST", f"{API}/arming", second_routes.arm, Right.ARM),
        Route("POST", f"{API}/second", second_routes.ask_second, Right.ARM),
        Route("GET", f"{API}/second", second_routes.seconds, Right.COUNTERSIGN, wakes=False),
        Route("POST", f"{second}/signature", second_routes.sign, Right.COUNTERSIGN),
        Route("POST", f"{second}/urgent", second_routes.urge, Right.ARM),
        Route("GET", f"{API}/notice", notice, Right.STATE),
        Route("GET", f"{API}/certificate", certificate_routes.certificate, Right.CERTIFICATE),
        Route("POST", f"{API}/certificate", certificate_routes.install_certificate, Right.CERTIFICATE),
        Route("POST", f"{API}/certificate/request", certificate_routes.ask_certificate, Right.CERTIFICATE),
        Route("POST", f"{API}/clock/confirm", clock_routes.confirm_time, Right.CLOCK),
        *own_routes(),
        *(Route("GET", address, page, None) for address in PAGES),
        Route("GET", "/assets/{name}", asset, None),
        Route("GET", "/favicon.svg", asset, None),
    )


def own_routes() -> tuple[Route, ...]:
    """Log-ins, one's own account, and others' accounts."""
    account = f"{API}/accounts/{{name}}"
    keys = f"{API}/session/keys"
    return (
        Route("POST", f"{API}/session", session.log_in, None),
        Route("POST", f"{API}/recovery", session.come_back, None),
        Route("GET", f"{API}/session", session.session, Right.SELF),
        Route("DELETE", f"{API}/session", session.log_out, Right.SELF),
        Route("POST", f"{API}/session/password", session.password, Right.SELF),
        Route("POST", f"{API}/session/second-factor", session.second_factor, Right.SELF),
        Route("GET", keys, passkey_routes.passkeys, Right.SELF),
        Route("POST", keys, passkey_routes.add_passkey, Right.SELF),
        Route("POST", f"{keys}/challenge", passkey_routes.ask_passkey, Right.SELF),
        Route("DELETE", f"{keys}/{{id}}", passkey_routes.remove_passkey, Right.SELF),
        Route("POST", f"{API}/session/sheet", session.sheet, Right.SELF),
        Route("POST", f"{API}/session/read", session.read, Right.SELF),
        Route("GET", f"{API}/sessions", session.sessions, Right.SELF),
        Route("DELETE", f"{API}/sessions/{{id}}", session.end_session, Right.SELF),
        Route("GET", f"{API}/accounts", accounts.accounts, Right.ACCOUNTS),
        Route("POST", f"{API}/accounts", accounts.open_account, Right.ACCOUNTS),
        Route("POST", f"{account}/revoke", accounts.revoke, Right.ACCOUNTS),
        Route("POST", f"{account}/authorise", accounts.authorise, Right.ACCOUNTS),
        Route("POST", f"{account}/grant", accounts.grant, Right.ACCOUNTS),
        Route("POST", f"{account}/password", accounts.password, Right.ACCOUNTS),
    )


async def serve(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Listen on a loopback address (NotLoopback otherwise); the runner's `cleanup` ends it. Port 0: any free one."""
    check_bind(host)
    runner = Runner(app)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


async def state(request: web.Request) -> web.StreamResponse:
    """GET state: site, verdict, what to do, cameras, disks; for a viewer the cameras of the grant alone."""
    query.query(request, query.NoQuery)
    return media.json_response(await _state(request))


async def state_events(request: web.Request) -> web.StreamResponse:
    """GET events: the same, told again and again."""
    query.query(request, query.NoQuery)
    return await events.send_events(request, _state, partial(still_may, right=Right.SITE))


async def _state(request: web.Request) -> dict[str, Any]:
    site = request.app[clips.SITE]
    told = await request.app[media.RECORDER].state()
    own = [*request.app[LOST], *request.app[CERTIFICATE]]
    told = {**told, "records": [*told.get("records", ()), *own]}
    names = {row["id"]: row["name"] for row in told["cameras"]}
    overdue = looks.overdue_issues(request.app[lock.BOOK])
    body = build_state(told, [*sight_issues(await alerts.blind_cameras(request), names), *overdue])
    if not can(request, Right.STATE):
        grant = account_of(request).grant
        reached = frozenset[str]() if grant is None else grant.cameras
        shown = [each for each in body["cameras"] if each["id"] in reached]
        body = {**body, "verdict": "ok", "issues": [], "cameras": shown, "disks": [], "room_us": None}
    return {"site": {"name": site.name, "place": site.place, "timezone": site.timezone}, **body}


async def notice(request: web.Request) -> web.StreamResponse:
    """GET what the panel to print says."""
    query.query(request, query.NoQuery)
    return media.json_response(dict(request.app[clips.SITE].notice))


async def page(request: web.Request) -> web.StreamResponse:
    """The page's document; its script reads the address."""
    return static.respond(request, request.app[static.FILES].get("index.html"))


async def asset(request: web.Request) -> web.StreamResponse:
    """One file of the build, by its exact name in the table read at start."""
    file = request.app[static.FILES].get(request.path.removeprefix("/"))
    if file is None:
        raise NoSuchPage
    return static.respond(request, file)
