"""The page's side of the picture process: asks for one picture at a time and bears that the process dies.

Where systemd holds its socket, connecting starts it. Otherwise it is a child that is started when a picture is wanted.
"""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from appliance.core.clock import Clock
from appliance.core.units import US_PER_SECOND
from appliance.stills.errors import StillsUnreachable, StillUnreadable
from appliance.stills.wire import HEADER, JPEG_BEGINS, REQUEST_MOST, Kind, Request, head, request

COMMAND: Final = (sys.executable, "-sP", "-m", "appliance.stills.worker")

CHILD_PATH: Final = str(Path(__file__).parents[2])
"""Where the child finds this package and libav: in the image no folder that Python looks in by itself."""

ANSWER_S: Final = 12.0
"""Seconds for an answer: the process starts in two on a busy machine and gives one picture five."""

TURN_S: Final = 5.0
"""Seconds that a question waits for those before it: whoever looks has gone on by then."""

AGAIN_US: Final = 2 * US_PER_SECOND
"""us after the process died on a picture within which it is not started again: hostile pictures cost little."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Streams]]


class StillsClient:
    """One process, one question at a time. Raises StillsUnreachable, StillUnreadable."""

    def __init__(self, connect: Connect, clock: Clock) -> None:
        self._connect, self._clock = connect, clock
        self._turn = asyncio.Lock()
        self._streams: Streams | None = None
        self._again_us = 0

    async def close(self) -> None:
        """Hang up: a child ends by it."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def still(self, init: bytes, parts: Sequence[bytes], which: Kind) -> bytes:
        """The JPEG of the keyframe that `parts` begin with, or of their last picture."""
        try:
            asked = request(Request(init, tuple(parts), which))
        except ValueError as error:
            raise StillUnreadable(reason=f"> {REQUEST_MOST >> 20} MiB") from error
        try:
            async with asyncio.timeout(TURN_S):
                await self._turn.acquire()
        except TimeoutError as error:
            raise StillsUnreachable from error
        try:
            return await self._answered(asked)
        finally:
            self._turn.release()

    async def _answered(self, asked: bytes) -> bytes:
        if self._clock.monotonic_us() < self._again_us:
            raise StillsUnreachable
        kept = self._streams is not None
        try:
            kind, body = await self._once(asked)
        except (OSError, EOFError, TimeoutError, ValueError):
            if kept:  # it may have ended before the question came: it is asked anew, once
                kept = False
                try:
                    kind, body = await self._once(asked)
                except (OSError, EOFError, TimeoutError, ValueError) as error:
                    raise self._died() from error
            else:
                raise self._died() from None
        if kind is Kind.REFUSED:
            raise StillUnreadable(reason=body.decode("ascii", "replace"))
        return body

    def _died(self) -> StillUnreadable:
        self._again_us = self._clock.monotonic_us() + AGAIN_US
        return StillUnreadable(reason="process")

    async def _once(self, asked: bytes) -> tuple[Kind, bytes]:
        """Raises OSError, EOFError, TimeoutError, ValueError for an end without an answer; StillsUnreachable."""
        if self._streams is None:
            try:
                self._streams = await self._connect()
            except OSError as error:
                raise StillsUnreachable from error
        reader, writer = self._streams
        whole = False
        try:
            async with asyncio.timeout(ANSWER_S):
                writer.write(asked)
                await writer.drain()
                kind, length = head(await reader.readexactly(HEADER.size))
                body = await reader.readexactly(length)
            if kind not in {Kind.JPEG, Kind.REFUSED} or (kind is Kind.JPEG and not body.startswith(JPEG_BEGINS)):
                raise ValueError(kind)
            whole = True
        finally:
            if not whole:
                await self.close()
        return kind, body


def by_socket(path: Path) -> Connect:
    """Connects to the socket that systemd holds."""
    return lambda: asyncio.open_unix_connection(str(path))


def by_child(command: Sequence[str] = COMMAND) -> Connect:
    """Starts a child, whose standard input is the connection."""

    async def connect() -> Streams:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        await asyncio.to_thread(_spawn, command, theirs)
        return await asyncio.open_unix_connection(sock=ours)

    return connect


def _spawn(command: Sequence[str], connection: socket.socket) -> None:
    environment = {**os.environ, "PYTHONPATH": CHILD_PATH}
    quiet = subprocess.DEVNULL  # libav's words repeat what cameras sent
    with connection:
        process = subprocess.Popen(command, stdin=connection.fileno(), stdout=quiet, stderr=quiet, env=environment)
    threading.Thread(
        target=process.wait, name="stills-child", daemon=True
    ).start()  # an ended one leaves nothing behind
