"""Anchors of the other services' journals: the recorder notes their heads in its own, whose head the disks keep.

Lines removed at the end of a journal are found only by who knew of them (core/chain.py). The recorder reads the last
line of each journal that lies beside its own, and enters it one look later: by then it is durable, so a power cut is
never taken for a removal. What was removed within the last two looks before a removal cannot be seen.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from appliance.core.chain import MAX_LINE, Head, Tell, journal_files, parse, parse_head, processes, split_lines
from appliance.core.chain_errors import JournalUnreadable

log = logging.getLogger(__name__)

ANCHOR_S: Final = 300.0
"""Seconds between looks: at most 288 lines a day and service, 0.1 MB; journals are durable within a second."""

NOTED: Final = "anchor-noted"
"""Kind of the line; facts `service` and `anchor` (core.chain.Head in text)."""


class JournalAnchors:
    """One of these a recorder; lives in its event loop. `own`: the process whose journal `tell` writes."""

    def __init__(self, folder: Path, own: str, tell: Tell) -> None:
        self._folder = folder
        self._own = own
        self._tell = tell
        self._seen: dict[str, Head] = {}
        self._noted: dict[str, Head] = {}

    async def once(self) -> None:
        """Periodic work: enter what the look before saw, then look."""
        for process, head in self._seen.items():
            if self._noted.get(process) != head and self._tell(NOTED, {"service": process, "anchor": str(head)}):
                self._noted[process] = head
        self._seen = await asyncio.to_thread(last_heads, self._folder, self._own)


def last_heads(folder: Path, without: str) -> dict[str, Head]:
    """The last whole line of each journal in `folder` but one. What cannot be read is left out. Blocks."""
    found: dict[str, Head] = {}
    try:
        for process in processes(folder):
            if process != without and (head := _last_head(journal_files(folder, process)[-1])) is not None:
                found[process] = head
    except OSError as error:
        log.warning("journals beside ours: %s", error)
    return found


def _last_head(file: Path) -> Head | None:
    with file.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, 2) - 2 * MAX_LINE))
        whole = [raw for raw, _size, ended in split_lines(stream) if ended]
    try:
        line = parse(whole[-1]) if whole else None
    except JournalUnreadable:
        return None
    return None if line is None else parse_head(f"{line.sequence}:{line.hash}")


def noted_anchors(folder: Path, recorder: str) -> Mapping[str, list[Head]]:
    """All anchors that the recorder's journal holds of other services, by service. Blocks.

    Whether that journal itself holds is another question, which its own proof answers. Raises OSError.
    """
    found: defaultdict[str, list[Head]] = defaultdict(list)
    for file in journal_files(folder, recorder):
        with file.open("rb") as stream:
            for raw, _size, _ended in split_lines(stream):
                if NOTED.encode() not in raw:
                    continue
                try:
                    line = parse(raw)
                except JournalUnreadable:
                    continue
                head = parse_head(str(line.facts.get("anchor", "")))
                if line.kind == NOTED and head is not None:
                    found[str(line.facts.get("service", ""))].append(head)
    return found
