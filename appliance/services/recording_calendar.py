"""The recording calendar at work: keeps each camera's runners away, and its gates shut, while it must not be recorded.

One job looks twice a second; the gates' limits are exact whatever the job's delay. What it does is entered in the
journal, and learned back from there at a start, so that yesterday's pauses are still told apart from gaps.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from appliance.capture.gate import Gate
from appliance.core.cause import GapCause
from appliance.core.chain import Facts, Tell, journal_files, parse, split_lines
from appliance.core.chain_errors import JournalUnreadable
from appliance.core.clock import Clock
from appliance.site.calendar import CameraRule
from appliance.site.model import CameraSettings, Site
from appliance.site.pauses import BEGUN, ENDED, KEPT_US, STARTED, PauseBook
from appliance.site.schedule import Decision, decide, pause_words

log = logging.getLogger(__name__)

CALENDAR_S: Final = 0.5
"""Seconds between two looks: how late recording may begin again, and how late a camera is hung up."""


LEARN_S: Final = 5.0
"""Seconds for reading a month of the journal, which takes under one: the page must not wait for a disk that hangs."""


class Pausable(Protocol):
    """What the calendar needs of a runner."""

    def pause(self, cause: GapCause) -> None: ...

    def resume(self) -> None: ...


@dataclass(slots=True)
class _Camera:
    """One camera under the calendar. `decision`: what was last carried out; `at_us`: UTC when a pause really began."""

    rule: CameraRule
    gates: list[Gate] = field(default_factory=list)
    runners: list[Pausable] = field(default_factory=list)
    decision: Decision | None = None
    at_us: int = 0


class RecordingCalendar:
    """Carries out the calendar of one site."""

    def __init__(self, site: Site, clock: Clock, doubtful: Callable[[], bool], tell: Tell) -> None:
        """`doubtful`: UTC is not to be believed now."""
        self._calendar = site.opening_calendar
        self._zone = site.site.zone
        self._clock = clock
        self._doubtful = doubtful
        self._tell = tell
        self._cameras = {camera.id: _Camera(site.rule(camera)) for camera in site.camera}
        self._book = PauseBook()
        self._looked: tuple[int, bool] = (0, False)

    def add(self, camera: CameraSettings, gate: Gate, runner: Pausable) -> None:
        """A stream of the camera; call before the first `enforce`."""
        held = self._cameras[camera.id]
        held.gates.append(gate)
        held.runners.append(runner)

    async def run(self) -> None:
        """The periodic job."""
        self.enforce()

    def enforce(self) -> None:
        """Pause and resume what the calendar says now."""
        now, doubtful = self._clock.utc_us(), self._doubtful()
        before, was_doubtful = self._looked
        self._looked = (now, doubtful)
        for name, camera in self._cameras.items():
            held = camera.decision
            settled = held is not None and doubtful == was_doubtful and before <= now
            if held is None or not settled or (held.until_us is not None and now >= held.until_us):
                self._carry_out(
                    name, camera, decide(camera.rule, self._calendar, now, self._zone, doubtful=doubtful), now
                )

    def _carry_out(self, name: str, camera: _Camera, decision: Decision, now: int) -> None:
        held, camera.decision = camera.decision, decision
        if held is not None and held.cause is not GapCause.NONE and held.cause is not decision.cause:
            self._book.end(name, now)
            self._tell(ENDED, {"camera": name, "cause": held.cause.name, "from_utc_us": camera.at_us})
        if decision.records:
            for gate in camera.gates:
                gate.open(decision.until_us)
            for runner in camera.runners:
                runner.resume()
            return
        for gate in camera.gates:
            gate.shut()
        for runner in camera.runners:
            runner.pause(decision.cause)
        if held is None or held.cause is not decision.cause:
            camera.at_us = now
            self._book.begin(name, decision.since_us, decision.until_us, decision.cause)
            times: Facts = {"since_utc_us": decision.since_us, "until_utc_us": decision.until_us or 0}
            self._tell(BEGUN, {"camera": name, "cause": decision.cause.name, **times})

    async def learn(self, folder: Path, process: str) -> None:
        """Read earlier pauses from the journal, once; without them a gap is told by its run's cause alone."""
        now = self._clock.utc_us()
        try:
            async with asyncio.timeout(LEARN_S):
                rows = await asyncio.to_thread(past_lines, folder, process, now - KEPT_US)
        except TimeoutError:
            log.warning("the journal's disk does not answer: earlier pauses are not known")
            return
        self._book.learn([*rows, (STARTED, now, {})])

    def pauses(self, camera: str, from_us: int, to_us: int) -> list[tuple[int, int, str]]:
        """Pauses of a camera in [from, to): (from, to, name of the cause), in order."""
        return [(row.from_us, row.to_us, row.cause.name) for row in self._book.between(camera, from_us, to_us)]

    def state(self, camera: str) -> dict[str, object]:
        """For the camera's state: its rule, the pause under way, and when the next one begins."""
        held = self._cameras[camera]
        decision = held.decision
        told: dict[str, object] = {"recording": held.rule.recording.value, "pause": None, "next_pause_us": None}
        if decision is None:
            return told
        if decision.records:
            return {**told, "next_pause_us": decision.until_us}
        now = self._clock.utc_us()
        pause = {
            "cause": decision.cause.name,
            "from_us": held.at_us,
            "until_us": decision.until_us,
            "fr": pause_words(decision, now, self._zone, "fr"),
            "en": pause_words(decision, now, self._zone, "en"),
        }
        return {**told, "pause": pause}


def past_lines(folder: Path, process: str, since_us: int) -> list[tuple[str, int, Facts]]:
    """Lines of a journal that tell of pauses, from `since_us` on. Blocks; what cannot be read is left out."""
    found: list[tuple[str, int, Facts]] = []
    try:
        files = journal_files(folder, process)
    except OSError:
        return found
    for path in files:
        try:
            if path.stat().st_mtime_ns // 1000 >= since_us:
                found += _told(path)
        except OSError as error:
            log.warning("earlier pauses are not read from %s: %s", path.name, error)
    return found


def _told(path: Path) -> Iterator[tuple[str, int, Facts]]:
    wanted = tuple(f'"kind":"{kind}"'.encode() for kind in (BEGUN, ENDED, STARTED))
    with path.open("rb") as stream:
        for raw, _size, whole in split_lines(stream):
            if not whole or not any(kind in raw for kind in wanted):
                continue
            try:
                line = parse(raw)
            except JournalUnreadable:
                continue  # `journal verify` names it
            yield line.kind, line.stamp.utc_us, line.facts
