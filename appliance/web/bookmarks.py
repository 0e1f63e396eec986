"""Routes of bookmarks: list, set, take away. They hold no picture: what they name is opened as any other."""

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from appliance.accounts.bookmarks import TEXT_MOST, Bookmark, Bookmarks, readable, removable
from appliance.accounts.roles import Account
from appliance.web import query
from appliance.web.body import read_body
from appliance.web.errors import BookmarksFull, NoSuchBookmark, UnknownCamera
from appliance.web.lock import BOOK
from appliance.web.look_errors import NotYours
from appliance.web.media import RECORDER, json_response
from appliance.web.who import account_of, people_of


class BookmarkBody(query.Strict):
    """An instant and its words."""

    camera: query.Identifier
    at_us: Annotated[int, Field(ge=0, le=query.LAST_US)]
    text: Annotated[str, Field(max_length=TEXT_MOST, pattern=r"\S")]


class BookmarkPath(query.Strict):
    """`/bookmarks/{number}`."""

    number: Annotated[int, Field(ge=1, le=query.LAST_US)]


async def bookmarks(request: web.Request) -> web.StreamResponse:
    """GET bookmarks: those that this person may read, the latest instant first."""
    query.query(request, query.NoQuery)
    return await _list(request)


async def set_bookmark(request: web.Request) -> web.StreamResponse:
    """POST bookmarks: 201 with the list as it is then."""
    asked = await read_body(request, BookmarkBody)
    account, now = account_of(request), request.app[BOOK].clock.utc_us()
    if asked.camera not in {row["id"] for row in (await request.app[RECORDER].state())["cameras"]}:
        raise UnknownCamera(camera=asked.camera, stream="sub")
    mark = Bookmark(asked.camera, asked.at_us, " ".join(asked.text.split()), account.name, now)
    if not readable(mark, account, now):
        raise NotYours
    if await _store(request).add(mark) is None:
        raise BookmarksFull
    return await _list(request, status=201)


async def remove_bookmark(request: web.Request) -> web.StreamResponse:
    """DELETE one: the list as it is then."""
    query.query(request, query.NoQuery)
    number = query.path(request, BookmarkPath).number
    account, now = account_of(request), request.app[BOOK].clock.utc_us()
    found = next((each for each in await _store(request).all(now) if each.number == number), None)
    if found is None or not readable(found, account, now):
        raise NoSuchBookmark(number=str(number))  # the same for one that this person may not know of
    if not removable(found, account, now):
        raise NotYours
    await _store(request).remove(number)
    return await _list(request)


def _store(request: web.Request) -> Bookmarks:
    return Bookmarks(request.app[BOOK].store.database)


async def _list(request: web.Request, status: int = 200) -> web.StreamResponse:
    account, now = account_of(request), request.app[BOOK].clock.utc_us()
    people = await people_of(request)
    found = [each for each in await _store(request).all(now) if readable(each, account, now)]
    told = [{**_body(each, account, now), "person": people.get(each.who, each.who)} for each in found]
    return json_response({"bookmarks": told}, status=status)


def _body(mark: Bookmark, account: Account, now_us: int) -> dict[str, Any]:
    return {
        "number": mark.number,
        "camera": mark.camera,
        "at_us": mark.at_us,
        "text": mark.text,
        "who": mark.who,
        "made_us": mark.made_us,
        "removable": removable(mark, account, now_us),
    }
