"""The life of alerts: signals open, feed and close them. No clock, no input or output: times come with the calls.

- Signals of one kind on one camera, or on cameras that are linked to it, are one alert while they last. A camera's
  own truth (covered, moved...) is one alert per camera and rule. What a person reports is always an alert of its own.
- An alert closes QUIET after its last signal. A signal of the same family within COOL_DOWN after that opens it again
  instead of another one: the same visitor is not two alerts.
- A camera opens at most CAP alerts an hour; from then on its signals are counted, not alerted, and one fault says
  that the camera is noisy. People, panic and fire are never capped.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from appliance.alerts.model import PRESENCE, Alert, Kind, Signal, Source

SECOND_US: Final = 1_000_000

QUIET_US: Final = 20 * SECOND_US
"""Silence after which an alert closes: the clip's seconds after the last sight, and a person behind a car."""

COOL_DOWN_US: Final = 60 * SECOND_US
"""Microseconds after closing in which the same family goes on as the same alert."""

CAP: Final = 10
CAP_PERIOD_US: Final = 3600 * SECOND_US
"""Alerts an hour and camera: a person who must look at more than one each six minutes looks at none."""

NEVER_CAPPED: Final = frozenset({Kind.ACTIVE, Kind.FIRE})

Family = tuple[str, ...]


class Opened(NamedTuple):
    """A new alert."""

    alert: Alert


class Grew(NamedTuple):
    """An alert got another signal; `again`: it had closed and goes on."""

    alert: Alert
    again: bool


class Closed(NamedTuple):
    """Nothing came for QUIET_US."""

    alert: Alert


class Suppressed(NamedTuple):
    """A signal over the cap. `first`: the camera has just become noisy."""

    signal: Signal
    first: bool


Change = Opened | Grew | Closed | Suppressed


@dataclass(slots=True)
class _Camera:
    opened_us: deque[int] = field(default_factory=deque)
    noisy: bool = False


class Book:
    """Alerts that are active or in their cool-down. Hand it each signal and the time; store what it returns."""

    def __init__(self, linked: Mapping[str, Iterable[str]] | None = None) -> None:
        """`linked`: cameras that show the same place, e.g. a thermal one and its colour twin; either way counts."""
        self._group = groups(linked or {})
        self._recent: dict[Family, Alert] = {}
        self._cameras: dict[str, _Camera] = {}

    def resume(self, alerts: Iterable[Alert]) -> None:
        """After a restart: alerts still active or closed of late go on, the last hour counts for the cap."""
        for alert in sorted(alerts, key=lambda alert: alert.opened_us):
            if alert.first.source is not Source.PERSON:
                self._recent[self._family(alert.first)] = alert
            self._count_in(alert.first)

    def signal(self, signal: Signal, rarity: float = 1.0) -> list[Change]:
        """One more observation. `rarity` of its hour, 0 to 1 (see score)."""
        if signal.source is Source.PERSON:
            return [Opened(self._open(signal, rarity))]
        family = self._family(signal)
        known = self._recent.get(family)
        if known is not None and signal.utc_us <= _forgotten_us(known):
            again = known.closed_us is not None
            known.closed_us = None
            known.last_us = max(known.last_us, signal.utc_us)
            known.signals += 1
            known.score_sum += signal.score
            known.weight = max(known.weight, signal.weight)
            if signal.rule not in known.rules and signal.rule != PRESENCE:
                known.rules.append(signal.rule)
            if signal.camera not in known.cameras:
                known.cameras = (*known.cameras, signal.camera)
            return [Grew(known, again)]
        if self._capped(signal):
            camera = self._camera(signal.camera)
            first, camera.noisy = not camera.noisy, True
            return [Suppressed(signal, first)]
        alert = self._open(signal, rarity)
        self._recent[family] = alert
        return [Opened(alert)]

    def tick(self, now_us: int) -> list[Change]:
        """Close what has been quiet; forget what is past its cool-down. Call it each second."""
        changes: list[Change] = []
        for family, alert in list(self._recent.items()):
            if alert.active and now_us - alert.last_us >= QUIET_US:
                alert.closed_us = now_us
                changes.append(Closed(alert))
            if now_us > _forgotten_us(alert):
                del self._recent[family]
        for name in self._cameras:
            self._count(name, now_us)
        return changes

    def open_on(self, camera: str) -> Alert | None:
        """The alert of rules that goes on where this camera looks, None when there is none."""
        alert = self._recent.get((Kind.PASSIVE.value, min(self._group.get(camera, frozenset({camera})))))
        return alert if alert is not None and alert.active else None

    def active(self) -> list[Alert]:
        """Alerts that still go on."""
        return [alert for alert in self._recent.values() if alert.active]

    def noisy(self) -> list[str]:
        """Cameras over their cap."""
        return sorted(name for name, camera in self._cameras.items() if camera.noisy)

    def _open(self, signal: Signal, rarity: float) -> Alert:
        self._count_in(signal)
        closed = signal.utc_us if signal.source is Source.PERSON else None  # a report is a moment
        return Alert(
            number=0,
            first=signal,
            cameras=(signal.camera, *sorted(self._group.get(signal.camera, frozenset()) - {signal.camera})),
            opened_us=signal.utc_us,
            last_us=signal.utc_us,
            closed_us=closed,
            score_sum=signal.score,
            weight=signal.weight,
            rarity=rarity,
            rules=[signal.rule],
        )

    def _family(self, signal: Signal) -> Family:
        if signal.source is Source.CAMERA:
            return ("camera", signal.camera, signal.rule)
        return (signal.kind.value, min(self._group.get(signal.camera, frozenset({signal.camera}))))

    def _count_in(self, signal: Signal) -> None:
        if signal.source is not Source.PERSON and signal.kind not in NEVER_CAPPED:
            self._camera(signal.camera).opened_us.append(signal.utc_us)

    def _capped(self, signal: Signal) -> bool:
        return signal.kind not in NEVER_CAPPED and self._count(signal.camera, signal.utc_us) >= CAP

    def _count(self, name: str, now_us: int) -> int:
        camera = self._camera(name)
        while camera.opened_us and now_us - camera.opened_us[0] >= CAP_PERIOD_US:
            camera.opened_us.popleft()
        if len(camera.opened_us) < CAP:
            camera.noisy = False
        return len(camera.opened_us)

    def _camera(self, name: str) -> _Camera:
        return self._cameras.setdefault(name, _Camera())


def groups(linked: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """Each camera's whole group: links count in both directions and through each other."""
    found: dict[str, set[str]] = {}
    for camera, others in linked.items():
        whole = {camera, *others}
        for name in list(whole):
            whole |= found.get(name, set())
        for name in whole:
            found[name] = whole
    return {name: frozenset(whole) for name, whole in found.items()}


def _forgotten_us(alert: Alert) -> int:
    return (alert.last_us + QUIET_US if alert.closed_us is None else alert.closed_us) + COOL_DOWN_US
