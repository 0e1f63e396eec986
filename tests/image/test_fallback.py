"""A version that does not start gives way to the one before, by itself; a version that does is marked as good."""

from typing import Any

import pytest

from tests.image.office import provision
from tests.image.slots import SECOND, flip_bit, lay_second
from tests.image.test_boot import BOOT_S, IMAGE, camera, recording
from tests.image.vm import Machine

__all__ = ["camera"]  # the fixture

pytestmark = [pytest.mark.image, pytest.mark.timeout(1500)]

PANIC_S = 120
"""Seconds of a start that ends in a panic, and of the ten before the kernel starts the machine again."""

CONFIRM_S = 600
"""Seconds from recording to a version marked as good: two minutes once all services are up, under emulation."""

TRIES = 2


@pytest.fixture(scope="module")
def fallen_back(camera: int, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """What the box tells once the version that it fell back to is marked as good, and its console."""
    folder = tmp_path_factory.mktemp("fallback")
    (image,) = (IMAGE / "disk").glob("*.raw")
    machine = Machine.of(folder / "box", image)
    lay_second(machine, folder / "second", IMAGE / "seal/root.erofs", TRIES)
    flip_bit(machine.disk, "temoin-root-b")
    machine.credentials["provision.json"] = provision(camera)
    with machine.start("fallback") as running:
        running.until(recording, TRIES * PANIC_S + BOOT_S)
        told = running.until(lambda r: not any("+" in name for name in r["entries"] if SECOND not in name), CONFIRM_S)
        return told, running.console()


def test_a_changed_second_version_panics_as_often_as_it_may_then_the_one_before_records(
    fallen_back: tuple[dict[str, Any], str],
) -> None:
    told, console = fallen_back
    assert told["root_hash"] == (IMAGE / "seal/roothash").read_text().strip()
    assert console.count("Kernel panic - not syncing: dm-verity device corrupted") == TRIES
    assert SECOND not in told["entry"]
    assert recording(told)


def test_the_failed_version_stays_marked_and_its_last_words_are_kept(
    fallen_back: tuple[dict[str, Any], str],
) -> None:
    told, _ = fallen_back
    assert f"temoin_{SECOND}+0-{TRIES}.efi" in told["entries"]
    assert any("dm-verity" in line for line in told["panics"]), told["pstore"]


def test_a_version_that_has_recorded_two_minutes_is_marked_as_good(
    fallen_back: tuple[dict[str, Any], str],
) -> None:
    told, _ = fallen_back
    (good,) = (name for name in told["entries"] if SECOND not in name)
    assert "+" not in good
    assert told["uptime_s"] >= 120, "and not before"
