"""Roles, what each may do, and until when. Pure; deny by default. Instants: UTC microseconds, intervals half open.

Sources: CSI L.252-3 (recipients), R.253-3 (agents designated by name and authorised for their mission).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from appliance.core.units import US_PER_SECOND

GRANT_LONGEST_US: Final = 72 * 3600 * US_PER_SECOND
"""us. A viewer's access dies by itself after three days at the most: a longer need is granted anew, with its reason."""


class Role(StrEnum):
    """What an account is for."""

    TECHNICIAN = "technician"
    MANAGER = "manager"
    VIEWER = "viewer"
    CENTRAL = "central"


class Right(StrEnum):
    """What a route may ask for."""

    SELF = "self"  # one's own session, password and second factor
    SITE = "site"  # its name, its hours, the cameras that the account reaches
    STATE = "state"  # is all well
    ALERTS = "alerts"  # list and boxes, no picture
    FOOTAGE = "footage"  # pictures, behind the viewing lock
    ARM = "arm"
    ACCOUNTS = "accounts"
    LOOKS = "looks"  # who has looked at what
    COUNTERSIGN = "countersign"
    AIM = "aim"  # one picture a second of one camera, for who stands on the ladder
    CLOCK = "clock"  # vouch for the recorder's time
    CERTIFICATE = "certificate"  # of the page: ask the authority for one, install it


RIGHTS: Final = {
    Role.TECHNICIAN: frozenset({Right.SELF, Right.SITE, Right.STATE, Right.AIM, Right.CLOCK, Right.CERTIFICATE}),
    Role.MANAGER: frozenset(Right) - {Right.AIM, Right.CERTIFICATE},
    Role.VIEWER: frozenset({Right.SELF, Right.SITE, Right.FOOTAGE}),
    Role.CENTRAL: frozenset({Right.SELF, Right.SITE, Right.STATE, Right.COUNTERSIGN, Right.CLOCK, Right.CERTIFICATE}),
}
"""A technician sees no footage whatever he does; the central team neither. Who may look at footage does not aim: that
would be a present without a reason. The page's certificate is the affair of those who mend the machine.
"""

TWO_FACTORS: Final = frozenset({Role.TECHNICIAN, Role.MANAGER, Role.CENTRAL})
"""Who needs a second factor. A viewer, there for three days at the most, may have none: his time is his limit."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a viewer may see: cameras, the interval of footage, and until when he may look."""

    cameras: frozenset[str]
    from_us: int
    to_us: int
    granted_us: int
    until_us: int

    @property
    def sound(self) -> bool:
        """False for one that nobody may give: of nothing, or for longer than GRANT_LONGEST_US."""
        lasts = self.until_us - self.granted_us
        return bool(self.cameras) and self.from_us < self.to_us and 0 < lasts <= GRANT_LONGEST_US


@dataclass(frozen=True, slots=True)
class Account:
    """A named person. `name`: what is typed to log in; `function`: as written in the authorisation; `until_us`: its
    end; `person`: the name as others read it, never empty where the account comes from the appliance's own list.
    """

    name: str
    function: str
    role: Role
    from_us: int
    until_us: int
    revoked: bool = False
    grant: Grant | None = None
    person: str = ""


def may(account: Account, right: Right, now_us: int) -> bool:
    """May this person do it now? An authorisation not begun, over or revoked gives no right at all."""
    valid = not account.revoked and account.from_us <= now_us < account.until_us
    if account.role is Role.VIEWER:
        grant = account.grant
        valid = valid and grant is not None and grant.sound and grant.granted_us <= now_us < grant.until_us
    return valid and right in RIGHTS[account.role]


def may_see(account: Account, camera: str, span_us: tuple[int, int], now_us: int) -> bool:
    """May footage of `camera` from, to be shown to this person now, as far as the account goes?"""
    start, end = span_us
    if start >= end or not may(account, Right.FOOTAGE, now_us):
        return False
    grant = account.grant
    if account.role is not Role.VIEWER or grant is None:
        return account.role is Role.MANAGER
    return camera in grant.cameras and grant.from_us <= start and end <= grant.to_us
