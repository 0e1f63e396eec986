"""Alerts as a process keeps them: signals in, rows, protected copies and pictures out. One event loop.

What must not wait is stored first: the row is there before the copy is asked for, and an alert whose copy is refused
or whose recorder is away stays an alert, says why, and is tried again until its pictures are safe.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from appliance.alerts.life import CAP_PERIOD_US, COOL_DOWN_US, QUIET_US, Book, Closed, Grew, Opened, Suppressed
from appliance.alerts.model import Alert, Kind, Signal
from appliance.alerts.score import rarity
from appliance.alerts.store import SIGHTING_US, AlertStore, Answer, report
from appliance.core.chain import Tell, untold
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError

log = logging.getLogger(__name__)

BEFORE_US: Final = 10_000_000
AFTER_US: Final = 20_000_000
"""Microseconds of footage that are protected before the first and after the last signal of an alert."""

LONGEST_COPY_US: Final = 900_000_000
"""Microseconds: the copy of an alert that never ends stops growing after 15 minutes, the ring still has the rest."""

RETRY_US: Final = 10_000_000
"""Microseconds between two tries to protect an alert's footage."""


class Protector(Protocol):
    """Who copies footage out of the ring's way (the recorder). Both calls raise ApplianceError."""

    async def protect(self, alert: Alert, from_us: int, until_us: int) -> str:
        """Begin the copy of all cameras of the alert; its name."""
        ...

    async def extend(self, hold: str, until_us: int) -> None:
        """The copy goes on until then."""
        ...


Snapshot = Callable[[str, int], Awaitable[bytes | None]]
"""(camera, UTC us) to the JPEG of a keyframe near it; None when there is none."""


class AlertDesk:
    """One detector's alerts. `signal` and `tick` are called in turn by one task; the rest any time."""

    def __init__(
        self,
        store: AlertStore,
        book: Book,
        clock: Clock,
        protector: Protector,
        snapshot: Snapshot,
        tell: Tell = untold,
    ) -> None:
        self.store = store
        self._book = book
        self._clock = clock
        self._protector = protector
        self._snapshot = snapshot
        self._tell = tell
        self._holds: dict[int, str] = {}
        self._until_us: dict[int, int] = {}
        self._growing: dict[int, Alert] = {}
        self._unprotected: dict[int, tuple[Alert, int]] = {}  # the alert, when it may be tried again (monotonic)
        self._unpictured: dict[int, Alert] = {}
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Open the store; alerts of the life before go on."""
        await self.store.open()
        now = self._clock.utc_us()
        alerts = await self.store.recent(now, now - CAP_PERIOD_US)
        self._book.resume(alerts)
        for alert in alerts:
            entry = await self.store.entry(alert.number)
            if entry.hold:
                self._holds[alert.number] = entry.hold
                self._growing[alert.number] = alert
            elif alert.active or entry.hold_fault:
                self._unprotected[alert.number] = (alert, 0)

    async def close(self) -> None:
        """Close the store."""
        await self.store.close()

    async def signal(self, signal: Signal) -> None:
        """One more observation: stored when this returns."""
        async with self._lock:
            rare = rarity(await self.store.active_weeks(signal.camera, signal.zone, signal.utc_us))
            for change in self._book.signal(signal, rare):
                match change:
                    case Opened(alert):
                        await self._opened(alert)
                    case Grew(alert):
                        await self.store.changed(alert)
                        await self.store.saw(alert.number, [signal])
                    case Suppressed(_, first):
                        await self.store.suppressed(signal.camera, signal.utc_us)
                        if first:
                            self._tell("camera-noisy", {"camera": signal.camera})
                    case Closed():  # only `tick` closes
                        pass
            await self.store.saw_activity(signal.camera, signal.zone, signal.utc_us)

    async def present(self, signals: Sequence[Signal]) -> None:
        """Who is still there, on one camera: feeds its open alert, each SIGHTING_US at most; never opens one."""
        async with self._lock:
            alert = self._book.open_on(signals[0].camera) if signals else None
            if alert is None or signals[-1].utc_us - alert.last_us < SIGHTING_US:
                return
            for signal in signals:
                self._book.signal(signal)
            await self.store.changed(alert)
            await self.store.saw(alert.number, signals)

    async def report(self, camera: str, kind: Kind, by: str, note: str) -> int:
        """A person reports a fact: the alert's number. Raises ReportEmpty."""
        signal = report(self._clock.utc_us(), camera, kind, by, note)
        async with self._lock:
            change = self._book.signal(signal)[0]
            assert isinstance(change, Opened)
            await self._opened(change.alert)
        return change.alert.number

    async def answer(self, number: int, answer: Answer) -> None:
        """A person's verdict. Raises UnknownAlert, VerdictUnsigned."""
        await self.store.answer(number, answer)
        self._tell("alert-answered", {"alert": number, "verdict": answer.verdict.value, "by": answer.by.strip()})

    async def tick(self) -> None:
        """Each second: close what is quiet."""
        async with self._lock:
            for change in self._book.tick(self._clock.utc_us()):
                if isinstance(change, Closed):
                    await self.store.changed(change.alert)
                    self._tell("alert-closed", {"alert": change.alert.number})

    async def safeguard(self) -> None:
        """Twice a second, beside `tick`: copies begin, grow and are tried again, pictures are fetched.

        Never under the lock: a copy answers when seconds of footage are safe, and signals do not wait for it.
        """
        for number, (alert, due_us) in list(self._unprotected.items()):
            if self._clock.monotonic_us() >= due_us:
                await self._protect(number, alert)
        for alert in list(self._growing.values()):
            await self._grow(alert)
        for alert in list(self._unpictured.values()):
            await self._picture(alert)

    def noisy(self) -> list[str]:
        """Cameras over their cap."""
        return self._book.noisy()

    def unprotected(self) -> list[int]:
        """Numbers of alerts whose footage is not safe yet."""
        return sorted(self._unprotected)

    async def _opened(self, alert: Alert) -> None:
        await self.store.opened(alert)
        first = alert.first
        self._tell(
            "alert-opened",
            {"alert": alert.number, "camera": first.camera, "rule": first.rule, "source": first.source.value},
        )
        log.info("alert %d: %s on %s", alert.number, first.rule, first.camera)
        self._unpictured[alert.number] = alert
        self._unprotected[alert.number] = (alert, 0)

    async def _protect(self, number: int, alert: Alert) -> None:
        until = alert.last_us + AFTER_US
        try:
            hold = await self._protector.protect(alert, alert.opened_us - BEFORE_US, until)
        except ApplianceError as error:
            log.error("alert %d is not protected: %s", alert.number, error)  # noqa: TRY400 - the sentence says all
            self._unprotected[alert.number] = (alert, self._clock.monotonic_us() + RETRY_US)
            await self.store.not_held(alert.number, error.code)
            return
        del self._unprotected[number]
        self._holds[number], self._until_us[number], self._growing[number] = hold, until, alert
        await self.store.held(number, hold)

    async def _grow(self, alert: Alert) -> None:
        """The copy reaches AFTER_US behind the last signal, and is extended a quiet time ahead, not each second."""
        hold = self._holds.get(alert.number)
        longest = alert.opened_us + LONGEST_COPY_US
        wanted = min(alert.last_us + AFTER_US, longest)
        held = self._until_us.get(alert.number, alert.opened_us)
        if hold is None or wanted <= held or (alert.active and wanted < longest and wanted - held < QUIET_US // 4):
            if not alert.active and self._clock.utc_us() - alert.last_us > QUIET_US + COOL_DOWN_US:
                self._growing.pop(alert.number, None)  # it cannot go on any more
            return
        try:
            await self._protector.extend(hold, wanted)
        except ApplianceError as error:
            log.error("alert %d: copy not extended: %s", alert.number, error)  # noqa: TRY400 - the sentence says all
            return  # the next second tries again
        self._until_us[alert.number] = wanted

    async def _picture(self, alert: Alert) -> None:
        """The keyframe of the first sight; it may not be durable yet, so a few seconds are waited for it."""
        try:
            jpeg = await self._snapshot(alert.first.camera, alert.opened_us)
        except ApplianceError as error:
            log.warning("alert %d has no picture yet: %s", alert.number, error)
            jpeg = None
        if jpeg is not None:
            await self.store.pictured(alert.number, jpeg)
        if jpeg is not None or self._clock.utc_us() - alert.opened_us > AFTER_US:
            self._unpictured.pop(alert.number, None)
