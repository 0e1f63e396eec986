"""The collector's pauses are counted and measured; what has settled is looked at no more."""

import gc
from collections.abc import Iterator

import pytest

from appliance.core.clock import SimulatedClock
from appliance.core.collector import THRESHOLD, CollectorPauses


@pytest.fixture
def collector() -> Iterator[tuple[SimulatedClock, CollectorPauses]]:
    thresholds = gc.get_threshold()
    clock = SimulatedClock()
    pauses = CollectorPauses(clock)
    yield clock, pauses
    pauses.end()
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_pauses_are_counted_and_the_longest_is_told(collector: tuple[SimulatedClock, CollectorPauses]) -> None:
    clock, pauses = collector
    pauses.watch()
    assert gc.get_threshold() == THRESHOLD
    gc.disable()  # only what the test asks for
    try:
        assert pauses.state() == {"count": 0, "worst_ms": 0.0}
        for ms in (3, 11, 2):
            slow = [lambda _phase, _info, ms=ms: clock.advance(ms / 1000)]
            gc.callbacks.extend(slow)  # behind ours at the start, before the next end
            gc.collect()
            gc.callbacks.remove(slow[0])
        assert pauses.state() == {"count": 3, "worst_ms": 11.0}
    finally:
        gc.enable()


def test_what_has_settled_is_out_of_sight(collector: tuple[SimulatedClock, CollectorPauses]) -> None:
    _, pauses = collector
    frozen = gc.get_freeze_count()
    pauses.settle()
    assert gc.get_freeze_count() == frozen, "a process that is not watched keeps its collector as it is"
    pauses.watch()
    kept = [[n] for n in range(1000)]
    before = gc.get_freeze_count()
    pauses.settle()
    assert gc.get_freeze_count() >= before + len(kept)
