"""What lies in build/image is one thing: the disk holds the root that the signed program names, and is made the same
twice. Nothing is started here."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from imagebuild import disk, harden, seal, uki
from imagebuild.__main__ import LOCK, epoch_of, version_of
from imagebuild.lock import Lock
from tests.image.disks import Partition, copied_out, partitions
from tests.peers.need import ROOT

IMAGE = ROOT / "build/image"

pytestmark = [pytest.mark.image, pytest.mark.timeout(300)]


def digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@pytest.fixture(scope="module")
def image() -> Path:
    (found,) = (IMAGE / "disk").glob("*.raw")
    return found


@pytest.fixture(scope="module")
def parts(image: Path) -> dict[str, Partition]:
    return partitions(image)


def section(program: Path, name: str, place: Path) -> bytes:
    """A section of an EFI program."""
    subprocess.run(["objcopy", "-O", "binary", f"--only-section={name}", program, place], check=True)
    return place.read_bytes().rstrip(b"\0")


def test_the_signed_program_names_the_root_that_the_disk_holds(
    image: Path, parts: dict[str, Partition], tmp_path: Path
) -> None:
    command_line = section(IMAGE / "uki/temoin.signed.efi", ".cmdline", tmp_path / "cmdline").decode()
    root_hash = dict(word.partition("=")[::2] for word in command_line.split())["roothash"]
    found = parts["temoin-root-a"].uuid + parts["temoin-verity-a"].uuid
    assert found.replace("-", "") == root_hash
    for label, name in (("temoin-root-a", "root.erofs"), ("temoin-verity-a", "root.verity")):
        copied_out(image, parts[label], tmp_path / name, (IMAGE / "seal" / name).stat().st_size)
    verify = ["veritysetup", "verify", str(tmp_path / "root.erofs"), str(tmp_path / "root.verity"), root_hash]
    assert subprocess.run(verify, check=False, capture_output=True).returncode == 0
    with (tmp_path / "root.erofs").open("r+b") as root:
        root.seek(100_000_000)
        byte = root.read(1)[0]
        root.seek(-1, 1)
        root.write(bytes([byte ^ 1]))
    assert subprocess.run(verify, check=False, capture_output=True).returncode != 0


def test_the_program_is_signed_by_the_trials_key_and_the_unsigned_is_not() -> None:
    verify = ["sbverify", "--cert", str(IMAGE / "keys/db.pem")]
    for name in ("temoin.signed.efi", "systemd-boot.signed.efi"):
        assert subprocess.run([*verify, IMAGE / "uki" / name], check=False, capture_output=True).returncode == 0
    assert subprocess.run([*verify, IMAGE / "uki/temoin.efi"], check=False, capture_output=True).returncode != 0


def test_the_packed_image_is_the_disk_and_its_sums_hold(image: Path) -> None:
    packed = image.with_name(image.name + ".zst")
    assert packed.stat().st_size <= 300e6
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], check=True, cwd=image.parent)
    unpack = f"zstd -qdc '{packed}' | sha256sum"
    told = subprocess.run(["bash", "-o", "pipefail", "-c", unpack], check=True, capture_output=True, text=True)
    assert told.stdout.split()[0] == digest(image)


def test_made_again_from_the_same_inputs_root_program_and_disk_are_the_same(image: Path, tmp_path: Path) -> None:
    epoch, version = epoch_of(Lock.parse(LOCK.read_text(encoding="utf-8"))), version_of()
    places = {name: tmp_path / name for name in ("harden", "seal", "uki", "disk")}
    for place in places.values():
        place.mkdir()
    own = ROOT / "image-build/overlay"
    parts = harden.Parts(IMAGE / "rootfs/tree", IMAGE / "kernel", IMAGE / "wheels", ROOT, own, version, epoch)
    harden.make_tree(places["harden"], parts)
    sealed = seal.seal(places["seal"], places["harden"] / "tree", epoch)
    assert sealed.root_hash == seal.Sealed.of(IMAGE / "seal").root_hash
    release = places["harden"] / "tree/usr/lib/os-release"
    kernel, initrd = IMAGE / "kernel/vmlinuz", IMAGE / "initrd/initrd.img"
    made = uki.make_uki(places["uki"], kernel, initrd, release, sealed.root_hash)
    assert digest(made) == digest(IMAGE / "uki/temoin.efi")
    entry, loader = IMAGE / "uki/temoin.signed.efi", IMAGE / "uki/systemd-boot.signed.efi"  # a signature bears its time
    esp = disk.make_esp(places["disk"], entry, f"temoin_{version}+{disk.TRIES}.efi", loader, epoch, None)
    again = disk.make_disk(places["disk"], sealed, esp, version)
    assert digest(again) == digest(image)
    other = places["harden"] / "tree/usr/lib/appliance/version"
    other.write_text("another\n", encoding="ascii")
    (tmp_path / "other").mkdir()
    assert seal.seal(tmp_path / "other", places["harden"] / "tree", epoch).root_hash != sealed.root_hash


def test_made_again_with_nothing_changed_every_stage_is_passed_over() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "imagebuild"],
        env={"PYTHONPATH": str(ROOT / "image-build"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        check=True,
        capture_output=True,
        text=True,
    )
    stages = [line for line in told.stdout.splitlines() if line.startswith("image: [")]
    assert len(stages) >= 8
    assert all(line.endswith(": unchanged") for line in stages)
