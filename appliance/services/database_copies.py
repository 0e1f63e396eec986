"""A service's database in safety: copied each hour by way of the recorder, put back when it is missing or damaged."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from appliance.core.chain import Tell
from appliance.core.database import Database
from appliance.core.errors import ApplianceError
from appliance.ring.access.reader import RecorderClient
from appliance.ring.faults import RecordLost
from appliance.services.records import ask_back, restored

log = logging.getLogger(__name__)

COPY_S: Final = 3600.0
"""Seconds between copies: what a dead system disk may take of what people entered."""

WITHOUT_PICTURES: Final = ("UPDATE alert SET picture = NULL",)
"""Pictures of alerts are kept nowhere longer than the footage they are from: no copy has them."""


class DatabaseCopies:
    """One of these a database; made before it is opened."""

    def __init__(
        self, database: Database, name: str, recorder: Path, tell: Tell, *, without: Sequence[str] = ()
    ) -> None:
        """`name`: of the copies, in records.OWNERS; `recorder`: its socket; `without`: see Database.copy."""
        self._database = database
        self._name = name
        self._recorder = recorder
        self._tell = tell
        self._without = without
        self._faults: list[ApplianceError] = []
        database.find_copy = self._find

    async def once(self) -> None:
        """Periodic work. Raises DatabaseUnusable, RecorderUnreachable, RecorderRefused."""
        data = await self._database.copy(without=self._without)
        async with RecorderClient(self._recorder) as recorder:
            await recorder.keep(self._name, data)

    async def _find(self) -> bytes | None:
        found = await ask_back(self._recorder, self._name)
        if found is not None:
            self._say(restored(self._name, found[1]))
            return found[0]
        if self._database.damaged is not None:
            self._say(RecordLost(name=self._name))
        return None

    def _say(self, fault: ApplianceError) -> None:
        log.error("%s", fault)
        self._faults.append(fault)
        self._tell(fault.code, fault.facts)

    def faults(self) -> list[dict[str, str]]:
        """What was put back or lost at this start, for the state."""
        return [{"code": f.code, "fr": f.sentence("fr"), "en": f.sentence("en")} for f in self._faults]
