"""Time sources for tests: an RTC file, an NTP answer, and a keeper that listens to them."""

from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from appliance.core.clock import SimulatedClock
from appliance.core.judgement import Ntp
from appliance.core.timesource import KernelNtp, TimeSource
from appliance.services.clock import ClockKeeper


@dataclass
class Sources:
    """What the machine's time sources say. `rtc_us`: by how much the RTC is off; None: there is none."""

    folder: Path
    clock: SimulatedClock
    ntp: Ntp = field(default_factory=Ntp)
    rtc_off_us: int | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Paris"))

    def source(self) -> TimeSource:
        return TimeSource(self.clock, self.folder / "rtc", lambda: KernelNtp(False, 0, 0), lambda: self.ntp)

    def keeper(self, *disks: Path) -> ClockKeeper:
        self.show_rtc()
        return ClockKeeper(self.clock, self.folder, disks, source=self.source())

    def show_rtc(self, true_us: int | None = None) -> None:
        """The RTC's file as of now; `true_us`: the truth when the kernel's clock is not it."""
        file = self.folder / "rtc"
        if self.rtc_off_us is None:
            file.unlink(missing_ok=True)
        else:
            utc_us = (self.clock.utc_us() if true_us is None else true_us) + self.rtc_off_us
            file.write_text(f"{utc_us // 1_000_000}\n", encoding="ascii")
