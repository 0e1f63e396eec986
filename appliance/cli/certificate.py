"""The page's certificate of the département's authority: asked for, and taken over."""

import argparse
from pathlib import Path
from typing import Final

from appliance.cli.verb import SITE_HERE, Argument, Verb
from appliance.core.errors import Language


def _request(options: argparse.Namespace, _language: Language) -> int:
    from appliance.services.certificate import request_main

    return request_main(options.site, options.folder)


def _install(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.certificate import install_main

    return install_main(options.site, options.folder, options.file, language)


_PLACES: Final = (
    SITE_HERE,
    Argument(
        "--folder",
        Path,
        ("le dossier du certificat", "the certificate's folder"),
        Path("/var/lib/appliance/front"),
    ),
)

VERBS: Final = (
    Verb(
        "certificate request",
        (
            "écrit une demande de certificat pour la page ; la clé ne quitte pas l'appareil",
            "writes a request for a certificate of the page; the key never leaves the appliance",
        ),
        "appliance certificate request > demande.csr",
        _PLACES,
        _request,
    ),
    Verb(
        "certificate install",
        (
            "vérifie le certificat que l'autorité a rendu, et le donne à la page sans l'arrêter",
            "checks the certificate that the authority gave, and hands it to the page without stopping it",
        ),
        "appliance certificate install certificat.pem",
        (
            Argument(
                "file",
                Path,
                ("le certificat, suivi des intermédiaires (PEM)", "the certificate, then the intermediate ones (PEM)"),
            ),
            *_PLACES,
        ),
        _install,
    ),
)
