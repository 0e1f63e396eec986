"""What expiry asks of the index costs what it finds, not what there is, and leaves out what is not dated."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.core.clock import SimulatedClock
from appliance.media.stream import ClockState
from appliance.ring.dating.redate import REDATED
from appliance.ring.index import ages
from appliance.ring.index.cache import Index
from appliance.ring.index.rows import ChunkRow, Held, SpanRow

DISK = "d" * 32
VERIFIED, DOUBTFUL = ClockState.VERIFIED, ClockState.DOUBTFUL


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[Index]:
    made = Index(tmp_path / "index.db", SimulatedClock())
    await made.open()
    yield made
    await made.close()


def chunk(number: int, first: int, *, camera: str = "cour", stream: str = "main", clock: int = VERIFIED) -> Held:
    row = ChunkRow(DISK, number, number + 1, camera, stream, first, first, first + 9, 100, "avc1", 1, 1, 1, number, 5)
    return row, [SpanRow(number, first, first + 9, 0, 1, 5, clock)]


async def test_oldest_chunks_of_a_camera_both_streams_in_order(index: Index) -> None:
    await index.put([chunk(1, 50), chunk(2, 10, stream="sub"), chunk(3, 30), chunk(4, 20, camera="hall")])
    assert await ages.cameras(index) == ["cour", "hall"]
    assert [row.number for row in await ages.oldest(index, "cour", 30)] == [2, 3]
    assert [row.number for row in await ages.oldest(index, "cour", 99, limit=1)] == [2]
    assert [row.number for row in await ages.rows(index, DISK, [4, 9, 1])] == [1, 4]


async def test_a_chunk_with_an_undated_stretch_waits(index: Index) -> None:
    await index.put([chunk(1, 5, clock=DOUBTFUL), chunk(2, 6, clock=REDATED)])
    assert [row.number for row in await ages.oldest(index, "cour", 99)] == [2]
    (run,) = await ages.undated(index)
    assert (run.camera, run.stream, run.run, run.to_us, run.generation) == ("cour", "main", 1, 14, 2)
    assert await ages.undated_chunks(index) == [(DISK, 1, ("cour", "main", 1))]
    assert await ages.held(index, DISK, 1) == chunk(1, 5, clock=DOUBTFUL)
    assert await ages.held(index, DISK, 7) is None


@pytest.mark.parametrize("sql", [ages._DUE, ages._DOUBTFUL, "SELECT MIN(camera) FROM chunk WHERE camera > ?"])
async def test_no_question_reads_the_whole_index(index: Index, sql: str) -> None:
    await index.put(chunk(number, number) for number in range(300))
    known: list[str | int] = ["cour", "main", 5, 9]
    values = known[: sql.count("?")]
    plan = [str(row[3]) for row in await index.query(f"EXPLAIN QUERY PLAN {sql}", *values)]
    tables = [step for step in plan if step.startswith(("SCAN", "SEARCH"))]
    assert tables
    for step in tables:  # a scan of the partial index reads undated stretches only
        assert step.startswith("SEARCH") or "span_doubtful" in step, plan
