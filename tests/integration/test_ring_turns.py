"""Taking the pictures of many cameras leaves the event loop its turns, and loses the tick nothing."""

import asyncio
import itertools
from functools import partial
from pathlib import Path

from appliance.ring.ticker import TURN_US
from tests.peers.ring_rig import Rig

CAMERAS = 64
DRAIN_US = 400
"""A keyframe of each of 64 cameras: 20 to 25 ms in one go."""


async def test_a_tick_that_takes_from_many_cameras_gives_way(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=16)
    ring = rig.new()
    camera = rig.camera(size=900)
    turns_us: list[int] = []
    taken: list[int] = []

    async def others() -> None:
        while True:
            turns_us.append(rig.clock.monotonic_us())
            await asyncio.sleep(0)

    def drain(number: int) -> None:
        taken.append(number)
        rig.clock.advance(DRAIN_US / 1e6)
        if number == CAMERAS - 1:  # what the last one brings is of this tick, too
            for unit in camera.units(10):
                camera.sink.append(unit)

    async with rig.running():
        camera.start()
        for number in range(CAMERAS):
            ring.before_tick.append(partial(drain, number))
        task = asyncio.create_task(others())
        await asyncio.sleep(0)
        began_us = rig.clock.monotonic_us()
        await ring.tick()
        task.cancel()
        ring.before_tick.clear()
        assert taken == list(range(CAMERAS)), "each once, in order"
        assert rig.clock.monotonic_us() - began_us == CAMERAS * DRAIN_US
        longest_us = max(after - before for before, after in itertools.pairwise(turns_us))
        assert DRAIN_US < longest_us <= TURN_US + DRAIN_US
        assert await rig.held() == camera.sent, "durable with the tick"
