"""The pauses that were made, so that a gap in the past is told apart from a pause, and is cut where one begins or ends.

A stored run names one cause for the gap before it; a gap of a night may hold a power cut and then a planned pause. The
book knows when each camera was kept from recording: from the running process, and, after a start, from the lines
`pause-begun`, `pause-ended` and `service-started` of the journal (never from the calendar: the one in force today
is not that of last week). With the journal lost, a gap is told by its run's cause alone.

Pure. Instants are UTC microseconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from appliance.core.cause import GapCause
from appliance.core.chain import Facts

KEPT_US: Final = 32 * 86_400_000_000
"""us. A calendar month of pictures at the most, and a day: older pauses have no gap beside a picture."""

BEGUN: Final = "pause-begun"
ENDED: Final = "pause-ended"
STARTED: Final = "service-started"
"""Kinds of the journal's lines that the book is learned from."""


class Pause(NamedTuple):
    """One pause of a camera, [from, to)."""

    from_us: int
    to_us: int
    cause: GapCause


@dataclass(slots=True)
class _Open:
    from_us: int
    until_us: int | None
    cause: GapCause


@dataclass(slots=True)
class PauseBook:
    """Pauses of all cameras by id."""

    _closed: dict[str, list[Pause]] = field(default_factory=dict)
    _open: dict[str, _Open] = field(default_factory=dict)

    def begin(self, camera: str, from_us: int, until_us: int | None, cause: GapCause) -> None:
        """A pause begins; `until_us`: its planned end, None when nobody knows."""
        self.end(camera, from_us)
        self._open[camera] = _Open(from_us, until_us, cause)

    def end(self, camera: str, at_us: int) -> None:
        """The pause under way is over, at its planned end at the latest. Nothing happens without one."""
        pause = self._open.pop(camera, None)
        if pause is None:
            return
        to_us = at_us if pause.until_us is None else min(at_us, pause.until_us)
        if to_us > pause.from_us:
            held = self._closed.setdefault(camera, [])
            held.append(Pause(pause.from_us, to_us, pause.cause))
            while held[0].to_us < to_us - KEPT_US:
                held.pop(0)

    def interrupted(self, at_us: int) -> None:
        """The process that kept the cameras paused ended some time before `at_us`."""
        for camera in list(self._open):
            self.end(camera, at_us)

    def learn(self, lines: Iterable[tuple[str, int, Facts]]) -> None:
        """Add what earlier lives of the process told, in order: (kind, UTC, facts). Odd lines are left out."""
        past = PauseBook()
        for kind, utc_us, facts in lines:
            if kind == STARTED:
                past.interrupted(utc_us)
                continue
            camera, cause = str(facts.get("camera", "")), str(facts.get("cause", ""))
            if kind == ENDED:
                past.end(camera, utc_us)
            elif kind == BEGUN and camera and cause in GapCause.__members__:
                since, until = facts.get("since_utc_us"), facts.get("until_utc_us")
                from_us = min(since, utc_us) if isinstance(since, int) else utc_us
                past.begin(camera, from_us, until if isinstance(until, int) and until > 0 else None, GapCause[cause])
        for camera, pauses in past._closed.items():
            self._closed[camera] = pauses + self._closed.get(camera, [])

    def between(self, camera: str, from_us: int, to_us: int) -> list[Pause]:
        """Pauses that overlap [from, to), clipped to it, in order, disjoint; one under way lasts to its planned end."""
        rows = list(self._closed.get(camera, ()))
        if (pause := self._open.get(camera)) is not None:
            rows.append(Pause(pause.from_us, to_us if pause.until_us is None else pause.until_us, pause.cause))
        found: list[Pause] = []
        for row in sorted(rows):
            begin = max(row.from_us, from_us, found[-1].to_us if found else from_us)
            end = min(row.to_us, to_us)
            if begin >= end:
                continue
            if found and found[-1].to_us == begin and found[-1].cause is row.cause:
                begin = found.pop().from_us
            found.append(Pause(begin, end, row.cause))
        return found
