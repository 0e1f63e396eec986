"""The viewing lock: no picture without an opening, an opening only for an alert or a reason, for a time.

Pure. Instants: UTC microseconds, intervals half open. A `Look` is one opening by one person; what it lets through is
asked for each stretch of footage that leaves, so it ends in the middle of a replay.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from appliance.accounts.roles import Account, may_see
from appliance.core.units import US_PER_SECOND

LASTS_US: Final = 900 * US_PER_SECOND
"""us an opening lasts: long enough to settle a doubt, too short to leave a picture on a desk's screen all day."""

JUSTIFY_US: Final = 24 * 3600 * US_PER_SECOND
"""us after an urgent opening within which it is justified in writing."""

TEXT_LEAST: Final = 10
TEXT_MOST: Final = 500
"""Characters of a reason: "vol" tells a controller nothing."""

NUMBER_MOST: Final = 64
"""Characters of a judicial reference."""

BEFORE_US: Final = 60 * US_PER_SECOND
AFTER_US: Final = 60 * US_PER_SECOND
"""us around an alert that it opens: who came, from where, and where they went."""

EDGE_US: Final = 10 * US_PER_SECOND
"""us around what is asked for with a typed reason: a picture is decoded from the keyframe before it, a few seconds."""

LONGEST_US: Final = 72 * 3600 * US_PER_SECOND
"""us of footage that one opening covers: a long weekend, at some moment of which something was broken."""

KEPT_US: Final = 3 * 366 * 86_400 * US_PER_SECOND
"""us that an opening is remembered: three years, as the register (of body cameras, the nearest text) is kept."""


class Reason(StrEnum):
    """Why footage is opened: a closed list."""

    ALERT = "alert"
    DOUBT = "doubt"  # something was reported or noticed
    DAMAGE = "damage"
    ACCESS = "access"  # a person asks for what shows them (GDPR article 15)
    JUDICIAL = "judicial"
    URGENCY = "urgency"  # life or limb: opens at once, is justified afterwards


class Fault(StrEnum):
    """What is wrong with a reason as it was given."""

    NO_ALERT = "no-alert"
    TEXT = "text"
    NUMBER_MISSING = "number-missing"
    NUMBER_UNWANTED = "number-unwanted"


@dataclass(frozen=True, slots=True)
class Given:
    """A reason as a person gives it. `number`: the judicial reference, "" for every other reason."""

    reason: Reason
    text: str = ""
    number: str = ""
    alert: int | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """One opening. `cameras`: of an alert, its own and those linked to it. `to_us` None: the alert is still open, and
    the replay may run on to the durable mark.
    """

    who: str
    given: Given
    cameras: frozenset[str]
    from_us: int
    to_us: int | None
    opened_us: int
    closed_us: int | None = None


def fault_of(given: Given) -> Fault | None:
    """What is missing from a reason; None when it holds. A number stands with the judicial reason and no other."""
    if given.reason is Reason.ALERT:
        if given.alert is None:
            return Fault.NO_ALERT
    elif given.reason is not Reason.URGENCY and not TEXT_LEAST <= len(given.text.strip()) <= TEXT_MOST:
        return Fault.TEXT
    if given.reason is not Reason.JUDICIAL:
        return Fault.NUMBER_UNWANTED if given.number else None
    return None if 0 < len(given.number.strip()) <= NUMBER_MOST else Fault.NUMBER_MISSING


def remaining_us(look: Look, now_us: int) -> int:
    """Us that this opening still lasts, 0 when it is over or was closed; a clock set back does not prolong it."""
    if look.closed_us is not None or now_us < look.opened_us:
        return 0
    return max(0, look.opened_us + LASTS_US - now_us)


def lets(look: Look, who: str, camera: str, span_us: tuple[int, int], now_us: int, durable_us: int) -> bool:
    """Does this opening let a stretch of `camera` through to `who`, now?

    `durable_us`: what is safe on disk of this camera; nothing nearer to the present leaves.
    """
    start, end = span_us
    if fault_of(look.given) is not None or look.who != who or remaining_us(look, now_us) == 0:
        return False
    if look.to_us is None and look.given.reason is not Reason.ALERT:
        return False  # only an open alert is followed
    last = durable_us if look.to_us is None else min(look.to_us, durable_us)
    return camera in look.cameras and look.from_us <= start < end <= last


class Shut(StrEnum):
    """Why a stretch does not leave."""

    ACCOUNT = "account"  # not this person's to see: role, authorisation, grant
    NEEDED = "needed"  # nothing is open
    OVER = "over"  # what let it through has ended
    OUTSIDE = "outside"  # something is open, this is not in it


def shut(
    looks: Iterable[Look], account: Account, camera: str, span_us: tuple[int, int], now_us: int, durable_us: int
) -> Shut | None:
    """None when a stretch may leave to this person now, by the account and by one of their openings; else why not."""
    if not may_see(account, camera, span_us, now_us):
        return Shut.ACCOUNT
    own = [look for look in looks if look.who == account.name]
    if any(lets(look, account.name, camera, span_us, now_us, durable_us) for look in own):
        return None
    if any(remaining_us(look, now_us) for look in own):
        return Shut.OUTSIDE
    let = (lets(replace(look, closed_us=None), look.who, camera, span_us, look.opened_us, durable_us) for look in own)
    return Shut.OVER if any(let) else Shut.NEEDED


def overdue(look: Look, justified: bool, now_us: int) -> bool:
    """True for an urgent opening that nobody has justified in time."""
    return look.given.reason is Reason.URGENCY and not justified and now_us >= look.opened_us + JUSTIFY_US


def countersigned(asker: str, signers: Collection[str]) -> bool:
    """Has somebody else than the asker signed, on a session of their own?"""
    return any(signer != asker for signer in signers)


def witnessed(asker: str, names: Collection[str]) -> bool:
    """Two witnesses by name, neither of them the asker: the way when no second person can be reached."""
    plain = {" ".join(name.split()).casefold() for name in names} - {"", " ".join(asker.split()).casefold()}
    return len(plain) >= 2
