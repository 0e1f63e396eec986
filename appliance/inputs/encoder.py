"""Settings of a light stream: which profile it is, what it is to be, the camera's own settings changed to it. Pure.

The settings are written back as they were read but for the changed fields, so what this reader does not know is kept.
"""

from collections.abc import Sequence
from typing import Final

from appliance.inputs.answers import Profile
from appliance.inputs.soap import MEDIA2, SCHEMA
from appliance.inputs.xml import Node

FPS_LEAST: Final = 5
FPS_MOST: Final = 10
"""Pictures a second of a light stream: detection looks at 5, more costs decoding for nothing."""

GOP_LEAST_S: Final = 1.0
GOP_MOST_S: Final = 2.0
"""Seconds between key pictures: a page shows a stream from one on, and the first second of it is waited for."""

LIGHT_WIDTH_MOST: Final = 960
"""Pixels. A light stream is some 640 wide; from 1280 on it is a main stream."""

WIDTH: Final = 640
"""Pixels: what a light stream is to be."""


def main_profile(profiles: Sequence[Profile]) -> Profile | None:
    """The one to record: most pixels among H.264 and H.265, the first of equals."""
    usable = [one for one in profiles if one.codec in {"h264", "h265"}]
    return max(usable, key=lambda one: one.width * one.height, default=None)


def light_profile(profiles: Sequence[Profile]) -> Profile | None:
    """The light one: nearest to 640 wide of those up to LIGHT_WIDTH_MOST, H.264 before the rest, never the main one."""
    main = main_profile(profiles)
    fit = [one for one in profiles if one is not main and 0 < one.width <= LIGHT_WIDTH_MOST]
    if main is not None:
        fit = [one for one in fit if one.encoder != main.encoder or not one.encoder]
    return min(fit, key=lambda one: (one.codec != "h264", abs(one.width - WIDTH)), default=None)


def wanted(profile: Profile) -> tuple[int, int]:
    """Pictures a second and pictures between key pictures that a light stream gets: what it has, within the bounds."""
    fps = min(max(profile.fps or FPS_MOST, FPS_LEAST), FPS_MOST)
    seconds = profile.gop / profile.fps if profile.fps and profile.gop else GOP_MOST_S
    return fps, round(fps * min(max(seconds, GOP_LEAST_S), GOP_MOST_S))


def is_light(profile: Profile) -> bool:
    """Is it as a light stream is wanted? What a camera does not say counts as right."""
    fps_right = not profile.fps or FPS_LEAST <= profile.fps <= FPS_MOST
    gop_right = not (profile.fps and profile.gop) or GOP_LEAST_S <= profile.gop / profile.fps <= GOP_MOST_S
    return profile.codec == "h264" and fps_right and gop_right


def changed(settings: Node, namespace: str, fps: int, gop: int) -> Node:
    """The camera's settings of one encoder, set to H.264 with this rate and group length. Changes `settings`."""
    _leaf(settings, ("Encoding",), "H264")
    _leaf(settings, ("RateControl", "FrameRateLimit"), str(fps))
    if namespace == MEDIA2:
        settings.attributes["GovLength"] = str(gop)
        if settings.attributes.get("Profile") not in {"Baseline", "Main", "High"}:
            settings.attributes["Profile"] = "Main"
        return settings
    _leaf(settings, ("H264", "GovLength"), str(gop))
    if not settings.value("H264", "H264Profile"):
        _leaf(settings, ("H264", "H264Profile"), "Main")
    settings.children = [child for child in settings.children if child.name != "MPEG4"]
    settings.children.sort(key=lambda child: _ORDER.get(child.name, len(_ORDER)))
    return settings


_SEQUENCE: Final = (
    *("Name", "UseCount", "Encoding", "Resolution", "Quality"),
    *("RateControl", "MPEG4", "H264", "Multicast", "SessionTimeout"),
)
_ORDER: Final = {name: place for place, name in enumerate(_SEQUENCE)}
"""The schema's sequence (onvif.xsd, VideoEncoderConfiguration): cameras with strict parsers want it kept."""


def _leaf(node: Node, path: tuple[str, ...], text: str) -> None:
    for name in path:
        found = node.find(name)
        if found is None:
            found = Node(SCHEMA, name)
            node.children.append(found)
        node = found
    node.text = text
