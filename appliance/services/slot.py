"""Which version of the image runs, from which of the two slots, and why that one: for `appliance status`.

A new version's entry is counted by the loader (`temoin_VERSION+LEFT-DONE.efi`, Automatic Boot Assessment of systemd);
with nothing left it has failed, and the loader takes the one before.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final

from appliance.core.errors import Language
from appliance.services.boot import is_past

COUNTED: Final = "LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
"""The started entry's file while its starts are counted (Boot Loader Interface): four octets, then UTF-16."""

_ENTRY: Final = re.compile(r"temoin_(?P<version>.+?)(?:\+(?P<left>\d+)(?:-(?P<done>\d+))?)?\.efi", re.IGNORECASE)
_SLOT: Final = re.compile(r"^PARTNAME=temoin-(?:root|verity)-([ab])$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Started:
    """`version` "": no image runs here; `slot`: "A", "B" or "" unknown; `counted`: name of the started entry while its
    starts are counted, else ""; `entries`: names of all entries that can be read.
    """

    version: str
    slot: str
    counted: str
    entries: tuple[str, ...]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def started_now(root: Path = Path("/")) -> Started:
    """From the image, the kernel, the firmware and, for root, the ESP. Blocks."""
    version = _text(root / "usr/lib/appliance/version")
    if not version:
        return Started("", "", "", ())
    events = [_text(file) for file in sorted((root / "sys/block/dm-0/slaves").glob("*/uevent"))]
    slots = {found for text in events for found in _SLOT.findall(text)}
    try:
        counted = (root / "sys/firmware/efi/efivars" / COUNTED).read_bytes()[4:].decode("utf-16-le", "replace")
    except OSError:
        counted = ""
    try:
        entries = sorted(file.name for file in (root / "efi/EFI/Linux").iterdir())
    except OSError:  # nobody but root reads it
        entries = []
    name = counted.strip("\0").replace("\\", "/").rpartition("/")[2]
    return Started(version, slots.pop().upper() if len(slots) == 1 else "", name, tuple(entries))


def failed(entries: tuple[str, ...]) -> dict[str, int]:
    """Starts done, by version of the entries that have none left. Pure."""
    found = (match for name in entries if (match := _ENTRY.fullmatch(name)))
    return {match["version"]: int(match["done"] or 0) for match in found if match["left"] and not int(match["left"])}


def sentences(
    started: Started, refused: Mapping[str, Any], language: Language, zone: tzinfo = UTC
) -> list[tuple[bool, str]]:
    """Whether it is well, and the line; none where no image runs. `refused`: what boot.REFUSED holds. Pure."""
    if not started.version:
        return []
    french = language == "fr"
    slot = f", {'emplacement' if french else 'slot'} {started.slot}" if started.slot else ""
    head = f"Version{' ' if french else ''}: {started.version}{slot}"
    given_up = {version: done for version, done in failed(started.entries).items() if version != started.version}
    if match := _ENTRY.fullmatch(started.counted):
        left = int(match["left"] or 0)
        why = f"à l'essai, encore {left} démarrage(s)" if french else f"on trial, {left} start(s) left"
        lines = [(True, f"{head}, {why}")]
    elif given_up:
        lines = [(False, f"{head}, {_instead(given_up, language)}")]
    else:
        lines = [(True, f"{head}, {'elle a fait ses preuves' if french else 'proven good'}")]
    return lines + _refused(refused, language, zone)


def _instead(given_up: Mapping[str, int], language: Language) -> str:
    if language == "fr":
        names = ", ".join(f"{version} ({done} démarrages)" for version, done in given_up.items())
        return f"reprise parce que la version suivante n'a pas fait ses preuves : {names}"
    names = ", ".join(f"{version} ({done} starts)" for version, done in given_up.items())
    return f"taken again because the next version did not prove itself: {names}"


def _refused(refused: Mapping[str, Any], language: Language, zone: tzinfo) -> list[tuple[bool, str]]:
    if not refused:
        return []
    french, past = language == "fr", is_past(dict(refused))

    def day(told: Mapping[str, Any]) -> str:
        return datetime.fromtimestamp(told["at_utc_us"] / 1e6, zone).strftime("%Y-%m-%d %H:%M")

    reasons = (" ; " if french else "; ").join(map(str, refused[language]))
    words = (
        f"Démarrage refusé le {day(refused)} ({refused['entry']}) : {reasons}"
        if french
        else f"Start refused on {day(refused)} ({refused['entry']}): {reasons}"
    )
    if told := refused.get("since"):
        since = f"{day(told)} ({told['entry']})"
        if past:
            words += (
                f" ; c'est passé, elle a fait ses preuves le {since}" if french else f"; past, it was good on {since}"
            )
        else:
            words += f" ; une autre la remplace depuis le {since}" if french else f"; replaced by another since {since}"
    return [(past, words)]
