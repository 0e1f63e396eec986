"""`[[camera]]`: how its stream is fetched, and whose certificate an encrypted camera must show."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator

Reader = Literal["auto", "native", "compatible"]
"""`native`: the recorder's own reader. `compatible`: libav's, in a process of its own (UDP, odd cameras). `auto`: the
first, and the other one after failures of the camera's protocol."""

_FINGERPRINT: Final = re.compile(r"(?:sha256:)?((?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2})")


def _fingerprint(value: str) -> str:
    """Any usual way to write one, as 64 lower-case digits."""
    found = _FINGERPRINT.fullmatch(value.strip())
    if found is None:
        raise ValueError("fingerprint")
    return found[1].replace(":", "").lower()


Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
"""SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` prints it."""


def _camera_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("rtsp", "rtsps") or not parts.hostname:
        raise ValueError("url")
    if parts.username is not None or parts.password is not None:
        raise ValueError("url-credentials")
    try:
        _ = parts.port
    except ValueError as error:
        raise ValueError("url") from error
    return value


CameraUrl = Annotated[str, AfterValidator(_camera_url)]
"""rtsp:// or rtsps://, without user and password."""


def certificate_mistake(urls: tuple[str | None, ...], fingerprint: str | None, authority: Path | None) -> str | None:
    """Name of the mistake when an rtsps address has nobody to vouch for it, or None."""
    secure = any(urlsplit(url or "").scheme == "rtsps" for url in urls)
    return "certificate-unknown" if secure and fingerprint is None and authority is None else None
