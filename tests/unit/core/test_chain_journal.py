"""A journal being written: crashes, full and failing disks, rotation, two writers; nothing is lost in silence."""

import asyncio
import contextlib
import errno
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.chain import GENESIS, HEADER_KIND, Begin, Head, Line, Stamp, content, journal_files, read
from appliance.core.chain_errors import (
    JournalDamaged,
    JournalFactsRefused,
    JournalInUse,
    JournalLinesLost,
    JournalWriteFailed,
)
from appliance.core.chain_file import ChainFile, JournalFile, JournalSettings, SystemFile
from appliance.core.chain_journal import CUT_KIND, LOST_KIND, Journal
from appliance.core.chain_verify import ProblemKind, verify
from appliance.core.clock import SimulatedClock

STAMP = Stamp(1_795_500_000_000_000, "held", bytes(16).hex(), 5_000_000)
NEVER_S = 3600.0
"""Seconds between group flushes where only `flush()` and durable kinds are to flush: the simulated clock stands."""


def names(directory: Path, rotate_bytes: int = 1 << 20) -> JournalSettings:
    return JournalSettings(directory, "recorder", "box-7", "Collège Jean-Zay", rotate_bytes)


@dataclass
class Faults:
    """Errors to come, and what was asked of the files: a disk as an opener sees it."""

    write: int | None = None  # errno of every write
    room: int | None = None  # bytes that may still be written before ENOSPC
    sync: int | None = None
    open: int | None = None
    syncs: int = 0
    sizes: dict[Path, int] = field(default_factory=dict)  # bytes durable at the last flush

    def __call__(self, path: Path) -> JournalFile:
        if self.open is not None:
            raise OSError(self.open, os.strerror(self.open))
        return FaultyFile(path, self)


class FaultyFile(SystemFile):
    def __init__(self, path: Path, faults: Faults) -> None:
        super().__init__(path)
        self.path, self.faults = path, faults

    def write(self, data: bytes) -> int:
        faults = self.faults
        if faults.write is not None:
            raise OSError(faults.write, os.strerror(faults.write))
        if faults.room is not None:
            data = data[: faults.room]
            faults.room -= len(data)
            if not data:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)

    def sync(self) -> None:
        if self.faults.sync is not None:
            raise OSError(self.faults.sync, os.strerror(self.faults.sync))
        self.faults.syncs += 1
        self.faults.sizes[self.path] = self.path.stat().st_size


def record(number: int) -> bytes:
    return content(STAMP, "hour-erased", {"count": number})


def opened(directory: Path, opener: Callable[[Path], JournalFile] = SystemFile, rotate: int = 1 << 20) -> ChainFile:
    file = ChainFile(names(directory, rotate), lambda: STAMP, opener)
    file.ready()
    return file


def lived(directory: Path, number: int) -> Head:
    """One start, one line, one clean end."""
    file = opened(directory)
    file.write([record(number)])
    file.sync()
    file.close()
    return file.durable


def lines(directory: Path) -> list[Line]:
    return list(read(journal_files(directory, "recorder")))


def counts(directory: Path) -> list[int]:
    return [int(line.facts["count"]) for line in lines(directory) if line.kind == "hour-erased"]


def holds(directory: Path, anchors: Sequence[Head] = ()) -> bool:
    return verify(journal_files(directory, "recorder"), anchors).ok


class TestFiles:
    """ChainFile: one call after the other, no thread."""

    def test_the_first_line_says_whose_journal_it_is(self, tmp_path: Path) -> None:
        opened(tmp_path).close()
        facts = lines(tmp_path)[0].facts
        assert (facts["process"], facts["appliance"], facts["site"]) == ("recorder", "box-7", "Collège Jean-Zay")
        assert (facts["reason"], facts["previous"], facts["version"]) == ("first", GENESIS, 1)

    def test_a_restart_goes_on_in_the_same_file(self, tmp_path: Path) -> None:
        heads = [lived(tmp_path, number) for number in range(3)]
        assert counts(tmp_path) == [0, 1, 2]
        assert len(journal_files(tmp_path, "recorder")) == 1
        assert holds(tmp_path, heads)

    @given(st.lists(st.integers(0, 30), max_size=12), st.integers(300, 3000))
    def test_rotation_loses_nothing(self, tmp_path: Path, groups: list[int], rotate: int) -> None:
        for old in tmp_path.iterdir():
            old.unlink()
        file = opened(tmp_path, rotate=rotate)
        total = 0
        for group in groups:
            file.ready()
            file.write([record(total + number) for number in range(group)])
            file.sync()
            total += group
        file.close()
        assert counts(tmp_path) == list(range(total))
        assert holds(tmp_path, [file.durable])
        paths = journal_files(tmp_path, "recorder")
        assert all(path.stat().st_size >= rotate for path in paths[:-1])

    @given(st.data())
    def test_a_torn_tail_is_cut_and_nothing_else(self, tmp_path: Path, data: st.DataObject) -> None:
        """A power cut between write and flush: the file ends at any byte behind what was flushed."""
        for old in tmp_path.iterdir():
            old.unlink()
        faults = Faults()
        file = opened(tmp_path, faults)
        file.write([record(number) for number in range(3)])
        file.sync()
        file.write([record(number) for number in range(3, 7)])
        file.close()
        anchor = file.durable
        path = journal_files(tmp_path, "recorder")[-1]
        end = data.draw(st.integers(faults.sizes[path], path.stat().st_size))
        raw = path.read_bytes()[:end]
        path.write_bytes(raw)
        again = opened(tmp_path)
        again.write([record(99)])
        again.sync()
        again.close()
        left = raw.count(b"\n") - 1
        assert left >= 3
        assert counts(tmp_path) == [*range(left), 99]
        assert again.cut == len(raw) - raw.rindex(b"\n") - 1
        assert again.damage is None
        assert holds(tmp_path, [anchor, again.durable])

    @pytest.mark.parametrize("kept", [0, 1, 100])
    def test_a_crash_at_a_rotation_goes_on_behind_the_old_file(self, tmp_path: Path, kept: int) -> None:
        file = opened(tmp_path, rotate=300)
        file.write([record(number) for number in range(3)])
        file.sync()
        file.ready()  # begins the second file
        file.close()
        second = journal_files(tmp_path, "recorder")[1]
        second.write_bytes(second.read_bytes()[:kept])
        again = opened(tmp_path)
        again.write([record(3)])
        again.sync()
        again.close()
        assert (again.cut, again.damage) == (kept, None)
        assert counts(tmp_path) == [0, 1, 2, 3]
        assert holds(tmp_path, [again.durable])

    def test_zeros_behind_the_last_line_are_cut(self, tmp_path: Path) -> None:
        """What a filesystem leaves when the size was durable and the data was not."""
        opened(tmp_path).close()
        path = journal_files(tmp_path, "recorder")[0]
        path.write_bytes(path.read_bytes() + bytes(70_000))
        again = opened(tmp_path)
        again.close()
        assert (again.cut, holds(tmp_path)) == (70_000, True)

    @given(st.data())
    def test_a_damaged_file_is_kept_aside_and_a_new_one_says_why(self, tmp_path: Path, data: st.DataObject) -> None:
        for old in tmp_path.iterdir():
            old.unlink()
        file = opened(tmp_path)
        file.write([record(number) for number in range(5)])
        file.sync()
        file.close()
        path = journal_files(tmp_path, "recorder")[0]
        raw = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(raw) - 2))
        raw[place] ^= data.draw(st.integers(1, 255))
        path.write_bytes(raw)
        heads = [lived(tmp_path, number) for number in (10, 11)]  # the second start finds nothing more to do
        kept, new = journal_files(tmp_path, "recorder")
        assert kept.read_bytes() == bytes(raw)
        assert kept.name == "recorder-000000000001.damaged.log"
        facts = next(read([new])).facts
        assert (facts["reason"], facts["previous_file"]) == ("damaged", kept.name)
        assert int(facts["line"]) - 1 <= raw[:place].count(b"\n") + 1
        assert [line.facts["count"] for line in read([new]) if line.kind != HEADER_KIND] == [10, 11]
        found = verify([kept, new], heads)
        assert {problem.file for problem in found.problems} == {kept.name}
        assert found.problems[0].line == facts["line"]

    def test_a_crash_after_setting_aside_begins_the_new_file_at_the_next_start(self, tmp_path: Path) -> None:
        opened(tmp_path).close()
        path = journal_files(tmp_path, "recorder")[0]
        path.write_bytes(path.read_bytes().replace(b"box-7", b"box-8"))
        faults = Faults(open=errno.ENOSPC)
        file = ChainFile(names(tmp_path), lambda: STAMP, faults)
        with pytest.raises(OSError, match="No space"):
            file.ready()
        file.close()
        assert [found.name for found in journal_files(tmp_path, "recorder")] == ["recorder-000000000001.damaged.log"]
        again = opened(tmp_path)
        assert isinstance(again.damage, JournalDamaged)
        again.close()
        assert len(journal_files(tmp_path, "recorder")) == 2

    def test_a_removed_damaged_file_is_missed(self, tmp_path: Path) -> None:
        opened(tmp_path).close()
        path = journal_files(tmp_path, "recorder")[0]
        path.write_bytes(path.read_bytes().replace(b"box-7", b"box-8"))
        opened(tmp_path).close()
        kept, new = journal_files(tmp_path, "recorder")
        found = verify([new])
        assert [(p.kind, p.file) for p in found.problems] == [(ProblemKind.MISSING_FILE, kept.name)]

    def test_a_second_writer_is_refused_until_the_first_is_gone(self, tmp_path: Path) -> None:
        first = opened(tmp_path)
        with pytest.raises(JournalInUse):
            opened(tmp_path)
        first.close()
        opened(tmp_path).close()

    def test_the_lock_dies_with_a_killed_process(self, tmp_path: Path) -> None:
        code = (
            "import sys; from pathlib import Path; from appliance.core.chain import Stamp;"
            "from appliance.core.chain_file import ChainFile, JournalSettings;"
            "f = ChainFile(JournalSettings(Path(sys.argv[1]), 'recorder', 'a', 'b'), lambda: Stamp(1, 'x', '', 1));"
            "f.ready(); print('ready', flush=True); sys.stdin.read()"
        )
        command = [sys.executable, "-c", code, str(tmp_path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"ready\n"
            with pytest.raises(JournalInUse):
                opened(tmp_path)
            other.kill()
        again = opened(tmp_path)
        again.close()
        assert (again.cut, again.damage, holds(tmp_path)) == (0, None, True)

    @pytest.mark.parametrize("last", [b"", b"no line\n"])
    def test_a_number_of_a_damaged_file_is_not_given_again(self, tmp_path: Path, last: bytes) -> None:
        file = opened(tmp_path)
        file.write([record(number) for number in range(6)])
        file.sync()
        file.close()
        path = journal_files(tmp_path, "recorder")[0]
        raw = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([*raw[:2], *raw[5:], last]))
        opened(tmp_path).close()
        files = journal_files(tmp_path, "recorder")
        assert next(read(files[1:])).sequence > 7
        missing = [p for p in verify(files).problems if p.kind is ProblemKind.MISSING_LINES]
        assert [(p.first, p.last) for p in missing] == [(3, 5)]

    @given(st.integers(0, 700))
    def test_a_full_disk_at_any_byte_forks_nothing(self, tmp_path: Path, room: int) -> None:
        for old in tmp_path.iterdir():
            old.unlink()
        faults = Faults()
        file = opened(tmp_path, faults, rotate=600)
        faults.room = room
        left = [record(number) for number in range(4)]
        for _try in range(8):
            try:
                file.ready()
                file.write(left[:1])
                file.sync()
                left.pop(0)
            except OSError:
                faults.room = None  # space is free again
            if not left:
                break
        file.close()
        assert counts(tmp_path) == [0, 1, 2, 3]
        assert holds(tmp_path, [file.durable])

    def test_a_failed_flush_is_not_retried_on_the_same_file(self, tmp_path: Path) -> None:
        faults = Faults()
        file = opened(tmp_path, faults)
        file.write([record(0)])
        file.sync()
        durable = file.durable
        file.write([record(1)])
        faults.sync = errno.EIO
        with pytest.raises(OSError, match="Input/output"):
            file.sync()
        assert file.head == file.durable == durable
        with pytest.raises(OSError, match="Input/output"):
            file.ready()
        faults.sync = None
        file.ready()
        file.write([record(1)])
        file.sync()
        file.close()
        paths = journal_files(tmp_path, "recorder")
        assert [next(read([path])).facts["reason"] for path in paths] == [Begin.FIRST, Begin.FLUSH_FAILED]
        assert counts(tmp_path) == [0, 1]
        assert holds(tmp_path, [file.durable])

    @pytest.mark.parametrize("process", ["", "Recorder", "a/b", "a b", "../x"])
    def test_a_name_that_makes_no_file_name_is_refused(self, tmp_path: Path, process: str) -> None:
        with pytest.raises(JournalFactsRefused):
            ChainFile(JournalSettings(tmp_path, process, "a", "b"), lambda: STAMP)


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
