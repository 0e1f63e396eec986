"""Routes of one's own: log in and out, password, second factor, papers for the drawer, sessions, notices."""

import base64
from typing import Annotated, Any, Final
from urllib.parse import quote

from aiohttp import web
from pydantic import Field

from appliance.accounts.desk import Seat
from appliance.accounts.errors import CodeNeeded
from appliance.accounts.password import LONGEST
from appliance.accounts.roles import RIGHTS, Right
from appliance.accounts.sessions import ABSOLUTE_US, IDLE_US
from appliance.web import passkey_routes, query
from appliance.web.account_words import notice_body
from appliance.web.body import read_body
from appliance.web.clips import SITE
from appliance.web.media import json_response
from appliance.web.problem import Problem
from appliance.web.who import ACCOUNTS, can, give_cookie, seat_of, take_cookie

ISSUER: Final = "Temoin"
"""What a telephone's application shows beside the account; no accents, which some of them garble."""

Password = Annotated[str, Field(max_length=4 * LONGEST)]
Code = Annotated[str, Field(max_length=100)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class LogInBody(query.Strict):
    """Name, password, and a code of the telephone or of the paper, or what a security key signed."""

    name: Name
    password: Password
    code: Code = ""
    passkey: passkey_routes.AssertionBody | None = None


class ComeBackBody(query.Strict):
    """By the recovery sheet."""

    name: Name
    sheet: Code
    password: Password


class PasswordBody(query.Strict):
    """One's own new password."""

    old: Password
    new: Password


class CodeBody(query.Strict):
    """Six digits; none: a new secret is asked for."""

    code: Code = ""


class ReadBody(query.Strict):
    """Up to which notice."""

    number: Annotated[int, Field(ge=1, le=query.LAST_US)]


class SessionPath(query.Strict):
    """`/sessions/{id}`."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


async def log_in(request: web.Request) -> web.StreamResponse:
    """POST session; where a code is needed a security key is asked for as well, if one answers at this name."""
    said = await read_body(request, LogInBody)
    desk = request.app[ACCOUNTS]
    second = None if said.passkey is None else passkey_routes.second_of(request, said.passkey)
    try:
        token = await desk.log_in(said.name, said.password, said.code, request.remote or "", second)
    except CodeNeeded as needed:
        asked = await passkey_routes.offer(request, said.name)
        if asked is None:
            raise
        raise Problem(needed, passkey=asked) from None
    return await _opened(request, token)


async def come_back(request: web.Request) -> web.StreamResponse:
    """POST recovery: by the sheet."""
    said = await read_body(request, ComeBackBody)
    desk = request.app[ACCOUNTS]
    return await _opened(request, await desk.come_back(said.name, said.sheet, said.password, request.remote or ""))


async def session(request: web.Request) -> web.StreamResponse:
    """GET session: who I am, and what I may do."""
    query.query(request, query.NoQuery)
    return json_response(await _body(request, seat_of(request)))


async def log_out(request: web.Request) -> web.StreamResponse:
    """DELETE session."""
    query.query(request, query.NoQuery)
    await request.app[ACCOUNTS].log_out(seat_of(request))
    response = json_response({})
    take_cookie(response)
    return response


async def password(request: web.Request) -> web.StreamResponse:
    """POST session/password."""
    said = await read_body(request, PasswordBody)
    return await _opened(request, await request.app[ACCOUNTS].change_password(seat_of(request), said.old, said.new))


async def second_factor(request: web.Request) -> web.StreamResponse:
    """POST session/second-factor: a secret, or with a code its confirmation and the recovery codes."""
    said = await read_body(request, CodeBody)
    seat, desk = seat_of(request), request.app[ACCOUNTS]
    if said.code:
        token, drawn = await desk.confirm_second_factor(seat, said.code)
        return await _opened(request, token, codes=drawn)
    secret = base64.b32encode(await desk.propose_second_factor(seat)).decode()
    label = quote(f"{ISSUER}:{seat.account.name}")
    address = f"otpauth://totp/{label}?secret={secret}&issuer={ISSUER}"
    return json_response({"secret": secret, "address": address})


async def sheet(request: web.Request) -> web.StreamResponse:
    """POST session/sheet: the code of a new recovery sheet, told once."""
    await read_body(request, query.NoQuery)
    seat = seat_of(request)
    code = await request.app[ACCOUNTS].new_sheet(seat)
    site = request.app[SITE]
    return json_response({"code": code, "name": seat.account.name, "site": site.name})


async def read(request: web.Request) -> web.StreamResponse:
    """POST session/read: notices up to one are read."""
    said = await read_body(request, ReadBody)
    seat, desk = seat_of(request), request.app[ACCOUNTS]
    await desk.store.read(seat.account.name, said.number)
    return json_response(await _body(request, seat))


async def sessions(request: web.Request) -> web.StreamResponse:
    """GET sessions: one's own; a manager's: everybody's."""
    query.query(request, query.NoQuery)
    seat = seat_of(request)
    found = await request.app[ACCOUNTS].sessions_of(seat, everybody=can(request, Right.ACCOUNTS))
    rows = [
        {
            "id": each.hash.hex()[:16],
            "account": each.account,
            "address": each.address,
            "opened_us": each.opened_us,
            "used_us": each.used_us,
            "mine": each.hash == seat.session.hash,
        }
        for each in found
    ]
    return json_response({"sessions": rows})


async def end_session(request: web.Request) -> web.StreamResponse:
    """DELETE one of them."""
    query.query(request, query.NoQuery)
    where, everybody = query.path(request, SessionPath), can(request, Right.ACCOUNTS)
    await request.app[ACCOUNTS].end_session(seat_of(request), where.id, everybody=everybody)
    return json_response({})


async def _opened(request: web.Request, token: str, **more: object) -> web.StreamResponse:
    """The answer to whatever opened a session: who they are now, and the cookie."""
    seat = await request.app[ACCOUNTS].seat_of(token)
    assert seat is not None, "a session lives longer than the request that opened it"
    response = json_response({**await _body(request, seat), **more})
    give_cookie(response, token)
    return response


async def _body(request: web.Request, seat: Seat) -> dict[str, Any]:
    """As in the contract's schema Session. `rights`: none but SELF before everything is set up."""
    desk, account = request.app[ACCOUNTS], seat.account
    rights = {Right.SELF} if seat.must else RIGHTS[account.role]
    grant = account.grant
    ends = [seat.session.opened_us + ABSOLUTE_US, account.until_us, *([grant.until_us] if grant else [])]
    return {
        "name": account.name,
        "who": account.person or account.name,
        "role": account.role.value,
        "function": account.function,
        "rights": sorted(right.value for right in rights),
        "must": list(seat.must),
        "until_us": min(ends),
        "idle_us": IDLE_US,
        "codes_left": await desk.store.codes_left(account.name, "code"),
        "has_sheet": await desk.store.codes_left(account.name, "sheet") > 0,
        "notices": [notice_body(each) for each in await desk.notices(seat)],
    }
