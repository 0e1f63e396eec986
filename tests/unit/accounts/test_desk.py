"""Log-ins, the second factor, the ways back in, and what managers may do: with real tables and a simulated clock."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from appliance.accounts import codes, manage, totp
from appliance.accounts.desk import AccountDesk, Seat, address_key
from appliance.accounts.errors import (
    AccountRefused,
    AuthorisationOver,
    CodeNeeded,
    LastManager,
    NameTaken,
    NoSecondFactor,
    NoSuchAccount,
    NoSuchSession,
    PasswordRefused,
    TooManyTries,
    WrongAnswer,
)
from appliance.accounts.manage import DAY_US, Wanted
from appliance.accounts.password import Cost, Passwords, fit
from appliance.accounts.roles import Grant, Role
from appliance.core.chain import Facts
from appliance.core.clock import SimulatedClock

CHEAP: Final = Cost(1, 8, 1)
"""A hash of the least cost: these tests are about what is decided, not about what it costs."""

FIRST, OWN = "provisoire-2026", "un mot de passe à moi"
HOME = "10.0.0.4"


@dataclass(slots=True)
class Office:
    """A desk with its journal."""

    desk: AccountDesk
    clock: SimulatedClock
    told: list[tuple[str, Facts]] = field(default_factory=list)

    async def seat(self, token: str) -> Seat:
        found = await self.desk.seat_of(token)
        assert found is not None
        return found

    async def enter(self, name: str, once: str, own: str = OWN) -> tuple[bytes, list[str], str]:
        """A first log-in to its end: (secret of the telephone, recovery codes, token)."""
        seat = await self.seat(await self.desk.log_in(name, once, "", HOME))
        assert "password" in seat.must
        seat = await self.seat(await self.desk.change_password(seat, once, own))
        secret = await self.desk.propose_second_factor(seat)
        code = totp.hotp(secret, totp.step_of(self.clock.utc_us()))
        token, drawn = await self.desk.confirm_second_factor(seat, code)
        assert (await self.seat(token)).must == ()
        return secret, drawn, token

    def code(self, secret: bytes) -> str:
        return totp.hotp(secret, totp.step_of(self.clock.utc_us()))


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    clock = SimulatedClock()
    told: list[tuple[str, Facts]] = []

    def tell(kind: str, facts: Facts) -> bool:
        told.append((kind, facts))
        return True

    desk = AccountDesk(tmp_path / "accounts.db", clock, tell, Passwords(CHEAP))
    await desk.open()
    assert await manage.adopt(desk, "durand", "Mme Durand", "principale", FIRST)
    yield Office(desk, clock, told)
    await desk.close()


def manager(name: str, now_us: int) -> Wanted:
    return Wanted(name, name.title(), "gestionnaire", Role.MANAGER, now_us, now_us + 30 * DAY_US)


async def second(office: Office, name: str = "petit") -> str:
    return await manage.make(office.desk, "durand", manager(name, office.clock.utc_us()))


async def test_the_first_account_is_adopted_once_and_sets_itself_up(office: Office) -> None:
    assert not await manage.adopt(office.desk, "other", "X", "Y", FIRST)
    secret, drawn, _ = await office.enter("durand", FIRST)
    assert len(set(drawn)) == codes.CODES
    office.clock.advance(60)
    assert await office.desk.log_in("durand", OWN, office.code(secret), HOME)
    with pytest.raises(WrongAnswer):
        await office.desk.log_in("durand", FIRST, office.code(secret), HOME)


async def test_a_right_password_without_its_code_opens_nothing(office: Office) -> None:
    secret, drawn, _ = await office.enter("durand", FIRST)
    with pytest.raises(CodeNeeded):
        await office.desk.log_in("durand", OWN, "", HOME)
    with pytest.raises(WrongAnswer):
        await office.desk.log_in("durand", OWN, office.code(secret), HOME)  # used at the set-up
    assert await office.desk.log_in("durand", OWN, drawn[3].lower().replace("-", " "), HOME)
    with pytest.raises(WrongAnswer):
        await office.desk.log_in("durand", OWN, drawn[3], HOME)
    assert [kind for kind, _ in office.told].count("recovery-code-used") == 1


async def test_the_answers_do_not_tell_an_unknown_name_from_a_wrong_password(office: Office) -> None:
    for name in ("durand", "nobody", "", "x" * 300):
        with pytest.raises(WrongAnswer):
            await office.desk.log_in(name, "wrong", "", f"10.0.1.{len(name) % 250}")
    named = [facts["account"] for kind, facts in office.told if kind == "log-in-refused"]
    assert named == ["durand", "?", "?", "?"]  # a name that nobody has may be somebody's password


async def test_guesses_wait_and_another_address_does_not(office: Office) -> None:
    for _ in range(5):
        with pytest.raises(WrongAnswer):
            await office.desk.log_in("durand", "wrong", "", HOME)
    with pytest.raises(TooManyTries) as refused:
        await office.desk.log_in("durand", FIRST, "", HOME)
    assert refused.value.facts["seconds"] == 1
    assert await office.desk.log_in("durand", FIRST, "", "10.0.0.99")
    office.clock.advance(1)
    assert await office.desk.log_in("durand", FIRST, "", HOME)


async def test_an_authorisation_that_is_over_or_withdrawn_opens_nothing(office: Office) -> None:
    once = await second(office)
    await office.enter("durand", FIRST)
    _, drawn, token = await office.enter("petit", once)
    await manage.revoke(office.desk, "durand", "petit")
    assert await office.desk.seat_of(token) is None
    with pytest.raises((AuthorisationOver, WrongAnswer)):
        await office.desk.log_in("petit", OWN, drawn[0], HOME)
    with pytest.raises(NoSuchAccount):
        await manage.revoke(office.desk, "durand", "petit")
    await manage.authorise(office.desk, "durand", "petit", office.clock.utc_us() + DAY_US)
    with pytest.raises(AccountRefused):
        await manage.authorise(office.desk, "petit", "petit", office.clock.utc_us() + DAY_US)
    once = await manage.reset(office.desk, "durand", "petit")
    assert await office.desk.log_in("petit", once, "", HOME)
    office.clock.advance(86_400)
    with pytest.raises(AuthorisationOver):
        await office.desk.log_in("petit", once, "", HOME)


async def test_the_last_manager_stays(office: Office) -> None:
    with pytest.raises(LastManager):
        await manage.revoke(office.desk, "durand", "durand")
    await second(office)
    await manage.revoke(office.desk, "petit", "durand")
    with pytest.raises(LastManager):
        await manage.revoke(office.desk, "durand", "petit")


async def test_a_drawn_password_works_for_three_days(office: Office) -> None:
    once = await second(office)
    office.clock.advance(3 * 86_400)
    with pytest.raises(WrongAnswer):
        await office.desk.log_in("petit", once, "", HOME)


async def test_a_sheet_that_comes_too_late_is_kept_for_when_the_authorisation_goes_on(office: Office) -> None:
    once = await second(office)
    await office.enter("durand", FIRST)
    _, _, token = await office.enter("petit", once)
    sheet = await office.desk.new_sheet(await office.seat(token))
    await manage.authorise(office.desk, "durand", "petit", office.clock.utc_us() + DAY_US)
    office.clock.advance(86_400)
    with pytest.raises(WrongAnswer):
        await office.desk.come_back("petit", "no such sheet", "another password", HOME)
    with pytest.raises(AuthorisationOver):
        await office.desk.come_back("petit", sheet, "another password", HOME)
    await manage.authorise(office.desk, "durand", "petit", office.clock.utc_us() + DAY_US)
    assert await office.desk.come_back("petit", sheet, "another password", HOME)


async def test_the_recovery_sheet_opens_once_and_everything_else_is_set_again(office: Office) -> None:
    await second(office)
    _, drawn, token = await office.enter("durand", FIRST)
    sheet = await office.desk.new_sheet(await office.seat(token))
    newer = await office.desk.new_sheet(await office.seat(token))
    for wrong in (sheet, drawn[0], ""):
        with pytest.raises(WrongAnswer):
            await office.desk.come_back("durand", wrong, "another password", HOME)
    with pytest.raises(PasswordRefused):
        await office.desk.come_back("durand", newer, "short", HOME)
    back = await office.seat(await office.desk.come_back("durand", newer, "another password", HOME))
    assert back.must == ("second-factor",)
    assert await office.desk.seat_of(token) is None
    with pytest.raises(WrongAnswer):
        await office.desk.come_back("durand", newer, "another password", "10.0.0.5")
    petit = await office.seat(await office.desk.sessions.begin("petit", HOME, office.clock.utc_us()))
    assert [(each.kind, each.account) for each in await office.desk.notices(petit)] == [
        ("recovery-sheet-used", "durand")
    ]
    assert await office.desk.notices(back) == []
    await office.desk.store.read("petit", 10**6)
    assert await office.desk.notices(petit) == []


async def test_a_second_factor_is_confirmed_before_it_counts(office: Office) -> None:
    seat = await office.seat(await office.desk.log_in("durand", FIRST, "", HOME))
    with pytest.raises(NoSecondFactor):
        await office.desk.confirm_second_factor(seat, "123456")
    secret = await office.desk.propose_second_factor(seat)
    with pytest.raises(WrongAnswer):
        await office.desk.confirm_second_factor(seat, totp.hotp(b"x" * 20, 1))
    assert (await office.seat(await office.desk.log_in("durand", FIRST, "", HOME))).must == (
        "password",
        "second-factor",
    )
    assert secret not in str(await office.desk.store.find("durand")).encode()


async def test_a_new_password_ends_every_session_and_is_a_new_one(office: Office) -> None:
    tokens = [await office.desk.log_in("durand", FIRST, "", HOME) for _ in range(2)]
    seat = await office.seat(tokens[0])
    for new in (FIRST, "durand", "short"):
        with pytest.raises(PasswordRefused):
            await office.desk.change_password(seat, FIRST, new)
    with pytest.raises(WrongAnswer):
        await office.desk.change_password(seat, "wrong", OWN)
    fresh = await office.desk.change_password(seat, FIRST, OWN)
    assert [await office.desk.seat_of(each) is None for each in (*tokens, fresh)] == [True, True, False]


async def test_a_viewers_access_is_given_for_hours_and_dies_by_itself(office: Office) -> None:
    now = office.clock.utc_us()
    grant = Grant(frozenset({"hall"}), now - DAY_US, now, now, now + DAY_US // 6)
    wanted = Wanted("adj.moreau", "Adj. Moreau", "gendarmerie", Role.VIEWER, now, now + DAY_US, grant)
    with pytest.raises(AccountRefused):
        await manage.make(office.desk, "durand", Wanted("x1", "X", "y", Role.MANAGER, now, now + DAY_US, grant))
    with pytest.raises(AccountRefused):
        await manage.make(office.desk, "durand", Wanted("x1", "X", "y", Role.MANAGER, now, now + 2000 * DAY_US))
    once = await manage.make(office.desk, "durand", wanted)
    with pytest.raises(NameTaken):
        await manage.make(office.desk, "durand", wanted)
    seat = await office.seat(await office.desk.log_in("adj.moreau", once, "", HOME))
    assert (seat.account.grant, seat.must) == (grant, ("password",))
    office.clock.advance(4 * 3600)
    with pytest.raises(AuthorisationOver):
        await office.desk.log_in("adj.moreau", once, "", HOME)
    later = Grant(grant.cameras, grant.from_us, grant.to_us, now + DAY_US // 6, now + DAY_US)
    with pytest.raises(AccountRefused):
        await manage.grant(office.desk, "durand", "adj.moreau", Grant(frozenset(), 0, 1, 0, 1))
    await manage.grant(office.desk, "durand", "adj.moreau", later)
    assert await office.desk.log_in("adj.moreau", once, "", HOME)
    with pytest.raises(NoSuchAccount):
        await manage.grant(office.desk, "durand", "durand", later)


async def test_sessions_are_listed_and_ended(office: Office) -> None:
    await second(office)
    mine = await office.seat(await office.desk.log_in("durand", FIRST, "", HOME))
    theirs = await office.desk.sessions.begin("petit", HOME, office.clock.utc_us())
    key = (await office.seat(theirs)).session.hash.hex()[:16]
    with pytest.raises(NoSuchSession):
        await office.desk.end_session(mine, key, everybody=False)
    assert len(await office.desk.sessions_of(mine, everybody=True)) == 2
    await office.desk.end_session(mine, key, everybody=True)
    assert await office.desk.seat_of(theirs) is None
    await office.desk.log_out(mine)
    assert await office.desk.sessions_of(mine, everybody=True) == []


async def test_nothing_typed_is_told_or_kept(office: Office) -> None:
    secret, drawn, token = await office.enter("durand", FIRST)
    sheet = await office.desk.new_sheet(await office.seat(token))
    kept = await office.desk.store.database.copy()
    told = str(office.told)
    for text in (FIRST, OWN, token, sheet, codes.plain(sheet), *drawn):
        assert text.encode() not in kept
        assert text not in told
    assert secret.hex() not in told


def test_one_neighbour_is_one_address() -> None:
    assert address_key("2001:db8:1:2::5") == address_key("2001:db8:1:2:ffff::1") == "2001:db8:1:2::"
    assert address_key("::ffff:10.0.0.4") == address_key("10.0.0.4") == "10.0.0.4"
    assert address_key("") == address_key("unix") == "?"


def test_a_password_is_long_and_spelt_one_way() -> None:
    assert fit("é" * 12, "durand")
    assert not fit("e\u0301" * 11 + "e", "durand", "é" * 11 + "e")
    assert not fit("x" * 129, "durand")
    assert not fit("Durand-durand-", "durand-durand-")


async def test_the_cost_is_the_one_that_was_chosen() -> None:
    passwords = Passwords()
    kept = await passwords.hash("mot de passe")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await passwords.right(kept, "mot de passe")
    assert not await passwords.right(kept, "mot de passe ")
    assert not await passwords.right("", "nobody")
    assert not await passwords.right("no hash", "x")
    passwords.close()
