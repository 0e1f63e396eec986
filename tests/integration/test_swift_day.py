"""Hours of many cameras in minutes: each picture is stored once, byte for byte, and nothing grows."""

import itertools
from pathlib import Path
from typing import Final

import pytest

from appliance.capture.entrance import SPACING_US
from tests.peers.swift_day import Day, swift_day

GROWTH: Final = 0.05
"""Share of its memory by which a process may grow once every stream has closed a chunk: caches, and what the allocator
keeps. A leak of 100 bytes a picture would be 70 MB in the short run."""


def check(day: Day, cameras: int, hours: float) -> None:
    """All that must hold, however long it was."""
    assert day.pictures == pytest.approx(cameras * hours * 90_000, abs=cameras * 150)
    assert day.ledgers.differences(day.sent) == 0
    assert len(day.streams) == cameras
    for state in day.streams.values():
        told = (state["runs"], state["lost_packets"], state["reconnects"], state["state"])
        assert told == (1, 0, 0, "playing"), "one run, from the first picture to the last"
    (disk,) = day.disks
    assert disk["freed_early"] > 0, "the ring went round"
    assert (disk["suspect"], disk["spoiled"], disk["error"]) == (0, 0, "")
    settled, *rest = day.memory[len(day.memory) // 3 :]
    assert max(rest) < settled * (1 + GROWTH), [round(size / 1e6) for size in day.memory]
    met = sorted(day.met_s)
    assert len(met) == cameras
    assert all(later - earlier > 0.9 * SPACING_US / 1e6 for earlier, later in itertools.pairwise(met)), "no stampede"


@pytest.mark.full
@pytest.mark.timeout(400)
def test_an_hour_of_eight_cameras(tmp_path: Path) -> None:
    check(swift_day(tmp_path, 8, 1.0), 8, 1.0)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_an_hour_of_sixty_four_cameras(tmp_path: Path) -> None:
    check(swift_day(tmp_path, 64, 1.0), 64, 1.0)


@pytest.mark.nightly
@pytest.mark.timeout(5 * 3600)
def test_a_day_of_sixty_four_cameras(tmp_path: Path) -> None:
    check(swift_day(tmp_path, 64, 24.0), 64, 24.0)
