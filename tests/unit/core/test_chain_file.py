"""The files of a journal: crashes at every byte, full and failing disks, rotation, damage, two writers."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.chain import GENESIS, HEADER_KIND, Begin, journal_files, read
from appliance.core.chain_errors import (
    JournalDamaged,
    JournalFactsRefused,
    JournalInUse,
)
from appliance.core.chain_file import ChainFile, JournalSettings
from appliance.core.chain_verify import ProblemKind, verify
from tests.unit.core.chain_rig import STAMP, Faults, counts, holds, lines, lived, names, opened, record


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
