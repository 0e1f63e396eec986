"""A stage: a name, what goes into it, what comes out. Pure but for the files it reads and the stamp it leaves.

A stage's result is a folder `build/image/NAME` with a stamp that holds the hash of everything that went into it; the
same hash means the same result, and the stage is passed over. A stage that was cut leaves no stamp and begins anew.
"""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STAMP: Final = "stamp"


def hash_files(files: Iterable[Path], base: Path) -> str:
    """SHA-256 over names (relative to `base`), modes and contents, in the order of the names."""
    digest = hashlib.sha256()
    for file in sorted(files):
        kind = "l" if file.is_symlink() else "x" if file.stat().st_mode & 0o100 else "f"
        content = str(file.readlink()).encode() if file.is_symlink() else file.read_bytes()
        digest.update(f"{kind} {file.relative_to(base)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def hash_words(*words: str) -> str:
    """SHA-256 of words that are no files: versions, options, hashes of stages before."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Stage:
    """`needs`: names of stages before; `inputs`: hash of its own sources; `make` fills the folder it is given."""

    name: str
    needs: Sequence[str]
    inputs: Callable[[], str]
    make: Callable[[Path], None]


class Build:
    """Runs stages in order in one folder; says what it does and how long it took."""

    def __init__(self, folder: Path, stages: Sequence[Stage], say: Callable[[str], None]) -> None:
        self.folder = folder
        self._stages = stages
        self._say = say
        self._hashes: dict[str, str] = {}

    def run(self) -> list[str]:
        """All stages; the names of those that were really made."""
        made = []
        for number, stage in enumerate(self._stages, 1):
            wanted = hash_words(stage.name, stage.inputs(), *(self._hashes[name] for name in stage.needs))
            self._hashes[stage.name] = wanted
            place = self.folder / stage.name
            title = f"[{number}/{len(self._stages)}] {stage.name}"
            if _stamp(place) == wanted:
                self._say(f"{title}: unchanged")
                continue
            self._say(f"{title}...")
            began = time.monotonic()
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            stage.make(place)
            (place / STAMP).write_text(wanted, encoding="ascii")
            made.append(stage.name)
            self._say(f"{title}: {time.monotonic() - began:.0f} s")
        return made


def _stamp(place: Path) -> str:
    try:
        return (place / STAMP).read_text(encoding="ascii")
    except OSError:
        return ""
