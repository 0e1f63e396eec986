"""What a keyboard types on a box whose kernel reads every keyboard as an American one. Pure.

The image carries no keyboard tables: a French keyboard (AZERTY) says other letters than its keys show. Somebody who
types the word "azerty" shows which of the two it is, and what follows is read accordingly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from appliance.accounts import codes
from appliance.accounts.challenge import CODE_LENGTH

AMERICAN: Final[Mapping[str, str]] = {}

_SHIFTED: Final = dict(zip("!@#$%^&*()", "1234567890", strict=True))
_PLAIN_ROW: Final = dict(zip("1234567890", "&é\"'(-è_çà", strict=True))

FRENCH: Final[Mapping[str, str]] = (
    {"q": "a", "a": "q", "w": "z", "z": "w", ";": "m", "Q": "A", "A": "Q", "W": "Z", "Z": "W", ":": "M"}
    | {"m": ",", "M": "?", ",": ";", "<": ".", ".": ":", ">": "/", "/": "!", "?": "§"}
    | {"-": ")", "_": "°", "=": "=", "+": "+", "'": "ù", '"': "%", "[": "^", "]": "$"}
    | _SHIFTED
    | _PLAIN_ROW
)
"""Character that the kernel hands over, and the one printed on the key of an AZERTY keyboard (AFNOR NF Z71-300)."""

PROBES: Final = {"azerty": AMERICAN, "qwerty": FRENCH}
"""What arrives when "azerty" is typed, and the keyboard that it comes from."""

NAME_LENGTH: Final = 64
"""Characters of a login: as accounts have at the most."""

_GROUPS: Final = 6
"""Groups of five characters in a row of the screen: 36 columns, as they are told by telephone."""

_OF_NAMES: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")
"""Of a login (site/provision_model.py). A key whose sign is none of them means what the kernel took it for: so do the
digits beside a French keyboard, and those above it without the shift key, but 6, which is the dash.
"""

_LONGEST: Final = 16
"""Characters of a sequence that are looked at."""

_BACKSPACE: Final = frozenset({"\x08", "\x7f"})
_ENTER: Final = frozenset({"\r", "\n"})
_WIPE: Final = "\x15"
_ARROWS: Final = {"D": -1, "C": 1, "A": -5 * _GROUPS, "B": 5 * _GROUPS}
"""Characters that an arrow goes on by: left, right, and a row up or down (console_codes(4): ESC [ A to D)."""


class Kind(Enum):
    """What is typed."""

    PROBE = auto()
    NAME = auto()
    CODE = auto()
    ENTER = auto()  # nothing but the key


@dataclass(slots=True)
class Typed:
    """One entry as it is typed. `text`: what is meant so far; `at`: where the next character goes; `done`: Enter
    came.
    """

    kind: Kind
    keyboard: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    at: int = 0
    done: bool = False
    _escape: str = ""

    def __post_init__(self) -> None:
        """What is there already is gone on with."""
        self.at = len(self.text)

    def feed(self, data: bytes) -> None:
        """Bytes of the terminal, whatever they are. Function keys (ECMA-48 sequences) are passed over."""
        for character in data.decode("utf-8", "replace"):
            if self.done:
                return
            if character == "\x1b":
                self._escape = character
            elif self._escape and character in "[O0123456789;":
                self._escape = (self._escape + character)[:_LONGEST]
            elif self._escape:
                self._move(_ARROWS.get(character, 0) if self._escape == "\x1b[" else 0)
                self._escape = ""
            else:
                self._one(character)

    def _move(self, steps: int) -> None:
        if self.kind is Kind.CODE:
            self.at = min(max(self.at + steps, 0), len(self.text))

    def _one(self, character: str) -> None:
        """A key where there is a character already replaces it: so is one corrected that was misheard."""
        if character in _ENTER:
            self.done = True
        elif character in _BACKSPACE:
            before = max(self.at - 1, 0)
            self.text, self.at = self.text[:before] + self.text[self.at :], before
        elif character == _WIPE:
            self.text, self.at = "", 0
        elif meant := self._meant(character):
            self.text = self.text[: self.at] + meant + self.text[self.at + 1 :]
            self.at += 1

    def _meant(self, character: str) -> str:
        """What this key adds: nothing where it stands for nothing."""
        if self.kind is Kind.PROBE:
            return character.lower() if character.isascii() and character.isalpha() and len(self.text) < 10 else ""
        shown = self.keyboard.get(character, character)
        if self.kind is Kind.NAME:
            found = next((each for each in (shown.lower(), character.lower()) if each in _OF_NAMES), "")
            return found if len(self.text) < NAME_LENGTH else ""
        if self.kind is Kind.CODE and self.at < CODE_LENGTH:
            digit = character in "0123456789"  # with or without the shift key: a code has no sign
            return codes.plain(character if digit else shown)
        return ""

    def rows(self) -> list[str]:
        """As the screen shows it, with a mark where the next character goes."""
        if self.kind is not Kind.CODE:
            return ["" if self.kind is Kind.ENTER else f"> {self.text}_"]
        end = self.at == len(self.text)
        groups = codes.grouped(self.text + "_" if end else self.text).split("-")
        rows = ["> " + " ".join(groups[at : at + _GROUPS]) for at in range(0, len(groups), _GROUPS)]
        if not end:
            row, column = divmod(self.at, _GROUPS * 5)
            rows.insert(row + 1, "  " + " " * (column + column // 5) + "^")
        return rows
