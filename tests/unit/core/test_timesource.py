"""The clock's sources as files, system call and program: read, absent, and answering nonsense."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import timesource
from appliance.core.clock import SimulatedClock
from appliance.core.judgement import Ntp, Record, Stamp, State, judge
from appliance.core.timesource import (
    ChronyUnanswered,
    KernelNtp,
    RecordNotSaved,
    TimeSource,
    chrony,
    kernel_ntp,
    load_record,
    read_rtc,
    save_record,
    stamp_of,
)

STAMP = Stamp(1_795_500_000_000_000, 5_000_000, b"\x00\xff" * 8)
RECORD = Record(
    STAMP.boot_id, STAMP, True, True, 1, 2, STAMP, STAMP, STAMP, STAMP, gap_us=3, anchored_us=4, disputed_boot=b"d" * 16
)
SYNCED = KernelNtp(unsynchronised=False, max_error_us=20_000, estimated_error_us=300)
TRACKING = "C0A80101,192.0.2.1,3,1795500000.1,0.000001,0.000002,0.00003,-11.0,0.0,0.02,0.001,0.002,64.2,{leap}\n"
SOURCES = (
    "^,*,192.0.2.1,2,6,377,23,0.0,0.0,0.0\n^,+,192.0.2.2,2,6,377,2,0.0,0.0,0.0\n^,?,192.0.2.3,0,6,0,9,0.0,0.0,0.0\n"
)

stamps = st.none() | st.builds(
    Stamp, st.integers(0, 2**60), st.integers(0, 2**60), st.binary(min_size=16, max_size=16)
)  # fmt: skip
numbers = st.none() | st.integers(-(2**60), 2**60)


def program(folder: Path, text: str) -> str:
    """A stand-in for chronyc: answers are files, its failures are real."""
    path = folder / "chronyc"
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
    path.chmod(0o755)
    return str(path)


def answering(folder: Path, tracking: str, sources: str) -> str:
    (folder / "tracking").write_text(tracking, encoding="ascii")
    (folder / "sources").write_text(sources, encoding="ascii")
    return program(folder, f'exec cat "{folder}/$3"')


def test_rtc_is_read_in_microseconds_and_its_absence_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "since_epoch"
    assert read_rtc(file) is None
    file.write_text("1795500000\n", encoding="ascii")
    assert read_rtc(file) == STAMP.utc_us
    file.write_text("\n", encoding="ascii")
    assert read_rtc(file) is None


def test_the_kernel_answers_without_privilege() -> None:
    told = kernel_ntp()
    assert not told.refused
    assert 0 <= told.estimated_error_us <= 16_000_000
    assert told.max_error_us >= 0
    if told.unsynchronised:
        assert not told.synchronised


@pytest.mark.parametrize(
    ("told", "synchronised"),
    [
        (SYNCED, True),
        (SYNCED._replace(unsynchronised=True), False),
        (SYNCED._replace(max_error_us=1_000_000), False),
        (SYNCED._replace(refused=True), False),
    ],
)
def test_the_kernels_word_counts_while_its_error_is_small(told: KernelNtp, synchronised: bool) -> None:
    assert told.synchronised is synchronised


def test_chrony_absent_is_none_and_present_counts_agreeing_servers(tmp_path: Path) -> None:
    assert chrony(str(tmp_path / "nothing")) is None
    normal = answering(tmp_path, TRACKING.format(leap="Normal"), SOURCES)
    assert chrony(normal) == Ntp(synchronised=True, servers=2)
    lost = answering(tmp_path, TRACKING.format(leap="Not synchronised"), SOURCES)
    assert chrony(lost) == Ntp(synchronised=False, servers=2)
    alone = answering(tmp_path, TRACKING.format(leap="Normal"), "^,?,192.0.2.3,0,6,0,9,0,0,0\n")
    assert chrony(alone) == Ntp(synchronised=False, servers=1)


@pytest.mark.parametrize("text", ["exit 1", "echo garbage", "exec tail -f /dev/null", "printf '\\377'"])
def test_chrony_that_fails_hangs_or_babbles_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ChronyUnanswered):
        chrony(program(tmp_path, text), timeout_s=0.3)


@pytest.mark.parametrize("record", [RECORD, Record(b"n" * 16)])
def test_record_comes_back_as_saved(tmp_path: Path, record: Record) -> None:
    path = tmp_path / "clock"
    assert load_record(path) is None
    save_record(path, Record(b"o" * 16))
    save_record(path, record)
    assert load_record(path) == record
    assert os.listdir(tmp_path) == ["clock"]  # noqa: PTH208 (names only)


@given(stamps, numbers, st.booleans(), st.none() | st.binary(min_size=16, max_size=16))
def test_any_record_comes_back(
    tmp_path_factory: pytest.TempPathFactory, stamp: Stamp | None, number: int | None, flag: bool, boot: bytes | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-clock"
    record = Record(b"n" * 16, stamp, flag, not flag, number, None, None, stamp, None, stamp, number, 7, boot)
    save_record(path, record)
    assert load_record(path) == record


def test_a_torn_or_altered_record_is_none_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "clock"
    save_record(path, RECORD)
    whole = path.read_bytes()
    damaged = [whole[:cut] for cut in range(0, len(whole) - 1, 7)]
    damaged += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole) - 1, 5)]
    for data in damaged:
        path.write_bytes(data)
        assert load_record(path) is None
    assert len([r for r in caplog.records if "unreadable" in r.message]) == len(damaged)


def test_a_record_of_another_version_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clock"
    monkeypatch.setattr(timesource, "RECORD_VERSION", 99)
    save_record(path, RECORD)
    monkeypatch.undo()
    assert load_record(path) is None


def test_a_failed_save_is_named_and_leaves_the_old_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clock"
    save_record(path, RECORD)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecordNotSaved, match="28"):
        save_record(path, Record(b"x" * 16))
    monkeypatch.undo()
    assert load_record(path) == RECORD


def test_sources_come_together_in_facts(tmp_path: Path) -> None:
    clock = SimulatedClock()
    rtc = tmp_path / "since_epoch"
    rtc.write_text(str(clock.utc_us() // 1_000_000), encoding="ascii")
    facts = TimeSource(clock, rtc, lambda: SYNCED, lambda: None).facts(None, (), None)
    assert (facts.now, facts.ntp) == (stamp_of(clock), Ntp(True, 1))
    assert judge(facts).state is State.VERIFIED


@pytest.mark.parametrize(
    ("kernel", "servers", "expected"),
    [
        (SYNCED, Ntp(True, 3), Ntp(True, 3)),
        (SYNCED, Ntp(False, 1), Ntp(False, 1)),
        (SYNCED._replace(unsynchronised=True), Ntp(True, 2), Ntp(False, 2)),
        (SYNCED._replace(unsynchronised=True, refused=True), Ntp(True, 2), Ntp(True, 2)),
        (SYNCED._replace(refused=True), None, Ntp(False, 1)),
    ],
)
def test_kernel_and_chrony_must_both_say_so(
    tmp_path: Path, kernel: KernelNtp, servers: Ntp | None, expected: Ntp
) -> None:
    source = TimeSource(SimulatedClock(), tmp_path / "none", lambda: kernel, lambda: servers)
    assert source.facts(None, (), None).ntp == expected


def test_a_chrony_that_fails_is_logged_once_and_its_return_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answers: Iterator[ChronyUnanswered | Ntp] = iter(
        [ChronyUnanswered(why="1"), ChronyUnanswered(why="2"), Ntp(True, 2)]
    )

    def servers() -> Ntp | None:
        answer = next(answers)
        if isinstance(answer, ChronyUnanswered):
            raise answer
        return answer

    source = TimeSource(SimulatedClock(), tmp_path / "none", lambda: SYNCED, servers)
    with caplog.at_level(logging.INFO):
        seen = [source.facts(None, (), None).ntp.servers for _ in range(3)]
    assert seen == [1, 1, 2]
    assert [r.levelno for r in caplog.records] == [logging.WARNING, logging.INFO]
