"""A whole day of pictures: whatever instant is asked for, the picture is the one recorded then."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from tests.browser.conftest import Desk, served
from tests.browser.screen import SCREEN
from tests.browser.test_tiles import CAMERAS, open_wall, spread
from tests.peers.fake_recorder import FORMS, START_US
from tests.peers.long_tape import DAY_US, DayRecorder, counter_of_day
from tests.peers.looking import open_all
from tests.peers.sign_in import DURAND

SECOND = 1_000_000
SEEKS: Final = 60
STEPS: Final = 30
TOGETHER_S: Final = 600
APART_MS: Final = 50


@pytest.fixture
async def day(built_page: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    """Four cameras of a day, opened."""
    async with served(DayRecorder(CAMERAS), built_page, tmp_path, opened=False) as found:
        await open_all(found.book, CAMERAS, START_US, START_US + DAY_US, DURAND)
        await found.page.resize(1280, 900)
        yield found


@pytest.mark.full
@pytest.mark.timeout(180)
async def test_sixty_seeks_over_a_day_show_the_right_picture_each_time(day: Desk) -> None:
    """Check 5 of twenty: the burnt-in counter is the one of the instant (what a seek takes is measured apart)."""
    rng = random.Random(24)
    await day.at(START_US + SECOND)
    for _ in range(SEEKS):
        instant = START_US + rng.randrange(DAY_US - SECOND)
        shown = await day.seek(instant)
        assert 0 <= instant - shown < SECOND // FORMS["sub"].fps + 20
        burnt = await day.burnt()  # on a slow machine full definition may have come meanwhile
        assert burnt.counter == counter_of_day(instant, "sub" if burnt.tag % 2 else "main"), instant


@pytest.mark.full
@pytest.mark.timeout(180)
async def test_thirty_steps_forward_and_back_are_one_picture_each(day: Desk) -> None:
    """Check 6 of twenty, over the border of GOPs and chunks: the counter moves by one each time."""
    await day.at(START_US + 9 * SECOND)
    await day.page.until(f"{SCREEN}.player.quality === 'main'")
    counters = [(await day.burnt()).counter]
    for direction in [1] * STEPS + [-1] * STEPS:
        await day.page.run(f"{SCREEN}.player.step({direction})")
        counters.append((await day.burnt()).counter)
        assert counters[-1] - counters[-2] == direction, counters
    assert counters[-1] == counters[0]


@pytest.mark.nightly
@pytest.mark.timeout(TOGETHER_S + 120)
async def test_four_cameras_are_together_after_ten_minutes(day: Desk) -> None:
    """Check 10 of twenty: four that have played for ten minutes stand at most 50 ms apart."""
    await open_wall(day, START_US + SECOND)
    await day.page.run(f"{SCREEN}.player.play()")
    await asyncio.sleep(TOGETHER_S)
    assert await day.page.run(f"{SCREEN}.player.playing")
    assert await day.page.run(f"{SCREEN}.player.at") > START_US + (TOGETHER_S - 20) * SECOND
    apart = sorted(await spread(day, 5))
    assert apart[len(apart) * 95 // 100] <= APART_MS, apart
