"""One RTSP connection: a large receive buffer in which answers and interleaved packets are found in place.

asyncio.BufferedProtocol: the kernel writes into the buffer, the parser walks it once, whole messages are consumed
and what is left (less than one message) is kept for the next time. All connections share one buffer: whatever is
received is parsed before anything else runs, so the buffer stays in the processor's cache.

Video is taken when the ring's tick asks for it (`drain`), from all cameras in one go: a stream that wakes us by
itself finds the caches cold and costs twice as much. Until then the kernel keeps it; a low-water mark on the socket
(SO_RCVLOWAT) above what a tick brings wakes us when the ticks are late, and the kernel itself does when its window is
used up, so no camera ever waits for a tick. While an answer is awaited, and before PLAY, the mark is one byte.
"""

import asyncio
import os
import re
import socket
from collections.abc import Callable, Mapping
from struct import Struct
from typing import Final, Protocol

from appliance.capture.errors import (
    CameraClosed,
    CameraFloods,
    CameraSilent,
    CaptureError,
    RedirectRefused,
    RtspInvalid,
)
from appliance.capture.message import OK, Message, encode_request, parse_head
from appliance.core.clock import Clock

MESSAGE_BYTES: Final = 65_536 + 4
"""Bytes. The largest interleaved message: a 16-bit length behind '$' and channel (RFC 2326 section 10.12)."""

BUFFER_BYTES: Final = 2 * MESSAGE_BYTES + 65_536
"""Bytes. An unfinished message and room for two more: few reads, and a fraction of a processor's level 2 cache."""

HEAD_BYTES: Final = 16_384
"""Bytes of an answer's start line and headers. Cameras send under 2 000."""

BODY_BYTES: Final = 65_536 - HEAD_BYTES
"""Bytes of an answer's body (SDP). Cameras send under 2 000; head and body must fit the buffer."""

LOW_WATER_US: Final = 800_000
"""Microseconds of the stream's measured rate that wake us without a tick: two ticks of the ring, so that a keyframe
does not. Nothing more is lost with the machine: a tick first takes all that the sockets hold, then writes it."""

LOW_WATER_MAX: Final = 524_288
"""Bytes. Beyond 5 Mbit/s the mark no longer follows the rate: the kernel's memory for 64 cameras stays at 32 MiB."""

FLOOD_BYTES: Final = 64 << 20
"""Bytes between two looks at the rate (2 s) that no camera sends: 256 Mbit/s, eight times what the fastest can be set
to. Whoever sends more would use up the recorder's time and the past of every other camera."""

FLOOD_MESSAGES: Final = 100_000
"""Messages between two looks, those of fragmented pictures apart. A fast camera sends 4 000 with a blank line each; one
costs 0.5 us and more."""

UNREAD_BYTES: Final = 65_536
"""Bytes of our answers that a camera may leave unread before it is taken for one that only asks."""

DRAIN_BYTES: Final = 8 << 20
"""Bytes taken from one camera in one tick: more than the kernel keeps. Who sends faster than we read ends no tick."""

JIFFY_US: Final = 4_000
"""Microseconds of the kernel's tick (Debian: HZ=250), which `tcpi_last_data_recv` counts in."""

ANSWER_S: Final = 10.0
"""Seconds to wait for an answer: weak cameras take 3-4 s while they boot; three of them fit the 30 s budget."""

_DOLLAR: Final = 0x24
_INTERLEAVED: Final = Struct(">BBH")
_LAST_DATA_RECV: Final = Struct("=52xI")  # of struct tcp_info, linux/tcp.h: milliseconds since data came
_BLANKS: Final = re.compile(rb"[\r\n \t\0]+")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_ANOTHER: Final = re.compile(rb"^(?:RTSP/\d|\$)", re.MULTILINE)
"""What cannot be in a description: the start of the next message. Up to there or to the end of what came with it the
description goes on, whatever its length was told to be; a length too large ends with our patience."""


_PINGS: Final = frozenset({"OPTIONS", "GET_PARAMETER"})
"""By which a camera asks whether we are still there (RFC 2326 sections 10.1, 10.8)."""

_BEGINNINGS: Final = (b"v=", b"o=", b"s=", b"m=", b"\xef\xbb")
"""What descriptions begin with that are told neither by a type nor by a length; the last is a byte order mark."""


class PacketReceiver(Protocol):
    """Takes the RTP packets of one channel (media.depacketiser)."""

    def packet(self, data: bytearray, view: memoryview, start: int, end: int) -> None: ...

    def fragments(self, view: memoryview, pos: int, end: int, channel_word: int) -> int: ...


class ReceiveBuffer:
    """Bytes just received, of one connection at a time: between reading and parsing nothing else runs."""

    def __init__(self) -> None:
        self.data = bytearray(BUFFER_BYTES)
        self.view = memoryview(self.data)


_BUFFER: Final = ReceiveBuffer()


class RtspConnection(asyncio.BufferedProtocol):
    """Framing, requests and answers. Never raises into the event loop: what goes wrong ends the connection.

    `closed` is done when the connection is over; its result is the reason.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._data, self._view = _BUFFER.data, _BUFFER.view
        self._kept = b""  # an unfinished message
        self._consumed = 0  # bytes of the connection before the buffer's first
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._receiver: PacketReceiver | None = None
        self._on_rtcp: Callable[[bytes], None] | None = None
        self._channel = -1
        self._rtcp_channel = -1
        self._sequence = 0
        self._awaited: dict[int, asyncio.Future[Message]] = {}
        self._described = False  # a description came; what may be left of it before the next message is skipped
        self._mark = 1
        self._wanted_mark = 1
        self.closed: asyncio.Future[CaptureError] = asyncio.get_running_loop().create_future()
        self.arrival_us = 0  # monotonic time at which the bytes being parsed were read
        self.bytes_received = 0
        self.messages = 0
        self._flood = (FLOOD_BYTES, FLOOD_MESSAGES)  # of `bytes_received` and `messages`
        self.stray_messages = 0  # interleaved data on channels that were never assigned

    def receive(self, channels: tuple[int, int], receiver: PacketReceiver, on_rtcp: Callable[[bytes], None]) -> None:
        """Packets of these channels (RTP, RTCP) go there from now on, PLAY answered or not."""
        self._channel, self._rtcp_channel = channels
        self._receiver, self._on_rtcp = receiver, on_rtcp

    async def request(self, method: str, url: str, headers: Mapping[str, str], timeout_s: float = ANSWER_S) -> Message:
        """Send a request and wait for its answer; raises CameraSilent, or why the connection is over."""
        if self.closed.done():
            raise self.closed.result()
        self._sequence += 1
        sequence = self._sequence
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._awaited[sequence] = answer
        self._apply_mark()
        if self._transport is not None:
            self._transport.write(encode_request(method, url, sequence, headers))
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError as error:
            if late := self._cut_short(sequence):
                return late
            raise CameraSilent(reason=f"no answer to {method} for {timeout_s:g} s") from error
        finally:
            self._awaited.pop(sequence, None)
            self._apply_mark()

    def set_rate(self, bytes_per_second: float) -> None:
        """Choose the low-water mark for a stream of this rate; what may come until the next look is counted anew."""
        self._flood = (self.bytes_received + FLOOD_BYTES, self.messages + FLOOD_MESSAGES)
        mark = max(1, min(LOW_WATER_MAX, int(bytes_per_second * LOW_WATER_US / 1_000_000)))
        if not 0.75 * self._wanted_mark <= mark <= 1.25 * self._wanted_mark:
            self._wanted_mark = mark
            self._apply_mark()

    def drain(self) -> None:
        """Take what lies in the socket below the low-water mark: called at each tick."""
        sock = self._socket
        most = self.bytes_received + DRAIN_BYTES
        while self._mark > 1 and sock is not None and not self.closed.done() and self.bytes_received < most:
            room = self.get_buffer(-1)
            try:
                count = os.readv(sock.fileno(), (room,))
            except OSError:
                return  # nothing there, or an error that the event loop meets, too, and reports
            if not count:
                return
            if count == len(room):
                self.buffer_updated(count)
                continue
            age_us = _LAST_DATA_RECV.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 56))[0] * 1000
            self._received(count, self._clock.monotonic_us() - max(0, age_us - JIFFY_US))
            return

    def abort(self, reason: CaptureError) -> None:
        """End the connection at once."""
        self._finish(reason)
        if self._transport is not None:
            self._transport.abort()

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called once by the event loop."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._socket = transport.get_extra_info("socket")

    def connection_lost(self, exc: Exception | None) -> None:
        """Called once by the event loop: the camera closed, or the network did."""
        self._finish(CameraClosed(reason=f"{exc}" if exc else "end of stream"))

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the kernel writes next: never empty, a whole message always fits."""
        kept = len(self._kept)
        self._view[:kept] = self._kept
        return self._view[kept:]

    def buffer_updated(self, nbytes: int) -> None:
        """New bytes are in the buffer: parse all messages that are there whole."""
        self._received(nbytes, self._clock.monotonic_us())

    def _received(self, count: int, arrival_us: int) -> None:
        """`count` new bytes, the last of which came at `arrival_us`, lie in the buffer behind what was kept."""
        self.arrival_us = arrival_us
        self.bytes_received += count
        end = len(self._kept) + count
        self._kept = b""
        try:
            pos = self._parse(end)
        except CaptureError as error:
            self.abort(error)
            return
        if self.bytes_received > self._flood[0] or self.messages > self._flood[1]:
            self.abort(CameraFloods())
            return
        self._consumed += pos
        self._kept = bytes(self._view[pos:end])

    def _parse(self, end: int) -> int:
        """Consume whole messages from the buffer's start; returns the position of the first unfinished one."""
        data, view, receiver, channel = self._data, self._view, self._receiver, self._channel
        channel_word = _DOLLAR << 8 | (channel & 0xFF)
        pos = 0
        while pos < end:
            self.messages += 1
            if data[pos] != _DOLLAR:
                after = self._text(pos, end)
                if after == pos:
                    return pos
                pos = after
                receiver, channel = self._receiver, self._channel
                channel_word = _DOLLAR << 8 | (channel & 0xFF)
                continue
            if end - pos < 4:
                return pos
            _, number, length = _INTERLEAVED.unpack_from(data, pos)
            stop = pos + 4 + length
            if stop > end:
                return pos
            if number == channel and receiver is not None:
                receiver.packet(data, view, pos + 4, stop)
                pos = receiver.fragments(view, stop, end, channel_word)
                continue
            if number == self._rtcp_channel and self._on_rtcp is not None:
                self._on_rtcp(bytes(view[pos + 4 : stop]))
            else:
                self.stray_messages += 1
            pos = stop
        return pos

    def _text(self, pos: int, end: int) -> int:
        """An answer or a request of the camera's at `pos`; returns the position behind it, or `pos` if unfinished."""
        data = self._data
        if blanks := _BLANKS.match(data, pos, end):
            return blanks.end()  # empty lines between messages, before '$' too
        limit = min(end, pos + HEAD_BYTES)
        start = bytes(data[pos : min(end, pos + 5)]).upper()
        answer = b"RTSP/".startswith(start)
        if not answer and self._described and self._receiver is None:
            line = data.find(b"\n", pos, end)
            return line + 1 if line >= 0 else end
        found = _HEAD_END.search(data, pos, limit)
        if found is None:
            if limit - pos >= HEAD_BYTES or not (answer or start.isalpha()):
                raise RtspInvalid(reason="neither an answer nor a packet", at=self._consumed + pos)
            return pos
        message, length = parse_head(bytes(data[pos : found.start()]), self._consumed + pos)
        if length > BODY_BYTES:
            raise RtspInvalid(reason=f"a body of {length} bytes", at=self._consumed + pos)
        first = found.end()
        stop = first + length
        if message.status == OK and self._receiver is None and _describes(message, data[first : min(end, first + 2)]):
            self._described = True
            other = _ANOTHER.search(data, min(stop, end), end)
            if other is None and message.header("content-length") is None and not _enough(data[first:end]):
                return pos  # patience will tell where it ends
            stop = max(stop, other.start() if other else end)
        if stop > end:
            return pos
        self._message(Message(message.status, message.method, message.headers, bytes(data[first:stop])))
        return stop

    def _cut_short(self, sequence: int) -> Message | None:
        """The description that lies there unfinished when the patience is over: its length was told too large."""
        found = _HEAD_END.search(self._kept)
        if found is None or not self._kept.startswith(b"RTSP/"):
            return None
        message, _ = parse_head(self._kept[: found.start()], self._consumed)
        body = self._kept[found.end() :]
        if message.sequence not in {None, sequence} or not _describes(message, body[:2]):
            return None
        self._consumed += len(self._kept)
        self._kept = b""
        return Message(message.status, message.method, message.headers, body)

    def _message(self, message: Message) -> None:
        if 100 <= message.status < 200:
            return  # the answer is still to come (RFC 2326 section 7.1.1)
        if message.method == "REDIRECT":
            raise RedirectRefused
        if message.method:
            if self._transport is not None:
                if self._transport.get_write_buffer_size() > UNREAD_BYTES:
                    raise CameraFloods
                number = message.sequence or 0
                status = "200 OK" if message.method in _PINGS else "501 Not Implemented"
                self._transport.write(f"RTSP/1.0 {status}\r\nCSeq: {number}\r\n\r\n".encode())
            return
        wanted = message.sequence
        if wanted is None:
            wanted = min(self._awaited, default=0)  # cameras that forget CSeq answer in order
        answer = self._awaited.get(wanted)
        if answer is not None and not answer.done():  # else: an answer that came too late
            answer.set_result(message)

    def _finish(self, reason: CaptureError) -> None:
        if not self.closed.done():
            self.closed.set_result(reason)
        for answer in self._awaited.values():
            if not answer.done():
                answer.set_exception(self.closed.result())

    def _apply_mark(self) -> None:
        """Tell the kernel: 1 byte while an answer is outstanding, else what the rate wants."""
        mark = 1 if self._awaited else self._wanted_mark
        transport = self._transport
        if mark == self._mark or transport is None or transport.is_closing():
            return
        sock = self._socket
        if sock is None or transport.get_extra_info("ssl_object") is not None:
            return  # behind TLS bytes are not video: the kernel's mark would count records
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, mark)
        self._mark = mark


def _describes(message: Message, begin: bytes | bytearray) -> bool:
    """The body is a session description: the header says so, or its first bytes do."""
    said = "sdp" in (message.header("content-type") or "").lower()
    return begin == b"v=" or (message.header("content-length") is None and (said or begin.startswith(_BEGINNINGS)))


def _enough(body: bytes | bytearray) -> bool:
    """A description without a length has what it takes to ask for its picture; what may still come is skipped."""
    picture = body[max(0, body.find(b"m=video")) :]
    return (
        body.endswith((b"\n", b"\r")) and b"m=video" in picture and b"a=rtpmap" in picture and b"a=control" in picture
    )
