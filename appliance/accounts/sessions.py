"""Sessions and wrong answers, in the accounts' own database: a restart or a power cut forgets neither.

A session is 256 random bits in a cookie; the database holds their SHA-256 alone, so that a copy of it opens nothing.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from appliance.accounts.throttle import FORGET_US, Tries, failed, opens_us
from appliance.core.database import Database, Execute
from appliance.core.units import US_PER_SECOND

IDLE_US: Final = 900 * US_PER_SECOND
"""us without a request after which a session is over: a desk that was left."""

ABSOLUTE_US: Final = 8 * 3600 * US_PER_SECOND
"""us after the log-in after which a session is over whatever happens: a working day."""

TOKEN_BYTES: Final = 32

NOTED_US: Final = 30 * US_PER_SECOND
"""us. A use is written down this long after the one before: a replay asks twice a second, each write waits for the
disk. A session left alone may end by so much earlier, never later.
"""

STEPS: Final = (
    (
        """CREATE TABLE session (hash BLOB PRIMARY KEY, account TEXT NOT NULL, address TEXT NOT NULL,
           opened_us INTEGER NOT NULL, used_us INTEGER NOT NULL) WITHOUT ROWID""",
        "CREATE INDEX session_account ON session (account)",
        "CREATE TABLE tries (key TEXT PRIMARY KEY, wrong INTEGER NOT NULL, last_us INTEGER NOT NULL) WITHOUT ROWID",
    ),
)


@dataclass(frozen=True, slots=True)
class Session:
    """One log-in. `hash` names it, and opens nothing."""

    hash: bytes
    account: str
    address: str
    opened_us: int
    used_us: int


def alive(session: Session, now_us: int) -> bool:
    """Neither left alone nor too old; a clock that was set back ends it."""
    return 0 <= now_us - session.used_us < IDLE_US and 0 <= now_us - session.opened_us < ABSOLUTE_US


class Sessions:
    """The tables. Raises DatabaseUnusable."""

    def __init__(self, database: Database, draw: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._database = database
        self._draw = draw

    async def begin(self, account: str, address: str, now_us: int) -> str:
        """A new session, durable; its token for the cookie. Never one that a browser brought along."""
        token = self._draw(TOKEN_BYTES)
        row = (_hash(token), account, address, now_us, now_us)

        def work(execute: Execute) -> None:
            execute("DELETE FROM session WHERE opened_us <= ?", (now_us - ABSOLUTE_US,))  # the table never grows
            execute("INSERT INTO session VALUES (?,?,?,?,?)", row)

        await self._database.do(work)
        return token.hex()

    async def use(self, token: str, now_us: int, *, wakes: bool = True) -> Session | None:
        """The living session of a cookie, its idle time begun anew where `wakes`: what a page asks by itself while
        nobody sits there does not. None for any other text.
        """
        try:
            key = _hash(bytes.fromhex(token))
        except ValueError:
            return None

        def work(execute: Execute) -> Session | None:
            row = execute("SELECT hash, account, address, opened_us, used_us FROM session WHERE hash = ?", (key,))
            found = row.fetchone()
            session = None if found is None else Session(*found)
            if session is None:
                return None
            if not alive(session, now_us):
                execute("DELETE FROM session WHERE hash = ?", (key,))
                return None
            if wakes and now_us - session.used_us >= NOTED_US:
                execute("UPDATE session SET used_us = ? WHERE hash = ?", (now_us, key))
            return session

        return await self._database.do(work)

    async def of(self, account: str | None, now_us: int) -> list[Session]:
        """An account's living sessions, or everybody's; the newest first."""
        sql = """SELECT hash, account, address, opened_us, used_us FROM session
                 WHERE account = coalesce(?, account) ORDER BY opened_us DESC"""
        found = [Session(*row) for row in await self._database.rows(sql, account)]
        return [session for session in found if alive(session, now_us)]

    async def revoke(self, account: str, key: bytes | None = None) -> int:
        """End one session of an account, or all of them; how many there were."""
        sql, values = "DELETE FROM session WHERE account = ?", (account,)
        if key is None:
            return await self._database.do(lambda execute: execute(sql, values).rowcount)
        return await self._database.do(lambda execute: execute(f"{sql} AND hash = ?", (*values, key)).rowcount)

    async def attempt(self, free: Mapping[str, int], now_us: int) -> int:
        """Count an answer as wrong, durably, before it is looked at: many at once are as many. 0: it may be looked at.

        `free`: by key (an account, an address) what costs nothing. Else the us to wait, and nothing is counted.
        """

        def work(execute: Execute) -> int:
            execute("DELETE FROM tries WHERE last_us <= ?", (now_us - FORGET_US,))  # the table never grows
            found = {}
            for key in free:
                row = execute("SELECT wrong, last_us FROM tries WHERE key = ?", (key,)).fetchone()
                found[key] = Tries(*row) if row else Tries()
            wait = max((opens_us(tries, now_us, free[key]) - now_us for key, tries in found.items()), default=0)
            if wait > 0:
                return wait
            for key, tries in found.items():
                after = failed(tries, now_us)
                execute("INSERT OR REPLACE INTO tries VALUES (?,?,?)", (key, after.wrong, after.last_us))
            return 0

        return await self._database.do(work)

    async def right(self, keys: Iterable[str]) -> None:
        """It was right: all is as before."""
        values = [(key,) for key in keys]

        def work(execute: Execute) -> None:
            for value in values:
                execute("DELETE FROM tries WHERE key = ?", value)

        await self._database.do(work)


def _hash(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
