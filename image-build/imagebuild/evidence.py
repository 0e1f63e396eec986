"""Stage `evidence`: what is in the image, for whoever has to vouch for it. Written to build/evidence; nothing is said
that is not read from the sealed tree itself, and a tree with what must not be there is no image.
"""

import hashlib
import json
import os
import re
import stat
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Any, Final

from imagebuild.harden import PYTHON_HOME
from imagebuild.lock import Lock, Package, paragraphs
from imagebuild.words import BuildStopped

REFUSED: Final = (
    "gcc",
    "cc",
    "ld",
    "make",
    "node",
    "npm",
    "pip",
    "pip3",
    "sshd",
    "apt",
    "apt-get",
    "perl",
    "gdb",
    "strace",
    "tcpdump",
    "dracut",
)
"""Programs that an appliance has no use for and an intruder has."""

SETUID_MOST: Final = 1
SCORED: Final = "appliance-*.service"
"""Every unit of ours, those of the start included."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """One Python package of the image."""

    name: str
    version: str
    licence: str


def wheels_of(site: Path) -> list[Wheel]:
    """From the METADATA of each dist-info."""
    found = []
    for file in sorted(site.glob("*.dist-info/METADATA")):
        told = HeaderParser().parsestr(file.read_text(encoding="utf-8", errors="replace"))
        licence = told.get("License-Expression") or (told.get("License") or "").partition("\n")[0]
        found.append(Wheel(told["Name"].lower(), told["Version"], licence[:80]))
    return found


def page_packages(lock: Mapping[str, Any]) -> dict[str, str]:
    """Npm packages that the built page contains: what the page itself depends on, version by name."""
    wanted = lock["packages"][""].get("dependencies", {})
    left, found = list(wanted), {}
    while left:
        name = left.pop()
        entry = lock["packages"].get(f"node_modules/{name}")
        if entry and name not in found:
            found[name] = str(entry["version"])
            left += list(entry.get("dependencies", {}))
    return dict(sorted(found.items()))


def bill(
    version: str, packages: Iterable[Package], wheels: Iterable[Wheel], page: Mapping[str, str], stamp: str
) -> dict[str, Any]:
    """CycloneDX 1.5 (ECMA-424): Debian packages with their hashes, Python and page packages, each with its purl."""
    components: list[dict[str, Any]] = [
        {
            "type": "operating-system" if p.name.startswith("linux-image-") else "library",
            "name": p.name,
            "version": p.version,
            "purl": f"pkg:deb/debian/{p.name}@{p.version.replace('+', '%2B')}?arch=amd64&distro=bookworm",
            "hashes": [{"alg": "SHA-256", "content": p.sha256}],
        }
        for p in packages
    ]
    for wheel in wheels:
        entry = {
            "type": "library",
            "name": wheel.name,
            "version": wheel.version,
            "purl": f"pkg:pypi/{wheel.name}@{wheel.version}",
        }
        components.append(entry | ({"licenses": [{"license": {"name": wheel.licence}}]} if wheel.licence else {}))
    for name, its_version in page.items():
        purl = f"pkg:npm/{name.replace('@', '%40')}@{its_version}"
        components.append({"type": "library", "name": name, "version": its_version, "purl": purl})
    product = {"type": "firmware", "name": "temoin", "version": version, "licenses": [{"license": {"id": "EUPL-1.2"}}]}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"timestamp": stamp, "component": product},
        "components": components,
    }


def privileged(tree: Path) -> list[str]:
    """Files with set-user-ID or set-group-ID, by path."""
    found = []
    for folder, _, files in os.walk(tree):
        for name in files:
            mode = (Path(folder) / name).lstat().st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                found.append(str((Path(folder) / name).relative_to(tree)))
    return sorted(found)


def refused(tree: Path) -> list[str]:
    """Programs of REFUSED that lie where programs lie."""
    folders = [tree / place for place in ("usr/bin", "usr/sbin", "usr/local/bin", f"{PYTHON_HOME}/bin")]
    return sorted(str((f / name).relative_to(tree)) for f in folders for name in REFUSED if (f / name).exists())


def score_of(text: str) -> float:
    """Overall exposure from what systemd-analyze prints."""
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", text)
    if found is None:
        raise BuildStopped(f"systemd-analyze gave no score: {text.strip()[-200:]}")
    return float(found.group(1))


def scores(tree: Path, names: Iterable[str]) -> dict[str, float]:
    """Exposure of each of these units by `systemd-analyze security --offline`."""
    made = {}
    for name in names:
        command = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--root={tree}", name]
        made[name] = score_of(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    return made


def own_units(tree: Path) -> list[str]:
    """Our services in the tree, by name."""
    return sorted(file.name for file in (tree / "usr/lib/systemd/system").glob(SCORED))


def write(folder: Path, at: Path, lock: Lock, version: str, page_lock: Path, stamp: str) -> None:
    """All of it. `at`: the stages' folder. Raises BuildStopped for what must not be in an image."""
    tree = at / "harden/tree"
    if there := refused(tree):
        raise BuildStopped(f"the image must not hold {', '.join(there)}")
    suid = privileged(tree)
    if len(suid) > SETUID_MOST:
        raise BuildStopped(f"more than {SETUID_MOST} privileged file: {', '.join(suid)}")
    folder.mkdir(parents=True, exist_ok=True)
    kept = {p["Package"] for p in paragraphs((tree / "usr/share/appliance/dpkg-status").read_text(encoding="utf-8"))}
    kernel = [name for name in lock.packages if name.startswith("linux-image-")]
    packages = [p for name, p in sorted(lock.packages.items()) if name in kept or name in kernel]
    wheels = wheels_of(tree / PYTHON_HOME)
    page = page_packages(json.loads(page_lock.read_text(encoding="utf-8")))
    modules = sorted(file.name for file in (tree / "usr/lib/modules").rglob("*.ko*"))
    artefacts = {
        name: at / place
        for name, place in (
            ("root", "seal/root.erofs"),
            ("hash tree", "seal/root.verity"),
            ("initrd", "initrd/initrd.img"),
            ("program", "uki/temoin.efi"),
        )
    }
    manifest = {
        "version": version,
        "snapshot": lock.snapshot,
        "root_hash": (at / "seal/roothash").read_text(encoding="ascii").strip(),
        "command_line": (at / "uki/cmdline").read_text(encoding="ascii"),
        "files": {name: {"bytes": f.stat().st_size, "sha256": _sha256(f)} for name, f in artefacts.items()},
        "packages": len(packages),
        "python_packages": len(wheels),
        "modules": len(modules),
    }
    texts = {
        "manifest.json": json.dumps(manifest, indent=1),
        "sbom.cdx.json": json.dumps(bill(version, packages, wheels, page, stamp), indent=1),
        "unit-scores.json": json.dumps(scores(tree, own_units(tree)), indent=1),
        "privileged.txt": "\n".join(suid),
        "modules.txt": "\n".join(modules),
        "packages.txt": "\n".join(f"{p.name} {p.version}" for p in packages),
        "firewall.nft": (tree / "etc/nftables.conf").read_text(encoding="utf-8"),
    }
    for name, text in texts.items():
        (folder / name).write_text(text + "\n", encoding="utf-8")


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
