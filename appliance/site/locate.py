"""Finds the line of a TOML file that a mistake stands on.

The standard reader (tomllib) drops positions. Site files are written by people as plain tables, so a scan for
`[table]`, `[[table]]` and `key =` is enough; what it cannot place gets the line of the table around it.
"""

import re
from collections.abc import Mapping, Sequence

_TABLE = re.compile(r"^\s*\[\s*([A-Za-z0-9_.-]+)\s*\]")
_ARRAY = re.compile(r"^\s*\[\[\s*([A-Za-z0-9_.-]+)\s*\]\]")
_KEY = re.compile(r"""^\s*["']?([A-Za-z0-9_-]+)["']?\s*=""")


def line_of(text: str, path: Sequence[str | int]) -> int:
    """1-based line of the value at `path` (("camera", 2, "view"): the third [[camera]]), else of the innermost key or
    table around it, 0 when there is none.
    """
    wanted = tuple(path)
    best, depth = 0, 0
    here: tuple[str | int, ...] = ()
    counts: dict[tuple[str | int, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if array := _ARRAY.match(line):
            table = _resolved(array[1], counts)
            counts[table] = counts.get(table, -1) + 1
            found = here = (*table, counts[table])
        elif plain := _TABLE.match(line):
            found = here = _resolved(plain[1], counts)
        elif key := _KEY.match(line):
            found = (*here, key[1])
        else:
            continue
        if len(found) > depth and wanted[: len(found)] == found:
            best, depth = number, len(found)
    return best


def _resolved(name: str, counts: Mapping[tuple[str | int, ...], int]) -> tuple[str | int, ...]:
    """`a.b` as a path; a table under an array of tables belongs to the array's last entry."""
    *around, last = name.split(".")
    path: tuple[str | int, ...] = ()
    for part in around:
        path = (*path, part)
        if path in counts:
            path = (*path, counts[path])
    return (*path, last)
