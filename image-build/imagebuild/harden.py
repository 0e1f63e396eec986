"""Stage `harden`: the tree as it is sealed: our programs in, tools out, nothing setuid, root locked, /etc still."""

import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imagebuild.initrd import BUILD_ONLY

PYTHON_HOME: Final = "usr/lib/appliance/python"
LAUNCHER: Final = f"""#!/usr/bin/python3 -sP
import sys

sys.path.insert(0, "/{PYTHON_HOME}")
from appliance.cli import main

sys.exit(main())
"""
TOOLS_OUT: Final = (
    *BUILD_ONLY, "apt", "libapt-pkg6.0", "debian-archive-keyring", "gpgv", "perl-base", "logsave", "debconf", "adduser",
)  # fmt: skip
"""Debian's own tools of installation: no package is ever installed into a verified root."""

PRIVILEGED: Final = ("usr/sbin/unix_chkpwd",)
"""May keep set-user-ID or set-group-ID: checks a password for a locked screen or a console log-in."""

MASKED: Final = (
    "systemd-repart.service", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
    "e2scrub_reap.service", "fstrim.timer", "debug-shell.service", "ctrl-alt-del.target", "serial-getty@.service",
    "getty@.service", "getty@tty1.service", "autovt@.service", "getty-static.service",
    "systemd-firstboot.service", "systemd-homed.service", "systemd-userdbd.socket", "proc-sys-fs-binfmt_misc.automount",
    "systemd-boot-update.service", "emergency.service", "rescue.service",
)  # fmt: skip
"""Never started. Of gettys none: no screen asks for a log-in, whichever key is pressed (logind's autovt@)."""

DISKS: Final = 8
"""Mount points of recording disks: the root is read-only, and a rack recorder has eight bays at the most."""

DAY_S: Final = 86_400

FSTAB: Final = """\
# / is the verified root; /var and the recordings have mount units, opened by appliance-disks.service.
tmpfs /tmp tmpfs rw,nosuid,nodev,noexec,size=25%,mode=1777 0 0
"""
BANNER: Final = "Témoin. Accès réservé : toute connexion est journalisée.\n"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the tree is made of: stages before, this project with the page built, our overlay; `epoch` in seconds."""

    tree: Path
    kernel: Path
    wheels: Path
    sources: Path
    overlay: Path
    version: str
    epoch: int


def make_tree(place: Path, parts: Parts) -> None:
    """`place/tree`."""
    root = place / "tree"
    subprocess.run(["cp", "-a", "--reflink=auto", parts.tree, root], check=True)
    shutil.copytree(parts.kernel / "modules/lib/modules", root / "usr/lib/modules", dirs_exist_ok=True)
    _tools_out(root)
    _programs(root, parts)
    shutil.copytree(parts.overlay, root, dirs_exist_ok=True, symlinks=True)
    _accounts(root, parts.epoch)
    _units(root)
    _files(root)
    _no_privileges(root)


def _tools_out(root: Path) -> None:
    there = subprocess.run(
        ["dpkg-query", "--root", root, "-W", "-f", "${Package}\n"], check=True, capture_output=True, text=True
    )
    names = [name for name in TOOLS_OUT if name in there.stdout.split()]
    # --log: `--root` leaves the log where the host's own is
    command = ["dpkg", "--root", str(root), "--log=/dev/null", "--force-all", "--no-triggers", "--purge", *names]
    subprocess.run(command, check=False, capture_output=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    for name in names:  # whose own scripts need what is gone already
        for file in (root / "var/lib/dpkg/info").glob(f"{name}.list"):
            _unlink_listed(root, file)


def _unlink_listed(root: Path, listed: Path) -> None:
    for line in listed.read_text(encoding="utf-8").splitlines():
        file = root / line.lstrip("/")
        if file.is_symlink() or file.is_file():
            file.unlink()


def _programs(root: Path, parts: Parts) -> None:
    home, sources = root / PYTHON_HOME, parts.sources
    shutil.copytree(parts.wheels / "site", home)
    shutil.copytree(sources / "appliance", home / "appliance", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(home / "appliance/demo")  # simulated cameras: the product imports nothing of them
    shutil.copytree(sources / "webui/dist", root / "usr/share/appliance/page")  # appliance-web.service says so
    launcher = root / "usr/bin/appliance"
    launcher.write_text(LAUNCHER, encoding="utf-8")
    launcher.chmod(0o755)
    compile_all = ["python3", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", f"/{PYTHON_HOME}"]
    subprocess.run(["chroot", root, *compile_all], check=False, capture_output=True)
    subprocess.run(["chroot", root, *compile_all[:-1], "/usr/lib/python3.11"], check=False, capture_output=True)
    for kind, target in (
        ("system", "systemd/system"),
        ("sysusers.d", "sysusers.d"),
        ("tmpfiles.d", "tmpfiles.d"),
        ("network", "systemd/network"),
        ("sysctl.d", "sysctl.d"),
        ("udev", "udev/rules.d"),
        ("udev", "udev/rules.d"),
    ):
        shutil.copytree(sources / "systemd" / kind, root / "usr/lib" / target, dirs_exist_ok=True)
    shutil.copy2(sources / "systemd/nftables/appliance.nft", root / "etc/nftables.conf")
    shutil.copy2(sources / "systemd/chrony/appliance.conf", root / "etc/chrony/chrony.conf")
    (root / "usr/lib/appliance/version").write_text(parts.version + "\n", encoding="ascii")
    release = root / "usr/lib/os-release"
    kept = [line for line in release.read_text(encoding="utf-8").splitlines() if not line.startswith("IMAGE_")]
    release.unlink()
    release.write_text("\n".join([*kept, "IMAGE_ID=temoin", f"IMAGE_VERSION={parts.version}", ""]), encoding="utf-8")


def locked(shadow: str, day: int) -> str:
    """/etc/shadow where nobody has a password; changed on `day` (days since 1970), not on that of the build. Pure."""
    rows = [line.split(":") for line in shadow.splitlines()]
    return "".join(":".join([row[0], "!*", str(day), *row[3:]]) + "\n" for row in rows)


def _accounts(root: Path, epoch: int) -> None:
    subprocess.run(["systemd-sysusers", "--root", root], check=True, capture_output=True)
    shadow = root / "etc/shadow"
    shadow.write_text(locked(shadow.read_text(encoding="utf-8"), epoch // DAY_S), encoding="utf-8")
    for name in ("passwd-", "shadow-", "group-", "gshadow-"):
        (root / "etc" / name).unlink(missing_ok=True)


def _units(root: Path) -> None:
    # first: what it disables loses its links, a template's also those that mask one of its units
    subprocess.run(["systemctl", "--root", root, "preset-all", "--preset-mode=full"], check=True, capture_output=True)
    for name in MASKED:
        link = root / "etc/systemd/system" / name
        link.unlink(missing_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to("/dev/null")
    default = root / "etc/systemd/system/default.target"
    default.unlink(missing_ok=True)
    default.symlink_to("/usr/lib/systemd/system/multi-user.target")


def _files(root: Path) -> None:
    (root / "etc/machine-id").unlink(missing_ok=True)
    (root / "etc/machine-id").touch(mode=0o444)
    (root / "etc/fstab").write_text(FSTAB, encoding="utf-8")
    (root / "etc/hostname").write_text("temoin\n", encoding="ascii")
    for name in ("issue", "issue.net", "motd"):
        (root / "etc" / name).unlink(missing_ok=True)
        (root / "etc" / name).write_text(BANNER, encoding="utf-8")
    resolv = root / "etc/resolv.conf"
    resolv.unlink(missing_ok=True)
    resolv.symlink_to("/run/systemd/resolve/resolv.conf")
    for folder in ("var/cache", "var/log", "var/tmp", "tmp", "boot", "var/lib/apt", "run"):
        for one in (root / folder).glob("*"):
            shutil.rmtree(one) if one.is_dir() and not one.is_symlink() else one.unlink()
    (root / "usr/share/appliance").mkdir(exist_ok=True)
    shutil.move(root / "var/lib/dpkg/status", root / "usr/share/appliance/dpkg-status")
    shutil.rmtree(root / "var/lib/dpkg")
    (root / "efi").mkdir(exist_ok=True)
    for number in range(1, DISKS + 1):
        (root / "srv/recordings" / str(number)).mkdir(parents=True, exist_ok=True)


def _no_privileges(root: Path) -> None:
    for folder, _, files in os.walk(root):
        for name in files:
            file = Path(folder) / name
            mode = file.lstat().st_mode
            if (
                stat.S_ISREG(mode)
                and mode & (stat.S_ISUID | stat.S_ISGID)
                and str(file.relative_to(root)) not in PRIVILEGED
            ):
                file.chmod(stat.S_IMODE(mode) & 0o1777)
