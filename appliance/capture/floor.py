"""The least that the law asks of stored video, and what a stream lacks of it. Pure.

Arrêté du 3 août 2007 (NOR IOCD0762353A), article 2 and its technical annex. The main stream is judged, as the one
that is recorded and exported at full format; the light one is a copy for the page and the detector.
"""

from dataclasses import dataclass
from typing import Final

from appliance.capture.measure import Stored

NARROW: Final = (704, 576)
"""Pixels (4CIF) of a narrow view: article 2, fifth paragraph."""

WIDE: Final = (352, 288)
"""Pixels (CIF) of every other stream: article 2."""

FAST_FPS: Final = 12
"""Pictures a second of a narrow view of people who walk without obstacle: article 2."""

SLOW_FPS: Final = 6
"""Pictures a second of every other stream: article 2. They must be real ones: technical annex."""

TOLERANCE: Final = 0.97
"""Ratio. A camera set to the least rate stores slightly less by its quartz and by one picture in the count."""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What a stream lacks. `fr`, `en`: without the camera's name; `todo_*`: what helps."""

    code: str
    fr: str
    en: str
    todo_fr: str
    todo_en: str


def shortfalls(stored: Stored, *, narrow: bool, fast_flow: bool) -> list[Shortfall]:
    """What the law asks and this minute of video does not give. `narrow`, `fast_flow`: of the camera's view."""
    found = []
    width, height = NARROW if narrow else WIDE
    long, short = max(stored.width, stored.height), min(stored.width, stored.height)  # a camera may stand upright
    if long < width or short < height:
        found.append(_definition(stored, width, height))
    least = FAST_FPS if narrow and fast_flow else SLOW_FPS
    if stored.fps < least * TOLERANCE:
        found.append(_rate(stored.fps, least))
    elif stored.real_fps is not None and stored.real_fps < least * TOLERANCE:
        found.append(_repeated(stored, stored.real_fps, least))
    return found


def _definition(stored: Stored, width: int, height: int) -> Shortfall:
    return Shortfall(
        "FLOOR_DEFINITION",
        f"images de {stored.width} × {stored.height} points, il en faut {width} × {height} au moins"
        " (arrêté du 3 août 2007, article 2)",
        f"pictures of {stored.width} × {stored.height} pixels, at least {width} × {height} are required"
        " (arrêté du 3 août 2007, article 2)",
        "Faites régler la définition de la caméra par le technicien.",
        "Have the technician set the camera's resolution.",
    )


def _rate(fps: float, least: int) -> Shortfall:
    return Shortfall(
        "FLOOR_RATE",
        f"{_fr(fps)} images par seconde enregistrées, il en faut {least} au moins (arrêté du 3 août 2007, article 2)",
        f"{fps:.1f} pictures a second recorded, at least {least} are required (arrêté du 3 août 2007, article 2)",
        *_RATE_TODO,
    )


def _repeated(stored: Stored, real: float, least: int) -> Shortfall:
    return Shortfall(
        "FLOOR_REPEATED",
        f"{_fr(real)} images réelles par seconde sur {_fr(stored.fps)}, les autres sont répétées\u202f; il en faut"
        f" {least} réelles au moins (arrêté du 3 août 2007, article 2 et annexe technique)",
        f"{real:.1f} real pictures a second out of {stored.fps:.1f}, the others are repeated; at least {least} real"
        " ones are required (arrêté du 3 août 2007, article 2 and technical annex)",
        *_RATE_TODO,
    )


_RATE_TODO: Final = (
    "Faites régler le nombre d'images par seconde de la caméra par le technicien\u202f; la nuit, le temps de pose.",
    "Have the technician set the camera's pictures a second; by night, its exposure time.",
)


def _fr(value: float) -> str:
    return f"{value:.1f}".replace(".", ",")
