"""A version that does not start gives way to the one before, by itself; a version that does is marked as good."""

import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from imagebuild import uki
from tests.image.disks import copied_in, partitions
from tests.image.test_boot import BOOT_S, IMAGE, PASSWORD, USER, camera, recording
from tests.image.vm import Machine, placed, site_files

__all__ = ["camera"]  # the fixture

pytestmark = [pytest.mark.image, pytest.mark.timeout(1500)]

PANIC_S = 120
"""Seconds of a start that ends in a panic, and of the ten before the kernel starts the machine again."""

CONFIRM_S = 420
"""Seconds from recording to a version marked as good: two minutes once all services are up, under emulation."""

BROKEN, TRIES = "9.0.0", 2


def second_version(machine: Machine, folder: Path, *, broken: bool) -> None:
    """The same root in slot B under another hash and a newer version; `broken`: with one bit changed in it."""
    folder.mkdir()
    root, verity = IMAGE / "seal/root.erofs", folder / "root.verity"
    told = subprocess.run(
        ["veritysetup", "format", root, verity, f"--salt={'b' * 64}"], check=True, capture_output=True, text=True
    )
    root_hash = next(line.split()[-1] for line in told.stdout.splitlines() if line.startswith("Root hash:"))
    there = partitions(machine.disk)
    for label, file, identity in (
        ("temoin-root-b", root, root_hash[:32]),
        ("temoin-verity-b", verity, root_hash[32:]),
    ):
        copied_in(machine.disk, there[label].start, file)
        number = str(there[label].number)
        command = ["sfdisk", "--quiet", "--part-uuid", str(machine.disk), number, str(uuid.UUID(identity))]
        subprocess.run(command, check=True, capture_output=True)
    if broken:
        with machine.disk.open("r+b") as disk:
            disk.seek(there["temoin-root-b"].start + 1024)  # erofs's superblock: read first
            byte = disk.read(1)[0]
            disk.seek(-1, 1)
            disk.write(bytes([byte ^ 1]))
    release = folder / "os-release"
    lines = (IMAGE / "harden/tree/usr/lib/os-release").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("IMAGE_VERSION=")]
    release.write_text("\n".join([*kept, f"IMAGE_VERSION={BROKEN}", ""]), encoding="utf-8")
    made = uki.make_uki(folder, IMAGE / "kernel/vmlinuz", IMAGE / "initrd/initrd.img", release, root_hash)
    entry = folder / f"temoin_{BROKEN}+{TRIES}.efi"
    shutil.copy(made, entry)
    at = f"{machine.disk}@@{there['temoin-esp'].start}"
    subprocess.run(["mcopy", "-i", at, entry, f"::EFI/Linux/{entry.name}"], check=True, capture_output=True)


@pytest.fixture(scope="module")
def fallen_back(camera: int, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """What the box tells once the version that it fell back to is marked as good, and its console."""
    folder = tmp_path_factory.mktemp("fallback")
    (image,) = (IMAGE / "disk").glob("*.raw")
    machine = Machine.of(folder / "box", image)
    second_version(machine, folder / "second", broken=True)
    machine.credentials["tmpfiles.extra"] = placed(site_files(camera, USER, PASSWORD))
    with machine.start("fallback") as running:
        running.until(recording, TRIES * PANIC_S + BOOT_S)
        told = running.until(lambda r: not any("+" in name for name in r["entries"] if BROKEN not in name), CONFIRM_S)
        return told, running.console()


def test_a_changed_second_version_panics_as_often_as_it_may_then_the_one_before_records(
    fallen_back: tuple[dict[str, Any], str],
) -> None:
    told, console = fallen_back
    assert told["root_hash"] == (IMAGE / "seal/roothash").read_text().strip()
    assert console.count("Kernel panic - not syncing: dm-verity device corrupted") == TRIES
    assert BROKEN not in told["entry"]
    assert recording(told)


def test_the_failed_version_stays_marked_and_its_last_words_are_kept(
    fallen_back: tuple[dict[str, Any], str],
) -> None:
    told, _ = fallen_back
    assert f"temoin_{BROKEN}+0-{TRIES}.efi" in told["entries"]
    assert any("dm-verity" in line for line in told["panics"]), told["pstore"]


def test_a_version_that_has_recorded_two_minutes_is_marked_as_good(
    fallen_back: tuple[dict[str, Any], str],
) -> None:
    told, _ = fallen_back
    (good,) = (name for name in told["entries"] if BROKEN not in name)
    assert "+" not in good
    assert told["uptime_s"] >= 120, "and not before"
