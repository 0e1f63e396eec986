"""RTSP URLs: what the site's file says, and how a track's address is joined.

Cameras follow no RFC's joining rule. What works with all that were seen: an absolute URL is used as it is, "*"
is the base, anything else is base + "/" + control, query or not.
"""

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from appliance.capture.errors import CameraUrlInvalid

_ABSOLUTE = re.compile(r"rtsps?://[^/\s]", re.IGNORECASE)

DEFAULT_PORT = 554
"""IANA's port of rtsp (RFC 2326 section 3.2)."""

SECURE_PORT = 322
"""IANA's port of rtsps (RFC 7826 section 4.2)."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password of a camera; never logged, never in an error's facts."""

    user: str
    password: str

    def __repr__(self) -> str:
        return "Credentials(***)"


@dataclass(frozen=True, slots=True)
class RtspUrl:
    """`text` is the request URL without user and password; `secure`: over TLS."""

    text: str
    host: str
    port: int
    path: str
    credentials: Credentials | None
    secure: bool = False


def parse_url(text: str) -> RtspUrl:
    """Parse a configured URL; raises CameraUrlInvalid."""
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise CameraUrlInvalid(reason=str(error)) from error
    scheme = parts.scheme.lower()
    if scheme not in {"rtsp", "rtsps"}:
        raise CameraUrlInvalid(reason=f"{scheme or 'no scheme'} is not rtsp")
    if not host or any(ord(letter) <= 32 or ord(letter) == 127 for letter in text.strip()):
        raise CameraUrlInvalid(reason="no host, or a blank inside")
    credentials = None
    if parts.username is not None:
        credentials = Credentials(unquote(parts.username), unquote(parts.password or ""))
    place = parts.netloc.rpartition("@")[2]
    secure = scheme == "rtsps"
    plain = f"{scheme}://{place}{parts.path}" + (f"?{parts.query}" if parts.query else "")
    usual = SECURE_PORT if secure else DEFAULT_PORT
    return RtspUrl(plain, host, port or usual, parts.path or "/", credentials, secure)


def redirected(url: RtspUrl, location: str) -> RtspUrl | None:
    """Where the camera wants to be asked instead; None when that is another machine, port or way than `url`.

    User and password are never taken from there.
    """
    try:
        other = parse_url(location)
    except CameraUrlInvalid:
        return None
    same = (other.host, other.port, other.secure) == (url.host, url.port, url.secure)
    return replace(other, credentials=url.credentials) if same else None


def is_absolute(url: str) -> bool:
    """True for rtsp:// and rtsps:// in any case, with something behind them."""
    return _ABSOLUTE.match(url) is not None


def base_url(request_url: str, content_base: str | None, content_location: str | None) -> str:
    """The base of a description (RFC 2326 appendix C.1.1). A base without scheme gets one (Anjvision)."""
    for candidate in (content_base, content_location):
        base = (candidate or "").strip(" \t\"'<>\0")
        if is_absolute(base):
            return base
        if base and "/" in base and "://" not in base and not base.startswith("/"):
            return f"rtsp://{base}"
    return request_url


def join_control(base: str, control: str | None) -> str:
    """The URL of a track or presentation."""
    wanted = (control or "").strip(' \t"\0')
    if not wanted or wanted == "*":
        return base
    if is_absolute(wanted):
        return wanted
    return f"{base.rstrip('/')}/{wanted.lstrip('/')}"


def track_urls(base: str, reached: str, control: str | None) -> list[str]:
    """Where a track may be, the likeliest first: what works is what counts.

    Under the base that the camera names; under the address it was reached by; and there as RFC 3986 section 5.2
    joins, an absolute address that names another machine (0.0.0.0, one behind a translator) keeping its path.
    """
    found = [join_control(base, control), join_control(reached, control)]
    wanted = (control or "").strip(' \t"\0')
    if wanted and wanted != "*":
        scheme, _, rest = reached.partition("://")
        place, slash, path = rest.partition("?")[0].partition("/")
        if is_absolute(wanted):
            path = wanted.partition("://")[2].partition("/")[2]
        elif wanted.startswith("/"):
            path = wanted[1:]
        else:
            folder = f"{slash}{path}".rpartition("/")[0][1:]
            path = f"{folder}/{wanted}" if folder else wanted
        found.append(f"{scheme}://{place}/{path}")
    return list(dict.fromkeys(found))
