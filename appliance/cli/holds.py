"""Kept sequences."""

import argparse
from typing import Final

from appliance.cli.verb import SITE, Argument, Verb
from appliance.core.errors import Language


def _hold_add(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.hold_words import Asked, add

    o = options
    words = (o.why, o.by, o.procedure or "", o.expires)
    return add(o.site, Asked(o.camera, getattr(o, "from"), o.to, o.reason, *words), language)


def _hold_list(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.hold_words import show

    return show(options.site, language)


def _hold_release(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.hold_words import release

    return release(options.site, options.name, language)


def _reason(text: str) -> str:
    if text not in ("incident", "access", "judicial"):
        raise ValueError(text)
    return text


VERBS: Final = (
    Verb(
        "hold add",
        (
            "garde une séquence à l'abri de l'effacement, pour un temps et un motif dits",
            "keeps a sequence from being erased, for a time and a reason that are said",
        ),
        "appliance hold add --camera cour --from 2026-11-25T14:00 --to 2026-11-25T14:10 --why … --by …",
        (
            SITE,
            Argument("--camera", str, ("la caméra", "the camera"), required=True),
            Argument("--from", str, ("début, heure du site", "begin, the site's time"), required=True),
            Argument("--to", str, ("fin, heure du site", "end, the site's time"), required=True),
            Argument("--reason", _reason, ("incident, access ou judicial", "incident, access or judicial"), "incident"),
            Argument("--why", str, ("pourquoi, en quelques mots", "why, in a few words"), required=True),
            Argument("--by", str, ("qui le demande", "who asks"), required=True),
            Argument("--procedure", str, ("numéro et service (judicial)", "number and service (judicial)")),
            Argument("--expires", str, ("échéance, au plus tard sinon", "expiry, else as late as may be")),
        ),
        _hold_add,
    ),
    Verb(
        "hold list",
        ("montre les séquences gardées et la place qui reste", "shows kept sequences and the room that is left"),
        "appliance hold list --site site.toml",
        (SITE,),
        _hold_list,
    ),
    Verb(
        "hold release",
        ("rend une séquence gardée : elle est détruite", "gives a kept sequence back: it is destroyed"),
        "appliance hold release 1f2e3d4c5b6a --site site.toml",
        (Argument("name", str, ("son nom dans la liste", "its name in the list")), SITE),
        _hold_release,
    ),
)
