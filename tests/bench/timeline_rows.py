"""Rows of the day timeline over an index of a month of 64 cameras: what the page asks first. Peer: 10 s rows."""

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import peewee

from appliance.core.clock import SimulatedClock
from appliance.ring.access.lookup import Catalogue
from appliance.ring.dating.redate import Redating
from appliance.ring.index.cache import Index
from tests.bench.month import CAMERAS, DAY_US, DAYS, START_US, key_of, month_file
from tests.bench.row import Options, Turn, row
from tests.peers.live import ROOT

ASKED: Final = 30
"""Days asked for in a turn of the row of one camera, each of another camera and day."""

PEER_CAMERAS: Final = 8
"""Cameras of the peer's day of 64: it takes half a second for each; the figure is of 64."""

PEER: Final = "10 s rows through peewee models, one day in the table"
PEER_64: Final = "10 s rows through peewee models, 8 cameras x 8"


async def _days(path: Path, cameras: int, asked: int) -> list[float]:
    """Milliseconds of each day timeline of so many cameras."""
    index = Index(path, SimulatedClock(utc_us=START_US + DAYS * DAY_US))
    await index.open()
    catalogue = Catalogue(index, {}, SimulatedClock(), Redating())
    pick, took = random.Random(asked), []
    for _ in range(asked):
        from_us = START_US + pick.randrange(1, DAYS - 1) * DAY_US
        chosen = range(CAMERAS) if cameras == CAMERAS else [pick.randrange(CAMERAS)]
        began = time.perf_counter()
        for camera in chosen:
            spans = await catalogue.spans(key_of(camera), from_us, from_us + DAY_US)
            assert [(span.from_us, span.to_us) for span in spans] == [(from_us, from_us + DAY_US)]
        took.append((time.perf_counter() - began) * 1e3)
    await index.close()
    return took


class _Recording(peewee.Model):
    camera = peewee.CharField(index=True)
    path = peewee.CharField()
    start_time = peewee.FloatField(index=True)
    end_time = peewee.FloatField()
    duration = peewee.FloatField()


@contextmanager
def _peer(cameras: int) -> Iterator[type[_Recording]]:
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as folder:
        database = peewee.SqliteDatabase(str(Path(folder) / "peer.db"), pragmas={"journal_mode": "wal"})
        database.bind([_Recording])
        database.create_tables([_Recording])
        rows = (
            (f"camera-{camera:02d}", f"{t // 3600:02d}/{camera:02d}/{t}.mp4", float(t), t + 10.0, 10.0)
            for t in range(0, 86_400, 10)
            for camera in range(cameras)
        )
        sql = "INSERT INTO _recording (camera, path, start_time, end_time, duration) VALUES (?, ?, ?, ?, ?)"
        with database.atomic():
            database.connection().executemany(sql, rows)  # type: ignore[no-untyped-call]
        yield _Recording
        database.close()


def _peer_ms(cameras: int) -> float:
    with _peer(cameras) as table:
        began = time.perf_counter()
        for camera in range(cameras):
            asked = table.select().where((table.camera == f"camera-{camera:02d}") & (table.end_time > 0))
            merged: list[list[float]] = []
            for found in asked.order_by(table.start_time):
                if merged and found.start_time <= merged[-1][1]:
                    merged[-1][1] = found.end_time
                else:
                    merged.append([found.start_time, found.end_time])
            assert merged == [[0.0, 86_400.0]]
        return (time.perf_counter() - began) * 1e3


@row("timeline-1", unit="ms", better="lower", target=5, peer=PEER)
def timeline_1(options: Options) -> Turn:
    """One camera's day, any of the month: the middle of 30 questions."""
    del options
    return Turn(statistics.median(asyncio.run(_days(month_file(), 1, ASKED))), _peer_ms(1))


@row("timeline-64", unit="ms", better="lower", target=100, peer=PEER_64)
def timeline_64(options: Options) -> Turn:
    """The day of all 64 cameras, one after the other: the middle of five questions."""
    del options
    ours = asyncio.run(_days(month_file(), CAMERAS, 5))
    return Turn(statistics.median(ours), _peer_ms(PEER_CAMERAS) * CAMERAS / PEER_CAMERAS)
