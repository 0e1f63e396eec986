"""What the reader's child writes to its parent: messages behind a fixed header. Pure.

The child speaks to hostile cameras through libav, so the parent believes nothing but this framing: a length is bounded,
an unknown kind ends the child, and what is in a picture is read by the same parsers as the native reader's.
"""

from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

from appliance.media.depacketiser import MAX_UNIT_BYTES

HEADER: Final = Struct(">BIq")
"""Kind, bytes of the body, 90 kHz time stamp (of a picture)."""


class Kind(IntEnum):
    """What a message is. Its numbers bind both ends of one version only."""

    STREAM = 1  # body: codec name, a line feed, extradata (parameter sets, Annex B)
    PICTURE = 2  # body: an access unit, Annex B
    GAP = 3  # packets were lost before the next picture
    FAILED = 4  # body: name of a failure, a line feed, a reason in English
    AUDIO = 5  # the camera offers sound, which is not asked for


class Message(NamedTuple):
    """One message. `time`: of a picture, ticks that wrap nowhere."""

    kind: Kind
    time: int
    body: bytes


def encode(kind: Kind, body: bytes = b"", time: int = 0) -> bytes:
    """A whole message."""
    return HEADER.pack(kind, len(body), time) + body


def head(data: bytes) -> tuple[Kind, int, int]:
    """(kind, bytes of the body, time) of a header; raises ValueError on what no child of ours writes."""
    number, length, time = HEADER.unpack(data)
    if length > MAX_UNIT_BYTES:
        raise ValueError(f"{length} bytes")
    return Kind(number), length, time
