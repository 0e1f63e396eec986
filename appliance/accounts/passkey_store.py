"""The table of security keys, in the accounts' own database."""

from typing import Any, Final

from appliance.accounts.errors import PasskeyKnown, PasskeyTooMany
from appliance.accounts.passkey import KEYS, Passkey
from appliance.core.database import Database, Execute

STEP: Final = (
    """CREATE TABLE passkey (credential BLOB PRIMARY KEY, account TEXT NOT NULL REFERENCES account (name),
       name TEXT NOT NULL, party TEXT NOT NULL, data BLOB NOT NULL, count INTEGER NOT NULL, made_us INTEGER NOT NULL,
       used_us INTEGER) WITHOUT ROWID""",
)
"""The step of the accounts' database that makes the table."""

_SELECT: Final = "SELECT credential, account, name, party, data, count, made_us, used_us FROM passkey"


class Passkeys:
    """The table. Raises DatabaseUnusable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, account: str) -> list[Passkey]:
        """An account's keys, the oldest first."""
        rows = await self._database.rows(f"{_SELECT} WHERE account = ? ORDER BY made_us, credential", account)
        return [_read(row) for row in rows]

    async def add(self, key: Passkey) -> None:
        """A new one. Raises PasskeyKnown for one that any account has already, PasskeyTooMany."""
        values = (key.credential, key.account, key.name, key.party, key.data, key.count, key.made_us, key.used_us)

        def work(execute: Execute) -> None:
            if execute("SELECT 1 FROM passkey WHERE credential = ?", (key.credential,)).fetchone():
                raise PasskeyKnown
            if execute("SELECT count(*) FROM passkey WHERE account = ?", (key.account,)).fetchone()[0] >= KEYS:
                raise PasskeyTooMany(most=KEYS)
            execute("INSERT INTO passkey VALUES (?,?,?,?,?,?,?,?)", values)

        await self._database.do(work)

    async def used(self, key: Passkey, count: int, now_us: int) -> bool:
        """It has answered; False when it is gone, or another answer was entered since `key` was read."""
        sql = "UPDATE passkey SET count = ?, used_us = ? WHERE credential = ? AND count = ?"
        values = (count, now_us, key.credential, key.count)
        return await self._database.do(lambda execute: execute(sql, values).rowcount) == 1

    async def remove(self, key: Passkey) -> bool:
        """It opens nothing any more; False when it was gone already."""
        sql = "DELETE FROM passkey WHERE credential = ?"
        return await self._database.do(lambda execute: execute(sql, (key.credential,)).rowcount) == 1


def _read(row: tuple[Any, ...]) -> Passkey:
    credential, account, name, party, data, count, made_us, used_us = row
    return Passkey(bytes(credential), account, name, party, bytes(data), count, made_us, used_us)
