"""What cameras answer, as values: device, time, services, profiles. Pure; strings are cleaned, numbers bounded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from appliance.inputs.errors import OnvifAnswerIncomplete
from appliance.inputs.soap import MEDIA, MEDIA2
from appliance.inputs.xml import Node, clean

MAX_PROFILES: Final = 64
"""Read of one device; a camera has 2 to 6."""

MAX_TOKEN: Final = 64
"""Characters: ONVIF's ReferenceToken."""

CODECS: Final = {"H264": "h264", "H265": "h265", "HEVC": "h265", "JPEG": "jpeg", "MPEG4": "mpeg4", "MPV4-ES": "mpeg4"}


@dataclass(frozen=True, slots=True)
class Device:
    """Who it is, by its own word."""

    make: str
    model: str
    firmware: str
    serial: str


@dataclass(frozen=True, slots=True)
class DeviceTime:
    """The camera's clock. `utc_us` None: it does not tell. `zone`: a POSIX TZ, empty when it has none."""

    utc_us: int | None
    by_ntp: bool
    zone: str


@dataclass(frozen=True, slots=True)
class Profile:
    """One stream that it offers. 0: it does not say. `encoder`: its settings' token; `fps`, `gop`: as they are set."""

    token: str
    name: str
    codec: str
    width: int
    height: int
    fps: int
    gop: int
    kbps: int
    encoder: str
    audio: bool


def device(answer: Node) -> Device:
    """GetDeviceInformation."""
    return Device(*(clean(answer.value(name)) for name in ("Manufacturer", "Model", "FirmwareVersion", "SerialNumber")))


def device_time(answer: Node) -> DeviceTime:
    """GetSystemDateAndTime. A camera without UTC, or with a date that is none, has no time that could be used."""
    held = answer.find("SystemDateAndTime") or answer
    date, time = held.find("UTCDateTime", "Date"), held.find("UTCDateTime", "Time")
    utc_us = None
    if date is not None and time is not None:
        fields = [date.number("Year"), date.number("Month"), date.number("Day")]
        fields += [time.number("Hour"), time.number("Minute"), time.number("Second")]
        utc_us = _instant([field for field in fields if field is not None])
    zone = clean(held.value("TimeZone", "TZ"), MAX_TOKEN)
    return DeviceTime(utc_us, held.value("DateTimeType").upper() == "NTP", zone)


def _instant(fields: Sequence[int]) -> int | None:
    if len(fields) != 6:
        return None
    try:
        found = datetime(*fields[:5], min(fields[5], 59), tzinfo=UTC)  # type: ignore[misc, arg-type] # a leap second is 60
    except (ValueError, OverflowError):
        return None
    return int(found.timestamp()) * 1_000_000


def services(answer: Node) -> dict[str, str]:
    """GetServices: announced address by namespace, the first of each."""
    found: dict[str, str] = {}
    for one in answer.every("Service"):
        found.setdefault(one.value("Namespace"), one.value("XAddr"))
    return found


def capabilities(answer: Node) -> dict[str, str]:
    """GetCapabilities, for devices older than GetServices: the same of what it has."""
    address = answer.value("Capabilities", "Media", "XAddr")
    return {MEDIA: address} if address else {}


def profiles(answer: Node, namespace: str) -> list[Profile]:
    """GetProfiles of Media (ver10) or Media2 (ver20). One that cannot be used is left out."""
    found = []
    for one in [node for node in answer.children if node.name == "Profiles"][:MAX_PROFILES]:
        token = one.attributes.get("token", "")
        if not token or len(token) > MAX_TOKEN:
            continue
        held = one.find("Configurations") if namespace == MEDIA2 else one
        if held is None:
            continue
        encoder = held.find("VideoEncoder" if namespace == MEDIA2 else "VideoEncoderConfiguration")
        audio = held.find("AudioEncoder" if namespace == MEDIA2 else "AudioEncoderConfiguration") is not None
        found.append(_profile(token, clean(one.value("Name")), encoder, audio=audio))
    return found


def _profile(token: str, name: str, encoder: Node | None, *, audio: bool) -> Profile:
    if encoder is None:
        return Profile(token, name, "", 0, 0, 0, 0, 0, "", audio)
    codec = CODECS.get(encoder.value("Encoding").upper(), clean(encoder.value("Encoding"), 16).lower())
    return Profile(
        token,
        name,
        codec,
        _bounded(encoder.number("Resolution", "Width")),
        _bounded(encoder.number("Resolution", "Height")),
        _bounded(encoder.number("RateControl", "FrameRateLimit")),
        gop_of(encoder),
        _bounded(encoder.number("RateControl", "BitrateLimit")),
        encoder.attributes.get("token", "")[:MAX_TOKEN],
        audio,
    )


def gop_of(encoder: Node) -> int:
    """Pictures from a key picture to the next: an attribute in Media2, an element of the codec's own in Media."""
    given = encoder.attributes.get("GovLength", "")
    if given.isascii() and given.isdecimal() and len(given) <= 6:
        return int(given)
    return _bounded(encoder.number("H264", "GovLength"))


def _bounded(value: int | None) -> int:
    return value if value is not None and 0 <= value <= 1_000_000 else 0


def stream_uri(answer: Node, name: str) -> str:
    """GetStreamUri of either service. Raises OnvifAnswerIncomplete."""
    found = answer.value("MediaUri", "Uri") or answer.value("Uri")
    if not found:
        raise OnvifAnswerIncomplete(call=name)
    return found


def user_level(answer: Node, user: str) -> str | None:
    """GetUsers: this user's level as the camera writes it; None when there is no such user."""
    for one in answer.every("User"):
        if one.value("Username") == user:
            return clean(one.value("UserLevel"), 32)
    return None


def media_namespace(known: dict[str, str]) -> str | None:
    """Media2 where there is one: it alone tells H.265. Else Media; None: no pictures to be had."""
    return next((space for space in (MEDIA2, MEDIA) if known.get(space)), None)
