"""Leases of chunks of the ring that are still to be copied: the ring keeps them a little longer when it can."""

import logging
from collections.abc import Iterable
from typing import Final

from appliance.core.errors import ApplianceError
from appliance.ring.access.lookup import MAX_LEASE_S
from appliance.ring.faults import UnknownLease
from appliance.ring.shared import Shared

log = logging.getLogger(__name__)

RENEW_US: Final = 20_000_000
"""Leases of what is still to be copied last 60 s and are renewed in a third of it."""

_LONG_AGO_US: Final = -(1 << 62)


class SourceLeases:
    """One lease at a time, of all sources of all holds. Lives in the ring's event loop."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._lease = ""
        self._leased_us = _LONG_AGO_US

    def hurry(self) -> None:
        """There are new sources: the next `renew` does not wait for its time."""
        self._leased_us = _LONG_AGO_US

    def renew(self, sources: Iterable[tuple[str, int]]) -> None:
        """Called after each tick; when it is time, these chunks, (disk uuid, number), are leased anew."""
        now = self._shared.clock.monotonic_us()
        if now - self._leased_us < RENEW_US:
            return
        self._leased_us = now
        chunks = set(sources)
        leases = self._shared.catalogue.leases
        try:
            if self._lease:
                leases.release(self._lease)
        except UnknownLease:
            pass  # it ended by itself
        self._lease = ""
        if chunks:
            try:
                self._lease, _ = leases.grant(chunks, MAX_LEASE_S)
            except ApplianceError as error:  # too many readers: the copy goes on and may lose a race
                log.warning("protected copies without a lease: %s", error)
