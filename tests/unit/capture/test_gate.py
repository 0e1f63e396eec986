"""The gate of a planned pause: nothing passes that is dated at or behind its limit, whatever the runner does."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.capture.gate import Gate
from appliance.core.cause import GapCause
from appliance.core.units import ticks_to_us, us_to_ticks
from appliance.media.stream import AccessUnit, ClockState, CodecParameters, RunStart, StreamKey
from tests.peers.sink import KeepingSink

PARAMETERS = CodecParameters("h264", (b"sps", b"pps"), 640, 360, "avc1.42001e")
OFFSET = 1_795_500_000_000_000


def run(offset_us: int = OFFSET, cause: GapCause = GapCause.NONE) -> RunStart:
    return RunStart(PARAMETERS, offset_us, bytes(16), ClockState.HELD, cause)


def unit(us: int, *, keyframe: bool = True) -> AccessUnit:
    ticks = us_to_ticks(us)
    return AccessUnit(b"x", ticks, ticks, keyframe)


class Heard:
    def __init__(self) -> None:
        self.runs: list[tuple[bool, GapCause]] = []

    def __call__(self, begun: bool, cause: GapCause) -> None:
        self.runs.append((begun, cause))


def gate() -> tuple[Gate, KeepingSink, Heard]:
    sink, heard = KeepingSink(), Heard()
    return Gate(StreamKey("cour", "main"), sink, heard), sink, heard


def test_an_open_gate_is_not_there() -> None:
    shown, sink, heard = gate()
    shown.start_run(run())
    assert shown.append == sink.append
    shown.append(unit(10))
    shown.end_run(GapCause.CAMERA_SILENT)
    assert sink.causes == [(GapCause.NONE, GapCause.CAMERA_SILENT)]
    assert heard.runs == [(True, GapCause.NONE), (False, GapCause.CAMERA_SILENT)]


def test_a_shut_gate_lets_nothing_through_and_the_open_run_be_ended() -> None:
    shown, sink, heard = gate()
    shown.start_run(run())
    shown.append(unit(10))
    shown.shut()
    shown.append(unit(20))
    shown.end_run(GapCause.PLANNED)
    shown.start_run(run())
    shown.append(unit(30))
    shown.end_run(GapCause.CAMERA_CLOSED)
    assert sink.causes == [(GapCause.NONE, GapCause.PLANNED)]
    assert sink.pictures == 1
    assert shown.refused == 2
    assert heard.runs == [(True, GapCause.NONE), (False, GapCause.PLANNED)]


def test_a_gate_that_opens_again_waits_for_a_run_of_its_own() -> None:
    shown, sink, _ = gate()
    shown.shut()
    shown.start_run(run())  # a runner that does not know
    shown.open(None)
    shown.end_run(GapCause.CLOCK)
    assert sink.runs == []
    shown.start_run(run(cause=GapCause.PLANNED))
    shown.append(unit(10))
    shown.end_run(GapCause.CLOCK)
    assert sink.causes == [(GapCause.PLANNED, GapCause.CLOCK)]


@given(
    st.integers(0, 3_600_000_000),
    st.lists(st.integers(0, 40_000), min_size=1, max_size=30),
    st.integers(-1000, 1_000_000),
    st.booleans(),
)
def test_no_picture_dated_behind_the_limit_passes_and_every_one_before_does(
    start: int, steps: list[int], limit: int, late: bool
) -> None:
    shown, sink, _ = gate()
    limit_utc = OFFSET + start + limit
    if not late:
        shown.open(limit_utc)
    shown.start_run(run())
    if late:
        shown.open(limit_utc)
    at, sent = start, []
    for step in steps:
        at += step + 1000
        sent.append(unit(at))
        shown.append(sent[-1])
    passed = sink.runs[0].units
    assert passed == [one for one in sent if us_to_ticks(start + limit) > one.pts_ticks]
    assert all(ticks_to_us(one.pts_ticks) + OFFSET < limit_utc for one in passed)
    assert shown.refused == len(sent) - len(passed)
