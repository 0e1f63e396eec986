"""Synthetic pictures for tests of the ring: access units whose every byte is known."""

import struct
from collections.abc import Iterator
from random import Random

from appliance.core.cause import GapCause
from appliance.core.clock import SimulatedClock
from appliance.core.units import us_to_ticks
from appliance.media.stream import AccessUnit, ClockState, CodecParameters, RunStart, StreamSink

SPS = bytes.fromhex("6742c01eda0280f6840000030004000003 00ca3c58ba80".replace(" ", ""))
PPS = bytes.fromhex("68ce3c80")
PARAMETERS = CodecParameters("h264", (SPS, PPS), 640, 480, "avc1.42c01e")
OTHER_PARAMETERS = CodecParameters("h264", (SPS, PPS + b"\x00"), 1280, 720, "avc1.42c01e")
FRAME_TICKS = 3600  # 25 pictures a second


def run_start(
    clock: SimulatedClock,
    cause: GapCause = GapCause.NONE,
    parameters: CodecParameters = PARAMETERS,
    clock_state: int = ClockState.VERIFIED,
) -> RunStart:
    offset = clock.utc_us() - clock.monotonic_us()
    return RunStart(parameters, offset, clock.boot_id, clock_state, cause)


class Camera:
    """Feeds a sink with pictures of random content and remembers all of them."""

    def __init__(self, sink: StreamSink, clock: SimulatedClock, *, seed: int = 1, size: int = 4000, gop: int = 25):
        self.sink = sink
        self.clock = clock
        self.random = Random(seed)
        self.size = size
        self.gop = gop
        self.count = 0
        self.sent: list[bytes] = []
        self.next_dts = 0

    def start(
        self,
        cause: GapCause = GapCause.NONE,
        parameters: CodecParameters = PARAMETERS,
        clock_state: int = ClockState.VERIFIED,
    ) -> None:
        self.sink.start_run(run_start(self.clock, cause, parameters, clock_state))
        self.next_dts = us_to_ticks(self.clock.monotonic_us())
        self.count = 0

    def units(self, count: int) -> Iterator[AccessUnit]:
        for _ in range(count):
            keyframe = self.count % self.gop == 0
            size = self.size * (6 if keyframe else 1) + self.random.randrange(self.size)
            nal = (b"\x65" if keyframe else b"\x41") + self.random.randbytes(size)
            data = struct.pack(">I", len(nal)) + nal
            yield AccessUnit(data, self.next_dts, self.next_dts, keyframe)
            self.sent.append(data)
            self.count += 1
            self.next_dts += FRAME_TICKS

    def send(self, seconds: float = 0.4) -> None:
        """Pictures of so long, then the clock moves on as far."""
        for unit in self.units(round(seconds * 25)):
            self.sink.append(unit)
        self.clock.advance(seconds)
