"""Routes of managers: who has an account, what viewers may see, withdrawing it, a password for whoever lost theirs."""

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from appliance.accounts import manage
from appliance.accounts.roles import Account, Grant, Right, Role, may
from appliance.accounts.store import Proof
from appliance.web import query
from appliance.web.body import Printable, read_body
from appliance.web.media import json_response
from appliance.web.who import ACCOUNTS, account_of

Login = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,63}$")]
Line = Annotated[Printable, Field(min_length=1, max_length=120)]


class AccountPath(query.Strict):
    """`/accounts/{name}/...`."""

    name: Login


class GrantBody(query.Strict):
    """Cameras, the interval of footage, and until when it may be looked at."""

    cameras: Annotated[list[query.Identifier], Field(min_length=1, max_length=64)]
    from_us: Annotated[int, Field(ge=0, le=query.LAST_US)]
    to_us: Annotated[int, Field(ge=0, le=query.LAST_US)]
    until_us: Annotated[int, Field(ge=0, le=query.LAST_US)]

    def grant(self, now_us: int) -> Grant:
        """Given now."""
        return Grant(frozenset(self.cameras), self.from_us, self.to_us, now_us, self.until_us)


class AccountBody(query.Strict):
    """A new account. `grant`: of a viewer."""

    name: Login
    person: Line
    function: Line
    role: Role
    from_us: Annotated[int, Field(ge=0, le=query.LAST_US)]
    until_us: Annotated[int, Field(ge=0, le=query.LAST_US)]
    grant: GrantBody | None = None


class AuthoriseBody(query.Strict):
    """A new end of an authorisation."""

    until_us: Annotated[int, Field(ge=0, le=query.LAST_US)]


async def accounts(request: web.Request) -> web.StreamResponse:
    """GET accounts: everybody, those of the past as well."""
    query.query(request, query.NoQuery)
    return json_response(await _listed(request))


async def open_account(request: web.Request) -> web.StreamResponse:
    """POST accounts: the password of its first log-in, told once."""
    said = await read_body(request, AccountBody)
    desk = request.app[ACCOUNTS]
    grant = None if said.grant is None else said.grant.grant(desk.clock.utc_us())
    wanted = manage.Wanted(said.name, said.person, said.function, said.role, said.from_us, said.until_us, grant)
    return json_response({"name": said.name, "password": await manage.make(desk, account_of(request).name, wanted)})


async def revoke(request: web.Request) -> web.StreamResponse:
    """POST accounts/{name}/revoke."""
    name = await _named(request)
    await manage.revoke(request.app[ACCOUNTS], account_of(request).name, name)
    return json_response(await _listed(request))


async def authorise(request: web.Request) -> web.StreamResponse:
    """POST accounts/{name}/authorise: prolong, or give back."""
    name = query.path(request, AccountPath).name
    said = await read_body(request, AuthoriseBody)
    await manage.authorise(request.app[ACCOUNTS], account_of(request).name, name, said.until_us)
    return json_response(await _listed(request))


async def grant(request: web.Request) -> web.StreamResponse:
    """POST accounts/{name}/grant: what a viewer may see from now on."""
    name = query.path(request, AccountPath).name
    said = await read_body(request, GrantBody)
    desk = request.app[ACCOUNTS]
    await manage.grant(desk, account_of(request).name, name, said.grant(desk.clock.utc_us()))
    return json_response(await _listed(request))


async def password(request: web.Request) -> web.StreamResponse:
    """POST accounts/{name}/password: one for a single log-in, told once; the second factor is set again."""
    name = await _named(request)
    return json_response(
        {"name": name, "password": await manage.reset(request.app[ACCOUNTS], account_of(request).name, name)}
    )


async def _named(request: web.Request) -> str:
    name = query.path(request, AccountPath).name
    await read_body(request, query.NoQuery)
    return name


async def _listed(request: web.Request) -> dict[str, Any]:
    desk = request.app[ACCOUNTS]
    now = desk.clock.utc_us()
    return {"now_us": now, "accounts": [_row(*each, now) for each in await desk.store.all()]}


def _row(account: Account, proof: Proof, now_us: int) -> dict[str, Any]:
    given = account.grant
    seen = None
    if given is not None:
        seen = {"cameras": sorted(given.cameras), "from_us": given.from_us, "to_us": given.to_us}
        seen |= {"granted_us": given.granted_us, "until_us": given.until_us}
    return {
        "name": account.name,
        "person": account.person,
        "function": account.function,
        "role": account.role.value,
        "from_us": account.from_us,
        "until_us": account.until_us,
        "revoked": account.revoked,
        "in_force": may(account, Right.SELF, now_us),
        "second_factor": bool(proof.totp),
        "first_log_in": proof.once_until_us is not None,
        "grant": seen,
    }
