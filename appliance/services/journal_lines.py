"""What the recorder enters in its journal by itself: runs that begin and end, refusals, disks that go and return."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from appliance.capture.gate import OnRun
from appliance.core.cause import GapCause
from appliance.core.chain import Facts, Tell
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.thrift import Report, Thrift
from appliance.media.stream import StreamKey
from appliance.ring.faults import UnknownLease, UnknownStream

LINES_S: Final = 5.0
"""Seconds between looks at the disks and at lines that wait: a disk that failed is in its log at once."""

Run = tuple[bool, GapCause]


class RunLines:
    """One line a change, few when a camera flaps: `changes` then says for how many the line stands."""

    def __init__(self, clock: Clock, tell: Tell) -> None:
        self._clock = clock
        self._tell = tell
        self._runs: Thrift[StreamKey, Run] = Thrift()

    def of(self, key: StreamKey) -> OnRun:
        """What the stream's gate calls."""

        def on_run(begun: bool, cause: GapCause) -> None:
            self._enter(self._runs.changed(key, (begun, cause), self._clock.monotonic_us()))

        return on_run

    def due(self) -> None:
        """Enter what has waited long enough."""
        self._enter(self._runs.due(self._clock.monotonic_us()))

    def close(self) -> None:
        """Enter all that waits: the process ends."""
        self._enter(self._runs.rest())

    def _enter(self, reports: Iterable[Report[StreamKey, Run]]) -> None:
        for report in reports:
            begun, cause = report.state
            facts: Facts = {"camera": report.key.camera, "stream": report.key.stream, "cause": cause.name}
            if report.changes > 1:
                seconds = (self._clock.monotonic_us() - report.since_us) // 1_000_000
                facts = {**facts, "changes": report.changes, "within_s": seconds}
            self._tell("run-begun" if begun else "run-ended", facts)


class RefusalLines:
    """A line when somebody is refused at the recorder's socket, few when they insist: `count` then says how often."""

    def __init__(self, clock: Clock, tell: Tell) -> None:
        self._clock = clock
        self._tell = tell
        self._refusals: Thrift[tuple[str, int, str], None] = Thrift()

    def refused(self, verb: str, uid: int, error: ApplianceError) -> None:
        """What the socket's server calls. What does not exist is an answer, no refusal."""
        if not isinstance(error, UnknownStream | UnknownLease):
            self._enter(self._refusals.changed((verb, uid, error.code), None, self._clock.monotonic_us()))

    def due(self) -> None:
        """Enter what has waited long enough."""
        self._enter(self._refusals.due(self._clock.monotonic_us()))

    def close(self) -> None:
        """Enter all that waits: the process ends."""
        self._enter(self._refusals.rest())

    def _enter(self, reports: Iterable[Report[tuple[str, int, str], None]]) -> None:
        for report in reports:
            verb, uid, code = report.key
            self._tell("request-refused", {"verb": verb, "uid": uid, "code": code, "count": report.changes})


class DiskLines:
    """A line when a disk of the state has a fault it had not, or has it no longer."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._faults: dict[str, str] = {}

    def look(self, disks: Iterable[Mapping[str, Any]]) -> None:
        """The disks as the state shows them now; one that is not named any more says nothing."""
        for disk in disks:
            path, fault = str(disk["path"]), str(disk["error"])
            before = self._faults.get(path, "")
            self._faults[path] = fault
            if bool(fault) is not bool(before):
                facts: Facts = {"disk": path, "uuid": str(disk.get("uuid", ""))}
                self._tell(*(("disk-lost", {**facts, "why": fault}) if fault else ("disk-returned", facts)))
