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


def _desk(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.desk import main

    return main(options.site, options.folder, options.key, language)


_FOLDER: Final = Argument(
    "--folder", Path, ("le dossier des comptes", "the accounts' folder"), Path("/var/lib/appliance/web")
)
_KEY: Final = Argument(
    "--key",
    Path,
    ("la clé publique de l'équipe centrale", "the central team's public key"),
    Path("/var/lib/appliance/site/current/recovery.pem"),
)

VERBS: Final = (
    Verb(
        "desk",
        (
            "le second écran de l'appareil : y rouvrir un compte, lancé par le système",
            "the appliance's second screen: an account is opened again there, started by the system",
        ),
        "appliance desk",
        (SITE_HERE, _FOLDER, _KEY),
        _desk,
        field=False,
    ),
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
            _FOLDER,
            _KEY,
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
