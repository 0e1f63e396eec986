"""Alerts on the page: list, one with its boxes, picture, verdict, a fact by hand, what is watched.

The detector's process owns all of it; this side checks, asks and passes on. Without a detector the routes say so and
the rest of the page works.
"""

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Protocol, TypeVar

from aiohttp import web
from pydantic import Field, ValidationError

from appliance.alerts.errors import DetectorRefused
from appliance.alerts.model import Kind, Verdict
from appliance.alerts.protocol import MAX_NAME, MAX_NOTE, MAX_SKIP
from appliance.alerts.store import State
from appliance.core.errors import ApplianceError
from appliance.web import query
from appliance.web.errors import AlertRefused, BadBody, NoPictureYet, NoSuchAlert
from appliance.web.media import json_response


class Detector(Protocol):
    """The detector's socket (alerts.client.DetectorClient). Raises DetectorUnreachable, DetectorRefused."""

    async def ask(self, verb: str, **fields: object) -> dict[str, Any]: ...


DETECTOR: Final = web.AppKey("detector", Detector)

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
    by: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    note: Annotated[str, Field(max_length=MAX_NOTE)] = ""


class ReportBody(query.Strict):
    """A fact that a person reports."""

    camera: query.Identifier
    kind: Kind
    by: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    note: Annotated[str, Field(min_length=1, max_length=MAX_NOTE)]


class ArmBody(query.Strict):
    """A person's word on what is watched."""

    cameras: Annotated[list[query.Identifier], Field(min_length=1, max_length=64)]
    armed: bool
    by: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
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
    """GET the list's picture, a JPEG."""
    query.query(request, query.NoQuery)
    answer = await _ask(request, "picture", number=query.path(request, AlertPath).number)
    if answer["jpeg"] is None:
        raise NoPictureYet
    return web.Response(body=base64.b64decode(answer["jpeg"]), content_type="image/jpeg")


async def verdict(request: web.Request) -> web.StreamResponse:
    """POST a person's verdict."""
    number = query.path(request, AlertPath).number
    said = await _body(request, VerdictBody)
    return await _json(request, "answer", number=number, verdict=said.verdict.value, by=said.by, note=said.note)


async def report(request: web.Request) -> web.StreamResponse:
    """POST a fact by hand: answers the number of its alert."""
    said = await _body(request, ReportBody)
    return await _json(request, "report", camera=said.camera, kind=said.kind.value, by=said.by, note=said.note)


async def detection(request: web.Request) -> web.StreamResponse:
    """GET how detection is: its model, how fast it is, cameras that tell too much, false alarms by week."""
    query.query(request, query.NoQuery)
    answer = await _ask(request, "state")
    wanted = ("model", "delay_p95_us", "noisy", "unprotected", "rates")
    return json_response({name: answer[name] for name in wanted})


async def arming(request: web.Request) -> web.StreamResponse:
    """GET what is watched, and why the rest is not."""
    query.query(request, query.NoQuery)
    return await _json(request, "arming")


async def arm(request: web.Request) -> web.StreamResponse:
    """POST a person's word on it."""
    said = await _body(request, ArmBody)
    return await _json(request, "arm", **said.model_dump())


async def _json(request: web.Request, verb: str, **fields: object) -> web.StreamResponse:
    answer = await _ask(request, verb, **fields)
    return json_response({name: value for name, value in answer.items() if name not in {"id", "ok"}})


async def _ask(request: web.Request, verb: str, **fields: object) -> Mapping[str, Any]:
    try:
        return await request.app[DETECTOR].ask(verb, **fields)
    except DetectorRefused as refused:
        facts = refused.facts
        if facts["refusal"] in _GONE:
            raise NoSuchAlert(number=str(fields.get("number"))) from None
        raise AlertRefused(sentence_fr=facts["sentence_fr"], sentence_en=facts["sentence_en"]) from None


B = TypeVar("B", bound=query.Strict)


async def _body(request: web.Request, model: type[B]) -> B:
    """The JSON body as `model`. JSON alone: a form of another site cannot send it (Fetch, CORS-safelisted types)."""
    query.query(request, query.NoQuery)
    if request.content_type != "application/json":
        raise BadBody(what="application/json")
    try:
        return model.model_validate(json.loads(await request.read()))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise BadBody(what=".".join(str(step) for step in first["loc"]) + f": {first['msg']}") from None
    except (ValueError, RecursionError):
        raise BadBody(what="JSON") from None
