"""The last way back in: the centre's code opens the very account that was asked for, once, in time, and is told."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.accounts.challenge import LASTS_US, Challenge
from appliance.accounts.desk import AccountDesk
from appliance.accounts.errors import NoRecoveryKey, NoSuchAccount, RecoveryLate, RecoveryMistyped, RecoveryRefused
from appliance.core.chain import Facts
from appliance.core.clock import SimulatedClock
from appliance.services.recovery import Ask, answers, reopen, sign
from tests.peers.central import central_pair
from tests.peers.need import need
from tests.peers.sign_in import HOME, add_petit, make_staff

BOX = "0123456789ab"


@dataclass
class Centre:
    """Its two keys, and an appliance's accounts."""

    private: Path
    public: Path
    desk: AccountDesk
    clock: SimulatedClock
    told: list[tuple[str, Facts]] = field(default_factory=list)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    need("openssl")
    return central_pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture
async def centre(tmp_path: Path, keys: tuple[Path, Path]) -> AsyncIterator[Centre]:
    told: list[tuple[str, Facts]] = []

    def tell(kind: str, facts: Facts) -> bool:
        told.append((kind, facts))
        return True

    clock = SimulatedClock()
    desk = await make_staff(tmp_path, clock, tell)
    yield Centre(*keys, desk, clock, told)
    await desk.close()


async def test_the_centres_code_gives_a_password_for_one_log_in_and_other_managers_are_told(centre: Centre) -> None:
    desk = centre.desk
    await add_petit(desk)
    given = await reopen(desk, centre.public, BOX, "durand", lambda asked: sign(centre.private, asked).lower())
    seat = await desk.seat_of(await desk.log_in("durand", given, "", HOME))
    assert seat is not None
    assert seat.must == ("password", "second-factor")
    assert ("account-recovered", {"account": "durand", "by": "console"}) in centre.told
    petit = await desk.seat_of(await desk.sessions.begin("petit", HOME, centre.clock.utc_us()))
    assert petit is not None
    assert [notice.kind for notice in await desk.notices(petit)] == ["account-recovered"]


async def test_a_code_for_anything_else_or_too_late_opens_nothing(centre: Centre) -> None:
    def other(**changed: object) -> str:
        fields = {"box": BOX, "account": "durand", "nonce": bytes(10)} | changed
        return sign(centre.private, Challenge(**fields))  # type: ignore[arg-type]  # what each case changes

    def late(asked: Challenge) -> str:
        centre.clock.advance(LASTS_US / 1_000_000)
        return sign(centre.private, asked)

    mistyped = {"count": 10, "whole": 103}
    wrong: list[tuple[Ask, RecoveryRefused]] = [
        (lambda _: other(), RecoveryRefused()),
        (lambda _: "", RecoveryMistyped(**(mistyped | {"count": 0}))),
        (lambda _: "12345-ABCDE", RecoveryMistyped(**mistyped)),
        (late, RecoveryLate()),
    ]
    for ask, told in wrong:
        with pytest.raises(RecoveryRefused) as raised:
            await reopen(centre.desk, centre.public, BOX, "durand", ask)
        assert raised.value.sentence("fr") == told.sentence("fr")
    assert [kind for kind, _ in centre.told].count("recovery-refused") == len(wrong)
    with pytest.raises(NoSuchAccount):
        await reopen(centre.desk, centre.public, BOX, "personne", lambda _: "")
    with pytest.raises(NoRecoveryKey):
        await reopen(centre.desk, centre.public.with_name("none.pem"), BOX, "durand", lambda _: "")


def test_each_part_of_a_request_is_signed(keys: tuple[Path, Path]) -> None:
    private, public = keys
    asked = Challenge(BOX, "durand", bytes(range(10)))
    code = sign(private, asked)
    assert answers(public, asked, code, 0)
    for changed in (
        Challenge("ba9876543210", "durand", asked.nonce),
        Challenge(BOX, "petit", asked.nonce),
        Challenge(BOX, "durand", bytes(10)),
    ):
        assert not answers(public, changed, code, 0)
    with pytest.raises(NoRecoveryKey):
        sign(public, asked)
