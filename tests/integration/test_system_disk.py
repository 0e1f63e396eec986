"""The system disk's programs as Debian 12 has them: what headers say, what systemd-repart makes of our definitions."""

import json
import subprocess
from pathlib import Path

import pytest

from appliance.core.sealing import LABELS, RECORDINGS, STATE, Machine, Part, decide
from appliance.services.system_disk import definitions, part_of, program
from tests.peers.need import ROOT, need

SOURCE = ROOT / "image-build/overlay/usr/lib/appliance/repart"
BARE = Machine(tpm=False, secure_boot=False)


def header(volume: Path) -> str:
    return program(["cryptsetup", "luksDump", "--dump-json-metadata", str(volume)])


def test_a_volume_is_unfinished_until_its_recovery_key_is_enrolled_and_then_sealed(tmp_path: Path) -> None:
    need("cryptsetup", "systemd-cryptenroll")
    volume, key = tmp_path / "volume", tmp_path / "key"
    key.write_text("ab" * 32, encoding="ascii")
    with volume.open("wb") as file:
        file.truncate(32 << 20)
    make = [
        "cryptsetup",
        "luksFormat",
        "-q",
        "--type",
        "luks2",
        "--pbkdf",
        "pbkdf2",
        "--pbkdf-force-iterations",
        "1000",
    ]
    program([*make, "--key-file", str(key), str(volume)])
    assert part_of("crypto_LUKS", header(volume)) is Part.UNFINISHED
    enrol = ["systemd-cryptenroll", f"--unlock-key-file={key}"]
    words = program([*enrol, "--recovery-key", str(volume)]).strip()
    assert part_of("crypto_LUKS", header(volume)) is Part.SEALED
    program([*enrol, "--wipe-slot=password", str(volume)])
    assert part_of("crypto_LUKS", header(volume)) is Part.SEALED
    opens = ["cryptsetup", "open", "--test-passphrase", str(volume), "--key-file"]
    assert subprocess.run([*opens, key], check=False, capture_output=True).returncode != 0, "the first key is gone"
    key.write_text(words, encoding="ascii")
    assert subprocess.run([*opens, key], check=False, capture_output=True).returncode == 0, "the recovery key opens it"


MARK = b"what was recorded"


def marked(disk: Path, rows: dict[str, int]) -> set[str]:
    """Labels of the partitions that still begin with MARK; `rows`: offset by label."""
    with disk.open("rb") as file:
        return {label for label, at in rows.items() if file.seek(at) == at and file.read(len(MARK)) == MARK}


def bare(folder: Path) -> Path:
    """Definitions without file systems, which would need loop devices and root."""
    for file in folder.iterdir():
        file.write_text(file.read_text(encoding="ascii").replace("Format=ext4\n", ""), encoding="ascii")
    return folder


@pytest.mark.parametrize("unfinished", [(), (RECORDINGS,), LABELS])
def test_what_is_unfinished_is_made_again_and_nothing_else_is_touched(
    tmp_path: Path, unfinished: tuple[str, ...]
) -> None:
    need("systemd-repart")
    disk = tmp_path / "disk"
    first = bare(definitions(SOURCE, tmp_path / "first", decide(BARE, dict.fromkeys(LABELS, Part.ABSENT))))
    repart = ["systemd-repart", "--json=short", "--no-pager", "--dry-run=no"]
    told = json.loads(program([*repart, "--empty=create", "--size=1100M", f"--definitions={first}", str(disk)]))
    offsets = {row["label"]: int(row["offset"]) for row in told}
    with disk.open("r+b") as file:
        for at in offsets.values():
            file.seek(at)
            file.write(MARK)
    assert marked(disk, offsets) == {STATE, RECORDINGS}
    plan = decide(BARE, {label: Part.UNFINISHED if label in unfinished else Part.PLAIN for label in LABELS})
    again = bare(definitions(SOURCE, tmp_path / "again", plan))
    flags = ["--factory-reset=yes"] if plan.erased else []
    program([*repart, *flags, f"--definitions={again}", str(disk)])
    assert marked(disk, offsets) == set(LABELS) - set(unfinished)
