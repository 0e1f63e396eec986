"""How people call a disk: by the bay it sits in, its model and the last four of its serial number.

That is what stands on the drawer and on the label of the disk a technician holds; `/dev/sdb` is another disk after
the next start. A disk that is a folder, or a loop device, has nothing of it: it is called as its folder.
"""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyudev

from appliance.core.errors import Language

log = logging.getLogger(__name__)

SERIAL_SHOWN: Final = 4
"""Last characters of a serial number: enough to tell eight disks apart, short enough to read aloud."""

_GENERIC: Final = frozenset({"", "ATA", "QEMU HARDDISK"})


@dataclass(frozen=True, slots=True)
class DiskName:
    """`folder`: the last name of the path; `model` and `serial` are empty for what is no physical disk."""

    folder: str
    bay: str = ""
    model: str = ""
    serial: str = ""

    def words(self, language: Language) -> str:
        """«baie 2, WD80EFZX, n° …1A2B», or the folder's name when nothing else is known."""
        bay, number = ("baie", "n°") if language == "fr" else ("bay", "serial")
        parts = [f"{bay} {self.bay}"] if self.bay else []
        if self.model:
            parts.append(self.model)
        if self.serial:
            parts.append(f"{number} …{self.serial[-SERIAL_SHOWN:]}")
        if not self.model and not self.serial:
            parts.append(self.folder)
        return ", ".join(parts)

    @property
    def facts(self) -> dict[str, str]:
        """The same in both languages, as facts of an error."""
        return {"disk_fr": self.words("fr"), "disk_en": self.words("en")}


def name_of(path: Path, bay: str = "", found: tuple[str, str] = ("", "")) -> DiskName:
    """The name of the disk at `path` whose (model, serial) were found. Pure."""
    model, serial = (" ".join(text.replace("_", " ").split()) for text in found)
    return DiskName(path.name or str(path), bay, "" if model in _GENERIC else model, serial.replace(" ", ""))


def look_up(path: Path, bay: str = "") -> DiskName:
    """Asks the system which device is mounted at `path`. Blocks. Never fails: a name is no reason to lose a disk."""
    with contextlib.suppress(OSError, pyudev.DeviceNotFoundError, ValueError):
        if path.is_mount():
            return name_of(path, bay, _of_device(path.stat().st_dev))
    return name_of(path, bay)


def _of_device(number: int) -> tuple[str, str]:
    """(model, serial) of the physical disk below a block device, through partitions and encryption."""
    device = pyudev.Devices.from_device_number(pyudev.Context(), "block", number)
    for below in _physical(device):
        properties = below.properties
        model = properties.get("ID_MODEL") or _attribute(below, "model")
        serial = properties.get("ID_SERIAL_SHORT") or _attribute(below, "serial")
        if model or serial:
            return model, serial
    return "", ""


def _physical(device: pyudev.Device) -> Iterator[pyudev.Device]:
    whole = device if device.device_type == "disk" else device.find_parent("block", "disk")
    if whole is None:
        return
    slaves = Path(whole.sys_path) / "slaves"
    lower = sorted(slaves.iterdir()) if slaves.is_dir() else []
    for slave in lower:
        yield from _physical(pyudev.Devices.from_path(whole.context, str(slave.resolve())))
    if not lower:
        yield whole


def _attribute(device: pyudev.Device, name: str) -> str:
    """An attribute of the disk or of the drive it is a face of (sysfs: block/sda/device/model, nvme0/serial)."""
    for place in (Path(device.sys_path), Path(device.sys_path) / "device"):
        with contextlib.suppress(OSError):
            text = (place / name).read_text(encoding="ascii", errors="replace").strip()
            if text:
                return text
    return ""
