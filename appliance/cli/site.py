"""The site: its description, how it is, its clock."""

import argparse
from pathlib import Path
from typing import Final

from appliance.cli.verb import OK, SITE, Argument, Verb
from appliance.core.errors import Language


def _site_check(options: argparse.Namespace, language: Language) -> int:
    from appliance.core.clock import SystemClock
    from appliance.site.calendar import local_date, sentence, warnings
    from appliance.site.load import load_credentials, load_site

    site = load_site(options.file)
    credentials = load_credentials(site)
    missing = [camera.id for camera in site.camera if camera.id not in credentials]
    if language == "fr":
        print(f"{options.file} est correct : {len(site.camera)} caméra(s), {len(site.disk)} disque(s).")
        print(f"Les images seront gardées {site.site.days} jour(s) au plus.")
    else:
        print(f"{options.file} is correct: {len(site.camera)} camera(s), {len(site.disk)} disk(s).")
        print(f"Pictures will be kept {site.site.days} day(s) at the most.")
    if site.recorder.clock == "host":
        print(
            'Attention : clock = "host" tient l\'heure de la machine pour vérifiée ; pour une démonstration seulement.'
            if language == "fr"
            else 'Warning: clock = "host" takes the machine\'s time as verified; for a demonstration only.'
        )
    if missing:
        names = ", ".join(missing)
        print(f"Sans mot de passe : {names}" if language == "fr" else f"Without a password: {names}")
    calendar, rules = site.opening_calendar, {camera.id: site.rule(camera) for camera in site.camera}
    for name, rule in rules.items():
        print(f"{name}{' :' if language == 'fr' else ':'} {sentence(rule, calendar, language)}")
    today = local_date(SystemClock().utc_us(), site.site.zone)
    for words in warnings(rules, calendar, today, language, school=site.site.kind == "school"):
        print(f"Attention : {words}" if language == "fr" else f"Warning: {words}")
    return OK


def _status(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.status import status

    return status(options.site, language)


def _clock_status(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.clock_words import show

    return show(options.site, language)


def _clock_confirm(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.clock_words import confirm

    return confirm(options.site, language)


VERBS: Final = (
    Verb(
        "site check",
        (
            "vérifie un fichier site.toml : ligne, erreur, quoi écrire",
            "checks a site.toml: line, mistake, what to write",
        ),
        "appliance site check site.toml",
        (Argument("file", Path, ("le fichier", "the file")),),
        _site_check,
    ),
    Verb(
        "status",
        (
            "dit en mots si chaque caméra et chaque disque enregistre",
            "says in words whether each camera and disk records",
        ),
        "appliance status --site site.toml",
        (SITE,),
        _status,
    ),
    Verb(
        "clock status",
        (
            "dit l'heure de l'appareil, si elle est vérifiée et par quoi",
            "tells the appliance's time, whether it is verified and by what",
        ),
        "appliance clock status --site site.toml",
        (SITE,),
        _clock_status,
    ),
    Verb(
        "clock confirm",
        (
            "confirme que l'heure de l'appareil est juste, montre en main",
            "confirms that the appliance's time is right, by your watch",
        ),
        "appliance clock confirm --site site.toml",
        (SITE,),
        _clock_confirm,
    ),
)
