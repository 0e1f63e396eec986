"""The journals: proven and told."""

import argparse
from pathlib import Path
from typing import Final

from appliance.cli.verb import Argument, Verb, count
from appliance.core.errors import Language


def _journal_verify(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.journal_words import check

    return check(options.path, options.anchor, language)


def _journal_show(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.journal_words import show

    return show(options.path, options.service, options.last, language)


def _anchor(text: str) -> object:
    from appliance.core.chain import parse_head

    head = parse_head(text)
    if head is None:
        raise ValueError(text)
    return head


_JOURNAL: Final = Argument(
    "path",
    Path,
    (
        "le fichier du site, site.toml, ou un dossier de journaux copiés",
        "the site file, site.toml, or a folder of copied journals",
    ),
)


VERBS: Final = (
    Verb(
        "journal verify",
        (
            "prouve qu'aucune ligne des journaux ne manque ni n'est changée",
            "proves that no line of the journals is missing or changed",
        ),
        "appliance journal verify site.toml",
        (
            _JOURNAL,
            Argument(
                "--anchor",
                _anchor,
                (
                    "repère noté ailleurs, NUMÉRO:EMPREINTE ; ceux des disques sont pris d'eux-mêmes",
                    "an anchor kept elsewhere, NUMBER:HASH; those of the disks are taken by themselves",
                ),
            ),
        ),
        _journal_verify,
    ),
    Verb(
        "journal show",
        ("dit en mots ce que le système a fait", "says in words what the system did"),
        "appliance journal show site.toml --last 50",
        (
            _JOURNAL,
            Argument("--service", str, ("le service : recorder, web", "the service: recorder, web"), "recorder"),
            Argument("--last", count, ("nombre de lignes, les plus récentes", "number of lines, the newest"), 100),
        ),
        _journal_show,
    ),
)
