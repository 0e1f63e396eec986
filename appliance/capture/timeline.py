"""Three clocks, kept apart: camera media time, camera wall time, appliance time. Pure; times come as arguments.

Media time (RTP timestamps) spaces the pictures; the appliance's monotonic clock places them. The two drift, so
media time is slewed, never by more than 500 ppm, toward the low envelope of the arrivals: the packets that met the
least delay tell where the camera's clock stands. An arrival time is never a picture's time: it carries the
network's jitter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

from appliance.core.units import US_PER_SECOND, ticks_to_us, us_to_ticks
from appliance.media.stream import CAMERA_TIME_UNKNOWN

MAX_SLEW: Final = 500e-6
"""Ratio. Above the drift of any camera quartz (100 ppm) and below what a player or an eye can notice."""

SLEW_TICKS: Final = 10 * 90_000
"""90 kHz ticks in which a small error would be taken back: smooth beside jitter, quick beside drift."""

ENVELOPE_TICKS: Final = 10 * 90_000
"""90 kHz ticks. The minimum is taken over the last one to two windows of 10 s: long enough to hold undelayed
packets, short enough for 100 ppm to stay under 2 ms."""

JUMP_TICKS: Final = 10 * 90_000
"""90 kHz ticks between media time and arrival: no network holds packets for 10 s, so a clock has jumped."""

REORDER_SPAN_TICKS: Final = 90_000
"""90 kHz ticks. A step back by more than 1 s is a clock that was reset, never picture reordering."""

MAX_REORDER: Final = 4
"""Pictures. Encoders of cameras use up to 3 B-frames; more is not measured but refused."""

ANCHOR_PICTURES: Final = MAX_REORDER + 2
"""Pictures of a session with B-frames after which its times are settled: of the deepest order, a keyframe, the picture
shown last and those before it. The keyframe waits longest in the encoder: by its arrival alone all would be late."""

DEFAULT_FRAME_TICKS: Final = 3600
"""90 kHz ticks: 25 frames a second, until the stream tells."""

CLOCK_STEP_US: Final = 250_000
"""Microseconds by which UTC may leave the monotonic clock within a run: NTP slews, anything above is a step."""

NTP_UNIX_S: Final = 2_208_988_800
"""Seconds from 1900 to 1970 (RFC 5905 section 6)."""

NTP_ERA_S: Final = 2**32

FIRST_TRUE_UTC_S: Final = 978_307_200
"""Unix seconds of 2001-01-01: a camera that says an earlier time was never told it (its clock began at 1970)."""

_HALF: Final = 1 << 31
_FULL: Final = 1 << 32


def signed_difference(later: int, earlier: int) -> int:
    """Difference of two 32-bit timestamps by the nearest way round (RFC 1982 serial arithmetic)."""
    return ((later - earlier + _HALF) & (_FULL - 1)) - _HALF


def clock_stepped(utc_offset_us: int, utc_us: int, monotonic_us: int) -> bool:
    """True when UTC no longer stands where a run that began with `utc_offset_us` believes it."""
    return abs(utc_us - monotonic_us - utc_offset_us) > CLOCK_STEP_US


class MediaClock:
    """Places RTP timestamps on the appliance's monotonic axis, in 90 kHz ticks.

    One object lasts as long as the camera's media time runs on; `floor_ticks` keeps a new one behind what was
    already stored.
    """

    def __init__(self, floor_ticks: int = 0) -> None:
        self._floor = floor_ticks
        self._started = False
        self._last = 0  # 32-bit timestamp of the last picture placed
        self._extended = 0  # media ticks since the first picture, unwrapped
        self._newest = 0  # the largest _extended
        self._origin = 0  # monotonic ticks of media time 0
        self._correction = 0.0  # ticks, slewed
        self._window_start = 0
        self._window_low = 0
        self._previous_low: int | None = None

    @property
    def correction_ticks(self) -> float:
        """How far media time was slewed since the first picture."""
        return self._correction

    @property
    def started(self) -> bool:
        """True once its first picture was placed."""
        return self._started

    def anchor(self, pictures: Sequence[tuple[int, int]]) -> None:
        """Settle where media time stands by the least delayed of the first (timestamp, arrival_us), not by the first.

        For B-frames: a picture that is shown later arrives before them, as early after its exposure as may be. Those
        more than REORDER_SPAN_TICKS off are of another clock.
        """
        first, _ = pictures[0]
        self._last = first
        low = us_to_ticks(pictures[0][1])
        for timestamp, arrival_us in pictures:
            media = signed_difference(timestamp, first)
            if abs(media) < REORDER_SPAN_TICKS:
                low = min(low, us_to_ticks(arrival_us) - media)
        self._origin = max(low, self._floor)
        self._window_low = low - self._origin
        self._started = True

    def place(self, timestamp: int, arrival_us: int) -> int | None:
        """Presentation time of a picture in ticks, or None: its media time has jumped, a new run is needed.

        `timestamp`: RTP, 32 bits; `arrival_us`: monotonic microseconds at which it was received whole.
        """
        if not self._started:
            self.anchor(((timestamp, arrival_us),))
            return self._origin
        arrival = us_to_ticks(arrival_us)
        origin = self._origin
        extended = self._extended + signed_difference(timestamp, self._last)
        offset = arrival - origin - extended
        if not -JUMP_TICKS <= offset - self._correction <= JUMP_TICKS:
            return None
        self._extended, self._last = extended, timestamp
        self._window_low = min(self._window_low, offset)
        forward = extended - self._newest
        if forward > 0:  # a B-frame is placed by the correction of the pictures around it
            self._newest = extended
            self._slew(forward, offset)
        return origin + extended + round(self._correction)

    def _slew(self, forward: int, offset: int) -> None:
        """Media time went `forward` ticks: follow the low envelope by at most 500 ppm of it."""
        low = self._window_low
        if self._previous_low is not None and self._previous_low < low:
            low = self._previous_low
        wanted = low - self._correction
        if forward < SLEW_TICKS:
            wanted *= forward / SLEW_TICKS
        limit = MAX_SLEW * forward
        self._correction += limit if wanted > limit else max(wanted, -limit)
        if self._newest - self._window_start >= ENVELOPE_TICKS:
            self._window_start = self._newest
            self._previous_low, self._window_low = self._window_low, offset


class DecodeOrder:
    """Decoding times for pictures that come in decoding order with presentation times only.

    This is the one place where a DTS is made. Without reordering (`depth` 0) it is the PTS. With B-frames the
    i-th picture decodes when the (i - depth)-th smallest PTS shows; the first `depth` pictures are placed one
    frame apart before the first. That rule needs no look-ahead, rises strictly and never exceeds the PTS. H.265
    adds nothing here: its depth is sps_max_num_reorder_pics. `depth` comes from the SPS, or was measured.
    """

    def __init__(self, depth: int, frame_ticks: int, floor_ticks: int) -> None:
        self.depth = depth
        self._frame = frame_ticks
        self._last = floor_ticks
        self._waiting: list[int] = []
        self._first_pts: int | None = None
        self._count = 0

    def place(self, pts_ticks: int) -> int | None:
        """DTS of the next picture; None: it cannot decode before it shows, so the depth is too small."""
        if not self.depth:
            if pts_ticks > self._last:
                self._last = pts_ticks
                return pts_ticks
            dts = pts_ticks
        else:
            heappush(self._waiting, pts_ticks)
            if self._first_pts is None:
                self._first_pts = pts_ticks
            if len(self._waiting) > self.depth:
                dts = heappop(self._waiting)
            else:
                dts = self._first_pts - (self.depth - self._count) * self._frame
                self._count += 1
        # Two pictures of one instant (fields, a doubled timestamp) are one tick apart.
        dts = max(dts, self._last + 1)
        if dts > pts_ticks + (0 if self.depth else 1):
            return None
        self._last = dts
        return dts


@dataclass(slots=True)
class CameraClock:
    """Camera wall time from RTCP sender reports (RFC 3550 section 6.4.1); unknown until a credible one came.

    A report of 1970 or before, or one whose NTP time stands still while RTP goes on, is a camera without a clock.
    """

    _ntp: int = 0
    _rtp: int = 0
    _utc_us: int | None = None

    def report(self, ntp: int, timestamp: int) -> None:
        """Take a sender report: 64-bit NTP time and the RTP timestamp of the same instant."""
        still = ntp == self._ntp and timestamp != self._rtp
        seconds, fraction = ntp >> 32, ntp & 0xFFFF_FFFF
        if seconds < NTP_ERA_S // 2 and seconds:
            seconds += NTP_ERA_S  # era 1, from 2036-02-07 on (RFC 5905 section 6)
        unix = seconds - NTP_UNIX_S
        known = unix >= FIRST_TRUE_UTC_S and not still
        self._ntp, self._rtp = ntp, timestamp
        self._utc_us = unix * US_PER_SECOND + (fraction * US_PER_SECOND >> 32) if known else None

    def utc_us(self, timestamp: int) -> int:
        """UTC microseconds of an RTP timestamp by the camera's clock, or CAMERA_TIME_UNKNOWN."""
        if self._utc_us is None:
            return CAMERA_TIME_UNKNOWN
        return self._utc_us + ticks_to_us(signed_difference(timestamp, self._rtp))
