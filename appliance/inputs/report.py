"""What a probe found, as plain values and words for a technician: streams, what is not as it should be, what to write.

Pure. Whatever a camera wrote was cleaned where it was read; TOML strings are written so that nothing ends them.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from appliance.capture.floor import SLOW_FPS, TOLERANCE, WIDE
from appliance.core.units import US_PER_SECOND
from appliance.inputs.camera import Found, Stream
from appliance.inputs.encoder import FPS_LEAST, FPS_MOST, is_light, light_profile, main_profile

CLOCK_OFF_S: Final = 2
"""Seconds that a camera's clock may be off: ONVIF tells whole seconds, and its answer takes a while."""

Remark = tuple[str, str, str]
"""Code, French, English."""


def remarks(found: Found) -> Iterator[Remark]:
    """What is not as it should be, each with what to do."""
    profiles = [stream.profile for stream in found.streams]
    main, light = main_profile(profiles), light_profile(profiles)
    if found.open_to_all:
        yield (
            "open-to-all",
            "Elle donne son modèle sans mot de passe : activez l'identification ONVIF dans sa page.",
            "It tells its model without a password: switch ONVIF authentication on, on its page.",
        )
    yield from _of_clock(found)
    if main is None:
        yield (
            "no-stream",
            "Aucun flux H.264 ou H.265 : réglez un profil dans sa page.",
            "No H.264 or H.265 stream: set a profile on its page.",
        )
    else:
        yield from _of_main(main.width, main.height, main.fps)
    if main is not None and light is None:
        yield (
            "no-light-stream",
            "Pas de flux léger : créez un second profil, H.264, 640 × 360 ; sans lui ni lecture fluide ni détection.",
            "No light stream: make a second profile, H.264, 640 × 360; without it neither smooth play nor detection.",
        )
    elif light is not None and not is_light(light):
        yield (
            "light-stream-settings",
            f"Flux léger à régler : H.264, {FPS_LEAST} à {FPS_MOST} images/s, image clé toutes les 1 à 2 s (--adjust).",
            (
                f"Light stream to be set: H.264, {FPS_LEAST} to {FPS_MOST} pictures/s, a key picture every 1 to 2 s "
                "(--adjust)."
            ),
        )
    yield from _of_addresses(found)
    if any(profile.audio for profile in profiles):
        yield (
            "sound",
            "Son activé dans la caméra : il n'est jamais enregistré ici, coupez-le dans sa page.",
            "Sound is on in the camera: it is never recorded here, switch it off on its page.",
        )


def _of_clock(found: Found) -> Iterator[Remark]:
    if found.offset_us is None:
        yield (
            "clock-unknown",
            "Elle ne dit pas son heure : réglez-la dans sa page, sur le serveur de temps de l'appareil.",
            "It does not tell its time: set it on its page, to this appliance's time server.",
        )
    elif abs(found.offset_us) > CLOCK_OFF_S * US_PER_SECOND:
        off = abs(found.offset_us) // US_PER_SECOND
        ahead = found.offset_us > 0
        yield (
            "clock-off",
            f"Son horloge {'avance' if ahead else 'retarde'} de {off} s (--adjust la règle).",
            f"Its clock is {off} s {'ahead' if ahead else 'behind'} (--adjust sets it).",
        )
    elif not found.time.by_ntp:
        yield (
            "clock-by-hand",
            "Son heure est réglée à la main et dérivera : --adjust lui donne celle de l'appareil.",
            "Its time is set by hand and will drift: --adjust gives it this appliance's.",
        )


def _of_main(width: int, height: int, fps: int) -> Iterator[Remark]:
    least_width, least_height = WIDE
    if width and (max(width, height) < least_width or min(width, height) < least_height):
        yield (
            "floor-definition",
            (
                f"Flux principal de {width} × {height} : il faut {least_width} × {least_height} au moins "
                "(arrêté du 3 août 2007, article 2)."
            ),
            (
                f"Main stream of {width} × {height}: at least {least_width} × {least_height} are required "
                "(arrêté du 3 août 2007, article 2)."
            ),
        )
    if fps and fps < SLOW_FPS * TOLERANCE:
        yield (
            "floor-rate",
            f"Flux principal à {fps} images/s : il en faut {SLOW_FPS} au moins (arrêté du 3 août 2007, article 2).",
            f"Main stream at {fps} pictures/s: at least {SLOW_FPS} are required (arrêté du 3 août 2007, article 2).",
        )


def _of_addresses(found: Found) -> Iterator[Remark]:
    if any(stream.elsewhere for stream in found.streams):
        yield (
            "other-address",
            f"Elle annonce ses flux sous une autre adresse ; celle qui a répondu est écrite : {found.place.host}.",
            f"It announces its streams under another address; the one that answered is written: {found.place.host}.",
        )
    if found.skipped:
        yield (
            "service-elsewhere",
            "Un service ONVIF n'est offert que par HTTPS : il n'a pas été interrogé.",
            "One ONVIF service is offered by HTTPS alone: it was not asked.",
        )


def report(found: Found) -> dict[str, Any]:
    """As plain values, for the socket."""
    profiles = [stream.profile for stream in found.streams]
    main, light = main_profile(profiles), light_profile(profiles)
    roles = {id(main): "main", id(light): "sub"}
    return {
        "address": found.place.address,
        "make": found.device.make,
        "model": found.device.model,
        "firmware": found.device.firmware,
        "serial": found.device.serial,
        "clock_off_s": None if found.offset_us is None else round(found.offset_us / US_PER_SECOND),
        "clock_by_ntp": found.time.by_ntp,
        "streams": [_stream(stream, roles.get(id(stream.profile), "")) for stream in found.streams],
        "remarks": [{"code": code, "fr": fr, "en": en} for code, fr, en in remarks(found)],
        "site_toml": site_table(found),
    }


def _stream(stream: Stream, role: str) -> dict[str, Any]:
    profile = stream.profile
    return {
        "role": role,
        "name": profile.name,
        "codec": profile.codec,
        "width": profile.width,
        "height": profile.height,
        "fps": profile.fps,
        "gop": profile.gop,
        "kbps": profile.kbps,
        "url": stream.url,
    }


def camera_id(model: str, host: str) -> str:
    """A short name as site.toml takes it: of the model and the address's last number."""
    plain = unicodedata.normalize("NFKD", model).encode("ascii", "ignore").decode("ascii").lower()
    word = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:24].rstrip("-")
    return f"{word or 'camera'}-{host.rpartition('.')[2]}"


def site_table(found: Found) -> str:
    """`[[camera]]` to paste; what only people know is empty, `appliance site check` asks for it. Empty: no stream."""
    profiles = [stream.profile for stream in found.streams]
    main = found.stream(main_profile(profiles))
    if main is None:
        return ""
    light = found.stream(light_profile(profiles))
    facts = [("id", camera_id(found.device.model, found.place.host)), ("name", ""), ("place", ""), ("main", main.url)]
    if light is not None and light.profile.codec == "h264":
        facts.append(("sub", light.url))
    facts += [("legal_zone", ""), ("area_type", ""), ("purpose", ""), ("view", "")]
    lines = ["[[camera]]", *(f"{key} = {_text(value)}" for key, value in facts)]
    if main.url.startswith("rtsps:"):
        lines.append('fingerprint = ""')
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """A TOML basic string: JSON's, whose escapes are among TOML's; cleaned text has no DEL, which JSON would leave."""
    return json.dumps(value, ensure_ascii=False)
