"""`packages.lock`: every Debian package of the image with version and SHA-256, and the day of the snapshot.

Format: a comment that says what it is, `snapshot 20261126T000000Z`, then a line per package, sorted:
`NAME VERSION SHA256`. An installed system that differs from it in one line does not become an image.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from imagebuild.words import BuildStopped

_HEAD: Final = "# Debian packages of the image: name, version, SHA-256 of the .deb. Made by `make image RELOCK=1`.\n"
_SNAPSHOT: Final = re.compile(r"\d{8}T\d{6}Z")


@dataclass(frozen=True, slots=True)
class Package:
    """One line. `sha256` of the .deb as the mirror's signed index gives it."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Lock:
    """`snapshot`: the day that snapshot.debian.org would be asked for; `packages` by name."""

    snapshot: str
    packages: Mapping[str, Package]

    @classmethod
    def parse(cls, text: str) -> "Lock":
        """Raises BuildStopped naming the line that cannot be read."""
        snapshot, packages = "", {}
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split()
            if not words or line.startswith("#"):
                continue
            if words[0] == "snapshot" and len(words) == 2 and _SNAPSHOT.fullmatch(words[1]):
                snapshot = words[1]
            elif len(words) == 3 and re.fullmatch(r"[0-9a-f]{64}", words[2]):
                packages[words[0]] = Package(*words)
            else:
                raise BuildStopped(
                    f"packages.lock line {number} cannot be read: {line!r}; make image RELOCK=1 writes it anew"
                )
        return cls(snapshot, packages)

    def text(self) -> str:
        """As it is written; `parse` of it is the same lock."""
        lines = [f"{p.name} {p.version} {p.sha256}\n" for _, p in sorted(self.packages.items())]
        return f"{_HEAD}snapshot {self.snapshot}\n" + "".join(lines)


def difference(before: Mapping[str, Package], after: Mapping[str, Package]) -> list[str]:
    """A line per change, sorted by name: `+ new 1`, `- gone 1`, `~ changed 1 -> 2`."""
    lines = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is None and new is not None:
            lines.append(f"+ {name} {new.version}")
        elif new is None and old is not None:
            lines.append(f"- {name} {old.version}")
        elif old is not None and new is not None and old.version != new.version:
            lines.append(f"~ {name} {old.version} -> {new.version}")
        elif old is not None and new is not None and old.sha256 != new.sha256:
            lines.append(f"! {name} {old.version} has another SHA-256 than before")
    return lines


def not_there(errors: str) -> list[str]:
    """Packages and versions that apt did not find, from what it printed."""
    found = re.findall(r"Version '([^']+)' for '([^']+)' was not found", errors)
    return [f"{name} {version}" for version, name in found]


def why_stopped(errors: str) -> str:
    """One sentence that says what to do, from all that mmdebstrap and apt printed; "" for what none fits. Pure."""
    if gone := not_there(errors):
        return (
            f"the mirror no longer has {', '.join(gone[:5])}{' and others' if len(gone) > 5 else ''}: "
            "make image RELOCK=1 shows what would change, SNAPSHOT=YYYYMMDDT000000Z asks for that day's archive"
        )
    if found := re.search(r"Failed to fetch (\S+)\s+404", errors):
        return f"the mirror's list names a file that it does not have ({found[1]}): it is being renewed, try in an hour"
    if found := re.search(r"Failed to fetch (\S+?://[^/\s]+)\S*\s+([^\n]+)", errors):
        return f"{found[1]} does not answer ({found[2].strip().rstrip('.')}): MIRROR= names another source"
    if re.search(r"(is not signed|NO_PUBKEY|signatures couldn't be verified|signatures were invalid)", errors):
        return "the mirror's list is not signed by Debian: nothing was taken from it; MIRROR= names another source"
    if "No space left on device" in errors:
        return "the disk is full: the build needs 4 GB; CLEAN=all make clean frees what earlier ones left"
    return ""


def paragraphs(text: str) -> list[dict[str, str]]:
    """Debian control data (Packages, status): a mapping per paragraph, continuation lines left out."""
    found: list[dict[str, str]] = []
    for block in text.split("\n\n"):
        fields = {}
        for line in block.splitlines():
            if line[:1] not in (" ", "\t") and ":" in line:
                name, _, value = line.partition(":")
                fields[name] = value.strip()
        if fields:
            found.append(fields)
    return found


def installed(status: str, indexes: str) -> dict[str, Package]:
    """What dpkg's status says is installed, with the SHA-256 that the mirror's indexes give for that very version.

    Raises BuildStopped for a package that no index knows.
    """
    known = {(p["Package"], p["Version"]): p["SHA256"] for p in paragraphs(indexes) if "SHA256" in p}
    packages = {}
    for fields in paragraphs(status):
        if not fields.get("Status", "").endswith(" installed"):
            continue
        name, version = fields["Package"], fields["Version"]
        if (name, version) not in known:
            raise BuildStopped(f"{name} {version} is in no index of the mirror; was it installed from elsewhere?")
        packages[name] = Package(name, version, known[name, version])
    return packages
