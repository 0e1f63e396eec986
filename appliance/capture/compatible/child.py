"""`python -m appliance.capture.compatible.child`: reads one camera with libav and writes its pictures to stdout.

A process of its own, because libav meets hostile bytes here: it holds one camera's password and nothing else, its
memory, files and descriptors are limited before libav is even loaded, and it dies with its parent. The order (URL,
user, password) comes as a JSON line on stdin: arguments can be read by everybody.
"""

import ctypes
import errno
import json
import logging
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from appliance.capture.compatible.wire import Kind, encode

MEMORY_BYTES: Final = 768 << 20
"""Bytes of data. Reading without decoding takes 60 MB; several pictures of 8 MiB and libav's queues stay below."""

DESCRIPTORS: Final = 64
"""Open files: pipes, the RTSP connection, two UDP sockets a track, and what libraries hold."""

QUIET_US: Final = 8_000_000
"""us of network silence after which libav gives up; the parent's own patience is as long."""

RECEIVE_BYTES: Final = 1 << 20
"""Bytes of a UDP socket's buffer: a keyframe of 4K comes at line rate."""

DOUBTFUL: Final = 3
"""Pictures left out where packets were lost. libav joins what is left of the picture that lost its end and of the one
that lost its beginning, and gives pictures out one late: neither may be stored as whole."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LOST_WORDS: Final = ("missed", "max delay reached", "jitter buffer full", "concealing", "corrupt")
"""Of libav's warnings, those that tell of packets that did not come."""

_TICKS_PER_S: Final = 90_000
_UNREACHABLE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH})


class _Losses(logging.Handler):
    """Notes that libav has told of lost packets."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.noted = False
        self.doubtful = 0  # pictures still to be left out

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        self.noted = self.noted or any(word in text for word in _LOST_WORDS)


def confine() -> None:
    """For good: files cannot be written, memory cannot grow, nothing is dumped, and the parent's end is ours."""
    with suppress(OSError):  # the recorder is the last to go when memory is short; its child is the first
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    for what, most in (
        (resource.RLIMIT_DATA, MEMORY_BYTES),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(what, (most, most))
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def _write(message: bytes) -> None:
    view = memoryview(message)
    while view:
        view = view[os.write(1, view) :]


def _failure(error: Exception) -> tuple[str, str]:
    """Name for the parent and reason; the URL, which holds the password, is in none of libav's own words for these."""
    import av.error

    reason = str(getattr(error, "strerror", "") or type(error).__name__)
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        return "unreachable", reason
    names: tuple[tuple[type[Exception], str], ...] = (
        (av.error.HTTPUnauthorizedError, "auth"),
        (av.error.HTTPForbiddenError, "auth"),
        (av.error.HTTPNotFoundError, "no-stream"),
        (ConnectionRefusedError, "refused"),
        (TimeoutError, "silent"),
        (av.error.EOFError, "closed"),
        (ConnectionError, "closed"),
    )
    return next((name for kind, name in names if isinstance(error, kind)), "protocol"), reason


def _address(order: dict[str, str]) -> str:
    parts = urlsplit(order["url"])
    who = f"{quote(order['user'], safe='')}:{quote(order['password'], safe='')}@" if order["user"] else ""
    return urlunsplit((parts.scheme, who + parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))


def _options(order: dict[str, str]) -> dict[str, str]:
    return {
        "rtsp_flags": "prefer_tcp",  # UDP when the camera refuses RTP over its RTSP connection
        "allowed_media_types": "video",
        "timeout": str(QUIET_US),
        "buffer_size": str(RECEIVE_BYTES),
        "protocol_whitelist": "rtsp,rtp,udp,tcp",
        "user_agent": "Temoin",
    }


def _read(order: dict[str, str]) -> None:
    """Until the stream ends; raises what libav raises."""
    import av
    import av.logging

    losses = _Losses()
    logger = logging.getLogger("libav")
    logger.addHandler(losses)
    logger.propagate = False
    av.logging.set_level(av.logging.WARNING)
    with av.open(_address(order), options=_options(order), timeout=QUIET_US / 1e6) as container:
        stream = container.streams.video[0]
        name = stream.codec_context.name
        _write(encode(Kind.STREAM, name.encode() + b"\n" + bytes(stream.codec_context.extradata or b"")))
        scale = float(stream.time_base or 0) * _TICKS_PER_S
        for packet in container.demux(stream):
            _pass_on(packet, scale, losses)


def _pass_on(packet: Any, scale: float, losses: _Losses) -> None:
    """Write a picture; what may be damaged is left out, and said to be missing."""
    if losses.noted or packet.is_corrupt:
        losses.noted = False
        losses.doubtful = DOUBTFUL
        _write(encode(Kind.GAP))
    if losses.doubtful:
        losses.doubtful -= 1
    elif packet.size and packet.pts is not None:
        _write(encode(Kind.PICTURE, bytes(packet), round(packet.pts * scale)))


def main() -> None:
    """The child's entry."""
    order = json.loads(sys.stdin.readline())
    confine()
    import av.error

    try:
        _read(order)
        failure = ("closed", "end of stream")
    except BrokenPipeError:
        return
    except (av.error.FFmpegError, OSError, IndexError) as error:
        failure = _failure(error)
    _write(encode(Kind.FAILED, "\n".join(failure).encode()))


if __name__ == "__main__":
    main()
