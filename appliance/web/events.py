"""Server-sent events (WHATWG HTML, section 9.2): the state, told to a page that stays open instead of asked for.

One event each PERIOD_S, the newest alone: a reader that is slow misses some, one that reads nothing is let go. A
stream ends with the session it began with, and at once when the process ends. Pages that find no room ask as before.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from appliance.core.errors import ApplianceError
from appliance.web.errors import TooManyPages
from appliance.web.problem import problem_body

PERIOD_S: Final = 2.0
"""Seconds between two events: as often as a page asked before."""

SEND_S: Final = 10.0
"""Seconds that an event may wait for its reader: a page asks again by itself before."""

MOST: Final = 32
"""Streams at a time: pages that are looked at on a site, several times over; each costs a question in PERIOD_S."""

HEADERS: Final = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store"}

Still = Callable[[web.Request], Awaitable[bool]]
"""May who asked go on?"""

Told = Callable[[web.Request], Awaitable[dict[str, Any]]]
"""What is told now to who asks. Raises ApplianceError, which is told in its place."""


@dataclass(slots=True)
class Streams:
    """Those that are open."""

    open: int = 0
    ending: asyncio.Event = field(default_factory=asyncio.Event)


STREAMS: Final = web.AppKey("streams", Streams)


async def streams(app: web.Application) -> AsyncIterator[None]:
    """For `cleanup_ctx`."""
    app[STREAMS] = Streams()
    yield


async def end_streams(app: web.Application) -> None:
    """For `on_shutdown`: nobody waits for a page that would look for ever."""
    app[STREAMS].ending.set()


async def send_events(request: web.Request, told: Told, still: Still) -> web.StreamResponse:
    """Answer with events until the page goes, the process ends, or `still` says that who asked may not any more.

    Raises TooManyPages.
    """
    here = request.app[STREAMS]
    if here.open >= MOST:
        raise TooManyPages(most=MOST)
    response = web.StreamResponse(headers=HEADERS)
    here.open += 1
    try:
        await response.prepare(request)
        if request.method != "HEAD":
            await _send(request, response, told, still)
    except ConnectionError:
        pass  # the page is gone
    except TimeoutError:  # it reads nothing
        if request.transport is not None:
            request.transport.abort()
    finally:
        here.open -= 1
    return response


async def _send(request: web.Request, response: web.StreamResponse, told: Told, still: Still) -> None:
    ending = request.app[STREAMS].ending
    await response.write(b"retry: %d\n\n" % (PERIOD_S * 1000))
    while not ending.is_set() and await still(request):
        try:
            name, body = "state", await told(request)
        except ApplianceError as error:
            name, body = "problem", problem_body(error)
        async with asyncio.timeout(SEND_S):
            await response.write(event(name, body))
        try:
            async with asyncio.timeout(PERIOD_S):
                await ending.wait()
        except TimeoutError:
            pass


def event(name: str, body: dict[str, Any]) -> bytes:
    """One event as it is sent. JSON holds no bare line end, so its data is one line."""
    return f"event: {name}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n".encode()
