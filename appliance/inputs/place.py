"""Where a camera may be asked: one address of a private network, and no other that it names. Pure.

A camera writes addresses into its answers: relative ones, those of another interface, of its factory setting, of
somebody else. Only port and path are taken from them; the machine stays the one that was asked.
"""

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from appliance.inputs.errors import OnvifAddressRefused
from appliance.inputs.xml import clean

HTTP_PORT: Final = 80
RTSP_PORT: Final = 554
DEVICE_PATH: Final = "/onvif/device_service"
"""ONVIF Core 5.1.1: every device answers there."""

MAX_PATH: Final = 512
"""Characters of a path; the longest seen have 120."""


@dataclass(frozen=True, slots=True)
class Place:
    """Host (IPv4, as text), port and path of a service over HTTP."""

    host: str
    port: int = HTTP_PORT
    path: str = DEVICE_PATH

    @property
    def address(self) -> str:
        """As a person writes it."""
        return self.host if self.port == HTTP_PORT else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Of the service."""
        return f"http://{self.host}:{self.port}{self.path}"


def private(host: str) -> str:
    """The same address. Raises OnvifAddressRefused unless it is one IPv4 address of a private network (or loopback)."""
    try:
        found = ipaddress.IPv4Address(host)
    except ValueError as error:
        raise OnvifAddressRefused(address=clean(host)) from error
    if not found.is_private or found.is_unspecified or found.is_multicast or found.is_reserved:
        raise OnvifAddressRefused(address=clean(host))
    return str(found)


def typed(text: str) -> Place:
    """The place that a person wrote: `10.20.0.11`, `10.20.0.11:8080`, or a whole http address.

    Raises OnvifAddressRefused.
    """
    parts = _split(text if "://" in text else f"http://{text}")
    if parts is None or parts[0] != "http":
        raise OnvifAddressRefused(address=clean(text))
    _, host, port, path = parts
    return Place(private(host), port or HTTP_PORT, path if len(path) > 1 else DEVICE_PATH)


def service(known: Place, announced: str) -> Place | None:
    """Where a service of the same camera is, by the address that it announced; None when that is not plain HTTP."""
    text = announced.strip()
    if text.startswith("/"):
        return replace(known, path=text) if _plain(text) else None
    parts = _split(text)
    if parts is None or parts[0] != "http":
        return None
    _, _, port, path = parts
    return Place(known.host, port or HTTP_PORT, path if len(path) > 1 else DEVICE_PATH)


def of_match(source: str, announced: str) -> Place | None:
    """Which of several announced addresses is used, for the machine that sent them: its own one, else the first.

    None: no usable one, or the sender is not of a private network.
    """
    try:
        here = Place(private(source))
    except OnvifAddressRefused:
        return None
    words = announced.split()[:16]
    own = [word for word in words if (parts := _split(word)) is not None and parts[1] == source]
    return next((found for word in (*own, *words) if (found := service(here, word)) is not None), None)


def stream_url(host: str, announced: str) -> tuple[str, bool] | None:
    """The RTSP address to write down, without user and password, and whether the camera named another machine.

    None when it is no RTSP address.
    """
    parts = _split(announced.strip())
    if parts is None or parts[0] not in {"rtsp", "rtsps"}:
        return None
    scheme, named, port, path = parts
    usual = RTSP_PORT if scheme == "rtsp" else 322
    place = host if port in {None, usual} else f"{host}:{port}"
    return f"{scheme}://{place}{path}", named != host


def _split(text: str) -> tuple[str, str, int | None, str] | None:
    """Scheme, host, port and path with query; None for what no address is."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    if not host or port == 0 or not _plain(path):
        return None
    return parts.scheme.lower(), host, port, path


def _plain(path: str) -> bool:
    """Only what a request line may hold: no blank, no control character, nothing beyond ASCII."""
    return len(path) <= MAX_PATH and re.fullmatch(r"/[\x21-\x7e]*", path) is not None
