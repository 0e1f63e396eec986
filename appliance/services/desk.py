"""`appliance desk`: the second screen of the box, where the central team's code opens an account again.

The image has no shell and nobody logs in at its keyboard: this dialogue is all that a key reaches there. Every text
that is typed is read by `desk_keys`, shown in letters of the console's font, and goes nowhere but to `recovery`.
"""

import asyncio
import os
import select
import sys
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from appliance.accounts.challenge import LASTS_US, Challenge, refusal
from appliance.core.clock import Clock, SystemClock
from appliance.core.errors import ApplianceError, Language
from appliance.core.units import US_PER_SECOND
from appliance.services import desk_words
from appliance.services.console_screen import COLUMNS, drawn, plain
from appliance.services.desk_keys import PROBES, Kind, Typed
from appliance.services.port import box_number
from appliance.services.records import ACCOUNTS
from appliance.services.recovery import Ask, open_again

TRIES: Final = 5
"""Codes typed for one request: a hundred characters are mistyped once or twice, and none is guessed."""

SHOWN_S: Final = 120.0
"""Seconds that the password stays on the screen: it is copied by hand, and others pass by."""

DEAF_S: Final = 2.0
"""Seconds in which no key wipes the password: Enter was pressed twice, or bounced."""

NOTHING_S: Final = 2.0
"""Seconds between two looks for accounts on an appliance that has none yet."""

REST_MOST_S: Final = 60.0

Attempt = Callable[[str, Ask], str]
"""Opens the account of this name again; the password of one log-in. Raises ApplianceError. Blocks."""


class NoTerminal(ApplianceError):
    """The desk was started without a keyboard."""

    code = "no-terminal"
    fr = "Le second écran se sert d'un clavier\u202f: lancez-le devant l'appareil."
    en = "The second screen uses a keyboard: start it in front of the appliance."


class HungUp(Exception):
    """The terminal is gone: systemd starts the desk anew."""


class Screen(Protocol):
    """A terminal, or a test's."""

    def entry(self, above: Sequence[str], typed: Typed, seconds: float | None) -> bool:
        """Shows these lines and what is typed under them. False: not done within `seconds` (None: no limit)."""

    def rest(self, lines: Sequence[str], seconds: float) -> None:
        """Shows these lines for so long; what is typed meanwhile is forgotten."""

    def wipe(self) -> None:
        """Nothing of what was shown is left, nor what scrolled out."""


def rest_s(refused: int) -> float:
    """Seconds of rest after so many refusals in a row: never a lock. Pure."""
    return 0.0 if refused == 0 else min(REST_MOST_S, 2.0 ** min(refused, 10))


class Desk:
    """The dialogue. `attempt`: see Attempt; `box`: the appliance's number; `there`: are there accounts? Blocks."""

    def __init__(
        self, screen: Screen, attempt: Attempt, box: str, language: Language, clock: Clock,
        there: Callable[[], bool] = lambda: True,
    ) -> None:  # fmt: skip
        self.screen, self.attempt, self.box, self.clock = screen, attempt, box, clock
        self.words = desk_words.of(language)
        self.language: Language = language
        self.there = there
        self.refused = 0

    def visit(self) -> None:
        """One person, from the first key to a wiped screen."""
        while not self.there():
            self.screen.rest([*self._head(), self.words.nothing], NOTHING_S)
        probe = Typed(Kind.PROBE)
        self.screen.entry([*self._head(), *self.words.purpose, "", self.words.probe], probe, None)
        keyboard = PROBES.get(probe.text)
        if keyboard is None:
            self.screen.rest([*self._head(), self.words.no_keyboard], rest_s(1))
            return
        name = Typed(Kind.NAME, keyboard)
        asked = self.screen.entry([*self._head(), self.words.name], name, LASTS_US / US_PER_SECOND)
        if not asked or not name.text:
            return
        try:
            password = self.attempt(name.text, self._asking(keyboard))
        except ApplianceError as error:
            self.refused += 1
            seconds = rest_s(self.refused)
            self.screen.rest([*self._head(), error.sentence(self.language), "", self.words.rest(seconds)], seconds)
            return
        self.refused = 0
        shown = [*self._head(), self.words.opened.format(name=name.text), "", f"    {password}", "", *self.words.after]
        self.screen.rest(shown, DEAF_S)
        self.screen.entry(shown, Typed(Kind.ENTER), SHOWN_S)
        self.screen.wipe()

    def _asking(self, keyboard: Mapping[str, str]) -> Ask:
        """From the second time on the code before is there, with what is wrong about it, to be corrected."""
        before = ""

        def ask(challenge: Challenge) -> str:
            nonlocal before
            before = self._code(challenge, keyboard, before)
            return before

        return ask

    def _code(self, challenge: Challenge, keyboard: Mapping[str, str], before: str) -> str:
        """The code as it was typed; "" when the time is over or the person gives up."""
        typed, now = Typed(Kind.CODE, keyboard, before), self.clock.monotonic_us()
        seconds = (challenge.made_us + LASTS_US - now) / US_PER_SECOND
        above = [*self._head(), *self.words.request(challenge.box, challenge.account, challenge.told), ""]
        if before:
            above += [refusal(challenge, before, now).sentence(self.language), self.words.correct]
        above.append(self.words.code)
        return typed.text if seconds > 0 and self.screen.entry(above, typed, seconds) else ""

    def _head(self) -> list[str]:
        title = f"{self.words.title} {self.box}"
        return [f"{title:{COLUMNS - 1 - len(self.words.back)}}{self.words.back}", "-" * (COLUMNS - 1), ""]


class Terminal:
    """The real one. `source`, `target`: file descriptors of it."""

    def __init__(self, source: int, target: int, clock: Clock) -> None:
        self.source, self.target, self.clock = source, target, clock

    def entry(self, above: Sequence[str], typed: Typed, seconds: float | None) -> bool:
        self._forget()
        end_us = None if seconds is None else self.clock.monotonic_us() + int(seconds * US_PER_SECOND)
        self._show([*above, *typed.rows()], whole=True)
        while not typed.done:
            data = self._read(end_us)
            if data is None:
                return False
            typed.feed(data)
            self._show([*above, *typed.rows()], whole=False)
        return True

    def rest(self, lines: Sequence[str], seconds: float) -> None:
        self._show(lines, whole=True)
        end_us = self.clock.monotonic_us() + int(seconds * US_PER_SECOND)
        while self._read(end_us) is not None:
            pass

    def wipe(self) -> None:
        self._write("\x1b[H\x1b[2J\x1b[3J")  # ECMA-48 ED; 3: what scrolled out (console_codes(4))

    def _read(self, end_us: int | None) -> bytes | None:
        """Bytes that were typed, None when the time is over. Raises HungUp."""
        left = None if end_us is None else (end_us - self.clock.monotonic_us()) / US_PER_SECOND
        if left is not None and left <= 0:
            return None
        ready, _, _ = select.select([self.source], [], [], left)
        if not ready:
            return None
        try:
            data = os.read(self.source, 256)
        except OSError as error:
            raise HungUp from error
        if not data:
            raise HungUp
        return data

    def _forget(self) -> None:
        termios.tcflush(self.source, termios.TCIFLUSH)

    def _show(self, lines: Sequence[str], *, whole: bool) -> None:
        fitted = [part for line in lines for part in desk_words.wrapped(plain(line))]
        self._write(drawn(fitted, whole=whole))

    def _write(self, text: str) -> None:
        os.write(self.target, text.encode("utf-8"))


@contextmanager
def raw(source: int) -> Iterator[None]:
    """Each key as it comes, none of which ends or stops this process (termios(3))."""
    before = termios.tcgetattr(source)
    changed = termios.tcgetattr(source)
    changed[0] &= ~(termios.IXON | termios.ICRNL | termios.INLCR | termios.BRKINT)
    changed[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
    changed[6][termios.VMIN], changed[6][termios.VTIME] = 1, 0
    termios.tcsetattr(source, termios.TCSAFLUSH, changed)
    try:
        yield
    finally:
        termios.tcsetattr(source, termios.TCSADRAIN, before)


def main(site: Path, folder: Path, key: Path, language: Language) -> int:
    """Serves one person after another until SIGTERM; 1 when the terminal is gone. Raises NoTerminal."""
    source, clock = sys.stdin.fileno(), SystemClock()
    if not os.isatty(source):
        raise NoTerminal

    def attempt(name: str, ask: Ask) -> str:
        return asyncio.run(open_again(site, folder, key, name, ask, clock, TRIES))

    terminal = Terminal(source, sys.stdout.fileno(), clock)
    desk = Desk(terminal, attempt, box_number(), language, clock, (folder / ACCOUNTS).exists)
    try:
        with raw(source):
            while True:
                desk.visit()
    except HungUp:
        return 1
