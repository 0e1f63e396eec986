"""What was measured of one stream, as it is stored and as the camera offers it, in a line for a console. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from appliance.core.errors import Language

EXACT_US: Final = 500_000
"""Microseconds within which a camera's clock is right: nobody reads more off a clock in the picture."""


def measured(stream: Mapping[str, Any], language: Language) -> str:
    """The newest minute of stored video, sound that is offered, the camera's clock; empty before any is known.

    `stream`: as the recorder's socket tells it. What is less than the law asks has a line of its own elsewhere.
    """
    french = language == "fr"
    said = []
    if stored := stream.get("stored"):
        said.append(_stored(stored, french=french))
    if stream.get("audio_offered"):
        said.append("son offert, jamais pris" if french else "sound is offered, never taken")
    offset_us = stream.get("camera_clock_offset_us")
    if offset_us is not None:
        said.append(_clock(int(offset_us), french=french))
    elif stored:
        said.append("la caméra ne dit pas son heure" if french else "the camera does not tell its time")
    return ("\u202f; " if french else "; ").join(said)


def _stored(stored: Mapping[str, Any], *, french: bool) -> str:
    real, gop_s = stored["real_fps"], stored["gop_s"]
    rate = _number(stored["fps"], french=french)
    if french:
        words = f"enregistré\u202f: {stored['width']} × {stored['height']}, {rate} images/s"
        words += " (scène immobile)" if real is None else f" dont {_number(real, french=True)} réelles"
        words += "" if gop_s is None else f", image clé toutes les {_number(gop_s, french=True)} s au plus"
    else:
        words = f"stored: {stored['width']} × {stored['height']}, {rate} pictures/s"
        words += " (still scene)" if real is None else f", {_number(real, french=False)} of them real"
        words += "" if gop_s is None else f", a key picture every {_number(gop_s, french=False)} s at most"
    return f"{words}, {_number(stored['bitrate'] / 1e6, french=french)} Mbit/s"


def _clock(offset_us: int, *, french: bool) -> str:
    if abs(offset_us) <= EXACT_US:
        return "horloge de la caméra à l'heure" if french else "the camera's clock is right"
    apart = _number(abs(offset_us) / 1e6, french=french)
    if french:
        return f"horloge de la caméra en {'avance' if offset_us > 0 else 'retard'} de {apart} s"
    return f"the camera's clock is {apart} s {'fast' if offset_us > 0 else 'slow'}"


def _number(value: float, *, french: bool) -> str:
    text = f"{value:.1f}"
    return text.replace(".", ",") if french else text
