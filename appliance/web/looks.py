"""Routes of the viewing lock: open, what is open, close, justify."""

from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field

from appliance.accounts.look import NUMBER_MOST, TEXT_MOST, Fault, Given, Reason
from appliance.accounts.look_store import Entry
from appliance.accounts.roles import Right, may
from appliance.web import alerts, query
from appliance.web.body import read_body
from appliance.web.errors import UnknownCamera
from appliance.web.lock import BOOK, Reach, entry_body, reach
from appliance.web.look_book import LookBook
from appliance.web.look_errors import NothingToOpen, NotYours, reason_lacks
from appliance.web.media import RECORDER, json_response
from appliance.web.who import account_of

MAX_CAMERAS: Final = 64

OVERDUE: Final = "LOOK_OVERDUE"
"""Code of the home page's issue."""


class LookBody(query.Strict):
    """A reason, and what it is to open. With an alert its cameras and its time are meant."""

    reason: Reason
    text: Annotated[str, Field(max_length=TEXT_MOST)] = ""
    number: Annotated[str, Field(max_length=NUMBER_MOST)] = ""
    alert: Annotated[int, Field(ge=1, le=query.LAST_US)] | None = None
    cameras: Annotated[tuple[query.Identifier, ...], Field(max_length=MAX_CAMERAS)] = ()
    from_us: Annotated[int, Field(ge=0, le=query.LAST_US)] | None = None
    to_us: Annotated[int, Field(ge=0, le=query.LAST_US)] | None = None


class LookPath(query.Strict):
    """`/looks/{number}...`."""

    number: Annotated[int, Field(ge=1, le=query.LAST_US)]


class JustifyBody(query.Strict):
    """Why an urgent opening was needed."""

    text: Annotated[str, Field(max_length=TEXT_MOST)]


async def open_look(request: web.Request) -> web.StreamResponse:
    """POST looks: 201 with the opening, its number and the time it lasts."""
    asked = await read_body(request, LookBody)
    given = Given(asked.reason, asked.text.strip(), asked.number.strip(), asked.alert)
    what = await _reach_of_alert(request, asked) if asked.reason is Reason.ALERT else await _typed(request, asked)
    entry = await request.app[BOOK].open(account_of(request), given, what.cameras, what.from_us, what.to_us)
    return json_response({"look": entry_body(entry, request.app[BOOK])}, status=201)


async def current(request: web.Request) -> web.StreamResponse:
    """GET looks/current: what this person has open, and what they have to justify."""
    query.query(request, query.NoQuery)
    book, who = request.app[BOOK], account_of(request).name
    return json_response(
        {
            "now_us": book.clock.utc_us(),
            "looks": [entry_body(each, book) for each in book.current(who)],
            "to_justify": [entry_body(each, book) for each in book.unjustified(who)],
        }
    )


async def close_look(request: web.Request) -> web.StreamResponse:
    """DELETE a look: its end before its time."""
    query.query(request, query.NoQuery)
    entry = await request.app[BOOK].close(account_of(request), query.path(request, LookPath).number)
    return json_response({"look": entry_body(entry, request.app[BOOK])})


async def justify(request: web.Request) -> web.StreamResponse:
    """POST justification of an urgent look."""
    number = query.path(request, LookPath).number
    said = await read_body(request, JustifyBody)
    entry = await request.app[BOOK].justify(account_of(request), number, said.text)
    return json_response({"look": entry_body(entry, request.app[BOOK])})


async def _reach_of_alert(request: web.Request, asked: LookBody) -> Reach:
    account = account_of(request)
    if not may(account, Right.ALERTS, request.app[BOOK].clock.utc_us()):
        raise NotYours
    if asked.alert is None:
        raise reason_lacks(Fault.NO_ALERT)
    return reach((await alerts.ask(request, "alert", number=asked.alert))["alert"])


async def _typed(request: web.Request, asked: LookBody) -> Reach:
    if asked.from_us is None or asked.to_us is None or asked.from_us >= asked.to_us:
        raise NothingToOpen
    known = {row["id"] for row in (await request.app[RECORDER].state())["cameras"]}
    for camera in asked.cameras:
        if camera not in known:
            raise UnknownCamera(camera=camera, stream="sub")
    return Reach(frozenset(asked.cameras), asked.from_us, asked.to_us)


def overdue_issues(book: LookBook) -> list[dict[str, Any]]:
    """For the home page: urgent openings that nobody has justified in time."""
    return [_issue(entry) for entry in book.overdue()]


def _issue(entry: Entry) -> dict[str, Any]:
    who, number = entry.look.who, entry.number
    return {
        "code": OVERDUE,
        "camera": None,
        "place": "",
        "since_us": entry.look.opened_us,
        "fr": f"Consultation urgente n° {number} de {who}\u202f: toujours sans justification",
        "en": f"Urgent viewing number {number} by {who}: still without justification",
        "todo_fr": f"{who} doit écrire pourquoi elle était nécessaire, sur la page d'accueil.",
        "todo_en": f"{who} must write why it was necessary, on the home page.",
    }
