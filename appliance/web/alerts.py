"""Alerts on the page: list, one with its boxes, picture, verdict, a fact by hand, what is watched.

The detector's process owns all of it; this side checks, asks and passes on. Without a detector the routes say so and
the rest of the page works.
"""

import asyncio
import base64
from collections.abc import Mapping
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field

from appliance.alerts.errors import DetectorRefused
from appliance.alerts.model import Kind, Verdict
from appliance.alerts.protocol import MAX_NAME, MAX_NOTE, MAX_SKIP
from appliance.alerts.store import State
from appliance.core.errors import ApplianceError
from appliance.web import lock, query
from appliance.web.body import read_body
from appliance.web.detector import DETECTOR
from appliance.web.errors import AlertRefused, NoPictureYet, NoSuchAlert
from appliance.web.look_book import Span
from appliance.web.media import json_response
from appliance.web.who import account_of

MAX_ALERTS: Final = 200
"""Alerts of one answer: a page shows 50, a bad week at one site holds a hundred."""

PATIENCE_S: Final = 1.0
"""s. The home page waits no longer for a detector that hangs: it tells of the recorder first."""

_GONE: Final = frozenset({"unknown-alert"})


class AlertsQuery(query.Interval):
    """Alerts opened in an interval."""

    limit: Annotated[int, Field(ge=1, le=MAX_ALERTS)] = 50
    skip: Annotated[int, Field(ge=0, le=MAX_SKIP)] = 0
    camera: query.Identifier | None = None
    kind: Kind | None = None
    state: State = "all"

    @classmethod
    def longest(cls) -> int:
        return query.TIMELINE_SPAN_US


class AlertPath(query.Strict):
    """`/alerts/{number}...`."""

    number: Annotated[int, Field(ge=1, le=query.LAST_US)]


class VerdictBody(query.Strict):
    """A person's answer to an alert."""

    verdict: Verdict
    note: Annotated[str, Field(max_length=MAX_NOTE)] = ""


class ReportBody(query.Strict):
    """A fact that a person reports."""

    camera: query.Identifier
    kind: Kind
    note: Annotated[str, Field(min_length=1, max_length=MAX_NOTE)]


class ArmBody(query.Strict):
    """A person's word on what is watched."""

    cameras: Annotated[list[query.Identifier], Field(min_length=1, max_length=64)]
    armed: bool
    why: Annotated[str, Field(min_length=1, max_length=MAX_NOTE)]
    until_us: Annotated[int, Field(ge=0, le=query.LAST_US)]


async def alerts(request: web.Request) -> web.StreamResponse:
    """GET alerts: newest first."""
    asked = query.query(request, AlertsQuery)
    which = {"camera": asked.camera or "", "kind": asked.kind, "state": asked.state, "skip": asked.skip}
    return await _json(request, "alerts", from_us=asked.from_, to_us=asked.to, limit=asked.limit, **which)


async def blind_cameras(request: web.Request) -> list[Mapping[str, Any]]:
    """What cameras say of their own sight and that still holds; nothing when detection does not answer."""
    span = {"from_us": 0, "to_us": query.LAST_US, "limit": MAX_ALERTS}
    try:
        async with asyncio.timeout(PATIENCE_S):
            answer = await request.app[DETECTOR].ask("alerts", **span, kind=Kind.TECHNICAL, state="active")
    except (ApplianceError, TimeoutError):
        return []
    found: list[Mapping[str, Any]] = answer["alerts"]
    return found


async def alert(request: web.Request) -> web.StreamResponse:
    """GET one alert with its boxes."""
    query.query(request, query.NoQuery)
    return await _json(request, "alert", number=query.path(request, AlertPath).number)


async def picture(request: web.Request) -> web.StreamResponse:
    """GET the list's picture, a JPEG, once the alert's pictures are open."""
    query.query(request, query.NoQuery)
    number = query.path(request, AlertPath).number
    about = (await ask(request, "alert", number=number))["alert"]
    at = int(about["opened_us"])
    await lock.admit(request, Span(str(about["camera"]), "picture", at, at + 1, at + 1))
    answer = await ask(request, "picture", number=number)
    if answer["jpeg"] is None:
        raise NoPictureYet
    return web.Response(body=base64.b64decode(answer["jpeg"]), content_type="image/jpeg")


async def verdict(request: web.Request) -> web.StreamResponse:
    """POST a person's verdict."""
    number = query.path(request, AlertPath).number
    said = await read_body(request, VerdictBody)
    return await _json(request, "answer", number=number, verdict=said.verdict.value, by=_by(request), note=said.note)


async def report(request: web.Request) -> web.StreamResponse:
    """POST a fact by hand: answers the number of its alert."""
    said = await read_body(request, ReportBody)
    return await _json(request, "report", camera=said.camera, kind=said.kind.value, by=_by(request), note=said.note)


async def detection(request: web.Request) -> web.StreamResponse:
    """GET how detection is: its model, how fast it is, cameras that tell too much, false alarms by week."""
    query.query(request, query.NoQuery)
    answer = await ask(request, "state")
    wanted = ("model", "delay_p95_us", "noisy", "unprotected", "rates")
    return json_response({name: answer[name] for name in wanted})


async def arming(request: web.Request) -> web.StreamResponse:
    """GET what is watched, and why the rest is not."""
    query.query(request, query.NoQuery)
    return await _json(request, "arming")


async def arm(request: web.Request) -> web.StreamResponse:
    """POST a person's word on it."""
    said = await read_body(request, ArmBody)
    return await _json(request, "arm", by=_by(request), **said.model_dump())


def _by(request: web.Request) -> str:
    """Whose word it is: of whoever is logged in, whatever a body says."""
    account = account_of(request)
    return (account.person or account.name)[:MAX_NAME]


async def _json(request: web.Request, verb: str, **fields: object) -> web.StreamResponse:
    answer = await ask(request, verb, **fields)
    return json_response({name: value for name, value in answer.items() if name not in {"id", "ok"}})


async def ask(request: web.Request, verb: str, **fields: object) -> Mapping[str, Any]:
    """The detector's answer. Raises NoSuchAlert, AlertRefused with its own sentences, DetectorUnreachable."""
    try:
        return await request.app[DETECTOR].ask(verb, **fields)
    except DetectorRefused as refused:
        facts = refused.facts
        if facts["refusal"] in _GONE:
            raise NoSuchAlert(number=str(fields.get("number"))) from None
        raise AlertRefused(sentence_fr=facts["sentence_fr"], sentence_en=facts["sentence_en"]) from None
