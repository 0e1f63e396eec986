"""The parent's side of the compatible reader: one child for one camera, killed alone.

The recorder holds no libav: pictures come over a pipe, and what they are (keyframes, parameter sets) is read by the
recorder's own parsers.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Final, Self

from appliance.capture.compatible.wire import HEADER, Kind, Message, head
from appliance.capture.errors import (
    CameraAuthentication,
    CameraClosed,
    CameraRefused,
    CameraSilent,
    CameraUnreachable,
    CaptureError,
    CodecRefused,
    CompatibleReaderFailed,
    StreamNotFound,
)
from appliance.capture.url import Credentials, RtspUrl
from appliance.core.clock import Clock
from appliance.media import hevc, nal
from appliance.media.depacketiser import Picture
from appliance.media.input_errors import SpsInvalid
from appliance.media.stream import Codec

COMMAND: Final = (sys.executable, "-sP", "-m", "appliance.capture.compatible.child")

CHILD_PATH: Final = str(Path(__file__).parents[3])
"""Where the child finds this package and libav: in the image no folder that Python looks in by itself."""

OPEN_S: Final = 20.0
"""Seconds until libav has opened a stream: it loads in 1 s, asks for 1 s, and listens for up to 5 s."""

STOP_S: Final = 1.0
"""Seconds for the child to hang up (its TEARDOWN frees the camera's session) before it is killed."""

_CODECS: Final[dict[str, Codec]] = {"h264": "h264", "hevc": "h265"}


class CompatibleReader:
    """A child that reads one stream. `async with` starts and ends it; `next` gives pictures, None for a gap.

    Has of a connection what rates are measured by: `bytes_received`, `set_rate`.
    """

    def __init__(
        self, url: RtspUrl, credentials: Credentials | None, clock: Clock, command: Sequence[str] = COMMAND
    ) -> None:
        self._url, self._credentials, self._clock, self._command = url, credentials, clock, command
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: asyncio.StreamReader | None = None
        self._transport: asyncio.ReadTransport | None = None
        self.codec: Codec = "h264"
        self.described: tuple[bytes, ...] = ()
        self.arrival_us = 0
        self.bytes_received = 0

    def set_rate(self, bytes_per_second: float) -> None:
        """A pipe has no low-water mark."""

    async def __aenter__(self) -> Self:
        if self._url.secure:  # libav verifies no certificate by fingerprint, and believes any
            raise CompatibleReaderFailed(reason="rtsps is read by the native reader only")
        self._process = process = await asyncio.to_thread(self._spawn)
        async with AsyncExitStack() as undo:  # an opening that fails or is given up leaves no child
            undo.push_async_callback(self._end)
            assert process.stdout is not None
            loop = asyncio.get_running_loop()
            self._pipe = pipe = asyncio.StreamReader()
            self._transport, _ = await loop.connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(pipe), process.stdout
            )
            await self._open()
            undo.pop_all()
        return self

    def _spawn(self) -> "subprocess.Popen[bytes]":
        """Start the child and give it its order: in a thread, because forking takes milliseconds."""
        user, password = ("", "")
        if self._credentials is not None:
            user, password = self._credentials.user, self._credentials.password
        order = json.dumps({"url": self._url.text, "user": user, "password": password})
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": CHILD_PATH},
                stderr=subprocess.DEVNULL,  # libav's words may hold the URL with its password
            )
        except OSError as error:
            raise CompatibleReaderFailed(reason=error.strerror or "?") from error
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(order.encode() + b"\n")
        return process

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def next(self, patience_s: float) -> Picture | None:
        """The next picture, or None: packets were lost before it. Raises why the stream is over."""
        message = await self._message(patience_s)
        self.arrival_us = self._clock.monotonic_us()
        self.bytes_received += len(message.body)
        return self._picture(message) if message.kind is Kind.PICTURE else None

    async def _open(self) -> None:
        message = await self._message(OPEN_S)
        name, _, sets = message.body.partition(b"\n")
        codec = _CODECS.get(name.decode("ascii", "replace"))
        if message.kind is not Kind.STREAM or codec is None:
            raise CodecRefused(codec=name.decode("ascii", "replace")[:20] or "?")
        self.codec, self.described = codec, tuple(nal.split_annex_b(sets))

    async def _message(self, patience_s: float) -> Message:
        assert self._pipe is not None
        pipe = self._pipe
        try:
            async with asyncio.timeout(patience_s):
                kind, length, time = head(await pipe.readexactly(HEADER.size))
                body = await pipe.readexactly(length)
        except TimeoutError as error:
            raise CameraSilent(reason=f"no picture for {patience_s:g} s") from error
        except asyncio.IncompleteReadError as error:
            raise CompatibleReaderFailed(reason="it ended without a word") from error
        except ValueError as error:
            raise CompatibleReaderFailed(reason=str(error)) from error
        if kind is Kind.FAILED:
            raise self._named(body)
        return Message(kind, time, body)

    def _named(self, body: bytes) -> CaptureError:
        name, _, reason = body.decode("utf-8", "replace").partition("\n")
        host = self._url.host
        errors: dict[str, CaptureError] = {
            "auth": CameraAuthentication(),
            "no-stream": StreamNotFound(path=self._url.path),
            "refused": CameraRefused(host=host, reason=reason),
            "silent": CameraSilent(reason=reason),
            "closed": CameraClosed(reason=reason),
            "unreachable": CameraUnreachable(host=host, reason=reason),
        }
        return errors.get(name) or CompatibleReaderFailed(reason=reason)

    def _picture(self, message: Message) -> Picture:
        data, sets, keyframe, leading = bytearray(), [], False, False
        for begin, stop in nal.annex_b_ranges(message.body, 0, len(message.body)):
            unit = message.body[begin:stop]
            data += len(unit).to_bytes(nal.LENGTH_BYTES, "big") + unit
            is_set, is_key, leads = _kind(self.codec, unit)
            if is_set:
                sets.append(unit)
            keyframe, leading = keyframe or is_key, leading or leads
        return Picture(data, message.time & 0xFFFFFFFF, keyframe, tuple(sets), leading)

    async def _end(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._process is not None:
            await asyncio.to_thread(_reap, self._process)


def _reap(process: "subprocess.Popen[bytes]") -> None:
    """End the child: asked first, then killed."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _kind(codec: Codec, unit: bytes) -> tuple[bool, bool, bool]:
    """(parameter set, keyframe's slice, leading picture's slice)."""
    if codec == "h264":
        kind = unit[0] & 0x1F
        return kind in {nal.SPS, nal.PPS}, kind == nal.IDR, False
    try:
        kind = hevc.nal_type(unit)
    except SpsInvalid:
        return False, False, False
    return kind in {hevc.VPS, hevc.SPS, hevc.PPS}, kind in hevc.IRAP, kind in hevc.LEADING
