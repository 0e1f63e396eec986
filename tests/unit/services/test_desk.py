"""The second screen's dialogue from the first key to the wiped screen, with a person who is played."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from appliance.accounts.challenge import LASTS_US, Challenge
from appliance.accounts.errors import NoSuchAccount, RecoveryMistyped, RecoveryRefused
from appliance.core.clock import SimulatedClock
from appliance.services.console_screen import COLUMNS, ROWS
from appliance.services.desk import DEAF_S, NOTHING_S, REST_MOST_S, SHOWN_S, Desk, rest_s
from appliance.services.desk_keys import Kind, Typed
from appliance.services.desk_words import of, wrapped
from appliance.services.recovery import Ask

BOX = "0123456789ab"


@dataclass
class Person:
    """Types what is in `keys`, one entry after another; None: goes away. `seen`: each screen."""

    clock: SimulatedClock
    keys: list[bytes | None]
    seen: list[str] = field(default_factory=list)
    rests: list[float] = field(default_factory=list)
    kinds: list[tuple[Kind, float | None]] = field(default_factory=list)
    wiped: int = 0

    def entry(self, above: Sequence[str], typed: Typed, seconds: float | None) -> bool:
        self._see(above, typed)
        self.kinds.append((typed.kind, seconds))
        given = self.keys.pop(0)
        if given is None:
            assert seconds is not None, "who waits without an end waits for a key"
            self.clock.advance(seconds)
            return False
        typed.feed(given + b"\r")
        return True

    def rest(self, lines: Sequence[str], seconds: float) -> None:
        self._see(lines, Typed(Kind.ENTER))
        self.rests.append(seconds)

    def wipe(self) -> None:
        self.wiped += 1

    def _see(self, lines: Sequence[str], typed: Typed) -> None:
        fitted = [part for line in lines for part in wrapped(line)]
        whole = (typed.kind is Kind.CODE and 4) or 1
        assert len(fitted) + whole <= ROWS
        assert all(len(line) < COLUMNS for line in fitted), fitted
        self.seen.append("\n".join(fitted))


def desk_of(person: Person, attempt: Callable[[str, Ask], str], language: str = "fr") -> Desk:
    return Desk(person, attempt, BOX, "fr" if language == "fr" else "en", person.clock)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_password_is_shown_for_two_minutes_and_wiped(language: str) -> None:
    asked: list[str] = []

    def attempt(name: str, ask: Ask) -> str:
        asked.append(name)
        challenge = Challenge(BOX, name, bytes(10), person.clock.monotonic_us())
        assert ask(challenge) == "WR0NG"
        assert ask(challenge) == "R1GHT"
        return "ABCDE-FGHJK-MNPQR-S"

    person = Person(SimulatedClock(), [b"qwerty", b";<durqnd", b"zrong", b"\x15right", None])
    desk_of(person, attempt, language).visit()
    assert asked == ["m.durand"]
    said = of("fr" if language == "fr" else "en")
    assert re.search(rf"{BOX}.*\n.*m\.durand.*\n.*00000-00000-00000-0", person.seen[2])
    assert said.correct not in person.seen[2]
    assert said.correct in " ".join(person.seen[3].split())
    assert RecoveryMistyped(count=5, whole=103).sentence("fr" if language == "fr" else "en")[:40] in person.seen[3]
    assert person.rests == [DEAF_S], "a second press of Enter wipes nothing"
    assert "ABCDE-FGHJK-MNPQR-S" in person.seen[4]
    assert person.kinds[-1] == (Kind.ENTER, SHOWN_S)
    assert person.wiped == 1


def test_a_code_that_does_not_come_gives_up_in_time() -> None:
    codes: list[str] = []

    def attempt(name: str, ask: Ask) -> str:
        challenge = Challenge(BOX, name, bytes(10), person.clock.monotonic_us())
        codes.extend([ask(challenge), ask(challenge)])
        raise RecoveryRefused

    person = Person(SimulatedClock(), [b"azerty", b"durand", None])
    desk_of(person, attempt).visit()
    assert codes == ["", ""], "the second was not even asked for: its time was over"
    assert person.kinds[-1] == (Kind.CODE, LASTS_US / 1e6)
    assert RecoveryRefused().sentence("fr")[:20] in person.seen[-1]


def test_refusals_slow_down_and_never_lock() -> None:
    def attempt(name: str, _: Ask) -> str:
        raise NoSuchAccount(name=name)

    person = Person(SimulatedClock(), [b"azerty", b"personne"] * 9)
    desk = desk_of(person, attempt)
    for _ in range(9):
        desk.visit()
    assert person.rests == sorted(person.rests) == [rest_s(count) for count in range(1, 10)]
    assert person.rests[-1] == REST_MOST_S
    assert "personne" in person.seen[-1]


def test_another_keyboard_and_no_name_begin_again() -> None:
    def attempt(name: str, ask: Ask) -> str:
        raise AssertionError

    person = Person(SimulatedClock(), [b"azertz", b"azerty", b"", b"azerty", None])
    desk = desk_of(person, attempt)
    for _ in range(3):
        desk.visit()
    assert len(person.rests) == 1
    assert not person.keys


def test_it_waits_for_the_first_account() -> None:
    def attempt(name: str, ask: Ask) -> str:
        raise AssertionError

    person = Person(SimulatedClock(), [b"azerty", None])
    looks = iter([False, False, True])
    Desk(person, attempt, BOX, "fr", person.clock, lambda: next(looks)).visit()
    assert person.rests == [NOTHING_S, NOTHING_S]
    assert "pas encore de compte" in person.seen[0]
