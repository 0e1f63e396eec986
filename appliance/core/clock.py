"""The two clocks of the appliance, as a parameter: nothing else in the product asks the system for time.

Monotonic time orders and spaces pictures and never steps; UTC dates them and may be wrong. They are kept
apart everywhere, and `boot_id` says which boot a monotonic figure belongs to.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """What a clock tells. `boot_id` is 16 bytes, new at each boot of the machine."""

    @property
    def boot_id(self) -> bytes: ...

    def monotonic_us(self) -> int: ...

    def utc_us(self) -> int: ...


class SystemClock:
    """CLOCK_MONOTONIC and CLOCK_REALTIME of the kernel."""

    def __init__(self, boot_id_file: Path = Path("/proc/sys/kernel/random/boot_id")) -> None:
        self._boot_id = bytes.fromhex(boot_id_file.read_text(encoding="ascii").strip().replace("-", ""))

    @property
    def boot_id(self) -> bytes:
        return self._boot_id

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1000

    def utc_us(self) -> int:
        return time.time_ns() // 1000


class SimulatedClock:
    """A clock that moves when it is told to: for tests and accelerated runs."""

    def __init__(self, utc_us: int = 1_795_500_000_000_000, monotonic_us: int = 5_000_000) -> None:
        self._utc_us = utc_us
        self._monotonic_us = monotonic_us
        self._boot_id = bytes(range(16))
        self.on_advance: list[Callable[[], None]] = []

    @property
    def boot_id(self) -> bytes:
        return self._boot_id

    def monotonic_us(self) -> int:
        return self._monotonic_us

    def utc_us(self) -> int:
        return self._utc_us

    def advance(self, seconds: float) -> None:
        """Both clocks move on together."""
        step = round(seconds * 1_000_000)
        self._monotonic_us += step
        self._utc_us += step
        for listener in self.on_advance:
            listener()

    def step_utc(self, seconds: float) -> None:
        """UTC jumps, as at an NTP correction; monotonic time does not notice."""
        self._utc_us += round(seconds * 1_000_000)

    def reboot(self, boot_id: bytes, monotonic_us: int = 3_000_000) -> None:
        """Another boot: monotonic time starts again, UTC goes on."""
        self._boot_id = boot_id
        self._monotonic_us = monotonic_us
