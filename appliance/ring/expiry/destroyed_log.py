"""`nvr-destroyed` of a recording disk: what is being destroyed and is not in the register yet. Pure.

Lines of JSON, each with its CRC-32, appended durably: a `doom` before the chunk's bytes go, and an `entry` before the
register is told of a batch. So after any crash each destroyed chunk is told exactly once: what has an entry was told
if the register knows the entry, what has none was not. The file is replaced by what is left once the register has it,
and a line `early`, which keeps the alarm of pictures held too shortly over a restart. It lies on the disk whose footage
it speaks of: a disk that is pulled out takes its account along.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

DESTROYED: Final = "nvr-destroyed"
"""The file's name on a recording disk."""


class Doomed(NamedTuple):
    """A chunk whose footage goes. UTC microseconds, bytes; `reason`: a word, as in the catalogue's FREED line."""

    disk: str
    number: int
    generation: int
    camera: str
    stream: str
    from_us: int
    to_us: int
    size: int
    reason: str

    @property
    def chunk(self) -> tuple[str, int, int]:
        """Which footage: (disk, number, generation)."""
        return self.disk, self.number, self.generation


@dataclass(slots=True)
class Left:
    """What a file says. `entries`: by entry, which of the dooms (number, generation) it tells of; `early`: by camera,
    the newest picture that went before its time, of what the register has already.
    """

    dooms: dict[tuple[int, int], Doomed] = field(default_factory=dict)
    entries: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    early: dict[str, int] = field(default_factory=dict)


def digest(dooms: Iterable[Doomed]) -> str:
    """SHA-256 over a line per chunk, `disk number generation camera stream from to bytes reason`, sorted. Hex.

    It proves which footage an entry of the register speaks of, and names the entry: no two are alike.
    """
    lines = sorted(" ".join(map(str, doom)) for doom in dooms)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def doom_lines(dooms: Iterable[Doomed]) -> bytes:
    """To be appended before the bytes go."""
    return b"".join(_line({"doom": list(doom[1:])}) for doom in dooms)


def entry_line(entry: str, dooms: Iterable[Doomed]) -> bytes:
    """To be appended before the register is told."""
    return _line({"entry": entry, "chunks": [[doom.number, doom.generation] for doom in dooms]})


def early_line(early_us: Mapping[str, int]) -> bytes:
    """What is remembered of dooms that the register has: that a camera's pictures went early, and which at the last."""
    return _line({"early": dict(early_us)})


def parse(data: bytes, disk: str) -> Left:
    """What a file says; what does not hold, a torn last line as a rule, is left out."""
    left = Left()
    for line in data.splitlines():
        told = _told(line)
        try:
            if "doom" in told:
                doom = _doom(disk, told["doom"])
                left.dooms[doom.number, doom.generation] = doom
            elif "entry" in told:
                left.entries[str(told["entry"])] = [(int(number), int(gen)) for number, gen in told["chunks"]]
            elif "early" in told:
                left.early = {str(camera): int(us) for camera, us in told["early"].items()}
        except (KeyError, ValueError, TypeError, AttributeError):
            continue
    return left


def _doom(disk: str, facts: Sequence[Any]) -> Doomed:
    number, generation, camera, stream, from_us, to_us, size, reason = facts
    return Doomed(
        disk, int(number), int(generation), str(camera), str(stream), int(from_us), int(to_us), int(size), str(reason)
    )


def _line(told: dict[str, Any]) -> bytes:
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=True).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _told(line: bytes) -> dict[str, Any]:
    crc, _, text = line.partition(b" ")
    if crc != b"%08x" % zlib.crc32(text):
        return {}
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
