"""Session descriptions (RFC 8866) as cameras write them: line by line, an unreadable line costs only itself."""

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Final

from appliance.capture.errors import CodecRefused, SdpInvalid
from appliance.media.stream import Codec

MAX_LINES: Final = 2000
"""Lines. Cameras send 15 to 40."""

_STATIC_TYPES: Final = {0: "PCMU", 8: "PCMA", 26: "JPEG", 32: "MPV", 33: "MP2T"}
"""Payload types that need no rtpmap (RFC 3551 section 6)."""

_VIDEO_CLOCK: Final = 90_000

_CODECS: Final[dict[str, Codec]] = {"H264": "h264", "H.264": "h264", "H265": "h265", "H.265": "h265", "HEVC": "h265"}
"""Encoding names (RFC 6184 section 8.1, RFC 7798 section 7.1; some cameras write HEVC)."""

_SPROP: Final[dict[Codec, tuple[str, ...]]] = {
    "h264": ("sprop-parameter-sets",),
    "h265": ("sprop-vps", "sprop-sps", "sprop-pps", "sprop-parameter-sets"),
}
"""Where parameter sets stand in fmtp, comma-separated and in base64."""

_BLANK: Final = " \t\0\ufeff"
"""Around lines: blanks, a string's end, a byte order mark."""

_NUMBERED: Final = re.compile(r"\s*(\d{1,3})(?:[\s;:,]+(.*))?$", re.ASCII | re.DOTALL)
"""Payload type and what is said of it."""

_NAMES: Final = (
    "packetization-mode", "profile-level-id", "sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps",
    "sprop-max-don-diff", "profile-id", "profile-space", "level-id", "tier-flag", "interop-constraints", "config",
)  # fmt: skip
_SEPARATOR: Final = re.compile(rf";|[,\s]{{1,8}}(?=(?:{'|'.join(_NAMES)})\s*=)", re.IGNORECASE | re.ASCII)
"""Between format parameters. A comma or a blank is one only before a known name: values hold commas."""


@dataclass(slots=True)
class Media:
    """One m= section. `encodings`: payload type -> (name in upper case, clock rate); `formats`: fmtp parameters."""

    kind: str
    protocol: str
    payload_types: list[int]
    encodings: dict[int, tuple[str, int]] = field(default_factory=dict)
    formats: dict[int, dict[str, str]] = field(default_factory=dict)
    control: str | None = None


@dataclass(slots=True)
class SessionDescription:
    """What was understood; `ignored` are the lines that were not."""

    control: str | None = None
    media: list[Media] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """The track to SETUP. `parameter_sets`: NAL units as SDP gave them, unchecked."""

    codec: Codec
    payload_type: int
    control: str | None
    parameter_sets: tuple[bytes, ...]
    audio_offered: bool


def parse_sdp(body: bytes) -> SessionDescription:
    """Parse a description; raises SdpInvalid when there is no media section in it."""
    text = body.decode("utf-8", "replace")
    lines = [line for raw in text.replace("\r", "\n").split("\n") if (line := raw.strip(_BLANK))]
    if len(lines) > MAX_LINES:
        raise SdpInvalid(reason=f"{len(lines)} lines")
    session = SessionDescription()
    for line in lines:
        kind, equals, value = line.partition("=")
        kind = kind.strip().lower()
        if not equals or len(kind) != 1:
            session.ignored.append(line)
        elif kind == "m":
            session.media.append(_media(value, session.ignored))
        elif kind == "a" and not _attribute(session, value):
            session.ignored.append(line)
    if not session.media:
        raise SdpInvalid(reason="no media section")
    return session


def choose_video(session: SessionDescription) -> VideoTrack:
    """The first H.264 or H.265 video track; raises CodecRefused naming what is there instead. Audio is never chosen."""
    audio = any(media.kind == "audio" for media in session.media)
    seen: list[str] = []
    for media in session.media:
        if media.kind != "video":
            continue
        # A section's own numbers first; where they are unreadable, those that are described.
        for number in dict.fromkeys([*media.payload_types, *media.encodings]):
            formats = media.formats.get(number, {})
            name, clock = media.encodings.get(number) or (_unmapped(number, formats), _VIDEO_CLOCK)
            codec = _CODECS.get(name)
            if codec is None or clock != _VIDEO_CLOCK or _reordered(formats):
                seen.append(name if clock == _VIDEO_CLOCK else f"{name}/{clock}")
                continue
            return VideoTrack(codec, number, media.control, _parameter_sets(codec, formats), audio)
    raise CodecRefused(codec=", ".join(seen) or "no video track")


def _unmapped(number: int, formats: dict[str, str]) -> str:
    """Encoding name of a type that no rtpmap names: by its number, or by format parameters that one codec alone has."""
    if number not in _STATIC_TYPES:
        if any(name in formats for name in ("sprop-vps", "sprop-sps", "sprop-pps")):
            return "H265"
        if any(name in formats for name in ("sprop-parameter-sets", "packetization-mode")):
            return "H264"
    return _STATIC_TYPES.get(number, f"type {number}")


def _reordered(formats: dict[str, str]) -> bool:
    """Packets not in decoding order (RFC 6184 section 6.2, RFC 7798 section 7.1): no camera was seen that does it."""
    depth = formats.get("sprop-max-don-diff", "0")
    return formats.get("packetization-mode") == "2" or depth.strip("0") != ""


def _media(value: str, ignored: list[str]) -> Media:
    """m=video 0 RTP/AVP 96: a section whose payload types are no numbers (TP-Link) has none."""
    words = value.split()
    protocol = next((at for at, word in enumerate(words) if at and "/AVP" in word.upper()), 2)  # a port may be missing
    types: list[int] = []
    for word in words[protocol + 1 :]:
        if _is_type(word):
            types.append(int(word))
        else:
            ignored.append(f"m={value}")
    return Media(words[0].lower() if words else "", words[protocol] if len(words) > protocol else "", types)


def _is_type(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 4 and int(word) < 128


def _attribute(session: SessionDescription, value: str) -> bool:
    """One a= line; False when it should have meant something and did not."""
    name, _, rest = value.partition(":")
    name, rest = name.strip().lower(), rest.strip()
    media = session.media[-1] if session.media else None
    if name == "control":
        if media is None:
            session.control = rest
        else:
            media.control = rest
        return True
    if media is None or name not in {"rtpmap", "fmtp"}:
        return True
    numbered = _NUMBERED.match(rest)
    if numbered is None or not _is_type(numbered[1]):
        return False
    number, said = int(numbered[1]), (numbered[2] or "").strip()
    if name == "fmtp":
        media.formats.setdefault(number, {}).update(_format_parameters(said))  # some write a line per parameter
        return True
    encoding, *more = (part.split() for part in said.split("/", maxsplit=2))
    rate = more[0][0] if more and more[0] else str(_VIDEO_CLOCK)  # RFC 6184 and 7798 allow no other
    digits = re.match(r"\d{1,9}(?!\d)", rate, re.ASCII)
    if not encoding or digits is None:
        return False
    media.encodings[number] = (encoding[0].upper(), int(digits[0]))
    return True


def _format_parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in _SEPARATOR.split(text):
        name, _, value = item.strip().partition("=")
        if name:
            found[name.strip().lower()] = value.strip(" \t\"'")
    return found


def _parameter_sets(codec: Codec, formats: dict[str, str]) -> tuple[bytes, ...]:
    """The sets of fmtp; what is not base64 is left out, in-band sets will do."""
    sets: list[bytes] = []
    for item in ",".join(formats.get(name, "") for name in _SPROP[codec]).split(","):
        text = item.strip()
        try:
            data = b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError):
            continue
        if data:
            sets.append(data)
    return tuple(sets)
