"""A camera whose answers are given: the session and the connection as they are, over a wire that is none."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hypothesis import strategies as st

from appliance.capture.connection import RtspConnection
from appliance.capture.errors import CameraClosed
from appliance.capture.message import Message
from appliance.capture.rtsp import RtspSession
from appliance.capture.sdp import VideoTrack
from appliance.capture.url import Credentials, parse_url
from appliance.core.clock import SimulatedClock

URL: Final = "rtsp://192.168.1.10:554/stream"
PATIENCE_S: Final = 0.02
"""Seconds for an answer. It is there before the request is awaited, or never."""

PLAIN: Final = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"
_SEQUENCE: Final = re.compile(rb"^(cseq\s*:\s*)\d+", re.IGNORECASE | re.MULTILINE)
_SPLINTERS: Final = (
    b"\r\n", b"\n", b"", b"\0", b"$", b"RTSP/1.0 ", b"a=", b"m=video", b"=", b";", b",", b'"', b" " * 50, b"\xff\xfe",
    b"9" * 12,
)  # fmt: skip


def bent(data: st.DataObject, sound: bytes) -> bytes:
    """Up to four places of it cut out, and something that means something put there."""
    text = bytearray(sound)
    for _ in range(data.draw(st.integers(0, 4))):
        first = data.draw(st.integers(0, len(text)))
        text[first : first + data.draw(st.sampled_from([0, 0, 1, 2, 40]))] = data.draw(st.sampled_from(_SPLINTERS))
    return bytes(text)


class _Hasty(RtspConnection):
    async def request(
        self, method: str, url: str, headers: Mapping[str, str], timeout_s: float = PATIENCE_S
    ) -> Message:
        return await super().request(method, url, headers, min(timeout_s, PATIENCE_S))


class Replayed(asyncio.Transport):
    """Answers each request at once, in pieces of `sizes` bytes, with the request's own number.

    `requests`: the lines that were asked. A method's answers are given one after the other, the last for ever.
    """

    def __init__(self, answers: Mapping[str, Sequence[bytes]], sizes: Sequence[int]) -> None:
        super().__init__()
        self._answers = {method: list(texts) for method, texts in answers.items()}
        self._sizes = sizes
        self._aborted = False
        self.requests: list[str] = []
        self.heads: list[str] = []
        self.connection: RtspConnection | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:  # type: ignore[type-arg, unused-ignore]
        text = bytes(data).decode("utf-8", "surrogateescape")
        if text.startswith("RTSP/"):
            return
        line = text.partition("\r\n")[0]
        self.requests.append(line.removesuffix(" RTSP/1.0"))
        self.heads.append(text)
        number = re.search(r"^CSeq: (\d+)", text, re.MULTILINE)
        assert number
        waiting = self._answers.get(line.split()[0], [PLAIN])
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        self._deliver(_SEQUENCE.sub(rb"\g<1>" + number[1].encode(), answer, count=1))

    def _deliver(self, data: bytes) -> None:
        connection = self.connection
        assert connection is not None
        at, turn = 0, 0
        while at < len(data) and not self._aborted:
            room = connection.get_buffer(-1)
            count = min(len(room), len(data) - at, self._sizes[turn % len(self._sizes)])
            room[:count] = data[at : at + count]
            connection.buffer_updated(count)
            at, turn = at + count, turn + 1

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._aborted

    def abort(self) -> None:
        self._aborted = True


class _Nobody:
    def packet(self, data: bytearray, view: memoryview, start: int, end: int) -> None:
        pass

    def fragments(self, _view: memoryview, pos: int, _end: int, _channel_word: int) -> int:
        return pos


@dataclass
class Said:
    """What a conversation came to."""

    track: VideoTrack | None = None
    requests: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    keep_alive_s: float = 0.0

    def asked(self, method: str) -> list[str]:
        """The URLs of that method's requests."""
        return [line.split(" ", 1)[1] for line in self.requests if line.split(" ", 1)[0] == method]


async def converse(
    answers: Mapping[str, Sequence[bytes]],
    sizes: Sequence[int] = (65_536,),
    credentials: Credentials | None = None,
    *,
    said: Said | None = None,
) -> Said:
    """DESCRIBE, SETUP, PLAY, a keep-alive and TEARDOWN; raises what the session raises. `said` is filled even then."""
    wire = Replayed(answers, sizes)
    connection = _Hasty(SimulatedClock())
    wire.connection = connection
    connection.connection_made(wire)
    session = RtspSession(connection, parse_url(URL), credentials)
    said = said or Said()
    said.requests, said.heads = wire.requests, wire.heads
    try:
        said.track = await session.describe()
        await session.setup(said.track, _Nobody(), lambda _data: None)
        await session.play()
        said.keep_alive_s = session.keep_alive_s
        await session.keep_alive()
    finally:
        await session.close(CameraClosed(reason="the test is over"))
    return said
