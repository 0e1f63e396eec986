"""A hostile camera in a process of its own: it lets itself be asked for a stream, then sends as fast as it can.

Imported by tests (`flooding`); run as a script. Whatever happens to its connection it takes the next one.
"""

import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIECE = 1 << 20
"""Bytes handed to the kernel at a time."""

CYCLE = 65_536
"""Packets after which sequence numbers begin again: what is sent over and over has no gap in it."""


@contextmanager
def flooding(way: str) -> Iterator[str]:
    """Serve; yields the URL. Blocking: start and end it in a thread."""
    command = [sys.executable, "-m", "tests.peers.flood", way]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            yield f"rtsp://127.0.0.1:{int(process.stdout.readline())}/main"
        finally:
            process.kill()


def rtp(sequence: int, payload: bytes, timestamp: int, *, marker: bool = False) -> bytes:
    """An interleaved packet on channel 0."""
    head = struct.pack(">BBHII", 0x80, 96 | marker << 7, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 7)
    return struct.pack(">BBH", 0x24, 0, len(head) + len(payload)) + head + payload


def pictures(*, changing: bool) -> bytes:
    """Pictures as sound as can be seen without decoding, each in one packet; `changing`: the SPS of every keyframe."""
    from tests.peers.h264_rtp import PPS, SPS, slice_nal

    found = bytearray()
    other = SPS.replace(b"\x01\xe0\x08\x9f", b"\x01\xe0\x0c\x9f")
    assert other != SPS
    sequence = number = 0
    while sequence < CYCLE:
        key = number % (2 if changing else 50) == 0 or CYCLE - sequence < 3
        sets = [other if changing and number % 4 else SPS, PPS] if key else []
        for unit in [*sets, slice_nal(5 if key else 1, number, 900)]:
            if sequence < CYCLE:
                found += rtp(sequence, unit, number * 3600, marker=len(unit) == 900)
                sequence += 1
        number += 1
    return bytes(found)


def blob(way: str) -> bytes:
    """What is sent over and over."""
    noise = os.urandom(PIECE)
    ways: Mapping[str, Callable[[], bytes]] = {
        "pictures": lambda: pictures(changing=False),
        "settings": lambda: pictures(changing=True),
        "noise": lambda: b"".join(rtp(n, noise[n * 7 : n * 7 + 700], n * 9, marker=n % 9 == 0) for n in range(CYCLE)),
        "fragments": lambda: b"".join(rtp(n, b"\x7c\x05" + noise[:1200], 0) for n in range(CYCLE)),  # no end
        "reports": lambda: b"".join(b"$\x01\0\x28\x80\xc8\0\x06" + noise[n : n + 36] for n in range(9000)),
        "empty": lambda: b"$\x07\0\0" * (PIECE // 4),
        "blanks": lambda: b"\r\n" * (PIECE // 2),
        "requests": lambda: b"SET_PARAMETER rtsp://c RTSP/1.0\r\nCSeq: 1\r\n\r\n" * 9000,
        "bytes": lambda: noise,
    }
    return ways[way]()


def serve(connection: socket.socket, data: bytes) -> None:
    """One session: answers until PLAY, then the flood until nobody takes it any more."""
    asked = b""
    while True:
        while b"\r\n\r\n" not in asked:
            got = connection.recv(65_536)
            if not got:
                return
            asked += got
        head, _, asked = asked.partition(b"\r\n\r\n")
        method = head.split(b" ", 1)[0]
        number = re.search(rb"CSeq: (\d+)", head)
        lines = [b"RTSP/1.0 200 OK", b"CSeq: " + (number[1] if number else b"0"), b"Session: 7"]
        body = b""
        if method == b"DESCRIBE":
            body = b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:x\r\n"
            lines.append(b"Content-Length: %d" % len(body))
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        if method == b"PLAY":
            break
    view = memoryview(data)
    while True:
        for at in range(0, len(view), PIECE):
            connection.sendall(view[at : at + PIECE])


def main(way: str) -> None:
    """Until killed; prints the port on one line."""
    data = blob(way)
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                serve(connection, data)


if __name__ == "__main__":
    main(sys.argv[1])
