"""A version that starts but does not record: it is not confirmed, its reason is kept, the one before takes over."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imagebuild import seal
from imagebuild.__main__ import LOCK, epoch_of
from imagebuild.lock import Lock
from tests.image.office import provision
from tests.image.slots import SECOND, lay_second
from tests.image.test_boot import BOOT_S, IMAGE, camera, recording
from tests.image.vm import Machine

__all__ = ["camera"]  # the fixture

pytestmark = [pytest.mark.image, pytest.mark.timeout(2400)]

REFUSED_S = 900
"""Seconds from power-on to the end of a start whose recorder only dies: its services, two minutes of it, shut down."""

CONFIRM_S = 600
"""Seconds from recording to a version marked as good, under emulation."""

UNIT = "usr/lib/systemd/system/appliance-recorder.service"


def without_recorder(folder: Path) -> Path:
    """The image's root with a recorder that dies at once, sealed as any other."""
    folder.mkdir()
    subprocess.run(["cp", "-a", "--reflink=auto", IMAGE / "harden/tree", folder / "tree"], check=True)
    unit = folder / "tree" / UNIT
    text = unit.read_text(encoding="utf-8")
    program = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    unit.write_text(text.replace(program, "ExecStart=/bin/false"), encoding="utf-8")
    return seal.seal(folder, folder / "tree", epoch_of(Lock.parse(LOCK.read_text(encoding="utf-8")))).root


@dataclass
class Refused:
    """What the box told in the start that was refused, and once the version before was marked as good."""

    during: dict[str, Any]
    after: dict[str, Any]


@pytest.fixture(scope="module")
def refused(camera: int, tmp_path_factory: pytest.TempPathFactory) -> Refused:
    folder = tmp_path_factory.mktemp("refused")
    (image,) = (IMAGE / "disk").glob("*.raw")
    machine = Machine.of(folder / "box", image)
    lay_second(machine, folder / "second", without_recorder(folder / "root"), tries=1)
    machine.credentials["provision.json"] = provision(camera)
    with machine.start("refused") as running:
        during = running.until(lambda r: SECOND in r["entry"] and r["units"]["appliance-web"] == "active", BOOT_S)
        running.until(lambda r: SECOND not in r["entry"] and recording(r), REFUSED_S)
        after = running.until(lambda r: SECOND not in r["entry"] and "+" not in good_of(r), CONFIRM_S)
    return Refused(during, after)


def good_of(report: dict[str, Any]) -> str:
    """The entry of the version before."""
    (name,) = (name for name in report["entries"] if SECOND not in name)
    return str(name)


def test_a_version_whose_recorder_dies_panics_nowhere_and_is_not_marked_as_good(refused: Refused) -> None:
    assert refused.during["units"]["appliance-recorder"] != "active"
    assert refused.during["units"]["appliance-detector"] == "active"
    assert f"temoin_{SECOND}+0-1.efi" in refused.after["entries"]
    assert not refused.after["panics"]


def test_the_version_before_records_and_is_marked_as_good(refused: Refused) -> None:
    assert recording(refused.after)
    assert SECOND not in refused.after["entry"]
    assert "+" not in good_of(refused.after)


def test_why_it_was_refused_is_kept_and_told_on_the_screen(refused: Refused) -> None:
    assert f"(temoin_{SECOND}+1.efi) was refused: " in refused.after["boot"]
    assert "appliance-recorder does not run" in refused.after["boot"]
    screen = " ".join(" ".join(refused.after["screen"]).split())
    assert "Un démarrage précédent a été refusé : le service appliance-recorder ne fonctionne pas" in screen, screen


def test_the_refused_start_leaves_its_journal_and_the_machine_its_identity(refused: Refused) -> None:
    assert refused.during["boot_id"].replace("-", "") in refused.after["boots"]
    assert refused.during["machine_id"] == refused.after["machine_id"]
