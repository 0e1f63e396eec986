"""`make image`: all stages, in build/image. RELOCK=1 takes today's versions and shows what changed first."""

import argparse
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from imagebuild import disk, evidence, harden, initrd, kernel, pack, rootfs, seal, uki, wheels
from imagebuild.lock import Lock, difference
from imagebuild.rootfs import Source, asked
from imagebuild.stage import Build, Stage, hash_files, hash_words
from imagebuild.words import BuildStopped

OWN: Final = Path(__file__).resolve().parents[1]
TOP: Final = OWN.parent
FOLDER: Final = TOP / "build/image"
EVIDENCE: Final = TOP / "build/evidence"
MEASURED: Final = "ports.json"
"""Not of the build: tests/integration/test_firewall.py measures it, with the rules' hash in it."""

LOCK: Final = OWN / "packages.lock"


def version_of() -> str:
    """As pyproject.toml says."""
    line = next(
        line for line in (TOP / "pyproject.toml").read_text(encoding="utf-8").splitlines() if line.startswith("version")
    )
    return line.split('"')[1]


def epoch_of(lock: Lock) -> int:
    """Seconds; every file of the image bears the time of the snapshot."""
    return int(datetime.strptime(lock.snapshot, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())


def _code(*names: str) -> str:
    return hash_files([OWN / "imagebuild" / f"{name}.py" for name in names], OWN)


def _tree(*folders: Path) -> str:
    files = [f for folder in folders for f in folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts]
    return hash_files(files, TOP)


def _lay_evidence(made: Path) -> None:
    """What an earlier build left goes, what was measured stays."""
    for old in EVIDENCE.glob("*"):
        if old.name != MEASURED:
            old.unlink()
    shutil.copytree(made, EVIDENCE, dirs_exist_ok=True)


def stages(lock: Lock, source: Source) -> list[Stage]:
    """All of them, in order; each knows its needs and its own inputs."""
    at, epoch, version, keys = FOLDER, epoch_of(lock), version_of(), FOLDER / "keys"
    wanted = asked((OWN / "packages.list").read_text(encoding="utf-8"))
    allow = (OWN / "modules.allow").read_text(encoding="utf-8")
    own = (TOP / "appliance", TOP / "systemd", TOP / "webui/dist", OWN / "overlay")

    def make_uki(place: Path) -> None:
        sealed = seal.Sealed.of(at / "seal")
        release = at / "harden/tree/usr/lib/os-release"
        made = uki.make_uki(place, at / "kernel/vmlinuz", at / "initrd/initrd.img", release, sealed.root_hash)
        uki.make_keys(keys)
        uki.sign(made, place / "temoin.signed.efi", keys)
        uki.sign(uki.LOADER, place / "systemd-boot.signed.efi", keys)

    def make_disk(place: Path) -> None:
        entry = f"temoin_{version}+{disk.TRIES}.efi"
        esp = disk.make_esp(place, at / "uki/temoin.signed.efi", entry, at / "uki/systemd-boot.signed.efi", epoch, None)
        pack.pack(disk.make_disk(place, seal.Sealed.of(at / "seal"), esp, version))
        esp.unlink()  # it lies in the disk

    deb, locked = at / "rootfs/facts/kernel.deb", TOP / ".setup/locks/run.txt"

    def make_rootfs(place: Path) -> None:
        rootfs.make_tree(place, wanted, lock, source, epoch)

    def make_kernel(place: Path) -> None:
        kernel.make_kernel(place, deb, allow)

    def make_initrd(place: Path) -> None:
        initrd.make_initrd(place, at / "rootfs/tree", at / "kernel", OWN / "dracut", epoch)

    def make_wheels(place: Path) -> None:
        wheels.make_wheels(place, locked)

    def make_hard(place: Path) -> None:
        parts = harden.Parts(at / "rootfs/tree", at / "kernel", at / "wheels", TOP, OWN / "overlay", version, epoch)
        harden.make_tree(place, parts)

    def make_seal(place: Path) -> None:
        seal.seal(place, at / "harden/tree", epoch)

    def make_evidence(place: Path) -> None:
        stamp = datetime.fromtimestamp(epoch, UTC).isoformat()
        evidence.write(place, at, lock, version, TOP / "webui/package-lock.json", stamp)
        _lay_evidence(place)

    def words_of(*words: str) -> Callable[[], str]:
        return lambda: hash_words(*words)

    return [
        Stage("rootfs", (), words_of(lock.text(), _code("rootfs", "hook", "lock")), make_rootfs),
        Stage("kernel", ("rootfs",), words_of(allow, _code("kernel")), make_kernel),
        Stage("initrd", ("kernel",), words_of(_tree(OWN / "dracut"), _code("initrd")), make_initrd),
        Stage("wheels", (), words_of(locked.read_text(encoding="utf-8"), _code("wheels")), make_wheels),
        Stage("harden", ("kernel", "wheels"), words_of(_tree(*own), _code("harden"), version), make_hard),
        Stage("seal", ("harden",), words_of(_code("seal")), make_seal),
        Stage("uki", ("seal", "initrd"), words_of(_code("uki")), make_uki),
        Stage("disk", ("uki",), words_of(_code("disk", "pack")), make_disk),
        Stage("evidence", ("uki",), words_of(_code("evidence")), make_evidence),
    ]


def relock(source: Source) -> None:
    """Today's versions; what changes is shown before packages.lock is written."""
    place = FOLDER / "relock"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    day = epoch_of(Lock(source.snapshot or rootfs.today(), {}))
    wanted = asked((OWN / "packages.list").read_text(encoding="utf-8"))
    found = rootfs.make_tree(place, wanted, None, source, day)
    before = Lock.parse(LOCK.read_text(encoding="utf-8")).packages if LOCK.exists() else {}
    changes = difference(before, found)
    print("\n".join(changes) if changes else "packages.lock: nothing changed")
    LOCK.write_text(Lock(source.snapshot or rootfs.today(), found).text(), encoding="utf-8")
    shutil.rmtree(place)


def main(arguments: list[str]) -> int:
    """0: there is an image; 1: stopped, with a sentence."""
    parser = argparse.ArgumentParser(prog="make image", description=__doc__)
    parser.add_argument(
        "--mirror", default="", help="another Debian mirror than the host's; with --snapshot, another archive of days"
    )
    parser.add_argument("--snapshot", default="", help="a day of snapshot.debian.org, YYYYMMDDT000000Z")
    parser.add_argument("--relock", action="store_true", help="take today's versions")
    options = parser.parse_args(arguments)
    source = Source(options.mirror, options.snapshot)
    try:
        if options.relock:
            relock(source)
        if not LOCK.exists():
            raise BuildStopped("there is no packages.lock: make image RELOCK=1 makes it")
        lock = Lock.parse(LOCK.read_text(encoding="utf-8"))
        Build(FOLDER, stages(lock, source), lambda words: print(f"image: {words}", flush=True)).run()
    except BuildStopped as stopped:
        print(f"image: stopped: {stopped}", file=sys.stderr)
        return 1
    image = next((FOLDER / "disk").glob("*.raw"))
    mib, written = image.stat().st_size >> 20, image.stat().st_blocks * 512 >> 20
    print(f"image: {image.relative_to(TOP)}, {mib} MiB, {written} MiB of it written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
