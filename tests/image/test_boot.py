"""The image starts, verified, lays its disks out and records; what was changed in it does not start."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from appliance.demo.camera import SimulatedCamera
from tests.image.vm import LOGS, Machine, NoReport, placed, signed, site_files
from tests.peers.live import clip_of
from tests.peers.need import ROOT

IMAGE = ROOT / "build/image"
BOOT_S = 300
"""Seconds from power-on to recording under emulation: what the issue allows."""

pytestmark = [pytest.mark.image, pytest.mark.timeout(900)]

USER, PASSWORD = "enregistreur", "banc"


def recording(report: dict[str, Any]) -> bool:
    return report["units"]["appliance-recorder"] == "active" and ": recording" in report["status"]


@pytest.fixture(scope="module")
def camera() -> Iterator[int]:
    """A simulated camera on the host, in a thread with a loop of its own; its port."""
    clips = {"main": clip_of("cour", 1280, 720, 25, 2_000_000)}
    ports: list[int] = []
    ready, loop = threading.Event(), asyncio.new_event_loop()
    end = asyncio.Event()

    async def serve() -> None:
        async with SimulatedCamera(clips, user=USER, password=PASSWORD) as simulated:
            ports.append(simulated.port)
            ready.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait(30)
    yield ports[0]
    loop.call_soon_threadsafe(end.set)
    thread.join()
    loop.close()


@dataclass
class Box:
    machine: Machine
    first: dict[str, Any]
    console: str


@pytest.fixture(scope="module")
def box(camera: int, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """A box after its first start: it recorded for a while, then the plug was pulled."""
    (image,) = (IMAGE / "disk").glob("*.raw")
    machine = Machine.of(tmp_path_factory.mktemp("box") / "box", image)
    machine.credentials["tmpfiles.extra"] = placed(site_files(camera, USER, PASSWORD))
    with machine.start("first") as running:
        told = running.until(recording, BOOT_S + 120)
        all_up = running.until(
            lambda r: r["units"]["appliance-web"] == r["units"]["appliance-detector"] == "active", 300
        )
        first = {**all_up, "recording_s": told["uptime_s"]}
        (LOGS / "first.json").write_text(json.dumps(first), encoding="utf-8")
        return Box(machine, first, running.console())


def test_the_first_start_is_verified_lays_out_the_disks_and_records(box: Box) -> None:
    first = box.first
    assert first["root_hash"] == (IMAGE / "seal/roothash").read_text().strip()
    assert first["recording_s"] <= BOOT_S
    mounts = {line.split()[1]: line.split() for line in first["mounts"]}
    assert mounts["/"][0] == "/dev/mapper/root"
    assert mounts["/"][2:4][0] == "erofs"
    assert mounts["/"][3].startswith("ro")
    assert {"nosuid", "nodev", "noexec"} <= set(mounts["/var"][3].split(","))
    assert {"nosuid", "nodev", "noexec"} <= set(mounts["/srv/recordings/1"][3].split(","))
    assert "[integrity]" in first["lockdown"]
    assert first["used_mib"] <= 450


def test_without_tpm_and_secure_boot_it_says_loudly_that_disks_are_not_encrypted(box: Box) -> None:
    assert (box.first["disks"], box.first["tpm"], box.first["secure_boot"]) == ("plain", False, False)
    assert "DISKS ARE NOT ENCRYPTED" in box.console


def test_only_time_is_offered_to_the_cameras_and_nothing_else_listens(box: Box) -> None:
    """On loopback there are the page's port and chrony's; 67 comes with the camera network that this trial replaces."""
    outside = set()
    for line in box.first["listening"].splitlines():
        kind, _, _, _, local = line.split()[:5]
        address, _, port = local.rpartition(":")
        if not address.startswith(("127.", "[::1]")):
            outside.add((kind, int(port)))
    assert outside <= {("udp", 123), ("udp", 67)}


def test_a_report_that_another_signed_is_no_report(box: Box) -> None:
    file = next(box.machine.folder.glob("first.report"))
    line = file.read_text(encoding="ascii").splitlines()[0]
    with pytest.raises(ValueError, match="signature"):
        signed(line, b"another key")


def test_after_a_power_cut_it_starts_clean_with_the_same_identity_and_records_on(box: Box) -> None:
    """`box` was cut off while it recorded."""
    with box.machine.start("second") as running:
        again = running.until(recording, BOOT_S + 120)
    assert again["machine_id"] == box.first["machine_id"]
    assert len(again["machine_id"]) == 32
    assert again["boot_id"] != box.first["boot_id"]
    assert box.first["boot_id"].replace("-", "") in again["boots"], "the journal of the start before is there"
    assert "RECOVERY" not in again["status"]


def test_a_changed_byte_of_the_root_does_not_start(box: Box, tmp_path: Path) -> None:
    (image,) = (IMAGE / "disk").glob("*.raw")
    machine = Machine.of(tmp_path / "tampered", image)
    root = (IMAGE / "seal/root.erofs").read_bytes()[:4096]
    with machine.disk.open("r+b") as disk:
        head = disk.read(512 << 20)
        at = head.find(root)
        assert at > 0
        disk.seek(at + 1024)  # erofs's superblock: read first
        byte = disk.read(1)
        disk.seek(at + 1024)
        disk.write(bytes([byte[0] ^ 1]))
    machine.credentials = dict(box.machine.credentials)
    with machine.start("tampered") as running:
        running.until_shown("dm-verity device corrupted", BOOT_S)
        with pytest.raises(NoReport):
            running.until(lambda _: True, 5)
