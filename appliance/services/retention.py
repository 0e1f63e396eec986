"""What the law asks of a recorder's ring, wired: the clock's word, the site's days, the register."""

import logging
from typing import Final

from appliance.core.errors import ApplianceError
from appliance.core.judgement import Judgement
from appliance.ring.expiry.destruction import Register
from appliance.ring.expiry.expirer import Keeping, Terms
from appliance.ring.recording import Ring
from appliance.services.clock import ClockKeeper
from appliance.site.model import Site

log = logging.getLogger(__name__)

RETENTION_S: Final = 60.0
"""Seconds between passes of expiry: what is due is shown to nobody at once, and gone within a minute or two."""


class RetentionKeeper:
    """One of these a recorder. `run` is its periodic work; a change of the clock's state makes it look at once."""

    def __init__(self, site: Site, ring: Ring, clock: ClockKeeper, register: Register) -> None:
        self._site = site
        self._cameras = {camera.id: camera for camera in site.camera}
        self._ring = ring
        self._clock = clock
        ring.expirer.keeping = Keeping(site.site.zone, self._terms, clock, holds=ring.protected)
        ring.destruction.register = register
        ring.on_witness = clock.hear
        clock.on_change.append(self._changed)

    async def start(self) -> None:
        """The ring is open and nothing is served yet: true times, and what is due goes. Never raises."""
        try:
            await self._ring.make_lawful(self._clock.anchor(), self._clock.former)
        except ApplianceError as error:
            log.error("tried again within a minute: %s", error)  # noqa: TRY400 - the sentence says all

    async def run(self) -> None:
        """Periodic work. Raises IndexUnavailable and what the register raises."""
        await self._ring.keep_lawful(self._clock.anchor(), self._clock.former)

    async def _changed(self, _judgement: Judgement) -> None:
        if self._ring.opened:
            await self.start()

    def _terms(self, camera: str) -> Terms:
        """How long a camera's pictures are kept; one that left the site file is kept as the site says."""
        return Terms(*self._site.days_of(self._cameras.get(camera)))
