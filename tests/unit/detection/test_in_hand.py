"""Who is set aside after crashes, and what a process that died leaves behind."""

import signal
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from appliance.detection.in_hand import (
    ASIDE_US,
    CRASHES,
    WITHIN_US,
    InHand,
    after_crash,
    aside,
    load_record,
    save_record,
)

NOW = 1_795_600_000_000_000
BOOT = bytes(range(16))
CHILD = """
import signal, sys
from pathlib import Path
from appliance.detection.in_hand import InHand
note = InHand(Path(sys.argv[1]), bytes(range(16)), 2)
assert note.holding(0, "portail", lambda: 7) == 7
note.holding(1, "cour", lambda: signal.raise_signal(signal.SIGSEGV))
"""


def crashed(*minutes: float) -> dict[str, int]:
    record: dict[str, tuple[int, ...]] = {}
    for minute in minutes:
        record = dict(after_crash(record, ["cour"], NOW + round(minute * 60e6)))
    return aside(record, NOW + round(minutes[-1] * 60e6))


def test_three_crashes_in_ten_minutes_set_a_camera_aside_for_an_hour() -> None:
    assert not crashed(0, 1)
    assert crashed(0, 1, 2) == {"cour": NOW + 120_000_000 + ASIDE_US}
    assert not crashed(0, 9, 18), "as seldom as this it is chance"
    record = after_crash(after_crash(after_crash({}, ["cour"], NOW), ["cour"], NOW), ["cour", "portail"], NOW)
    assert set(aside(record, NOW)) == {"cour"}
    assert not aside(record, NOW + ASIDE_US)


@given(times=st.lists(st.integers(0, 3 * ASIDE_US), max_size=12), later=st.integers(-ASIDE_US, 3 * ASIDE_US))
def test_nobody_is_set_aside_without_the_crashes_for_it_nor_longer_than_an_hour(times: list[int], later: int) -> None:
    record: dict[str, tuple[int, ...]] = {}
    for at in times:  # clocks go back too
        record = dict(after_crash(record, ["cour"], NOW + at))
    now = NOW + later
    for until in aside(record, now).values():
        assert 0 < until - now <= ASIDE_US
        assert sum(until - ASIDE_US - WITHIN_US <= at <= until - ASIDE_US for at in record["cour"]) >= CRASHES


def test_what_was_in_hand_is_known_after_a_crash_and_only_within_the_boot(tmp_path: Path) -> None:
    file = tmp_path / "state" / "in-hand"
    assert InHand(file, BOOT, 2).left == frozenset()
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", CHILD, str(file)], check=False, cwd=Path.cwd())
        assert done.returncode == -signal.SIGSEGV
    copy = file.read_bytes()
    assert InHand(file, BOOT, 2).left == {"cour"}
    assert InHand(file, BOOT, 1).left == frozenset(), "asked once"
    file.write_bytes(copy)
    assert InHand(file, bytes(16), 2).left == frozenset(), "a power cut is no camera's doing"
    file.write_bytes(b"\xff" * 300)
    assert InHand(file, BOOT, 2).left == frozenset()


def test_a_record_that_cannot_be_read_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "crashes.json"
    assert load_record(file) == {}
    save_record(file, {"cour": (1, 2)})
    assert load_record(file) == {"cour": (1, 2)}
    for text in ("", "[1]", '{"cour": 3}', '{"cour": ["x"]}'):
        file.write_text(text)
        assert load_record(file) == {}
