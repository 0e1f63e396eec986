"""Roles and grants deny by default; codes are the RFCs' own and serve once; guesses slow down and never lock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.accounts.roles import GRANT_LONGEST_US, RIGHTS, Account, Grant, Right, Role, may, may_see
from appliance.accounts.throttle import FORGET_US, FREE, LONGEST_US, Tries, failed, opens_us
from appliance.accounts.totp import STEP_S, accepted, hotp, step_of

SECRET = b"12345678901234567890"  # RFC 4226 appendix D, RFC 6238 appendix B
SECOND = 1_000_000
INSTANTS = st.integers(min_value=0, max_value=4_102_444_800 * SECOND)


def account(role: Role, grant: Grant | None = None, *, revoked: bool = False) -> Account:
    return Account("C. Durand", "principale adjointe", role, 100, 10_000, revoked, grant)


GRANT = Grant(frozenset({"hall"}), 10, 20, 200, 300)


@pytest.mark.parametrize(
    ("counter", "code"),
    list(
        enumerate(["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"])
    ),
)
def test_codes_of_counters_are_those_of_rfc_4226(counter: int, code: str) -> None:
    assert hotp(SECRET, counter) == code


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_of_instants_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    assert hotp(SECRET, step_of(seconds * SECOND), 8) == code
    assert accepted(SECRET, code[2:], seconds * SECOND, -1) == seconds // STEP_S


@given(INSTANTS, st.integers(min_value=-3, max_value=3))
def test_a_code_serves_once_and_one_step_around_its_own(now: int, away: int) -> None:
    step = max(0, step_of(now) + away)
    taken = accepted(SECRET, hotp(SECRET, step), now, -1)
    if abs(step - step_of(now)) <= 1:
        assert taken is not None
        again = accepted(SECRET, hotp(SECRET, taken), now, taken)
        assert again is None or again > taken  # two neighbouring steps may share a code, once in a million
    else:
        assert taken is None or hotp(SECRET, taken) == hotp(SECRET, step)


@given(st.text(max_size=9))
def test_what_is_not_six_digits_is_no_code(typed: str) -> None:
    plain = typed.replace(" ", "")
    if not (len(plain) == 6 and plain.isascii() and plain.isdigit()):
        assert accepted(SECRET, typed, 59 * SECOND, -1) is None


@pytest.mark.parametrize("right", Right)
@pytest.mark.parametrize("role", Role)
def test_no_right_outside_the_authorisation(role: Role, right: Right) -> None:
    grant = GRANT if role is Role.VIEWER else None
    assert may(account(role, grant), right, 250) == (right in RIGHTS[role])
    for now in (99, 10_000):
        assert not may(account(role, grant), right, now)
    assert not may(account(role, grant, revoked=True), right, 250)


@given(st.sampled_from([Role.TECHNICIAN, Role.CENTRAL]), INSTANTS, INSTANTS, INSTANTS, st.booleans())
def test_technician_and_centre_never_see_footage(role: Role, start: int, end: int, now: int, granted: bool) -> None:
    assert not may_see(account(role, GRANT if granted else None), "hall", (start, end), now)


@given(st.sampled_from(["hall", "yard"]), *(st.integers(min_value=0, max_value=400),) * 3)
def test_a_viewer_sees_what_was_granted_while_it_holds(camera: str, start: int, end: int, now: int) -> None:
    allowed = camera == "hall" and 10 <= start < end <= 20 and 200 <= now < 300
    assert may_see(account(Role.VIEWER, GRANT), camera, (start, end), now) == allowed
    assert not may_see(account(Role.VIEWER), camera, (start, end), now)


def test_a_grant_of_nothing_or_for_too_long_is_none() -> None:
    assert Grant(frozenset({"hall"}), 10, 20, 0, GRANT_LONGEST_US).sound
    for bad in (
        Grant(frozenset({"hall"}), 10, 20, 0, GRANT_LONGEST_US + 1),
        Grant(frozenset(), 10, 20, 200, 300),
        Grant(frozenset({"hall"}), 20, 20, 200, 300),
        Grant(frozenset({"hall"}), 10, 20, 300, 300),
    ):
        assert not bad.sound
        assert not may_see(account(Role.VIEWER, bad), "hall", (10, 20), 250)


def test_a_manager_sees_every_camera_and_an_empty_interval_is_nothing() -> None:
    assert may_see(account(Role.MANAGER), "hall", (1, 2), 250)
    assert not may_see(account(Role.MANAGER), "hall", (2, 2), 250)


def test_five_answers_are_free_then_waits_double_to_a_quarter_of_an_hour() -> None:
    tries, waits = Tries(), []
    for _ in range(40):
        tries = failed(tries, 1_000 * SECOND)
        waits.append((opens_us(tries, 1_000 * SECOND) - 1_000 * SECOND) // SECOND)
    assert waits[: FREE + 2] == [0, 0, 0, 0, 1, 2, 4]
    assert waits[-1] == LONGEST_US // SECOND == 900


@given(st.integers(min_value=0, max_value=10**6), INSTANTS, INSTANTS)
def test_nobody_is_ever_locked_out(wrong: int, last: int, now: int) -> None:
    tries = Tries(wrong, last)
    opens = opens_us(tries, now)
    assert now <= opens <= now + LONGEST_US
    assert opens_us(tries, opens) == opens  # whoever waited as told is let in
    assert opens_us(tries, last + FORGET_US) == last + FORGET_US
    assert failed(tries, last + FORGET_US) == Tries(1, last + FORGET_US)
