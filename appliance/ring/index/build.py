"""Makes a whole index.db from the disks' catalogues, in a process of its own, while the recorder records.

`python -m appliance.ring.index.build NEW PATH=HEAD...` writes NEW from the catalogue of each disk up to its head. The
recorder then puts the file in the place of its index and adds what has changed since. Another process, because a
thread would take the interpreter from the ticks for seconds; SQLite turns the texts of the lines into numbers itself.
"""

import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote

from appliance.core.errors import ApplianceError
from appliance.ring.catalog.file import reader, until
from appliance.ring.catalog.log import CATALOG, CLOSED_FIELDS, Head
from appliance.ring.catalog.replay import READ, Replay, replay
from appliance.ring.disks.identity import read_identity
from appliance.ring.errors import CatalogUnreadable
from appliance.ring.index.rows import CHUNK_SCHEMA, SCHEMA_VERSION, SPAN_SCHEMA, ChunkRow, SpanRow
from appliance.ring.recovery import read_entries_at, span_rows, spans_of

_BULK: Final = {"journal_mode": "off", "synchronous": "off", "cache_size": -64000, "locking_mode": "exclusive"}
"""Nobody else has the file, and a cut throws it away."""

_CHUNK: Final = f"INSERT INTO chunk VALUES ({','.join('?' * len(ChunkRow._fields))})"  # noqa: S608 - only "?"
_SPAN: Final = f"INSERT OR REPLACE INTO span VALUES ({','.join('?' * (5 + len(SpanRow._fields) - 1))})"  # noqa: S608

Fields = Sequence[str]


class _Source(NamedTuple):
    """One disk: its catalogue, open and proven, and the chunks whose CLOSED line counts, in the order of the file."""

    path: Path
    uuid: str
    fd: int
    found: Replay
    closed: list[int]


def build(new: Path, disks: Sequence[tuple[Path, Head]]) -> int:
    """Write the index; returns how many chunks it holds. Raises CatalogUnreadable, OSError, sqlite3.Error.

    Two processes, one a table: SQLite is what takes the time. The stretches' file is copied in at the end, whole
    pages of it: SQLite copies the b-tree of an equal, empty table record by record without looking at it.
    """
    spans = new.with_name(new.name + ".span")
    for file in (new, spans):
        file.unlink(missing_ok=True)
    sources = [_source(path, head) for path, head in disks]
    other = os.fork()
    if other == 0:
        os._exit(_alone(spans, sources))
    try:
        with closing(_open(new, CHUNK_SCHEMA)) as database:
            for source in sources:
                database.executemany(_CHUNK, (_chunk(source.uuid, fields) for fields in _fields(source)))
            heads = [(source.uuid, str(source.found.head)) for source in sources]
            database.executemany("INSERT INTO catalog VALUES (?,?)", heads)
            database.execute("COMMIT")
            _, status = os.waitpid(other, 0)
            if status:
                raise CatalogUnreadable(why="stretches")
            database.execute("ATTACH ? AS other", (str(spans),))
            for statement in SPAN_SCHEMA:
                database.execute(statement)
            database.execute("INSERT INTO span SELECT * FROM other.span")
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    finally:
        spans.unlink(missing_ok=True)
        for source in sources:
            os.close(source.fd)
    fd = os.open(new, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    return sum(len(source.closed) for source in sources)


def _source(path: Path, head: Head) -> _Source:
    identity = read_identity(path)
    fd = os.open(path / CATALOG, os.O_RDONLY | os.O_CLOEXEC)
    found = replay(until(reader(fd), head))
    if found.head != head:
        os.close(fd)
        raise CatalogUnreadable(why="another end than the recorder saw")
    return _Source(path, identity.uuid, fd, found, [n for n in found.closed if n < identity.of_ring])


def _open(file: Path, schema: Sequence[str]) -> sqlite3.Connection:
    database = sqlite3.connect(file, isolation_level=None)
    for name, value in _BULK.items():
        database.execute(f"PRAGMA {name} = {value}")
    for statement in schema:
        database.execute(statement)
    database.execute("BEGIN")
    return database


def _alone(file: Path, sources: Sequence[_Source]) -> int:
    """The other process: the table of stretches. Returns its exit code."""
    try:
        with closing(_open(file, SPAN_SCHEMA)) as database:
            for source in sources:
                database.executemany(_SPAN, sorted(map(tuple, _spans(source))))  # it grows at few places
            database.execute("COMMIT")
    except (ApplianceError, OSError, sqlite3.Error, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _fields(source: _Source) -> Iterator[Fields]:
    """The fields of each CLOSED line, in the order of the file; the blocks were proven by the replay just now."""
    start, data = 0, b""
    at = source.found.at
    for number in source.closed:
        offset = at[number] - start
        end = data.find(b"\n", offset) if 0 <= offset < len(data) else -1
        if end < 0:
            start, offset = at[number], 0
            data = os.pread(source.fd, READ, start)
            end = data.find(b"\n")
        fields = data[offset:end].decode("ascii").split(" ")
        if len(fields) != 4 + CLOSED_FIELDS:
            raise CatalogUnreadable(why=f"the line of chunk {number} has changed")
        yield fields


def _chunk(disk: str, fields: Fields) -> Fields:
    """The row of `chunk`."""
    number, generation, run, sequence, camera, stream, opened, first, last, size, codec, *rest, _ = fields[3:]
    if "%" in camera:
        camera = unquote(camera)
    if "%" in codec:
        codec = unquote(codec)
    return (disk, number, generation, camera, stream, opened, first, last, size, codec, *rest, run, sequence)


def _spans(source: _Source) -> Iterator[Fields]:
    """The rows of `span`."""
    disk = source.uuid
    for fields in _fields(source):
        number, camera, stream, told = fields[3], fields[7], fields[8], fields[-1]
        if "%" in camera:
            camera = unquote(camera)
        if told.startswith("*"):
            told = _from_table(source.path, int(number), int(fields[4]))
        if told == "-":
            continue
        for span in told.split(","):
            run, from_us, *others = span.split(":")
            yield (camera, stream, from_us, run, disk, number, *others)


def _from_table(path: Path, number: int, generation: int) -> str:
    """Stretches of a chunk whose line has no room for them."""
    entries = read_entries_at(path, read_identity(path).geometry, number, generation)
    return ",".join(":".join(map(str, span)) for span in span_rows(spans_of(entries or []))) or "-"


def main(arguments: Sequence[str]) -> int:
    """0: the file is there; 1: said on standard error why it is not."""
    disks = []
    for argument in arguments[1:]:
        path, _, text = argument.rpartition("=")
        head = Head.of(text)
        assert head is not None, argument
        disks.append((Path(path), head))
    try:
        sys.stdout.write(f"{build(Path(arguments[0]), disks)}\n")
    except (ApplianceError, OSError, sqlite3.Error, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
