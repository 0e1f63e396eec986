"""An index of a month: 64 cameras, main and sub, 30 days without a gap, on 8 disks. What the timeline rows ask."""

import asyncio
import atexit
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from appliance.core.clock import SimulatedClock
from appliance.media.stream import StreamKey
from appliance.ring.index.cache import Index
from appliance.ring.index.rows import ChunkRow, SpanRow
from tests.peers.live import ROOT

CAMERAS: Final = 64
DAYS: Final = 30
DISKS: Final = 8
MAIN_CHUNK_S: Final = 128.0
"""Seconds in a chunk of 64 MiB at 4 Mbit/s."""

SUB_CHUNK_S: Final = 1200.0
"""Seconds in a chunk of a slow stream: its age limit."""

START_US: Final = 1_795_500_000_000_000
DAY_US: Final = 86_400_000_000


def month_start_us() -> int:
    """UTC microseconds of the first picture."""
    return START_US


def key_of(camera: int, *, sub: bool = False) -> StreamKey:
    """The stream's name."""
    return StreamKey(f"camera-{camera:02d}", "sub" if sub else "main")


def chunk_of(camera: int, second: float, *, sub: bool) -> tuple[ChunkRow, list[SpanRow]]:
    """The chunk that holds this second of a stream. Numbers grow with time, as disks hand them out."""
    length = SUB_CHUNK_S if sub else MAIN_CHUNK_S
    nth = int(second / length)
    order = nth * CAMERAS + camera + (100_000_000 if sub else 0)
    first = START_US + round((nth + camera / CAMERAS) * length * 1_000_000)
    last = first + round(length * 1_000_000)
    parts = round(length / 0.4)
    key = key_of(camera, sub=sub)
    row = ChunkRow(
        disk=f"{order % DISKS:032x}",
        number=order // DISKS,
        generation=order,
        camera=key.camera,
        stream=key.stream,
        opened_us=first,
        first_us=first,
        last_us=last,
        size=62 << 20,
        codec="avc1.640028",
        width=1920,
        height=1080,
        init_length=778,
        last_run=1,
        last_sequence=(nth + 1) * parts,
    )
    span = SpanRow(
        run=1,
        from_us=first,
        to_us=last,
        cause=0,
        first_sequence=nth * parts + 1,
        last_sequence=(nth + 1) * parts,
        clock=1,
    )
    return row, [span]


def _chunks() -> Iterator[tuple[ChunkRow, list[SpanRow]]]:
    for sub, length in ((False, MAIN_CHUNK_S), (True, SUB_CHUNK_S)):
        for nth in range(round(DAYS * 86_400 / length)):
            for camera in range(CAMERAS):
                yield chunk_of(camera, (nth + 0.5) * length, sub=sub)


_kept = ExitStack()
_made: list[Path] = []


def month_file() -> Path:
    """The month, made once for all rows of a run and not to be written to; gone when the process ends."""
    if not _made:
        _made.append(_kept.enter_context(_make_month()))
        atexit.register(_kept.close)
    return _made[0]


@contextmanager
def _make_month() -> Iterator[Path]:
    """The file, closed; gone afterwards. Takes half a minute: 1.4 million chunks."""
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="month-") as name:
        path = Path(name) / "index.db"
        asyncio.run(_empty(path))
        with sqlite3.connect(path) as database:
            rows: list[ChunkRow] = []
            spans: list[tuple[object, ...]] = []
            for row, (span,) in _chunks():
                rows.append(row)
                spans.append(
                    (row.camera, row.stream, span.from_us, span.run, row.disk, row.number, span.to_us, *span[3:])
                )
                if len(rows) == 50_000:
                    _insert(database, rows, spans)
                    rows, spans = [], []
            _insert(database, rows, spans)
        database.close()
        yield path


async def _empty(path: Path) -> None:
    index = Index(path, SimulatedClock())
    await index.open()
    await index.close()


def _insert(
    database: sqlite3.Connection, rows: Sequence[tuple[object, ...]], spans: Sequence[tuple[object, ...]]
) -> None:
    for table, batch in (("chunk", rows), ("span", spans)):
        if batch:
            marks = ",".join("?" * len(batch[0]))
            database.executemany(f"INSERT INTO {table} VALUES ({marks})", batch)
    database.commit()
