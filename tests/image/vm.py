"""A virtual machine that the image starts in: QEMU under emulation, OVMF, and what the box says of itself.

The box tells its host how a start went through a virtio port, one JSON line every few seconds, signed with a key that
the host gave it for this start; a line with another signature is refused. Serial logs stay in build/image-test.
"""

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
CAMERAS_MAC: Final = "52:54:00:00:00:01"
UPLINK_MAC: Final = "52:54:00:00:00:02"
HOST: Final = "10.0.2.2"
"""The host on the camera network, as QEMU's user network shows it."""

DOORS: Final = {
    "page": ("uplink", "tcp", 443),
    "page from a camera": ("cameras", "tcp", 443),
    "inner page": ("uplink", "tcp", 8080),
    "time": ("cameras", "udp", 123),
    "time from the site": ("uplink", "udp", 123),
}
"""Ports of the box that the host knocks at, by name: the network it comes from, and what it asks for."""


PRESS_S: Final = 0.2
"""Seconds from a key to the next: the emulated box reads each in time."""


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


def free_port(kind: str) -> int:
    """A port of the host's loopback that nobody has."""
    with socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def cards(doors: Mapping[str, int]) -> list[str]:
    """QEMU's arguments for both networks; the camera network has the host as the camera, with a port for each door."""
    arguments = []
    for side, mac, net in (("cameras", CAMERAS_MAC, "10.0.2.0/24"), ("uplink", UPLINK_MAC, "10.0.3.0/24")):
        forwards = "".join(
            f",hostfwd={kind}:127.0.0.1:{doors[name]}-:{port}" for name, (of, kind, port) in DOORS.items() if of == side
        )
        arguments += ["-nic", f"user,model=virtio-net-pci,mac={mac},net={net}{forwards}"]
    return arguments


@dataclass
class Machine:
    """Disk and firmware variables of one box; `start` it as often as you like."""

    folder: Path
    disk: Path
    variables: Path
    credentials: dict[str, str] = field(default_factory=dict)
    secure: bool = False
    tpm: Path | None = None
    stick: Path | None = None

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
        typed, monitor = self.folder / "serial.sock", self.folder / "monitor.sock"
        for file in (serial, report, typed, monitor):
            file.unlink(missing_ok=True)
        key = secrets.token_hex(16)
        doors = {name: free_port(kind) for name, (_, kind, _) in DOORS.items()}
        code = "OVMF_CODE_4M.secboot.fd" if self.secure else "OVMF_CODE_4M.fd"
        command = ["nice", "qemu-system-x86_64", "-machine", "q35,smm=on", "-accel", "tcg,thread=multi", "-cpu", "max"]
        command += ["-smp", "2", "-m", "1536", "-display", "none", "-monitor", "none"]
        command += ["-chardev", f"socket,id=serial,path={typed},server=on,wait=off,logfile={serial}"]
        command += ["-serial", "chardev:serial"]
        command += ["-global", "driver=cfi.pflash01,property=secure,value=on"] if self.secure else []
        command += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF / code}"]
        command += ["-drive", f"if=pflash,format=raw,file={self.variables}"]
        command += ["-drive", f"file={self.disk},format=raw,if=virtio,cache=unsafe"]
        command += cards(doors)
        command += ["-qmp", f"unix:{monitor},server=on,wait=off", "-device", "qemu-xhci,id=usb"]
        if self.stick is not None:  # in the drawer: `plug` puts it in
            command += ["-drive", f"if=none,id=stick,format=raw,readonly=on,file={self.stick}"]
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
            yield Running(process, serial, report, key.encode(), typed, monitor, doors)


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
    monitor: Path
    doors: dict[str, int]

    def plug(self) -> None:
        """The stick goes into a USB port of the running box."""
        self._monitored([("device_add", {"driver": "usb-storage", "drive": "stick", "bus": "usb.0"})])

    def press(self, *chord: str) -> None:
        """Keys of the box's own keyboard, all at once, by their names in QEMU (QKeyCode)."""
        keys = [{"type": "qcode", "data": each} for each in chord]
        self._monitored([("send-key", {"keys": keys, "hold-time": 40})])
        time.sleep(PRESS_S)

    def enter(self, text: str) -> None:
        """A line at the box's own keyboard, an American one: small letters, digits, dots, dashes; and Enter."""
        for each in text:
            self.press({".": "dot", "-": "minus"}.get(each, each))
        self.press("ret")

    def _monitored(self, commands: list[tuple[str, dict[str, Any]]]) -> None:
        """By the QEMU Machine Protocol."""
        with socket.socket(socket.AF_UNIX) as told, told.makefile("r", encoding="ascii") as answers:
            told.connect(str(self.monitor))
            answers.readline()  # its greeting
            for name, arguments in [("qmp_capabilities", {}), *commands]:
                told.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
                answer = json.loads(answers.readline())
                while "event" in answer:
                    answer = json.loads(answers.readline())
                if "return" not in answer:
                    raise NoReport(str(answer))

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
