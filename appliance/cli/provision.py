"""Setting an appliance up by the office's file, once."""

import argparse
import os
from pathlib import Path
from typing import Final

from appliance.cli.verb import Argument, Verb
from appliance.core.errors import Language


def _check(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.provision import check

    return check(options.file, language)


def _apply(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.provision import FILE, apply

    granted = os.environ.get("CREDENTIALS_DIRECTORY", "")
    found = [Path(granted) / FILE] if granted else []
    if options.stick is not None:
        found.append(options.stick / FILE)
    return apply(tuple(found), language, restart=options.restart)


VERBS: Final = (
    Verb(
        "provision check",
        (
            "vérifie au bureau un fichier de mise en service, avant de le porter sur place",
            "checks a provisioning file at the office, before it is carried to the site",
        ),
        "appliance provision check provision.json",
        (Argument("file", Path, ("le fichier provision.json", "the file provision.json")),),
        _check,
    ),
    Verb(
        "provision apply",
        (
            "met l'appareil en service, une seule fois, par le fichier de la clé ou du système",
            "sets the appliance up, once, by the file of the stick or of the system",
        ),
        "appliance provision apply --stick /run/appliance/stick",
        (
            Argument("--stick", Path, ("le dossier de la clé", "the stick's folder")),
            Argument(
                "--restart", None, ("redémarre la machine si elle vient d'être mise en service", "starts again after")
            ),
        ),
        _apply,
        field=False,
    ),
)
