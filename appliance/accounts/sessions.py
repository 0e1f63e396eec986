"""Sessions and wrong answers, in the accounts' own database: a restart or a power cut forgets neither.

A session is 256 random bits in a cookie; the database holds their SHA-256 alone, so that a copy of it opens nothing.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from appliance.accounts.throttle import Tries, failed
from appliance.core.database import Database, Execute
from appliance.core.units import US_PER_SECOND

IDLE_US: Final = 900 * US_PER_SECOND
"""us without a request after which a session is over: a desk that was left."""

ABSOLUTE_US: Final = 8 * 3600 * US_PER_SECOND
"""us after the log-in after which a session is over whatever happens: a working day."""

TOKEN_BYTES: Final = 32

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

    async def use(self, token: str, now_us: int) -> Session | None:
        """The living session of a cookie, its idle time begun anew; None for any other text."""
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
            execute("UPDATE session SET used_us = ? WHERE hash = ?", (now_us, key))
            return session

        return await self._database.do(work)

    async def of(self, account: str, now_us: int) -> list[Session]:
        """An account's living sessions, the newest first."""
        sql = "SELECT hash, account, address, opened_us, used_us FROM session WHERE account = ? ORDER BY opened_us DESC"
        found = [Session(*row) for row in await self._database.rows(sql, account)]
        return [session for session in found if alive(session, now_us)]

    async def revoke(self, account: str, key: bytes | None = None) -> int:
        """End one session of an account, or all of them; how many there were."""
        sql, values = "DELETE FROM session WHERE account = ?", (account,)
        if key is None:
            return await self._database.do(lambda execute: execute(sql, values).rowcount)
        return await self._database.do(lambda execute: execute(f"{sql} AND hash = ?", (*values, key)).rowcount)

    async def tries(self, key: str) -> Tries:
        """Wrong answers of an account or an address; `key` says which kind."""
        rows = await self._database.rows("SELECT wrong, last_us FROM tries WHERE key = ?", key)
        return Tries(*rows[0]) if rows else Tries()

    async def wrong(self, key: str, now_us: int) -> Tries:
        """Count one more, durably, before the answer leaves."""

        def work(execute: Execute) -> Tries:
            row = execute("SELECT wrong, last_us FROM tries WHERE key = ?", (key,)).fetchone()
            tries = failed(Tries(*row) if row else Tries(), now_us)
            execute("INSERT OR REPLACE INTO tries VALUES (?,?,?)", (key, tries.wrong, tries.last_us))
            return tries

        return await self._database.do(work)

    async def right(self, key: str) -> None:
        """All is as before."""
        await self._database.do(lambda execute: execute("DELETE FROM tries WHERE key = ?", (key,)))


def _hash(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
