"""Security keys: the policy, the ceremony against forged and broken answers, and the desk with real tables."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.accounts import manage
from appliance.accounts.desk import AccountDesk, Seat
from appliance.accounts.errors import (
    NoSecondFactor,
    NoSuchPasskey,
    PasskeyKnown,
    PasskeyRefused,
    PasskeyTooMany,
    WrongAnswer,
)
from appliance.accounts.passkey import (
    KEYS,
    LASTS_US,
    Assertion,
    Creation,
    Fault,
    Party,
    Passkey,
    base64url,
    counts_on,
    is_name,
    made_key,
    party_of,
    told_count,
    user_handle,
)
from appliance.accounts.passkey_desk import WAITING, PasskeyDesk
from appliance.accounts.roles import Role
from appliance.accounts.sessions import Sessions
from appliance.accounts.store import STEPS
from appliance.core.chain import Facts
from appliance.core.clock import SimulatedClock
from appliance.core.database import Database
from tests.peers.authenticator import PRESENT, VERIFIED, Authenticator
from tests.peers.sign_in import HOME, PASSWORD, PEOPLE, code_of, make_staff, token_of

NAME: Final = "nvr-0780123.videos.example.fr"
PARTY: Final = Party(NAME, f"https://{NAME}")
CHALLENGE: Final = bytes(range(32))
SECOND: Final = 1_000_000


def registered(device: Authenticator) -> Passkey:
    made = made_key(PARTY, CHALLENGE, device.create(CHALLENGE, PARTY))
    assert not isinstance(made, Fault)
    credential, data, count = made
    return Passkey(credential, "durand", "trousseau", NAME, data, count, 0)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (NAME, f"https://{NAME}"),
        (f"{NAME.upper()}:443", f"https://{NAME}"),
        (f"{NAME}:8443", f"https://{NAME}:8443"),
        ("10.0.3.15", None),
        ("[::1]:443", None),
        ("other.example.fr", None),
        (f"x.{NAME}", None),
        (f"{NAME}.", None),
        (f"{NAME}:x", None),
        (f"{NAME}:", None),
        ("", None),
    ],
)
def test_keys_are_bound_to_a_name_of_the_certificate_and_to_nothing_else(host: str, origin: str | None) -> None:
    found = party_of(host, {NAME, "10.0.3.15", "::1"})
    assert (found.origin if found else None) == origin
    assert party_of(host, ()) is None


@given(st.text(max_size=80))
def test_no_header_makes_a_party_of_another_name(host: str) -> None:
    found = party_of(host, {NAME})
    assert found is None or (found.id == NAME and found.origin.startswith(PARTY.origin))


def test_an_address_is_no_name() -> None:
    assert [
        each for each in ("127.0.0.1", "[::1]", "fe80::1", "a..b", "*.fr", "A.fr", "1", "é.fr", "") if is_name(each)
    ] == []
    assert is_name("temoin-0123456789ab")


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_a_counter_goes_up_or_was_never_there(before: int, told: int) -> None:
    assert counts_on(before, told) == (told > before or (before, told) == (0, 0))


def test_a_new_key_and_its_log_ins() -> None:
    device = Authenticator()
    key = registered(device)
    assert (key.credential, key.count) == (device.credential, 0)
    for expected in (1, 2):
        assert told_count(PARTY, CHALLENGE, replace(key, count=expected - 1), device.get(CHALLENGE, PARTY)) == expected
    silent = Authenticator(count=None)
    assert told_count(PARTY, CHALLENGE, registered(silent), silent.get(CHALLENGE, PARTY)) == 0
    assert len(user_handle("durand")) == 32
    assert b"durand" not in user_handle("durand")


FORGED: Final[list[dict[str, Any]]] = [
    {"origin": "https://evil.example.fr"},
    {"origin": f"https://evil.{NAME}"},
    {"origin": f"https://{NAME}:8443"},
    {"origin": f"http://{NAME}"},
    {"rp": "evil.example.fr"},
    {"challenge": base64url(bytes(32))},
    {"crossOrigin": True},
    {"type": "payment.get"},
]


@pytest.mark.parametrize("forged", FORGED, ids=str)
def test_an_answer_for_another_page_name_or_challenge_is_refused(forged: dict[str, Any]) -> None:
    device = Authenticator()
    key = registered(device)
    assert made_key(PARTY, CHALLENGE, device.create(CHALLENGE, PARTY, **forged)) is Fault.ANSWER
    assert told_count(PARTY, CHALLENGE, key, device.get(CHALLENGE, PARTY, **forged)) is Fault.ANSWER
    assert told_count(PARTY, CHALLENGE, key, device.get(CHALLENGE, PARTY)) == 2


def test_nobody_touched_it_another_signed_it_it_signs_otherwise_or_there_are_two() -> None:
    device = Authenticator()
    key = registered(device)
    device.flags = VERIFIED
    assert told_count(PARTY, CHALLENGE, key, device.get(CHALLENGE, PARTY)) is Fault.ANSWER
    device.flags = PRESENT  # its owner was not asked for a code: the password stands beside it
    assert told_count(PARTY, CHALLENGE, key, device.get(CHALLENGE, PARTY)) == 2
    other = Authenticator(credential=device.credential)
    assert told_count(PARTY, CHALLENGE, key, other.get(CHALLENGE, PARTY)) is Fault.ANSWER
    assert told_count(PARTY, CHALLENGE, replace(key, count=9), device.get(CHALLENGE, PARTY)) is Fault.COUNTER
    assert made_key(PARTY, CHALLENGE, Authenticator(algorithm=-47).create(CHALLENGE, PARTY)) is Fault.KIND


DEVICE: Final = Authenticator(count=None)
KEY: Final = registered(DEVICE)
NEW: Final = DEVICE.create(CHALLENGE, PARTY)
KNOWN: Final = DEVICE.get(CHALLENGE, PARTY)


def altered(text: str, at: int, value: int, cut: int) -> str:
    raw = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raw[at % len(raw)] ^= value
    return base64url(bytes(raw[: max(1, len(raw) - cut)])) if cut else base64url(bytes(raw))


BYTES = (st.integers(0, 4095), st.integers(1, 255), st.sampled_from([0, 0, 0, 1, 7]))


@given(st.sampled_from(["client_data", "authenticator_data", "signature"]), *BYTES)
def test_an_altered_byte_of_a_log_in_is_a_named_fault(part: str, at: int, value: int, cut: int) -> None:
    answer = replace(KNOWN, **{part: altered(getattr(KNOWN, part), at, value, cut)})
    assert isinstance(told_count(PARTY, CHALLENGE, KEY, answer), Fault)


@given(st.sampled_from(["client_data", "attestation", "id"]), *BYTES)
def test_an_altered_byte_of_a_new_key_makes_a_fault_or_another_key(part: str, at: int, value: int, cut: int) -> None:
    made = made_key(PARTY, CHALLENGE, replace(NEW, **{part: altered(getattr(NEW, part), at, value, cut)}))
    if isinstance(made, Fault):
        return
    key = replace(KEY, credential=made[0], data=made[1], count=made[2])  # nothing signs a new key without attestation
    if made[1] != KEY.data:
        assert isinstance(told_count(PARTY, CHALLENGE, key, KNOWN), Fault)


@pytest.mark.full
@given(st.binary(min_size=1, max_size=300), st.binary(min_size=1, max_size=300))
def test_any_bytes_end_in_a_named_fault(first: bytes, second: bytes) -> None:
    one, two = base64url(first), base64url(second)
    assert made_key(PARTY, CHALLENGE, Creation(NEW.id, NEW.client_data, two)) is Fault.ANSWER
    assert made_key(PARTY, CHALLENGE, Creation(one, two, NEW.attestation)) is Fault.ANSWER
    assert told_count(PARTY, CHALLENGE, KEY, Assertion(KNOWN.id, one, two, one)) is Fault.ANSWER


@pytest.mark.parametrize("byte", [0x81, 0xA1, 0x9B, 0xBB])
def test_a_deep_or_endless_answer_is_a_fault(byte: int) -> None:
    assert made_key(PARTY, CHALLENGE, replace(NEW, attestation=base64url(bytes([byte]) * 6000))) is Fault.ANSWER


@dataclass(slots=True)
class Room:
    """The desk of keys over real tables."""

    desk: AccountDesk
    keys: PasskeyDesk
    clock: SimulatedClock
    told: list[tuple[str, Facts]]

    async def seat(self, who: Role = Role.MANAGER) -> Seat:
        found = await self.desk.seat_of(await token_of(self.desk, who))
        assert found is not None
        return found

    async def add(self, device: Authenticator, who: Role = Role.MANAGER, name: str = "trousseau") -> None:
        seat = await self.seat(who)
        self.clock.advance(60)  # each code of the telephone is for one use
        asked = await self.keys.ask_new(seat, PASSWORD, code_of(self.desk), PARTY)
        await self.keys.add(seat, name, asked.challenge, device.create(asked.challenge, PARTY), PARTY)

    async def enter(self, device: Authenticator, party: Party = PARTY, /, **forged: object) -> str:
        asked = await self.keys.ask("durand", PARTY)
        assert asked is not None
        return await self.answer(asked.challenge, device.get(asked.challenge, party, **forged), party)

    async def answer(self, challenge: bytes, answer: Assertion, party: Party = PARTY, who: str = "durand") -> str:
        async def second(account: Any) -> None:
            await self.keys.check(account, HOME, challenge, answer, party)

        return await self.desk.log_in(who, PASSWORD, "", HOME, second)

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.told if kind.startswith("passkey")]

    def reasons(self) -> list[object]:
        return [facts["reason"] for kind, facts in self.told if kind == "passkey-refused"]


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    told: list[tuple[str, Facts]] = []

    def tell(kind: str, facts: Facts) -> bool:
        told.append((kind, facts))
        return True

    clock = SimulatedClock()
    desk = await make_staff(tmp_path, clock, tell)
    yield Room(desk, PasskeyDesk(desk), clock, told)
    await desk.close()


async def test_a_key_stands_in_the_codes_place_until_it_is_removed(room: Room) -> None:
    device = Authenticator()
    await room.add(device)
    assert await room.enter(device)
    seat = await room.seat()
    (key,) = await room.keys.of(seat)
    assert (key.name, key.count, key.used_us) == ("trousseau", 1, room.clock.utc_us())
    await room.keys.remove(seat, key.key)
    with pytest.raises(NoSuchPasskey):
        await room.keys.remove(seat, key.key)
    assert await room.keys.ask("durand", PARTY) is None
    assert room.kinds() == ["passkey-added", "passkey-used", "passkey-removed"]


async def test_a_key_without_the_password_opens_nothing(room: Room) -> None:
    device = Authenticator()
    await room.add(device)
    asked = await room.keys.ask("durand", PARTY)
    assert asked is not None
    called = []

    async def second(account: Any) -> None:
        called.append(account)

    with pytest.raises(WrongAnswer):
        await room.desk.log_in("durand", "pas le bon du tout", "", HOME, second)
    assert called == []


async def test_a_new_key_asks_for_password_and_second_factor(room: Room) -> None:
    seat = await room.seat()
    for password, code in ((PASSWORD, "000000"), ("pas le bon du tout", code_of(room.desk)), (PASSWORD, "")):
        with pytest.raises(WrongAnswer):
            await room.keys.ask_new(seat, password, code, PARTY)
    with pytest.raises(NoSecondFactor):  # a viewer, who has none
        await room.keys.ask_new(await room.seat(Role.VIEWER), PASSWORD, "", PARTY)


async def test_a_challenge_is_for_one_answer_one_person_one_use_and_two_minutes(room: Room) -> None:
    device, theirs = Authenticator(), Authenticator()
    await room.add(device)
    await room.add(theirs, Role.TECHNICIAN)
    asked = await room.keys.ask("durand", PARTY)
    assert asked is not None
    answer = device.get(asked.challenge, PARTY)
    assert await room.answer(asked.challenge, answer)
    with pytest.raises(PasskeyRefused):
        await room.answer(asked.challenge, answer)  # heard on the way and sent again
    asked = await room.keys.ask("durand", PARTY)
    assert asked is not None
    with pytest.raises(PasskeyRefused):
        await room.answer(asked.challenge, theirs.get(asked.challenge, PARTY), who=PEOPLE[Role.TECHNICIAN][0])
    asked = await room.keys.ask("durand", PARTY)
    assert asked is not None
    seat = await room.seat()
    with pytest.raises(PasskeyRefused):
        await room.keys.add(seat, "x", asked.challenge, Authenticator().create(asked.challenge, PARTY), PARTY)
    asked = await room.keys.ask("durand", PARTY)
    assert asked is not None
    room.clock.advance(LASTS_US / SECOND)
    with pytest.raises(PasskeyRefused):
        await room.answer(asked.challenge, device.get(asked.challenge, PARTY))
    assert room.reasons() == [Fault.CHALLENGE] * 4


async def test_challenges_that_nobody_answers_give_way(room: Room) -> None:
    await room.add(Authenticator())
    for _ in range(3 * WAITING):
        assert await room.keys.ask("durand", PARTY) is not None
    assert len(room.keys._waiting) == WAITING


async def test_forged_answers_are_refused_and_entered(room: Room) -> None:
    device, other = Authenticator(), Authenticator()
    await room.add(device)
    elsewhere = Party("evil.example.fr", "https://evil.example.fr")
    with pytest.raises(PasskeyRefused):
        await room.enter(device, origin=elsewhere.origin)
    with pytest.raises(PasskeyRefused):
        await room.enter(device, rp=elsewhere.id)
    with pytest.raises(PasskeyRefused):
        await room.enter(device, elsewhere)
    with pytest.raises(PasskeyRefused):
        await room.enter(other)
    assert room.reasons() == [Fault.ANSWER, Fault.ANSWER, Fault.CHALLENGE, Fault.UNKNOWN]
    assert await room.enter(device)


async def test_two_of_one_key_are_refused_and_the_other_managers_are_told(room: Room) -> None:
    device = Authenticator()
    await room.add(device)
    for _ in range(3):
        await room.enter(device)
    copy = Authenticator(count=1, credential=device.credential, private=device.private)
    with pytest.raises(PasskeyRefused):
        await room.enter(copy)
    assert room.reasons() == [Fault.COUNTER]
    assert room.kinds()[-2:] == ["passkey-copied", "passkey-refused"]
    assert await room.enter(device)


async def test_a_key_belongs_to_one_account_and_an_account_has_not_many(room: Room) -> None:
    device = Authenticator()
    await room.add(device)
    with pytest.raises(PasskeyKnown):
        await room.add(device, Role.TECHNICIAN)
    for _ in range(KEYS - 1):
        await room.add(Authenticator())
    with pytest.raises(PasskeyTooMany):
        await room.add(Authenticator())


async def test_a_way_back_in_takes_the_keys_away(room: Room) -> None:
    device = Authenticator()
    await room.add(device, Role.TECHNICIAN)
    assert await room.keys.ask(PEOPLE[Role.TECHNICIAN][0], PARTY) is not None
    await manage.reset(room.desk, "durand", PEOPLE[Role.TECHNICIAN][0])
    assert await room.keys.ask(PEOPLE[Role.TECHNICIAN][0], PARTY) is None


async def test_accounts_of_before_get_the_table_and_lose_nothing(tmp_path: Path) -> None:
    before = Database(tmp_path / "accounts.db", STEPS[:2], "accounts")
    await before.open()
    clock = SimulatedClock()
    token = await Sessions(before).begin("durand", HOME, clock.utc_us())
    await before.close()
    desk = await make_staff(tmp_path, clock)
    keys = PasskeyDesk(desk)
    assert await desk.seat_of(token) is not None
    assert await keys.table.of("durand") == []
    await keys.table.add(registered(Authenticator()))
    assert [each.name for each in await keys.table.of("durand")] == ["trousseau"]
    await desk.close()


async def test_a_restart_knows_the_keys_and_none_of_the_challenges(room: Room) -> None:
    device = Authenticator()
    await room.add(device)
    asked = await room.keys.ask("durand", PARTY)
    assert asked is not None
    room.keys = PasskeyDesk(room.desk)
    with pytest.raises(PasskeyRefused):
        await room.answer(asked.challenge, device.get(asked.challenge, PARTY))
    assert await room.enter(device)
