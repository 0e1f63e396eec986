"""States of chunks: the circle they go, in ring order."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.ring.disks.pool import ChunkState, Pool


def test_unused_chunks_come_in_ring_order_and_only_once() -> None:
    pool = Pool(8)
    pool.set(6, ChunkState.SUSPECT)
    pool.start_after(4)
    assert [chunk.number for chunk in pool.take_unused(4)] == [5, 7, 0, 1]
    assert [chunk.number for chunk in pool.take_unused(9)] == [2, 3, 4]
    assert pool.take_unused(1) == []


def test_a_freed_chunk_waits_for_its_quarantine_to_be_over() -> None:
    pool = Pool(3)
    pool.set(1, ChunkState.CLOSED)
    pool.closed.append(1)
    wiped = pool.free(1, 1000)
    pool.release(10**9)
    assert not pool.ready, "not even zeroed"
    wiped.until_us = 5000
    pool.release(4999)
    assert not pool.ready
    assert {state: count for state, count in pool.counts().items() if count} == {"free": 2, "freed": 1}
    pool.release(5000)
    assert [chunk.number for chunk in pool.ready] == [1]
    assert pool.counts()["free"] == 3


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(ChunkState)), max_size=60))
def test_the_count_of_open_chunks_is_right(changes: list[tuple[int, ChunkState]]) -> None:
    pool = Pool(10)
    for number, state in changes:
        pool.set(number, state)
        assert pool.open_count == pool.states.count(ChunkState.OPEN) == pool.counts()["open"]
        assert sum(pool.counts().values()) == 10


def test_chunks_of_the_protected_pool_are_a_circle_of_their_own() -> None:
    pool = Pool(10, protected=3)
    assert pool.of_ring == 7
    assert [chunk.number for chunk in pool.take_unused(10)] == [0, 1, 2, 3, 4, 5, 6]
    coming = pool.coming()
    first = pool.take_protected(2)
    assert [chunk.number for chunk in first] == [7, 8]
    assert [chunk.number for chunk in pool.take_protected(2)] == [9]
    assert pool.take_protected(1) == []
    assert pool.coming() == coming, "the stock of recording does not count them"
    for chunk in first:
        chunk.until_us = 0
    pool.release(1)
    assert [chunk.number for chunk in pool.protected_ready] == [7, 8]
    assert not pool.ready
    pool.protected_ready.popleft()
    pool.set(7, ChunkState.POOL_OPEN)
    pool.set(7, ChunkState.POOL_CLOSED)
    freed = pool.free(7, 1000)
    assert pool.states[7] == ChunkState.FREED
    freed.until_us = 5000
    pool.release(5000)
    assert pool.states[7] == ChunkState.POOL_FREE
    assert [chunk.number for chunk in pool.protected_ready] == [8, 7]


def test_a_ready_chunk_waits_for_its_line_while_there_is_a_catalogue() -> None:
    pool = Pool(3)
    pool.gated = True
    (wiped,) = pool.take_unused(1)
    wiped.until_us = 5
    pool.release(5)
    lines = pool.take_lines()
    assert [(line.kind, line.number) for line in lines] == [("READY", 0)]
    pool.release(6)
    assert not pool.ready
    pool.said(lines)
    pool.release(7)
    assert [chunk.number for chunk in pool.ready] == [0]
    assert not pool.take_lines(), "READY is all that is said"


def test_a_late_line_goes_with_the_tick_after_the_next_and_never_behind_a_later_one_of_its_chunk() -> None:
    pool = Pool(3)
    pool.set(0, ChunkState.CLOSED, "a", late=True)
    pool.set(1, ChunkState.CLOSED, "b", late=True)
    pool.closed.append(1)
    pool.free(1, 0)
    assert [(line.kind, line.number) for line in pool.take_lines()] == [("CLOSED", 1), ("FREED", 1)]
    assert [(line.kind, line.number) for line in pool.take_lines()] == [("CLOSED", 0)]
    assert not pool.take_lines()
