"""The accounts' own database: who there is, what proves it is them, and what the others are told.

Nobody is ever removed from it: a name stands in journals for years, and is not given to another.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from appliance.accounts import passkey_store, sessions
from appliance.accounts.errors import LastManager, NameTaken, NoSuchAccount
from appliance.accounts.roles import Account, Grant, Role
from appliance.core.database import Database, Execute

STEPS: Final = (
    *sessions.STEPS,
    (
        """CREATE TABLE account (name TEXT PRIMARY KEY, person TEXT NOT NULL, function TEXT NOT NULL,
           role TEXT NOT NULL, from_us INTEGER NOT NULL, until_us INTEGER NOT NULL, revoked INTEGER NOT NULL,
           cameras TEXT NOT NULL, footage_from_us INTEGER NOT NULL, footage_to_us INTEGER NOT NULL,
           granted_us INTEGER NOT NULL, granted_until_us INTEGER NOT NULL,
           password TEXT NOT NULL, once_until_us INTEGER, totp BLOB NOT NULL, totp_next BLOB NOT NULL,
           totp_step INTEGER NOT NULL, made_us INTEGER NOT NULL, made_by TEXT NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE recovery (hash BLOB PRIMARY KEY, account TEXT NOT NULL REFERENCES account (name),
           kind TEXT NOT NULL) WITHOUT ROWID""",
        "CREATE INDEX recovery_account ON recovery (account)",
        """CREATE TABLE notice (number INTEGER PRIMARY KEY AUTOINCREMENT, utc_us INTEGER NOT NULL, kind TEXT NOT NULL,
           account TEXT NOT NULL, by TEXT NOT NULL)""",
        """CREATE TABLE notice_for (number INTEGER NOT NULL REFERENCES notice (number) ON DELETE CASCADE,
           account TEXT NOT NULL, PRIMARY KEY (account, number)) WITHOUT ROWID""",
    ),
    passkey_store.STEP,
)

WITHOUT: Final = ("DELETE FROM session", "DELETE FROM tries")
"""Taken out of copies: who is logged in and who mistyped belong to this machine's present."""

NOTICES_KEPT: Final = 500
"""Notices in the table: each stays until the last manager has read it, years of them would be a fault."""

_SELECT: Final = """SELECT name, person, function, role, from_us, until_us, revoked, cameras, footage_from_us,
footage_to_us, granted_us, granted_until_us, password, once_until_us, totp, totp_next, totp_step FROM account"""

_INSERT: Final = "INSERT INTO account VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows that it is them. `password`: its hash; `once_until_us`: it must be changed, and works no later."""

    password: str = field(repr=False)
    once_until_us: int | None = None
    totp: bytes = field(default=b"", repr=False)
    totp_next: bytes = field(default=b"", repr=False)  # shown to them, not yet confirmed
    totp_step: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """What managers are told. `kind`: which way back in was taken, or a change of who is there."""

    number: int
    utc_us: int
    kind: str
    account: str
    by: str


def _read(row: tuple[Any, ...]) -> tuple[Account, Proof]:
    name, person, function, role, from_us, until_us, revoked, cameras, *rest = row
    seen_from, seen_to, granted, granted_until, password, once, totp, totp_next, step = rest
    named = frozenset(json.loads(cameras))
    grant = Grant(named, seen_from, seen_to, granted, granted_until) if named else None
    account = Account(name, function, Role(role), from_us, until_us, bool(revoked), grant, person)
    return account, Proof(password, once, bytes(totp), bytes(totp_next), step)


class AccountStore:
    """The tables. Everything raises DatabaseUnusable."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path, STEPS, "accounts")

    async def find(self, name: str) -> tuple[Account, Proof] | None:
        """One account with its proof."""
        rows = await self.database.rows(f"{_SELECT} WHERE name = ?", name)
        return _read(rows[0]) if rows else None

    async def all(self) -> list[tuple[Account, Proof]]:
        """Everybody, revoked ones too, by name."""
        return [_read(row) for row in await self.database.rows(f"{_SELECT} ORDER BY name")]

    async def add(self, account: Account, proof: Proof, now_us: int, by: str) -> None:
        """A new one. Raises NameTaken."""
        grant = account.grant
        cameras = json.dumps(sorted(grant.cameras)) if grant else "[]"
        seen = (grant.from_us, grant.to_us, grant.granted_us, grant.until_us) if grant else (0, 0, 0, 0)
        values = (
            *(account.name, account.person, account.function, account.role.value),
            *(account.from_us, account.until_us, int(account.revoked), cameras, *seen),
            *(proof.password, proof.once_until_us, proof.totp, proof.totp_next, proof.totp_step, now_us, by),
        )

        def work(execute: Execute) -> None:
            if execute("SELECT 1 FROM account WHERE name = ?", (account.name,)).fetchone():
                raise NameTaken(name=account.name)
            execute(_INSERT, values)

        await self.database.do(work)

    async def grant(self, name: str, grant: Grant) -> None:
        """What a viewer may see from now on. Raises NoSuchAccount."""
        sql = """UPDATE account SET cameras = ?, footage_from_us = ?, footage_to_us = ?, granted_us = ?,
                 granted_until_us = ? WHERE name = ? AND role = ?"""
        cameras = json.dumps(sorted(grant.cameras))
        values = (cameras, grant.from_us, grant.to_us, grant.granted_us, grant.until_us, name, Role.VIEWER.value)
        if not await self.database.do(lambda execute: execute(sql, values).rowcount):
            raise NoSuchAccount(name=name)

    async def prolong(self, name: str, from_us: int, until_us: int) -> None:
        """An authorisation's new time; one that was withdrawn is given again. Raises NoSuchAccount."""
        sql = "UPDATE account SET from_us = min(from_us, ?), until_us = ?, revoked = 0 WHERE name = ?"
        if not await self.database.do(lambda execute: execute(sql, (from_us, until_us, name)).rowcount):
            raise NoSuchAccount(name=name)

    async def revoke(self, name: str, now_us: int) -> None:
        """Withdraw an authorisation and end its sessions. Raises NoSuchAccount, LastManager."""

        def work(execute: Execute) -> None:
            row = execute("SELECT role FROM account WHERE name = ? AND NOT revoked", (name,)).fetchone()
            if row is None:
                raise NoSuchAccount(name=name)
            others = """SELECT count(*) FROM account WHERE role = ? AND name != ? AND NOT revoked
                        AND from_us <= ? AND until_us > ?"""
            left = execute(others, (Role.MANAGER.value, name, now_us, now_us)).fetchone()[0]
            if row[0] == Role.MANAGER.value and not left:
                raise LastManager
            execute("UPDATE account SET revoked = 1 WHERE name = ?", (name,))
            execute("DELETE FROM session WHERE account = ?", (name,))
            execute("DELETE FROM recovery WHERE account = ?", (name,))

        await self.database.do(work)

    async def set_password(self, name: str, password: str, once_until_us: int | None, *, forget: bool = False) -> None:
        """A new password, every session over. `forget`: the second factor, security keys and all codes
        on paper go as well.
        """

        def work(execute: Execute) -> None:
            sql = "UPDATE account SET password = ?, once_until_us = ? WHERE name = ?"
            if not execute(sql, (password, once_until_us, name)).rowcount:
                raise NoSuchAccount(name=name)
            execute("DELETE FROM session WHERE account = ?", (name,))
            if forget:
                execute("UPDATE account SET totp = ?, totp_next = ?, totp_step = 0 WHERE name = ?", (b"", b"", name))
                execute("DELETE FROM recovery WHERE account = ?", (name,))
                execute("DELETE FROM passkey WHERE account = ?", (name,))

        await self.database.do(work)

    async def propose_totp(self, name: str, secret: bytes) -> None:
        """A secret shown to its owner, of no use before it is confirmed."""
        await self.database.do(
            lambda execute: execute("UPDATE account SET totp_next = ? WHERE name = ?", (secret, name))
        )

    async def confirm_totp(self, name: str, step: int, codes: list[bytes]) -> None:
        """The proposed secret is the second factor from now on, with new recovery codes."""

        def work(execute: Execute) -> None:
            sql = "UPDATE account SET totp = totp_next, totp_next = ?, totp_step = ? WHERE name = ?"
            execute(sql, (b"", step, name))
            _replace_codes(execute, name, "code", codes)

        await self.database.do(work)

    async def step_totp(self, name: str, accepted: Callable[[bytes, int], int | None]) -> bool:
        """Use a code: `accepted(secret, last step)` names its step; checked and written down in one transaction."""

        def work(execute: Execute) -> bool:
            row = execute("SELECT totp, totp_step FROM account WHERE name = ?", (name,)).fetchone()
            step = accepted(bytes(row[0]), row[1]) if row is not None and row[0] else None
            if step is None:
                return False
            execute("UPDATE account SET totp_step = ? WHERE name = ?", (step, name))
            return True

        return await self.database.do(work)

    async def replace_codes(self, name: str, kind: str, codes: list[bytes]) -> None:
        """New codes on paper of a kind; the old ones open nothing any more."""
        await self.database.do(lambda execute: _replace_codes(execute, name, kind, codes))

    async def use_code(self, name: str, kind: str, code: bytes) -> bool:
        """Use up a code on paper; False when there is none."""
        sql = "DELETE FROM recovery WHERE account = ? AND kind = ? AND hash = ?"
        return await self.database.do(lambda execute: execute(sql, (name, kind, code)).rowcount) > 0

    async def has_code(self, name: str, kind: str, code: bytes) -> bool:
        """Is there such a code on paper?"""
        sql = "SELECT 1 FROM recovery WHERE account = ? AND kind = ? AND hash = ?"
        return await self.database.do(lambda execute: execute(sql, (name, kind, code)).fetchone() is not None)

    async def codes_left(self, name: str, kind: str) -> int:
        """How many there are."""
        rows = await self.database.rows("SELECT count(*) FROM recovery WHERE account = ? AND kind = ?", name, kind)
        return int(rows[0][0])

    async def notify(self, kind: str, account: str, by: str, now_us: int) -> None:
        """Tell every other manager, until they have read it."""

        def work(execute: Execute) -> None:
            sql = "INSERT INTO notice (utc_us, kind, account, by) VALUES (?,?,?,?)"
            number = execute(sql, (now_us, kind, account, by)).lastrowid
            everyone = "SELECT ?, name FROM account WHERE role = ? AND NOT revoked AND name NOT IN (?, ?)"
            execute(f"INSERT INTO notice_for {everyone}", (number, Role.MANAGER.value, account, by))
            execute("DELETE FROM notice WHERE number <= ?", ((number or 0) - NOTICES_KEPT,))

        await self.database.do(work)

    async def notices(self, name: str) -> list[Notice]:
        """What somebody has not read, the newest first."""
        sql = """SELECT number, utc_us, kind, notice.account, by FROM notice JOIN notice_for USING (number)
                 WHERE notice_for.account = ? ORDER BY number DESC"""
        return [Notice(*row) for row in await self.database.rows(sql, name)]

    async def read(self, name: str, number: int) -> None:
        """They have read up to this notice."""
        sql = "DELETE FROM notice_for WHERE account = ? AND number <= ?"
        await self.database.do(lambda execute: execute(sql, (name, number)))


def _replace_codes(execute: Execute, name: str, kind: str, codes: list[bytes]) -> None:
    execute("DELETE FROM recovery WHERE account = ? AND kind = ?", (name, kind))
    for code in codes:
        execute("INSERT INTO recovery VALUES (?,?,?)", (code, name, kind))
