"""Stage `rootfs`: the Debian tree, package by package as the lock says. Root; nothing of the host is changed."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from imagebuild.lock import Lock, Package, difference, installed, why_stopped
from imagebuild.words import BuildStopped

SUITES: Final = ("bookworm", "bookworm-updates")
SECURITY: Final = "bookworm-security"
KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"
SNAPSHOTS: Final = "http://snapshot.debian.org/archive"
"""Every state that Debian's archive ever had, by time."""

KERNEL: Final = "linux-image-amd64"
MERGED_USR: Final = "/usr/share/mmdebstrap/hooks/merged-usr"
"""Without it `usrmerge` comes, and with it the whole of Perl."""

LEFT_OUT: Final = (
    "/usr/share/man/*",
    "/usr/share/doc/*/*",
    "/usr/share/locale/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
)
KEPT: Final = "/usr/share/doc/*/copyright"


@dataclass(frozen=True, slots=True)
class Source:
    """Where packages come from. `mirror` "": the host's own; `snapshot`: a day of an archive laid out as
    snapshot.debian.org is, which `mirror` then names ("": that one), "" for none.
    """

    mirror: str = ""
    snapshot: str = ""

    def lines(self) -> list[str]:
        """sources.list lines; empty when the host's own sources are used."""
        if self.snapshot:
            base = self.mirror.rstrip("/") or SNAPSHOTS
            main, security = f"{base}/debian/{self.snapshot}", f"{base}/debian-security/{self.snapshot}"
        elif self.mirror:
            main = self.mirror.rstrip("/")
            security = re.sub(r"/debian$", "/debian-security", main)
        else:
            return []
        options = f"[signed-by={KEYRING} check-valid-until=no]" if self.snapshot else f"[signed-by={KEYRING}]"
        lines = [f"deb {options} {main} {suite} main" for suite in SUITES]
        return [*lines, f"deb {options} {security} {SECURITY} main"]


def asked(text: str) -> list[str]:
    """Names of packages.list, in order."""
    return [name for line in text.splitlines() if not line.startswith("#") for name in line.split()]


def include(wanted: Sequence[str], lock: Lock | None) -> list[str]:
    """What mmdebstrap is told: every package of the lock with its version, or the bare names without a lock."""
    if lock is None:
        return list(wanted)
    return [f"{p.name}={p.version}" for name, p in sorted(lock.packages.items()) if not name.startswith("linux-image-")]


def make_tree(place: Path, wanted: Sequence[str], lock: Lock | None, source: Source, epoch: int) -> dict[str, Package]:
    """`place/tree` and `place/kernel.deb`, dated `epoch` (seconds); what is in them. Raises BuildStopped."""
    if os.geteuid() != 0:
        raise BuildStopped("the image is built by root: sudo make image")
    if shutil.which("mmdebstrap") is None:
        raise BuildStopped("mmdebstrap is missing: make image installs what it needs, with root")
    facts = place / "facts"
    facts.mkdir()
    hook = Path(__file__).with_name("hook.py")
    command = ["mmdebstrap", "--variant=minbase", "--format=directory", f"--hook-dir={MERGED_USR}"]
    command += [f"--include={' '.join(include(wanted, lock))}"]
    command += [f"--dpkgopt=path-exclude={glob}" for glob in LEFT_OUT] + [f"--dpkgopt=path-include={KEPT}"]
    kernel = next((p for name, p in lock.packages.items() if name.startswith("linux-image-")), None) if lock else None
    name = f"{kernel.name}={kernel.version}" if kernel else ""
    command += [f"--customize-hook={sys.executable} {hook} $1 {facts} {name or KERNEL}"]
    command += [SUITES[0], str(place / "tree"), *(source.lines() or [])]
    environment = {**os.environ, "LC_ALL": "C", "SOURCE_DATE_EPOCH": str(epoch)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    (place / "log").write_text(done.stderr, encoding="utf-8")
    if done.returncode != 0:
        if sentence := why_stopped(done.stderr):
            raise BuildStopped(sentence)
        raise BuildStopped(
            f"mmdebstrap failed; its last words: {done.stderr.strip().splitlines()[-1:]} ({place / 'log'})"
        )
    status = (facts / "status").read_text(encoding="utf-8")
    indexes = (facts / "indexes").read_text(encoding="utf-8")
    found = installed(status, indexes)
    told = json.loads((facts / "kernel.json").read_text(encoding="utf-8"))
    found[told["name"]] = Package(told["name"], told["version"], told["sha256"])
    (facts / "indexes").unlink()
    if lock is not None and (changes := difference(lock.packages, found)):
        raise BuildStopped(f"what was installed is not what packages.lock says: {'; '.join(changes[:5])}")
    return found


def today() -> str:
    """The snapshot that a new lock names."""
    return datetime.now(UTC).strftime("%Y%m%dT000000Z")
