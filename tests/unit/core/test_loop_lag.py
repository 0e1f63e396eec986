"""The histogram of the event loop's lateness agrees with the sorted values, forgets old windows, and sees a stall."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.clock import SimulatedClock
from appliance.core.loop_lag import PERIOD_S, STEP_US, WINDOW_LOOKS, LoopLag


@given(st.lists(st.integers(-500, 1_900_000), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_percentiles_are_those_of_the_sorted_values(late: list[int], share: float) -> None:
    lag = LoopLag(SimulatedClock())
    for us in late:
        lag.late(us)
    rank = next(n for n in range(1, len(late) + 1) if n >= share * len(late))
    true_us = max(0, sorted(late)[rank - 1])
    found = lag.percentile_ms(share)
    assert found is not None
    assert true_us < found * 1000 <= true_us + STEP_US
    assert lag.state()["worst_ms"] == max(0, *late) / 1000 if len(late) > 1 else True


def test_nothing_is_said_before_the_first_look() -> None:
    assert LoopLag(SimulatedClock()).state() == {"p50_ms": None, "p99_ms": None, "worst_ms": 0.0}


def test_what_was_two_windows_ago_is_forgotten() -> None:
    lag = LoopLag(SimulatedClock())
    lag.late(900_000)
    for _ in range(2 * WINDOW_LOOKS - 2):
        lag.late(0)
    assert lag.state()["worst_ms"] == 900
    lag.late(0)
    assert lag.state() == {"p50_ms": 0.1, "p99_ms": 0.1, "worst_ms": 0.0}


async def test_a_stall_of_the_loop_is_measured() -> None:
    clock, looks = SimulatedClock(), 0

    async def sleep(seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks > 3:
            await asyncio.Event().wait()
        assert seconds == PERIOD_S
        clock.advance(seconds + (0.25 if looks == 2 else 0.0))
        await asyncio.sleep(0)

    lag = LoopLag(clock, sleep)
    task = asyncio.create_task(lag.run())
    while looks <= 3:  # noqa: ASYNC110 - turns of the loop, no time
        await asyncio.sleep(0)
    task.cancel()
    assert lag.state() == {"p50_ms": 0.1, "p99_ms": 250.1, "worst_ms": 250.0}
