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
)
