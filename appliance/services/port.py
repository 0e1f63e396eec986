"""A port that systemd opened for a service (sd_listen_fds(3)): no right to open one is needed."""

import os
import socket
from pathlib import Path
from typing import Final

from appliance.services.errors import NoPortGiven

PORTS_FROM: Final = 3
"""The first descriptor that systemd hands over."""


def port_given() -> bool:
    """Was this process started with one?"""
    return bool(os.environ.get("LISTEN_FDS"))


def given_port() -> socket.socket:
    """It, listening already. Raises NoPortGiven."""
    if not port_given():
        raise NoPortGiven
    try:
        return socket.socket(fileno=PORTS_FROM)
    except OSError as error:
        raise NoPortGiven from error


def first_line(file: Path) -> str:
    """What a small file says, "" when it is not there. Blocks."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def box_number() -> str:
    """What the certificate calls the machine by. Blocks."""
    return first_line(Path("/etc/machine-id"))[:12] or "?"
