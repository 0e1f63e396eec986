"""A journal as its process sees it: never blocked, nothing lost in silence."""

import asyncio
import contextlib
import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.chain import HEADER_KIND, journal_files
from appliance.core.chain_errors import (
    JournalDamaged,
    JournalFactsRefused,
    JournalInUse,
    JournalLinesLost,
    JournalWriteFailed,
)
from appliance.core.chain_file import JournalFile, SystemFile
from appliance.core.chain_journal import CUT_KIND, LOST_KIND, Journal
from appliance.core.clock import SimulatedClock
from tests.unit.core.chain_rig import Faults, FaultyFile, counts, holds, lines, names, opened

NEVER_S = 3600.0
"""Seconds between group flushes where only `flush()` and durable kinds are to flush: the simulated clock stands."""


class TestJournal:
    """Journal: the thread and what the process sees."""

    async def test_lines_are_stamped_when_they_are_appended(self, tmp_path: Path) -> None:
        clock = SimulatedClock()
        judgement = ["held"]
        journal = Journal(names(tmp_path), clock, clock_state=lambda: judgement[0], group_s=NEVER_S)
        await journal.open()
        then = clock.utc_us()
        journal.append("camera-lost", {"camera": "entrée"})
        clock.advance(10)
        judgement[0] = "verified"
        journal.append("camera-back", {"camera": "entrée"})
        await journal.close()
        told = [
            (line.kind, line.stamp.utc_us - then, line.stamp.clock)
            for line in (await asyncio.to_thread(lines, tmp_path))[1:]
        ]
        assert told == [("camera-lost", 0, "held"), ("camera-back", 10_000_000, "verified")]
        assert await asyncio.to_thread(holds, tmp_path, [journal.head()])

    async def test_one_flush_serves_all_that_waits(self, tmp_path: Path) -> None:
        faults = Faults()
        journal = Journal(names(tmp_path), SimulatedClock(), opener=faults, group_s=NEVER_S)
        await journal.open()
        before = faults.syncs
        for number in range(500):
            assert journal.append("hour-erased", {"count": number})
        head = await journal.flush()
        assert faults.syncs == before + 1
        assert (head, head.sequence) == (journal.head(), 501)
        await journal.close()
        assert (await asyncio.to_thread(counts, tmp_path)) == list(range(500))

    async def test_the_head_is_durable_only(self, tmp_path: Path) -> None:
        journal = Journal(names(tmp_path), SimulatedClock(), group_s=NEVER_S)
        await journal.open()
        head = journal.head()
        journal.append("hour-erased", {"count": 1})
        assert journal.head() == head
        assert journal.state().waiting_bytes > 0
        await journal.flush()
        assert journal.head().sequence == head.sequence + 1
        assert journal.state().waiting_bytes == 0
        await journal.close()

    async def test_a_durable_kind_is_flushed_without_being_asked(self, tmp_path: Path) -> None:
        synced = asyncio.Event()
        loop = asyncio.get_running_loop()

        class Telling(FaultyFile):
            def sync(self) -> None:
                super().sync()
                if b"hold-made" in self.path.read_bytes():
                    loop.call_soon_threadsafe(synced.set)

        journal = Journal(
            names(tmp_path),
            SimulatedClock(),
            opener=lambda path: Telling(path, Faults()),
            durable_kinds={"hold-made"},
            group_s=NEVER_S,
        )
        await journal.open()
        journal.append("hold-made", {"by": "capitaine"})
        await asyncio.wait_for(synced.wait(), 20)
        await journal.close()

    async def test_lines_become_durable_by_themselves_once_the_group_time_is_over(self, tmp_path: Path) -> None:
        synced = asyncio.Event()
        loop = asyncio.get_running_loop()

        class Telling(FaultyFile):
            def sync(self) -> None:
                super().sync()
                if b"hour-erased" in self.path.read_bytes():
                    loop.call_soon_threadsafe(synced.set)

        journal = Journal(names(tmp_path), SimulatedClock(), opener=lambda path: Telling(path, Faults()), group_s=0.01)
        await journal.open()
        journal.append("hour-erased", {"count": 1})
        await asyncio.wait_for(synced.wait(), 20)
        await journal.close()

    async def test_a_full_disk_never_blocks_and_the_loss_becomes_a_line(self, tmp_path: Path) -> None:
        faults, clock = Faults(), SimulatedClock()
        journal = Journal(names(tmp_path), clock, opener=faults, group_s=NEVER_S, queue_bytes=2000)
        await journal.open()
        faults.room = 100
        accepted = [number for number in range(40) if journal.append("hour-erased", {"count": number})]
        from_us = clock.utc_us()
        with pytest.raises(JournalWriteFailed):
            await journal.flush()
        clock.advance(7)
        assert not journal.append("hour-erased", {"count": 40})
        state = journal.state()
        assert state.lost == 41 - len(accepted)
        assert {type(fault) for fault in state.faults} == {JournalWriteFailed, JournalLinesLost}
        faults.room = None
        await journal.flush()
        assert journal.append("hour-erased", {"count": 41})
        await journal.close()
        assert (await asyncio.to_thread(counts, tmp_path)) == [*accepted, 41]
        lost = [line.facts for line in (await asyncio.to_thread(lines, tmp_path)) if line.kind == LOST_KIND]
        told = {"count": 41 - len(accepted), "from_utc_us": from_us, "to_utc_us": from_us + 7_000_000}
        assert lost == [told]
        assert {type(fault) for fault in journal.state().faults} == {JournalLinesLost}
        assert await asyncio.to_thread(holds, tmp_path, [journal.head()])

    async def test_a_failing_flush_keeps_lines_and_writes_them_into_a_new_file(self, tmp_path: Path) -> None:
        faults = Faults()
        journal = Journal(names(tmp_path), SimulatedClock(), opener=faults, group_s=NEVER_S)
        await journal.open()
        journal.append("hour-erased", {"count": 0})
        await journal.flush()
        faults.sync = errno.EIO
        journal.append("hour-erased", {"count": 1})
        for _try in range(2):
            with pytest.raises(JournalWriteFailed):
                await journal.flush()
        journal.append("hour-erased", {"count": 2})
        faults.sync = None
        await journal.flush()
        assert journal.state().faults == ()
        await journal.close()
        assert (await asyncio.to_thread(counts, tmp_path)) == [0, 1, 2]
        assert len(await asyncio.to_thread(journal_files, tmp_path, "recorder")) == 2
        assert await asyncio.to_thread(holds, tmp_path, [journal.head()])

    async def test_a_disk_that_refuses_at_the_start_is_a_fault_not_an_end(self, tmp_path: Path) -> None:
        faults = Faults(open=errno.EROFS)
        journal = Journal(names(tmp_path), SimulatedClock(), opener=faults, group_s=NEVER_S)
        await journal.open()
        assert [type(fault) for fault in journal.state().faults] == [JournalWriteFailed]
        assert journal.append("hour-erased", {"count": 0})
        faults.open = None
        await journal.flush()
        await journal.close()
        assert (await asyncio.to_thread(counts, tmp_path)) == [0]

    async def test_a_refusing_disk_is_tried_again_by_itself(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("appliance.core.chain_journal.RETRY_S", 0.01)
        synced = asyncio.Event()
        loop = asyncio.get_running_loop()
        refusals = [errno.ENOSPC] * 3

        def opener(path: Path) -> JournalFile:
            if refusals:
                number = refusals.pop()
                raise OSError(number, os.strerror(number))
            loop.call_soon_threadsafe(synced.set)
            return SystemFile(path)

        journal = Journal(names(tmp_path), SimulatedClock(), opener=opener, group_s=NEVER_S)
        await journal.open()
        await asyncio.wait_for(synced.wait(), 20)
        await journal.close()
        assert await asyncio.to_thread(holds, tmp_path, [journal.head()])

    async def test_a_cut_is_told_by_a_line(self, tmp_path: Path) -> None:
        (await asyncio.to_thread(opened, tmp_path)).close()
        path = (await asyncio.to_thread(journal_files, tmp_path, "recorder"))[0]
        path.write_bytes(path.read_bytes() + b'{"n":2,')
        journal = Journal(names(tmp_path), SimulatedClock(), group_s=NEVER_S)
        await journal.open()
        await journal.close()
        assert [(line.kind, line.facts) for line in (await asyncio.to_thread(lines, tmp_path))[1:]] == [
            (CUT_KIND, {"bytes": 7})
        ]

    async def test_damage_found_at_the_start_is_a_fault(self, tmp_path: Path) -> None:
        (await asyncio.to_thread(opened, tmp_path)).close()
        path = (await asyncio.to_thread(journal_files, tmp_path, "recorder"))[0]
        path.write_bytes(path.read_bytes().replace(b"box-7", b"box-8"))
        journal = Journal(names(tmp_path), SimulatedClock(), group_s=NEVER_S)
        await journal.open()
        assert [type(fault) for fault in journal.state().faults] == [JournalDamaged]
        await journal.close()

    async def test_two_writers(self, tmp_path: Path) -> None:
        first, second = (Journal(names(tmp_path), SimulatedClock(), group_s=NEVER_S) for _ in range(2))
        await first.open()
        with pytest.raises(JournalInUse):
            await second.open()
        first.append("hour-erased", {"count": 0})
        await first.close()
        assert await asyncio.to_thread(holds, tmp_path, [first.head()])

    async def test_after_closing_lines_are_counted_as_lost(self, tmp_path: Path) -> None:
        journal = Journal(names(tmp_path), SimulatedClock(), group_s=NEVER_S)
        await journal.open()
        await journal.close()
        await journal.close()
        assert not journal.append("hour-erased", {"count": 0})
        assert journal.state().lost == 1
        with pytest.raises(JournalWriteFailed):
            await journal.flush()

    async def test_kinds_of_the_journal_itself_are_refused(self, tmp_path: Path) -> None:
        journal = Journal(names(tmp_path), SimulatedClock(), group_s=NEVER_S)
        for kind in (HEADER_KIND, LOST_KIND, CUT_KIND):
            with pytest.raises(JournalFactsRefused):
                journal.append(kind, {})

    @given(st.lists(st.sampled_from(["append", "durable", "flush", "full", "eio", "well", "restart"]), max_size=25))
    def test_whatever_happens_every_accepted_line_is_there_once_in_order(
        self, tmp_path: Path, story: list[str]
    ) -> None:
        for old in tmp_path.iterdir():
            old.unlink()
        asyncio.run(_live(tmp_path, story))


async def _live(directory: Path, story: list[str]) -> None:
    """A journal's life; a restart comes when the disk is well, as a crash is another test's matter."""
    faults, anchors, accepted = Faults(), [], []
    journal = Journal(names(directory, 700), SimulatedClock(), opener=faults, durable_kinds={"x"}, group_s=NEVER_S)
    await journal.open()
    for step, event in enumerate([*story, "well"]):
        match event:
            case "append" | "durable":
                accepted.append(step)
                assert journal.append("hour-erased" if event == "append" else "x", {"count": step})
            case "flush" if faults.room is None and faults.sync is None:
                anchors.append(await journal.flush())
            case "full":
                faults.room = 150
            case "eio":
                faults.sync = errno.EIO
            case "well":
                faults.room = faults.sync = None
            case "restart" if faults.room is None and faults.sync is None:
                await journal.close()
                journal = Journal(names(directory, 700), SimulatedClock(), opener=faults, group_s=NEVER_S)
                await journal.open()
            case _:
                with contextlib.suppress(JournalWriteFailed):  # there may be nothing to write, or just enough room
                    await journal.flush()
        anchors.append(journal.head())
    await journal.close()
    assert [
        line.facts["count"] for line in (await asyncio.to_thread(lines, directory)) if "count" in line.facts
    ] == accepted
    assert await asyncio.to_thread(holds, directory, [*anchors, journal.head()])
