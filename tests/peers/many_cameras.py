"""Many cameras for nearly nothing: packets are cut beforehand, written once for a group and sent to every client of it.

All cameras of a phase send the same bytes. What each session was sent is known by the pictures' numbers.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final, cast

from appliance.demo.packet import RtpState
from tests.peers.numbered import Kind, NumberedPictures

PHASES: Final = 8
"""Groups of cameras, spread over a picture's time: real cameras are not exposed together."""

OVERRUN: Final = 4 << 20
"""Bytes behind for which a camera drops pictures. They count as sent: a recorder that does not read loses them."""

SDP: Final = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track1\r\n"
)

Sent = dict[str, list[tuple[int, int]]]
"""Of each stream `cam7/main`: (first picture, behind the last) of each session, in order."""


class Group:
    """The cameras of one stream and phase."""

    def __init__(self, name: str, kind: Kind, phase: int) -> None:
        self.clients: set[asyncio.Transport] = set()
        self.waiting: dict[asyncio.Transport, list[int]] = {}
        self.number = 0
        self.overruns = 0
        self._fps = kind.fps
        self._pictures = NumberedPictures(name, kind)
        self._rtp = RtpState(0, 0x1234, 0, phase * 1000)
        self._phase = phase
        self._began = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Send from now on."""
        self._began = asyncio.get_running_loop().time() + self._phase / PHASES / self._fps
        self._tick()

    def stop(self) -> None:
        """No more pictures."""
        if self._timer is not None:
            self._timer.cancel()

    def leave(self, client: asyncio.Transport) -> None:
        """A connection is over."""
        self.clients.discard(client)
        self.waiting.pop(client, None)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while self._began + self.number / self._fps <= loop.time():
            self._send()
            self.number += 1
        self._timer = loop.call_at(self._began + self.number / self._fps, self._tick)

    def _send(self) -> None:
        if self.number % len(self._pictures) == 0:  # PLAY begins with the next keyframe
            for client, first in self.waiting.items():
                first.append(self.number)
                self.clients.add(client)
            self.waiting.clear()
        block = self._pictures.block(self.number)
        self._rtp.fill(block, block.data, self._rtp.rtp_time(self.number * 90_000 // self._fps))
        if not self.clients:
            return
        data = bytes(block.data)
        for client in list(self.clients):
            if client.get_write_buffer_size() > OVERRUN:
                self.overruns += 1
                continue
            client.write(data)


class Session(asyncio.Protocol):
    """Answers a reader's requests."""

    def __init__(self, cameras: "ManyCameras") -> None:
        self._cameras = cameras
        self._buffer = b""
        self._group: Group | None = None
        self._sent: list[int] | None = None  # first picture, once there is one; behind the last, once it is over

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=2 * OVERRUN)
        self._cameras.met.append(asyncio.get_running_loop().time())

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

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
            self._group, self._sent = self._cameras.play(int(number), stream)
            self._group.waiting[self._transport] = self._sent
        elif method == "TEARDOWN":
            self._end()
        self._transport.write(f"RTSP/1.0 200 OK\r\n{sequence}\r\n{more}\r\n{body}".encode())

    def _end(self) -> None:
        if self._group is not None and self._sent is not None:
            self._group.leave(self._transport)
            if len(self._sent) == 1:
                self._sent.append(self._group.number)


class ManyCameras:
    """`rtsp://127.0.0.1:<port>/<number>/<stream>` of any number. Lives in the event loop that `start` runs in."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self._groups = {name: [Group(name, kind, phase) for phase in range(PHASES)] for name, kind in kinds.items()}
        self._sessions: dict[str, list[tuple[Group, list[int]]]] = {}
        self._server: asyncio.Server | None = None
        self.met: list[float] = []
        """Loop times at which connections came."""

    async def start(self) -> int:
        """Send from now on; the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Session(self), "127.0.0.1", 0, backlog=256)
        for group in self._all():
            group.start()
        return int(self._server.sockets[0].getsockname()[1])

    def play(self, number: int, stream: str) -> tuple[Group, list[int]]:
        """A session begins."""
        group = self._groups[stream][number % PHASES]
        sent: list[int] = []
        self._sessions.setdefault(f"cam{number}/{stream}", []).append((group, sent))
        return group, sent

    async def stop(self) -> Sent:
        """No more pictures: what was sent to whom, when all of it has left. Connections stay."""
        for group in self._all():
            group.stop()
        while any(client.get_write_buffer_size() for group in self._all() for client in group.clients):  # noqa: ASYNC110 - buffers tell nobody
            await asyncio.sleep(0.01)
        return self.sent()

    def sent(self) -> Sent:
        """Up to now."""
        return {
            key: [(sent[0], sent[1] if len(sent) > 1 else group.number) for group, sent in sessions if sent]
            for key, sessions in self._sessions.items()
        }

    def close(self) -> None:
        """No more connections."""
        if self._server is not None:
            self._server.close()

    def _all(self) -> Iterator[Group]:
        return (group for named in self._groups.values() for group in named)
