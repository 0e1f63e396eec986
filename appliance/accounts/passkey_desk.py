"""Security keys of people: added after a fresh proof, asked for at a log-in, removed; each act is in the journal.

Challenges wait in memory, each for one answer within two minutes: a restart asks for a new one.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from appliance.accounts.desk import AccountDesk, Seat
from appliance.accounts.errors import NoSuchPasskey, PasskeyRefused
from appliance.accounts.passkey import (
    CHALLENGE_BYTES,
    Assertion,
    Creation,
    Fault,
    Party,
    Passkey,
    Pending,
    Use,
    base64url,
    made_key,
    told_count,
)
from appliance.accounts.passkey_store import Passkeys
from appliance.accounts.roles import Account

WAITING: Final = 64
"""Challenges that wait at once: each was given for a right password, the oldest gives way."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a browser is to ask its keys: to sign `challenge`, one of `keys` (a new key: none of them)."""

    challenge: bytes
    party: Party
    keys: tuple[Passkey, ...]


class PasskeyDesk:
    """The keys of one appliance. Everything may raise DatabaseUnusable."""

    def __init__(self, desk: AccountDesk) -> None:
        self.desk = desk
        self.table = Passkeys(desk.store.database)
        self._waiting: dict[bytes, Pending] = {}

    async def of(self, seat: Seat) -> list[Passkey]:
        """One's own, the oldest first."""
        return await self.table.of(seat.account.name)

    async def ask_new(self, seat: Seat, password: str, code: str, party: Party) -> Asked:
        """A challenge for a new key, after a fresh proof that it is them.

        Raises TooManyTries, WrongAnswer, NoSecondFactor.
        """
        await self.desk.prove(seat, password, code)
        return self._asked(seat.account.name, Use.ADD, party, tuple(await self.of(seat)))

    async def add(self, seat: Seat, name: str, challenge: bytes, answer: Creation, party: Party) -> None:
        """The new key is theirs. Raises PasskeyRefused, PasskeyKnown, PasskeyTooMany."""
        account, address = seat.account.name, seat.session.address
        if not self._taken(challenge, account, Use.ADD, party):
            raise self._refused(account, address, Fault.CHALLENGE)
        made = await asyncio.to_thread(made_key, party, challenge, answer)
        if isinstance(made, Fault):
            raise self._refused(account, address, made)
        credential, data, count = made
        await self.table.add(Passkey(credential, account, name, party.id, data, count, self.desk.clock.utc_us()))
        self.desk.tell("passkey-added", {"account": account, "key": name})
        self.desk.changed()

    async def remove(self, seat: Seat, key: str) -> None:
        """One's own key opens nothing any more. Raises NoSuchPasskey."""
        for each in await self.of(seat):
            if each.key == key and await self.table.remove(each):
                self.desk.tell("passkey-removed", {"account": seat.account.name, "key": each.name})
                self.desk.changed()
                return
        raise NoSuchPasskey

    async def ask(self, account: str, party: Party) -> Asked | None:
        """A challenge for a log-in whose password is right; None when no key of theirs answers at this name."""
        keys = tuple(each for each in await self.table.of(account) if each.party == party.id)
        return self._asked(account, Use.LOG_IN, party, keys) if keys else None

    async def check(
        self, account: Account, address: str, challenge: bytes, answer: Assertion, party: Party | None
    ) -> None:
        """The second factor of a log-in. Raises PasskeyRefused."""
        name = account.name
        if party is None or not self._taken(challenge, name, Use.LOG_IN, party):
            raise self._refused(name, address, Fault.CHALLENGE)
        keys = [each for each in await self.table.of(name) if each.party == party.id]
        key = next((each for each in keys if base64url(each.credential) == answer.id), None)
        if key is None:
            raise self._refused(name, address, Fault.UNKNOWN)
        count = await asyncio.to_thread(told_count, party, challenge, key, answer)
        if not isinstance(count, Fault) and not await self.table.used(key, count, self.desk.clock.utc_us()):
            count = Fault.COUNTER
        if count is Fault.COUNTER:
            await self.desk.told_all("passkey-copied", name, name)
        if isinstance(count, Fault):
            raise self._refused(name, address, count)
        self.desk.tell("passkey-used", {"account": name, "key": key.name, "address": address})

    def _asked(self, account: str, use: Use, party: Party, keys: tuple[Passkey, ...]) -> Asked:
        challenge = self.desk.draw(CHALLENGE_BYTES)
        while len(self._waiting) >= WAITING:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[challenge] = Pending(account, use, party, self.desk.clock.monotonic_us())
        return Asked(challenge, party, keys)

    def _taken(self, challenge: bytes, account: str, use: Use, party: Party) -> bool:
        """Was it given for this? It is used up, whatever the answer."""
        pending = self._waiting.pop(challenge, None)
        return pending is not None and pending.answers(account, use, party, self.desk.clock.monotonic_us())

    def _refused(self, account: str, address: str, fault: Fault) -> PasskeyRefused:
        self.desk.refused("passkey-refused", {"account": account, "address": address, "reason": fault.value})
        return PasskeyRefused()
