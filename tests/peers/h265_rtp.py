"""An H.265 sender for tests, written from RFC 7798 and apart from the product: NAL units in, packets out."""

from collections.abc import Sequence
from functools import cache

import av
import numpy as np

from tests.peers.h264_rtp import Packetiser

VPS_TYPE, SPS_TYPE, PPS_TYPE = 32, 33, 34


def kind(nal: bytes) -> int:
    """nal_unit_type."""
    return nal[0] >> 1 & 0x3F


class HevcPacketiser(Packetiser):
    """As Packetiser, with FU of RFC 7798 section 4.4.3."""

    def fragments(self, nal: bytes) -> list[bytes]:
        """FU payloads of one NAL unit."""
        pieces = [nal[at : at + self.limit] for at in range(2, len(nal), self.limit)]
        last = len(pieces) - 1
        head = bytes((nal[0] & 0x81 | 49 << 1, nal[1]))
        return [
            head + bytes((kind(nal) | (0x80 if at == 0 else 0) | (0x40 if at == last else 0),)) + piece
            for at, piece in enumerate(pieces)
        ]


def aggregate(nals: Sequence[bytes]) -> bytes:
    """One aggregation packet (section 4.4.2)."""
    return bytes((48 << 1, 1)) + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)


def split(data: bytes) -> list[bytes]:
    """NAL units of a byte stream."""
    return [unit.rstrip(b"\0") for unit in data.split(b"\0\0\1") if unit.rstrip(b"\0")]


@cache
def encoded(
    count: int = 12, parameters: str = "bframes=0", gop: int = 5, width: int = 320, height: int = 180
) -> tuple[tuple[tuple[bytes, ...], int, bool], ...]:
    """Pictures of noise by x265 in decoding order: (NAL units, pts in pictures, keyframe).

    Several slices want a thread pool (`pools=2`): without one this x265 crashes.
    """
    encoder = av.CodecContext.create("libx265", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate, encoder.gop_size, encoder.thread_count = 25, gop, 1  # type: ignore[assignment]
    fixed = (
        f"log-level=none:keyint={gop}:min-keyint={gop}:scenecut=0:pools=none:frame-threads=1:info=0:repeat-headers=1"
    )
    encoder.options = {"preset": "ultrafast", "x265-params": f"{fixed}:{parameters}"}
    rng = np.random.default_rng(3)
    packets = []
    for index in range(count):
        pixels = rng.integers(0, 255, (height * 3 // 2, width), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
        frame.pts = index
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return tuple((tuple(split(bytes(p))), int(p.pts or 0), p.is_keyframe) for p in packets)
