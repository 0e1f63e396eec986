"""The start of the machine: is it a good one, and what was the last that was not."""

import argparse
from pathlib import Path
from typing import Final

from appliance.cli.verb import SITE, Argument, Verb
from appliance.core.errors import Language


def _confirm(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.boot import confirm

    return confirm(options.site, options.state, language)


def _status(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.boot import status

    return status(options.state, language)


def _disks(options: argparse.Namespace, _language: Language) -> int:
    from appliance.services.system_disk import main

    return main(options.definitions, options.folder)


_STATE: Final = Argument(
    "--state",
    Path,
    ("le dossier où reste le motif d'un refus", "the folder where the reason of a refusal stays"),
    Path("/var/lib/appliance/boot"),
)

VERBS: Final = (
    Verb(
        "boot status",
        (
            "dit quelle version a démarré, et pourquoi un démarrage a été refusé",
            "says which version started, and why a start was refused",
        ),
        "appliance boot status",
        (_STATE,),
        _status,
    ),
    Verb(
        "boot confirm",
        (
            "attend que tout fonctionne et que l'enregistrement ait duré deux minutes ; sinon garde le motif",
            "waits until all runs and recording has lasted two minutes; otherwise keeps the reason",
        ),
        "appliance boot confirm --site site.toml",
        (SITE, _STATE),
        _confirm,
        field=False,
    ),
    Verb(
        "boot disks",
        (
            "prépare le disque de l'appareil à la première mise en route, et l'ouvre à chacune",
            "lays out the appliance's disk at the first start, and opens it at each",
        ),
        "appliance boot disks",
        (
            Argument(
                "--definitions",
                Path,
                ("le dossier qui décrit les partitions", "the folder that describes the partitions"),
                Path("/usr/lib/appliance/repart"),
            ),
            Argument(
                "--folder",
                Path,
                ("le dossier où il est dit ce qui est ouvert", "the folder that tells what is open"),
                Path("/run/appliance-disks"),
            ),
        ),
        _disks,
        field=False,
    ),
)
