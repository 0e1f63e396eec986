"""The last way back in: what an appliance asks the central team to sign, without any network between them. Pure.

A technician at the appliance tells the centre number, account and challenge; the centre signs them (Ed25519, RFC 8032)
and tells the code. It is of use for this very request alone: the challenge is drawn anew each time and kept nowhere.
"""

from dataclasses import dataclass
from typing import Final

from appliance.accounts import codes
from appliance.accounts.errors import RecoveryLate, RecoveryMistyped, RecoveryRefused
from appliance.core.units import US_PER_SECOND

NONCE_BYTES: Final = 10
"""80 bits, 16 characters to tell: never drawn twice."""

LASTS_US: Final = 900 * US_PER_SECOND
"""us in which the code must come: a telephone call and a hundred characters to type."""

SIGNATURE_BYTES: Final = 64

CODE_LENGTH: Final = -(-SIGNATURE_BYTES * 8 // 5)
"""Characters of the centre's code, without the dashes that it is told with."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A request for `account` of appliance `box`, made at `made_us` of the monotonic clock."""

    box: str
    account: str
    nonce: bytes
    made_us: int = 0

    @property
    def told(self) -> str:
        """As it is told by telephone."""
        return codes.encode(self.nonce)

    def message(self) -> bytes:
        """What is signed: no two requests share it, and no other use of the key does."""
        return b"temoin recovery 1\0" + b"\0".join([self.box.encode(), self.account.encode(), self.nonce])

    def lasts(self, now_us: int) -> bool:
        """May it still be answered?"""
        return 0 <= now_us - self.made_us < LASTS_US


def signature_of(typed: str) -> bytes | None:
    """The signature that a typed code is; None for what is none."""
    try:
        found = codes.decode(typed)
    except ValueError:
        return None
    return found if len(found) == SIGNATURE_BYTES else None


def refusal(challenge: Challenge, typed: str, now_us: int) -> RecoveryRefused:
    """Why a code that does not open is refused, as far as that can be known."""
    if not challenge.lasts(now_us):
        return RecoveryLate()
    if signature_of(typed) is None:
        return RecoveryMistyped(count=len(codes.plain(typed)), whole=CODE_LENGTH)
    return RecoveryRefused()
