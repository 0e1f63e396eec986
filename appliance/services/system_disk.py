"""`appliance boot disks`: lays out the system disk at its first start and opens it at each; systemd mounts it then.

What is done is decided in `core.sealing`. The two links in the folder say that a partition is open; they come last, so
that nothing is ever written to a partition that has no recovery key yet. Runs before anything else, as root.
"""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.core.confirmation import Reason
from appliance.core.sealing import LABELS, Machine, Part, Plan, decide
from appliance.services.errors import SystemDiskFailed

MODE: Final = "mode"
"""In the folder: "sealed" or "plain", for everybody."""

RECOVERY: Final = "recovery"
"""In the folder, root only, at the very first start only: `LABEL KEY` by line."""

CRYPTSETUP: Final = "/lib/systemd/systemd-cryptsetup"
SECURE_BOOT: Final = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
PCR: Final = 7
"""The firmware's record of Secure Boot: its state and keys. Not the program's own hash: each update would lock the
disks."""

LIMIT_S: Final = 600.0
"""Making LUKS2 and ext4 takes seconds, under software emulation a minute."""

ENROLLED: Final = "systemd-recovery"
"""Type of the token that `systemd-cryptenroll --recovery-key` leaves in a LUKS2 header."""


@dataclass(frozen=True, slots=True)
class Run:
    """Effects of one start: `program` runs a command and gives what it wrote, `ask` one that waits for a person; both
    raise SystemDiskFailed. `say` tells, in the journal too; `show` only who stands before the screen.
    """

    program: Callable[[Sequence[str]], str]
    ask: Callable[[Sequence[str]], str]
    say: Callable[[Reason], None]
    show: Callable[[Reason], None]


def program(command: Sequence[str], limit_s: float | None = LIMIT_S) -> str:
    """Run it; what it wrote. Raises SystemDiskFailed with its last words. Blocks."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit_s)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SystemDiskFailed(program=Path(command[0]).name, reason=str(error)) from error
    if done.returncode != 0:
        words = (done.stderr.strip().splitlines() or ["?"])[-1]
        raise SystemDiskFailed(program=Path(command[0]).name, reason=words)
    return done.stdout


def asked(command: Sequence[str]) -> str:
    """A command that asks at the console: as long as it takes. Blocks."""
    return program(command, None)


def machine_of(root: Path = Path("/")) -> Machine:
    """What the kernel and the firmware say. Blocks."""

    def last(file: str) -> bytes:
        try:
            return (root / file).read_bytes().strip()[-1:]
        except OSError:
            return b""

    return Machine(last("sys/class/tpm/tpm0/tpm_version_major") == b"2", last(SECURE_BOOT) == b"\1")


def system_disk(root: Path = Path("/")) -> str:
    """The device that holds the verified root. Raises SystemDiskFailed. Blocks."""
    try:
        slave = min(one.name for one in (root / "sys/block/dm-0/slaves").iterdir())
        return f"/dev/{(root / 'sys/class/block' / slave).resolve().parent.name}"
    except (OSError, ValueError):
        raise SystemDiskFailed(program="sysfs", reason="dm-0") from None


def device(label: str) -> str:
    """Where udev shows a partition."""
    return f"/dev/disk/by-partlabel/{label}"


def name_of(label: str) -> str:
    """`state`, `recordings`: of the open volume, and of its link."""
    return label.removeprefix("temoin-")


def part_of(kind: str, header: str) -> Part:
    """From blkid's type and, for LUKS, the header's metadata as JSON ("" unreadable). Pure."""
    if kind != "crypto_LUKS":
        return Part.PLAIN if kind else Part.UNKNOWN
    try:
        tokens: Mapping[str, Any] = json.loads(header)["tokens"]
        kinds = {token["type"] for token in tokens.values()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return Part.UNKNOWN  # never taken for one that nobody uses
    return Part.SEALED if ENROLLED in kinds else Part.UNFINISHED


def look(run: Run, label: str) -> Part:
    """What a partition is now. Blocks."""
    if not Path(device(label)).exists():
        return Part.ABSENT

    def answer(*command: str) -> str:
        try:
            return run.program([*command, device(label)]).strip()
        except SystemDiskFailed:
            return ""

    kind = answer("blkid", "-p", "-s", "TYPE", "-o", "value")
    header = answer("cryptsetup", "luksDump", "--dump-json-metadata") if kind == "crypto_LUKS" else ""
    return part_of(kind, header)


def definitions(source: Path, target: Path, plan: Plan) -> Path:
    """systemd-repart's files for this plan: what is unfinished is marked as to be erased, nothing else is. Blocks."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for file in sorted((source / ("sealed" if plan.sealed else "plain")).glob("*.conf")):
        text = file.read_text(encoding="ascii").rstrip("\n")
        label = next(line.partition("=")[2] for line in text.splitlines() if line.startswith("Label="))
        text += "\nFactoryReset=yes\n" if label in plan.erased else "\n"
        (target / file.name).write_text(text, encoding="ascii")
    return target


def carry_out(plan: Plan, disk: str, source: Path, folder: Path, run: Run) -> None:
    """All of a plan. Raises SystemDiskFailed, and then no link is left. Blocks."""
    for label in LABELS:
        (folder / name_of(label)).unlink(missing_ok=True)
    for reason in plan.said:
        run.say(reason)
    if not plan.starts:
        raise SystemDiskFailed(program="decide", reason="; ".join(reason.en for reason in plan.said))
    if plan.made:
        _lay_out(plan, disk, definitions(source, folder / "repart.d", plan), folder, run)
    if plan.sealed:
        for label in plan.opened:
            _open(label, run, by_key=label in plan.by_key)
    _write(folder / MODE, "sealed\n" if plan.sealed else "plain\n", 0o644)
    for label in plan.opened:
        opened = f"/dev/mapper/{name_of(label)}" if plan.sealed else device(label)
        (folder / name_of(label)).symlink_to(opened)


def _lay_out(plan: Plan, disk: str, definition: Path, folder: Path, run: Run) -> None:
    """Partitions, and a recovery key for each that is sealed before anything else happens to it."""
    key = folder / "key"  # opens what is laid out until its recovery key is there, then opens nothing any more
    command = ["systemd-repart", "--dry-run=no", "--no-pager", f"--definitions={definition}"]
    command += ["--factory-reset=yes"] if plan.erased else []
    try:
        if plan.sealed:
            _write(key, os.urandom(32).hex(), 0o600)
            command += [f"--key-file={key}", f"--tpm2-pcrs={PCR}"]
        run.program([*command, disk])
        run.program(["udevadm", "settle", "--timeout=60"])
        for label in plan.made if plan.sealed else ():
            _enrol(label, key, folder, run)
    finally:
        key.unlink(missing_ok=True)


def _enrol(label: str, key: Path, folder: Path, run: Run) -> None:
    enrol = ["systemd-cryptenroll", f"--unlock-key-file={key}"]
    words = "".join(run.program([*enrol, "--recovery-key", device(label)]).split())
    run.program([*enrol, "--wipe-slot=password", device(label)])
    kept = folder / RECOVERY
    before = kept.read_text(encoding="ascii") if kept.exists() else ""
    _write(kept, f"{before}{label} {words}\n", 0o600)  # for the screen, until the next start
    run.show(
        Reason(
            f"CLÉ DE SECOURS de {label}, recopiez-la maintenant, elle n'est montrée qu'une fois : {words}",
            f"RECOVERY KEY of {label}, write it down now, it is shown once: {words}",
        )
    )


def _open(label: str, run: Run, *, by_key: bool) -> None:
    """By the TPM, else by the key that a person types at the console; without either it waits."""
    name = name_of(label)
    if Path(f"/dev/mapper/{name}").exists():
        return
    attach = [CRYPTSETUP, "attach", name, device(label), "-"]
    if not by_key:
        with contextlib.suppress(SystemDiskFailed):
            run.program([*attach, "tpm2-device=auto,headless=1"])
            return
    why = (
        Reason("elle vient d'une installation antérieure", "it is of an earlier installation")
        if by_key
        else Reason("le TPM ne l'ouvre pas", "the TPM does not open it")
    )
    run.say(
        Reason(
            f"{label} : {why.fr}. Tapez la clé de secours à l'écran.",
            f"{label}: {why.en}; type the recovery key at the console",
        )
    )
    run.ask([*attach, "tries=0"])


def _write(file: Path, text: str, mode: int) -> None:
    """Nobody else can read it at any moment."""
    file.unlink(missing_ok=True)
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as target:
        target.write(text)
        os.fchmod(fd, mode)


def tell(reason: Reason) -> None:
    """In both languages: nobody has said yet which one is read here."""
    print(_both(reason), end="", flush=True)


def show(reason: Reason, console: Path = Path("/dev/console")) -> None:
    """A secret: on the screen alone, never in the journal. A box without a console has the other screen still."""
    with contextlib.suppress(OSError):
        console.write_text(_both(reason), encoding="utf-8")


def _both(reason: Reason) -> str:
    return f"appliance: {reason.fr}\nappliance: {reason.en}\n"


def main(source: Path, folder: Path) -> int:
    """0: state and recordings are open. Raises SystemDiskFailed."""
    run = Run(program, asked, tell, show)
    disk = system_disk()
    plan = decide(machine_of(), {label: look(run, label) for label in LABELS})
    carry_out(plan, disk, source, folder, run)
    return 0
