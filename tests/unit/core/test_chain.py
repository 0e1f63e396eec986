"""Journal lines and the proof: any edit, removal, exchange or insertion is found, and told with file and line."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core.chain import (
    FORMAT_VERSION,
    GENESIS,
    HEADER_KIND,
    MAX_LINE,
    Begin,
    Facts,
    Head,
    Stamp,
    content,
    file_name,
    journal_files,
    link,
    parse,
    read,
)
from appliance.core.chain_errors import JournalFactsRefused, JournalUnreadable
from appliance.core.chain_verify import MAX_PROBLEMS, ProblemKind, Verification, verify

STAMP = Stamp(1_795_500_000_000_000, "held", bytes(range(16)).hex(), 5_000_000)
VALUES = st.text(max_size=20) | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
FACTS = st.dictionaries(st.text(max_size=8), VALUES, max_size=4)


def header(before: Head, previous_file: str, reason: Begin = Begin.ROTATED) -> tuple[bytes, Head]:
    facts = {"version": FORMAT_VERSION, "reason": reason.value, "previous": before.hash, "previous_file": previous_file}
    return link(before, content(STAMP, HEADER_KIND, facts))


def make(directory: Path, counts: list[int]) -> tuple[list[Path], list[Head]]:
    """A journal of as many files, each with so many lines behind its first one. Returns all heads too."""
    directory.mkdir(exist_ok=True)
    for old in directory.iterdir():
        old.unlink()
    head, heads, name = Head(0, GENESIS), [], ""
    for index, count in enumerate(counts):
        path = directory / file_name("recorder", head.sequence + 1)
        line, head = header(head, name, Begin.ROTATED if index else Begin.FIRST)
        lines, name = [line], path.name
        heads.append(head)
        for number in range(count):
            line, head = link(head, content(STAMP, "hour-erased", {"camera": "entrée", "count": number}))
            lines.append(line)
            heads.append(head)
        path.write_bytes(b"".join(lines))
    return journal_files(directory, "recorder"), heads


def kinds(found: Verification) -> list[ProblemKind]:
    return [problem.kind for problem in found.problems]


@given(FACTS, st.integers(0, 1 << 60))
def test_a_line_decodes_to_what_was_entered(facts: dict[str, str | int | float | bool], before: int) -> None:
    line, head = link(Head(before, GENESIS), content(STAMP, "camera-lost", facts))
    decoded = parse(line)
    assert (decoded.sequence, decoded.kind, decoded.stamp, decoded.hash) == (
        before + 1,
        "camera-lost",
        STAMP,
        head.hash,
    )
    assert decoded.facts == facts
    assert line.count(b"\n") == 1


def test_a_file_name_that_is_no_utf8_survives() -> None:
    facts = {"file": b"caf\xe9.mp4".decode("utf-8", "surrogateescape")}
    assert parse(link(Head(0, GENESIS), content(STAMP, "found", facts))[0]).facts == facts


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("Two Words", {}),
        ("", {}),
        ("a", {"x": float("nan")}),
        ("a", {"x": [1]}),
        ("a", {"x": None}),
        ("a", {"x": 10**5000}),
        ("a", {"x": "y" * MAX_LINE}),
    ],
)
def test_facts_that_no_line_can_hold_are_refused(kind: str, facts: Facts) -> None:
    with pytest.raises(JournalFactsRefused):
        content(STAMP, kind, facts)


def test_a_whole_journal_holds(tmp_path: Path) -> None:
    files, heads = make(tmp_path, [3, 0, 5])
    found = verify(files, heads)
    assert (found.ok, found.lines, found.first, found.head, found.torn) == (True, 11, 1, heads[-1], 0)


def test_no_journal_at_all_holds_only_without_anchors() -> None:
    assert verify([]).ok
    assert kinds(verify([], [Head(4, "a" * 64)])) == [ProblemKind.TRUNCATED]


@given(st.data())
def test_any_edit_of_any_byte_is_found(tmp_path: Path, data: st.DataObject) -> None:
    files, heads = make(tmp_path, [4, 3])
    path = files[data.draw(st.integers(0, 1))]
    raw = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    found = verify(files, [heads[-1]])
    assert not found.ok
    line = bytes(raw[:place]).count(b"\n") + 1
    ends_file = place == len(raw) - 1  # its newline: the line is no whole line any more
    first = found.problems[0]
    assert ends_file or (first.file == path.name and first.line in {line, line + 1})


@given(st.data())
def test_any_removed_line_is_found_and_its_number_told(tmp_path: Path, data: st.DataObject) -> None:
    files, heads = make(tmp_path, [4, 3])
    index = data.draw(st.integers(0, 1))
    lines = files[index].read_bytes().splitlines(keepends=True)
    place = data.draw(st.integers(1, len(lines) - 1))
    gone = parse(lines.pop(place)).sequence
    files[index].write_bytes(b"".join(lines))
    found = verify(files, [heads[-1]])
    told = {n for p in found.problems if p.kind is not ProblemKind.BROKEN_LINE for n in range(p.first, p.last + 1)}
    assert told == {gone}


@given(st.data())
def test_any_exchange_of_lines_is_found(tmp_path: Path, data: st.DataObject) -> None:
    files, heads = make(tmp_path, [6])
    lines = files[0].read_bytes().splitlines(keepends=True)
    one, other = data.draw(st.lists(st.integers(0, 6), min_size=2, max_size=2, unique=True))
    lines[one], lines[other] = lines[other], lines[one]
    files[0].write_bytes(b"".join(lines))
    found = verify(files, [heads[-1]])
    assert found.problems[0].line == min(one, other) + 1


@given(st.data())
def test_any_inserted_line_is_found(tmp_path: Path, data: st.DataObject) -> None:
    files, heads = make(tmp_path, [5])
    lines = files[0].read_bytes().splitlines(keepends=True)
    place = data.draw(st.integers(0, len(lines)))
    forged = link(heads[place - 1], content(STAMP, "forged", {}))[0]
    new = data.draw(st.sampled_from([*lines, forged, b"\n", b"{}\n", b"x" * (2 << 20) + b"\n"]))
    lines.insert(place, new)
    files[0].write_bytes(b"".join(lines))
    found = verify(files, [heads[-1]])
    if place == len(lines) - 1 and new is forged:
        # A line chained on at the very end by somebody who knows the format is a correct line: no anchor beyond it.
        assert found.ok
    else:
        assert not found.ok
        assert found.problems[0].line in {place + 1, place + 2}


@given(st.integers(0, 7))
def test_lines_removed_at_the_end_are_seen_with_an_anchor_and_only_then(tmp_path: Path, kept: int) -> None:
    files, heads = make(tmp_path, [8])
    lines = files[0].read_bytes().splitlines(keepends=True)
    files[0].write_bytes(b"".join(lines[: kept + 1]))
    assert verify(files).ok
    found = verify(files, [heads[-1]])
    assert kinds(found) == [ProblemKind.TRUNCATED]
    assert (found.problems[0].first, found.problems[0].last) == (kept + 2, 9)
    assert verify(files, [heads[kept]]).ok


def test_a_journal_written_anew_is_seen_with_an_anchor_and_only_then(tmp_path: Path) -> None:
    _files, heads = make(tmp_path, [8])
    files, _new = make(tmp_path, [3, 9])
    assert verify(files).ok
    found = verify(files, [heads[6]])
    assert kinds(found) == [ProblemKind.ANCHOR]
    assert (found.problems[0].file, found.problems[0].line) == (files[1].name, 3)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=5), st.data())
def test_a_missing_file_is_named(tmp_path: Path, counts: list[int], data: st.DataObject) -> None:
    files, heads = make(tmp_path, counts)
    gone = files.pop(data.draw(st.integers(0, len(files) - 1)))
    found = verify(files, [heads[-1]])
    assert len(found.problems) == 1
    lines = len(gone.read_bytes().splitlines())
    first = parse(gone.read_bytes().splitlines()[0]).sequence
    problem = found.problems[0]
    assert (problem.first, problem.last) == (first, first + lines - 1)
    if problem.kind is not ProblemKind.TRUNCATED:  # the last file: nothing after it names it, the anchor tells
        assert (problem.kind, problem.file) == (ProblemKind.MISSING_FILE, gone.name)


def test_files_whose_time_is_over_may_be_missing_and_no_others(tmp_path: Path) -> None:
    files, _heads = make(tmp_path, [3, 3, 3])
    assert kinds(verify(files[1:])) == [ProblemKind.MISSING_FILE]
    assert verify(files[1:], kept_from=5).ok
    assert kinds(verify(files[1:], kept_from=4)) == [ProblemKind.MISSING_FILE]


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    files, _heads = make(tmp_path, [3, 3])
    files[0].unlink()
    assert ProblemKind.MISSING_FILE in kinds(verify(files))


def test_lines_missing_at_the_end_of_an_older_file(tmp_path: Path) -> None:
    files, _heads = make(tmp_path, [3, 3])
    lines = files[0].read_bytes().splitlines(keepends=True)
    files[0].write_bytes(b"".join(lines[:-2]) + lines[-2][:40])
    found = verify(files)
    assert set(kinds(found)) == {ProblemKind.MISSING_LINES, ProblemKind.TORN}
    assert [(p.first, p.last) for p in found.problems if p.kind is ProblemKind.MISSING_LINES] == [(3, 4)]


def test_exchanged_files_are_found(tmp_path: Path) -> None:
    files, _heads = make(tmp_path, [3, 3, 3])
    assert not verify([files[0], files[2], files[1]]).ok
    assert not verify([files[0], files[0], files[1], files[2]]).ok


@given(st.binary(min_size=1, max_size=200).filter(lambda raw: b"\n" not in raw))
def test_an_unfinished_line_at_the_end_of_the_newest_file_is_no_problem(tmp_path: Path, torn: bytes) -> None:
    files, heads = make(tmp_path, [3, 3])
    files[1].write_bytes(files[1].read_bytes() + torn)
    found = verify(files, [heads[-1]])
    assert (found.ok, found.torn, found.lines) == (True, len(torn), 8)
    assert [line.sequence for line in read(files)] == list(range(1, 9))


@given(st.binary(max_size=3000))
@settings(max_examples=50)
def test_no_bytes_whatever_break_the_pass(tmp_path: Path, noise: bytes) -> None:
    files, _heads = make(tmp_path, [3])
    files[0].write_bytes(noise + b"\n")
    assert not verify(files).ok


def test_a_file_of_noise_tells_some_problems_and_counts_all(tmp_path: Path) -> None:
    path = tmp_path / file_name("recorder", 1)
    path.write_bytes(b"x\n" * 1000 + b"y" * (3 << 20))
    found = verify([path])
    assert (len(found.problems), found.count, found.torn) == (MAX_PROBLEMS, 1001, 3 << 20)


def test_read_goes_on_behind_a_number_and_opens_no_file_before_it(tmp_path: Path) -> None:
    files, _heads = make(tmp_path, [3, 3, 3])
    files[0].write_bytes(b"not read")
    assert [line.sequence for line in read(files, after=5)] == [6, 7, 8, 9, 10, 11, 12]
    assert [line.sequence for line in read(files, after=12)] == []


def test_read_stops_at_what_is_no_line(tmp_path: Path) -> None:
    files, _heads = make(tmp_path, [1])
    files[0].write_bytes(files[0].read_bytes() + b'{"n":3}\n')
    with pytest.raises(JournalUnreadable):
        list(read(files))


def test_other_journals_in_the_folder_are_not_taken(tmp_path: Path) -> None:
    files, _heads = make(tmp_path, [1])
    for name in ("recorder.lock", "web-000000000001.log", "recorder-b-000000000001.log", "recorder-1.log"):
        (tmp_path / name).write_text("", encoding="ascii")
    assert journal_files(tmp_path, "recorder") == files


def test_a_line_is_plain_json_with_its_hash_last(tmp_path: Path) -> None:
    files, heads = make(tmp_path, [1])
    raw = json.loads(files[0].read_bytes().splitlines()[1])
    assert list(raw) == ["n", "utc_us", "clock", "boot", "mono_us", "kind", "facts", "hash"]
    assert raw["hash"] == heads[1].hash


@pytest.mark.full
def test_a_million_lines_are_verified_in_ten_seconds(tmp_path: Path) -> None:
    files, heads = make(tmp_path, [50_000] * 20)
    before = time.process_time()
    found = verify(files, [heads[-1]])
    spent = time.process_time() - before
    assert (found.ok, found.lines) == (True, 1_000_020)
    assert spent <= 10.0
