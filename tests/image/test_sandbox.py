"""The image's own systemd, started in a container on the sealed tree: does each unit do its work inside its sandbox?

Seconds instead of minutes, since nothing is emulated. What a container lacks is played: udev (links to partitions), the
kernel's names of network cards, the TPM. Sealed disks are the virtual machine's trial (test_trust.py).
"""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import pytest

from tests.image.disks import partitions
from tests.image.office import NOBODY, provision
from tests.image.vm import CAMERAS_MAC, LOGS, UPLINK_MAC, signed
from tests.peers.need import ROOT, need, need_loop, need_network_namespaces
from tests.peers.netns import Host, hosts
from tests.peers.patience import reached

IMAGE = ROOT / "build/image"
KEY: Final = "0123456789abcdef"
SERVICES: Final = tuple(f"appliance-{name}" for name in ("disks", "recorder", "detector", "web", "inputs"))
"""What runs once the machine has started; the screen is played and nobody knocks at the page without pictures."""

START_S: Final = 120.0
"""A start takes 5 s alone; machines are shared."""

AGAIN: Final = 133
"""Status that systemd-nspawn ends with when what it runs asks to be started again (with --keep-unit)."""

OWN: Final = "/usr/bin/python3 -sP -c 'import sys; sys.path.insert(0, \"/usr/lib/appliance/python\"); {}'"
DISKS: Final = (
    "from pathlib import Path; from appliance.services import system_disk as it; "
    'it.system_disk = lambda: "{disk}"; '
    'it.main(Path("/usr/lib/appliance/repart"), Path("/run/appliance-disks"))'
)
CONFIRM: Final = (
    "import asyncio; from pathlib import Path; from appliance.services import boot; "
    'state = asyncio.run(boot._state(Path("/run/appliance/recorder/recorder.sock"))); '
    'print("SEEN", sorted(boot.units_now()[0].items()), bool(state), flush=True); '
    'Path("/var/lib/appliance/boot/refused.json").write_text("{{}}"); sys.exit(1)'
)

CARDS: Final = """\
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=mkdir -p /run/s
ExecStart=mount -t sysfs s /run/s
ExecStart=mount --bind /run/s/class /sys/class
ExecStart=mount --bind /run/s/devices /sys/devices
"""
"""The kernel's list of the container's own network cards: what a container sees below /sys is its host's."""

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]


def drop_in(tree: Path, unit: str, *lines: str) -> None:
    """Settings laid over a unit's; its sandbox stays."""
    folder = tree / "etc/systemd/system" / f"{unit}.d"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trial.conf").write_text("\n".join([*lines, ""]), encoding="utf-8")


def done(*command: str | Path) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


@contextmanager
def loop(file: Path, start: int = 0, size: int = 0) -> Iterator[str]:
    """A part of a file as a block device."""
    device = done("losetup", "--find", "--show", f"--offset={start}", f"--sizelimit={size}", file)
    try:
        yield device
    finally:
        done("losetup", "--detach", device)


@contextmanager
def sealed_tree(folder: Path) -> Iterator[Path]:
    """The sealed tree, with what is written kept in a layer of its own."""
    for name in ("layer", "work", "tree"):
        (folder / name).mkdir()
    layers = f"lowerdir={IMAGE / 'harden/tree'},upperdir={folder / 'layer'},workdir={folder / 'work'}"
    done("mount", "-t", "overlay", "overlay", "-o", layers, folder / "tree")
    try:
        (folder / "tree/etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n", encoding="ascii")
        yield folder / "tree"
    finally:
        done("umount", folder / "tree")


class Container:
    """`tree` started by its own systemd; what its console and its screen show."""

    def __init__(self, tree: Path, network: Host, options: list[str], target: str) -> None:
        self.shown = bytearray()
        self._master, slave = pty.openpty()
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--console=interactive"]
        command += [f"--directory={tree}", f"--network-namespace-path=/run/netns/{network.name}", "--read-only"]
        command.append("--resolv-conf=off")
        command += ["--capability=CAP_NET_ADMIN", "--kill-signal=SIGKILL", *options]
        command += ["systemd.log_target=console", f"systemd.unit={target}", "systemd.journald.forward_to_console=1"]
        self._process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                self.shown += os.read(self._master, 65_536)
            except OSError:  # the other end is gone
                return

    @property
    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", bytes(self.shown).decode("utf-8", "replace"))

    def started_again(self) -> None:
        """Wait until it ends in order to be started again; its last words are read then."""
        try:
            ended = self._process.wait(START_S)
        except subprocess.TimeoutExpired:
            ended = None
        self._reader.join(5)
        assert ended == AGAIN, f"{ended}\n{self.text[-6000:]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        self._reader.join(5)
        os.close(self._master)


@dataclass
class Started:
    """What two starts on one disk left."""

    laid_out: str
    labels: dict[str, Any]
    console: str
    report: dict[str, Any]
    links: set[str]


def cards(network: Host) -> None:
    """Two network cards with the addresses that the office's file names."""
    for number, mac in enumerate((CAMERAS_MAC, UPLINK_MAC), 5):
        network.ip("link", "add", f"eth{number}", "address", mac, "type", "veth", "peer", "name", f"end{number}")


def reports(port: Path) -> list[dict[str, Any]]:
    lines = port.read_text(encoding="ascii").splitlines(keepends=True)
    return [signed(line, KEY.encode()) for line in lines if line.endswith("\n")]


def all_active(told: list[dict[str, Any]]) -> bool:
    """Does the last report tell that every service runs?"""
    return bool(told) and all(told[-1]["units"][name] == "active" for name in SERVICES)


def played(tree: Path, disk: str, links: list[str]) -> None:
    """What a container has not: the disk below a verified root, udev's links, its own cards, a screen."""
    nodes = "for i in $$(seq 0 31); do mknod /dev/loop$$i b 7 $$i; done; mknod /dev/loop-control c 10 237"
    made = [nodes, "mkdir -p /dev/disk/by-partlabel", *links]
    before = [f"ExecStartPre=+/bin/sh -c '{'; '.join(made)}'"]
    run = f"ExecStart={OWN.format(DISKS.format(disk=disk))}"
    drop_in(tree, "appliance-disks.service", "[Service]", "ExecStart=", *before, run)
    (tree / "etc/systemd/system/cards.service").write_text(CARDS, encoding="ascii")
    drop_in(tree, "appliance-interfaces.service", "[Unit]", "Requires=cards.service", "After=cards.service")
    drop_in(tree, "appliance-confirm.service", "[Service]", "ExecStart=", f"ExecStart={OWN.format(CONFIRM)}")
    drop_in(tree, "appliance-refused.service", "[Unit]", "ConditionPathExists=")
    for name in ("console", "desk"):
        screen = tree / f"etc/systemd/system/appliance-{name}.service"
        screen.unlink(missing_ok=True)
        screen.symlink_to("/dev/null")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    need("systemd-nspawn")
    need_loop()
    need_network_namespaces()
    folder = tmp_path_factory.mktemp("sandbox")
    (raw,) = (IMAGE / "disk").glob("*.raw")
    disk, given, port = folder / "disk.raw", folder / "provision.json", folder / "port"
    done("cp", "--sparse=always", raw, disk)
    os.truncate(disk, 4 << 30)
    given.write_text(provision(NOBODY), encoding="utf-8")
    port.touch()
    with ExitStack() as stack:
        tree = stack.enter_context(sealed_tree(folder))
        (network,) = stack.enter_context(hosts("sandbox"))
        cards(network)
        device = stack.enter_context(loop(disk))
        played(tree, device, [])
        with Container(tree, network, [], "multi-user.target") as first:
            first.started_again()  # nothing shows the new partitions here, so the state cannot be mounted
        laid = partitions(disk)
        assert "temoin-state" in laid, first.text[-6000:]
        links = []
        for label in ("temoin-state", "temoin-recordings"):
            part = stack.enter_context(loop(disk, laid[label].start, laid[label].size))
            links.append(f"ln -s {part} /dev/disk/by-partlabel/{label}")
        played(tree, device, links)
        options = [f"--load-credential=provision.json:{given}", f"--set-credential=report.key:{KEY}"]
        options += [f"--bind={port}:/dev/virtio-ports/temoin.report"]
        with Container(tree, network, options, "multi-user.target") as second:
            assert reached(lambda: all_active(reports(port)), START_S, 0.2), second.text[-6000:]
            told = reports(port)
            named = {link["ifname"] for link in json.loads(network.run("ip", "-json", "link"))}
        with Container(
            tree, network, [*options, "systemd.wants=appliance-confirm.service"], "multi-user.target"
        ) as third:
            third.started_again()
        LOGS.mkdir(parents=True, exist_ok=True)
        (LOGS / "container.json").write_text(json.dumps(told[-1]), encoding="utf-8")
        yield Started(first.text, laid, second.text + third.text, told[-1], named)
    shutil.rmtree(folder, ignore_errors=True)


def test_the_disk_is_laid_out_from_within_a_sandbox_that_mounts_nothing(started: Started) -> None:
    assert "first start: laying out temoin-state, temoin-recordings" in started.laid_out
    assert "DISQUES NON CHIFFRÉS : pas de TPM 2.0 et Secure Boot désactivé" in started.laid_out
    assert {"temoin-state", "temoin-recordings"} <= set(started.labels)
    assert "Finished appliance-first-" in started.console, "its files are made on the new disk"


def test_every_service_runs_and_no_unit_of_ours_failed(started: Started) -> None:
    units = started.report["units"]
    for name in SERVICES:
        assert units[name] == "active", name
    failed = {line.split()[0] for line in started.report["failed"].splitlines()}
    assert not {name for name in failed if name.startswith("appliance-")}
    mounts = {line.split()[1]: line.split()[3] for line in started.report["mounts"]}
    assert {"nosuid", "nodev", "noexec"} <= set(mounts["/var"].split(","))
    assert {"nosuid", "nodev", "noexec"} <= set(mounts["/srv/recordings/1"].split(","))


def test_recording_waits_for_its_disks_and_the_site_alone(started: Started) -> None:
    times = started.report["times"]
    local, provision = (times[name][1] for name in ("local-fs.target", "appliance-provision.service"))
    began, ready, _ = times["appliance-recorder.service"]
    assert local <= provision <= began <= ready, times


def test_cards_bear_the_names_of_what_they_are_for(started: Started) -> None:
    assert {"cameras", "uplink"} <= started.links


def test_the_confirmation_sees_services_and_recorder_and_a_refusal_starts_the_machine_again(started: Started) -> None:
    seen = next(line for line in started.console.splitlines() if "SEEN" in line)
    assert "('appliance-recorder', 'active')" in seen
    assert seen.rstrip().endswith("True")
    assert "appliance-refused.service: Triggering" not in started.console
    assert "Reached target reboot.target" in started.console
