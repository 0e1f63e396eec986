"""Finds the line of a TOML file that a mistake stands on.

The standard reader (tomllib) drops positions. Site files are written by people as plain tables, so a scan for
`[table]`, `[[table]]` and `key =` is enough; what it cannot place gets the line of the table around it.
"""

import re
from collections.abc import Sequence

_TABLE = re.compile(r"^\s*\[\s*([A-Za-z0-9_.-]+)\s*\]")
_ARRAY = re.compile(r"^\s*\[\[\s*([A-Za-z0-9_.-]+)\s*\]\]")
_KEY = re.compile(r"""^\s*["']?([A-Za-z0-9_-]+)["']?\s*=""")


def line_of(text: str, path: Sequence[str | int]) -> int:
    """1-based line of the value at `path` (("camera", 2, "view"): the third [[camera]]), 0 when unknown."""
    table = tuple(path[:-1])
    best = 0
    here: tuple[str | int, ...] = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if array := _ARRAY.match(line):
            counts[array[1]] = counts.get(array[1], -1) + 1
            here = (array[1], counts[array[1]])
        elif plain := _TABLE.match(line):
            here = (plain[1],)
        elif (key := _KEY.match(line)) and here == table and key[1] == path[-1]:
            return number
        else:
            continue
        if here in (tuple(path), table):
            best = number
    return best
