"""Codes on paper: recovery codes, the recovery sheet, passwords for one log-in. Drawn, written in groups, kept hashed.

They are long enough at random that a plain hash keeps them (no guess list reaches 50 bits behind the slow-down, 130 at
all); what is typed may have other letter case, spaces and dashes, and 0, 1 for O, I (Crockford's alphabet).
"""

import base64
import hashlib
from collections.abc import Callable
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that is taken for another or for a digit."""

CODES: Final = 10
"""Recovery codes of an account: a telephone is lost once in years."""

CODE_LENGTH: Final = 10  # 50 bits
SHEET_LENGTH: Final = 26  # 130 bits
PASSWORD_LENGTH: Final = 16  # 80 bits

_GROUP: Final = 5
_ALIKE: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})
_LONGEST: Final = 400

Draw = Callable[[int], bytes]


def drawn(length: int, draw: Draw) -> str:
    """So many characters, in groups."""
    return grouped("".join(ALPHABET[byte & 31] for byte in draw(length)))


def grouped(text: str) -> str:
    """In groups of five with dashes between."""
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def plain(typed: str) -> str:
    """What was meant by what was typed; "" for what is none of these codes."""
    text = "".join(each for each in typed[:_LONGEST] if each not in "- \t\r\n").upper().translate(_ALIKE)
    return text if all(each in ALPHABET for each in text) else ""


def kept(code: str) -> bytes:
    """What is kept of a code."""
    return hashlib.sha256(b"temoin recovery\0" + plain(code).encode()).digest()


def encode(data: bytes) -> str:
    """Bytes as such a code, for a telephone call."""
    standard = base64.b32encode(data).decode().rstrip("=")
    return grouped(standard.translate(str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET)))


def decode(typed: str) -> bytes:
    """The bytes of a typed code. Raises ValueError."""
    meant = plain(typed)
    if typed and not meant:
        raise ValueError("not a code")
    standard = meant.translate(str.maketrans(ALPHABET, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
    return base64.b32decode(standard + "=" * (-len(standard) % 8))
