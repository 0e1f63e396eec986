"""Rows of index.db: a closed chunk, and a stretch of a run inside it. Tuples, never model instances."""

from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple

SCHEMA_VERSION: Final = 3
"""PRAGMA user_version; a cache of another version is made again, not migrated."""


class ChunkRow(NamedTuple):
    """A closed chunk. `disk`: 32 hex digits; times UTC microseconds; `codec`: RFC 6381; `init_length` bytes."""

    disk: str
    number: int
    generation: int
    camera: str
    stream: str
    opened_us: int
    first_us: int
    last_us: int
    size: int
    codec: str
    width: int
    height: int
    init_length: int
    last_run: int
    last_sequence: int


class SpanRow(NamedTuple):
    """A run's stretch inside a chunk; a stretch goes on in another chunk when the part sequence does.

    `clock`: the judgement of UTC it was recorded under (ClockState), or REDATED (ring/dating/redate.py).
    """

    run: int
    from_us: int
    to_us: int
    cause: int
    first_sequence: int
    last_sequence: int
    clock: int


def joined(rows: Iterable[tuple[Any, ...]], hidden: Collection[str]) -> list[SpanRow]:
    """Rows of `span` (columns of SpanRow, then the disk) in order of time, neighbours of a run that follow each other
    by their sequence as one; without those of `hidden` disks. Pure.
    """
    found: list[SpanRow] = []
    first: tuple[Any, ...] | None = None  # of the stretch under way, whose end so far is in `to_us` and `sequence`
    run = to_us = sequence = clock = -1
    for row in rows:
        if row[7] in hidden:
            continue
        if row[0] == run and row[4] == sequence + 1 and row[1] >= to_us and row[6] == clock:
            to_us, sequence = row[2], row[5]
            continue
        if first is not None:
            found.append(SpanRow(run, first[1], to_us, first[3], first[4], sequence, clock))
        first, run, to_us, sequence, clock = row, row[0], row[2], row[5], row[6]
    if first is not None:
        found.append(SpanRow(run, first[1], to_us, first[3], first[4], sequence, clock))
    return found


SPAN_COLUMNS: Final = SpanRow._fields
"""Names of a stretch's columns."""

# The key's columns come first: SQLite 3.40 reports NULLs that are not there (quick_check) in any other order.
CHUNK_SCHEMA: Final = (
    """CREATE TABLE chunk (disk TEXT NOT NULL, number INTEGER NOT NULL, generation INTEGER NOT NULL,
       camera TEXT NOT NULL, stream TEXT NOT NULL, opened_us INTEGER NOT NULL, first_us INTEGER NOT NULL,
       last_us INTEGER NOT NULL, size INTEGER NOT NULL, codec TEXT NOT NULL, width INTEGER NOT NULL,
       height INTEGER NOT NULL, init_length INTEGER NOT NULL, last_run INTEGER NOT NULL,
       last_sequence INTEGER NOT NULL, PRIMARY KEY (disk, number)) WITHOUT ROWID""",
    "CREATE INDEX chunk_time ON chunk (camera, stream, first_us)",
    "CREATE TABLE catalog (disk TEXT PRIMARY KEY, head TEXT NOT NULL) WITHOUT ROWID",
)
SPAN_SCHEMA: Final = (
    """CREATE TABLE span (camera TEXT NOT NULL, stream TEXT NOT NULL, from_us INTEGER NOT NULL, run INTEGER NOT NULL,
       disk TEXT NOT NULL, number INTEGER NOT NULL, to_us INTEGER NOT NULL, cause INTEGER NOT NULL,
       first_sequence INTEGER NOT NULL, last_sequence INTEGER NOT NULL, clock INTEGER NOT NULL,
       PRIMARY KEY (camera, stream, from_us, run, disk, number)) WITHOUT ROWID""",
    "CREATE INDEX span_chunk ON span (disk, number)",
    "CREATE INDEX span_doubtful ON span (disk, number, run) WHERE clock = 3",
)

Held = tuple[ChunkRow, list[SpanRow]]

MAX_CHUNK_SPAN_US: Final = 48 * 3_600_000_000
"""A chunk never spans more (age limit, one idle day): how far back a query must look for chunks that reach in."""

MAX_STRETCH_US: Final = 6 * 3_600_000_000
"""A run's stretch inside a chunk never spans more: an open chunk is closed within an hour, with or without pictures,
and after a stop it is another run."""


def row_of(values: tuple[Any, ...]) -> ChunkRow:
    """A chunk from `SELECT chunk.*`."""
    return ChunkRow(*values)
