"""Many cameras for nearly nothing: one process sends packets cut beforehand, so that two cores are left to measure.

All cameras of a phase send the same bytes: a picture's sequence numbers and timestamps are written once and sent to
every client. The pictures are slices of the right sizes with random contents behind real parameter sets: what a
recorder does with them does not depend on their contents. Run: `python -m tests.bench.senders CAMERAS [both]`.
"""

import asyncio
import random
import sys
from typing import Final, cast

from appliance.demo.packet import PacketBlock, RtpState, block_of, payloads_of
from tests.bench.capture_cost import PPS, SPS

FPS: Final = {"main": 25, "sub": 10}
BYTES_PER_SECOND: Final = {"main": 500_000, "sub": 50_000}
GOP_S: Final = 2
PHASES: Final = 8
"""Groups of cameras, spread over a picture's time: real cameras are not exposed together."""

SDP: Final = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track1\r\n"
)


class Group:
    """The cameras of one stream and phase."""

    def __init__(self, stream: str, phase: int) -> None:
        self.clients: set[asyncio.Transport] = set()
        self.waiting: set[asyncio.Transport] = set()
        self.overruns = 0
        self._fps = FPS[stream]
        self._blocks = _pictures(stream)
        self._rtp = RtpState(0, 0x1234, 0, phase * 1000)
        self._number = 0
        self._phase = phase
        self._began = 0.0

    def start(self) -> None:
        """Send from now on."""
        self._began = asyncio.get_running_loop().time() + self._phase / PHASES / self._fps
        self._tick()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while self._began + self._number / self._fps <= loop.time():
            self._send()
            self._number += 1
        loop.call_at(self._began + self._number / self._fps, self._tick)

    def _send(self) -> None:
        index = self._number % len(self._blocks)
        block = self._blocks[index]
        self._rtp.fill(block, block.data, self._rtp.rtp_time(self._number * 90_000 // self._fps))
        if index == 0:
            self.clients |= self.waiting
            self.waiting.clear()
        data = bytes(block.data)
        for client in list(self.clients):
            if client.get_write_buffer_size() > 4 << 20:  # a recorder that does not read: its loss is seen
                self.overruns += 1
                continue
            client.write(data)


def _pictures(stream: str) -> list[PacketBlock]:
    """A group of pictures, a sixth of its bytes in the keyframe."""
    count = FPS[stream] * GOP_S
    size = BYTES_PER_SECOND[stream] * GOP_S
    source = random.Random(stream)
    blocks = []
    for index in range(count):
        length = size // 6 if index == 0 else (size - size // 6) // (count - 1)
        nal = bytes((0x65 if index == 0 else 0x61, 0xB8)) + source.randbytes(length).replace(b"\0", b"\1")
        sets = [SPS, PPS] if index == 0 else []
        blocks.append(block_of([*sets, *payloads_of(nal)], marker=True))
    return blocks


class Client(asyncio.Protocol):
    """Answers a reader's requests; PLAY begins with the next keyframe."""

    def __init__(self, groups: dict[str, list[Group]]) -> None:
        self._groups = groups
        self._buffer = b""
        self._group: Group | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=8 << 20)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._group is not None:
            self._group.clients.discard(self._transport)
            self._group.waiting.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._buffer:
            if self._buffer[0] == 0x24:  # RTCP of the reader
                length = 4 + int.from_bytes(self._buffer[2:4], "big")
                if len(self._buffer) < length:
                    return
                self._buffer = self._buffer[length:]
                continue
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            self._buffer = rest
            self._answer(head.decode())

    def _answer(self, head: str) -> None:
        lines = head.split("\r\n")
        method, url, _ = lines[0].split()
        sequence = next(line for line in lines if line.lower().startswith("cseq"))
        more, body = "", ""
        if method == "DESCRIBE":
            body = SDP
            more = f"Content-Type: application/sdp\r\nContent-Base: {url}/\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP":
            more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1;timeout=60\r\n"
        elif method == "OPTIONS":
            more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "PLAY":
            more = "Session: 1\r\n"
            _, number, stream = url.rstrip("/").rsplit("/", 2)
            self._group = self._groups[stream][int(number) % PHASES]
            self._group.waiting.add(self._transport)
        self._transport.write(f"RTSP/1.0 200 OK\r\n{sequence}\r\n{more}\r\n{body}".encode())


async def main() -> None:
    """Serve until killed; prints the port."""
    groups = {stream: [Group(stream, phase) for phase in range(PHASES)] for stream in FPS}
    server = await asyncio.get_running_loop().create_server(lambda: Client(groups), "127.0.0.1", 0, backlog=256)
    for each in [group for named in groups.values() for group in named]:
        each.start()
    print(server.sockets[0].getsockname()[1], flush=True)
    line = await asyncio.to_thread(sys.stdin.readline)
    print(sum(group.overruns for named in groups.values() for group in named), line.strip(), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
