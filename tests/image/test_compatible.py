"""The compatible reader's child, forked by the recorder's unit in the image's own sandbox: it reads by UDP what it may.

The image's systemd is started in a container on the sealed tree (see test_sandbox.py), with the recorder's unit alone.
"""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import pytest

from appliance.demo.camera import CameraOptions, SimulatedCamera
from appliance.demo.quirks import Quirks
from tests.image.test_sandbox import Container, sealed_tree
from tests.peers.live import clip_of
from tests.peers.loop_disk import loop_disk
from tests.peers.need import need, need_loop, need_network_namespaces
from tests.peers.netns import Host, hosts
from tests.peers.patience import reached

MIB: Final = 2048
"""MiB of the recording disk: 20 chunks, where one camera needs 12."""

RECORDED_S: Final = 60.0
"""Seconds from the container's start on; it takes 12 when the machine is its own."""

SITE: Final = """\
[site]
name = "Essai"
place = "Banc"
kind = "school"
[recorder]
clock = "host"
socket = "/run/appliance/recorder/recorder.sock"
index = "/var/lib/appliance/recorder/index.db"
[[camera]]
id = "portail"
name = "Portail"
place = "Entrée"
main = "{url}"
reader = "compatible"
legal_zone = "non_public"
area_type = "entrance"
purpose = "intrusion"
view = "wide"
[[disk]]
path = "/srv/recordings/1"
"""

MASKED: Final = ("var.mount", "srv-recordings-1.mount", "appliance-disks.service", "appliance-provision.service")
MASKED_TOO: Final = ("appliance-interfaces.service", "nftables.service", "systemd-networkd.service")
"""Units of a machine with disks and cards of its own."""

TELLS: Final = """\
[Unit]
Wants=appliance-recorder.service
After=appliance-recorder.service
[Service]
StandardOutput=journal+console
Environment=LC_ALL=fr_FR.UTF-8
ExecStart=/bin/sh -c 'while sleep 1; do \
  appliance status --site /var/lib/appliance/site/current/site.toml; \
  for one in /proc/[0-9]*; do if grep -qs "compatible[.]child" $$one/cmdline; then \
    echo CHILD $$(grep -hE "^(Uid|Seccomp|NoNewPrivs|CapEff|CapBnd):" $$one/status) \
      $$(grep -h ^0:: $$one/cgroup) END; fi; done; done'
"""
"""Says again and again what is recorded, and of the child what holds it: user, filter of calls, rights, unit."""

pytestmark = [pytest.mark.image, pytest.mark.timeout(300)]


async def _serve() -> None:
    clips = {"main": await asyncio.to_thread(clip_of, "cour", 640, 368, 25, 800_000)}
    options = CameraOptions(auth="none", quirks=Quirks(only_udp=True))
    async with SimulatedCamera(clips, options=options) as camera:
        print(camera.url("main"), flush=True)
        await asyncio.Event().wait()


@contextmanager
def camera(network: Host) -> Iterator[str]:
    """A camera that sends by UDP only, inside the container's network; its URL."""
    command = ["ip", "netns", "exec", network.name, sys.executable, "-m", "tests.image.test_compatible"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the container's console showed until the camera was recorded."""
    need("systemd-nspawn")
    need_loop()
    need_network_namespaces()
    folder = tmp_path_factory.mktemp("compatible")
    with ExitStack() as stack:
        disk = stack.enter_context(loop_disk(folder, MIB))
        format_disk = [sys.executable, "-m", "appliance", "disk", "format", str(disk.mount)]
        subprocess.run(format_disk, check=True, capture_output=True, timeout=60)
        tree = stack.enter_context(sealed_tree(folder))
        lines = (tree / "etc/passwd").read_text(encoding="utf-8").splitlines()
        (uid,) = (line.split(":")[2] for line in lines if line.startswith("appliance-recorder:"))
        subprocess.run(["chown", "-R", uid, disk.mount], check=True)
        (network,) = stack.enter_context(hosts("compatible"))
        site = folder / "state/site/current/site.toml"
        site.parent.mkdir(parents=True)
        site.write_text(SITE.format(url=stack.enter_context(camera(network))), encoding="utf-8")
        for name in ("var/lib/appliance", "srv/recordings/1"):
            (tree / name).mkdir(parents=True, exist_ok=True)
        units = tree / "etc/systemd/system"
        for name in MASKED + MASKED_TOO:
            (units / name).unlink(missing_ok=True)
            (units / name).symlink_to("/dev/null")
        (units / "trial.service").write_text(TELLS, encoding="utf-8")
        options = [f"--bind={folder / 'state'}:/var/lib/appliance", f"--bind={disk.mount}:/srv/recordings/1"]
        with Container(tree, network, options, "trial.service") as container:
            recorded = reached(lambda: "END" in container.text and " im/s" in container.text, RECORDED_S)
            assert recorded, container.text[-6000:]
            return container.text


def test_a_camera_that_sends_by_udp_only_is_recorded_from_within_the_recorders_sandbox(console: str) -> None:
    assert re.search(r"✔ Portail \(main\) : enregistre, 640x368, \d+ im/s", console), console[-4000:]


def test_the_child_has_no_more_rights_than_the_unit(console: str) -> None:
    told = console.rpartition("CHILD")[2].partition("END")[0]
    held = dict(re.findall(r"(\w+): ?(\S+)", told))
    assert (held["Seccomp"], held["NoNewPrivs"]) == ("2", "1"), told
    assert int(held["CapEff"], 16) == int(held["CapBnd"], 16) == 0, told
    assert held["Uid"] != "0", told
    assert "appliance-recorder.service" in told


if __name__ == "__main__":
    asyncio.run(_serve())
