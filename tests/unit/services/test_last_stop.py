"""Why nothing was recorded before a start: every way in which a recorder's life can end."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.cause import GapCause
from appliance.services.last_stop import (
    MARK_FILE,
    STOP,
    UPDATE,
    Sign,
    StopMark,
    announce_update,
    leave_mark,
    read_mark,
    start_cause,
    take_mark,
)

A, B, C = ("a" * 32, "b" * 32, "c" * 32)  # boots in their order; a start happens in C
OFF, POWER, NEW = GapCause.APPLIANCE_OFF, GapCause.POWER, GapCause.UPDATE


def sign(boot: str, at: int) -> Sign:
    """Boots begin at 0, 1000, 2000; within them both clocks run together."""
    return Sign(boot, (A, B, C).index(boot) * 1000 + at, at)


def mark(boot: str, at: int, software: str = "1", reason: str = STOP) -> StopMark:
    return StopMark(sign(boot, at), software, reason)


@pytest.mark.parametrize(
    ("signs", "left", "cause"),
    [
        ([], None, OFF),  # the first start ever
        ([sign(C, 50)], None, OFF),  # killed, started again
        ([sign(B, 50)], None, POWER),
        ([sign(A, 50), sign(B, 50)], None, POWER),  # one disk was away in the last boot
        ([sign(B, 50), sign(C, 50)], None, OFF),  # one disk is away in this boot
        ([sign(C, 50)], mark(C, 60), OFF),  # stopped, started again
        ([sign(B, 50)], mark(B, 60), OFF),  # stopped, machine restarted
        ([sign(C, 50)], mark(C, 60, reason=UPDATE), NEW),
        ([sign(B, 50)], mark(B, 60, reason=UPDATE), NEW),
        ([sign(C, 50)], mark(C, 60, software="0"), NEW),  # another version, announced or not
        ([sign(B, 50)], mark(B, 60, software="2"), NEW),  # the version before came back
        ([], mark(B, 60), OFF),  # new disks
        ([sign(C, 70)], mark(C, 60), OFF),  # a mark that could not be removed, then killed
        ([sign(B, 70)], mark(B, 60, reason=UPDATE), POWER),  # the same, then no current
        ([sign(B, 10)], mark(A, 900), POWER),
        ([sign(C, 10)], mark(B, 900, reason=UPDATE), OFF),
        ([sign(A, 900)], mark(B, 10), OFF),  # an old disk beside a mark
        ([sign(A, 900), sign(B, 20)], mark(B, 10, software="0"), POWER),
    ],
)
def test_the_table(signs: list[Sign], left: StopMark | None, cause: GapCause) -> None:
    assert start_cause(C, "1", signs, left) is cause
    assert start_cause(C, "1", reversed(signs), left) is cause


@pytest.mark.parametrize(("left", "cause"), [(mark(B, 60), OFF), (None, POWER)])
def test_a_clock_that_was_set_back_before_the_stop_changes_nothing(left: StopMark | None, cause: GapCause) -> None:
    ahead = Sign(B, 10**9, 50)
    assert start_cause(C, "1", [ahead], left) is cause


lives = st.builds(sign, st.sampled_from([A, B, C]), st.integers(0, 999))


@given(st.lists(lives, max_size=4), st.one_of(st.none(), st.builds(StopMark, lives, st.just("1"), st.just(STOP))))
def test_power_is_blamed_only_for_another_boot_and_update_only_with_a_mark(
    signs: list[Sign], left: StopMark | None
) -> None:
    cause = start_cause(C, "1", signs, left)
    assert cause in {OFF, POWER}
    if any(seen.boot == C for seen in signs) or not signs:
        assert cause is OFF
    if left is not None and all(seen.utc_us <= left.sign.utc_us for seen in signs):
        assert cause is OFF
    if left is None and signs and all(seen.boot != C for seen in signs):
        assert cause is POWER


def test_a_mark_is_read_back_and_taken_once(tmp_path: Path) -> None:
    assert read_mark(tmp_path) is None
    leave_mark(tmp_path, sign(B, 60), "1")
    assert read_mark(tmp_path) == mark(B, 60)
    take_mark(tmp_path)
    assert read_mark(tmp_path) is None
    take_mark(tmp_path)


def test_an_announced_update_is_the_reason_of_one_stop(tmp_path: Path) -> None:
    announce_update(tmp_path)
    leave_mark(tmp_path, sign(B, 60), "1")
    assert read_mark(tmp_path) == mark(B, 60, reason=UPDATE)
    leave_mark(tmp_path, sign(B, 70), "1")
    assert read_mark(tmp_path) == mark(B, 70)


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"x" + data, lambda _: b"", lambda _: b"[] 0"])
def test_a_damaged_mark_is_none(tmp_path: Path, damage: "object") -> None:
    leave_mark(tmp_path, sign(B, 60), "1")
    file = tmp_path / MARK_FILE
    assert callable(damage)
    file.write_bytes(damage(file.read_bytes()))
    assert read_mark(tmp_path) is None


def test_a_folder_that_refuses_stops_nothing(tmp_path: Path) -> None:
    leave_mark(tmp_path / "nowhere", sign(B, 60), "1")
    take_mark(tmp_path / "nowhere")
    assert read_mark(tmp_path / "nowhere") is None
