"""Secure Boot and the TPM: keys are enrolled, disks are sealed to this box, the recovery key opens them elsewhere."""

import json
import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from imagebuild import disk, uki
from tests.image.office import provision
from tests.image.test_boot import BOOT_S, IMAGE, camera, recording
from tests.image.vm import Machine

__all__ = ["camera"]  # the fixture

pytestmark = [pytest.mark.image, pytest.mark.timeout(1200)]

ENROL_S = 120
"""Seconds for the loader to enrol the keys and start again."""

EPOCH = 1_795_000_000


def with_esp(machine: Machine, esp: Path) -> None:
    """Lay another ESP over the one of the image."""
    told = subprocess.run(["sfdisk", "--json", machine.disk], check=True, capture_output=True, text=True)
    start = next(p["start"] for p in json.loads(told.stdout)["partitiontable"]["partitions"] if "esp" in p["name"])
    with machine.disk.open("r+b") as target:
        target.seek(start * 512)
        target.write(esp.read_bytes())


def enrolling(folder: Path, entry: Path) -> Path:
    """An ESP that enrols the trial's keys in firmware that has none, with this entry."""
    keys = IMAGE / "keys"
    uki.make_auth(keys)
    folder.mkdir()
    return disk.make_esp(folder, entry, "temoin_9.efi", IMAGE / "uki/systemd-boot.signed.efi", EPOCH, keys)


@dataclass
class Sealed:
    machine: Machine
    first: dict[str, Any]
    recovery: dict[str, str]


@pytest.fixture(scope="module")
def sealed(camera: int, tmp_path_factory: pytest.TempPathFactory) -> Sealed:  # the fixture
    folder = tmp_path_factory.mktemp("sealed")
    (image,) = (IMAGE / "disk").glob("*.raw")
    machine = Machine.of(folder / "box", image)
    machine.secure, machine.tpm = True, folder / "tpm"
    with_esp(machine, enrolling(folder / "esp", IMAGE / "uki/temoin.signed.efi"))
    machine.credentials["provision.json"] = provision(camera)
    with machine.start("sealed-first") as running:
        first = running.until(recording, BOOT_S + ENROL_S + 120)
        shown = re.findall(r"RECOVERY KEY of (\S+), write it down now, it is shown once: (\S+)", running.console())
    return Sealed(machine, first, dict(shown))


def test_with_tpm_and_secure_boot_the_disks_are_sealed_and_each_has_a_recovery_key(sealed: Sealed) -> None:
    first = sealed.first
    assert (first["secure_boot"], first["tpm"], first["disks"]) == (True, True, "sealed")
    mounts = {line.split()[1]: line.split()[0] for line in first["mounts"]}
    assert mounts["/var"] == "/dev/mapper/state"
    assert mounts["/srv/recordings/1"] == "/dev/mapper/recordings"
    assert set(sealed.recovery) == {"temoin-state", "temoin-recordings"}
    assert all(re.fullmatch(r"[a-z]{8}(-[a-z]{8}){7}", key) for key in sealed.recovery.values())


def test_the_next_start_is_opened_by_the_tpm_alone(sealed: Sealed) -> None:
    with sealed.machine.start("sealed-second") as running:
        again = running.until(recording, BOOT_S + 120)
        assert "RECOVERY KEY" not in running.console()
    assert again["disks"] == "sealed"
    assert again["machine_id"] == sealed.first["machine_id"]


def test_in_another_box_the_disks_open_with_the_recovery_key_only(sealed: Sealed, tmp_path: Path) -> None:
    other = Machine.of(tmp_path / "other", sealed.machine.disk)
    other = replace(other, secure=True, tpm=tmp_path / "tpm", credentials=dict(sealed.machine.credentials))
    with other.start("sealed-elsewhere") as running:
        running.until_shown("type the recovery key", BOOT_S + ENROL_S)
        assert not running.reports(), "nothing runs before it is open"
        for label in ("temoin-state", "temoin-recordings"):
            running.until_shown(f"({label.removeprefix('temoin-')})", 120)
            running.type(sealed.recovery[label])
        told = running.until(recording, BOOT_S)
    assert told["disks"] == "sealed"


def test_an_entry_that_nobody_signed_does_not_start_under_secure_boot(sealed: Sealed, tmp_path: Path) -> None:
    (image,) = (IMAGE / "disk").glob("*.raw")
    machine = Machine.of(tmp_path / "unsigned", image)
    machine = replace(machine, secure=True, variables=sealed.machine.variables)
    with_esp(machine, enrolling(tmp_path / "esp", IMAGE / "uki/temoin.efi"))
    with machine.start("unsigned") as running:
        console = running.until_shown("Access Denied", ENROL_S + 60)
    assert "Welcome to" not in console
