"""`appliance status`: the recorder's state in words, for a console."""

import asyncio
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

from appliance.core.cause import GapCause
from appliance.core.clock import SystemClock
from appliance.core.errors import Language
from appliance.ring.access.reader import RecorderClient
from appliance.services import certificate, slot
from appliance.services.boot import FOLDER as BOOT_FOLDER
from appliance.services.boot import REFUSED, last_refused
from appliance.services.clock_words import sentence
from appliance.services.disk_words import disk_lines, none_records, title
from appliance.services.stream_words import measured
from appliance.site.load import load_site
from appliance.site.model import Site
from appliance.web.lawful import RetentionTold, longer, shorter

LATE_US = 10_000_000
"""Behind the clock by more than this, a stream is not recording: a healthy durable mark is under 1 s old, and a
lost disk may delay it 8 s."""


async def _ask(site: Site) -> dict[str, Any]:
    client = RecorderClient(site.recorder.socket)
    try:
        return dict(await client.state())
    finally:
        await client.close()


def sentences(state: dict[str, Any], language: Language, zone: tzinfo = UTC) -> tuple[list[str], bool]:
    """A line for the clock, one per camera, stream and disk, and whether all is well. Pure."""
    colon = " :" if language == "fr" else ":"
    found: list[tuple[str, bool, str]] = []
    for camera in state["cameras"]:
        if camera.get("pause"):
            found.append((f"{camera['name']}{colon}", *_pause(camera["pause"], language)))
            continue
        for name, stream in camera["streams"].items():
            found.append((f"{camera['name']} ({name}){colon}", *_stream(stream, state["now_utc_us"], language)))
        found += [(f"{camera['name']}{colon}", False, lack[language]) for lack in camera.get("floor", ())]
    names = {camera.get("id", ""): camera["name"] for camera in state["cameras"]}
    none = none_records(state["disks"], language)
    if none:
        found.insert(0, (f"{'Disques' if language == 'fr' else 'Disks'}{colon}", False, none))
    for disk in state["disks"]:
        well, said = disk_lines(disk, names, zone, language)
        found.append((f"{title(disk, language)}{colon}", well, "\n    ".join(said)))
    for told in map(RetentionTold.model_validate, state.get("retention", ())):
        name, index = names.get(told.camera, told.camera), 0 if language == "fr" else 1
        found += [("", False, longer(name, told.longer_us)[index])] if told.longer_us else []
        found += [("", False, shorter(name, told.shorter_us)[index])] if told.shorter_us else []
    found += [("", False, str(fault[language])) for fault in state.get("journal", {}).get("faults", ())]
    if "clock" in state:
        words, shown = sentence(state["clock"], zone, language)
        found.insert(0, (f"{'Horloge' if language == 'fr' else 'Clock'}{colon}", shown, words))
    lines = [" ".join(filter(None, ("✔" if well else "✖", what, words))) for what, well, words in found]
    return lines, all(well for _, well, _ in found)


def _pause(pause: dict[str, Any], language: Language) -> tuple[bool, str]:
    """A planned pause is as it should be; one because the time is in doubt is not."""
    return pause["cause"] == GapCause.PLANNED.name, str(pause[language])


def _stream(stream: dict[str, Any], now_us: int, language: Language) -> tuple[bool, str]:
    french = language == "fr"
    mark = stream["durable_utc_us"]
    if mark is None or now_us - mark >= LATE_US:
        why = stream["sentence_fr" if french else "sentence_en"] or stream["state"]
        return False, f"N’ENREGISTRE PAS : {why}" if french else f"NOT RECORDING: {why}"
    rate = f"{stream['fps']:.0f} {'im/s' if french else 'fps'}"
    words = "enregistre" if french else "recording"
    said = f"{words}, {stream['width']}x{stream['height']}, {rate}, {stream['bitrate'] / 1e6:.1f} Mbit/s"
    if stream.get("reader") == "compatible":
        said += ", par le lecteur de compatibilité" if french else ", by the compatible reader"
    return True, "\n    ".join(filter(None, (said, measured(stream, language))))


def status(file: Path, language: Language) -> int:
    """Print which image runs and the state; 0 when all is well, 1 otherwise. Raises RecorderUnreachable."""
    site = load_site(file)
    image = slot.sentences(slot.started_now(), last_refused(BOOT_FOLDER / REFUSED), language, site.site.zone)
    for well, words in image:  # first, and also where the recorder does not answer
        print("✔" if well else "✖", words)
    lines, well = sentences(asyncio.run(_ask(site)), language, site.site.zone)
    print("\n".join(lines))
    page = certificate.lines(certificate.folder_given(), SystemClock(), language, site.site.zone)
    for words in page:
        print("✖", words)
    return 0 if well and not page and all(good for good, _ in image) else 1
