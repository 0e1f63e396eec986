"""What capture hands to the ring: coded pictures with true times, in runs.

A *run* is an unbroken stretch of one stream: it begins with a keyframe and ends at a clock step, a
reconnect, a sequence loss or a change of codec parameters. Inside a run no picture is missing.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from appliance.core.cause import GapCause

StreamName = Literal["main", "sub"]
Codec = Literal["h264", "h265"]

CAMERA_TIME_UNKNOWN = -(2**63)
"""Camera wall time when no sender report (RFC 3550 section 6.4.1) told it: unknown, never guessed."""


class StreamKey(NamedTuple):
    """Names one stream of one camera of the site."""

    camera: str
    stream: StreamName

    def __str__(self) -> str:
        return f"{self.camera}/{self.stream}"


class ClockState:
    """Judgement of UTC at the time a part was recorded (stored as a byte; design of the clock judgement)."""

    VERIFIED = 1
    HELD = 2
    DOUBTFUL = 3


@dataclass(frozen=True, slots=True)
class CodecParameters:
    """What a decoder needs before the first picture.

    `parameter_sets`: NAL units without start code or length: SPS, PPS for H.264; VPS, SPS, PPS for H.265.
    `rfc6381`: the `codecs` string for a browser, e.g. "avc1.4d401f". Equal values = same sample entry.
    """

    codec: Codec
    parameter_sets: tuple[bytes, ...]
    width: int
    height: int
    rfc6381: str


@dataclass(slots=True)
class AccessUnit:
    """One coded picture as the camera sent it (an access unit of ISO/IEC 14496-10 section 7.4.1.2).

    `data`: NAL units, each behind its 4-byte big-endian length; parameter sets and SEI left where the camera
    put them. `dts_ticks`, `pts_ticks`: 90 kHz ticks of the appliance's monotonic clock (camera media time,
    slewed <= 500 ppm; never an arrival time). `camera_us`: UTC of the picture by the camera's sender reports,
    or CAMERA_TIME_UNKNOWN.
    """

    data: bytes | bytearray
    dts_ticks: int
    pts_ticks: int
    keyframe: bool
    camera_us: int = CAMERA_TIME_UNKNOWN


@dataclass(frozen=True, slots=True)
class RunStart:
    """Opens a run. UTC of a picture = ticks_to_us(pts_ticks) + utc_offset_us, the same for the whole run.

    `cause`: why the video before this run is missing (GapCause.NONE for a stream's very first).
    """

    parameters: CodecParameters
    utc_offset_us: int
    boot_id: bytes
    clock_state: int
    cause: GapCause


class StreamSink(Protocol):
    """Where a camera's pictures go. Called in the event loop; never blocks and never raises on load."""

    def start_run(self, run: RunStart) -> None:
        """The next access unit is a keyframe and begins a new run."""

    def append(self, unit: AccessUnit) -> None:
        """The next picture of the open run, in decoding order."""

    def end_run(self, cause: GapCause) -> None:
        """The run is over: what was appended is complete; `cause` says why nothing follows for now."""
