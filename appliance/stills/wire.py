"""What the page and the picture process say to each other over a Unix socket: messages behind a fixed header. Pure.

A request is INIT, one PART or more, then KEYFRAME or NEWEST; the answer is JPEG or REFUSED. The process decodes what
cameras sent, so the page believes nothing of it but this framing and the first bytes of a JPEG.
"""

from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

HEADER: Final = Struct(">BI")
"""Kind, bytes of the body."""

INIT_MOST: Final = 64 << 10
"""Bytes of an init segment: 31 parameter sets at their largest stay below."""

REQUEST_MOST: Final = 16 << 20
"""Bytes of a request's parts: two pictures of the largest that capture takes, or half a minute at 4 Mbit/s."""

JPEG_MOST: Final = 1 << 20
"""Bytes of an answer: noise of 960x960 stays below."""

JPEG_BEGINS: Final = b"\xff\xd8\xff"


class Kind(IntEnum):
    """What a message is. Its numbers bind both ends of one version only."""

    INIT = 1  # body: ftyp and moov of a chunk
    PART = 2  # body: one part, whole
    KEYFRAME = 3  # no body: the picture that the first part begins with, please
    NEWEST = 4  # no body: the last picture of the parts, please
    JPEG = 5
    REFUSED = 6  # body: a reason, ASCII


MOST: Final = {
    Kind.INIT: INIT_MOST,
    Kind.PART: REQUEST_MOST,
    Kind.KEYFRAME: 0,
    Kind.NEWEST: 0,
    Kind.JPEG: JPEG_MOST,
    Kind.REFUSED: 80,
}
"""Bytes of each kind's body at the most."""

ASKS: Final = frozenset({Kind.KEYFRAME, Kind.NEWEST})


class Request(NamedTuple):
    """Coded pictures, and which of them is wanted."""

    init: bytes
    parts: tuple[bytes, ...]
    which: Kind


def message(kind: Kind, body: bytes = b"") -> bytes:
    """A whole message."""
    return HEADER.pack(kind, len(body)) + body


def request(asked: Request) -> bytes:
    """A whole request. Raises ValueError on one that is larger than the other side takes."""
    if len(asked.init) > INIT_MOST or sum(map(len, asked.parts)) > REQUEST_MOST:
        raise ValueError("too large")
    body = [message(Kind.INIT, asked.init), *(message(Kind.PART, each) for each in asked.parts)]
    return b"".join([*body, message(asked.which)])


def head(data: bytes) -> tuple[Kind, int]:
    """(kind, bytes of the body) of a header. Raises ValueError on what neither side writes."""
    number, length = HEADER.unpack(data)
    kind = Kind(number)
    if length > MOST[kind]:
        raise ValueError(f"{length} bytes")
    return kind, length
