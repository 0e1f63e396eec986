"""The power is cut while the real recorder writes: a fraction of a second is gone, and nothing else."""

from pathlib import Path

import pytest

from appliance.demo.clip import Clip
from tests.peers.live import random_seconds, small_clips
from tests.peers.need import need, need_block_layer
from tests.peers.powercut import Cut, power_rig

WORST_S = 2.5
"""Seconds that no cut of a test may take, on a machine that does other things besides; `make bench` measures it."""


Clips = dict[str, Clip]


@pytest.fixture(scope="module")
def clips() -> Clips:
    return small_clips()


async def cuts(folder: Path, clips: Clips, count: int, *, volatile: bool, seed: int) -> list[Cut]:
    async with power_rig(folder, [clips, clips], volatile=volatile) as rig:
        found = [await rig.cut_after(seconds) for seconds in random_seconds(seed, 0.4, 1.6, count)]
        return [*found, await rig.end()]


def check(found: list[Cut]) -> None:
    assert [problem for cut in found for problem in cut.problems()] == []
    lost = [seconds for cut in found for seconds in cut.lost_s.values()]
    assert len(lost) == 4 * (len(found) - 1)
    assert 0 < max(lost) < WORST_S, sorted(lost)


@pytest.mark.full  # what shows that the cuts below could fail
async def test_a_recorder_that_does_not_flush_loses_everything(tmp_path: Path, clips: Clips) -> None:
    """The harness can fail: what says that it is durable and is not, is gone."""
    need_block_layer()
    need("ffprobe")
    async with power_rig(tmp_path, [clips]) as rig:
        cut = await rig.cut_after(4.8, module="tests.peers.unflushed")
    assert min(cut.lost_s.values()) >= 5.0, cut.lost_s


async def test_cuts_take_a_fraction_of_a_second(tmp_path: Path, clips: Clips) -> None:
    need_block_layer()
    need("ffprobe")
    check(await cuts(tmp_path, clips, 3, volatile=True, seed=31))


@pytest.mark.full
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("volatile", "seed"), [(True, 41), (False, 42)], ids=["cache-lost", "cache-kept"])
async def test_twelve_cuts(tmp_path: Path, clips: Clips, *, volatile: bool, seed: int) -> None:
    need_block_layer()
    need("ffprobe")
    check(await cuts(tmp_path, clips, 12, volatile=volatile, seed=seed))
