"""The notice panel: what people who are filmed must be told, from the settings that really hold. Pure.

A panel that says 30 days while 5 are kept is a lie on a wall: so every figure on it is the recorder's own setting.
"""

from collections.abc import Sequence
from typing import Any, Final

from appliance.site.calendar import RecordingMode
from appliance.site.model import CameraSettings, LegalZone, Site

PUBLIC: Final = frozenset({LegalZone.PUBLIC_ROAD, LegalZone.OPEN_TO_PUBLIC})
"""Zones of CSI title V: the prefect authorises. The rest falls under GDPR and the loi Informatique et Libertés."""

NONE: Final[dict[str, Any]] = {
    "controller": None,
    "authorisation": None,
    "contact": None,
    "dpo": None,
    "panels": [],
    "missing": [],
}
"""The answer of a site without cameras."""


def notice_of(site: Site) -> dict[str, Any]:
    """The body of GET /api/v1/notice (contract: schema NoticePanels): one panel per law that cameras here are under.

    `missing`: keys of `[notice]` without which the panels may not be put up.
    """
    public = [camera for camera in site.camera if camera.legal_zone in PUBLIC]
    private = [camera for camera in site.camera if camera.legal_zone not in PUBLIC]
    panels = [_panel(site, law, cameras) for law, cameras in (("public", public), ("private", private)) if cameras]
    told = site.notice.model_dump()
    needed = ["controller", "contact", "dpo", *(["authorisation"] if public else [])]
    return {**NONE, **told, "panels": panels, "missing": [key for key in needed if told[key] is None]}


def _panel(site: Site, law: str, cameras: Sequence[CameraSettings]) -> dict[str, Any]:
    outside = [site.rule(camera).recording is RecordingMode.OUTSIDE_ACTIVITY for camera in cameras]
    return {
        "law": law,
        "cameras": len(cameras),
        "purposes": list(dict.fromkeys(camera.purpose for camera in cameras)),
        "days": max(site.days_of(camera)[0] for camera in cameras),
        "outside_hours": all(outside),
        "detection": any(camera.detection.aipd is not None for camera in cameras),
    }
