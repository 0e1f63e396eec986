"""A stream sink that keeps what it is given and checks the contract of media.stream while it does."""

from dataclasses import dataclass, field

from appliance.core.cause import GapCause
from appliance.media.stream import AccessUnit, RunStart


@dataclass
class Run:
    """One run as it was stored; `ended` is None while it is open."""

    start: RunStart
    units: list[AccessUnit] = field(default_factory=list)
    ended: GapCause | None = None


class KeepingSink:
    """Keeps every run; asserts keyframe first, rising decoding times, and no unit outside a run."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self._last_dts = -1

    def start_run(self, run: RunStart) -> None:
        assert not self.runs or self.runs[-1].ended is not None
        self.runs.append(Run(run))

    def append(self, unit: AccessUnit) -> None:
        run = self.runs[-1]
        assert run.ended is None
        assert unit.keyframe or run.units
        assert unit.dts_ticks > self._last_dts
        assert unit.pts_ticks >= unit.dts_ticks
        self._last_dts = unit.dts_ticks
        run.units.append(unit)

    def end_run(self, cause: GapCause) -> None:
        assert self.runs[-1].ended is None
        assert self.runs[-1].units
        self.runs[-1].ended = cause

    @property
    def causes(self) -> list[tuple[GapCause, GapCause | None]]:
        """(cause at the start, cause of the end) of each run."""
        return [(run.start.cause, run.ended) for run in self.runs]

    @property
    def pictures(self) -> int:
        return sum(len(run.units) for run in self.runs)
