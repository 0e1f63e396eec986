"""Cost of the reader alone: recorded interleaved RTP replayed in memory through the connection object.

Run: `python -m tests.bench.capture_cost`. Prints microseconds per RTP packet and CPU-seconds per stream-hour for a
4 Mbit/s, 25 fps H.264 stream (GOP 2 s, 1 400-byte packets), read in blocks: a slow sender's, one picture's, and the
200 KB that a tick of the ring finds (the connection's buffer takes them in two). No
assertion: a figure to compare between two versions on the same machine.
"""

import asyncio
import struct
import time

from appliance.capture.connection import RtspConnection
from appliance.capture.runs import RunKeeper
from appliance.core.cause import GapCause
from appliance.core.clock import SimulatedClock
from appliance.media.access_unit import H264Depacketiser
from appliance.media.stream import AccessUnit, ClockState, RunStart

SPS = bytes.fromhex("674d4028da01e0089f961000000300100000030320f1832a")
PPS = bytes.fromhex("68ef0fc8")
FPS = 25
SECONDS = 60
BYTES_PER_SECOND = 500_000
PAYLOAD = 1386  # an interleaved packet of 1 400 bytes: header 12, FU indicator and header 2


class NullSink:
    """Counts what arrives."""

    pictures = 0
    size = 0

    def start_run(self, run: RunStart) -> None:
        assert run.parameters.codec == "h264"

    def append(self, unit: AccessUnit) -> None:
        self.pictures += 1
        self.size += len(unit.data)

    def end_run(self, cause: GapCause) -> None:
        raise AssertionError(cause)


def recorded() -> tuple[bytes, int]:
    """A minute of the stream, framed for TCP, and its number of RTP packets."""
    out = bytearray()
    sequence = packets = 0

    def packet(payload: bytes, marker: bool, timestamp: int) -> None:
        nonlocal sequence, packets
        head = struct.pack(">BBHII", 0x80, 96 | marker << 7, sequence, timestamp & 0xFFFFFFFF, 0x1234)
        out.extend(struct.pack(">BBH", 0x24, 0, len(head) + len(payload)) + head + payload)
        sequence = (sequence + 1) & 0xFFFF
        packets += 1

    gop = BYTES_PER_SECOND * 2
    key = gop // 6
    delta = (gop - key) // (2 * FPS - 1)
    for index in range(FPS * SECONDS):
        timestamp = index * 3600
        is_key = index % (2 * FPS) == 0
        if is_key:
            packet(SPS, False, timestamp)
            packet(PPS, False, timestamp)
        kind, size = (5, key) if is_key else (1, delta)
        count = -(-size // PAYLOAD)
        for piece in range(count):
            header = kind | (0x80 if piece == 0 else 0) | (0x40 if piece == count - 1 else 0)
            body = b"\xb8" + bytes(range(1, 200)) * 8
            packet(bytes((0x7C, header)) + body[:PAYLOAD], piece == count - 1, timestamp)
    return bytes(out), packets


async def replay(data: bytes, block: int) -> tuple[float, NullSink]:
    """CPU seconds to take `data` in blocks of `block` bytes."""
    clock, sink = SimulatedClock(), NullSink()
    runs = RunKeeper(sink, clock, lambda: ClockState.VERIFIED)
    connection = RtspConnection(clock)
    receiver = H264Depacketiser(96, lambda p: runs.picture(p, connection.arrival_us), lambda _: runs.gap())
    connection.receive((0, 1), receiver, lambda _: None)
    runs.connected(())
    source = memoryview(data)
    began = time.process_time()
    at = 0
    while at < len(data):
        room = connection.get_buffer(-1)
        count = min(len(room), block, len(data) - at)
        room[:count] = source[at : at + count]
        clock.advance(count / len(data) * SECONDS)
        connection.buffer_updated(count)
        at += count
    return time.process_time() - began, sink


async def main() -> None:
    data, packets = recorded()
    for block in (4_096, 20_000, 200_000):
        best = min([await replay(data, block) for _ in range(5)], key=lambda result: result[0])
        seconds, sink = best
        assert sink.pictures >= FPS * SECONDS - 1
        print(
            f"blocks of {block:6d} B: {seconds / packets * 1e6:5.2f} us per RTP packet, "
            f"{seconds / SECONDS * 3600:5.2f} CPU-s per stream-hour ({packets} packets, {sink.pictures} pictures)"
        )


if __name__ == "__main__":
    asyncio.run(main())
