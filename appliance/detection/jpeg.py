"""A decoded picture as JPEG, for the list of alerts."""

from fractions import Fraction
from typing import Final

import av
from av.video.codeccontext import VideoCodecContext

from appliance.detection.decode import Picture

QUALITY: Final = "5"
"""libav's scale of 2 (best) to 31: 640x360 takes 30 to 50 kB."""


def encode(picture: Picture) -> bytes | None:
    """JPEG of the whole picture; None when libav does not take its format."""
    context = VideoCodecContext.create("mjpeg", "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = picture.width, picture.height, "yuvj420p"
    context.time_base = Fraction(1, 25)
    context.options = {"qmin": QUALITY, "qmax": QUALITY}
    try:
        packets = [*context.encode(picture.frame("yuvj420p")), *context.encode(None)]
    except av.error.FFmpegError:
        return None
    return b"".join(bytes(packet) for packet in packets) or None
