"""Slices: the budget follows what ticks take, the queue loses and repeats nothing, the writer keeps to its time."""

import asyncio
import os
from functools import partial
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.clock import SimulatedClock
from appliance.core.units import BLOCK
from appliance.ring.disks.disk import Disk, Flush, format_disk
from appliance.ring.slices import (
    CALM_EVERY,
    CALM_US,
    MAX_BUDGET,
    MIN_BUDGET,
    PIECE,
    START_BUDGET,
    TARGET_US,
    SliceBudget,
    SliceQueue,
)
from appliance.ring.writer import SLICES_US, DiskWriter, Slice, TickJob
from tests.peers.ring_rig import SMALL


class TestBudget:
    def test_nothing_is_taken_before_a_tick_without_has_been_seen(self) -> None:
        budget = SliceBudget()
        assert budget.next() == 0
        budget.learn(5_000, 0)
        assert budget.next() == START_BUDGET

    def test_a_fast_disk_is_given_all_of_it(self) -> None:
        budget = SliceBudget()
        for _ in range(60):
            size = budget.next()
            budget.learn(5_000 + size // 2000, size)
        assert budget.size == MAX_BUDGET

    def test_a_tick_that_goes_late_costs_the_next_at_once(self) -> None:
        budget = SliceBudget(size=MAX_BUDGET)
        budget.learn(5_000, 0)
        budget.learn(85_000, budget.next())
        assert budget.next() == MAX_BUDGET // 4

    def test_a_few_blocks_in_a_slow_tick_are_not_its_reason(self) -> None:
        budget = SliceBudget(size=MAX_BUDGET)
        budget.learn(5_000, 0)
        budget.learn(500_000, BLOCK)
        assert budget.size == MAX_BUDGET

    def test_every_so_often_a_tick_goes_without(self) -> None:
        budget = SliceBudget()
        budget.learn(5_000, 0)
        sizes = []
        for _ in range(2 * CALM_EVERY + 2):
            sizes.append(budget.next())
            budget.learn(5_000, sizes[-1])
        assert [i for i, size in enumerate(sizes) if size == 0] == [CALM_EVERY, 2 * CALM_EVERY + 1]

    @given(
        usual=st.integers(1_000, 60_000),
        rate=st.integers(2_000_000, 400_000_000),
        seed=st.integers(0, 1000),
    )
    def test_on_any_disk_the_delay_settles_below_the_promise(self, usual: int, rate: int, seed: int) -> None:
        """`rate`: bytes a second the disk takes beside the recording."""
        noise = Random(seed)
        budget = SliceBudget()
        delays = []
        for i in range(200):
            size = budget.next()
            assert size == 0 or MIN_BUDGET <= size <= MAX_BUDGET
            assert size % BLOCK == 0
            delay = size * 1_000_000 // rate
            budget.learn(usual + delay + noise.randrange(3_000), size)
            if i > 60:
                delays.append(delay)
        assert max(delays) <= max(TARGET_US + 10_000, MIN_BUDGET * 1_000_000 // rate)

    @given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, MAX_BUDGET), st.booleans()), max_size=60))
    def test_it_stays_within_its_bounds(self, ticks: list[tuple[int, int, bool]]) -> None:
        budget = SliceBudget()
        for took, sliced, cut in ticks:
            budget.learn(took, sliced, cut=cut)
            assert MIN_BUDGET <= budget.size <= MAX_BUDGET
            assert budget.size % BLOCK == 0

    def test_the_bounds_leave_room_for_the_flush(self) -> None:
        assert CALM_US < TARGET_US < SLICES_US < 50_000


def _queue() -> tuple[SliceQueue, list[int]]:
    closed: list[int] = []
    queue = SliceQueue(closed.append)
    queue.budget.learn(5_000, 0)
    return queue, closed


async def test_urgent_data_go_first_and_all_of_it_is_done_in_order() -> None:
    queue, _ = _queue()
    slow = queue.put(3, 0, bytes(BLOCK * 4))
    first = queue.put(4, BLOCK, bytes(PIECE + BLOCK), urgent=True)
    taken = queue.take()
    assert [(s.fd, s.offset, len(s.data)) for s in taken] == [
        (4, BLOCK, PIECE),
        (4, BLOCK + PIECE, BLOCK),
        (3, 0, 4 * BLOCK),
    ]
    queue.settle(2, 5_000)
    assert first.done()
    assert not slow.done()
    assert [s.fd for s in queue.take()] == [3]
    queue.settle(1, 5_000)
    assert slow.done()
    assert queue.waiting() == 0


@pytest.mark.full
@given(
    sizes=st.lists(st.integers(1, 300), min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 8), min_size=60, max_size=60),
)
def test_every_byte_is_written_once_whatever_the_ticks_leave(sizes: list[int], cuts: list[int]) -> None:
    async def run() -> None:
        queue, _ = _queue()
        written: dict[int, bytearray] = {}
        data = [Random(i).randbytes(size * BLOCK) for i, size in enumerate(sizes)]
        futures = [queue.put(i, 0, d, urgent=i % 3 == 0) for i, d in enumerate(data)]
        for cut in cuts * 4:
            slices = queue.take()
            assert sum(len(s.data) for s in slices) <= max(queue.budget.size, 0)
            for piece in slices[:cut]:
                file = written.setdefault(piece.fd, bytearray())
                assert piece.offset == len(file), "in order, nothing twice"
                file += piece.data
            queue.settle(min(cut, len(slices)), 5_000)
            for i, future in enumerate(futures):
                assert future.done() == (bytes(written.get(i, b"")) == data[i]), (
                    "done exactly when all of it is durable"
                )

    asyncio.run(run())


async def test_what_nobody_waits_for_any_more_is_not_written() -> None:
    queue, _ = _queue()
    given_up, wanted = queue.put(3, 0, bytes(BLOCK)), queue.put(4, 0, bytes(BLOCK))
    given_up.cancel()
    assert [s.fd for s in queue.take()] == [4]
    queue.settle(1, 5_000)
    assert wanted.done()


async def test_a_failed_disk_tells_whoever_waits_and_takes_no_more() -> None:
    queue, closed = _queue()
    waiting = queue.put(3, 0, bytes(BLOCK))
    closing = queue.close_fd(3)
    queue.take()
    queue.fail(OSError(5, "EIO"))
    later = [queue.put(4, 0, bytes(BLOCK)), queue.close_fd(5)]
    for future in (waiting, closing, *later):
        with pytest.raises(OSError, match="EIO"):
            await future
    assert closed == [3, 5], "no descriptor is lost"
    assert queue.take() == []


async def test_a_ring_that_stops_gives_up_what_waits() -> None:
    queue, closed = _queue()
    future, closing = queue.put(3, 0, bytes(BLOCK)), queue.close_fd(3)
    queue.close()
    assert future.cancelled()
    assert closing.cancelled()
    assert closed == [3]


async def test_only_whole_blocks_are_taken() -> None:
    queue, _ = _queue()
    for offset, size in ((1, BLOCK), (0, BLOCK - 1), (0, 0)):
        with pytest.raises(ValueError, match="whole blocks"):
            await queue.put(3, offset, bytes(size))


class SlowClock(SimulatedClock):
    """Every look at it takes so long."""

    step_us = 0

    def monotonic_us(self) -> int:
        self._monotonic_us += self.step_us
        return super().monotonic_us()


def _slices(fd: int, count: int) -> list[Slice]:
    return [Slice(fd, i * BLOCK, memoryview(bytes([i + 1]) * BLOCK), overwrites=False) for i in range(count)]


def test_the_writer_stops_when_its_time_is_over_but_writes_one(tmp_path: Path) -> None:
    format_disk(tmp_path, SMALL, 1)
    disk, clock = Disk(tmp_path), SlowClock()
    writer = DiskWriter(disk, clock)
    fd = disk.open_file(tmp_path / "copy", create=True)
    try:
        for step, written in ((0, 5), (SLICES_US // 2, 3), (SLICES_US * 2, 1)):
            clock.step_us = step
            result = writer.tick(TickJob(slices=_slices(fd, 5)))
            assert (result.error, result.slices, result.flushes) == (None, written, 1)
        assert (tmp_path / "copy").read_bytes() == b"".join(bytes([i + 1]) * BLOCK for i in range(5))
    finally:
        os.close(fd)
        writer.close()
        disk.close()


def test_the_flush_is_asked_of_a_file_whose_extents_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    format_disk(tmp_path, SMALL, 1)
    disk = Disk(tmp_path)
    disk.flush_mode = Flush.ONE if disk.flush_mode.direct else disk.flush_mode
    writer = DiskWriter(disk, SimulatedClock())
    asked: list[int] = []

    def flush(written: list[int]) -> int:
        asked.append(written[-1])
        return 1

    monkeypatch.setattr(disk, "flush", flush)
    fds = [disk.open_file(tmp_path / name, create=True) for name in ("fresh", "old")]
    try:
        fresh, old = (Slice(fd, 0, memoryview(bytes(BLOCK)), fd == fds[1]) for fd in fds)
        writer.tick(TickJob(slices=[fresh, old]))
        writer.tick(TickJob(slices=[old, fresh]))
        writer.tick(TickJob(slices=[old]))
        assert asked == [fds[0], fds[0], fds[1]]
    finally:
        for fd in fds:
            os.close(fd)
        writer.close()
        disk.close()


def test_a_descriptor_is_closed_behind_its_data(tmp_path: Path) -> None:
    format_disk(tmp_path, SMALL, 1)
    disk = Disk(tmp_path)
    writer = DiskWriter(disk, SimulatedClock())
    fd = disk.open_file(tmp_path / "copy", create=True)
    result = writer.tick(TickJob(slices=[*_slices(fd, 2), Slice(fd, 0, memoryview(b""), overwrites=True)]))
    assert (result.error, result.slices) == (None, 3)
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)
    writer.close()
    disk.close()


async def test_a_slice_that_is_refused_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await asyncio.to_thread(format_disk, tmp_path, SMALL, 1)
    disk = await asyncio.to_thread(Disk, tmp_path)
    writer = DiskWriter(disk, SimulatedClock())
    queue = SliceQueue(writer.close_later)
    queue.budget.learn(5_000, 0)
    open_file = partial(disk.open_file, create=True)
    fds = [await asyncio.to_thread(open_file, tmp_path / name) for name in ("full", "good")]
    write = os.pwrite

    def full(fd: int, data: memoryview, offset: int) -> int:
        if fd == fds[0]:
            raise OSError(28, "No space left on device")
        return write(fd, data, offset)

    monkeypatch.setattr(os, "pwrite", full)
    bad, good = queue.put(fds[0], 0, bytes(2 * PIECE)), queue.put(fds[1], 0, bytes(BLOCK))
    closing = queue.close_fd(fds[0])
    result = await asyncio.to_thread(writer.tick, TickJob(slices=queue.take()))
    assert (result.error, result.flushes) == (None, 1), "the disk is none the worse"
    queue.settle(result.slices, result.took_us, result.refused)
    with pytest.raises(OSError, match="No space"):
        await bad
    assert good.done()
    assert closing.done()
    assert queue.waiting() == 0
    await asyncio.to_thread(writer.close, [fds[1]])
    await asyncio.to_thread(disk.close)


def test_a_disk_that_takes_no_slice_and_no_heartbeat_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    format_disk(tmp_path, SMALL, 1)
    disk = Disk(tmp_path)
    writer = DiskWriter(disk, SimulatedClock())
    fd = disk.open_file(tmp_path / "copy", create=True)

    def dead(_fd: int, _data: memoryview, _offset: int) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pwrite", dead)
    assert writer.tick(TickJob(slices=_slices(fd, 1))).error is not None
    writer.close([fd])
    disk.close()
