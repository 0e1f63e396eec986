"""Stage `initrd`: made by dracut inside a copy of the tree, from the tree's own programs. No network in it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from imagebuild.words import BuildStopped

MODULES: Final = (
    "systemd systemd-initrd systemd-udevd systemd-veritysetup dm rootfs-block kernel-modules base fs-lib shutdown "
    "udev-rules appliance"
)
DRIVERS: Final = (
    "erofs dm-verity sha256-ssse3 sha256_generic crc32c_generic libcrc32c ahci ata_piix nvme sd_mod virtio_blk "
    "virtio_scsi virtio_pci usb-storage uas xhci-pci ehci-pci usbhid hid-generic vfat nls_ascii nls_cp437 efivarfs "
    "efi-pstore qemu_fw_cfg dmi-sysfs"
)
AT_ONCE: Final = "efi-pstore"
"""Loaded before the root is looked at: keeps a panic's last words in the firmware for the next start to tell."""

BUILD_ONLY: Final = ("dracut-core", "cpio", "zstd", "kpartx", "pkg-config", "pkgconf", "pkgconf-bin", "libpkgconf3")
"""Packages that make the initrd and are taken out of the image again."""


@contextmanager
def mounted(tree: Path) -> Iterator[None]:
    """/proc, /sys and /dev in the tree while a program of it runs there."""
    places = []
    try:
        for kind, name in (("proc", "proc"), ("sysfs", "sys"), ("tmpfs", "tmp")):
            subprocess.run(["mount", "-t", kind, kind, tree / name], check=True)
            places.append(tree / name)
        subprocess.run(["mount", "--bind", "/dev", tree / "dev"], check=True)
        places.append(tree / "dev")
        yield
    finally:
        for place in reversed(places):
            subprocess.run(["umount", "--lazy", place], check=True)


def make_initrd(place: Path, tree: Path, kernel: Path, dracut: Path, epoch: int) -> None:
    """`place/initrd.img`. `dracut`: our dracut modules. Raises BuildStopped."""
    work = place / "tree"
    subprocess.run(["cp", "-a", "--reflink=auto", tree, work], check=True)
    version = (kernel / "version").read_text(encoding="ascii")
    shutil.copytree(kernel / "modules/lib/modules", work / "usr/lib/modules", dirs_exist_ok=True)
    shutil.copytree(dracut, work / "usr/lib/dracut/modules.d", dirs_exist_ok=True)
    (work / "etc/machine-id").unlink(missing_ok=True)
    command = [
        "chroot",
        str(work),
        "dracut",
        "--force",
        "--no-hostonly",
        "--no-hostonly-cmdline",
        "--reproducible",
        "--zstd",
    ]
    command += ["--kver", version, "--modules", MODULES, "--drivers", DRIVERS]
    command += ["--force-drivers", AT_ONCE, "--no-early-microcode", "/initrd.img"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "LC_ALL": "C"}
    with mounted(work):
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    (place / "log").write_text(done.stdout + done.stderr, encoding="utf-8")
    made = work / "initrd.img"
    if done.returncode != 0 or not made.exists():
        raise BuildStopped(f"dracut failed: {(done.stderr or done.stdout).strip().splitlines()[-1:]} ({place / 'log'})")
    made.rename(place / "initrd.img")
    shutil.rmtree(work)
