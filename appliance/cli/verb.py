"""What a verb is, its exit codes, and the arguments and kinds that several share."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.core.errors import Language

OK: Final = 0
FOUND: Final = 1  # the thing asked for was looked at and something is wrong with it
USAGE: Final = 2  # the command line itself is wrong
CANNOT: Final = 3  # it could not be done here: a file, a disk, a port, a right
CLOSED: Final = 141  # nobody read the output to its end: 128 + SIGPIPE, as a shell tells it of any program

Words = tuple[str, str]  # French, English


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument or option; `kind` turns its text into a value, `default` makes an option optional.

    `kind` None: a flag, an option without a value, False unless it is given.
    """

    name: str
    kind: Callable[[str], object] | None
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


SITE: Final = Argument("--site", Path, ("le fichier du site, site.toml", "the site file, site.toml"), required=True)

SITE_HERE: Final = Argument(
    "--site", Path, ("le fichier du site", "the site file"), Path("/var/lib/appliance/site/current/site.toml")
)
"""Of a command that is given on the appliance itself, which has one."""


def count(text: str) -> int:
    """A whole number from 1 to a million, or ValueError."""
    value = int(text)
    if not 1 <= value <= 1_000_000:
        raise ValueError(text)
    return value
