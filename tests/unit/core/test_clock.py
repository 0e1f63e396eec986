"""The two clocks: monotonic time never steps, UTC may; the simulated one moves only when told."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.clock import SimulatedClock, SystemClock


def test_boot_id_is_the_kernels_sixteen_bytes(tmp_path: Path) -> None:
    file = tmp_path / "boot_id"
    file.write_text("00010203-0405-0607-0809-0a0b0c0d0e0f\n", encoding="ascii")
    assert SystemClock(file).boot_id == bytes(range(16))
    assert len(SystemClock().boot_id) == 16


def test_the_system_clock_goes_on_and_is_in_microseconds() -> None:
    clock = SystemClock()
    earlier = clock.monotonic_us()
    assert clock.monotonic_us() >= earlier
    assert 1_700_000_000_000_000 < clock.utc_us() < 10_000_000_000_000_000


@given(st.lists(st.floats(0, 1e6), max_size=20))
def test_both_clocks_advance_together(steps: list[float]) -> None:
    clock = SimulatedClock()
    apart = clock.utc_us() - clock.monotonic_us()
    for step in steps:
        clock.advance(step)
    assert clock.utc_us() - clock.monotonic_us() == apart


@given(st.floats(-1e6, 1e6))
def test_a_step_of_utc_does_not_move_monotonic_time(seconds: float) -> None:
    clock = SimulatedClock()
    monotonic, utc = clock.monotonic_us(), clock.utc_us()
    clock.step_utc(seconds)
    assert clock.monotonic_us() == monotonic
    assert clock.utc_us() - utc == round(seconds * 1_000_000)


def test_a_reboot_starts_monotonic_time_again_under_another_id() -> None:
    clock = SimulatedClock()
    before, utc = clock.boot_id, clock.utc_us()
    clock.reboot(b"another boot id.", monotonic_us=7)
    assert (clock.boot_id, clock.monotonic_us(), clock.utc_us()) == (b"another boot id.", 7, utc)
    assert clock.boot_id != before


def test_listeners_hear_each_advance() -> None:
    clock = SimulatedClock()
    heard: list[int] = []
    clock.on_advance.append(lambda: heard.append(clock.monotonic_us()))
    clock.advance(0.4)
    clock.advance(0.4)
    assert heard == [5_400_000, 5_800_000]
