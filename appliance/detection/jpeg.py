"""A decoded picture as JPEG: for the list of alerts, and for whoever aims a camera."""

from fractions import Fraction
from typing import Final

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from appliance.detection.decode import Picture

QUALITY: Final = "5"
"""libav's scale of 2 (best) to 31: 640x360 takes 30 to 50 kB."""


def encode(picture: Picture, widest: int | None = None) -> bytes | None:
    """JPEG of the whole picture, no wider than `widest` pixels; None when libav does not take its format.

    Nothing but the picture is in it: no text of the encoder's.
    """
    frame = picture.frame("yuvj420p", widest)
    context = VideoCodecContext.create("mjpeg", "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = frame.width, frame.height, "yuvj420p"
    context.time_base = Fraction(1, 25)
    context.options = {"qmin": QUALITY, "qmax": QUALITY}
    context.flags |= Flags.bitexact
    try:
        packets = [*context.encode(frame), *context.encode(None)]
    except av.error.FFmpegError:
        return None
    return b"".join(bytes(packet) for packet in packets) or None
