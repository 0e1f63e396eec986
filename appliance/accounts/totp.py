"""Six digits from a telephone (RFC 6238 over RFC 4226, SHA-1, 30 s): each code once, one step early or late."""

import hmac
from typing import Final

from appliance.core.units import US_PER_SECOND

STEP_S: Final = 30
"""s. RFC 6238 section 5.2, and what every telephone's application takes for granted."""

DIGITS: Final = 6
SLACK: Final = 1
"""Steps before and behind that are taken (RFC 6238 section 5.2 advises one for the way and the clocks)."""


def hotp(secret: bytes, counter: int, digits: int = DIGITS) -> str:
    """The code of a counter (RFC 4226 section 5.3)."""
    digest = hmac.digest(secret, counter.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}d}"


def step_of(utc_us: int) -> int:
    """The number of the 30 s step of an instant."""
    return utc_us // (STEP_S * US_PER_SECOND)


def accepted(secret: bytes, typed: str, utc_us: int, last_step: int) -> int | None:
    """The step that `typed` is the code of, None when of none that is open.

    `last_step`: the newest step already used by this account; it and those before are closed, so that a code read
    over a shoulder is worth nothing (RFC 6238 section 5.2). The caller keeps what is returned, in the same transaction.
    """
    plain = typed.replace(" ", "")
    if len(plain) != DIGITS or not (plain.isascii() and plain.isdigit()):
        return None
    now = step_of(utc_us)
    found = None
    for step in range(max(0, now - SLACK), now + SLACK + 1):  # every step is compared: time tells nothing
        if hmac.compare_digest(hotp(secret, step), plain) and step > last_step and found is None:
            found = step
    return found
