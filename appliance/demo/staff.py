"""The demonstration's people: an account of each role, and two of its own, with which it asks the page's server.

Passwords and telephones' secrets lie in the work folder for whoever tries it; the cameras are drawn.
"""

import asyncio
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import aiohttp

from appliance.accounts import totp
from appliance.accounts.desk import SECRET_BYTES, AccountDesk
from appliance.accounts.roles import Account, Grant, Role
from appliance.accounts.store import Proof
from appliance.core.clock import Clock
from appliance.core.units import US_PER_SECOND
from appliance.demo.errors import NoDemonstration, RecorderAnswer

FILE: Final = "staff.json"
PHRASE: Final = "demonstration-temoin"  # of simulated people on loopback

HOUR_US: Final = 3600 * US_PER_SECOND
YEAR_US: Final = 365 * 24 * HOUR_US

TRIES: Final = 3
"""Log-ins tried, half a minute apart: a code is taken once."""

SHOW, STRIKE = "controle", "panne"
"""Accounts with which the demonstration itself looks: each code of a telephone is taken once, so each has its own."""

PEOPLE: Final = (
    ("durand", "Mme Durand", "principale", Role.MANAGER),
    ("martin", "M. Martin", "technicien", Role.TECHNICIAN),
    ("moreau", "Adj. Moreau", "gendarmerie", Role.VIEWER),
    ("centre", "Mme Petit", "équipe centrale", Role.CENTRAL),
    (SHOW, "Contrôle de la démonstration", "démonstration", Role.MANAGER),
    (STRIKE, "Pannes de la démonstration", "démonstration", Role.MANAGER),
)


async def make_staff(folder: Path, cameras: Iterable[str], clock: Clock) -> None:
    """The accounts' database before anything runs, and the file of what people need. Raises DatabaseUnusable."""
    desk = AccountDesk(folder / "accounts.db", clock)
    await desk.open()
    now = clock.utc_us()
    hashed = await desk.passwords.hash(PHRASE)
    secrets: dict[str, str] = {}
    for name, person, function, role in PEOPLE:
        viewer = role is Role.VIEWER
        grant = Grant(frozenset(cameras), now - 24 * HOUR_US, now + 4 * HOUR_US, now, now + 4 * HOUR_US)
        secret = b"" if viewer else desk.draw(SECRET_BYTES)
        account = Account(name, function, role, now, now + YEAR_US, grant=grant if viewer else None, person=person)
        await desk.store.add(account, Proof(hashed, totp=secret), now, "demo")
        if secret:
            secrets[name] = secret.hex()
    await desk.close()
    await asyncio.to_thread(_write_own, folder / FILE, json.dumps(secrets))


def _write_own(file: Path, text: str) -> None:
    """A file that its owner alone reads. Blocks."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as handle:
        handle.write(text)


def codes(folder: Path, clock: Clock) -> dict[str, str]:
    """What each telephone shows now, by name. Raises NoDemonstration. Blocks."""
    try:
        secrets: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise NoDemonstration(folder=str(folder)) from error
    step = totp.step_of(clock.utc_us())
    return {name: totp.hotp(bytes.fromhex(str(secret)), step) for name, secret in secrets.items()}


async def sign_in(http: aiohttp.ClientSession, url: str, folder: Path, name: str, clock: Clock) -> None:
    """Log in, with the next code where this one was taken already; every request of `http` is this person's from then
    on. A session of before is gone on with: the next code may be half a minute away. Raises RecorderAnswer,
    NoDemonstration.
    """
    kept = folder / f"{name}.session"
    if await _goes_on(http, url, kept):
        return None
    for left in reversed(range(TRIES)):
        shown = await asyncio.to_thread(codes, folder, clock)
        try:
            await _log_in(http, url, name, shown[name])
            return await asyncio.to_thread(_write_own, kept, http.headers["Cookie"])
        except RecorderAnswer as refused:
            if left == 0 or refused.facts["status"] != 401:
                raise
        await asyncio.sleep(totp.STEP_S - clock.utc_us() / US_PER_SECOND % totp.STEP_S)
    return None


async def _goes_on(http: aiohttp.ClientSession, url: str, kept: Path) -> bool:
    """Is the session that was kept still one?"""
    if not await asyncio.to_thread(kept.exists):
        return False
    http.headers["Cookie"] = await asyncio.to_thread(kept.read_text, encoding="ascii")
    try:
        async with http.get(f"{url}api/v1/session") as answer:
            if answer.status == 200:
                return True
    except (aiohttp.ClientError, TimeoutError) as error:
        raise RecorderAnswer(status="-", path="session", why=str(error) or type(error).__name__) from error
    del http.headers["Cookie"]
    return False


async def _log_in(http: aiohttp.ClientSession, url: str, name: str, code: str) -> None:
    """The cookie is for https alone, or a browser that knows what loopback is: here it is a header."""
    body = {"name": name, "password": PHRASE, "code": code}
    own = {"Sec-Fetch-Site": "same-origin"}
    try:
        async with http.post(f"{url}api/v1/session", json=body, headers=own) as answer:
            if answer.status != 200:
                raise RecorderAnswer(status=answer.status, path="session", why=(await answer.text())[:200])
            http.headers["Cookie"] = answer.headers["Set-Cookie"].partition(";")[0]
    except (aiohttp.ClientError, TimeoutError) as error:
        raise RecorderAnswer(status="-", path="session", why=str(error) or type(error).__name__) from error
