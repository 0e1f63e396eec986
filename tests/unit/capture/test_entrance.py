"""Cameras are met in turn, spaced, however many ask at once; who comes alone does not wait."""

import asyncio
import itertools

from hypothesis import given
from hypothesis import strategies as st

from appliance.capture.entrance import SPACING_US, Entrance
from appliance.core.clock import SimulatedClock


@given(st.lists(st.integers(0, 200_000), min_size=1, max_size=200))
def test_turns_are_spaced_in_order_and_as_early_as_can_be(pauses_us: list[int]) -> None:
    clock = SimulatedClock()
    entrance = Entrance(clock)
    asked = list(itertools.accumulate(pauses_us, initial=clock.monotonic_us()))[1:]
    turns = [entrance.turn_us(now_us) for now_us in asked]
    assert all(later - earlier >= SPACING_US for earlier, later in itertools.pairwise(turns))
    assert turns[0] == asked[0]
    for (earlier, turn), now_us in zip(itertools.pairwise(turns), asked[1:], strict=True):
        assert turn == max(now_us, earlier + SPACING_US), "nobody waits for more than the one before"


async def test_a_whole_site_meets_its_cameras_one_after_the_other() -> None:
    clock = SimulatedClock()
    began_us = clock.monotonic_us()
    waits: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(seconds: float) -> None:
        waits.append((seconds, asyncio.get_running_loop().create_future()))
        await waits[-1][1]

    entrance = Entrance(clock, sleep)
    met: list[int] = []

    async def meet(number: int) -> None:
        await entrance.turn()
        met.append(number)

    tasks = [asyncio.create_task(meet(number)) for number in range(128)]
    await asyncio.sleep(0)
    assert met == [0], "the first does not wait"
    assert [round(seconds * 1e6) for seconds, _ in waits] == [n * SPACING_US for n in range(1, 128)]
    tasks[5].cancel()  # a camera that is paused meanwhile holds up nobody
    for _, future in waits:
        if not future.done():
            future.set_result(None)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert met == [n for n in range(128) if n != 5]
    clock.advance(waits[-1][0] + SPACING_US / 1e6)
    await entrance.turn()
    assert len(waits) == 127, "later, who comes alone does not wait either"
    assert clock.monotonic_us() - began_us < 3_000_000, "all of them within 3 s"
