"""Coded pictures to luma and to a model's input. libav is used here and nowhere else in detection.

A sub-stream cannot be thinned before it is decoded (each picture needs the one before), so all of it is decoded, in
one thread, and RATE pictures a second are handed on. `keyframes_only` is the poor man's way for a camera without
sub-stream: its main stream's keyframes (measured: 0.5 to 0.9 % of a core at 1080p, against 7 to 15 % for all of it).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.codec.context import ThreadType
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter

from appliance.core.units import US_PER_SECOND, ticks_to_us
from appliance.detection.errors import PicturesUnreadable
from appliance.detection.shapes import WHOLE, Box
from appliance.media.boxes import BOX_HEADER, iter_boxes, sample_description
from appliance.media.errors import BoxUnreadable, PartUnreadable
from appliance.media.part import SYNC_SAMPLE, parse_part, verify_payload

RATE: Final = 5.0
"""Pictures a second that are looked at: one who runs (5 m/s) moves a metre between two of them."""

PLAIN: Final = frozenset({"yuv420p", "yuvj420p"})
"""Layouts whose planes are used as they are; others (10 bits, 4:2:2) are converted first."""

Pixels = npt.NDArray[np.uint8]
Order = Literal["rgb", "bgr"]


@dataclass(frozen=True, slots=True)
class View:
    """A rectangle of a picture as a model gets it: scaled to fit, at the top left of the input, the rest filled.

    `width`, `height`: pixels of the model's input; `wide`, `high`: pixels of it that the picture fills.
    """

    box: Box
    width: int
    height: int
    wide: int
    high: int

    def back(self, box: Box) -> Box:
        """A box in fractions of the model's input as fractions of the picture, cut at the rectangle's sides."""
        across, down = self.width / self.wide, self.height / self.high
        left, right = (self.box.left + min(1.0, max(0.0, x * across)) * self.box.width for x in (box.left, box.right))
        top, bottom = (self.box.top + min(1.0, max(0.0, y * down)) * self.box.height for y in (box.top, box.bottom))
        return Box(left, top, right, bottom)


def _pixels(plane: VideoPlane, width: int) -> Pixels:
    """The plane's rows without the padding that libav puts behind each (a view)."""
    whole: Pixels = np.frombuffer(memoryview(plane), np.uint8)
    return whole.reshape(-1, plane.line_size)[: plane.height, :width]


class Picture:
    """One decoded picture. `time_us`: its time (UTC of a recording, or from a file's start); `size`: coded bytes.

    `scaler` is used for views alone, in the one thread that looks at this camera: libav's scaler hangs or crashes when
    two threads use it at once, and pictures are decoded and shown to people in others.
    """

    __slots__ = ("_frame", "_planes", "_scaler", "keyframe", "luma", "size", "time_us")

    def __init__(self, frame: VideoFrame, time_us: int, size: int, scaler: VideoReformatter) -> None:
        plain = frame if frame.format.name in PLAIN else VideoReformatter().reformat(frame, format="yuv420p")
        self.time_us = time_us
        self.size = size
        self.keyframe = bool(frame.key_frame)
        self._frame = plain
        self._scaler = scaler
        self._planes = tuple(_pixels(plane, plane.width) for plane in plain.planes)
        self.luma: Pixels = self._planes[0]

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.luma.shape[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.luma.shape[0])

    @property
    def aspect(self) -> float:
        """Width by height."""
        return self.width / self.height

    def frame(self, layout: str, widest: int | None = None) -> VideoFrame:
        """The picture in a pixel layout of libav, for an encoder; scaled down to `widest` pixels if it is wider."""
        if widest is None or self.width <= widest:
            return VideoReformatter().reformat(self._frame, format=layout)
        high = max(2, round(self.height * widest / self.width) & ~1)
        return VideoReformatter().reformat(self._frame, width=widest, height=high, format=layout, interpolation="AREA")

    def colourfulness(self) -> float:
        """Mean distance of the chroma from grey, in levels: about 0 from an infrared picture."""
        return float(sum(np.abs(plane[::4, ::4].astype(np.int16) - 128).mean() for plane in self._planes[1:]))

    def view(self, box: Box, width: int, height: int, order: Order, fill: int) -> tuple[Pixels, View]:
        """`box` of the picture as uint8 (height, width, 3) in channel order `order`, and how to come back from it."""
        piece = self._piece(box)
        cut = Box(piece[0] / self.width, piece[1] / self.height, piece[2] / self.width, piece[3] / self.height)
        columns, rows = piece[2] - piece[0], piece[3] - piece[1]
        scale = min(width / columns, height / rows)
        wide, high = max(2, min(width, round(columns * scale))), max(2, min(height, round(rows * scale)))
        source = self._frame if cut == WHOLE else self._cut(piece)
        scaled = self._scaler.reformat(
            source,
            width=wide,
            height=high,
            format=f"{order}24",
            interpolation="AREA" if scale < 1 else "BILINEAR",
            src_color_range=self._frame.color_range,
        )
        made = np.full((height, width, 3), fill, np.uint8)
        made[:high, :wide] = _pixels(scaled.planes[0], wide * 3).reshape(high, wide, 3)
        return made, View(cut, width, height, wide, high)

    def _piece(self, box: Box) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in whole pixels: even, inside, 16 at least."""
        edges = []
        for low, high, size in ((box.left, box.right, self.width), (box.top, box.bottom, self.height)):
            whole = size & ~1
            least = min(16, whole)
            start = min(max(0, int(low * size) & ~1), whole - least)
            edges.append((start, min(whole, max(start + least, (round(high * size) + 1) & ~1))))
        (left, right), (top, bottom) = edges
        return left, top, right, bottom

    def _cut(self, piece: tuple[int, int, int, int]) -> VideoFrame:
        left, top, right, bottom = piece
        parts = [self._planes[0][top:bottom, left:right]]
        parts += [plane[top // 2 : bottom // 2, left // 2 : right // 2] for plane in self._planes[1:]]
        stacked = np.concatenate([part.ravel() for part in parts]).reshape(-1, right - left)
        return VideoFrame.from_ndarray(stacked, format=self._frame.format.name)


class _Pace:
    """Which pictures are handed on: `rate` a second, evenly."""

    def __init__(self, rate: float) -> None:
        self._step = US_PER_SECOND / rate
        self._due: float | None = None

    def takes(self, time_us: int) -> bool:
        """True for the first picture of each step. A jump either way starts anew."""
        due = self._due
        if due is None or not due - 2 * self._step < time_us < due + 4 * self._step:
            self._due = time_us + self._step
            return True
        if time_us < due - self._step / 10:  # a picture that is a little early is this step's, not the next one's
            return False
        self._due = due + self._step
        return True


def decode_file(file: Path, *, rate: float = RATE, keyframes_only: bool = False) -> Iterator[Picture]:
    """Pictures of a file's video track in order, times from its start. Raises PicturesUnreadable."""
    pace, scaler = _Pace(rate), VideoReformatter()
    size = 0
    try:
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            if keyframes_only:
                stream.codec_context.skip_frame = "NONKEY"
            for packet in container.demux(stream):
                size = packet.size or size
                for frame in packet.decode():
                    time_us = round((frame.time or 0.0) * US_PER_SECOND)
                    if pace.takes(time_us):
                        yield Picture(frame, time_us, size, scaler)
    except (av.error.FFmpegError, IndexError) as error:
        raise PicturesUnreadable(file=str(file), reason=type(error).__name__) from error


CONFIGURATIONS: Final = {b"avc1": (b"avcC", "h264"), b"hvc1": (b"hvcC", "hevc")}
"""Sample entry: its configuration box and libav's name of the codec."""

_STSD_HEAD: Final = 16
_ENTRY_HEAD: Final = 86
"""Bytes of `stsd`, and of a visual sample entry, before the boxes in them (ISO/IEC 14496-12 sections 8.5.2, 12.1.3)."""


class PartDecoder:
    """Pictures of one stream from the recorder's parts, as they come: an init segment, then whole parts.

    A picture's time is UTC. After a hole, or pictures that libav refuses, it goes on at the next keyframe; nothing
    that a camera sends raises. `refused` counts what could not be read.
    """

    def __init__(self, init: bytes, *, rate: float = RATE, keyframes_only: bool = False) -> None:
        """Raises PicturesUnreadable: no H.264 or H.265 description in `init`."""
        self._codec_name, self._configuration = _configuration(init)
        self._pace, self._scaler = _Pace(rate), VideoReformatter()
        self._keyframes_only = keyframes_only
        self._context: VideoCodecContext | None = None
        self._next: tuple[int, int] | None = None
        self.refused = 0

    def pictures(self, part: bytes | memoryview) -> list[Picture]:
        """The pictures of one part that are due."""
        try:
            parsed = parse_part(part)
        except PartUnreadable:
            self._lose()
            return []
        whole = verify_payload(part, parsed)
        follows = self._next == (parsed.header.run, parsed.header.sequence)
        if not whole or not (follows or parsed.header.starts_keyframe):
            self._lose()
            return []
        if not follows or self._context is None:
            self._context = _context(self._codec_name, self._configuration)
        self._next = (parsed.header.run, parsed.header.sequence + 1)
        found: list[Picture] = []
        at, time_us, ticks = parsed.payload_offset, parsed.header.utc_us, 0
        for duration, size, flags, offset in zip(*(iter(parsed.rows),) * 4, strict=True):
            if flags == SYNC_SAMPLE or not self._keyframes_only:
                shown = time_us + ticks_to_us(ticks + ((offset ^ 0x80000000) - 0x80000000))
                found += self._decode(part[at : at + size], shown)
            at += size
            ticks += duration
        return found

    def rest(self) -> list[Picture]:
        """What libav still holds when nothing follows: pictures that wait for their turn to be shown."""
        found = self._decoded(None, 0)
        self._next = self._context = None
        return found

    def _decode(self, data: bytes | memoryview, time_us: int) -> list[Picture]:
        packet = Packet(bytes(data))
        packet.pts = packet.dts = time_us
        return self._decoded(packet, len(data))

    def _decoded(self, packet: "Packet[Any] | None", size: int) -> list[Picture]:
        if self._context is None:
            return []
        try:
            frames = self._context.decode(packet)
        except av.error.FFmpegError:
            self._lose()
            return []
        due = [frame for frame in frames if frame.pts is not None and self._pace.takes(frame.pts)]
        return [Picture(frame, int(frame.pts or 0), size, self._scaler) for frame in due]

    def _lose(self) -> None:
        self.refused += 1
        self._next = self._context = None


def _context(name: str, configuration: bytes) -> VideoCodecContext:
    context = VideoCodecContext.create(name, "r")
    assert isinstance(context, VideoCodecContext)
    context.extradata = configuration
    context.thread_type = ThreadType.NONE
    return context


def _configuration(init: bytes) -> tuple[str, bytes]:
    """Name that libav has for the codec, and its extradata."""
    try:
        description = sample_description(init)
        kind, start, end = next(iter_boxes(description, _STSD_HEAD))
        box, name = CONFIGURATIONS[kind]
        first, last = next(place for this, *place in iter_boxes(description, start + _ENTRY_HEAD, end) if this == box)
    except (BoxUnreadable, KeyError, StopIteration) as error:
        raise PicturesUnreadable(file="init", reason=type(error).__name__) from error
    return name, description[first + BOX_HEADER : last]
