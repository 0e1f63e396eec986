"""`appliance boot confirm`: waits until this start has proven itself, or keeps why it has not and ends with 1.

Run by a unit before systemd marks the version as good; when it fails while starts are being counted, the unit starts
the machine again, and after three such starts the version before is taken. The reason stays in `refused.json` and is
told by `appliance boot status`, with the start that was confirmed since.
"""

import asyncio
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from appliance.core.clock import Clock, SystemClock
from appliance.core.confirmation import Confirmation, Reason, Seen
from appliance.core.errors import ApplianceError, Language
from appliance.ring.access.reader import RecorderClient
from appliance.site.load import load_site

UNITS: Final = ("appliance-recorder", "appliance-detector", "appliance-web")
LOOK_S: Final = 5.0
"""Seconds between two looks."""

FRESH_US: Final = 10_000_000
"""us. A durable mark older than this is no recording (services.status)."""

FOLDER: Final = Path("/var/lib/appliance/boot")
REFUSED: Final = "refused.json"
EFI: Final = Path("/sys/firmware/efi/efivars")
ENTRY: Final = "LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
"""Which entry the boot loader started (Boot Loader Interface): four octets of attributes, then UTF-16."""


def units_of(text: str) -> tuple[dict[str, str], dict[str, int]]:
    """State and restarts by service, from what `systemctl show` prints; one that it does not name is none. Pure."""
    states, deaths = dict.fromkeys(UNITS, "?"), dict.fromkeys(UNITS, 0)
    for block in text.split("\n\n"):
        told = dict(line.partition("=")[::2] for line in block.splitlines())
        name = told.get("Id", "").removesuffix(".service")
        if name in UNITS:
            states[name] = told["ActiveState"]
            deaths[name] = int(told["NRestarts"])
    return states, deaths


def units_now() -> tuple[dict[str, str], dict[str, int]]:
    """State and restarts by service, from systemd. Blocks."""
    names = [f"{name}.service" for name in UNITS]
    command = ["systemctl", "show", "--property=Id,ActiveState,NRestarts", *names]
    return units_of(subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout)


def entry_now(folder: Path = EFI) -> str:
    """The started entry's name, "" without the firmware's word. Blocks."""
    try:
        return (folder / ENTRY).read_bytes()[4:].decode("utf-16-le", "replace").strip("\0")
    except OSError:
        return ""


def seen_of(units: dict[str, str], state: dict[str, Any] | None, deaths: dict[str, int] | None = None) -> Seen:
    """One look from systemd's word and the recorder's state; None: it does not answer. Pure."""
    deaths = deaths or {}
    if state is None:
        return Seen(units, (), recording=False, deaths=deaths)
    broken = tuple(str(disk["error"]) for disk in state.get("disks", ()) if disk.get("error"))
    cameras = state.get("cameras", ())
    marks = [stream.get("durable_utc_us") for camera in cameras for stream in camera["streams"].values()]
    fresh = any(mark is not None and state["now_utc_us"] - mark < FRESH_US for mark in marks)
    return Seen(units, broken, recording=fresh if cameras else None, deaths=deaths)


async def _state(socket: Path) -> dict[str, Any] | None:
    client = RecorderClient(socket)
    try:
        return dict(await client.state())
    except ApplianceError:
        return None
    finally:
        await client.close()


async def _confirm(socket: Path | None, clock: Clock) -> tuple[Reason, ...]:
    confirmation = Confirmation(clock.monotonic_us())
    while True:
        if socket is None:  # not set up yet: there is nothing to record, the machine itself must hold
            seen = Seen({}, (), recording=None)
        else:
            units, deaths = await asyncio.to_thread(units_now)
            seen = seen_of(units, await _state(socket), deaths)
        said = confirmation.look(seen, clock.monotonic_us())
        if said is not None:
            return () if said else confirmation.against
        await asyncio.sleep(LOOK_S)


def confirm(site: Path, folder: Path, language: Language) -> int:
    """0: confirmed; 1: refused, and why is kept in `folder`."""
    clock = SystemClock()
    socket = load_site(site).recorder.socket if site.exists() else None
    against = asyncio.run(_confirm(socket, clock))
    if not against:
        _confirmed(folder / REFUSED, entry_now(), clock.utc_us())
        print("Ce démarrage est confirmé." if language == "fr" else "This start is confirmed.")
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    kept: dict[str, Any] = {
        "entry": entry_now(),
        "at_utc_us": clock.utc_us(),
        "fr": [reason.fr for reason in against],
        "en": [reason.en for reason in against],
    }
    (folder / REFUSED).write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
    for line in kept[language]:
        print(line)
    return 1


def last_refused(file: Path) -> dict[str, Any]:
    """What the last refused start left, empty when there is none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _confirmed(file: Path, entry: str, now_us: int) -> None:
    """A refused start is past, and stays known, once another has proven itself."""
    kept = last_refused(file)
    if kept:
        kept["since"] = {"entry": entry, "at_utc_us": now_us}
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
        draft.replace(file)


def is_past(kept: dict[str, Any]) -> bool:
    """Whether the refused version itself has proven itself since. Another that did took its place: that is news. Pure.

    An entry's name is `temoin_VERSION+LEFT-DONE.efi` while its starts are counted.
    """
    since = kept.get("since") or {}
    return bool(since) and _version(str(since["entry"])) == _version(str(kept.get("entry", "")))


def _version(entry: str) -> str:
    return entry.removesuffix(".efi").partition("+")[0]


def status(folder: Path, language: Language) -> int:
    """Says which entry runs and what the last refused start was refused for; 1 while that version has not run well."""
    french = language == "fr"
    entry = entry_now() or ("inconnue" if french else "unknown")
    print(f"Version démarrée : {entry}" if french else f"Started version: {entry}")
    kept = last_refused(folder / REFUSED)
    if not kept:
        print("Aucun démarrage n'a été refusé." if french else "No start was refused.")
        return 0
    at, why = _day(kept), (" ; " if french else "; ").join(kept[language])
    print(
        f"Le démarrage du {at} ({kept['entry']}) a été refusé : {why}"
        if french
        else f"The start of {at} ({kept['entry']}) was refused: {why}"
    )
    if since := kept.get("since"):
        well = f"{since['entry']}, {_day(since)}"
        print(f"Depuis, un démarrage a fait ses preuves : {well}" if french else f"A start was good since: {well}")
    return 0 if is_past(kept) else 1


def _day(told: dict[str, Any]) -> str:
    return datetime.fromtimestamp(told["at_utc_us"] / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")
