"""A virtual machine that the image starts in: QEMU under emulation, OVMF, and what the box says of itself.

The box tells its host how a start went through a virtio port, one JSON line every few seconds, signed with a key that
the host gave it for this start; a line with another signature is refused. Serial logs stay in build/image-test.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.peers.need import ROOT

LOGS: Final = ROOT / "build/image-test"
OVMF: Final = Path("/usr/share/OVMF")
CAMERA_MAC: Final = "52:54:00:00:00:01"
HOST: Final = "10.0.2.2"
"""The host, as QEMU's user network shows it."""

SITE: Final = """\
[site]
name = "Essai"
place = "Banc"
kind = "school"
timezone = "Europe/Paris"
authorised_days = 10
[recorder]
socket = "/run/appliance/recorder/recorder.sock"
index = "/var/lib/appliance/recorder/index.db"
clock = "host"
[detector]
socket = "/run/appliance/detector/detector.sock"
events = "/var/lib/appliance/detector/events.db"
models = "/var/lib/appliance/models"
[[camera]]
id = "portail"
name = "Portail"
place = "Entrée"
main = "rtsp://{host}:{port}/main"
legal_zone = "non_public"
area_type = "entrance"
purpose = "intrusion"
view = "wide"
[[disk]]
path = "/srv/recordings/1"
"""


class NoReport(AssertionError):
    """The box did not say what was waited for; the end of its serial log is in the message."""


def signed(line: str, key: bytes) -> dict[str, Any]:
    """A line of the port. Raises ValueError when the signature is another's."""
    told = json.loads(line)
    wanted = hmac.new(key, told["report"].encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted, told["signature"]):
        raise ValueError("signature")
    found: dict[str, Any] = json.loads(told["report"])
    return found


def placed(files: Mapping[str, tuple[str, str]]) -> str:
    """tmpfiles.d lines (systemd credential tmpfiles.extra) that put texts in place: path -> (mode, text)."""
    lines = ["d /var/lib/appliance/site 0755 root root -", "d /var/lib/appliance/site/current 0755 root root -"]
    for path, (mode, text) in files.items():
        lines.append(f"f~ {path} {mode} root root - {base64.b64encode(text.encode()).decode()}")
    return "\n".join([*lines, ""])


def site_files(port: int, user: str, password: str) -> dict[str, tuple[str, str]]:
    """What provisioning would leave for one camera on the host's port."""
    current = "/var/lib/appliance/site/current"
    network = "[Match]\nName=cameras\n[Network]\nAddress=10.0.2.15/24\n"
    return {
        f"{current}/site.toml": ("0644", SITE.format(host=HOST, port=port)),
        f"{current}/cameras.toml": ("0600", f'[portail]\nuser = "{user}"\npassword = "{password}"\n'),
        f"{current}/interfaces": ("0644", f"cameras {CAMERA_MAC}\n"),
        "/run/systemd/network/05-cameras.network": ("0644", network),
    }


@dataclass
class Machine:
    """Disk and firmware variables of one box; `start` it as often as you like."""

    folder: Path
    disk: Path
    variables: Path
    credentials: dict[str, str] = field(default_factory=dict)
    secure: bool = False
    tpm: Path | None = None

    @classmethod
    def of(cls, folder: Path, image: Path, gib: int = 4) -> "Machine":
        """A new box with a copy of the image on a disk of its own."""
        folder.mkdir(parents=True)
        disk, variables = folder / "disk.raw", folder / "vars.fd"
        subprocess.run(["cp", "--sparse=always", image, disk], check=True)
        with disk.open("r+b") as file:
            file.truncate(gib << 30)
        shutil.copy(OVMF / "OVMF_VARS_4M.fd", variables)
        return cls(folder, disk, variables)

    @contextmanager
    def start(self, name: str) -> Iterator["Running"]:
        """Powered on; on leaving, the plug is pulled."""
        LOGS.mkdir(parents=True, exist_ok=True)
        serial, report = LOGS / f"{name}.serial.log", self.folder / f"{name}.report"
        typed = self.folder / "serial.sock"
        for file in (serial, report, typed):
            file.unlink(missing_ok=True)
        key = secrets.token_hex(16)
        code = "OVMF_CODE_4M.secboot.fd" if self.secure else "OVMF_CODE_4M.fd"
        command = ["nice", "qemu-system-x86_64", "-machine", "q35,smm=on", "-accel", "tcg,thread=multi", "-cpu", "max"]
        command += ["-smp", "2", "-m", "1536", "-display", "none", "-monitor", "none"]
        command += ["-chardev", f"socket,id=serial,path={typed},server=on,wait=off,logfile={serial}"]
        command += ["-serial", "chardev:serial"]
        command += ["-global", "driver=cfi.pflash01,property=secure,value=on"] if self.secure else []
        command += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF / code}"]
        command += ["-drive", f"if=pflash,format=raw,file={self.variables}"]
        command += ["-drive", f"file={self.disk},format=raw,if=virtio,cache=unsafe"]
        command += ["-nic", f"user,model=virtio-net-pci,mac={CAMERA_MAC}"]
        command += ["-device", "virtio-serial", "-chardev", f"file,id=report,path={report}"]
        command += ["-device", "virtserialport,chardev=report,name=temoin.report"]
        for number, (what, text) in enumerate({**self.credentials, "report.key": key}.items()):
            file = self.folder / f"credential-{number}"
            file.write_text(text, encoding="utf-8")
            command += ["-fw_cfg", f"name=opt/io.systemd.credentials/{what},file={file}"]
        with ExitStack() as stack:
            if self.tpm is not None:
                command += stack.enter_context(_tpm(self.tpm))
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
            stack.callback(process.kill)
            yield Running(process, serial, report, key.encode(), typed)


@contextmanager
def _tpm(state: Path) -> Iterator[list[str]]:
    """A software TPM with its state in that folder; QEMU's arguments for it. (An absolute path: swtpm insists.)"""
    state.mkdir(exist_ok=True)
    control = state.resolve() / "socket"
    command = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state.resolve()}"]
    command += ["--ctrl", f"type=unixio,path={control}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            while not control.exists():
                time.sleep(0.05)
            yield [
                *("-chardev", f"socket,id=tpm,path={control}"),
                *("-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0"),
            ]
        finally:
            process.kill()


@dataclass
class Running:
    """A box that is on."""

    process: "subprocess.Popen[bytes]"
    serial: Path
    report: Path
    key: bytes
    typed: Path

    def type(self, line: str) -> None:
        """A line on the serial console, as a person at the keyboard."""
        with socket.socket(socket.AF_UNIX) as console:
            console.connect(str(self.typed))
            console.sendall(line.encode() + b"\r")
            time.sleep(1)  # what is still on its way is lost with the connection

    def reports(self) -> list[dict[str, Any]]:
        """All whole lines so far. Raises ValueError for one that is not this start's."""
        text = self.report.read_text(encoding="ascii") if self.report.exists() else ""
        return [signed(line, self.key) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def console(self) -> str:
        """What the serial console showed, without colours."""
        text = self.serial.read_bytes().decode("utf-8", "replace") if self.serial.exists() else ""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)

    def until(self, told: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any]:
        """The first report of which that is true. Raises NoReport."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            for report in self.reports():
                if told(report):
                    return report
            time.sleep(0.5)
        last = self.reports()[-1:] or "no report at all"
        raise NoReport(f"not within {seconds:.0f} s; last report: {last}; console: {self.console()[-1500:]}")

    def until_shown(self, words: str, seconds: float) -> str:
        """The console, once it shows these words. Raises NoReport."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            if words in self.console():
                return self.console()
            time.sleep(0.5)
        raise NoReport(f"{words!r} not shown within {seconds:.0f} s; console: {self.console()[-1500:]}")
