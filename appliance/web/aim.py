"""Routes of aiming: begin, see one picture a second, end; and who has aimed what, for those who may read it.

The pictures are the recorder's newest durable ones, made by the picture process: the detector, which the law keeps
from cameras of the public road, has no part in it.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field

from appliance.accounts.aim import LASTS_US, Aim
from appliance.accounts.look import KEPT_US
from appliance.core.database import DatabaseUnusable
from appliance.core.units import US_PER_SECOND
from appliance.web import query
from appliance.web.aim_book import AimBook, Running
from appliance.web.aim_errors import NothingToAim
from appliance.web.body import read_body
from appliance.web.errors import UnknownCamera
from appliance.web.media import RECORDER, json_response
from appliance.web.recorder import Recorder
from appliance.web.slices import MediaSlice, all_parts, gop_slice
from appliance.web.stills import STILLS, still_of
from appliance.web.who import account_of, people_of, seat_of

AIMS: Final = web.AppKey("aims", AimBook)

FRESH_US: Final = 10 * US_PER_SECOND
"""us: an older picture is none to aim by, it would show where the camera looked before."""

BACK_US: Final = 4 * US_PER_SECOND
"""us behind the newest picture that are asked for; the recorder adds what is there back to a keyframe."""

WHOLE_BYTES: Final = 1_500_000
"""Bytes up to the newest picture that are decoded, a fifth of a core-second; beyond it the keyframe alone is shown."""

MAX_AIMS: Final = 200
"""Rows of one answer."""


class AimBody(query.Strict):
    """Which camera."""

    camera: query.Identifier


class AimsQuery(query.Interval):
    """Begun in an interval."""

    limit: Annotated[int, Field(ge=1, le=MAX_AIMS)] = 50

    @classmethod
    def longest(cls) -> int:
        return KEPT_US


async def kept(app: web.Application) -> AsyncIterator[None]:
    """As long as the application serves: what an earlier life left has ended, and what goes on ends with this one."""
    with suppress(DatabaseUnusable):  # what needs the file says so when it is asked
        await app[AIMS].load()
    yield
    with suppress(DatabaseUnusable):  # the journal has what the file has not
        await app[AIMS].close()


async def open_aim(request: web.Request) -> web.StreamResponse:
    """POST aims: 201 with the camera and the time it lasts."""
    camera = (await read_body(request, AimBody)).camera
    await _stream_of(request.app[RECORDER], camera)
    seat = seat_of(request)
    running = await request.app[AIMS].open(seat.account, camera, seat.session.hash)
    return json_response({"aim": _running(running, request.app[AIMS])}, status=201)


async def current(request: web.Request) -> web.StreamResponse:
    """GET aims/current: what this person aims at."""
    query.query(request, query.NoQuery)
    return json_response(_current(request))


async def stop(request: web.Request) -> web.StreamResponse:
    """DELETE aims/current: its end before its time."""
    query.query(request, query.NoQuery)
    await request.app[AIMS].stop(account_of(request).name)
    return json_response(_current(request))


async def picture(request: web.Request) -> web.StreamResponse:
    """GET aim.jpg: the newest picture that is durable."""
    camera = query.path(request, query.CameraPath).id
    query.query(request, query.NoQuery)
    book = request.app[AIMS]
    running = book.admit(account_of(request).name, camera)
    recorder = request.app[RECORDER]
    found = await newest(recorder, camera, book.clock.utc_us())
    whole = found.length <= WHOLE_BYTES
    jpeg = await still_of(request.app[STILLS], recorder, found, keyframe_only=not whole)
    book.left(running)
    headers = {
        "Content-Type": "image/jpeg",
        "Media-Start-Utc": str(found.end_us if whole else found.start_us),
        "Aim-Remaining": str(book.remaining_us(running)),
    }
    return web.Response(body=jpeg, headers=headers)


async def aims(request: web.Request) -> web.StreamResponse:
    """GET aims: who aimed which camera, when, how it ended; newest first."""
    asked = query.query(request, AimsQuery)
    found = await request.app[AIMS].store.newest(asked.from_, asked.to, asked.limit)
    people = await people_of(request)
    return json_response({"aims": [{**_row(each), "person": people.get(each.who, each.who)} for each in found]})


async def _stream_of(recorder: Recorder, camera: str) -> str:
    """The light stream, else the main one. Raises UnknownCamera."""
    for row in (await recorder.state())["cameras"]:
        if row["id"] == camera and row["streams"]:
            return "sub" if "sub" in row["streams"] else "main"
    raise UnknownCamera(camera=camera, stream="sub")


async def newest(recorder: Recorder, camera: str, now_us: int) -> MediaSlice:
    """The GOP that the newest durable picture is in. Raises NothingToAim, UnknownCamera."""
    stream = await _stream_of(recorder, camera)
    answer = await recorder.ranges(camera, stream, now_us - BACK_US, now_us + US_PER_SECOND, from_keyframe=True)
    rows = all_parts(answer)
    last_us = rows[-1][1].end_us if rows else 0
    found = gop_slice(answer, last_us - 1) if now_us - last_us < FRESH_US else None
    if found is None:
        raise NothingToAim(seconds=FRESH_US // US_PER_SECOND)
    return found


def _current(request: web.Request) -> dict[str, Any]:
    book = request.app[AIMS]
    running = book.current(account_of(request).name)
    return {"aim": None if running is None else _running(running, book)}


def _running(running: Running, book: AimBook) -> dict[str, Any]:
    aim = running.aim
    return {"camera": aim.camera, "opened_us": aim.opened_us, "remaining_us": book.remaining_us(running)}


def _row(aim: Aim) -> dict[str, Any]:
    return {
        "number": aim.number,
        "who": aim.who,
        "function": aim.function,
        "camera": aim.camera,
        "opened_us": aim.opened_us,
        "until_us": aim.opened_us + LASTS_US,
        "ended_us": aim.ended_us,
        "how": None if aim.how is None else aim.how.value,
        "pictures": aim.pictures,
    }
