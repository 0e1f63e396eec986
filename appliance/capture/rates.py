"""Pictures and bytes a second of one stream, smoothed."""

from typing import Protocol

from appliance.core.units import US_PER_SECOND


class Counted(Protocol):
    """Where bytes come from, and who is told their rate."""

    bytes_received: int

    def set_rate(self, bytes_per_second: float) -> None: ...


class Rates:
    """`fps`: pictures a second; `rate`: bytes a second. Half of each new value counts."""

    def __init__(self) -> None:
        self.fps = 0.0
        self.rate = 0.0
        self._at_us = 0
        self._pictures = 0
        self._bytes = 0

    def begin(self, source: Counted, pictures: int, now_us: int) -> None:
        """A session starts: nothing is known."""
        self._at_us, self._pictures, self._bytes = now_us, pictures, source.bytes_received
        self.fps = self.rate = 0.0

    def look(self, source: Counted, pictures: int, now_us: int) -> None:
        """Take the mean since the last look, and let the source follow it."""
        seconds = (now_us - self._at_us) / US_PER_SECOND
        if seconds <= 0:
            return
        fps = (pictures - self._pictures) / seconds
        rate = (source.bytes_received - self._bytes) / seconds
        self.fps = (self.fps + fps) / 2 if self.fps else fps
        self.rate = (self.rate + rate) / 2 if self.rate else rate
        self._at_us, self._pictures, self._bytes = now_us, pictures, source.bytes_received
        source.set_rate(self.rate)
