"""What the office gives a box of the trial: its `provision.json`, as the credential or on the stick."""

import atexit
import json
import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from tests.image.vm import CAMERAS_MAC, HOST, UPLINK_MAC
from tests.peers.central import central_pair

USER: Final = "enregistreur"
PASSWORD: Final = "banc"
LOGIN: Final = "m.durand"
LOGIN_PASSWORD: Final = "premier compte"

SITE: Final = """\
[site]
name = "{name}"
place = "Banc"
kind = "school"
timezone = "Europe/Paris"
authorised_days = 10
[[camera]]
id = "portail"
name = "Portail"
place = "Entrée"
main = "rtsp://{host}:{port}/main"
legal_zone = "non_public"
area_type = "entrance"
purpose = "intrusion"
view = "wide"
[[disk]]
path = "/srv/recordings/1"
"""

NOBODY: Final = 9
"""A port of the host where nothing answers (discard, RFC 863): the camera that is not there."""

STICK_MIB: Final = 16


@lru_cache(maxsize=1)
def central_keys() -> tuple[Path, str]:
    """The central team's key pair for these trials: the private key's file, and the public one as PEM."""
    folder = Path(tempfile.mkdtemp(prefix="temoin-centre-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    private, public = central_pair(folder)
    return private, public.read_text(encoding="ascii")


def provision(port: int, name: str = "Essai") -> str:
    """The file for one camera on the host's port."""
    values: dict[str, Any] = {
        "version": 1,
        "site_toml": SITE.format(name=name, host=HOST, port=port),
        "network": {
            "cameras": {"mac": CAMERAS_MAC, "address": "10.0.2.15/24"},
            "uplink": {"mac": UPLINK_MAC},
        },
        "cameras": {"portail": {"user": USER, "password": PASSWORD}},
        "first_account": {
            "login": LOGIN,
            "name": "M. Durand",
            "function": "gestionnaire",
            "password": LOGIN_PASSWORD,
        },
        "enrolment_password": "une seule fois",
        "recovery_key": central_keys()[1],
    }
    return json.dumps(values, ensure_ascii=False, indent=1)


def stick(image: Path, text: str) -> Path:
    """A provisioning stick as a file: FAT, labelled TEMOIN, made without a mount."""
    with image.open("wb") as file:
        file.truncate(STICK_MIB << 20)
    beside = image.with_suffix(".json")
    beside.write_text(text, encoding="utf-8")
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    for command in (
        ["mkfs.vfat", "-n", "TEMOIN", str(image)],
        ["mcopy", "-i", str(image), str(beside), "::provision.json"],
    ):
        subprocess.run(command, check=True, capture_output=True, env=environment)
    return image
