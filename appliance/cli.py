"""The `appliance` command: one table declares every verb; help teaches; the exit code means something."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from appliance.core.errors import ApplianceError, Language
from appliance.core.language import language_of

OK: Final = 0
FOUND: Final = 1  # the thing asked for was looked at and something is wrong with it
USAGE: Final = 2  # the command line itself is wrong
CANNOT: Final = 3  # it could not be done here: a file, a disk, a port, a right

Words = tuple[str, str]  # French, English


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument or option; `kind` turns its text into a value, `default` makes an option optional."""

    name: str
    kind: Callable[[str], object]
    words: Words
    default: object = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Verb:
    """One row of the table. `field`: listed first in the help, for the people on site."""

    path: str
    words: Words
    example: str
    arguments: tuple[Argument, ...]
    run: Callable[[argparse.Namespace, Language], int]
    field: bool = True


def _run(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.run import run

    return run(options.site, options.port, language)


def _recorder(options: argparse.Namespace, _language: Language) -> int:
    from appliance.services.recorder import main as recorder

    return recorder(options.site)


def _detector(options: argparse.Namespace, _language: Language) -> int:
    from appliance.services.detector import main as detector

    return detector(options.site)


def _web(options: argparse.Namespace, _language: Language) -> int:
    from appliance.services.web import main as web

    return web(options.site, options.port)


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


def _demo(strike: str) -> Callable[[argparse.Namespace, Language], int]:
    """The demonstration is a program of its own, which nothing of the product imports: started as one."""

    def run(options: argparse.Namespace, language: Language) -> int:
        import subprocess

        command = [sys.executable, "-m", "appliance.demo", strike, "--work", str(options.work), "--lang", language]
        return subprocess.run(command, check=False).returncode

    return run


def _disk_format(options: argparse.Namespace, language: Language) -> int:
    from appliance.ring.disks.disk import DEMO_GEOMETRY, FIELD_GEOMETRY
    from appliance.services.disks import format_for

    geometry = {64: FIELD_GEOMETRY, 4: DEMO_GEOMETRY}[options.chunk_mib]
    return format_for(options.path, geometry, options.chunks, options.site, options.destroy, language)


def _disk_list(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.disks import list_disks

    return list_disks(options.site, language)


def _disk_adopt(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.disks import adopt

    return adopt(options.site, options.path, options.take_over, language)


def _ring_status(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.ring_words import status

    return status(options.site, language)


def _ring_check(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.ring_words import check_disks

    return check_disks(options.site, deep=options.deep == "yes", language=language)


def _ring_rebuild(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.ring_words import rebuild

    return rebuild(options.site, language)


def _ring_export(options: argparse.Namespace, language: Language) -> int:
    from appliance.services.ring_export import export

    asked = (options.camera, options.stream, getattr(options, "from"), options.to)
    return export(options.site, asked, options.out, options.confirm_clock or "", language, options.disk)


def _stream(text: str) -> str:
    if text not in ("main", "sub"):
        raise ValueError(text)
    return text


def _yes(text: str) -> str:
    if text not in ("yes", "no"):
        raise ValueError(text)
    return text


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


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1_000_000:
        raise ValueError(text)
    return value


def _chunk_mib(text: str) -> int:
    if text not in ("4", "64"):
        raise ValueError(text)
    return int(text)


def _reason(text: str) -> str:
    if text not in ("incident", "access", "judicial"):
        raise ValueError(text)
    return text


def _chunks(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1_000_000:
        raise ValueError(text)
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise ValueError(text)
    return value


_SITE: Final = Argument("--site", Path, ("le fichier du site, site.toml", "the site file, site.toml"), required=True)
_OPTIONAL_SITE: Final = Argument(
    "--site", Path, ("le fichier du site, dont le nom est écrit sur le disque", "the site file, to name the disk by")
)
_PORT: Final = Argument(
    "--port",
    _port,
    (
        "le port de la page, sur cette machine seulement (0 : n'importe lequel)",
        "the page's port, on this machine only (0: any)",
    ),
)

_JOURNAL: Final = Argument(
    "path",
    Path,
    (
        "le fichier du site, site.toml, ou un dossier de journaux copiés",
        "the site file, site.toml, or a folder of copied journals",
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
        "disk format",
        (
            "prépare un disque vide pour l'enregistrement ; montre et garde les images qui s'y trouvent",
            "prepares an empty disk for recording; shows and keeps the pictures that lie on it",
        ),
        "appliance disk format /srv/disk1 --site site.toml",
        (
            Argument("path", Path, ("le point de montage du disque", "the disk's mount point")),
            Argument(
                "--chunks",
                _chunks,
                (
                    "nombre de fichiers à réserver ; sans cela, tout ce qui tient",
                    "number of files to reserve; without it, all that fits",
                ),
            ),
            Argument(
                "--chunk-mib",
                _chunk_mib,
                ("taille d'un fichier en Mio : 64, ou 4 pour un essai", "size of a file in MiB: 64, or 4 for a trial"),
                64,
            ),
            _OPTIONAL_SITE,
            Argument(
                "--destroy",
                str,
                (
                    "détruit les images du disque que ces quatre signes, ou le nom de son site, désignent",
                    "destroys the pictures of the disk that these four characters, or its site's name, mean",
                ),
            ),
        ),
        _disk_format,
    ),
    Verb(
        "disk list",
        (
            "dit quel disque est où, comment il va, et ce qui manque sans lui",
            "says which disk is where, how it is, and what is missing without it",
        ),
        "appliance disk list --site site.toml",
        (_SITE,),
        _disk_list,
    ),
    Verb(
        "disk adopt",
        (
            "montre ce qu'il y a sur le disque d'un autre enregistreur, et le reprend ici si on le nomme",
            "shows what lies on another recorder's disk, and takes it over here when it is named",
        ),
        "appliance disk adopt /srv/disk1 --site site.toml",
        (
            Argument("path", Path, ("le point de montage du disque", "the disk's mount point")),
            _SITE,
            Argument(
                "--take-over",
                str,
                (
                    "reprend le disque que ces quatre signes, ou le nom de son site, désignent",
                    "takes over the disk that these four characters, or its site's name, mean",
                ),
            ),
        ),
        _disk_adopt,
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
    Verb(
        "run",
        ("démarre tout : enregistrement et page locale", "starts everything: recording and the local page"),
        "appliance run --site site.toml",
        (_SITE, _PORT),
        _run,
    ),
    Verb(
        "status",
        (
            "dit en mots si chaque caméra et chaque disque enregistre",
            "says in words whether each camera and disk records",
        ),
        "appliance status --site site.toml",
        (_SITE,),
        _status,
    ),
    Verb(
        "clock status",
        (
            "dit l'heure de l'appareil, si elle est vérifiée et par quoi",
            "tells the appliance's time, whether it is verified and by what",
        ),
        "appliance clock status --site site.toml",
        (_SITE,),
        _clock_status,
    ),
    Verb(
        "clock confirm",
        (
            "confirme que l'heure de l'appareil est juste, montre en main",
            "confirms that the appliance's time is right, by your watch",
        ),
        "appliance clock confirm --site site.toml",
        (_SITE,),
        _clock_confirm,
    ),
    Verb(
        "hold add",
        (
            "garde une séquence à l'abri de l'effacement, pour un temps et un motif dits",
            "keeps a sequence from being erased, for a time and a reason that are said",
        ),
        "appliance hold add --camera cour --from 2026-11-25T14:00 --to 2026-11-25T14:10 --why … --by …",
        (
            _SITE,
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
        (_SITE,),
        _hold_list,
    ),
    Verb(
        "hold release",
        ("rend une séquence gardée : elle est détruite", "gives a kept sequence back: it is destroyed"),
        "appliance hold release 1f2e3d4c5b6a --site site.toml",
        (Argument("name", str, ("son nom dans la liste", "its name in the list")), _SITE),
        _hold_release,
    ),
    Verb(
        "ring status",
        (
            "dit ce que chaque disque contient, depuis quand, même sans l'enregistreur",
            "tells what each disk holds and since when, with or without the recorder",
        ),
        "appliance ring status --site site.toml",
        (_SITE,),
        _ring_status,
    ),
    Verb(
        "ring check",
        (
            "compare chaque disque à son journal, sans rien changer",
            "compares each disk with its catalogue and changes nothing",
        ),
        "appliance ring check --site site.toml --deep yes",
        (
            _SITE,
            Argument(
                "--deep", _yes, ("yes : relire toutes les images (des heures)", "yes: read all pictures (hours)"), "no"
            ),
        ),
        _ring_check,
    ),
    Verb(
        "ring rebuild",
        (
            "refait l'index à partir des disques, sans arrêter l'enregistreur",
            "makes the index again from the disks, without stopping the recorder",
        ),
        "appliance ring rebuild --site site.toml",
        (_SITE,),
        _ring_rebuild,
    ),
    Verb(
        "ring export",
        (
            "écrit des images en fichiers MP4, même sans l'enregistreur ; heures du site",
            "writes footage as MP4 files, with or without the recorder; the site's time",
        ),
        "appliance ring export --camera cour --from 2026-11-25T14:00 --to … --out dossier --site …",
        (
            _SITE,
            Argument("--camera", str, ("la caméra", "the camera"), required=True),
            Argument("--stream", _stream, ("main ou sub", "main or sub"), "main"),
            Argument("--from", str, ("début", "beginning"), required=True),
            Argument("--to", str, ("fin", "end"), required=True),
            Argument("--out", Path, ("le dossier où écrire", "the folder to write to"), required=True),
            Argument(
                "--disk",
                Path,
                (
                    "un disque d'un autre enregistreur, lu sans y écrire",
                    "a disk of another recorder, read and not written to",
                ),
            ),
            Argument(
                "--confirm-clock",
                str,
                (
                    "sans l'enregistreur : la date et l'heure qu'il est, à votre montre",
                    "without the recorder: the date and time that it is, by your watch",
                ),
            ),
        ),
        _ring_export,
    ),
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
            Argument("--last", _count, ("nombre de lignes, les plus récentes", "number of lines, the newest"), 100),
        ),
        _journal_show,
    ),
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
            _SITE,
        ),
        _detect,
    ),
    Verb(
        "model install",
        ("installe un modèle, vérifié par son empreinte", "installs a model, checked by its hash"),
        "appliance model install modele.tflite --site site.toml",
        (
            Argument("file", str, ("le fichier, ou le nom d'un modèle connu", "the file, or a known model's name")),
            _SITE,
        ),
        _model_install,
    ),
    Verb(
        "model list",
        ("montre les modèles, celui qui sert, leur licence", "shows the models, the one in use, their licences"),
        "appliance model list --site site.toml",
        (_SITE,),
        _model_list,
    ),
    Verb(
        "recorder",
        ("le service d'enregistrement seul", "the recording service alone"),
        "appliance recorder --site site.toml",
        (_SITE,),
        _recorder,
        field=False,
    ),
    Verb(
        "web",
        ("le service de la page seul", "the page's service alone"),
        "appliance web --site site.toml",
        (_SITE, _PORT),
        _web,
        field=False,
    ),
    Verb(
        "detector",
        ("le service de détection et d'alertes seul", "the service of detection and alerts alone"),
        "appliance detector --site site.toml",
        (_SITE,),
        _detector,
        field=False,
    ),
)

_EXIT_CODES: Final[Words] = (
    """\
Codes de sortie : 0 tout va bien ; 1 vérifié, quelque chose ne va pas ; 2 commande mal écrite ;
3 impossible ici (fichier, disque, port, droit).""",
    """\
Exit codes: 0 all is well; 1 looked at, something is wrong; 2 the command is not written right;
3 cannot be done here (file, disk, port, right).""",
)

_PARSER_WORDS: Final = (
    (r"the following arguments are required: (.*)", r"il manque : \1"),
    (r"unrecognized arguments: (.*)", r"mot(s) inconnu(s) : \1"),
    (r"argument (\S+): expected one argument", r"\1 : il manque la valeur"),
    (r"argument (\S+): invalid \S+ value: (.*)", r"\1 : \2 ne convient pas"),
)


class _Parser(argparse.ArgumentParser):
    """argparse, with mistakes told in the operator's language and the way to the help."""

    language: Language = "fr"

    def error(self, message: str) -> NoReturn:
        if self.language == "fr":
            for pattern, french in _PARSER_WORDS:
                message = re.sub(f"^{pattern}$", french, message)
        else:
            message = re.sub(r"invalid \S+ value: (.*)", r"\1 does not fit", message)
        hint = {"fr": "Pour l'aide :", "en": "For help:"}[self.language]
        print(f"{self.prog}: {message}\n{hint} {self.prog} --help", file=sys.stderr)
        raise SystemExit(USAGE)


def _say(words: Words, language: Language) -> str:
    return words[0 if language == "fr" else 1]


def help_text(language: Language) -> str:
    """The whole command on one screen."""
    head: Words = (
        "Témoin, l'enregistreur vidéo du site. Les images ne se regardent que pour lever un doute.",
        "Témoin, the site's video recorder. Pictures are looked at only to settle a doubt.",
    )
    sections: tuple[tuple[Words, bool], ...] = (
        (("Sur le site :", "On site:"), True),
        (
            ("Services (démarrés par « run » ou par le système) :", "Services (started by `run` or by the system):"),
            False,
        ),
    )
    lines = [_say(head, language), ""]
    for title, field in sections:
        lines.append(_say(title, language))
        for verb in VERBS:
            if verb.field is field:
                lines += [f"  {verb.path:12} {_say(verb.words, language)}", f"  {'':12} {verb.example}"]
        lines.append("")
    more: Words = ("Aide d'une commande : appliance COMMANDE --help", "Help on one command: appliance COMMAND --help")
    return "\n".join([*lines, _say(more, language), _say(_EXIT_CODES, language)])


def _usage(argument: Argument) -> str:
    if not argument.name.startswith("-"):
        return argument.name.upper()
    value = f"{argument.name} {argument.name.strip('-').upper()}"
    return value if argument.required else f"[{value}]"


def verb_help(verb: Verb, language: Language) -> str:
    """One verb: what it does, each argument, an example."""
    usage = " ".join(_usage(argument) for argument in verb.arguments)
    lines = [f"appliance {verb.path} {usage}", "", _say(verb.words, language).capitalize() + ".", ""]
    for argument in verb.arguments:
        default = (
            "" if argument.default is None else f" ({_say(('sans cela', 'without it'), language)} {argument.default})"
        )
        lines.append(f"  {argument.name:12} {_say(argument.words, language)}{default}")
    example = _say(("Exemple :", "Example:"), language)
    return "\n".join([*lines, "", f"{example} {verb.example}", "", _say(_EXIT_CODES, language)])


def _find(arguments: Sequence[str]) -> tuple[Verb | None, Sequence[str]]:
    for words in (2, 1):
        path = " ".join(arguments[:words])
        for verb in VERBS:
            if verb.path == path:
                return verb, arguments[words:]
    return None, arguments


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    language = language_of()
    if not given or given[0] in ("-h", "--help", "help"):
        print(help_text(language))
        return OK if given else USAGE
    verb, rest = _find(given)
    if verb is None:
        paths = ", ".join(v.path for v in VERBS)
        unknown: Words = ("commande inconnue : {0}. Il existe : {1}.", "unknown command: {0}. There are: {1}.")
        print("appliance: " + _say(unknown, language).format(" ".join(given[:2]), paths), file=sys.stderr)
        return USAGE
    if "-h" in rest or "--help" in rest:
        print(verb_help(verb, language))
        return OK
    parser = _Parser(prog=f"appliance {verb.path}", add_help=False, allow_abbrev=False)
    parser.language = language
    for argument in verb.arguments:
        if argument.name.startswith("-"):
            parser.add_argument(argument.name, type=argument.kind, default=argument.default, required=argument.required)
        else:
            parser.add_argument(argument.name, type=argument.kind)
    try:
        options = parser.parse_args(rest)
        return verb.run(options, language)
    except SystemExit as ended:
        return int(ended.code or 0)
    except ApplianceError as error:
        print(f"appliance: {error.sentence(language)}", file=sys.stderr)
        for problem in getattr(error, "problems", ()):
            print(f"  {problem.sentence(language)}", file=sys.stderr)
        return FOUND if verb.path == "site check" else CANNOT
