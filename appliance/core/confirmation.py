"""Is this start a good one? Decided from what is seen, so that a new version that does not record is left behind.

A version that was installed a moment ago has three starts to prove itself (systemd's boot counting); each start is
confirmed when all services are ready, every disk can be written and recording has run for GOOD_US without a break. Not
within LIMIT_US, or sooner where a service does nothing but die: refused with its reasons, and the next start takes the
version before. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

GOOD_US: Final = 120_000_000
"""us. Two minutes of recording: a service that starts and dies a moment later is not taken for a good one."""

LIMIT_US: Final = 900_000_000
"""us. Cameras that share the appliance's power need minutes to start; a quarter of an hour is a failure."""


DEATHS: Final = 10
"""Restarts of a service that does not run: it dies of itself, and a site without recording waits no longer for it than
a good one is watched (GOOD_US). A disk that hangs costs a restart too, but not one every few seconds.
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """One look. `units`: state by name as systemd says it; `disks`: sentence by disk that does not record;
    `recording`: True when a picture of any camera became durable a moment ago, None when no camera is set up yet;
    `deaths`: by service, how often systemd started it again.
    """

    units: Mapping[str, str]
    disks: tuple[str, ...]
    recording: bool | None
    deaths: Mapping[str, int] = field(default_factory=dict)

    @property
    def dying(self) -> bool:
        """Whether a service is down that was started again and again."""
        return any(state != "active" and self.deaths.get(name, 0) >= DEATHS for name, state in self.units.items())


@dataclass(frozen=True, slots=True)
class Reason:
    """Why not, in both languages."""

    fr: str
    en: str


def reasons(seen: Seen) -> list[Reason]:
    """All that speaks against this start at this look; none: it is good."""
    found = [
        Reason(f"le service {name} ne fonctionne pas ({state})", f"service {name} does not run ({state})")
        for name, state in sorted(seen.units.items())
        if state != "active"
    ]
    found += [Reason(f"disque : {why}", f"disk: {why}") for why in seen.disks]
    if seen.recording is False:
        found.append(Reason("aucune caméra n'est enregistrée", "no camera is recorded"))
    return found


@dataclass(slots=True)
class Confirmation:
    """Looks one after the other; `started_us` and every `now_us` of one monotonic clock."""

    started_us: int
    good_since_us: int | None = None
    dying_since_us: int | None = None
    against: tuple[Reason, ...] = ()

    def look(self, seen: Seen, now_us: int) -> bool | None:
        """True: confirmed. False: refused, `against` says why. None: look again."""
        found = tuple(reasons(seen))
        if found:
            self.good_since_us, self.against = None, found
        elif self.good_since_us is None:
            self.good_since_us = now_us
        if self.good_since_us is not None and now_us - self.good_since_us >= GOOD_US:
            return True
        if not seen.dying:
            self.dying_since_us = None
        elif self.dying_since_us is None:
            self.dying_since_us = now_us
        hopeless = self.dying_since_us is not None and now_us - self.dying_since_us >= GOOD_US
        if not hopeless and now_us - self.started_us < LIMIT_US:
            return None
        self.against = self.against or (Reason("rien n'a duré deux minutes", "nothing lasted for two minutes"),)
        return False
