"""The real product as the demonstration sees it: a child process, its HTTP API, and its pictures decoded with PyAV."""

import asyncio
import io
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np
import psutil

from appliance.core.clock import Clock
from appliance.demo.clips import ASSETS_VARIABLE
from appliance.demo.counter import find_stamp, read_burnt
from appliance.demo.errors import RecorderAnswer, RecorderDidNotStart
from appliance.demo.staff import SHOW, sign_in

READY = "ready http://"
"""How the recorder's line on standard output begins once its page is served."""

READY_S = 30.0
STOP_S = 15.0
"""Seconds for a start, and for an orderly stop (the last tick becomes durable)."""

WHY = "Démonstration : les images simulées sont relues et comptées"
"""The reason by which the demonstration opens its own pictures."""

BURNT_EACH = 5
"""Every how many decoded pictures the burnt-in counter is read: pictures between are decoded all the same."""


@dataclass(slots=True)
class ReadBack:
    """Counters found in recorded pictures. See verify.Evidence."""

    found: list[int] = field(default_factory=list)
    burnt: list[tuple[int, int | None]] = field(default_factory=list)
    decode_errors: int = 0


def read_back(data: bytes, into: ReadBack, *, whole: bool) -> None:
    """Demux an MP4 file's counters; decode all pictures (`whole`) or keyframes only. Blocking: CPU."""
    with av.open(io.BytesIO(data), mode="r") as container:
        stream = container.streams.video[0]
        width, height = stream.codec_context.width, stream.codec_context.height
        if not whole:
            stream.codec_context.skip_frame = "NONKEY"
        stamps: dict[int | None, int] = {}
        for packet in container.demux(stream):
            if packet.size:
                stamp = find_stamp(bytes(packet))
                if stamp is not None:
                    into.found.append(stamp.counter)
                    stamps[packet.pts] = stamp.counter
            for index, frame in enumerate(_decoded(packet, into)):
                counter = stamps.pop(frame.pts, None)
                if counter is not None and (not whole or (counter + index) % BURNT_EACH == 0):
                    grey = np.asarray(frame.reformat(format="gray").to_ndarray(), np.uint8)
                    burnt = read_burnt(grey, width, height)
                    into.burnt.append((counter, None if burnt is None else burnt.counter))


def _decoded(packet: "av.Packet[av.VideoStream]", into: ReadBack) -> Iterator[av.VideoFrame]:
    try:
        for frame in packet.decode():
            assert isinstance(frame, av.VideoFrame)
            yield frame
    except av.FFmpegError:
        into.decode_errors += 1


class Recorder:
    """`python -m appliance run` as a child, and a client of its API. `assets`: whether it may know of real models."""

    def __init__(self, site_file: Path, log: Path, port: int, clock: Clock, *, assets: bool = True) -> None:
        self._site_file = site_file
        self._clock = clock
        self._assets = assets
        self._log = log
        self._port = port
        self._process: asyncio.subprocess.Process | None = None
        self._drain: asyncio.Task[None] | None = None
        self._http: aiohttp.ClientSession | None = None
        self.url = ""

    async def start(self) -> None:
        """Start it and wait for its page. Raises RecorderDidNotStart."""
        log = await asyncio.to_thread(os.open, self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "appliance.demo.leash", sys.executable, "-m", "appliance", "run"),
                *("--site", str(self._site_file), "--port", str(self._port)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the demonstration, which then stops it in order
                env={name: value for name, value in os.environ.items() if self._assets or name != ASSETS_VARIABLE},
            )
        finally:
            os.close(log)
        try:
            self.url = await asyncio.wait_for(self._ready(), READY_S)
        except TimeoutError as error:
            raise RecorderDidNotStart(why=f"> {READY_S:g} s", log=str(self._log)) from error
        self._drain = asyncio.create_task(self._drain_output(), name="recorder output")
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
        await self._sign_in()

    async def stop(self) -> int | None:
        """End it in order; its exit code, None when it was never started."""
        if self._http is not None:
            await self._http.close()
            self._http = None
        if self._process is None:
            return None
        if self._process.returncode is None:
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._drain is not None:
            await self._drain
        return self._process.returncode

    @property
    def alive(self) -> bool:
        """False once the process has ended."""
        return self._process is not None and self._process.returncode is None

    def cpu_s(self) -> float:
        """CPU seconds of the recorder and its children."""
        if self._process is None:
            return 0.0
        try:
            root = psutil.Process(self._process.pid)
            return sum(sum(p.cpu_times()[:2]) for p in [root, *root.children(recursive=True)])
        except psutil.NoSuchProcess:
            return 0.0

    async def _sign_in(self) -> None:
        assert self._http is not None
        await sign_in(self._http, self.url, self._site_file.parent, SHOW, self._clock)

    async def get(self, path: str, **query: str) -> Any:
        """JSON of `/api/v1/<path>`; logs in again where the session was left alone too long. Raises RecorderAnswer."""
        try:
            return await self._get(path, query)
        except RecorderAnswer as refused:
            if refused.facts["status"] != 401:
                raise
        await self._sign_in()
        return await self._get(path, query)

    async def _get(self, path: str, query: Mapping[str, str]) -> Any:
        assert self._http is not None
        try:
            async with self._http.get(f"{self.url}api/v1/{path}", params=query) as answer:
                if answer.status != 200:
                    raise RecorderAnswer(status=answer.status, path=path, why=(await answer.text())[:200])
                if answer.content_type == "application/json":
                    return await answer.json()
                return await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise RecorderAnswer(status="-", path=path, why=str(error) or type(error).__name__) from error

    async def open_pictures(self, camera: str, from_us: int, to_us: int) -> None:
        """Open a camera's pictures with a reason, as anybody must. Raises RecorderAnswer."""
        assert self._http is not None
        reason = {"reason": "doubt", "text": WHY, "cameras": [camera], "from_us": from_us, "to_us": to_us}
        own = {"Sec-Fetch-Site": "same-origin"}
        try:
            async with self._http.post(f"{self.url}api/v1/looks", json=reason, headers=own) as answer:
                if answer.status != 201:
                    raise RecorderAnswer(status=answer.status, path="looks", why=(await answer.text())[:200])
        except (aiohttp.ClientError, TimeoutError) as error:
            raise RecorderAnswer(status="-", path="looks", why=str(error) or type(error).__name__) from error

    async def read_back(self, camera: str, stream: str, from_us: int, to_us: int) -> ReadBack:
        """Fetch the clip of an interval and read its counters; the sub-stream is decoded whole."""
        found = ReadBack()
        await self.open_pictures(camera, from_us, to_us)
        query = {"from": str(from_us), "to": str(to_us), "q": stream}
        clips = await self.get(f"cameras/{camera}/clips", **query)
        for file in clips["files"]:
            data = await self.get(f"cameras/{camera}/clip.mp4", **query, file=str(file["file"]))
            await asyncio.to_thread(read_back, data, found, whole=stream == "sub")
        return found

    async def recording(self) -> tuple[Sequence[str], Sequence[str]]:
        """Streams ("camera/stream") that record now, and those that do not."""
        state = await self.get("state")
        streams = {f"{c['id']}/{name}": s["status"] for c in state["cameras"] for name, s in c["streams"].items()}
        return (
            [name for name, status in streams.items() if status == "recording"],
            [name for name, status in streams.items() if status != "recording"],
        )

    async def _ready(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := (await self._process.stdout.readline()).decode("utf-8", "replace").strip():
            if line.startswith(READY):
                return line.removeprefix("ready ").rstrip("/") + "/"
        await self._process.wait()
        raise RecorderDidNotStart(why=f"code {self._process.returncode}", log=str(self._log))

    async def _drain_output(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while await self._process.stdout.read(65536):
            pass
