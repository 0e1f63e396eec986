"""Reads and checks `site.toml` and its secrets file; every mistake gets its line and what to write."""

import difflib
import stat
import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from appliance.site.detection import MISTAKES, DetectionSettings, IgnoreSettings, LineSettings, ZoneSettings
from appliance.site.errors import Problem, SiteFileMissing, SiteInvalid
from appliance.site.locate import line_of
from appliance.site.model import (
    MAX_SCHOOL_HOLIDAY_DAYS,
    CalendarSettings,
    CameraSettings,
    Credentials,
    DetectorSettings,
    DiskSettings,
    ExceptionalDaySettings,
    InputsSettings,
    RecorderSettings,
    SchoolHolidaySettings,
    Site,
    SiteSettings,
    WebSettings,
    WeekSettings,
)
from appliance.site.notice import NoticeSettings

SECRETS_CREDENTIAL: Final = "cameras.toml"
"""Name of the credential by which a unit gets the cameras' passwords."""

_TABLES: Final[dict[str, type[BaseModel]]] = {
    "site": SiteSettings,
    "camera": CameraSettings,
    "disk": DiskSettings,
    "recorder": RecorderSettings,
    "detector": DetectorSettings,
    "inputs": InputsSettings,
    "web": WebSettings,
    "notice": NoticeSettings,
    "calendar": CalendarSettings,
    "calendar.hours": WeekSettings,
    "calendar.school_holiday": SchoolHolidaySettings,
    "calendar.exceptional_day": ExceptionalDaySettings,
    "camera.detection": DetectionSettings,
    "camera.detection.zone": ZoneSettings,
    "camera.detection.line": LineSettings,
    "camera.detection.ignore": IgnoreSettings,
}

_EXAMPLES: Final = {
    "name": '"Collège Jean Moulin"',
    "place": '"12 rue de la Gare, Mantes-la-Jolie"',
    "kind": '"school"',
    "id": '"portail"',
    "main": '"rtsp://10.20.0.11/main"',
    "legal_zone": '"non_public"',
    "area_type": '"entrance"',
    "purpose": '"levée de doute à l\'entrée"',
    "view": '"wide"',
    "path": '"/srv/disk1"',
    "monday": '["08:00-12:00", "13:30-18:00"]',
    "tuesday": '["08:00-12:00", "13:30-18:00"]',
    "wednesday": '["08:00-12:00", "13:30-18:00"]',
    "thursday": '["08:00-12:00", "13:30-18:00"]',
    "friday": '["08:00-12:00", "13:30-18:00"]',
    "hours": '["09:00-13:00"]',
    "first": "2026-12-19",
    "last": "2027-01-03",
    "date": "2026-12-05",
    "polygon": "[[0.1, 0.5], [0.9, 0.5], [0.9, 1.0], [0.1, 1.0]]",
    "start": "[0.2, 0.6]",
    "end": "[0.8, 0.6]",
}

_OWN: Final = MISTAKES | {
    "url": (
        'écrivez une adresse de la forme "rtsp://10.20.0.11:554/chemin"',
        'write an address such as "rtsp://10.20.0.11:554/path"',
    ),
    "url-credentials": (
        "l'adresse contient un mot de passe : mettez utilisateur et mot de passe dans le fichier des secrets",
        "the address holds a password: put user and password into the secrets file",
    ),
    "fingerprint": (
        "écrivez l'empreinte SHA-256 du certificat de la caméra, 64 chiffres hexadécimaux",
        "write the SHA-256 fingerprint of the camera's certificate, 64 hexadecimal digits",
    ),
    "certificate-unknown": (
        "adresse rtsps sans garant : écrivez fingerprint (empreinte du certificat de la caméra), ou authority en tête",
        "rtsps address that nobody vouches for: write fingerprint (of the camera's certificate), or authority on top",
    ),
    "timezone": (
        'ce fuseau horaire n\'existe pas : écrivez par exemple "Europe/Paris" ou "Indian/Reunion"',
        'this time zone does not exist: write for instance "Europe/Paris" or "Indian/Reunion"',
    ),
    "days-over-authorised": (
        "recording_days dépasse authorised_days : la durée de l'autorisation est le maximum légal",
        "recording_days is over authorised_days: the authorisation's days are the legal maximum",
    ),
    "minimum-over-days": (
        "minimum_days dépasse la durée de conservation (recording_days) : elle ne pourrait jamais être tenue",
        "minimum_days is over the days that pictures are kept (recording_days): it could never be met",
    ),
    "living-space": (
        (
            "lieu de vie d'un établissement scolaire : pas d'enregistrement aux heures d'ouverture. Écrivez "
            '"outside_activity", ou motivez une exception avec override_reason et override_until'
        ),
        (
            'living space of a school: no recording in opening hours. Write "outside_activity", or give the reason of '
            "an exception with override_reason and override_until"
        ),
    ),
    "override-half": (
        "une dérogation s'écrit avec son motif et sa date de fin : override_reason et override_until",
        "an override needs both its reason and its end date: override_reason and override_until",
    ),
    "override-unused": (
        (
            "une dérogation n'existe que pour un lieu de vie d'un établissement scolaire, avec "
            'recording = "permanent" : retirez-la'
        ),
        'an override is only for a living space of a school, with recording = "permanent": take it out',
    ),
    "no-calendar": (
        (
            "cette caméra n'enregistre qu'en dehors de l'activité : ajoutez les heures d'ouverture, "
            "tables [calendar] et [calendar.hours]"
        ),
        "this camera records only outside activity: add the opening hours, tables [calendar] and [calendar.hours]",
    ),
    "opening": (
        'écrivez des heures de la forme "08:00-18:00" ; "00:00-24:00" pour la journée, "18:00-02:00" passe minuit',
        'write hours such as "08:00-18:00"; "00:00-24:00" is the whole day, "18:00-02:00" passes midnight',
    ),
    "hours-list": (
        'écrivez une liste : ["08:00-12:00", "13:30-18:00"] ; [] pour un jour fermé',
        'write a list: ["08:00-12:00", "13:30-18:00"]; [] is a closed day',
    ),
    "never-open": (
        "aucun jour n'est ouvert : écrivez les heures d'ouverture d'au moins un jour",
        "no day is open: write the opening hours of one day at least",
    ),
    "holiday-order": (
        "last est avant first : first est le premier jour de fermeture, last le dernier",
        "last is before first: first is the first closed day, last the last one",
    ),
    "holiday-long": (
        f"plus de {MAX_SCHOOL_HOLIDAY_DAYS} jours de vacances : vérifiez l'année",
        f"a holiday of more than {MAX_SCHOOL_HOLIDAY_DAYS} days: check the year",
    ),
    "exceptional-twice": (
        "deux [[calendar.exceptional_day]] portent la même date : gardez-en une",
        "two [[calendar.exceptional_day]] have the same date: keep one",
    ),
}


_LIMITS: Final = {
    "greater_than_equal": ("au moins", "at least", "ge"),
    "less_than_equal": ("au plus", "at most", "le"),
    "string_too_short": ("nombre de caractères, au moins :", "characters, at least:", "min_length"),
    "string_too_long": ("nombre de caractères, au plus :", "characters, at most:", "max_length"),
    "too_short": ("nombre, au moins :", "number, at least:", "min_length"),
    "too_long": ("nombre, au plus :", "number, at most:", "max_length"),
}

_WANTED: Final = {
    "string_type": ("un texte entre guillemets", "a text in quotation marks"),
    "string_pattern_mismatch": (
        "un nom court : lettres minuscules, chiffres et tirets, 32 caractères au plus",
        "a short name (lower-case letters, digits and dashes, 32 characters at the most)",
    ),
    "int_type": ("un nombre entier", "a whole number"),
    "int_parsing": ("un nombre entier", "a whole number"),
    "int_from_float": ("un nombre entier", "a whole number"),
    "float_type": ("un nombre", "a number"),
    "float_parsing": ("un nombre", "a number"),
    "path_type": ("un chemin entre guillemets", "a path in quotation marks"),
    "date_type": ("une date sans guillemets : 2026-12-19", "a date without quotation marks (2026-12-19)"),
    "tuple_type": ("des tables [[...]]", "[[...]] tables"),
    "model_type": ("une table [...]", "a [...] table"),
}


def load_site(file: Path) -> Site:
    """The site that `file` describes, paths absolute. Raises SiteFileMissing, SiteInvalid."""
    return parse_site(_read(file), file)


def parse_site(text: str, file: Path) -> Site:
    """The site that `text` describes, as if it stood in `file`. Raises SiteInvalid."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SiteInvalid(str(file), (_syntax(error),)) from error
    try:
        site = Site.model_validate(data, strict=False).read_from(file.parent.resolve(), text)
    except ValidationError as error:
        # a list whose entries were refused is not also "too short"
        found = (
            _problem(text, data, detail)
            for detail in error.errors(include_url=False)
            if not (detail["type"] == "too_short" and data.get(str(detail["loc"][0])))
        )
        raise SiteInvalid(str(file), tuple(sorted(found, key=lambda p: p.line))) from error
    return site


def load_credentials(site: Site, granted: Path | None = None) -> dict[str, Credentials]:
    """Credentials by camera id; empty without a secrets file. Raises SiteFileMissing, SiteInvalid.

    `granted`: systemd's folder of credentials. What it holds under SECRETS_CREDENTIAL comes before the site's own
    file, and its permissions are systemd's: an access list that lets one user read shows as rights of the group.
    """
    given = None if granted is None else granted / SECRETS_CREDENTIAL
    file = given if given is not None and given.exists() else site.secrets
    if file is None:
        return {}
    text = _read(file)
    problems: list[Problem] = []
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077 and file is not given:
        problems.append(
            Problem(
                0,
                file.name,
                f"d'autres comptes peuvent lire ce fichier (droits {mode:o}) : chmod 600 {file}",
                f"other accounts can read this file (mode {mode:o}): chmod 600 {file}",
            )
        )
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SiteInvalid(str(file), (_syntax(error),)) from error
    known = {camera.id for camera in site.camera}
    found: dict[str, Credentials] = {}
    for name, value in data.items():
        if name not in known:
            fr, en = _nearest(name, sorted(known))
            line = line_of(text, (name, ""))
            problems.append(Problem(line, name, f"aucune caméra ne porte ce nom{fr}", f"no camera has this name{en}"))
            continue
        try:
            found[name] = Credentials.model_validate(value)
        except ValidationError as error:
            # no input in the details: the value may be a password, and the sentence is printed
            problems += [
                _table_problem(text, (name, *detail["loc"]), detail, Credentials)
                for detail in error.errors(include_url=False, include_input=False)
            ]
    if problems:
        raise SiteInvalid(str(file), tuple(problems))
    return found


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")  # as it is: its fingerprint is what sha256sum shows
    except OSError as error:
        raise SiteFileMissing(file=str(file), reason=error.strerror or "?") from error
    except UnicodeDecodeError as error:
        raise SiteFileMissing(file=str(file), reason=f"UTF-8, octet/byte {error.start}") from error


def _syntax(error: tomllib.TOMLDecodeError) -> Problem:
    words = str(error)
    line = int(words.partition("at line ")[2].partition(",")[0] or 0)
    return Problem(line, "TOML", f"écriture incorrecte ({words})", f"not valid TOML ({words})")


def _problem(text: str, data: dict[str, Any], detail: ErrorDetails) -> Problem:
    path = detail["loc"]
    model: type[BaseModel] = Site
    names = ""
    for step in path:
        if isinstance(step, str):
            names = f"{names}.{step}" if names else step
            model = _TABLES.get(names, model)
    return _table_problem(text, path, detail, model, data)


def _place(path: tuple[str | int, ...], data: dict[str, Any] | None) -> str:
    words: list[str] = []
    entry: Any = data
    for index, step in enumerate(path):
        entry = _entry(entry, step)
        if isinstance(step, str):
            words.append(step)
        elif isinstance(entry, dict):
            name = entry.get("id") or entry.get("name")
            words[-1] = f"[[{'.'.join(str(part) for part in path[:index])}]] {name or step + 1}"
            words = words[-1:]
    return ", ".join(words) or "site.toml"


def _entry(data: Any, step: str | int) -> Any:
    if isinstance(step, str):
        return data.get(step) if isinstance(data, dict) else None
    return data[step] if isinstance(data, list) and step < len(data) else None


def _table_problem(
    text: str,
    path: tuple[str | int, ...],
    detail: ErrorDetails,
    model: type[BaseModel],
    data: dict[str, Any] | None = None,
) -> Problem:
    fr, en = problem_words(path, detail, model)
    return Problem(line_of(text, path) if path else 0, _place(path, data), fr, en)


def problem_words(path: tuple[str | int, ...], detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    """French and English: what is wrong with the value at `path`, and what to write."""
    key = str(path[-1]) if path else ""
    context = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            example = f" : {key} = {_EXAMPLES[key]}" if key in _EXAMPLES else ""
            return f"manque ; ajoutez-le{example}", f"is missing; add it{example.replace(' :', ':', 1)}"
        case "extra_forbidden":
            fr, en = _nearest(key, sorted(model.model_fields))
            return f"mot inconnu{fr}", f"unknown key{en}"
        case "literal_error" | "enum":
            allowed = str(context["expected"]).replace(" or ", ", ").replace("'", '"')
            return f"valeur inconnue ; écrivez l'une de : {allowed}", f"unknown value; write one of: {allowed}"
        case "value_error":
            return _own_words(str(context["error"]))
        case "own":
            return _own_words(detail["msg"])
        case kind:
            return _type_words(kind, context, detail["msg"])


def _own_words(name: str) -> tuple[str, str]:
    if name.startswith("twice:"):
        _, table, value = name.split(":", 2)
        return f'deux [[{table}]] portent le nom "{value}"', f'two [[{table}]] are named "{value}"'
    return _OWN[name]


def _type_words(kind: str, context: dict[str, Any], message: str) -> tuple[str, str]:
    if kind in _LIMITS:
        fr, en, name = _LIMITS[kind]
        return f"{fr} {context[name]}", f"{en} {context[name]}"
    fr, en = _WANTED.get(kind, (f"autre chose ({message})", f"something else ({message})"))
    return f"ici il faut {fr}", f"{en} is needed here"


def _nearest(word: str, known: list[str]) -> tuple[str, str]:
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f' ; vouliez-vous dire "{close[0]}" ?', f'; did you mean "{close[0]}"?'
    listed = ", ".join(known)
    return f" ; mots possibles : {listed}", f"; possible: {listed}"
