"""The second line of a planned pause: a sink that lets nothing through while its camera must not be recorded.

The first line is the runner, which hangs up. This one does not trust it: whatever still arrives, a picture dated at
or behind the limit never reaches the ring, so no delay of the event loop or of the calendar's job can store one.
"""

import logging
from collections.abc import Callable

from appliance.core.cause import GapCause
from appliance.core.units import us_to_ticks
from appliance.media.stream import AccessUnit, RunStart, StreamKey, StreamSink

log = logging.getLogger(__name__)

OnRun = Callable[[bool, GapCause], None]
"""Told of each run that begins (True, cause of the gap before it) and ends (False, why)."""


def unheard(_begun: bool, _cause: GapCause) -> None:
    """An OnRun for whoever does not care."""


class Gate:
    """A StreamSink before another one. Open without a limit at first; pictures then pass at no cost."""

    def __init__(self, key: StreamKey, sink: StreamSink, on_run: OnRun = unheard) -> None:
        self.key = key
        self.refused = 0  # pictures that came through the first line
        self.append: Callable[[AccessUnit], None] = sink.append  # of every picture: no call in between while open
        self._sink = sink
        self._on_run = on_run
        self._shut = False
        self._limit_us: int | None = None
        self._limit_ticks = 0
        self._run: RunStart | None = None  # the open one that was let through

    def shut(self) -> None:
        """Nothing passes from now on; an open run is its owner's to end."""
        self._shut = True
        self._choose()

    def open(self, until_us: int | None) -> None:
        """Let pictures dated before `until_us` through, all with None. UTC by the offset of their run."""
        self._shut = False
        self._limit_us = until_us
        self._choose()

    def start_run(self, run: RunStart) -> None:
        """Passed on, unless shut."""
        if self._shut:
            return
        self._run = run
        self._choose()
        self._sink.start_run(run)
        self._on_run(True, run.cause)

    def end_run(self, cause: GapCause) -> None:
        """Passed on if the run was."""
        if self._run is not None:
            self._run = None
            self._sink.end_run(cause)
            self._on_run(False, cause)

    def _choose(self) -> None:
        """Pictures pass, are looked at, or are refused."""
        if self._shut:
            self.append = self._refuse
        elif self._limit_us is None:
            self.append = self._sink.append
        else:
            if self._run is not None:
                self._limit_ticks = us_to_ticks(self._limit_us - self._run.utc_offset_us)
            self.append = self._before_limit if self._run is not None else self._refuse

    def _before_limit(self, unit: AccessUnit) -> None:
        if unit.pts_ticks < self._limit_ticks:
            self._sink.append(unit)
        else:
            self._refuse(unit)

    def _refuse(self, _unit: AccessUnit) -> None:
        if not self.refused:
            log.info("%s: pictures behind the beginning of a planned pause are not recorded", self.key)
        self.refused += 1
