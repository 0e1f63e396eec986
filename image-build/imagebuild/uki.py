"""Stage `uki`: kernel, command line and initrd as one signed EFI program (Unified Kernel Image, UAPI group)."""

import subprocess
from pathlib import Path
from typing import Final

from imagebuild.words import BuildStopped

STUB: Final = Path("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")
LOADER: Final = Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")

ALIGN: Final = 0x1000

COMMAND_LINE: Final = (
    "root=/dev/mapper/root ro rootfstype=erofs systemd.verity_root_options=panic-on-corruption panic=10 oops=panic "
    "lockdown=integrity slab_nomerge init_on_alloc=1 init_on_free=1 page_alloc.shuffle=1 randomize_kstack_offset=on "
    "vsyscall=none debugfs=off rd.shell=0 rd.emergency=reboot rd.systemd.gpt_auto=0 systemd.gpt_auto=0 "
    "rd.systemd.mask=systemd-repart.service transparent_hugepage=madvise console=tty0 console=ttyS0,115200 quiet "
    "systemd.show_status=yes"
)
"""Pages of 2 MiB for whoever asks for them alone: given to everybody, they are memory that a dozen small programs hold
and do not use, and a recorder that waits while the kernel moves memory about to make one."""


def command_line(root_hash: str) -> str:
    """What the kernel is told; signed with it, nobody types another."""
    return f"roothash={root_hash} {COMMAND_LINE}"


def last_address(stub: bytes) -> int:
    """Where the stub's last section ends in memory, rounded up: ours lie behind (PE format, section table)."""
    pe = int.from_bytes(stub[0x3C:0x40], "little")
    if stub[pe : pe + 4] != b"PE\0\0":
        raise BuildStopped("systemd's EFI stub is no PE file")
    count = int.from_bytes(stub[pe + 6 : pe + 8], "little")
    table = pe + 24 + int.from_bytes(stub[pe + 20 : pe + 22], "little")
    end = 0
    for n in range(count):
        row = stub[table + 40 * n : table + 40 * (n + 1)]
        size, address = (int.from_bytes(row[at : at + 4], "little") for at in (8, 12))
        end = max(end, address + size)
    base = int.from_bytes(stub[pe + 24 + 24 : pe + 24 + 32], "little")
    return base + -(-end // ALIGN) * ALIGN


def make_uki(place: Path, kernel: Path, initrd: Path, release: Path, root_hash: str) -> Path:
    """`place/temoin.efi`, unsigned. Raises BuildStopped."""
    line = place / "cmdline"
    line.write_text(command_line(root_hash), encoding="ascii")
    at = last_address(STUB.read_bytes())
    command = ["objcopy"]
    for name, file in ((".osrel", release), (".cmdline", line), (".initrd", initrd), (".linux", kernel)):
        command += ["--add-section", f"{name}={file}", "--change-section-vma", f"{name}={at:#x}"]
        at += -(-file.stat().st_size // ALIGN) * ALIGN
    target = place / "temoin.efi"
    done = subprocess.run([*command, str(STUB), str(target)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildStopped(f"objcopy failed: {done.stderr.strip()[-300:]}")
    target.write_bytes(undated(target.read_bytes()))
    return target


def undated(program: bytes) -> bytes:
    """Without the time of the build and the sum over it, which firmware does not look at (PE format, TimeDateStamp,
    CheckSum; signing makes the sum anew): the same inputs give the same program. Pure.
    """
    pe = int.from_bytes(program[0x3C:0x40], "little")
    made = bytearray(program)
    for at in (pe + 8, pe + 24 + 64):
        made[at : at + 4] = bytes(4)
    return bytes(made)


def sign(program: Path, target: Path, keys: Path) -> None:
    """Sign with `keys/db.key`, `keys/db.pem`. Raises BuildStopped."""
    command = [
        "sbsign",
        "--key",
        str(keys / "db.key"),
        "--cert",
        str(keys / "db.pem"),
        "--output",
        str(target),
        str(program),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildStopped(f"sbsign failed: {done.stderr.strip()[-300:]}")


def make_keys(place: Path) -> None:
    """Keys of a trial image: PK, KEK and db, made once and kept in build/. A real image is signed with others."""
    place.mkdir(parents=True, exist_ok=True)
    for name in ("PK", "KEK", "db"):
        if (place / f"{name}.key").exists():
            continue
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-sha256",
            "-days",
            "3650",
            "-subj",
            f"/CN=Témoin trial {name}",
        ]
        command += ["-keyout", str(place / f"{name}.key"), "-out", str(place / f"{name}.pem")]
        subprocess.run(command, check=True, capture_output=True)


OWNER: Final = "c7f5b3a1-2f5e-4d0b-9a44-74656d6f696e"
"""Whose keys these are, for the firmware (a GUID of ours)."""


def make_auth(keys: Path) -> None:
    """`PK.auth`, `KEK.auth`, `db.auth` beside the keys: what firmware in set-up mode takes (UEFI 2.10, 8.2.6).

    The platform key signs itself and the key exchange key, which signs db.
    """
    for name, signer in (("PK", "PK"), ("KEK", "PK"), ("db", "KEK")):
        esl, auth = keys / f"{name}.esl", keys / f"{name}.auth"
        if auth.exists():
            continue
        listing = ["cert-to-efi-sig-list", "-g", OWNER, str(keys / f"{name}.pem"), str(esl)]
        subprocess.run(listing, check=True, capture_output=True)
        signing = [
            "sign-efi-sig-list",
            "-g",
            OWNER,
            "-k",
            str(keys / f"{signer}.key"),
            "-c",
            str(keys / f"{signer}.pem"),
        ]
        subprocess.run([*signing, name, str(esl), str(auth)], check=True, capture_output=True)
