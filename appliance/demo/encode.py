"""Encoding pictures into a clip whose lowest rows the camera writes itself (see `strip`)."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from av.codec.codec import UnknownCodecError

from appliance.demo.clip import NAL_PPS, NAL_SPS, Clip, CodedFrame, coded_frame, split_annexb
from appliance.demo.counter import STRIP_ROWS
from appliance.demo.errors import ClipUnusable, EncoderMissing
from appliance.demo.strip import sps_with_height

GOP_S = 2
"""Seconds between keyframes: what installers set."""

GUARD_ROWS = 16
"""Black pixel rows above the strip: motion vectors across the lower edge would meet it."""

Planes = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
"""Y (H, W), U (H/2, W/2), V (H/2, W/2)."""


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """What a clip is encoded to. `bitrate` in bit/s."""

    width: int
    height: int
    fps: Fraction
    bitrate: int
    preset: str = "superfast"


def coded_height(height: int) -> int:
    """Pixel rows that the encoder sees of a picture `height` rows high."""
    return (-(-height // 16) - STRIP_ROWS) * 16


def encode(name: str, pictures: Iterable[Planes], settings: EncodeSettings) -> Clip:
    """Encode whole pictures (at least `coded_height` rows are used). Raises EncoderMissing, ClipUnusable.

    Settings keep within what the strip needs: CAVLC, one slice and one reference per picture, no B pictures,
    no weighted prediction; and no scene-cut keyframes, so that GOPs have one length.
    """
    rows = coded_height(settings.height)
    gop = math.ceil(GOP_S * settings.fps)
    try:
        encoder = av.CodecContext.create("libx264", "w")
    except UnknownCodecError as error:
        raise EncoderMissing from error
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = settings.width, rows, "yuv420p"
    encoder.framerate, encoder.time_base = settings.fps, 1 / settings.fps
    encoder.bit_rate, encoder.gop_size, encoder.thread_count = settings.bitrate, gop, 1
    rate = settings.bitrate // 1000
    encoder.options = {
        "preset": settings.preset,
        "profile": "main",
        "x264-params": f"cabac=0:bframes=0:weightp=0:ref=1:scenecut=0:keyint={gop}:min-keyint={gop}:slices=1:"
        f"sliced-threads=0:rc-lookahead=0:sync-lookahead=0:vbv-maxrate={rate * 3 // 2}:vbv-bufsize={rate * 2}",
    }
    packets: list[bytes] = []
    for index, planes in enumerate(pictures):
        frame = av.VideoFrame(settings.width, rows, "yuv420p")
        for target, plane, divisor in zip(frame.planes, planes, (1, 2, 2), strict=True):
            part = np.zeros((rows // divisor, target.line_size), np.uint8)
            part[:, : settings.width // divisor] = plane[: rows // divisor, : settings.width // divisor]
            guard = GUARD_ROWS // divisor
            part[-guard:] = 16 if divisor == 1 else 128
            target.update(part.tobytes())
        frame.pts = index
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    packets += [bytes(packet) for packet in encoder.encode(None)]
    return _clip(name, packets, settings)


def _clip(name: str, packets: list[bytes], settings: EncodeSettings) -> Clip:
    sets: dict[int, bytes] = {}
    frames: list[CodedFrame] = []
    for packet in packets:
        nals = split_annexb(packet)
        for nal in nals:
            if nal[0] & 31 in {NAL_SPS, NAL_PPS}:
                sets.setdefault(nal[0] & 31, nal)
        frames.append(coded_frame(nals))
    if not frames or not frames[0].keyframe or len(sets) != 2:
        raise ClipUnusable(clip=name, why="codage incomplet")
    sps = sps_with_height(sets[NAL_SPS], settings.height, name)
    return Clip(name, settings.fps, settings.width, settings.height, sps, sets[NAL_PPS], tuple(frames), strip=True)
