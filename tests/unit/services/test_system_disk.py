"""The start's work on its own disk, on a machine of paper: a cut at any command never leaves half an install in use."""

import json
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.confirmation import Reason
from appliance.core.sealing import LABELS, RECORDINGS, STATE, Machine, Part, decide
from appliance.services import system_disk
from appliance.services.errors import SystemDiskFailed
from appliance.services.system_disk import Run, carry_out, device, part_of
from tests.peers.need import ROOT

SOURCE = ROOT / "image-build/overlay/usr/lib/appliance/repart"
KEY = "abcdefgh-ijklmnop"
HEADER = {"keyslots": {}, "tokens": {"0": {"type": "systemd-tpm2"}}}


class PowerCut(Exception):
    """The plug is pulled before the next command."""


@dataclass
class Paper:
    """A machine: what its partitions are, and what was run on it. `cut`: commands until the plug is pulled."""

    parts: dict[str, Part]
    cut: int = 1_000
    tpm_opens: bool = True
    ran: list[Sequence[str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def program(self, command: Sequence[str]) -> str:
        if len(self.ran) == self.cut:
            raise PowerCut
        self.ran.append(command)
        label = next((label for label in LABELS if device(label) in command), "")
        if command[0] == "systemd-repart":
            folder = Path(next(word for word in command if word.startswith("--definitions=")).partition("=")[2])
            self._repart(folder, erases="--factory-reset=yes" in command)
        elif "--recovery-key" in command:
            self.parts[label] = Part.SEALED
            return f"{KEY}\n"
        elif "tpm2-device=auto,headless=1" in command and not self.tpm_opens:
            raise SystemDiskFailed(program="systemd-cryptsetup", reason="TPM")
        return ""

    def _repart(self, folder: Path, *, erases: bool) -> None:
        for file in folder.glob("*.conf"):
            lines = file.read_text(encoding="ascii").splitlines()
            label = next(line.partition("=")[2] for line in lines if line.startswith("Label="))
            sealed = any(line.startswith("Encrypt=") for line in lines)
            if self.parts[label] is Part.ABSENT or (erases and "FactoryReset=yes" in lines):
                self.parts[label] = Part.UNFINISHED if sealed else Part.PLAIN

    def start(self, machine: Machine, folder: Path) -> None:
        for left in folder.iterdir():  # /run is empty after a cut
            left.unlink() if not left.is_dir() else None
        self.ran.clear()
        run = Run(self.program, self.program, lambda r: self.said.append(r.en), lambda r: self.shown.append(r.en))
        carry_out(decide(machine, self.parts), "/dev/vda", SOURCE, folder, run)


SEALS, BARE = Machine(tpm=True, secure_boot=True), Machine(tpm=False, secure_boot=False)


def links(folder: Path) -> dict[str, str]:
    return {link.name: str(link.readlink()) for link in folder.iterdir() if link.is_symlink()}


def test_a_sealed_first_start_enrols_both_recovery_keys_before_anything_is_open(tmp_path: Path) -> None:
    box = Paper(dict.fromkeys(LABELS, Part.ABSENT))
    box.start(SEALS, tmp_path)
    names = [Path(command[0]).name for command in box.ran]
    assert names == ["systemd-repart", "udevadm", *["systemd-cryptenroll"] * 4, *["systemd-cryptsetup"] * 2]
    assert links(tmp_path) == {"state": "/dev/mapper/state", "recordings": "/dev/mapper/recordings"}
    assert not (tmp_path / "key").exists()
    kept = tmp_path / "recovery"
    assert kept.read_text(encoding="ascii") == f"{STATE} {KEY}\n{RECORDINGS} {KEY}\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert len(box.shown) == 2
    assert KEY not in " ".join(box.said), "what is said goes to the journal"


def test_a_machine_that_cannot_seal_lays_out_plain_disks_and_says_so(tmp_path: Path) -> None:
    box = Paper(dict.fromkeys(LABELS, Part.ABSENT))
    box.start(BARE, tmp_path)
    assert [command[0] for command in box.ran] == ["systemd-repart", "udevadm"]
    assert links(tmp_path) == {"state": device(STATE), "recordings": device(RECORDINGS)}
    assert "NOT ENCRYPTED" in box.said[-1]
    assert (tmp_path / "mode").read_text(encoding="ascii") == "plain\n"


def test_where_the_tpm_does_not_open_it_a_person_is_asked(tmp_path: Path) -> None:
    box = Paper(dict.fromkeys(LABELS, Part.SEALED), tpm_opens=False)
    box.start(SEALS, tmp_path)
    assert [command[-1] for command in box.ran] == ["tpm2-device=auto,headless=1", "tries=0"] * 2
    assert sum("type the recovery key" in words for words in box.said) == 2


def test_a_state_that_cannot_be_opened_stops_the_start_and_leaves_no_link(tmp_path: Path) -> None:
    box = Paper({STATE: Part.UNKNOWN, RECORDINGS: Part.SEALED})
    with pytest.raises(SystemDiskFailed, match="temoin-state"):
        box.start(SEALS, tmp_path)
    assert (links(tmp_path), box.ran) == ({}, [])


@given(cuts=st.lists(st.integers(0, 8), max_size=4), machine=st.sampled_from([SEALS, BARE]))
def test_however_often_it_is_cut_nothing_without_a_recovery_key_is_ever_open(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], machine: Machine
) -> None:
    folder = tmp_path_factory.mktemp("run")
    box = Paper(dict.fromkeys(LABELS, Part.ABSENT))
    for cut in [*cuts, 1_000]:
        box.cut = cut
        try:
            box.start(machine, folder)
        except PowerCut:
            assert links(folder) == {}
        else:
            assert set(links(folder)) == {"state", "recordings"}
            assert set(box.parts.values()) == {Part.SEALED if machine.seals else Part.PLAIN}
    assert links(folder), "the last start, which nobody cut, opens them"


@pytest.mark.parametrize(
    ("kind", "header", "part"),
    [
        ("ext4", "", Part.PLAIN),
        ("", "", Part.UNKNOWN),
        ("crypto_LUKS", "", Part.UNKNOWN),
        ("crypto_LUKS", "[]", Part.UNKNOWN),
        ("crypto_LUKS", '{"tokens": {"0": 1}}', Part.UNKNOWN),
        ("crypto_LUKS", json.dumps(HEADER), Part.UNFINISHED),
        ("crypto_LUKS", json.dumps({"tokens": {"1": {"type": "systemd-recovery"}}}), Part.SEALED),
    ],
)
def test_a_partition_is_unfinished_only_where_its_header_says_so(kind: str, header: str, part: Part) -> None:
    assert part_of(kind, header) is part


def test_the_machine_is_what_kernel_and_firmware_say(tmp_path: Path) -> None:
    assert system_disk.machine_of(tmp_path) == BARE
    for file, data in (("sys/class/tpm/tpm0/tpm_version_major", b"2\n"), (system_disk.SECURE_BOOT, b"\6\0\0\0\1")):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_bytes(data)
    assert system_disk.machine_of(tmp_path) == SEALS
    (tmp_path / "sys/class/tpm/tpm0/tpm_version_major").write_bytes(b"1\n")
    assert not system_disk.machine_of(tmp_path).tpm, "1.2 cannot do it"


def test_the_system_disk_is_the_one_below_the_verified_root(tmp_path: Path) -> None:
    with pytest.raises(SystemDiskFailed):
        system_disk.system_disk(tmp_path)
    for folder in ("sys/block/dm-0/slaves", "sys/devices/x/vda/vda2", "sys/class/block"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "sys/block/dm-0/slaves/vda2").touch()
    (tmp_path / "sys/class/block/vda2").symlink_to(tmp_path / "sys/devices/x/vda/vda2")
    assert system_disk.system_disk(tmp_path) == "/dev/vda"


def test_a_recovery_key_is_shown_on_the_screen_and_a_box_without_one_goes_on(tmp_path: Path) -> None:
    screen = tmp_path / "console"
    screen.touch()
    system_disk.show(Reason("un", "one"), screen)
    assert screen.read_text(encoding="utf-8") == "appliance: un\nappliance: one\n"
    system_disk.show(Reason("un", "one"), tmp_path / "no/console")


def test_a_program_that_fails_is_told_with_its_last_words() -> None:
    with pytest.raises(SystemDiskFailed, match=r"sh: no disk"):
        system_disk.program(["/bin/sh", "-c", "echo much; echo no disk >&2; exit 1"])
    with pytest.raises(SystemDiskFailed, match="no-such-program"):
        system_disk.asked(["no-such-program"])
