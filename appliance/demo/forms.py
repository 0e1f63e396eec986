"""Clips of every form that cameras send: codec, B pictures, slices, fields, groups of any length, signatures.

Drawn noise without a burnt-in counter: what matters here is the stream's form. The counter stands in the SEI all the
same. Blocking: seconds of encoding for a clip of hundreds of pictures.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import numpy as np
from av.codec.codec import UnknownCodecError

from appliance.demo.clip import Clip, Codec, CodedFrame, split_annexb
from appliance.demo.errors import ClipUnusable, EncoderMissing

SIGNATURE_UUID = bytes.fromhex("9c1f0d6be2a84b35a7d3118e64f0523a")
"""Names the camera's signature among user data SEI; any 16 bytes do for a recorder that must not read them."""

_ENCODERS: dict[Codec, str] = {"h264": "libx264", "h265": "libx265"}
_H264_SETS, _H265_SETS = (7, 8), (32, 33, 34)
_H265_SEI, _PICTURE_TIMING = 39, b"\1"
"""Of H.265: a prefix SEI whose first message tells which field of a frame a picture is (pic_struct)."""

_H264_SLICES, _H265_SLICES = frozenset({1, 5}), frozenset(range(22))


@dataclass(frozen=True, slots=True)
class Form:
    """What a camera is set to.

    `gop`: pictures from keyframe to keyframe. `open_groups`: H.265 keyframes are CRA pictures, with leading pictures
    behind them. `fields`: interlaced coding, flagged; in H.265 each picture is a field. `signed`: an SEI
    with a signature before each keyframe's slices.
    """

    codec: Codec = "h264"
    width: int = 320
    height: int = 192
    fps: Fraction = Fraction(25)
    gop: int = 25
    pictures: int = 100
    b_pictures: int = 0
    slices: int = 1
    fields: bool = False
    open_groups: bool = False
    signed: bool = False
    noise: int = 40


def encode_form(name: str, form: Form) -> Clip:
    """Encode a clip of this form. Raises EncoderMissing, ClipUnusable."""
    sets: dict[int, bytes] = {}
    frames: list[CodedFrame] = []
    kinds, slice_kinds = (_H264_SETS, _H264_SLICES) if form.codec == "h264" else (_H265_SETS, _H265_SLICES)
    for place, (data, shown, keyframe) in enumerate(_packets(form)):
        coded: list[bytes] = []
        timing = b""
        for nal in split_annexb(data):
            kind = nal[0] & 0x1F if form.codec == "h264" else nal[0] >> 1 & 0x3F
            if kind in kinds:
                sets.setdefault(kind, nal.rstrip(b"\0"))
            elif kind in slice_kinds:
                coded.append(nal.rstrip(b"\0"))
            elif form.fields and (form.codec, kind) == ("h265", _H265_SEI) and nal[2:3] == _PICTURE_TIMING:
                timing = nal.rstrip(b"\0")
        signature = signature_nal(form.codec, place) if form.signed and keyframe else timing
        frames.append(CodedFrame(tuple(coded), keyframe, shown - place, (), signature))
    if not frames or not frames[0].keyframe or len(sets) != len(kinds):
        raise ClipUnusable(clip=name, why="codage incomplet")
    *vps, sps, pps = (sets[kind] for kind in kinds)
    return Clip(
        name, form.fps, form.width, form.height, sps, pps, tuple(frames), strip=False, codec=form.codec,
        vps=vps[0] if vps else b"",
    )  # fmt: skip


def joined(first: Clip, second: Clip) -> Clip:
    """A camera whose settings change behind `first`: the pictures of both, each keyframe with its own sets."""
    frames = tuple(replace(f, sets=clip.sets) if f.keyframe else f for clip in (first, second) for f in clip.frames)
    return replace(first, name=f"{first.name}+{second.name}", frames=frames)


def signature_nal(codec: Codec, number: int) -> bytes:
    """A user data SEI (type 5) that looks like a camera's signature: emulation prevention where it is due."""
    payload = SIGNATURE_UUID + number.to_bytes(4, "big") + b"\x01\x02" * 20
    message = bytes((5, len(payload))) + payload + b"\x80"
    message = message.replace(b"\0\0\0", b"\0\0\3\0").replace(b"\0\0\1", b"\0\0\3\1").replace(b"\0\0\2", b"\0\0\3\2")
    return (b"\x06" if codec == "h264" else b"\x4e\x01") + message


def _packets(form: Form) -> Iterator[tuple[bytes, int, bool]]:
    """(byte stream, place in output order, keyframe) of each picture in decoding order."""
    try:
        encoder = av.CodecContext.create(_ENCODERS[form.codec], "w")
    except UnknownCodecError as error:
        raise EncoderMissing from error
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = form.width, form.height, "yuv420p"
    encoder.framerate, encoder.time_base = form.fps, 1 / form.fps
    encoder.gop_size, encoder.thread_count = form.gop, 1
    encoder.options = _options(form)
    rng = np.random.default_rng(11)
    for number in range(form.pictures):
        base = np.linspace(40 + number % 60, 180, form.width, dtype=np.float32)
        noise = rng.integers(0, form.noise, (form.height * 3 // 2, form.width))
        frame = av.VideoFrame.from_ndarray((base + noise).astype(np.uint8), format="yuv420p")
        frame.pts = number
        for packet in encoder.encode(frame):
            yield bytes(packet), int(packet.pts or 0), packet.is_keyframe
    for packet in encoder.encode(None):
        yield bytes(packet), int(packet.pts or 0), packet.is_keyframe


def _options(form: Form) -> dict[str, str]:
    common = f"keyint={form.gop}:min-keyint={form.gop}:scenecut=0:bframes={form.b_pictures}:slices={form.slices}"
    if form.codec == "h264":
        fields = ":tff=1" if form.fields else ""
        return {"preset": "veryfast", "x264-params": f"{common}:sliced-threads=0:repeat-headers=1{fields}"}
    pools = "2" if form.slices > 1 else "none"  # x265 crashes when it cuts slices without threads
    fixed = f"log-level=none:frame-threads=1:info=0:repeat-headers=1:pools={pools}:open-gop={int(form.open_groups)}"
    fields = ":interlace=tff" if form.fields else ""
    return {"preset": "ultrafast", "x265-params": f"{common}:{fixed}{fields}"}
