"""What expiry and dating ask of the index: the oldest chunks of each camera, and stretches that are not dated yet."""

from typing import Final, NamedTuple

from appliance.media.stream import ClockState
from appliance.ring.index.cache import Index
from appliance.ring.index.rows import ChunkRow, Held, SpanRow, row_of

PASS_ROWS: Final = 2000
"""Rows a question gives at most: a pass that has more to do asks again."""

_DOUBT: Final = ClockState.DOUBTFUL
_STREAMS: Final = ("main", "sub")

_DUE: Final = f"""SELECT * FROM chunk WHERE camera = ? AND stream = ? AND first_us <= ? AND NOT EXISTS
    (SELECT 1 FROM span WHERE span.disk = chunk.disk AND span.number = chunk.number AND clock = {_DOUBT})
    ORDER BY first_us LIMIT ?"""  # noqa: S608 - a constant of ours

_DOUBTFUL: Final = f"""SELECT span.camera, span.stream, run, MAX(to_us), span.disk, span.number, chunk.generation
    FROM span INDEXED BY span_doubtful JOIN chunk USING (disk, number) WHERE clock = {_DOUBT}
    GROUP BY span.camera, span.stream, run"""  # noqa: S608 - a constant of ours


class UndatedRun(NamedTuple):
    """A doubtful run, and the closed chunk that holds its end."""

    camera: str
    stream: str
    run: int
    to_us: int
    disk: str
    number: int
    generation: int


async def cameras(index: Index) -> list[str]:
    """Every camera with a closed chunk, those that left the site description too. O(cameras)."""
    found: list[str] = []
    while True:
        rows = await index.query("SELECT MIN(camera) FROM chunk WHERE camera > ?", found[-1] if found else "")
        if not rows or rows[0][0] is None:
            return found
        found.append(str(rows[0][0]))


async def oldest(index: Index, camera: str, until_us: int, limit: int = PASS_ROWS) -> list[ChunkRow]:
    """Closed chunks of a camera that begin at or before `until_us`, oldest first; undated ones are left out.

    O(answer), whatever the index holds.
    """
    found: list[ChunkRow] = []
    for stream in _STREAMS:
        found += map(row_of, await index.query(_DUE, camera, stream, until_us, limit))
    found += [
        row
        for row, spans in index.unsaved()
        if row.camera == camera and row.first_us <= until_us and all(s.clock != ClockState.DOUBTFUL for s in spans)
    ]
    unique = {(row.disk, row.number): row for row in found}
    return sorted(unique.values(), key=lambda row: row.first_us)[:limit]


async def rows(index: Index, disk: str, numbers: list[int]) -> list[ChunkRow]:
    """What the index holds of these chunks."""
    found: dict[int, ChunkRow] = {}
    for first in range(0, len(numbers), 500):  # SQLite takes 32 766 parameters, a statement of 500 is quick to parse
        some = numbers[first : first + 500]
        marks = ",".join("?" * len(some))
        answer = await index.query(f"SELECT * FROM chunk WHERE disk = ? AND number IN ({marks})", disk, *some)  # noqa: S608
        found.update((row.number, row) for row in map(row_of, answer))
    found.update((row.number, row) for row, _ in index.unsaved() if row.disk == disk and row.number in set(numbers))
    return list(found.values())


async def undated(index: Index) -> list[UndatedRun]:
    """Doubtful runs in closed chunks that have no true time yet."""
    found = {tuple(row[:3]): UndatedRun(*row) for row in await index.query(_DOUBTFUL)}
    for row, spans in index.unsaved():
        for span in spans:
            if span.clock == ClockState.DOUBTFUL:
                run = UndatedRun(row.camera, row.stream, span.run, span.to_us, row.disk, row.number, row.generation)
                known = found.get(run[:3])
                if known is None or known.to_us <= run.to_us:
                    found[run[:3]] = run
    return list(found.values())


async def undated_chunks(index: Index) -> list[tuple[str, int, tuple[str, str, int]]]:
    """(disk, number, run) of every closed chunk and doubtful run in it. O(answer)."""
    sql = f"SELECT disk, number, camera, stream, run FROM span INDEXED BY span_doubtful WHERE clock = {_DOUBT}"  # noqa: S608
    return [(row[0], int(row[1]), (row[2], row[3], int(row[4]))) for row in await index.query(sql)]


async def held(index: Index, disk: str, number: int) -> Held | None:
    """A chunk and its stretches as the index holds them; None when it holds nothing of it."""
    for row, spans in index.unsaved():
        if (row.disk, row.number) == (disk, number):
            return row, spans
    found = await index.query("SELECT * FROM chunk WHERE disk = ? AND number = ?", disk, number)
    sql = """SELECT run, from_us, to_us, cause, first_sequence, last_sequence, clock FROM span
             WHERE disk = ? AND number = ? ORDER BY first_sequence"""
    stretches = await index.query(sql, disk, number)
    return (row_of(found[0]), [SpanRow(*stretch) for stretch in stretches]) if found else None
