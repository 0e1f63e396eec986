"""What the box shows of itself: its screen, and the page that anybody may open."""

import argparse
from pathlib import Path
from typing import Final

from appliance.cli.verb import SITE_HERE, Argument, Verb
from appliance.core.errors import Language


def _console(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.console import console

    return console(options.site, language, once=options.once)


def _front(options: argparse.Namespace, _language: Language) -> int:
    from appliance.services.front import main

    return main(options.folder, options.told)


VERBS: Final = (
    Verb(
        "console",
        (
            "montre l'écran de l'appareil : identité, adresses, empreinte, caméras, disques, défauts",
            "shows the appliance's screen: identity, addresses, fingerprint, cameras, disks, faults",
        ),
        "appliance console --once",
        (SITE_HERE, Argument("--once", None, ("une fois, puis s'arrête", "once, then ends"))),
        _console,
    ),
    Verb(
        "front",
        (
            "sert la page sans images du port 443, lancé par le système",
            "serves the page without pictures of port 443, started by the system",
        ),
        "appliance front",
        (
            Argument(
                "--folder",
                Path,
                ("le dossier du certificat", "the certificate's folder"),
                Path("/var/lib/appliance/front"),
            ),
            Argument(
                "--told",
                Path,
                ("la ligne que laisse l'écran", "the line that the screen leaves"),
                Path("/run/appliance/console/state.json"),
            ),
        ),
        _front,
        field=False,
    ),
)
