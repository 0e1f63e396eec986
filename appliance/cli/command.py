"""The `appliance` command: finds the verb, reads its arguments, tells mistakes and help in the operator's language."""

import argparse
import os
import re
import select
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from appliance.cli.table import VERBS
from appliance.cli.verb import CANNOT, CLOSED, FOUND, OK, USAGE, Argument, Verb, Words
from appliance.core.errors import ApplianceError, Language
from appliance.core.language import language_of

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
    (r"argument (\S+): ignored explicit argument (.*)", r"\1 : s'écrit sans valeur, pas avec \2"),
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


COLUMN: Final = 12
"""Characters for a verb's name beside its words: with the longest words a line stays within 110."""


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
                beside = len(verb.path) <= COLUMN  # a longer one has a line of its own
                lines += [] if beside else [f"  {verb.path}"]
                lines.append(f"  {verb.path if beside else '':{COLUMN}} {_say(verb.words, language)}")
                lines.append(f"  {'':{COLUMN}} {verb.example}")
        lines.append("")
    more: Words = ("Aide d'une commande : appliance COMMANDE --help", "Help on one command: appliance COMMAND --help")
    return "\n".join([*lines, _say(more, language), _say(_EXIT_CODES, language)])


def _usage(argument: Argument) -> str:
    if not argument.name.startswith("-"):
        return argument.name.upper()
    if argument.kind is None:
        return f"[{argument.name}]"
    value = f"{argument.name} {argument.name.strip('-').upper()}"
    return value if argument.required else f"[{value}]"


def verb_help(verb: Verb, language: Language) -> str:
    """One verb: what it does, each argument, an example."""
    usage = " ".join(_usage(argument) for argument in verb.arguments)
    lines = [f"appliance {verb.path} {usage}", "", _say(verb.words, language).capitalize() + ".", ""]
    column = max((len(argument.name) for argument in verb.arguments), default=0)
    for argument in verb.arguments:
        known = "" if argument.default is None else str(argument.default)
        default = f" ({_say(('sans cela', 'without it'), language)} {known})" if known else ""
        lines.append(f"  {argument.name:{column}}  {_say(argument.words, language)}{default}")
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
    """Run the command line; returns the exit code.

    Whoever reads the output may have had enough (`| head`): then it ends quietly, as the system's own tools do.
    """
    try:
        code = _command(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        if not _output_closed():
            raise
        return CLOSED
    return code


def _output_closed() -> bool:
    """Does nobody read the output any more? Then what is still to be written goes nowhere, at the end as well."""
    output = sys.stdout.fileno()
    asked = select.poll()
    asked.register(output, 0)  # an end without readers says so unasked
    if not asked.poll(0):
        return False
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, output)
    os.close(nowhere)
    return True


def _command(arguments: Sequence[str] | None) -> int:
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
        if argument.kind is None:
            parser.add_argument(argument.name, action="store_true")
        elif argument.name.startswith("-"):
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
        return FOUND if verb.path in {"site check", "provision check"} else CANNOT
