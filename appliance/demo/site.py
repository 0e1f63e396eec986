"""The demonstration's site: `site.toml`, its secrets and two small disks in a work folder."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from appliance.core.lock_file import lock_file
from appliance.demo.errors import DemonstrationRuns

MARKER = ".appliance-demo"
"""A work folder is emptied only when this file says that a demonstration made it."""

CHUNKS = 48
CHUNK_MIB = 4
"""Per disk. Of 48 chunks some 20 are open, in stock or in quarantine; the rest of both disks holds about 6 min of four
cameras at 1.25 Mbit/s, several times the 100 s that a light stream's chunk lasts: a chunk goes as a whole."""

MODEL = Path(__file__).parents[1] / "detection" / "models" / "demo"
"""Folder of the model that knows drawn figures; real ones know them half of the time."""

STRIP = "[[0.0, 0.885], [1.0, 0.885], [1.0, 1.0], [0.0, 1.0]]"
"""Where the counter strip changes with each picture: no motion there is anybody's."""

USER, PASSWORD = "enregistreur", "demonstration"  # of simulated cameras on loopback


@dataclass(frozen=True, slots=True)
class DemoCamera:
    """A camera's entry in `site.toml`; `scene` is its id."""

    scene: str
    name: str
    place: str
    area_type: str
    purpose: str
    legal_zone: str = "non_public"


CAMERAS = (
    DemoCamera(
        "portail", "Portail", "Entrée des élèves, rue de la Gare", "entrance", "levée de doute", "open_to_public"
    ),
    DemoCamera("cour", "Cour", "Abords de la cour, façade sud", "perimeter", "levée de doute hors horaires"),
    DemoCamera("couloir", "Couloir", "Rez-de-chaussée, bâtiment B", "circulation", "levée de doute hors horaires"),
    DemoCamera("parking", "Parking", "Parking du personnel", "car_park", "dégradations de véhicules"),
)


NOTICE = {
    "controller": "Collège Jean Moulin (démonstration)",
    "authorisation": "arrêté préfectoral n° 2026-0000 (démonstration)",
    "contact": "secrétariat du collège, 12 rue de la Gare, 01 99 00 00 00",
    "dpo": "dpo@departement.example",
}
"""Of the panel to print; telephone numbers that begin with 01 99 00 are kept for fiction by Arcep."""


def fresh_folder(folder: Path) -> int:
    """An empty work folder; the descriptor that keeps others out while it is open (flock(2)).

    Raises DemonstrationRuns; FileExistsError when something that is not ours stands there.
    """
    if folder.exists():
        if any(folder.iterdir()) and not (folder / MARKER).exists():
            raise FileExistsError(folder)
        if (folder / MARKER).exists():
            os.close(_kept(folder))  # nobody is in it
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return _kept(folder)


def _kept(folder: Path) -> int:
    try:
        return lock_file(folder / MARKER)
    except BlockingIOError as error:
        raise DemonstrationRuns(folder=str(folder)) from error


def write_site(folder: Path, ports: Mapping[str, int], port: int, today: date, *, drawn: bool = False) -> Path:
    """Write `site.toml` and `secrets.toml` (0600); the path of the former.

    `today`: on which the college is closed; `drawn`: the cameras show drawn scenes, for which there is a model.
    """
    lines = [
        "[site]",
        'name = "Collège Jean Moulin (démonstration)"',
        'place = "12 rue de la Gare"',
        'kind = "school"',
        'timezone = "Europe/Paris"',
        "minimum_days = 0",
        "",
    ]
    for camera in CAMERAS:
        base = f"rtsp://127.0.0.1:{ports[camera.scene]}"
        facts = {
            "id": camera.scene,
            "name": camera.name,
            "place": camera.place,
            "main": f"{base}/main",
            "sub": f"{base}/sub",
            "legal_zone": camera.legal_zone,
            "area_type": camera.area_type,
            "purpose": camera.purpose,
            "view": "wide",
        }
        lines += ["[[camera]]", *(f"{key} = {_text(value)}" for key, value in facts.items()), ""]
        if camera.legal_zone == "non_public":
            lines += ["[camera.detection]", 'aipd = "AIPD de démonstration"', ""]
            lines += ["[[camera.detection.ignore]]", 'name = "Compteur incrusté"', f"polygon = {STRIP}", ""]
    for disk in ("disk-a", "disk-b"):
        lines += ["[[disk]]", f'path = "{disk}"', ""]
    lines += ["[recorder]", 'socket = "recorder.sock"', 'index = "index.db"', "quarantine_s = 5", 'clock = "host"', ""]
    models = str(MODEL) if drawn else "models"
    lines += ["[detector]", 'socket = "detector.sock"', 'events = "events.db"', f"models = {_text(models)}", ""]
    lines += ["[inputs]", 'socket = "inputs.sock"', 'interface = "lo"', ""]
    lines += _closed(today)
    lines += ["[notice]", *(f"{key} = {_text(value)}" for key, value in NOTICE.items()), ""]
    lines += ["[web]", f"port = {port}", ""]
    lines.insert(0, 'secrets = "secrets.toml"\n')
    site_file = folder / "site.toml"
    site_file.write_text("\n".join(lines), encoding="utf-8")
    secrets = "".join(f"[{c.scene}]\nuser = {_text(USER)}\npassword = {_text(PASSWORD)}\n\n" for c in CAMERAS)
    descriptor = os.open(folder / "secrets.toml", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secrets)
    return site_file


def _closed(today: date) -> list[str]:
    """A college out of hours, at whatever hour the demonstration runs: closed from the day before to two days after."""
    week = ("monday", "tuesday", "wednesday", "thursday", "friday")
    lines = ["[calendar.hours]", *(f'{day} = ["08:00-18:00"]' for day in week), ""]
    for offset in range(-1, 3):
        day = (today + timedelta(days=offset)).isoformat()
        lines += ["[[calendar.exceptional_day]]", 'name = "Démonstration"', f"date = {day}", "hours = []", ""]
    return lines


def format_disks(folder: Path) -> None:
    """Format both disks with the product's own verb. Raises subprocess.CalledProcessError."""
    for disk in ("disk-a", "disk-b"):
        (folder / disk).mkdir()
        command = [sys.executable, "-m", "appliance", "disk", "format", str(folder / disk)]
        command += ["--chunks", str(CHUNKS), "--chunk-mib", str(CHUNK_MIB)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # a TOML basic string, for the characters used here
