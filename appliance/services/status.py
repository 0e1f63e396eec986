"""`appliance status`: the recorder's state in words, for a console."""

import asyncio
from pathlib import Path
from typing import Any

from appliance.core.errors import Language
from appliance.ring.reader import RecorderClient
from appliance.site.load import load_site
from appliance.site.model import Site

LATE_US = 10_000_000
"""Behind the clock by more than this, a stream is not recording: a healthy durable mark is under 1 s old, and a
lost disk may delay it 8 s."""


async def _ask(site: Site) -> dict[str, Any]:
    client = RecorderClient(site.recorder.socket)
    try:
        return dict(await client.state())
    finally:
        await client.close()


def sentences(state: dict[str, Any], language: Language) -> tuple[list[str], bool]:
    """A line per camera, stream and disk, and whether all record. Pure."""
    french = language == "fr"
    now = state["now_utc_us"]
    lines: list[str] = []
    well = True
    for camera in state["cameras"]:
        for name, stream in camera["streams"].items():
            mark = stream.get("durable_utc_us")
            recording = mark is not None and now - mark < LATE_US
            well = well and recording
            if recording:
                words = ("enregistre" if french else "recording") + (
                    f", {stream['width']}x{stream['height']}, {stream['fps']:.0f} "
                    f"{'im/s' if french else 'fps'}, {stream['bitrate'] / 1e6:.1f} Mbit/s"
                )
            else:
                why = stream["sentence_fr" if french else "sentence_en"] or stream["state"]
                words = f"{'N’ENREGISTRE PAS' if french else 'NOT RECORDING'}: {why}"
            lines.append(f"{'✔' if recording else '✖'} {camera['name']} ({name}): {words}")
    for disk in state["disks"]:
        failed = disk.get("error")
        well = well and not failed
        words = (
            f"{disk['closed'] + disk['open']} fichiers d'images sur {disk['chunks']}, {disk['free']} libres"
            if french
            else f"{disk['closed'] + disk['open']} of {disk['chunks']} files hold pictures, {disk['free']} free"
        )
        lines.append(f"{'✖' if failed else '✔'} {disk['path']}: {failed or words}, {disk.get('backend', '')}")
    return lines, well


def status(file: Path, language: Language) -> int:
    """Print the state; 0 when all record, 1 otherwise. Raises RecorderUnreachable."""
    lines, well = sentences(asyncio.run(_ask(load_site(file))), language)
    print("\n".join(lines))
    return 0 if well else 1
