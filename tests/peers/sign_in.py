"""An appliance's people, in tests: an account of each role, and sessions of theirs without typing anything.

Hashes are of the least cost. Whoever tests the log-in itself has names, passwords and the telephone's secret here.
"""

from pathlib import Path
from typing import Final

from appliance.accounts import totp
from appliance.accounts.desk import AccountDesk
from appliance.accounts.password import Cost, Passwords
from appliance.accounts.roles import Account, Grant, Role
from appliance.accounts.store import Proof
from appliance.core.chain import Tell, untold
from appliance.core.clock import Clock
from appliance.web.query import LAST_US
from appliance.web.who import COOKIE

CHEAP: Final = Cost(1, 8, 1)
"""A hash of the least cost: most tests are about what is decided, not about what it costs."""

PASSWORD: Final = "un bon mot de passe"
SECRET: Final = b"a telephone's secret"
HOUR_US: Final = 3_600_000_000
YEAR_US: Final = 365 * 24 * HOUR_US
HOME: Final = "127.0.0.1"

PEOPLE: Final = {
    Role.MANAGER: ("durand", "Mme Durand", "principale"),
    Role.TECHNICIAN: ("martin", "M. Martin", "technicien"),
    Role.VIEWER: ("moreau", "Adj. Moreau", "gendarmerie"),
    Role.CENTRAL: ("centre", "Mme Petit", "équipe centrale"),
}
"""Name, person and function by role."""

DURAND: Final = Account("durand", "principale", Role.MANAGER, 0, LAST_US, person="Mme Durand")
"""The manager as an account, for what asks for one."""

PETIT: Final = Account("petit", "gestionnaire", Role.MANAGER, 0, LAST_US, person="M. Petit")
"""Another manager, where `add_petit` was called."""


async def make_staff(
    folder: Path, clock: Clock, tell: Tell = untold, seen: tuple[frozenset[str], int, int] | None = None
) -> AccountDesk:
    """An open desk with one account of each role. `seen`: the viewer's cameras and interval, else a camera "hall" of
    the last day.
    """
    desk = AccountDesk(folder / "accounts.db", clock, tell, Passwords(CHEAP))
    await desk.open()
    now = clock.utc_us()
    cameras, from_us, to_us = seen or (frozenset({"hall"}), now - 24 * HOUR_US, now)
    grant = Grant(cameras, from_us, to_us, now, now + 4 * HOUR_US)
    hashed = await desk.passwords.hash(PASSWORD)
    for role, (name, person, function) in PEOPLE.items():
        given = grant if role is Role.VIEWER else None
        secret = b"" if role is Role.VIEWER else SECRET
        account = Account(name, function, role, now - YEAR_US, now + YEAR_US, grant=given, person=person)
        await desk.store.add(account, Proof(hashed, totp=secret), now, "tests")
    return desk


async def add_petit(desk: AccountDesk) -> None:
    """One more manager."""
    await desk.store.add(PETIT, Proof("", totp=SECRET), desk.clock.utc_us(), "tests")


async def token_of(desk: AccountDesk, who: Role | str = Role.MANAGER) -> str:
    """A session of theirs, by role or name: the cookie's value."""
    name = PEOPLE[who][0] if isinstance(who, Role) else who
    return await desk.sessions.begin(name, HOME, desk.clock.utc_us())


async def cookie_of(desk: AccountDesk, who: Role | str = Role.MANAGER) -> dict[str, str]:
    """The same as a header: a client that asks by http sends no cookie that is for https."""
    return {"Cookie": f"{COOKIE}={await token_of(desk, who)}"}


def code_of(desk: AccountDesk, secret: bytes = SECRET, steps: int = 0) -> str:
    """What the telephone shows now, or so many steps later."""
    return totp.hotp(secret, totp.step_of(desk.clock.utc_us()) + steps)
