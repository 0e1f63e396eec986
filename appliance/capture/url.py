"""RTSP URLs: what the site's file says, and how a track's address is joined.

Cameras follow no RFC's joining rule. What works with all that were seen: an absolute URL is used as it is, "*"
is the base, anything else is base + "/" + control, query or not.
"""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from appliance.capture.errors import CameraUrlInvalid

DEFAULT_PORT = 554
"""IANA's port of rtsp (RFC 2326 section 3.2)."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password of a camera; never logged, never in an error's facts."""

    user: str
    password: str

    def __repr__(self) -> str:
        return "Credentials(***)"


@dataclass(frozen=True, slots=True)
class RtspUrl:
    """`text` is the request URL without user and password."""

    text: str
    host: str
    port: int
    path: str
    credentials: Credentials | None


def parse_url(text: str) -> RtspUrl:
    """Parse a configured URL; raises CameraUrlInvalid. rtsps is refused by name until certificates are handled."""
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise CameraUrlInvalid(reason=str(error)) from error
    if parts.scheme.lower() != "rtsp":
        raise CameraUrlInvalid(reason=f"{parts.scheme or 'no scheme'} is not rtsp")
    if not host or any(ord(letter) <= 32 or ord(letter) == 127 for letter in text.strip()):
        raise CameraUrlInvalid(reason="no host, or a blank inside")
    credentials = None
    if parts.username is not None:
        credentials = Credentials(unquote(parts.username), unquote(parts.password or ""))
    place = parts.netloc.rpartition("@")[2]
    plain = f"rtsp://{place}{parts.path}" + (f"?{parts.query}" if parts.query else "")
    return RtspUrl(plain, host, port or DEFAULT_PORT, parts.path or "/", credentials)


def is_absolute(url: str) -> bool:
    """True for rtsp:// and rtsps:// in any case."""
    return url.lower().startswith(("rtsp://", "rtsps://"))


def base_url(request_url: str, content_base: str | None, content_location: str | None) -> str:
    """The base of a description (RFC 2326 appendix C.1.1). A base without scheme gets one (Anjvision)."""
    for candidate in (content_base, content_location):
        base = (candidate or "").strip()
        if is_absolute(base):
            return base
        if base and "/" in base and "://" not in base and not base.startswith("/"):
            return f"rtsp://{base}"
    return request_url


def join_control(base: str, control: str | None) -> str:
    """The URL of a track or presentation."""
    wanted = (control or "").strip()
    if not wanted or wanted == "*":
        return base
    if is_absolute(wanted):
        return wanted
    return f"{base.rstrip('/')}/{wanted.lstrip('/')}"
