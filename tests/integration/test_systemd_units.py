"""The units as Debian 12's systemd reads them: every word known, the sandbox's score, users, folders and sockets."""

import ipaddress
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from appliance.core.lines import LineServer
from appliance.inputs.discovery import GROUP
from appliance.services import access
from tests.peers.need import ROOT, need, need_root

SYSTEMD = ROOT / "systemd"
OF_IMAGE = ROOT / "image-build/overlay/usr/lib/systemd/system"
FILES = {path.name: path for folder in (SYSTEMD / "system", OF_IMAGE) for path in folder.glob("appliance-*.service")}
SERVICES = sorted(FILES)
SCORE_MAX = 2.0
"""Exposure by `systemd-analyze security`: 0 is a service that may do nothing, 9.6 one without a sandbox."""


def settings(name: str) -> dict[str, list[str]]:
    """Each key of a unit with its values in order, sections put together."""
    found: dict[str, list[str]] = {}
    for line in FILES.get(name, SYSTEMD / "system" / name).read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with the files where the image has them."""
    for name, place in (
        ("system", "usr/lib/systemd/system"),
        ("sysusers.d", "usr/lib/sysusers.d"),
        ("tmpfiles.d", "usr/lib/tmpfiles.d"),
    ):
        shutil.copytree(SYSTEMD / name, tmp_path / place)
    shutil.copytree(OF_IMAGE.parents[1] / "appliance", tmp_path / "usr/lib/appliance")
    for pattern in ("appliance-*.service", "*.mount"):
        for file in OF_IMAGE.glob(pattern):
            shutil.copy(file, tmp_path / "usr/lib/systemd/system")
    (tmp_path / "etc").mkdir()
    (tmp_path / "srv/recordings/1").mkdir(parents=True)
    for program in ("appliance", "udevadm", "cp", "true"):
        file = tmp_path / "usr/bin" / program
        file.parent.mkdir(exist_ok=True)
        file.write_text("#!/bin/sh\n", encoding="ascii")
        file.chmod(0o755)
    (tmp_path / "bin").symlink_to("usr/bin")
    return tmp_path


def done(*command: str) -> str:
    """What a program wrote; it must end well."""
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_the_sandbox_scores_well(name: str) -> None:
    need("systemd-analyze")
    said = done("systemd-analyze", "security", "--offline=true", "--no-pager", str(FILES[name]))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found, said
    assert float(found[1]) <= SCORE_MAX, said


@pytest.mark.parametrize("name", [*SERVICES, "var.mount", "srv-recordings-1.mount"])
def test_every_word_of_a_unit_is_known(name: str, root: Path) -> None:
    need("systemd-analyze")
    said = done("systemd-analyze", "verify", f"--root={root}", "--man=no", "--recursive-errors=no", name)
    assert not [line for line in said.splitlines() if "/appliance-" in line or name in line], said


def test_a_word_that_is_wrong_is_told(root: Path) -> None:
    need("systemd-analyze")
    unit = root / "usr/lib/systemd/system/appliance-web.service"
    unit.write_text(unit.read_text(encoding="utf-8").replace("WatchdogSec=30", "WatchdogTime=30"), encoding="utf-8")
    with pytest.raises(AssertionError, match="Unknown key 'WatchdogTime'"):
        done("systemd-analyze", "verify", f"--root={root}", "--man=no", "--recursive-errors=no", unit.name)


@pytest.mark.parametrize("name", ["recorder", "detector", "web", "inputs"])
def test_a_service_is_kept_alive_watched_and_ends_soon(name: str) -> None:
    unit = settings(f"appliance-{name}.service")
    assert unit["User"] == [f"appliance-{name}"]
    assert unit["Type"] == ["notify"]
    assert (unit["Restart"], unit["TimeoutStopSec"]) == (["always"], ["5"])
    assert unit["StartLimitIntervalSec"] == ["0"], "a service that failed often is tried for ever"
    assert int(unit["WatchdogSec"][0]) >= 15, "a disk may take five seconds, three looks are in it"


def test_recording_waits_for_nobody_and_comes_first() -> None:
    units = {name: settings(f"appliance-{name}.service") for name in ("recorder", "detector", "web", "inputs")}
    for key in ("Requires", "BindsTo", "Wants", "PartOf", "Requisite"):
        assert not [name for name, unit in units.items() if key in unit], key
    assert "network" not in " ".join(units["recorder"]["After"])
    slices = {name: settings(unit["Slice"][0]) for name, unit in units.items()}
    for weight in ("CPUWeight", "IOWeight"):
        of = {name: int(found[weight][0]) for name, found in slices.items()}
        assert of["recorder"] >= 10 * max(of["web"], of["detector"], of["inputs"])
    scores = {name: int(unit["OOMScoreAdjust"][0]) for name, unit in units.items()}
    assert sorted(scores, key=scores.__getitem__) == ["recorder", "web", "inputs", "detector"]


def test_the_detector_has_no_network_and_servers_see_who_asks() -> None:
    detector = settings("appliance-detector.service")
    assert (detector["PrivateNetwork"], detector["RestrictAddressFamilies"]) == (["yes"], ["AF_UNIX"])
    for name in ("recorder", "detector", "inputs"):  # a user namespace shows every other user as "nobody"
        assert "PrivateUsers" not in settings(f"appliance-{name}.service")


def test_who_asks_cameras_has_their_network_and_nothing_else() -> None:
    unit = settings("appliance-inputs.service")
    assert unit["SupplementaryGroups"] == ["appliance-journals"], "no recording, no other service's socket"
    assert not {"LoadCredential", "SetCredential", "LoadCredentialEncrypted", "EnvironmentFile"} & set(unit)
    assert unit["RestrictAddressFamilies"] == ["AF_UNIX AF_INET"]
    assert unit["IPAddressDeny"] == ["any"]
    allowed = {ipaddress.ip_network(word) for word in unit["IPAddressAllow"][0].split()}
    group = ipaddress.ip_network(GROUP)
    assert group in allowed
    assert all(network.is_private and not network.is_loopback for network in allowed - {group})
    assert unit["ReadWritePaths"] == ["/var/lib/appliance/recorder/journal /run/appliance/inputs"]


def test_who_makes_pictures_has_its_socket_and_nothing_else() -> None:
    unit, socket = settings("appliance-stills.service"), settings("appliance-stills.socket")
    given = {"SupplementaryGroups", "LoadCredential", "SetCredential", "EnvironmentFile", "StateDirectory"}
    assert not (given | {"ReadWritePaths", "BindPaths", "IPAddressAllow"}) & set(unit)
    assert (unit["PrivateNetwork"], unit["RestrictAddressFamilies"]) == (["yes"], ["AF_UNIX"])
    assert (unit["LimitFSIZE"], unit["Restart"], unit["Requires"]) == (["0"], ["no"], ["appliance-stills.socket"])
    assert (socket["SocketGroup"], socket["SocketMode"]) == (["appliance-web"], ["0660"])
    assert socket["TriggerLimitIntervalSec"] == ["0"], "pictures that break it do not close the door"
    assert (
        f"APPLIANCE_STILLS={socket['ListenStream'][0]}" in settings("appliance-web.service")["Environment"][0].split()
    )


def test_what_the_keyboard_reaches_is_the_accounts_and_nothing_else() -> None:
    unit, page = settings("appliance-desk.service"), settings("appliance-web.service")
    assert (unit["User"], unit["StateDirectory"]) == (page["User"], page["StateDirectory"]), "the page's own file"
    assert (unit["PrivateNetwork"], unit["RestrictAddressFamilies"]) == (["yes"], ["AF_UNIX"])
    assert {"-/srv/recordings", "-/run/appliance", "-/var/lib/appliance/front"} <= set(
        unit["InaccessiblePaths"][0].split()
    ), "a user has all of its groups, whatever a unit asks for"
    assert unit["ReadWritePaths"] == ["/var/lib/appliance/recorder/journal"]
    assert not {"LoadCredential", "SetCredential", "EnvironmentFile", "BindPaths"} & set(unit)
    assert (unit["TTYPath"], unit["StandardInput"], unit["StandardOutput"]) == (["/dev/tty2"], ["tty"], ["tty"])
    assert (unit["StandardError"], unit["TTYVTDisallocate"]) == (["journal"], ["yes"]), "nothing stays on the screen"
    assert (unit["Restart"], unit["StartLimitIntervalSec"]) == (["always"], ["0"])


def test_users_and_folders_are_made_and_each_may_what_it_must(root: Path) -> None:
    need("systemd-sysusers", "systemd-tmpfiles")
    need_root()
    done("systemd-sysusers", f"--root={root}")
    done("systemd-tmpfiles", f"--root={root}", "--create")
    uids = {line.split(":")[0]: int(line.split(":")[2]) for line in (root / "etc/passwd").read_text().splitlines()}
    groups = {line.split(":")[0]: line.split(":")[2:] for line in (root / "etc/group").read_text().splitlines()}
    assert set(uids) >= {access.RECORDER, access.DETECTOR, access.WEB}
    assert len(set(uids.values())) == len(uids)
    for name in ("recorder", "detector", "web", "inputs"):
        asked = set(settings(f"appliance-{name}.service")["SupplementaryGroups"][0].split())
        assert asked == {group for group, (_, members) in groups.items() if f"appliance-{name}" in members.split(",")}

    def found(path: str) -> tuple[int, int, int]:
        state = (root / path).stat()
        return stat.S_IMODE(state.st_mode), state.st_uid, state.st_gid

    recorder, detector = uids[access.RECORDER], uids[access.DETECTOR]
    gid = {name: int(fields[0]) for name, fields in groups.items()}
    assert found("run/appliance/recorder") == (0o2750, recorder, gid["appliance-recorder-clients"])
    assert found("run/appliance/detector") == (0o2750, detector, gid["appliance-detector-clients"])
    inputs = uids["appliance-inputs"]
    assert found("run/appliance/inputs") == (0o700, inputs, gid["appliance-inputs"]), "root and itself alone"
    assert found("var/lib/appliance/recorder/journal") == (0o3770, recorder, gid["appliance-journals"])
    assert found("srv/recordings/1") == (0o2750, recorder, gid["appliance-recordings"])
    assert found("var/lib/appliance/sealed") == (0o700, 0, 0)
    assert "appliance-detector" not in groups["appliance-recordings"][1], "it gets its pictures by the socket"


async def test_a_socket_takes_the_group_of_its_folder(tmp_path: Path) -> None:
    need_root()
    folder = tmp_path / "recorder"
    folder.mkdir()
    os.chown(folder, 0, 4321)
    folder.chmod(0o2750)
    server: LineServer[Any] = LineServer()
    await server.start(folder / "recorder.sock")
    state = (folder / "recorder.sock").stat()
    await server.close()
    assert (state.st_gid, stat.S_IMODE(state.st_mode)) == (4321, 0o660)
