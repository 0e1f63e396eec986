"""The journal of a service: where it lies, how it begins and ends with the service, what it says of itself.

A journal is proof, not a condition of work: whatever becomes of it, the service goes on and its fault is in the
state. So nothing here raises, and nothing waits for the system disk longer than a start or a stop may take.
"""

import asyncio
import logging
import platform
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final

from appliance.core.chain import Facts, Tell, parse_head
from appliance.core.chain_errors import JournalFactsRefused, JournalTruncated
from appliance.core.chain_file import JournalSettings
from appliance.core.chain_journal import Journal
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.site.model import Site

log = logging.getLogger(__name__)

RECORDER: Final = "recorder"
WEB: Final = "web"
DETECTOR: Final = "detector"
INPUTS: Final = "inputs"
"""Processes that have a journal: they begin the names of its files."""

WAIT_S: Final = 3.0
"""Seconds a start or a stop waits for the journal's disk. Opening takes 0.2 s; recording must begin within 3 s."""


def journal_folder(site: Site) -> Path:
    """Where the journals of a site's services lie: beside the recorder's index, on the system disk."""
    return site.recorder.index.parent / "journal"


def make_journal(
    site: Site,
    process: str,
    clock: Clock,
    clock_word: Callable[[], str] = lambda: "unknown",
    durable_kinds: Collection[str] = (),
) -> Journal:
    """The journal of one service, not begun yet. `clock_word`: the judgement on UTC in a word, for each line."""
    settings = JournalSettings(journal_folder(site), process, platform.node(), site.site.name)
    return Journal(settings, clock, clock_state=clock_word, durable_kinds=durable_kinds)


def telling(journal: Journal) -> Tell:
    """A Tell that enters lines in `journal`. What no line can hold is a bug of ours: logged, and work goes on."""

    def tell(kind: str, facts: Facts) -> bool:
        try:
            return journal.append(kind, facts)
        except JournalFactsRefused as error:
            log.error("%s", error)  # noqa: TRY400 - the sentence says all
            return False

    return tell


async def begin(journal: Journal) -> None:
    """Begin the journal; a disk that does not answer is waited for no longer than WAIT_S, lines wait in memory."""
    try:
        async with asyncio.timeout(WAIT_S):
            await journal.open(required=False)
    except TimeoutError:
        log.warning("the journal's disk does not answer: its lines wait in memory")


async def end(journal: Journal) -> None:
    """Make the journal durable and give it up, within WAIT_S."""
    try:
        async with asyncio.timeout(WAIT_S):
            await journal.close()
    except TimeoutError:
        log.warning("the journal's disk does not answer: its last lines are lost")


def truncation(journal: Journal, anchors: Iterable[str]) -> JournalTruncated | None:
    """Does an anchor that a disk kept know of lines that this journal, just begun, has not? None: it has them all."""
    known = max((head.sequence for text in anchors if (head := parse_head(text)) is not None), default=0)
    last = journal.head().sequence
    if last == 0 or known <= last:  # 0: not begun, which is another fault
        return None
    return JournalTruncated(path=str(journal.folder), last=last, known=known)


def journal_state(journal: Journal, found: ApplianceError | None = None) -> dict[str, object]:
    """For a service's state. `head`: number and hash of the last durable line, an anchor for whoever keeps it.

    `found`: what was found wrong with it at the start.
    """
    state = journal.state()
    wrong = [*state.faults, *([] if found is None else [found])]
    faults = [{"code": fault.code, "fr": fault.sentence("fr"), "en": fault.sentence("en")} for fault in wrong]
    return {
        "path": state.path,
        "head": state.head.sequence,
        "head_hash": state.head.hash,
        "waiting_bytes": state.waiting_bytes,
        "lost": state.lost,
        "faults": faults,
    }
