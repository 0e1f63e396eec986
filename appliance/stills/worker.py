"""`python -m appliance.stills.worker`: coded pictures in by a Unix socket, one JPEG out.

A process of its own, because libav meets hostile bytes here: memory, files and time are limited before libav is even
loaded. Bytes that break a limit or libav itself end this process and nothing else; whoever asked starts the next one.
"""

import logging
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from appliance.capture.compatible.child import confine
from appliance.stills.wire import ASKS, HEADER, JPEG_MOST, REQUEST_MOST, Kind, Request, head, message

if TYPE_CHECKING:
    from appliance.detection.decode import Picture

WIDEST: Final = 960
"""Pixels of a picture's width: enough to aim a camera and to see what stands where, a quarter of the bytes of HD."""

TIME_S: Final = 5.0
"""Seconds for one picture: a group of a minute of HD pictures takes less; after it the kernel ends this process."""

IDLE_S: Final = 60.0
"""Seconds without a question after which the process ends: it is there when it is needed."""

Make = Callable[[Request], bytes]


def serve(connection: socket.socket, make: Make) -> None:
    """Answer one connection until it ends, is idle or says what nobody says."""
    with connection:
        while True:
            connection.settimeout(IDLE_S)
            try:
                asked = _request(connection)
            except (OSError, EOFError, ValueError):
                return
            signal.setitimer(signal.ITIMER_REAL, TIME_S)  # its signal is not caught
            answer = make(asked)
            signal.setitimer(signal.ITIMER_REAL, 0)
            try:
                connection.sendall(answer)
            except OSError:
                return


def listen(listening: socket.socket, make: Make) -> None:
    """Answer connections, one at a time, until none comes for IDLE_S."""
    listening.settimeout(IDLE_S)
    while True:
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            return
        serve(connection, make)


def make_still(asked: Request) -> bytes:
    """The answer, as it goes out. Loads libav."""
    from appliance.detection.decode import PartDecoder
    from appliance.detection.errors import PicturesUnreadable
    from appliance.detection.jpeg import encode

    try:
        decoder = PartDecoder(asked.init, rate=_ALL, keyframes_only=asked.which is Kind.KEYFRAME)
    except PicturesUnreadable:
        return message(Kind.REFUSED, b"description")
    newest: list[Picture] = []  # one at the most: others' memory is given back
    for part in asked.parts:
        newest = decoder.pictures(part)[-1:] or newest
    newest = decoder.rest()[-1:] or newest
    if not newest:
        return message(Kind.REFUSED, b"picture")
    made = encode(newest[0], WIDEST)
    if made is not None and len(made) > JPEG_MOST:
        made = None
    return message(Kind.REFUSED, b"size") if made is None else message(Kind.JPEG, made)


_ALL: Final = 1000.0
"""Pictures a second that are handed on: more than any camera sends."""


def _request(connection: socket.socket) -> Request:
    """The next question. Raises EOFError, OSError, ValueError."""
    init, size = b"", 0
    parts: list[bytes] = []
    while True:
        kind, length = head(_exactly(connection, HEADER.size))
        size += length
        if size > 2 * REQUEST_MOST:
            raise ValueError(size)
        body = _exactly(connection, length)
        if kind is Kind.INIT:
            init, parts, size = body, [], length
        elif kind is Kind.PART:
            parts.append(body)
        elif kind in ASKS:
            return Request(init, tuple(parts), kind)
        else:
            raise ValueError(kind)


def _exactly(connection: socket.socket, length: int) -> bytes:
    found = bytearray()
    while len(found) < length:
        more = connection.recv(min(length - len(found), 1 << 18))
        if not more:
            raise EOFError
        found += more
    return bytes(found)


def main() -> None:
    """The child's entry: the connection is its standard input."""
    confine()
    logging.disable()  # libav writes what cameras sent
    serve(socket.socket(fileno=0), make_still)


if __name__ == "__main__":
    main()
