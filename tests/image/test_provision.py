"""A box that nobody has set up yet: a bad file is told on its screen, the stick sets it up, no camera answers it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.image.office import NOBODY, provision, stick
from tests.image.test_boot import BOOT_S, IMAGE, all_up
from tests.image.vm import LOGS, Machine

pytestmark = [pytest.mark.image, pytest.mark.timeout(900)]


@dataclass
class SetUp:
    """What the box told before the stick, and after it started again by itself."""

    before: dict[str, Any]
    after: dict[str, Any]


@pytest.fixture(scope="module")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> SetUp:
    folder: Path = tmp_path_factory.mktemp("stick")
    (image,) = (IMAGE / "disk").glob("*.raw")
    machine = Machine.of(folder / "box", image)
    good = provision(NOBODY, "Clé")
    machine.credentials["provision.json"] = good.replace('"version": 1', '"version": 2')
    machine.stick = stick(folder / "stick.img", good)
    with machine.start("stick") as running:
        before = running.until(lambda r: any("provision.json" in line for line in r["screen"]), BOOT_S)
        running.plug()
        after = running.until(lambda r: r["boot_id"] != before["boot_id"] and all_up(r), BOOT_S + 120)
    (LOGS / "idle.json").write_text(json.dumps(after), encoding="utf-8")
    return SetUp(before, after)


def test_a_bad_file_is_told_on_the_screen_in_words_and_writes_nothing(set_up: SetUp) -> None:
    screen = "\n".join(set_up.before["screen"])
    assert "pas encore mis en service" in screen
    assert "version" in screen, screen
    assert not set_up.before["written"]


def test_the_stick_sets_it_up_and_it_starts_again_as_that_site(set_up: SetUp) -> None:
    screen = "\n".join(set_up.after["screen"])
    assert "Clé, Banc" in screen
    assert "caméras 10.0.2.15" in screen
    assert "/var/lib/appliance/sealed/page/first-account.json" in set_up.after["written"]


def test_with_everything_running_and_no_camera_it_needs_little_memory(set_up: SetUp) -> None:
    assert ": recording" not in set_up.after["status"]
    assert set_up.after["used_mib"] * 1.048576 <= 450
