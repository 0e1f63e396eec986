"""Stage `disk`: ESP, slot A with its hashes, an empty slot B; state and recordings are laid out at the first start."""

import os
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Final

from imagebuild.seal import NAMESPACE, Sealed
from imagebuild.words import BuildStopped

MIB: Final = 1 << 20
ESP_MIB: Final = 256
ESP_NAME: Final = "TEMOIN-ESP"
"""Volume label (11 octets). Not TEMOIN: so is the provisioning stick called, and it is found by that name."""

SLOT_MIB: Final = 384
VERITY_MIB: Final = 16
TRIES: Final = 3
"""Starts that a new version has to prove itself (systemd Automatic Boot Assessment)."""

LOADER_CONF: Final = "timeout 0\neditor no\nauto-firmware no\nconsole-mode keep\n"


def make_esp(place: Path, entry: Path, name: str, loader: Path, epoch: int, keys: Path | None) -> Path:
    """`place/esp.img`: systemd-boot, our entry under `name`, and public keys to enrol where `keys` are given."""
    image = place / "esp.img"
    image.unlink(missing_ok=True)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "MTOOLS_SKIP_CHECK": "1"}
    with image.open("wb") as file:
        file.truncate(ESP_MIB * MIB)
    volume = f"{uuid.uuid5(NAMESPACE, 'esp').int & 0xFFFFFFFF:08x}"
    _run(["mkfs.vfat", "--invariant", "-F", "32", "-n", ESP_NAME, "-i", volume, str(image)], environment)
    staging = place / "esp"
    shutil.rmtree(staging, ignore_errors=True)
    for folder in ("EFI/BOOT", "EFI/systemd", "EFI/Linux", "loader/keys/auto"):
        (staging / folder).mkdir(parents=True)
    shutil.copy(loader, staging / "EFI/BOOT/BOOTX64.EFI")
    shutil.copy(entry, staging / "EFI/Linux" / name)
    enrol = "secure-boot-enroll force\n" if keys is not None else ""
    (staging / "loader/loader.conf").write_text(LOADER_CONF + enrol, encoding="ascii")
    if keys is not None:
        for key in sorted(keys.glob("*.auth")):
            shutil.copy(key, staging / "loader/keys/auto" / key.name)
    for one in sorted(staging.rglob("*")):
        os.utime(one, (epoch, epoch))
        target = "::" + str(one.relative_to(staging))
        if one.is_dir():
            _run(["mmd", "-i", str(image), target], environment)
        else:
            _run(["mcopy", "-m", "-i", str(image), str(one), target], environment)
    shutil.rmtree(staging)
    return image


def repart(folder: Path, sealed: Sealed, esp: Path) -> None:
    """The definitions that systemd-repart builds the disk from."""
    root, verity = "root-x86-64", "root-x86-64-verity"
    parts = {
        "00-esp": ("esp", "temoin-esp", ESP_MIB, str(esp), str(uuid.uuid5(NAMESPACE, "esp-part"))),
        "10-root-a": (root, "temoin-root-a", SLOT_MIB, str(sealed.root), sealed.root_uuid),
        "11-verity-a": (verity, "temoin-verity-a", VERITY_MIB, str(sealed.verity), sealed.verity_uuid),
        "20-root-b": (root, "temoin-root-b", SLOT_MIB, "", str(uuid.uuid5(NAMESPACE, "empty-root"))),
        "21-verity-b": (verity, "temoin-verity-b", VERITY_MIB, "", str(uuid.uuid5(NAMESPACE, "empty-verity"))),
    }
    folder.mkdir(exist_ok=True)
    for name, (kind, label, mib, blocks, identity) in parts.items():
        lines = [
            "[Partition]",
            f"Type={kind}",
            f"Label={label}",
            f"UUID={identity}",
            f"SizeMinBytes={mib}M",
            f"SizeMaxBytes={mib}M",
        ]
        lines += [f"CopyBlocks={blocks}"] if blocks else []
        (folder / f"{name}.conf").write_text("\n".join([*lines, ""]), encoding="utf-8")


def make_disk(place: Path, sealed: Sealed, esp: Path, version: str) -> Path:
    """`place/temoin-VERSION.raw`. Raises BuildStopped."""
    for file, mib, what in ((sealed.root, SLOT_MIB, "root"), (sealed.verity, VERITY_MIB, "hash tree")):
        if file.stat().st_size > mib * MIB:
            raise BuildStopped(
                f"the {what} has {file.stat().st_size // MIB} MiB, a slot {mib}: something large came in"
            )
    definitions = place / "repart.d"
    repart(definitions, sealed, esp)
    target = place / f"temoin-{version}.raw"
    command = ["systemd-repart", "--empty=create", "--size=auto", "--dry-run=no", f"--definitions={definitions}"]
    command += [f"--seed={uuid.uuid5(NAMESPACE, 'disk')}", "--no-pager", str(target)]
    _run(command, dict(os.environ))
    return target


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise BuildStopped(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout
