"""Detection: models, and what they find."""

import argparse
from pathlib import Path
from typing import Final

from appliance.cli.verb import SITE, Argument, Verb
from appliance.core.errors import Language


def _detect(options: argparse.Namespace, language: Language) -> int:
    from appliance.core.clock import SystemClock
    from appliance.services.detect import detect

    return detect(options.file, options.camera, options.site, SystemClock(), language)


def _model_install(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.detect import install_model

    return install_model(options.file, options.site, language)


def _model_list(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.detect import list_models

    return list_models(options.site, language)


VERBS: Final = (
    Verb(
        "detect",
        (
            "montre ce que la détection trouve dans une vidéo, pour régler les zones",
            "shows what detection finds in a video, to tune the zones",
        ),
        "appliance detect video.mp4 --camera cour --site site.toml",
        (
            Argument("file", Path, ("la vidéo", "the video")),
            Argument("--camera", str, ("la caméra dont elle vient", "the camera that it is from"), required=True),
            SITE,
        ),
        _detect,
    ),
    Verb(
        "model install",
        ("installe un modèle, vérifié par son empreinte", "installs a model, checked by its hash"),
        "appliance model install modele.tflite --site site.toml",
        (
            Argument("file", str, ("le fichier, ou le nom d'un modèle connu", "the file, or a known model's name")),
            SITE,
        ),
        _model_install,
    ),
    Verb(
        "model list",
        ("montre les modèles, celui qui sert, leur licence", "shows the models, the one in use, their licences"),
        "appliance model list --site site.toml",
        (SITE,),
        _model_list,
    ),
)
