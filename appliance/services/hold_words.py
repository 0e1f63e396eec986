"""`appliance hold add|list|release`: sequences kept for the central team, in words."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final

from appliance.core.errors import Language
from appliance.media.stream import StreamKey, StreamName
from appliance.ring.access.reader import RecorderClient
from appliance.services.clock_words import instant
from appliance.services.errors import DateUnreadable
from appliance.site.load import load_site
from appliance.site.model import Site

REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "alert": ("alerte", "alert"),
    "incident": ("incident à établir", "incident to be established"),
    "access": ("droit d'accès d'une personne", "a person's right of access"),
    "judicial": ("procédure judiciaire", "judicial procedure"),
}

STATES: Final[Mapping[str, tuple[str, str]]] = {
    "copying": ("copie en cours", "being copied"),
    "growing": ("suit l'enregistrement", "follows the recording"),
    "waiting": ("ATTEND DE LA PLACE", "WAITS FOR ROOM"),
    "complete": ("complète", "complete"),
    "partial": ("complète, sauf images perdues avant la copie", "complete, but for footage lost before the copy"),
}

_FORMS: Final = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_instant(text: str, zone: tzinfo) -> int:
    """UTC microseconds of "2026-11-25T14:03", the site's time. Raises DateUnreadable."""
    for form in _FORMS:
        try:
            local = datetime.strptime(text, form).replace(tzinfo=zone)
        except ValueError:
            continue
        return (local.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
    raise DateUnreadable(text=text[:32])


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `hold add`, as typed."""

    camera: str
    start: str
    end: str
    reason: str
    words: str
    requester: str
    procedure: str
    expires: str | None


def fields(asked: Asked, site: Site) -> tuple[list[StreamKey], dict[str, object]]:
    """Streams and fields of the request. Raises DateUnreadable."""
    zone = site.site.zone
    camera = next((camera for camera in site.camera if camera.id == asked.camera), None)
    forms: list[StreamName] = ["main"] if camera is not None and camera.sub is None else ["main", "sub"]
    wanted: dict[str, object] = {
        "from_us": parse_instant(asked.start, zone),
        "to_us": parse_instant(asked.end, zone),
        "why": asked.reason,
        "words": asked.words,
        "requester": asked.requester,
        "procedure": asked.procedure,
    }
    if asked.expires is not None:
        wanted["expires_us"] = parse_instant(asked.expires, zone)
    return [StreamKey(asked.camera, form) for form in forms], wanted


def sentences(holds: Sequence[Mapping[str, Any]], free: int, zone: tzinfo, language: Language) -> list[str]:
    """A line per kept sequence, then the room left. Pure."""
    which = 0 if language == "fr" else 1
    until = ("jusqu'au", "until")[which]
    lines = []
    for hold in holds:
        reason, state = REASONS[hold["reason"]][which], STATES.get(hold["state"], ("?", "?"))[which]
        times = " - ".join(instant(hold[name], zone, language) for name in ("from_us", "to_us"))
        procedure = f" {hold['procedure']}" if hold["procedure"] else ""
        lines.append(
            f"{hold['id']}  {', '.join(hold['streams'])}  {times}  {hold['size'] / 1e6:.0f} {('Mo', 'MB')[which]}, "
            f"{state}; {reason}{procedure} ({hold['requester']}: {hold['words']}), "
            f"{until} {instant(hold['expires_us'], zone, language)}"
        )
    if not holds:
        lines.append(("Aucune séquence gardée.", "No sequence is kept.")[which])
    room = ("Réserve protégée : {:.0f} Mo libres.", "Protected reserve: {:.0f} MB free.")[which]
    return [*lines, room.format(free / 1e6)]


def add(file: Path, asked: Asked, language: Language) -> int:
    """Keep a sequence and say what became of it. Raises what the recorder refuses with, and DateUnreadable."""
    site = load_site(file)
    keys, wanted = fields(asked, site)
    answer = asyncio.run(_hold(site, keys, wanted))
    return _print([answer["hold"]], None, site, language)


async def _hold(site: Site, keys: list[StreamKey], wanted: dict[str, object]) -> Mapping[str, Any]:
    async with RecorderClient(site.recorder.socket) as client:
        return await client.hold(keys, **wanted)


def show(file: Path, language: Language) -> int:
    """Print every kept sequence. Raises RecorderUnreachable."""
    site = load_site(file)
    answer = asyncio.run(_holds(site))
    return _print(answer["holds"], int(answer["free_bytes"]), site, language)


async def _holds(site: Site) -> Mapping[str, Any]:
    async with RecorderClient(site.recorder.socket) as client:
        return await client.holds()


def release(file: Path, name: str, language: Language) -> int:
    """Give a sequence back; it is destroyed when this returns. Raises what the recorder refuses with."""
    site = load_site(file)
    asyncio.run(_release(site, name))
    print(f"{name} : rendue et détruite." if language == "fr" else f"{name}: given back and destroyed.")
    return 0


async def _release(site: Site, name: str) -> None:
    async with RecorderClient(site.recorder.socket) as client:
        await client.release_hold(name)


def _print(holds: Sequence[Mapping[str, Any]], free: int | None, site: Site, language: Language) -> int:
    lines = sentences(holds, free or 0, site.site.zone, language)
    print("\n".join(lines if free is not None else lines[:-1]))
    return 0 if all(hold["state"] in {"complete", "growing", "copying"} for hold in holds) else 1
