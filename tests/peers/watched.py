"""Makes a test's site one whose cameras may be watched: hours, impact assessment, and a detector of its own.

Its model is the demonstration's; a real one of the assets goes before it.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from appliance.demo.site import STRIP
from appliance.detection.install import DEMO

_TABLES: Final = f"""\
[detector]
socket = "detector.sock"
events = "events.db"
models = "{DEMO}"
[calendar.hours]
monday = ["08:00-18:00"]
tuesday = ["08:00-18:00"]
wednesday = ["08:00-18:00"]
thursday = ["08:00-18:00"]
friday = ["08:00-18:00"]
"""

_COUNTER: Final = f"""\
[[camera.detection.ignore]]
name = "Compteur incrusté"
polygon = {STRIP}
"""
"""A burnt-in clock moves for ever: whoever sets a camera up leaves it out."""


def may_be_watched(site: Path, road: Collection[str] = ()) -> None:
    """Rewrite `site.toml`; the cameras named in `road` look at the public road instead."""
    head, *cameras = site.read_text(encoding="utf-8").split("[[camera]]\n")
    text = head + _TABLES
    for camera in cameras:
        name = camera.partition('id = "')[2].partition('"')[0]
        if name in road:
            text += "[[camera]]\n" + camera.replace('"non_public"', '"public_road"').replace('"entrance"', '"street"')
        else:
            text += f'[[camera]]\n{camera}[camera.detection]\naipd = "AIPD-2026-07"\n{_COUNTER}'
    site.write_text(text, encoding="utf-8")
