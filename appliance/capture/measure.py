"""What is really stored of one stream, measured over a minute of its pictures: rate, repeats, bit rate, groups.

A sink before the ring's: it counts what it hands on, so nothing that a camera claims enters. Times are decoding
times of the pictures, and only within runs: a gap is another matter than a low rate.

A picture that repeats the one before it is told without decoding: its bytes are the same; or all its macroblocks
are skipped, which an entropy coder cannot say in more than a known number of bytes; or it collapses to a fraction
of the changed picture before it, as an image does that is coded again; or the sizes go up and down in step
(capture.cadence). Not found so: a camera that spends a high bit rate on the same image; B-frames, unless repeats are
skipped; a sensor and an encoder that have no common beat within six pictures.

Real scenes at 640x352, six pictures a second made of three: in how many of 5 scenes a third of the stretches of 5 s
show it, which makes four in a minute. x265 at its default quality 4, with 0.5 Mbit/s to fill 2; x264 at its default
quality 4, with 0.5 Mbit/s on average 3, at any time 2, with 2 Mbit/s none. Of three equal pictures the third may be as
large as a changed one: the real rate is then below what is told.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from appliance.capture.cadence import Rhythm, rhythm
from appliance.core.cause import GapCause
from appliance.media.parameters import codes_fields
from appliance.media.stream import AccessUnit, Codec, RunStart, StreamSink

TICKS: Final = 90_000

SLOT_TICKS: Final = 5 * TICKS
"""90 kHz ticks of the smallest stretch that is counted: a movement that lasts so long shows the camera's real rate,
and one picture more or less is 0.2 a second."""

SLOTS: Final = 12
"""Stretches that make a measure: 60 s of video."""

MOVING_PICTURES: Final = 90
"""Changed pictures in a minute, keyframes apart, without which repeats mean a still scene and not a camera's trick:
"smart" codecs refresh a still picture once a second; 6 a second made of 3 are 150 to 180 changed ones."""

COLLAPSE: Final = 12
"""Times smaller than the changed picture before it is one that is coded again. Noise at 704x576, coded twice: x264
130 and more at its default quality, x265 15 at a fixed quantiser. The others are told by their rhythm: x265 at its
default quality (2), and x264 with 0.5 Mbit/s to fill (5 to 20)."""

AGREED: Final = 4
"""Stretches of a minute that must show the same rhythm: of 252 in which each picture was another none showed any."""

STILL: Final = 8
"""Times what skips a picture whole: below it a changed picture is a still scene's, whose sizes have no meaning."""

SLICE_BYTES: Final = 24
"""Bytes of NAL header, slice header and CAVLC's skip run (ITU-T H.264 7.3.3, 7.3.4), with room."""

SKIP_BITS: Final = 0.0273
"""Bits of a skipped macroblock in CABAC's most probable state: -log2(1 - 0.01875) (ITU-T H.264 9.3.1.2, 9.3.4.2)."""

SEI_BYTES: Final = 1024
"""Bytes of SEI beside a repeated picture; one with more is taken as real."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A minute of stored video. `fps`: pictures a second, two fields being one; `real_fps`: those that repeat none, in
    the stretch of 5 s in which most changed, None while the scene is too still to tell. `bitrate`: bits a second.
    `gop_s`: the longest group of pictures, seconds, None when none was whole.
    """

    width: int
    height: int
    fps: float
    real_fps: float | None
    bitrate: int
    gop_s: float | None


@dataclass(frozen=True, slots=True)
class _Slot:
    ticks: int
    pictures: int
    repeated: int
    keyframes: int
    size: int
    rhythm: Rhythm | None


def skipped_bytes(width: int, height: int) -> int:
    """The most bytes in which one slice can skip a whole picture of this size, in pixels."""
    macroblocks = -(-width // 16) * -(-height // 16)
    return SLICE_BYTES + int(macroblocks * SKIP_BITS / 8)


def _of_slice(kind: int, codec: Codec) -> bool:
    """Is the NAL unit whose header begins with this byte a coded slice? (ITU-T H.264 table 7-1, H.265 table 7-1)"""
    return 1 <= kind & 0x1F <= 5 if codec == "h264" else kind >> 1 & 0x3F < 32


def coded_bytes(data: bytes | bytearray, codec: Codec) -> tuple[int, int]:
    """(bytes, slices) of the coded slices of an access unit with 4-byte lengths; what is cut short counts as it is."""
    at, size, slices = 0, 0, 0
    while at + 4 < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if _of_slice(data[at + 4], codec):
            size += length
            slices += 1
        at += 4 + length
    return size, slices


def first_slice(data: bytes | bytearray, codec: Codec) -> int:
    """Header of an access unit's first slice: what a temporal layer or a picture nobody refers to has of its own.

    H.264: nal_ref_idc and type; H.265: type, layer and nuh_temporal_id_plus1. -1 without a slice.
    """
    at = 0
    while at + 5 < len(data):
        kind = data[at + 4]
        if _of_slice(kind, codec):
            return kind if codec == "h264" else kind << 8 | data[at + 5]
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    return -1


class StoredMeter:
    """A StreamSink that measures what it hands on. `stored`: the newest minute, None before the first."""

    def __init__(self, sink: StreamSink) -> None:
        self.stored: Stored | None = None
        self._sink = sink
        self._hand_on = sink.append
        self._codec: Codec = "h264"
        self._picture = (0, 0)
        self._fields = 1
        self._skipped = 0
        self._slots: list[_Slot] = []
        self._gop_ticks = 0
        self._key_ticks: int | None = None
        self._last: bytes | bytearray = b""
        self._changed = 0  # bytes of the last picture that was no keyframe and no repeat
        self._reordered = False  # B-frames, which are small by nature
        self._sizes: list[int] = []  # of the stretch; 0: a keyframe, or the picture behind it
        self._headers: set[int] = set()  # of the slices of those that are judged
        self._began: int | None = None
        self._pictures = self._repeated = self._keyframes = self._size = 0

    def start_run(self, run: RunStart) -> None:
        """Handed on. Another size of picture begins another minute."""
        parameters = run.parameters
        self._fields = 2 if codes_fields(parameters) else 1
        picture = (parameters.width, parameters.height * self._fields)
        if picture != self._picture:
            self._picture = picture
            self._slots.clear()
            self._gop_ticks = 0
        self._codec = parameters.codec
        self._skipped = skipped_bytes(parameters.width, parameters.height)
        self._began = self._key_ticks = None
        self._changed = 0
        self._sink.start_run(run)

    def append(self, unit: AccessUnit) -> None:
        """Handed on, then counted."""
        self._hand_on(unit)
        ticks, data = unit.dts_ticks, unit.data
        if self._began is None or ticks - self._began >= SLOT_TICKS:
            self._turn(ticks)
        size = len(data)
        self._pictures += 1
        self._size += size
        if unit.keyframe:
            self._keyframes += 1
            if self._key_ticks is not None:
                self._gop_ticks = max(self._gop_ticks, ticks - self._key_ticks)
            self._key_ticks = ticks
            self._reordered = unit.pts_ticks != ticks
            self._changed = 0  # the picture behind a keyframe is small by nature
            self._sizes.append(0)
        else:
            self._sizes.append(size if self._changed else 0)
            if self._changed:
                self._headers.add(first_slice(data, self._codec))
            if (size * COLLAPSE <= self._changed and not self._reordered) or self._repeats(data, size):
                self._repeated += 1
            else:
                self._changed = size
        self._last = data

    def end_run(self, cause: GapCause) -> None:
        """Handed on. A stretch that the run's end cut counts for nothing."""
        self._began = None
        self._last = b""
        self._sink.end_run(cause)

    def _repeats(self, data: bytes | bytearray, size: int) -> bool:
        if size == len(self._last) and data == self._last:
            return True
        if size > self._skipped + SEI_BYTES:
            return False
        size, slices = coded_bytes(data, self._codec)
        return slices > 0 and size <= self._skipped + (slices - 1) * SLICE_BYTES

    def _turn(self, ticks: int) -> None:
        """A stretch ends with the picture before this one."""
        if self._began is not None:
            span = ticks - self._began
            self._slots.append(_Slot(span, self._pictures, self._repeated, self._keyframes, self._size, self._rhythm()))
            if len(self._slots) >= SLOTS:
                self.stored = measured(self._slots, self._picture, self._gop_ticks, self._fields)
                self._slots.clear()
                self._gop_ticks = 0
        self._began = ticks
        self._pictures = self._repeated = self._keyframes = self._size = 0
        self._sizes.clear()
        self._headers.clear()

    def _rhythm(self) -> Rhythm | None:
        """Of sizes that are alike by nature: no B-frames, no fields, no temporal layers."""
        if self._reordered or self._fields > 1 or len(self._headers) != 1:
            return None
        return rhythm(self._sizes, STILL * self._skipped)


def measured(slots: list[_Slot], picture: tuple[int, int], gop_ticks: int, fields: int) -> Stored:
    """A minute from its stretches. `picture`: width and height of a frame of so many `fields`."""
    ticks = sum(slot.ticks for slot in slots)
    pictures = sum(slot.pictures for slot in slots)
    changed = sum(slot.pictures - slot.repeated - slot.keyframes for slot in slots)
    repeated = sum(slot.repeated for slot in slots)
    real: float | None = max((slot.pictures - slot.repeated) * TICKS / slot.ticks / fields for slot in slots)
    fps = pictures * TICKS / ticks / fields
    if not repeated:
        real = fps
    elif changed < MOVING_PICTURES * fields:
        real = None
    ((beat, count),) = Counter(slot.rhythm for slot in slots if slot.rhythm).most_common(1) or ((None, 0),)
    if beat is not None and count >= AGREED and real is not None:
        real = min(real, fps * (beat.period - beat.repeated) / beat.period)
    size = sum(slot.size for slot in slots)
    gop_s = gop_ticks / TICKS if gop_ticks else None
    return Stored(*picture, fps, real, size * 8 * TICKS // ticks, gop_s)
