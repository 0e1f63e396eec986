"""What a keyboard types on a box whose kernel reads every keyboard as an American one. Pure.

The image carries no keyboard tables: a French keyboard (AZERTY) says other letters than its keys show. Somebody who
types the word "azerty" shows which of the two it is, and what follows is read accordingly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from appliance.accounts import codes

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

CODE_LENGTH: Final = 103
"""Characters of an Ed25519 signature of 64 bytes in Crockford's base 32."""

_GROUPS: Final = 6
"""Groups of five characters in a row of the screen: 36 columns, as they are told by telephone."""

_BACKSPACE: Final = frozenset({"\x08", "\x7f"})
_ENTER: Final = frozenset({"\r", "\n"})
_WIPE: Final = "\x15"


class Kind(Enum):
    """What is typed."""

    PROBE = auto()
    NAME = auto()
    CODE = auto()
    ENTER = auto()  # nothing but the key


@dataclass(slots=True)
class Typed:
    """One entry as it is typed. `text`: what is meant so far; `done`: Enter came."""

    kind: Kind
    keyboard: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    done: bool = False
    _escape: bool = False

    def feed(self, data: bytes) -> None:
        """Bytes of the terminal, whatever they are. Arrows and function keys (ECMA-48 sequences) are passed over."""
        for character in data.decode("utf-8", "replace"):
            if self.done:
                return
            if character == "\x1b":
                self._escape = True
            elif self._escape:
                self._escape = character in "[O0123456789;"
            else:
                self._one(character)

    def _one(self, character: str) -> None:
        if character in _ENTER:
            self.done = True
        elif character in _BACKSPACE:
            self.text = self.text[:-1]
        elif character == _WIPE:
            self.text = ""
        else:
            self.text += self._meant(character)

    def _meant(self, character: str) -> str:
        """What this key adds: nothing where it stands for nothing."""
        if self.kind is Kind.PROBE:
            return character.lower() if character.isascii() and character.isalpha() and len(self.text) < 10 else ""
        shown = self.keyboard.get(character, character)
        if self.kind is Kind.NAME:
            room = len(self.text) < NAME_LENGTH
            return shown if room and shown.isprintable() and not shown.isspace() else ""
        if self.kind is Kind.CODE and len(self.text) < CODE_LENGTH:
            digit = character in "0123456789"  # with or without the shift key: a code has no sign
            return codes.plain(character if digit else shown)
        return ""

    def rows(self) -> list[str]:
        """As the screen shows it, with a mark where the next character goes."""
        if self.kind is not Kind.CODE:
            return ["" if self.kind is Kind.ENTER else f"> {self.text}_"]
        groups = codes.grouped(self.text + "_").split("-")
        rows = [groups[at : at + _GROUPS] for at in range(0, len(groups), _GROUPS)]
        return ["> " + " ".join(row) for row in rows]
