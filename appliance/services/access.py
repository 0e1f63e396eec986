"""Which service may ask another for what: users of the units, by name. What is not written here is refused.

Root (a technician at the console) and the service's own user may ask everything, see `core.lines`. In development all
services are one user, and none of these names exists.
"""

import pwd
from collections.abc import Callable, Iterable, Mapping
from typing import Final

WEB: Final = "appliance-web"
DETECTOR: Final = "appliance-detector"
RECORDER: Final = "appliance-recorder"
CONSOLE: Final = "appliance-console"
CONFIRM: Final = "appliance-confirm"
"""Users of the units (`systemd/sysusers.d/appliance.conf`)."""

Table = Mapping[str, frozenset[str]]
"""Verbs by user."""

OF_RECORDER: Final[Table] = {
    WEB: frozenset({"state", "spans", "ranges", "lease", "release", "keep", "kept", "confirm-time"}),
    CONSOLE: frozenset({"state"}),
    CONFIRM: frozenset({"state"}),
    DETECTOR: frozenset({"state", "subscribe", "hold", "hold-extend", "keep", "kept"}),
}
"""The page shows and cuts; the detector follows and protects; both have their databases copied. The page
passes on that somebody who is logged in vouches for the time: it shows pictures again and destroys none. Nobody takes
over a disk or ends a hold but a person at the console."""

OF_DETECTOR: Final[Table] = {
    WEB: frozenset({"alerts", "alert", "picture", "answer", "report", "arming", "arm", "state"}),
}
"""The recorder asks the detector for nothing."""


def uid_of(user: str) -> int | None:
    """The uid of a user of this machine, None when there is no such user. Blocks."""
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return None


def allowed(table: Table, find: Callable[[str], int | None] = uid_of) -> dict[str, frozenset[int]]:
    """Uids by verb, as servers want it. A user that does not exist may nothing."""
    uids = {user: uid for user in table if (uid := find(user)) is not None}
    return {verb: frozenset(uids[u] for u in uids if verb in table[u]) for verb in sorted(_verbs(table.values()))}


def _verbs(groups: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*groups)
