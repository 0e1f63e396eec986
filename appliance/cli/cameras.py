"""Cameras by ONVIF: found, asked, set, and their passwords changed."""

import argparse
from typing import Final

from appliance.cli.verb import SITE, Argument, Verb
from appliance.core.errors import Language


def _inputs(options: argparse.Namespace, _language: Language) -> int:
    from appliance.services.inputs import main as inputs

    return inputs(options.site)


def _find(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.camera_words import find

    return find(options.site, language)


def _probe(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.camera_words import probe

    return probe(options.site, options.address, options.user, language, adjust=options.adjust)


def _set_password(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.camera_words import set_password

    return set_password(options.site, options.camera, options.address, language)


VERBS: Final = (
    Verb(
        "camera find",
        ("cherche les caméras du réseau (ONVIF)", "looks for the cameras of the network (ONVIF)"),
        "appliance camera find --site site.toml",
        (SITE,),
        _find,
    ),
    Verb(
        "camera probe",
        (
            "dit tout d'une caméra : modèle, flux, défauts, quoi écrire",
            "tells all about a camera: model, streams, faults, what to write",
        ),
        "appliance camera probe 10.20.0.11 --site site.toml --user admin",
        (
            Argument("address", str, ("l'adresse de la caméra", "the camera's address")),
            SITE,
            Argument(
                "--user",
                str,
                ("son compte ONVIF ; le mot de passe est demandé", "its ONVIF account; the password is asked for"),
                "",
            ),
            Argument(
                "--adjust",
                None,
                ("règle d'abord son flux léger et son heure", "sets its light stream and its time first"),
            ),
        ),
        _probe,
    ),
    Verb(
        "camera set-password",
        (
            "change le mot de passe d'une caméra, chez elle et dans les secrets",
            "changes a camera's password, in it and in the secrets",
        ),
        "appliance camera set-password portail --site site.toml",
        (
            Argument("camera", str, ("son nom court dans site.toml", "its short name in site.toml")),
            SITE,
            Argument(
                "--address",
                str,
                ("son adresse ONVIF, si ce n'est pas celle de ses images", "its ONVIF address, if not its pictures'"),
                "",
            ),
        ),
        _set_password,
    ),
    Verb(
        "inputs",
        ("le service qui interroge les caméras seul", "the service that asks cameras alone"),
        "appliance inputs --site site.toml",
        (SITE,),
        _inputs,
        field=False,
    ),
)
