"""Four cameras in a process of their own, so that their CPU is not counted as the recorder's.

`python -m appliance.demo.rig` speaks JSON lines: it says `ready` with its ports, then takes `fault` and `truth` from
standard input and ends when that is closed. `CameraRig` is the other end.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from appliance.core.clock import SystemClock
from appliance.demo import clip as clip_file
from appliance.demo.camera import CameraOptions, SimulatedCamera
from appliance.demo.commissioning import answer_onvif
from appliance.demo.errors import ClipUnusable
from appliance.demo.faults import FaultStep
from appliance.demo.stream import StreamOptions
from appliance.demo.verify import Sent

LINE_LIMIT = 64 << 20
"""Octets of one answer: the ground truth of half an hour of eight streams is some 10 MB."""

STOP_S = 5.0
"""Seconds for the cameras to end by themselves."""


async def serve(cache: Path, wanted: dict[str, dict[str, str]], user: str, password: str) -> None:
    """The child: `wanted` maps camera id to stream name to clip name in `cache`."""
    cameras = {}
    options = CameraOptions(audio=True, stream=StreamOptions(keep_digests=False))
    for number, (camera_id, streams) in enumerate(wanted.items()):
        clips = {}
        for stream, name in streams.items():
            clip = clip_file.load(cache, name)
            if clip is None:
                raise ClipUnusable(clip=name, why="absent")
            clips[stream] = clip
        cameras[camera_id] = SimulatedCamera(clips, user=user, password=password, number=number, options=options)
    for camera in cameras.values():
        await camera.start()
    clock = await asyncio.to_thread(SystemClock)  # it reads a file
    async with AsyncExitStack() as stack:
        await answer_onvif(stack, cameras, clock)
        await _commanded(cameras)
    for camera in cameras.values():
        await camera.stop()


async def _commanded(cameras: dict[str, SimulatedCamera]) -> None:
    _say({"event": "ready", "ports": {name: camera.port for name, camera in cameras.items()}})
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        request = json.loads(line)
        if request["do"] == "fault":
            cameras[request["camera"]].faults.do(FaultStep(**request["step"]))
        else:
            _say(_truth(cameras))


def _truth(cameras: dict[str, SimulatedCamera]) -> dict[str, Any]:
    return {
        "event": "truth",
        "cpu_s": sum(psutil.Process().cpu_times()[:2]),
        "audio_setups": sum(camera.counts.audio_setups for camera in cameras.values()),
        "sent": {
            f"{name}/{stream}": [(f.counter, f.utc_us, f.damaged) for f in camera.sent(stream)]
            for name, camera in cameras.items()
            for stream in camera.streams
        },
    }


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


class CameraRig:
    """Starts and commands the cameras' process."""

    def __init__(self, cache: Path, wanted: dict[str, dict[str, str]], user: str, password: str) -> None:
        self._config = {"cache": str(cache), "wanted": wanted, "user": user, "password": password}
        self._process: asyncio.subprocess.Process | None = None
        self.ports: dict[str, int] = {}

    async def start(self) -> None:
        """Start it and learn the ports."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "appliance.demo.rig"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the demonstration, which then ends its children in order
            limit=LINE_LIMIT,
        )
        await self._send(self._config)
        self.ports = (await self._read())["ports"]

    async def fault(self, camera: str, step: FaultStep) -> None:
        """Do something to a camera now."""
        await self._send({"do": "fault", "camera": camera, "step": asdict(step)})

    async def truth(self) -> tuple[dict[str, Sequence[Sent]], float, int]:
        """(pictures sent by "camera/stream", CPU seconds of the cameras, audio tracks that were set up)."""
        await self._send({"do": "truth"})
        answer = await self._read()
        sent: dict[str, Sequence[Sent]] = {name: [Sent(*row) for row in rows] for name, rows in answer["sent"].items()}
        return sent, float(answer["cpu_s"]), int(answer["audio_setups"])

    async def stop(self) -> None:
        """End the process; it is gone afterwards."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _send(self, message: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        await self._process.stdin.drain()

    async def _read(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise ClipUnusable(clip="*", why="les caméras simulées se sont arrêtées")
        answer: dict[str, Any] = json.loads(line)
        return answer


def main() -> None:
    """The child's entry."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    config = json.loads(sys.stdin.readline())
    asyncio.run(serve(Path(config["cache"]), config["wanted"], config["user"], config["password"]))


if __name__ == "__main__":
    main()
