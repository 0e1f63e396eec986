"""Routes of one's own security keys, and their part in a log-in. Offered where the page's name allows it, else said why
not: a key is bound to a DNS name over TLS.
"""

import base64
import binascii
from collections.abc import Collection
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import AfterValidator, Field

from appliance.accounts.desk import Second
from appliance.accounts.errors import AccountError, PasskeyByName, PasskeyNoName
from appliance.accounts.passkey import (
    ALGORITHMS,
    LASTS_US,
    Assertion,
    Creation,
    Party,
    Passkey,
    base64url,
    party_of,
    user_handle,
)
from appliance.accounts.passkey_desk import Asked, PasskeyDesk
from appliance.accounts.password import LONGEST
from appliance.accounts.roles import Account
from appliance.web import query
from appliance.web.body import Printable, read_body
from appliance.web.media import json_response
from appliance.web.who import seat_of

PASSKEYS: Final = web.AppKey("passkeys", PasskeyDesk)

NAMES: Final = web.AppKey("names", set[str])
"""DNS names of the certificate that the page is served with; none without encryption."""

MOST: Final = 8192
"""Characters of one part of a key's answer: an attestation that nobody asked for may carry certificates."""


def _bytes(text: str) -> str:
    try:
        base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("base64url without padding") from None
    return text


Bytes = Annotated[str, Field(min_length=1, max_length=MOST, pattern=r"^[A-Za-z0-9_-]+$"), AfterValidator(_bytes)]


class ProofBody(query.Strict):
    """That it is still them."""

    password: Annotated[str, Field(max_length=4 * LONGEST)]
    code: Annotated[str, Field(max_length=100)]


class PasskeyBody(query.Strict):
    """A new key's answer."""

    name: Annotated[Printable, Field(min_length=1, max_length=40)]
    challenge: Bytes
    id: Bytes
    client_data: Bytes
    attestation: Bytes


class AssertionBody(query.Strict):
    """A known key's answer."""

    challenge: Bytes
    id: Bytes
    client_data: Bytes
    authenticator_data: Bytes
    signature: Bytes


class PasskeyPath(query.Strict):
    """`/session/keys/{id}`."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


async def passkeys(request: web.Request) -> web.StreamResponse:
    """GET session/keys: one's own, and why none can be added here if so."""
    query.query(request, query.NoQuery)
    return await _listed(request)


async def ask_passkey(request: web.Request) -> web.StreamResponse:
    """POST session/keys/challenge: what a new key is to sign, after a fresh proof. Raises PasskeyByName,
    PasskeyNoName.
    """
    said = await read_body(request, ProofBody)
    seat, party = seat_of(request), _party_or_refused(request)
    asked = await request.app[PASSKEYS].ask_new(seat, said.password, said.code, party)
    account = seat.account
    user = {"id": base64url(user_handle(account.name)), "name": account.name, "display": account.person or account.name}
    return json_response({"user": user, "algorithms": list(ALGORITHMS), **_asked(asked)}, status=201)


async def add_passkey(request: web.Request) -> web.StreamResponse:
    """POST session/keys: the new key's answer. Raises PasskeyByName, PasskeyNoName."""
    said = await read_body(request, PasskeyBody)
    party = _party_or_refused(request)
    answer = Creation(said.id, said.client_data, said.attestation)
    await request.app[PASSKEYS].add(seat_of(request), said.name, _raw(said.challenge), answer, party)
    return await _listed(request)


async def remove_passkey(request: web.Request) -> web.StreamResponse:
    """DELETE one of them, whatever name the page has."""
    query.query(request, query.NoQuery)
    await request.app[PASSKEYS].remove(seat_of(request), query.path(request, PasskeyPath).id)
    return await _listed(request)


def second_of(request: web.Request, said: AssertionBody) -> Second:
    """A key's answer as the second factor of a log-in."""
    answer = Assertion(said.id, said.client_data, said.authenticator_data, said.signature)
    challenge, party = _raw(said.challenge), party_here(request)

    async def second(account: Account) -> None:
        await request.app[PASSKEYS].check(account, request.remote or "", challenge, answer, party)

    return second


async def offer(request: web.Request, name: str) -> dict[str, Any] | None:
    """What the keys of an account whose password is right are to sign; None when none of them answers here."""
    party = party_here(request)
    asked = None if party is None else await request.app[PASSKEYS].ask(name, party)
    return None if asked is None else _asked(asked)


def party_here(request: web.Request) -> Party | None:
    """What keys of this page are bound to; None where the name does not allow it."""
    return party_of(request.headers.get("Host", ""), _names(request)) if request.secure else None


def why_not(names: Collection[str]) -> AccountError:
    """Why a page cannot use keys, when it is not by its name."""
    if not names:
        return PasskeyNoName()
    return PasskeyByName(name=min(names, key=lambda each: ("." not in each, each)))


def _party_or_refused(request: web.Request) -> Party:
    party = party_here(request)
    if party is None:
        raise why_not(_names(request))
    return party


async def _listed(request: web.Request) -> web.StreamResponse:
    party = party_here(request)
    refusal = why_not(_names(request)) if party is None else None
    why = None if refusal is None else {"fr": refusal.sentence("fr"), "en": refusal.sentence("en")}
    found = await request.app[PASSKEYS].of(seat_of(request))
    now = request.app[PASSKEYS].desk.clock.utc_us()
    keys = [_body(each, party) for each in found]
    return json_response({"now_us": now, "why_not": why, "keys": keys})


def _body(key: Passkey, party: Party | None) -> dict[str, Any]:
    """As in the contract's schema Passkey."""
    here = party is not None and key.party == party.id
    times = {"made_us": key.made_us, "used_us": key.used_us}
    return {"id": key.key, "name": key.name, "party": key.party, "here": here, **times}


def _asked(asked: Asked) -> dict[str, Any]:
    """As in the contract's schema PasskeyAsked."""
    keys = [base64url(each.credential) for each in asked.keys]
    challenge = base64url(asked.challenge)
    return {"challenge": challenge, "party": asked.party.id, "keys": keys, "lasts_ms": LASTS_US // 1000}


def _names(request: web.Request) -> set[str]:
    names: set[str] = request.app[NAMES]
    return names


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
