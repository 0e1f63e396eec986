"""The index as a cache: what is asked, what is committed when, what happens to a damaged file."""

import sqlite3
from pathlib import Path

from appliance.core.clock import SimulatedClock
from appliance.media.stream import StreamKey
from appliance.ring.index.cache import COMMIT_US, Index
from appliance.ring.index.rows import ChunkRow, SpanRow

DISK, OTHER_DISK = "d" * 32, "e" * 32
KEY = StreamKey("cam", "main")
SECOND = 1_000_000


def row(number: int, start_s: int, *, disk: str = DISK, camera: str = "cam", seconds: int = 10) -> ChunkRow:
    first, last = start_s * SECOND, (start_s + seconds) * SECOND
    return ChunkRow(
        disk, number, 100 + number, camera, "main", first, first, last, 4096, "avc1", 640, 480, 700, 1, number + 1
    )


def span(chunk: ChunkRow) -> list[SpanRow]:
    return [SpanRow(1, chunk.first_us, chunk.last_us, 0, chunk.number, chunk.number, 1)]


async def filled(path: Path, clock: SimulatedClock) -> Index:
    index = Index(path, clock)
    await index.open()
    rows = [row(n, 10 * n) for n in range(6)] + [row(9, 0, disk=OTHER_DISK), row(10, 25, camera="hall")]
    await index.put([(r, span(r)) for r in rows])
    return index


async def test_chunks_and_spans_of_a_time(tmp_path: Path) -> None:
    index = await filled(tmp_path / "index.db", SimulatedClock())
    found = await index.chunks(KEY, 20 * SECOND, 40 * SECOND)
    assert [chunk.number for chunk in found] == [2, 3], "an end that touches does not overlap"
    assert found[0] == row(2, 20)
    assert [tuple(s[:3]) for s in await index.spans(KEY, 15 * SECOND, 31 * SECOND)] == [(1, 10 * SECOND, 40 * SECOND)]
    before = await index.before(KEY, 30 * SECOND)
    assert before is not None
    assert before.number == 2
    assert await index.before(KEY, 0) is None
    assert await index.oldest([KEY, StreamKey("hall", "main"), StreamKey("none", "sub")]) == {
        KEY: 0,
        StreamKey("hall", "main"): 25 * SECOND,
    }
    await index.close()


async def test_forgotten_chunks_are_not_served(tmp_path: Path) -> None:
    index = await filled(tmp_path / "index.db", SimulatedClock())
    await index.forget(DISK, [2, 3])
    await index.forget_other_disks([DISK])
    assert [chunk.number for chunk in await index.chunks(KEY, 0, 100 * SECOND)] == [0, 1, 4, 5]
    assert [s.to_us for s in await index.spans(KEY, 0, 100 * SECOND)] == [20 * SECOND, 60 * SECOND]
    assert await index.known(OTHER_DISK) == {}
    assert (await index.known(DISK))[4] == 104
    assert [r[0] for r in await index.rows_of(DISK)] == [0, 1, 4, 5, 10], "in the order of opening"
    await index.close()


async def test_a_chunk_number_has_one_row_whatever_held_it_before(tmp_path: Path) -> None:
    index = await filled(tmp_path / "index.db", SimulatedClock())
    again = row(0, 500, camera="hall")
    await index.put([(again, span(again))])
    assert [chunk.number for chunk in await index.chunks(KEY, 0, 10 * SECOND)] == [9]
    assert len(await index.spans(KEY, 0, 10 * SECOND)) == 1
    await index.close()


def committed(path: Path) -> int:
    with sqlite3.connect(path) as reader:
        (count,) = reader.execute("SELECT count(*) FROM chunk").fetchone()
    reader.close()
    return int(count)


async def test_commits_are_batched(tmp_path: Path) -> None:
    clock = SimulatedClock()
    index = await filled(tmp_path / "index.db", clock)
    clock.advance(COMMIT_US / 1e6 - 0.1)
    await index.commit_if_due()
    assert committed(tmp_path / "index.db") == 0
    clock.advance(0.1)
    await index.commit_if_due()
    assert committed(tmp_path / "index.db") == 8
    await index.forget(DISK, [1])
    await index.close()
    assert committed(tmp_path / "index.db") == 7


async def test_a_file_of_another_version_is_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    index = await filled(path, SimulatedClock())
    assert index.rebuilt
    await index.close()
    index = Index(path, SimulatedClock())
    await index.open()
    assert not index.rebuilt, "a whole one is used as it is"
    await index.close()
    with sqlite3.connect(path) as writer:
        writer.execute("PRAGMA user_version = 77")
    writer.close()
    index = Index(path, SimulatedClock())
    await index.open()
    assert index.rebuilt
    assert await index.chunks(KEY, 0, 100 * SECOND) == []
    await index.close()
    assert committed(tmp_path / "index.db.damaged") == 8
