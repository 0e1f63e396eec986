"""What managers do with others' accounts, and the first account. Each act is in the journal and told to the others."""

from dataclasses import dataclass
from typing import Final

from appliance.accounts import codes
from appliance.accounts.desk import AccountDesk
from appliance.accounts.errors import AccountRefused, NoSuchAccount
from appliance.accounts.roles import Account, Grant, Role
from appliance.accounts.store import Proof
from appliance.core.chain import Facts
from appliance.core.units import US_PER_SECOND

DAY_US: Final = 86_400 * US_PER_SECOND

ONCE_US: Final = 3 * DAY_US
"""us a drawn password works: it is told by voice or on paper, and changed at the first log-in."""

LONGEST_US: Final = 1827 * DAY_US
"""us of an authorisation: five years, as the prefect's own (CSI L.252-4)."""

FIRST_US: Final = 365 * DAY_US
"""us that the first manager is authorised for, by the office's file; another manager prolongs it."""

FOR_EVER_US: Final = 4_102_444_800 * US_PER_SECOND
"""Year 2100: a box may lie in a cupboard for months before its first log-in."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A new account as a manager asks for it. `grant`: for a viewer, and nobody else."""

    name: str
    person: str
    function: str
    role: Role
    from_us: int
    until_us: int
    grant: Grant | None = None


def _refuse(what_fr: str, what_en: str) -> AccountRefused:
    return AccountRefused(what_fr=what_fr, what_en=what_en)


def check(wanted: Wanted, now_us: int) -> None:
    """Raise AccountRefused unless this account may be. Pure."""
    if not wanted.from_us < wanted.until_us or wanted.until_us <= now_us:
        raise _refuse(
            "la fin doit suivre le début et n'être pas passée", "the end must follow the beginning, and not be past"
        )
    if wanted.until_us - wanted.from_us > LONGEST_US:
        raise _refuse("cinq ans au plus", "five years at the most")
    if (wanted.grant is not None) != (wanted.role is Role.VIEWER):
        raise _refuse(
            "les caméras se donnent à un lecteur, et à lui seul", "cameras are given to a viewer, and to no other"
        )
    if wanted.grant is not None:
        check_grant(wanted.grant)


def check_grant(grant: Grant) -> None:
    """Raise AccountRefused unless this grant may be given. Pure."""
    if not grant.sound:
        raise _refuse(
            "il faut des caméras, un intervalle, et une durée de 72 heures au plus",
            "cameras are needed, an interval, and 72 hours at the most",
        )


async def make(desk: AccountDesk, by: str, wanted: Wanted) -> str:
    """Open an account; the password for its first log-in. Raises AccountRefused, NameTaken."""
    now = desk.clock.utc_us()
    check(wanted, now)
    account = Account(
        wanted.name, wanted.function, wanted.role, wanted.from_us, wanted.until_us, False, wanted.grant, wanted.person
    )
    drawn = codes.drawn(codes.PASSWORD_LENGTH, desk.draw)
    await desk.store.add(account, Proof(await desk.passwords.hash(drawn), now + ONCE_US), now, by)
    facts = {"role": account.role.value, "function": account.function, "until_us": account.until_us}
    desk.tell("account-opened", {"account": account.name, "person": account.person, **facts, "by": by})
    if account.grant is not None:
        _tell_grant(desk, account.name, account.grant, by)
    await desk.store.notify("account-opened", account.name, by, now)
    desk.changed()
    return drawn


async def grant(desk: AccountDesk, by: str, name: str, given: Grant) -> None:
    """What a viewer may see from now on. Raises AccountRefused, NoSuchAccount."""
    check_grant(given)
    await desk.store.grant(name, given)
    _tell_grant(desk, name, given, by)
    await desk.store.notify("access-granted", name, by, desk.clock.utc_us())
    desk.changed()


async def authorise(desk: AccountDesk, by: str, name: str, until_us: int) -> None:
    """Prolong an authorisation, or give it back; nobody does so for themselves. Raises AccountRefused,
    NoSuchAccount.
    """
    now = desk.clock.utc_us()
    if by == name:
        raise _refuse(
            "votre autorisation vient d'un autre responsable", "your authorisation comes from another manager"
        )
    if not now < until_us <= now + LONGEST_US:
        raise _refuse("la fin doit venir dans les cinq ans", "the end must come within five years")
    await desk.store.prolong(name, now, until_us)
    desk.tell("account-authorised", {"account": name, "until_us": until_us, "by": by})
    await desk.store.notify("account-authorised", name, by, now)
    desk.changed()


async def revoke(desk: AccountDesk, by: str, name: str) -> None:
    """Withdraw an authorisation; its sessions end now. Raises NoSuchAccount, LastManager."""
    await desk.store.revoke(name, desk.clock.utc_us())
    await desk.told_all("account-revoked", name, by)
    await desk.ended()


async def reset(desk: AccountDesk, by: str, name: str) -> str:
    """A password for one log-in, for whoever has lost theirs; second factor and papers go too. Raises NoSuchAccount,
    AccountRefused for one's own.
    """
    if by == name:
        raise _refuse("changez votre mot de passe par votre propre page", "change your password on your own page")
    return await _once(desk, "password-reset", by, name)


async def recover(desk: AccountDesk, name: str) -> str:
    """The same by the centre's word at the console; the authorisation of a manager is given back for a while."""
    found = await desk.store.find(name)
    if found is None:
        raise NoSuchAccount(name=name)
    now = desk.clock.utc_us()
    if found[0].role is Role.MANAGER:
        await desk.store.prolong(name, now, max(found[0].until_us, now + ONCE_US))
    return await _once(desk, "account-recovered", "console", name)


async def adopt(desk: AccountDesk, name: str, person: str, function: str, password: str) -> bool:
    """The first account, of the office's file: a manager, who sets a password of their own at the first log-in.

    False when there is an account already: the file is of no use any more.
    """
    if await desk.store.all():
        return False
    now = desk.clock.utc_us()
    account = Account(name, function, Role.MANAGER, now, now + FIRST_US, person=person)
    await desk.store.add(account, Proof(await desk.passwords.hash(password), FOR_EVER_US), now, "provision")
    facts = {"role": account.role.value, "function": function, "until_us": account.until_us}
    desk.tell("account-opened", {"account": name, "person": person, **facts, "by": "provision"})
    desk.changed()
    return True


async def _once(desk: AccountDesk, kind: str, by: str, name: str) -> str:
    drawn = codes.drawn(codes.PASSWORD_LENGTH, desk.draw)
    hashed = await desk.passwords.hash(drawn)
    await desk.store.set_password(name, hashed, desk.clock.utc_us() + ONCE_US, forget=True)
    await desk.told_all(kind, name, by)
    await desk.ended()
    return drawn


def _tell_grant(desk: AccountDesk, name: str, given: Grant, by: str) -> None:
    facts: Facts = {"cameras": ", ".join(sorted(given.cameras)), "from_us": given.from_us, "to_us": given.to_us}
    desk.tell("access-granted", {"account": name, **facts, "until_us": given.until_us, "by": by})
