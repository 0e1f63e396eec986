"""The recorder's time on a person's word: somebody who is logged in has compared it with a clock they trust."""

from typing import Annotated, Final

from aiohttp import web
from pydantic import Field

from appliance.core.units import US_PER_SECOND
from appliance.web import query
from appliance.web.body import read_body
from appliance.web.clips import TELL
from appliance.web.errors import WebError
from appliance.web.lawful import ClockTold, clock_body
from appliance.web.media import RECORDER, json_response
from appliance.web.who import account_of

APART_US: Final = 60 * US_PER_SECOND
"""us between the time that a person saw and the recorder's: as exact as a comparison with a telephone has to be."""


class TimeHasMoved(WebError):
    """The time that the page showed is not the recorder's any more."""

    code = "time-has-moved"
    fr = "L'heure de l'enregistreur n'est plus celle que vous avez vue\u202f: comparez-la à nouveau."
    en = "The recorder's time is no longer the one that you saw: compare it again."
    status = 409


class ConfirmTimeBody(query.Strict):
    """`shown_us`: the recorder's time as the person saw it, UTC us."""

    shown_us: Annotated[int, Field(ge=0, le=query.LAST_US)]


async def confirm_time(request: web.Request) -> web.StreamResponse:
    """POST clock/confirm: the judgement that came of it. Raises TimeHasMoved, and as the recorder refuses."""
    said = await read_body(request, ConfirmTimeBody)
    recorder = request.app[RECORDER]
    now_us = int((await recorder.state())["now_utc_us"])
    if abs(now_us - said.shown_us) > APART_US:
        raise TimeHasMoved
    answer = await recorder.confirm_time()
    request.app[TELL]("clock-confirmed", {"account": account_of(request).name, "shown_us": said.shown_us})
    told = ClockTold.model_validate(answer["clock"]) if "clock" in answer else None
    return json_response({"now_us": now_us, "clock": clock_body(told)})
