"""Lines that the recorder enters by itself: every change once, few when something flaps."""

from appliance.core.cause import GapCause
from appliance.core.chain import Facts
from appliance.core.clock import SimulatedClock
from appliance.core.line_errors import NotAllowed
from appliance.core.thrift import BURST, REFILL_US
from appliance.media.stream import StreamKey
from appliance.ring.faults import UnknownLease
from appliance.services.journal_lines import DiskLines, RefusalLines, RunLines

KEY = StreamKey("portail", "main")


class Told:
    def __init__(self) -> None:
        self.lines: list[tuple[str, Facts]] = []

    def __call__(self, kind: str, facts: Facts) -> bool:
        self.lines.append((kind, facts))
        return True


def test_a_run_is_told_with_its_cause() -> None:
    told = Told()
    on_run = RunLines(SimulatedClock(), told).of(KEY)
    on_run(True, GapCause.POWER)
    on_run(False, GapCause.CAMERA_SILENT)
    stream = {"camera": "portail", "stream": "main"}
    assert told.lines == [
        ("run-begun", {**stream, "cause": "POWER"}),
        ("run-ended", {**stream, "cause": "CAMERA_SILENT"}),
    ]


def test_a_camera_that_flaps_is_told_with_counts_and_its_last_state_in_the_end() -> None:
    told, clock = Told(), SimulatedClock()
    lines = RunLines(clock, told)
    on_run = lines.of(KEY)
    for _ in range(1000):
        on_run(True, GapCause.CAMERA_CLOSED)
        on_run(False, GapCause.CAMERA_CLOSED)
        clock.advance(1)
        lines.due()
    on_run(True, GapCause.CAMERA_CLOSED)
    lines.close()
    assert len(told.lines) <= BURST + 1000 * 1_000_000 // REFILL_US + 1
    assert sum(int(facts.get("changes", 1)) for _, facts in told.lines) == 2001
    assert told.lines[-1][0] == "run-begun"
    assert int(told.lines[-1][1]["within_s"]) < 700


def test_refusals_are_counted_by_user_verb_and_reason_and_what_does_not_exist_is_none() -> None:
    told, clock = Told(), SimulatedClock()
    lines = RefusalLines(clock, told)
    for _ in range(100):
        lines.refused("hold", 1000, NotAllowed(verb="hold"))
    lines.refused("release", 1000, UnknownLease(lease="x"))
    clock.advance(REFILL_US / 1e6)
    lines.due()
    lines.close()
    assert {facts["code"] for _, facts in told.lines} == {"not-allowed"}
    assert sum(int(facts["count"]) for _, facts in told.lines) == 100


def test_a_disk_is_told_when_it_is_lost_and_when_it_is_back() -> None:
    told = Told()
    lines = DiskLines(told)
    well, lost = {"path": "/srv/d1", "uuid": "a1", "error": ""}, {"path": "/srv/d1", "uuid": "a1", "error": "EIO"}
    for disk in (well, well, lost, lost, {**lost, "error": "EROFS"}, well, well):
        lines.look([disk, {"path": "/srv/d2", "error": ""}])
    assert told.lines == [
        ("disk-lost", {"disk": "/srv/d1", "uuid": "a1", "why": "EIO"}),
        ("disk-returned", {"disk": "/srv/d1", "uuid": "a1"}),
    ]
