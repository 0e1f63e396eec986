"""Who aims which camera now, and the trace of it: entered in the journal before the first picture and at the end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from appliance.accounts.aim import LASTS_US, Aim, Aims, End, due, remaining_us
from appliance.accounts.roles import Account
from appliance.core.chain import Facts, Tell
from appliance.core.clock import Clock
from appliance.core.database import DatabaseUnusable
from appliance.web.aim_errors import AimGoesOn, AimNeeded, AimNotWritten, AimTooSoon

log = logging.getLogger(__name__)

SWEEP_S: Final = 2.0
"""Seconds between two looks at what has ended by its time, or with a session that ended by its own."""

Sits = Callable[[str, bytes], Awaitable[bool]]
"""Does this account's session of that hash live, and may it aim, now? Raises DatabaseUnusable."""


@dataclass(slots=True)
class Running:
    """An aiming that goes on. `since_us`, `last_us`: monotonic, of its beginning and of its newest picture;
    `session`: the hash of the one that it was begun in.
    """

    aim: Aim
    since_us: int
    session: bytes
    last_us: int | None = None


class AimBook:
    """One of these a page's process; `load` before it serves. One aiming a person."""

    def __init__(self, store: Aims, clock: Clock, tell: Tell, sits: Sits) -> None:
        self.store, self.clock = store, clock
        self._tell, self._sits = tell, sits
        self._running: dict[str, Running] = {}  # by account
        self._unkept: dict[int, Aim] = {}  # ended in the journal, and not yet in the table
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """What a killed process left has ended. Raises DatabaseUnusable."""
        now = self.clock.utc_us()
        for aim in await self.store.unended():
            end = max(aim.opened_us, min(now, aim.opened_us + LASTS_US))
            self._tell_end(replace(aim, ended_us=end, how=End.SERVICE))
        await self._keep()

    async def open(self, account: Account, camera: str, session: bytes) -> Running:
        """Begin; another camera's ends by it. `session`: the hash of the person's.

        Raises AimGoesOn, AimNotWritten, DatabaseUnusable.
        """
        async with self._turn:
            self._sweep()
            before = self._running.get(account.name)
            if before is not None and before.aim.camera == camera:
                raise AimGoesOn
            if before is not None:
                self._end(before, End.OTHER)
            await self._keep()
            aim = Aim(account.name, account.function, camera, self.clock.utc_us())
            aim = replace(aim, number=await self.store.add(aim))
            if not self._told("aim-opened", aim, {"lasts_us": LASTS_US}):
                await self.store.drop(aim.number)
                raise AimNotWritten
            running = self._running[account.name] = Running(aim, self.clock.monotonic_us(), session)
            return running

    def current(self, who: str) -> Running | None:
        """What this person aims at now."""
        running = self._running.get(who)
        return running if running is not None and self.remaining_us(running) else None

    def remaining_us(self, running: Running) -> int:
        """Us that are left of it."""
        return remaining_us(running.since_us, self.clock.monotonic_us())

    def admit(self, who: str, camera: str) -> Running:
        """A picture is asked for: it may be made. Raises AimNeeded, AimTooSoon."""
        running = self.current(who)
        if running is None or running.aim.camera != camera:
            raise AimNeeded
        now = self.clock.monotonic_us()
        if not due(running.last_us, now):
            raise AimTooSoon
        running.last_us = now
        return running

    def left(self, running: Running) -> None:
        """The picture is made and leaves now; its time may have ended while it was made. Raises AimNeeded."""
        if self.current(running.aim.who) is not running:
            raise AimNeeded
        running.aim = replace(running.aim, pictures=running.aim.pictures + 1)

    async def stop(self, who: str) -> None:
        """The end by the person's hand, if there is anything to end. Raises DatabaseUnusable."""
        async with self._turn:
            self._sweep()
            running = self._running.get(who)
            if running is not None:
                self._end(running, End.STOPPED)
            await self._keep()

    async def sweep(self) -> None:
        """Periodic: enter what has ended by its time or with its session. Raises DatabaseUnusable."""
        async with self._turn:
            self._sweep()
            for running in list(self._running.values()):
                if not await self._sits(running.aim.who, running.session):
                    self._end(running, End.SESSION)
            await self._keep()

    async def sessions_ended(self) -> None:
        """Somebody's session is over, or their account: what was aimed in it ends at once."""
        try:
            await self.sweep()
        except DatabaseUnusable as error:  # no log-out fails for it: what is left to do the next sweep does
            log.error("the end of an aiming is not kept: %s", error)  # noqa: TRY400 - the words are enough

    async def close(self) -> None:
        """The service ends, and all of them with it. Raises DatabaseUnusable."""
        async with self._turn:
            for running in list(self._running.values()):
                self._end(running, End.SERVICE)
            await self._keep()

    def _sweep(self) -> None:
        for running in [each for each in self._running.values() if not self.remaining_us(each)]:
            self._end(running, End.TIME)

    def _end(self, running: Running, how: End) -> None:
        """No picture leaves any more, whatever the disk says; `_keep` follows."""
        now = self.clock.utc_us()
        end = min(now, running.aim.opened_us + LASTS_US) if now >= running.aim.opened_us else now
        del self._running[running.aim.who]
        self._tell_end(replace(running.aim, ended_us=end, how=how))

    def _tell_end(self, aim: Aim) -> None:
        self._told("aim-ended", aim, {"ended_us": aim.ended_us or 0, "how": str(aim.how), "pictures": aim.pictures})
        self._unkept[aim.number] = aim

    async def _keep(self) -> None:
        """The table has what the journal has; a disk that was full is asked again. Raises DatabaseUnusable."""
        for number, aim in list(self._unkept.items()):
            await self.store.end(aim)
            del self._unkept[number]

    def _told(self, kind: str, aim: Aim, facts: Facts) -> bool:
        who: Facts = {"aim": aim.number, "who": aim.who, "function": aim.function, "camera": aim.camera}
        return self._tell(kind, {**who, "opened_us": aim.opened_us, **facts})
