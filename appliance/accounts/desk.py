"""Log-ins, and what a person does with their own account. One of these a web service; a manager's acts: `manage.py`.

Every answer is counted as wrong, durably, before it is looked at, and taken back when it was right: many guesses at
once are as many. What is refused and what is opened is told to the journal, never what was typed.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Final

from appliance.accounts import codes, totp
from appliance.accounts.errors import (
    AuthorisationOver,
    CodeNeeded,
    NoSecondFactor,
    NoSuchSession,
    PasswordRefused,
    TooManyTries,
    WrongAnswer,
)
from appliance.accounts.password import Passwords, fit
from appliance.accounts.roles import TWO_FACTORS, Account, Right, may
from appliance.accounts.sessions import Session, Sessions
from appliance.accounts.store import AccountStore, Notice, Proof
from appliance.accounts.throttle import FREE, FREE_OF_ACCOUNT
from appliance.core.chain import Facts, Tell, Value, untold
from appliance.core.clock import Clock
from appliance.core.thrift import Report, Thrift
from appliance.core.units import US_PER_SECOND

SECRET_BYTES: Final = 20
"""Bytes of a second factor's secret (RFC 4226 section 4 recommends 160 bits)."""

NAME_LONGEST: Final = 64
"""Characters of a name that are looked at."""

Draw = Callable[[int], bytes]

Second = Callable[[Account], Awaitable[None]]
"""Another second factor than a code, shown already; it raises when it is not the account's."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Who sits at a page. `must`: what they have to do before anything else: "password", "second-factor"."""

    session: Session
    account: Account
    must: tuple[str, ...]


def duties(account: Account, proof: Proof) -> tuple[str, ...]:
    """What an account must do before it may do anything else. Pure."""
    password = ("password",) if proof.once_until_us is not None else ()
    second = ("second-factor",) if account.role in TWO_FACTORS and not proof.totp else ()
    return password + second


def address_key(address: str) -> str:
    """What counts as one address: all of an IPv6 network's are one neighbour's (RFC 4291 section 2.5.4)."""
    try:
        found = ip_address(address)
    except ValueError:
        return "?"
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(IPv6Address(int(found) >> 64 << 64))
    return str(found)


class AccountDesk:
    """The accounts of one appliance. Everything may raise DatabaseUnusable."""

    def __init__(
        self, path: Path, clock: Clock, tell: Tell = untold, passwords: Passwords | None = None,
        draw: Draw = secrets.token_bytes,
    ) -> None:  # fmt: skip
        """`draw`: so many random bytes."""
        self.store = AccountStore(path)
        self.sessions = Sessions(self.store.database, draw)
        self.passwords = passwords or Passwords()
        self.clock = clock
        self.draw = draw
        self.tell = tell
        self.changed: Callable[[], None] = lambda: None  # called when somebody's account is another: a copy is due
        self.ended: Callable[[], Awaitable[None]] = _nothing  # awaited when sessions are over: what hangs on one ends
        self._refusals: Thrift[tuple[str, tuple[tuple[str, Value], ...]], None] = Thrift()

    async def open(self) -> None:
        """Open the database. Raises DatabaseUnusable, DatabaseTooNew."""
        await self.store.database.open()

    async def close(self) -> None:
        """Close it."""
        self.refusals_due(last=True)
        self.passwords.close()
        await self.store.database.close()

    # coming in

    async def log_in(self, name: str, password: str, code: str, address: str, second: Second | None = None) -> str:
        """The token of a new session. `code`: of the telephone or of the paper, "" when there is none; `second`: what
        stands in its place.

        Raises TooManyTries, WrongAnswer, CodeNeeded, AuthorisationOver, and what `second` raises.
        """
        account, proof, keys = await self._asked(name, address)
        right = await self.passwords.right(proof.password if proof else "", password)
        now = self.clock.utc_us()
        late = proof is not None and proof.once_until_us is not None and now >= proof.once_until_us
        if account is None or proof is None or not right or late:
            raise self._wrong(account, address)
        if not may(account, Right.SELF, now):
            raise AuthorisationOver
        if proof.totp and second is not None:
            await second(account)
        elif proof.totp:
            if not code:
                raise CodeNeeded
            if not await self._second_factor(account, code):
                raise self._wrong(account, address)
        await self.sessions.right(keys)
        return await self._begin(account, address)

    async def come_back(self, name: str, sheet: str, new: str, address: str) -> str:
        """The token of a session opened by the recovery sheet, which is used up: a new password, and the second factor
        to be set again. Raises TooManyTries, WrongAnswer, PasswordRefused, AuthorisationOver.
        """
        account, _, keys = await self._asked(name, address)
        if not fit(new, name):
            raise PasswordRefused
        hashed = await self.passwords.hash(new)  # before the code is looked at: both ways take as long
        over = account is not None and not may(account, Right.SELF, self.clock.utc_us())
        right = self.store.has_code if over else self.store.use_code  # too late: none the worse for it
        if account is None or not await right(account.name, "sheet", codes.kept(sheet)):
            raise self._wrong(account, address)
        if over:
            raise AuthorisationOver
        await self.store.set_password(account.name, hashed, None, forget=True)
        await self.sessions.right(keys)
        await self.ended()
        await self.told_all("recovery-sheet-used", account.name, account.name)
        return await self._begin(account, address)

    async def seat_of(self, token: str, *, wakes: bool = True) -> Seat | None:
        """Who has this cookie; None when its session is over. `wakes`: see Sessions.use."""
        session = await self.sessions.use(token, self.clock.utc_us(), wakes=wakes)
        found = None if session is None else await self.store.find(session.account)
        if session is None or found is None:
            return None
        return Seat(session, found[0], duties(*found))

    async def log_out(self, seat: Seat) -> None:
        """This session is over."""
        await self.sessions.revoke(seat.account.name, seat.session.hash)
        self.tell("session-ended", {"account": seat.account.name})
        await self.ended()

    async def sits(self, name: str, key: bytes, right: Right) -> bool:
        """Does the session of this hash live, and may its account do this, now? Wakes nothing."""
        now, found = self.clock.utc_us(), await self.store.find(name)
        if found is None or not may(found[0], right, now):
            return False
        return any(each.hash == key for each in await self.sessions.of(name, now))

    # one's own account

    async def change_password(self, seat: Seat, old: str, new: str) -> str:
        """A new password: every session ends, the token of a new one. Raises WrongAnswer, PasswordRefused,
        TooManyTries.
        """
        name, address = seat.account.name, seat.session.address
        account, proof, keys = await self._asked(name, address)
        if proof is None or not await self.passwords.right(proof.password, old):
            raise self._wrong(account, address)
        if not fit(new, name, old):
            raise PasswordRefused
        await self.store.set_password(name, await self.passwords.hash(new), None)
        await self.sessions.right(keys)
        self.tell("password-changed", {"account": name})
        await self.ended()
        self.changed()
        return await self._begin(seat.account, address)

    async def prove(self, seat: Seat, password: str, code: str) -> None:
        """That it is still them, before a way in is added. Raises TooManyTries, WrongAnswer, NoSecondFactor."""
        name, address = seat.account.name, seat.session.address
        account, proof, keys = await self._asked(name, address)
        if account is None or proof is None or not await self.passwords.right(proof.password, password):
            raise self._wrong(account, address)
        if not proof.totp:
            await self.sessions.right(keys)
            raise NoSecondFactor
        if not await self._second_factor(account, code):
            raise self._wrong(account, address)
        await self.sessions.right(keys)

    async def propose_second_factor(self, seat: Seat) -> bytes:
        """A secret for the telephone; of no use before `confirm_second_factor`."""
        secret = self.draw(SECRET_BYTES)
        await self.store.propose_totp(seat.account.name, secret)
        return secret

    async def confirm_second_factor(self, seat: Seat, code: str) -> tuple[str, list[str]]:
        """(token of a new session, recovery codes to be shown once). Raises NoSecondFactor, WrongAnswer, TooManyTries.

        Every session that was opened without it is over.
        """
        name, address = seat.account.name, seat.session.address
        account, proof, keys = await self._asked(name, address)
        if proof is None or not proof.totp_next:
            await self.sessions.right(keys)
            raise NoSecondFactor
        step = totp.accepted(proof.totp_next, code, self.clock.utc_us(), 0)
        if step is None:
            raise self._wrong(account, address)
        drawn = [codes.drawn(codes.CODE_LENGTH, self.draw) for _ in range(codes.CODES)]
        await self.store.confirm_totp(name, step, [codes.kept(each) for each in drawn])
        await self.sessions.right(keys)
        await self.sessions.revoke(name)
        self.tell("second-factor-set", {"account": name})
        await self.ended()
        self.changed()
        return await self._begin(seat.account, address), drawn

    async def new_sheet(self, seat: Seat) -> str:
        """The code of a new recovery sheet, to be printed once; the one before opens nothing any more."""
        drawn = codes.drawn(codes.SHEET_LENGTH, self.draw)
        await self.store.replace_codes(seat.account.name, "sheet", [codes.kept(drawn)])
        self.tell("recovery-sheet-made", {"account": seat.account.name})
        self.changed()
        return drawn

    async def sessions_of(self, seat: Seat, *, everybody: bool) -> list[Session]:
        """Living sessions, the newest first: one's own, or everybody's."""
        return await self.sessions.of(None if everybody else seat.account.name, self.clock.utc_us())

    async def end_session(self, seat: Seat, key: str, *, everybody: bool) -> None:
        """End one by the first 16 hex digits of its hash. Raises NoSuchSession."""
        for session in await self.sessions_of(seat, everybody=everybody):
            if session.hash.hex()[:16] == key:
                await self.sessions.revoke(session.account, session.hash)
                self.tell("session-revoked", {"account": session.account, "by": seat.account.name})
                await self.ended()
                return
        raise NoSuchSession

    async def notices(self, seat: Seat) -> list[Notice]:
        """What this manager has not read yet."""
        return await self.store.notices(seat.account.name)

    # what is told

    def refused(self, kind: str, facts: Facts) -> None:
        """A refusal for the journal: told at once while they are few, then counted (core.thrift)."""
        self._told(self._refusals.changed((kind, tuple(facts.items())), None, self.clock.monotonic_us()))

    def refusals_due(self, *, last: bool = False) -> None:
        """Tell counted refusals that have waited long enough; `last`: all of them."""
        self._told(self._refusals.rest() if last else self._refusals.due(self.clock.monotonic_us()))

    async def told_all(self, kind: str, account: str, by: str) -> None:
        """A way back in, or a change of who is there: into the journal, and to every other manager."""
        self.tell(kind, {"account": account, "by": by})
        await self.store.notify(kind, account, by, self.clock.utc_us())
        self.changed()

    # inside

    async def _asked(self, name: str, address: str) -> tuple[Account | None, Proof | None, tuple[str, ...]]:
        known = name[:NAME_LONGEST]
        keys = {f"account:{known}": FREE_OF_ACCOUNT, f"address:{address_key(address)}": FREE}
        wait = await self.sessions.attempt(keys, self.clock.utc_us())
        if wait:
            raise TooManyTries(seconds=-(-wait // US_PER_SECOND))
        account, proof = await self.store.find(name) or (None, None)
        return account, proof, tuple(keys)

    async def _second_factor(self, account: Account, code: str) -> bool:
        now = self.clock.utc_us()
        if await self.store.step_totp(account.name, lambda secret, last: totp.accepted(secret, code, now, last)):
            return True
        paper = codes.plain(code)
        if len(paper) != codes.CODE_LENGTH or not await self.store.use_code(account.name, "code", codes.kept(paper)):
            return False
        await self.told_all("recovery-code-used", account.name, account.name)
        return True

    async def _begin(self, account: Account, address: str) -> str:
        token = await self.sessions.begin(account.name, address, self.clock.utc_us())
        self.tell("session-begun", {"account": account.name, "address": address})
        return token

    def _wrong(self, account: Account | None, address: str) -> WrongAnswer:
        """An unknown name is not written down: people type passwords there."""
        self.refused("log-in-refused", {"account": account.name if account else "?", "address": address})
        return WrongAnswer()

    def _told(self, reports: Iterable[Report[tuple[str, tuple[tuple[str, Value], ...]], None]]) -> None:
        for report in reports:
            kind, facts = report.key
            self.tell(kind, {**dict(facts), "count": report.changes})


async def _nothing() -> None:
    """Nothing hangs on a session."""
