"""A camera in memory at the other end of a runner; time moves when the runner waits."""

import asyncio
import random
from base64 import b64encode
from collections.abc import Callable

from appliance.capture.camera import CameraRunner
from appliance.capture.connection import RtspConnection
from appliance.capture.errors import CaptureError
from appliance.capture.state import CaptureState
from appliance.capture.url import Credentials, RtspUrl
from appliance.core.cause import GapCause
from appliance.core.clock import Clock, SimulatedClock
from appliance.media.stream import StreamKey
from tests.peers.h264_rtp import PPS, SPS, Packetiser, framed, picture
from tests.peers.sink import KeepingSink

KEY = StreamKey("gate", "main")
URL = "rtsp://10.0.0.7/live"
SDP = "\r\n".join([
    "v=0", "s=x", "a=control:*", "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000",
    f"a=fmtp:96 sprop-parameter-sets={b64encode(SPS).decode()},{b64encode(PPS).decode()}", "a=control:video",
    "m=audio 0 RTP/AVP 8", "a=control:audio", "",
])  # fmt: skip


class Scripted(asyncio.Transport):
    """A camera at the other end of one connection: answers at once, sends pictures when the clock moves."""

    def __init__(self, bench: "Bench", connection: RtspConnection) -> None:
        super().__init__()
        self.bench = bench
        self.connection = connection
        self.sender = Packetiser(sequence=bench.rng.randrange(65536), ssrc=0x55)
        self.playing = False
        self.gone = False
        self.number = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:  # type: ignore[type-arg, unused-ignore]
        method, url, _ = bytes(data).split(b" ", 2)
        text = bytes(data).decode()
        sequence = text.split("CSeq: ")[1].split("\r\n")[0]
        self.bench.requests.append(f"{method.decode()} {url.decode()}")
        self.bench.texts.append(text)
        status, headers, body = self.bench.answer(method.decode(), text)
        if status and not self.gone:
            lines = [f"RTSP/1.0 {status} X", f"CSeq: {sequence}", *headers, f"Content-Length: {len(body)}", "", body]
            self.send("\r\n".join(lines).encode())
        if method == b"PLAY" and status == 200:
            self.playing = True

    def send(self, data: bytes) -> None:
        """Bytes on the wire; taken before anything else runs, as the event loop would."""
        asyncio.get_running_loop().call_soon(self._deliver, data)

    def _deliver(self, data: bytes) -> None:
        if not self.gone:
            room = self.connection.get_buffer(-1)
            room[: len(data)] = data
            self.connection.buffer_updated(len(data))

    def picture(self, *, lose: bool = False) -> None:
        nals = picture(self.number, keyframe=self.number % 10 == 0, size=400)
        packets = self.sender.unit(nals, self.number * 18_000)
        if lose:
            packets.pop(1)
        self._deliver(b"".join(framed(packet) for packet in packets))
        self.number += 1

    def close(self, error: Exception | None = None) -> None:
        if not self.gone:
            self.gone = True
            self.connection.connection_lost(error)

    def abort(self) -> None:
        self.gone = True

    def is_closing(self) -> bool:
        return self.gone

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default


class Bench:
    """Clock, sink, runner and the script. `at[n]` is done before the runner's n-th wait ends."""

    def __init__(self, credentials: Credentials | None = None, first_cause: GapCause = GapCause.NONE) -> None:
        self.rng = random.Random(4)
        self.clock = SimulatedClock()
        self.sink = KeepingSink()
        self.requests: list[str] = []
        self.texts: list[str] = []
        self.waits: list[float] = []
        self.errors: list[CaptureError] = []
        self.answers: dict[str, tuple[int, list[str], str]] = {}
        self.at: dict[int, Callable[[], None]] = {}
        self.camera: Scripted | None = None
        self.connections = 0
        self.silent = False
        self.enough = 10**9
        self.done = asyncio.Event()
        self.runner = CameraRunner(
            KEY, URL, credentials, self.sink, self.clock,
            connect=self.connect, rng=random.Random(1), sleep=self.sleep, first_cause=first_cause,
        )  # fmt: skip

    def answer(self, method: str, _text: str) -> tuple[int, list[str], str]:
        if method in self.answers:
            return self.answers[method]
        return {
            "DESCRIBE": (200, ["Content-Base: rtsp://10.0.0.7/live/"], SDP),
            "SETUP": (200, ["Session: 77;timeout=10", "Transport: RTP/AVP/TCP;interleaved=0-1"], ""),
            "OPTIONS": (200, ["Public: OPTIONS, GET_PARAMETER"], ""),
        }.get(method, (200, [], ""))

    async def connect(self, _url: RtspUrl, clock: Clock) -> RtspConnection:
        self.connections += 1
        if self.errors:
            raise self.errors.pop(0)
        connection = RtspConnection(clock)
        self.camera = Scripted(self, connection)
        connection.connection_made(self.camera)
        return connection

    async def sleep(self, seconds: float) -> None:
        """The runner waits: five pictures a second come meanwhile, then the script's step is done."""
        self.waits.append(seconds)
        if len(self.waits) > self.enough:
            self.done.set()
            await asyncio.Event().wait()
        for _ in range(round(seconds * 5)):
            self.clock.advance(0.2)
            if self.camera is not None and self.camera.playing and not self.silent and not self.camera.gone:
                self.camera.picture()
        if step := self.at.pop(len(self.waits), None):
            step()
        await asyncio.sleep(0)

    async def run(self, waits: int) -> None:
        self.enough = waits
        task = asyncio.create_task(self.runner.run())
        finished = asyncio.create_task(self.done.wait())
        await asyncio.wait({task, finished}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        self.state = self.runner.state()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert self.runner.state().state is CaptureState.STOPPED


async def settled() -> None:
    """Turns of the loop in which all that can happen at once has happened."""
    for _ in range(20):
        await asyncio.sleep(0)


async def reaches(runner: CameraRunner, state: CaptureState) -> None:
    """Turns of the loop until it is there: a busy machine needs more of them than a quiet one."""
    for _ in range(1_000_000):
        if runner.state().state is state:
            return
        await asyncio.sleep(0)
    raise AssertionError(runner.state())


async def ended(task: "asyncio.Task[None]") -> None:
    """The runner is stopped."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
