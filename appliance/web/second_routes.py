"""Routes of what asks for a second person: today, to stop watching a whole site."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field

from appliance.accounts.roles import Account
from appliance.accounts.second import (
    URGENT_US,
    WAIT_US,
    Request,
    Seconds,
    Stage,
    alone,
    may_sign,
    may_urge,
    stage,
)
from appliance.alerts.protocol import MAX_NAME, MAX_NOTE
from appliance.core.chain import Facts
from appliance.core.errors import ApplianceError
from appliance.web import alerts, query
from appliance.web.body import read_body
from appliance.web.clips import TELL
from appliance.web.lock import BOOK
from appliance.web.look_errors import NotASecondPerson, NoWitnesses, SecondNeeded, SecondOver
from appliance.web.media import json_response
from appliance.web.second_check import BETWEEN
from appliance.web.who import ACCOUNTS, account_of, people_of

LEAST_WHY: Final = 5
"""Characters of a reason, as the detector asks for it."""


class StopBody(query.Strict):
    """To stop watching these cameras until an instant."""

    cameras: Annotated[tuple[query.Identifier, ...], Field(min_length=1, max_length=64)]
    why: Annotated[str, Field(min_length=LEAST_WHY, max_length=MAX_NOTE)]
    until_us: Annotated[int, Field(ge=0, le=query.LAST_US)]


class SecondPath(query.Strict):
    """`/second/{number}...`."""

    number: Annotated[int, Field(ge=1, le=query.LAST_US)]


class WitnessBody(query.Strict):
    """Who stands by."""

    witnesses: Annotated[tuple[Annotated[str, Field(max_length=MAX_NAME)], ...], Field(min_length=2, max_length=4)]


async def needs_second(request: web.Request, cameras: list[str]) -> bool:
    """Would nothing be watched any more once these are not?"""
    now = (await alerts.ask(request, "arming"))["cameras"]
    watched = {str(each["camera"]) for each in now if each["watch"] == "persons"}
    return bool(watched) and watched <= set(cameras)


async def arm(request: web.Request) -> web.StreamResponse:
    """POST arming, but not what leaves a whole site unwatched: POST second asks for that. Raises SecondNeeded."""
    said = await read_body(request, alerts.ArmBody)
    if not said.armed and await needs_second(request, said.cameras):
        raise SecondNeeded
    return await alerts.arm(request)


async def ask_second(request: web.Request) -> web.StreamResponse:
    """POST second: a request for another person's signature."""
    asked = await read_body(request, StopBody)
    account, now = account_of(request), request.app[BOOK].clock.utc_us()
    what = {"cameras": list(asked.cameras), "armed": False, "why": asked.why, "until_us": asked.until_us}
    made = await _table(request).ask(account.name, account.function, what, asked.why, now)
    _tell(request, "second-asked", made, {"why": asked.why, "until_us": asked.until_us})
    return json_response({"request": _body(made, account.name, await _people(request), now)}, status=201)


async def seconds(request: web.Request) -> web.StreamResponse:
    """GET second: what waits for a second person or was asked of late, for whoever asked and whoever may sign."""
    query.query(request, query.NoQuery)
    account, now = account_of(request), request.app[BOOK].clock.utc_us()
    found = await _table(request).since(now - WAIT_US - URGENT_US)
    people = await _people(request)
    return json_response({"now_us": now, "requests": [_body(each, account.name, people, now) for each in found]})


async def sign(request: web.Request) -> web.StreamResponse:
    """POST signature: another person agrees, on a session of their own; it is done at once."""
    found, now = await _one(request), request.app[BOOK].clock.utc_us()
    signer = account_of(request).name
    if not may_sign(found, signer, now):
        _tell(request, "second-refused", found, {"by": signer})
        raise NotASecondPerson if found.asker == signer else SecondOver
    return await _do(request, found, signer, ())


async def urge(request: web.Request) -> web.StreamResponse:
    """POST urgent: nobody has answered or nobody can, the asker acts before two witnesses; it is marked as not
    countersigned.
    """
    found, now = await _one(request), request.app[BOOK].clock.utc_us()
    nobody = (await _people(request)).none_but(found.asker)
    said = await read_body(request, WitnessBody)
    account = account_of(request)
    asker, own = account.name, account.person.casefold()
    names = tuple(" ".join(each.split()) for each in said.witnesses)
    others = tuple(each for each in names if each.casefold() != own)  # an asker goes by two names
    if not may_urge(found, asker, others, now, nobody=nobody):
        _tell(request, "second-refused", found, {"by": asker})
        urgent = stage(found, now, nobody=nobody) is Stage.URGENT
        raise NoWitnesses if found.asker == asker and urgent else SecondOver
    return await _do(request, found, "", names, nobody=nobody)


async def _one(request: web.Request) -> Request:
    found = await _table(request).one(query.path(request, SecondPath).number)
    if found is None:
        raise SecondOver
    return found


async def _do(
    request: web.Request, asked: Request, signer: str, witnesses: tuple[str, ...], *, nobody: bool = False
) -> web.StreamResponse:
    """Mark it done first, so that it is done once; take the mark back when the detector refuses."""
    table, now = _table(request), request.app[BOOK].clock.utc_us()
    if not await table.done(asked.number, now, signer, witnesses):
        raise SecondOver
    people = await people_of(request)
    asker = people.get(asked.asker, asked.asker)
    hands = f"{asker} + {people.get(signer, signer)}" if signer else f"{asker}, non contresigné"
    try:
        answer = await alerts.ask(request, "arm", by=hands[:MAX_NAME], **asked.what)
    except (ApplianceError, asyncio.CancelledError):
        await table.undone(asked.number)
        raise
    names = BETWEEN.join(witnesses)
    done: Facts = {"countersigned": bool(signer), "signer": signer, "witnesses": names, "done_us": now}
    if not signer:  # why: none was possible, or none came
        done = {**done, "nobody_else": nobody}
    _tell(request, "second-done", asked, done)
    return json_response({"cameras": answer["cameras"]})


def _tell(request: web.Request, kind: str, asked: Request, facts: Facts) -> None:
    cameras = ",".join(asked.what["cameras"])
    about: Facts = {"request": asked.number, "who": asked.asker, "function": asked.function, "cameras": cameras}
    request.app[TELL](kind, {**about, "asked_us": asked.asked_us, **facts})


@dataclass(frozen=True, slots=True)
class _People:
    """Everybody's account, at an instant."""

    accounts: Sequence[Account]
    now_us: int

    def called(self, name: str) -> str:
        """As others read it."""
        return next((each.person for each in self.accounts if each.name == name), "") or name

    def none_but(self, asker: str) -> bool:
        """Can nobody else sign?"""
        return alone(asker, self.accounts, self.now_us)


async def _people(request: web.Request) -> _People:
    desk = request.app[ACCOUNTS]
    return _People([account for account, _ in await desk.store.all()], desk.clock.utc_us())


def _body(asked: Request, who: str, people: _People, now_us: int) -> dict[str, Any]:
    """As in the contract's schema SecondRequest."""
    nobody = people.none_but(asked.asker)
    now = stage(asked, now_us, nobody=nobody)
    return {
        "number": asked.number,
        "asker": people.called(asked.asker),
        "function": asked.function,
        "cameras": asked.what["cameras"],
        "until_us": asked.what["until_us"],
        "why": asked.why,
        "asked_us": asked.asked_us,
        "stage": now.value,
        "nobody_else": nobody and now is Stage.URGENT,
        "waits_us": max(0, asked.asked_us + WAIT_US - now_us) if now is Stage.WAITING else 0,
        "signer": people.called(asked.signer),
        "witnesses": list(asked.witnesses),
        "mine": asked.asker == who,
    }


def _table(request: web.Request) -> Seconds:
    return Seconds(request.app[BOOK].store.database)
