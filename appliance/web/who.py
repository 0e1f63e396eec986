"""Who asks: one middleware holds every route's right against the account of the cookie. Deny by default.

The session is a cookie that no script reads and no other site sends (RFC 6265bis: `__Host-`, HttpOnly, SameSite).
"""

from dataclasses import dataclass
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from appliance.accounts.desk import AccountDesk, Seat
from appliance.accounts.roles import Account, Right, may, may_see
from appliance.web.errors import NotLoggedIn, RightMissing, SetUpFirst

COOKIE: Final = "__Host-sid"


@dataclass(frozen=True, slots=True)
class Route:
    """`right`: what its caller must be allowed to do; None: anybody, it holds nothing of the site. No default: a route
    cannot be written without saying so. `also`: a second right, where one is not enough. `wakes`: False for what a
    page asks by itself, which is no sign of a person.
    """

    method: str
    path: str
    handler: Handler
    right: Right | None
    wakes: bool = True
    also: Right | None = None


WHO: Final = web.AppKey("who", dict[tuple[str, str], Route])
"""Every route, with the right that it asks for, by method and path."""

FIXED: Final = web.AppKey("fixed", dict[str, list[str]])
"""The methods of each address without a variable, which is never taken for the variable of another."""

ACCOUNTS: Final = web.AppKey("accounts", AccountDesk)

_SEAT: Final = web.RequestKey("seat", Seat)


def seat_of(request: web.Request) -> Seat:
    """Who asks, with their session. Raises NotLoggedIn where the route let anybody in and nobody is logged in."""
    seat: Seat | None = request.get(_SEAT)
    if seat is None:
        raise NotLoggedIn
    return seat


def account_of(request: web.Request) -> Account:
    """Who asks. Raises NotLoggedIn."""
    return seat_of(request).account


def can(request: web.Request, right: Right) -> bool:
    """May who asks do this as well?"""
    return may(account_of(request), right, request.app[ACCOUNTS].clock.utc_us())


async def people_of(request: web.Request) -> dict[str, str]:
    """What people are called, by account: those of the past, too."""
    found = await request.app[ACCOUNTS].store.all()
    return {account.name: account.person or account.name for account, _ in found}


@web.middleware
async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who asks and hold the route's right against it. Raises NotLoggedIn, RightMissing, SetUpFirst."""
    resource = request.match_info.route.resource
    if resource is None:  # no such address, or not by this method: nothing is behind it
        return await handler(request)
    if "{" in resource.canonical and request.path in request.app[FIXED]:  # `looks/check` is no number of a look
        raise web.HTTPMethodNotAllowed(request.method, request.app[FIXED][request.path])
    method = "GET" if request.method == "HEAD" else request.method
    route = request.app[WHO].get((method, resource.canonical))
    if route is not None and route.right is None:
        return await handler(request)
    desk = request.app[ACCOUNTS]
    wakes = route is None or route.wakes
    seat = await desk.seat_of(request.cookies.get(COOKIE, ""), wakes=wakes)
    if seat is None:
        raise NotLoggedIn
    if route is None or route.right is None:  # nobody has said who may: nobody may
        raise _refused(request, seat.account, None)
    right, now = route.right, desk.clock.utc_us()
    if not may(seat.account, right, now) or (route.also is not None and not may(seat.account, route.also, now)):
        raise _refused(request, seat.account, right)
    if right is Right.FOOTAGE and not _camera_given(request, seat.account):
        raise _refused(request, seat.account, right)
    if seat.must and right is not Right.SELF:
        raise SetUpFirst
    request[_SEAT] = seat
    return await handler(request)


async def still_may(request: web.Request, right: Right) -> bool:
    """For an answer that goes on and on: is the session alive, and may its account do this, now? Wakes nothing."""
    desk = request.app[ACCOUNTS]
    seat = await desk.seat_of(request.cookies.get(COOKIE, ""), wakes=False)
    if seat is None or seat.must or not may(seat.account, right, desk.clock.utc_us()):
        return False
    request[_SEAT] = seat
    return True


def reached(request: web.Request, camera: str, from_us: int, to_us: int) -> tuple[int, int]:
    """What of an interval of `camera` the account goes as far as: all of it, or the part that a viewer was given.

    Raises RightMissing when there is none, entered as a refusal.
    """
    account = account_of(request)
    grant = account.grant
    if grant is not None:
        from_us, to_us = max(from_us, grant.from_us), min(to_us, grant.to_us)
    if not may_see(account, camera, (from_us, to_us), request.app[ACCOUNTS].clock.utc_us()):
        raise _refused(request, account, Right.FOOTAGE)
    return from_us, to_us


def _camera_given(request: web.Request, account: Account) -> bool:
    """False for a camera of the address that a viewer was not given."""
    camera = request.match_info.get("id")
    return camera is None or account.grant is None or camera in account.grant.cameras


def _refused(request: web.Request, account: Account, right: Right | None) -> RightMissing:
    resource = request.match_info.route.resource
    route = "?" if resource is None else resource.canonical
    facts = {"account": account.name, "method": request.method, "route": route}
    request.app[ACCOUNTS].refused("access-refused", {**facts, "right": "" if right is None else right.value})
    return RightMissing()


def give_cookie(response: web.StreamResponse, token: str) -> None:
    """The session's cookie; it goes when the browser closes."""
    response.set_cookie(COOKIE, token, path="/", secure=True, httponly=True, samesite="Strict")


def take_cookie(response: web.StreamResponse) -> None:
    """No session any more."""
    response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Strict")
