"""The recorder's journal as the register of destroyed footage (ring/expiry/destruction.py)."""

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

from appliance.core.chain import Facts, Tell, journal_files, split_lines
from appliance.core.chain_journal import Journal
from appliance.ring.expiry.destruction import KIND

log = logging.getLogger(__name__)


class JournalRegister:
    """Tells one journal. `folder`, `process`: where its files lie."""

    def __init__(self, journal: Journal, tell: Tell, folder: Path, process: str) -> None:
        self._journal = journal
        self._tell = tell
        self._folder = folder
        self._process = process

    def tell(self, kind: str, facts: Facts) -> bool:
        """Enter a line; False when it is lost."""
        return self._tell(kind, facts)

    async def settled(self) -> None:
        """Returns when all that was told is durable. Raises JournalWriteFailed, JournalInUse."""
        await self._journal.flush()

    async def knows(self, entries: Iterable[str]) -> set[str]:
        """Which of these entries the journal's files hold; one that cannot be read holds none, and is told again."""
        wanted = set(entries)
        return await asyncio.to_thread(self._search, wanted) if wanted else wanted

    def _search(self, wanted: set[str]) -> set[str]:
        found: set[str] = set()
        kind = KIND.encode()
        try:
            for path in reversed(journal_files(self._folder, self._process)):
                with path.open("rb") as stream:
                    for line, _size, _whole in split_lines(stream):
                        if kind in line:
                            found |= {entry for entry in wanted - found if entry.encode() in line}
                if found == wanted:
                    break
        except OSError as error:
            log.warning("the journal cannot be read (%s): what it may hold is told again", error.strerror)
        return found
