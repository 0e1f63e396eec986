"""The local UI's application: API under /api/v1 (contract: webui/openapi.yaml) and the built page.

Loopback only until accounts exist. What is recorded can only be read; people answer alerts and say what is watched.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from aiohttp import web

from appliance.core.chain import Tell, untold
from appliance.web import alerts, clips, media, query, static
from appliance.web.errors import NoSuchPage
from appliance.web.problem import problems
from appliance.web.recorder import Recorder, SiteInfo
from appliance.web.security import add_headers, check_bind, guard
from appliance.web.verdict import build_state

FILES: Final = web.AppKey("files", dict[str, static.StaticFile])

API: Final = "/api/v1"

PAGES: Final = ("/", "/lecture", "/alertes")
"""Addresses of the page's screens: one document, every state in its URL."""

LARGEST_REQUEST: Final = 16 << 10
"""Bytes of a request body: nothing is uploaded here."""


def make_app(
    recorder: Recorder, detector: alerts.Detector, static_dir: Path, site: SiteInfo, tell: Tell = untold
) -> web.Application:
    """The application; `static_dir` is the page's build (webui/dist), read once at start-up. `tell`: its journal."""
    app = web.Application(middlewares=[guard, problems], client_max_size=LARGEST_REQUEST)
    app[media.RECORDER] = recorder
    app[alerts.DETECTOR] = detector
    app[clips.SITE] = site
    app[clips.TELL] = tell

    async def page_files(app: web.Application) -> AsyncIterator[None]:
        app[FILES] = await asyncio.to_thread(static.load, static_dir)
        app[clips.ZONE] = await asyncio.to_thread(ZoneInfo, site.timezone)
        yield

    app.cleanup_ctx.append(page_files)
    app.on_response_prepare.append(add_headers)
    camera = f"{API}/cameras/{{id}}"
    app.router.add_get(f"{API}/state", state)
    app.router.add_get(f"{camera}/timeline", media.timeline)
    app.router.add_get(f"{camera}/gop", media.gop)
    app.router.add_get(f"{camera}/init/{{init_id}}", media.init)
    app.router.add_get(f"{camera}/parts", media.parts)
    app.router.add_get(f"{camera}/clips", clips.clips)
    app.router.add_get(f"{camera}/clip.mp4", clips.clip)
    app.router.add_get(f"{API}/alerts", alerts.alerts)
    app.router.add_post(f"{API}/alerts", alerts.report)
    app.router.add_get(f"{API}/alerts/{{number}}", alerts.alert)
    app.router.add_get(f"{API}/alerts/{{number}}/picture.jpg", alerts.picture)
    app.router.add_post(f"{API}/alerts/{{number}}/verdict", alerts.verdict)
    app.router.add_get(f"{API}/detection", alerts.detection)
    app.router.add_get(f"{API}/arming", alerts.arming)
    app.router.add_post(f"{API}/arming", alerts.arm)
    for address in PAGES:
        app.router.add_get(address, page)
    app.router.add_get("/assets/{name}", asset)
    app.router.add_get("/favicon.svg", asset)
    return app


async def serve(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Listen on a loopback address (NotLoopback otherwise); the runner's `cleanup` ends it. Port 0: any free one."""
    check_bind(host)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


async def state(request: web.Request) -> web.StreamResponse:
    """GET state: site, verdict, what to do, cameras, disks."""
    query.query(request, query.NoQuery)
    site = request.app[clips.SITE]
    body = build_state(await request.app[media.RECORDER].state())
    return media.json_response({"site": {"name": site.name, "place": site.place, "timezone": site.timezone}, **body})


async def page(request: web.Request) -> web.StreamResponse:
    """The page's document; its script reads the address."""
    return static.respond(request, request.app[FILES].get("index.html"))


async def asset(request: web.Request) -> web.StreamResponse:
    """One file of the build, by its exact name in the table read at start."""
    file = request.app[FILES].get(request.path.removeprefix("/"))
    if file is None:
        raise NoSuchPage
    return static.respond(request, file)
