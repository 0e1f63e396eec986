"""The services, alone or together, and the strikes of the demonstration."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from appliance.cli.verb import SITE, Argument, Verb
from appliance.core.errors import Language


def _run(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.run import run

    return run(options.site, options.port, language)


def _recorder(options: argparse.Namespace, _language: Language) -> int:
    from appliance.services.recorder import main as recorder

    return recorder(options.site)


def _web(options: argparse.Namespace, _language: Language) -> int:
    from appliance.services.web import main as web

    return web(options.site, options.port)


def _detector(options: argparse.Namespace, _language: Language) -> int:
    from appliance.services.detector import main as detector

    return detector(options.site)


def _stills(_options: argparse.Namespace, _language: Language) -> int:
    from appliance.services.stills import main as stills

    return stills()


def _demo(strike: str) -> Callable[[argparse.Namespace, Language], int]:
    """The demonstration is a program of its own, which nothing of the product imports: started as one."""

    def run(options: argparse.Namespace, language: Language) -> int:
        import subprocess

        command = [sys.executable, "-m", "appliance.demo", strike, "--work", str(options.work), "--lang", language]
        return subprocess.run(command, check=False).returncode

    return run


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise ValueError(text)
    return value


_PORT: Final = Argument(
    "--port",
    _port,
    (
        "le port de la page, sur cette machine seulement (0 : n'importe lequel)",
        "the page's port, on this machine only (0: any)",
    ),
)

_WORK: Final = Argument(
    "--work",
    Path,
    ("le dossier de travail de la démonstration", "the demonstration's work folder"),
    Path("build/demo"),
)


VERBS: Final = (
    Verb(
        "run",
        ("démarre tout : enregistrement et page locale", "starts everything: recording and the local page"),
        "appliance run --site site.toml",
        (SITE, _PORT),
        _run,
    ),
    Verb(
        "recorder",
        ("le service d'enregistrement seul", "the recording service alone"),
        "appliance recorder --site site.toml",
        (SITE,),
        _recorder,
        field=False,
    ),
    Verb(
        "web",
        ("le service de la page seul", "the page's service alone"),
        "appliance web --site site.toml",
        (SITE, _PORT),
        _web,
        field=False,
    ),
    Verb(
        "detector",
        ("le service de détection et d'alertes seul", "the service of detection and alerts alone"),
        "appliance detector --site site.toml",
        (SITE,),
        _detector,
        field=False,
    ),
    Verb(
        "stills",
        ("le service qui prépare une image à la fois, seul", "the service that prepares one picture at a time, alone"),
        "appliance stills",
        (),
        _stills,
        field=False,
    ),
    Verb(
        "demo cut",
        (
            "tue l'enregistreur de la démonstration qui tourne et dit ce qui a été perdu",
            "kills the recorder of the demonstration that runs, and tells what was lost",
        ),
        "appliance demo cut",
        (_WORK,),
        _demo("cut"),
        field=False,
    ),
    Verb(
        "demo code",
        (
            "montre les codes à six chiffres des comptes de la démonstration",
            "shows the six digits of the demonstration's accounts",
        ),
        "appliance demo code",
        (_WORK,),
        _demo("code"),
        field=False,
    ),
    Verb(
        "demo lose-disk",
        (
            "retire un disque à la démonstration qui tourne, le remet et dit ce qui manque",
            "takes a disk from the demonstration that runs, gives it back and tells what is missing",
        ),
        "appliance demo lose-disk",
        (_WORK,),
        _demo("lose-disk"),
        field=False,
    ),
)
