"""The last way back in: a technician at the appliance, with the central team's code."""

import argparse
from pathlib import Path
from typing import Final

from appliance.cli.verb import SITE_HERE, Argument, Verb
from appliance.core.errors import Language


def _recover(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.recovery import recover_main

    return recover_main(options.site, options.folder, options.key, options.name, language)


def _sign(options: argparse.Namespace, _language: Language) -> int:
    from appliance.services.recovery import sign_main

    return sign_main(options.key, options.box, options.account, options.challenge)


VERBS: Final = (
    Verb(
        "account recover",
        (
            "rouvre un compte, avec un code que l'équipe centrale donne par téléphone",
            "opens an account again, with a code that the central team tells by telephone",
        ),
        "appliance account recover durand",
        (
            Argument("name", str, ("le nom du compte", "the account's name")),
            SITE_HERE,
            Argument(
                "--folder",
                Path,
                ("le dossier des comptes", "the accounts' folder"),
                Path("/var/lib/appliance/web"),
            ),
            Argument(
                "--key",
                Path,
                ("la clé publique de l'équipe centrale", "the central team's public key"),
                Path("/var/lib/appliance/site/current/recovery.pem"),
            ),
        ),
        _recover,
    ),
    Verb(
        "account sign-recovery",
        (
            "signe une demande de réouverture, sans réseau",
            "signs a request to open an account again, without a network",
        ),
        "appliance account sign-recovery --key clef.pem --box N --account durand CODE",
        (
            Argument("challenge", str, ("la demande, telle que l'appareil la montre", "the request, as shown")),
            Argument("--key", Path, ("la clé privée", "the private key"), required=True),
            Argument("--box", str, ("le numéro de l'appareil", "the appliance's number"), required=True),
            Argument("--account", str, ("le nom du compte", "the account's name"), required=True),
        ),
        _sign,
        field=False,
    ),
)
