"""A simulated IP camera: an RTSP server on loopback with a main and a sub-stream, faults and ground truth.

async with SimulatedCamera({"main": clip, "sub": small}) as camera:
reader.open(camera.url("main"), camera.user, camera.password)
camera.faults.silence(8)
...
camera.sent("main")  # every picture sent, with counter, UTC and NAL digests
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from appliance.core.clock import Clock, SystemClock
from appliance.demo.auth import AuthScheme
from appliance.demo.clip import Clip
from appliance.demo.faults import Faults, FaultScript, FaultState
from appliance.demo.quirks import Quirks
from appliance.demo.session import Connection
from appliance.demo.stream import CameraStream, SentFrame, StreamOptions

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """How the camera behaves when it is well.

    `session_timeout_s`: seconds without an RTSP request after which the camera ends a connection, and what it
    says in `Session`. `report_period_s`: seconds between sender reports, 0 = none. `report_clock_offset_s`:
    error of the camera's own clock. `sprop`: parameter sets in the SDP. `audio`: an audio track is offered.
    `quirks`: what its server does wrong when it is well.
    `tls`: serve rtsps with this certificate.
    """

    auth: AuthScheme = "digest"
    session_timeout_s: float = 60.0
    report_period_s: float = 5.0
    report_clock_offset_s: float = 0.0
    sprop: bool = True
    audio: bool = False
    stream: StreamOptions = field(default_factory=StreamOptions)
    quirks: Quirks = field(default_factory=Quirks)
    tls: ssl.SSLContext | None = None


@dataclass(slots=True)
class CameraCounts:
    """What clients did, counted since the camera's start.

    `setups`: video tracks set up; `audio_setups`: audio tracks (a lawful recorder keeps it at 0); `refused`:
    requests with wrong credentials; `client_reports`: interleaved packets from clients (RTCP); `expired`:
    connections ended for want of a keep-alive; `overruns`: clients dropped because they did not read.
    """

    connections: int = 0
    setups: int = 0
    audio_setups: int = 0
    refused: int = 0
    teardowns: int = 0
    client_reports: int = 0
    expired: int = 0
    overruns: int = 0
    requests: dict[str, int] = field(default_factory=dict)


class SimulatedCamera:
    """One camera. Start with `async with`, or `start` and `stop`. `port` 0: any free one, then kept for life."""

    def __init__(
        self,
        clips: Mapping[str, Clip],
        *,
        user: str = "enregistreur",
        password: str = "mot-de-passe",  # noqa: S107  # of a simulated camera on loopback
        port: int = 0,
        number: int = 0,
        options: CameraOptions | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.options = options or CameraOptions()
        self.user = user
        self.right_password = password
        self.password = password
        self.port = port
        self.counts = CameraCounts()
        self.connections: set[Connection] = set()
        self.fault_state = FaultState()
        self.faults = Faults(self.fault_state, reset=self._reset, password=self._change_password, listen=self._listen)
        self.clips = dict(clips)
        self._clock = clock
        self.streams = {
            name: CameraStream(clip, (number * 4 + index) & 0xFF, self.options.stream)
            for index, (name, clip) in enumerate(clips.items())
        }
        self._server: asyncio.Server | None = None
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        self._reopening: asyncio.Task[None] | None = None

    def url(self, stream: str, *, credentials: bool = False) -> str:
        """The RTSP URL of a stream, with user and password in it on request."""
        who = f"{self.user}:{self.right_password}@" if credentials else ""
        scheme = "rtsp" if self.options.tls is None else "rtsps"
        return f"{scheme}://{who}{LOOPBACK}:{self.port}/{stream}"

    def sent(self, stream: str) -> list[SentFrame]:
        """Every picture that went to at least one client, oldest first (the last SENT_KEPT)."""
        return list(self.streams[stream].sent)

    def joined(self, connection: Connection) -> None:
        """A client has connected."""
        self.connections.add(connection)
        self.counts.connections += 1
        self._all_gone.clear()

    def left(self, connection: Connection) -> None:
        """A client's connection is closed."""
        self.connections.discard(connection)
        if not self.connections:
            self._all_gone.set()

    def run_script(self, script: FaultScript) -> None:
        """Start a script of faults; its clock starts now."""
        self.faults.run(script)

    async def start(self) -> None:
        """Listen and expose the first pictures."""
        await self._open()
        clock = self._clock
        if clock is None:
            clock = await asyncio.to_thread(SystemClock)  # it reads a file
        for stream in self.streams.values():
            stream.start(clock)

    async def stop(self) -> None:
        """End all connections and the listener."""
        self.faults.cancel()
        if self._reopening is not None:
            await self._reopening
        for stream in self.streams.values():
            stream.stop()
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.close()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
        await self._all_gone.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _open(self) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((LOOPBACK, self.port))
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), sock=sock, ssl=self.options.tls)
        self.port = sock.getsockname()[1]

    def _listen(self, listening: bool) -> None:
        if not listening and self._server is not None:
            self._server.close()
            self._server = None
        elif listening and self._server is None:
            self._reopening = asyncio.create_task(self._open(), name="camera listens again")

    def _change_password(self, changed: bool) -> None:
        self.password = self.right_password + "-changed" if changed else self.right_password

    def _reset(self, stream: str | None) -> None:
        for connection in list(self.connections):
            if stream is None or connection.plays(stream):
                connection.reset()
