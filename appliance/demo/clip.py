"""A coded clip that a simulated camera serves in a loop: NAL units by picture, H.264 or H.265.

On disk a clip is two files: `NAME.h264` (Annex B, as encoded) and `NAME.json` (what it is and the length of
each NAL unit), so that loading needs no parser.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av

from appliance.demo.errors import ClipUnusable

START_CODE = b"\x00\x00\x00\x01"

NAL_IDR, NAL_SEI, NAL_SPS, NAL_PPS, NAL_AUD = 5, 6, 7, 8, 9
"""NAL unit types (ISO/IEC 14496-10 table 7-1)."""


Codec = Literal["h264", "h265"]


@dataclass(frozen=True, slots=True)
class CodedFrame:
    """One picture: its slices only, without parameter sets, delimiters and the encoder's own SEI.

    `shift`: pictures by which it is shown after (or, a B picture, before) its place in decoding order. `sets`: the
    parameter sets sent before it when they are not the clip's. `signature`: an SEI of the camera's before the slices.
    """

    slices: tuple[bytes, ...]
    keyframe: bool
    shift: int = 0
    sets: tuple[bytes, ...] = ()
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip ready to be served. The first picture is an IDR picture. `vps`: of H.265 only.

    `strip`: the lowest macroblock rows are missing from `frames` and `sps` counts them: the camera writes them
    live with its counter (see `strip`). Otherwise the pictures are complete and no counter is burnt in.
    """

    name: str
    fps: Fraction
    width: int
    height: int
    sps: bytes
    pps: bytes
    frames: tuple[CodedFrame, ...]
    strip: bool
    codec: Codec = "h264"
    vps: bytes = b""

    @property
    def sets(self) -> tuple[bytes, ...]:
        """Parameter sets in the order in which they are sent."""
        return (self.vps, self.sps, self.pps) if self.codec == "h265" else (self.sps, self.pps)

    @property
    def bitrate(self) -> int:
        """Bits per second of the slices, mean over the clip."""
        octets = sum(len(nal) for frame in self.frames for nal in frame.slices)
        return int(octets * 8 * self.fps / len(self.frames))


def split_lengths(data: bytes) -> Iterator[bytes]:
    """NAL units of an MP4 sample with 4-byte lengths (ISO/IEC 14496-15)."""
    at = 0
    while at + 4 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def split_annexb(data: bytes) -> list[bytes]:
    """NAL units of an Annex B byte stream."""
    pieces = data.replace(START_CODE, b"\x00\x00\x01").split(b"\x00\x00\x01")
    return [piece for piece in pieces[1:] if piece]


def coded_frame(nals: Sequence[bytes]) -> CodedFrame:
    """Keep the slices of one access unit."""
    slices = tuple(nal for nal in nals if nal[0] & 31 in (1, NAL_IDR))
    return CodedFrame(slices, any(nal[0] & 31 == NAL_IDR for nal in slices))


def load_mp4(path: Path, *, seconds: float | None = None) -> Clip:
    """Read an MP4 clip as it is (no counter burnt in). Raises ClipUnusable."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        extradata = bytes(stream.codec_context.extradata or b"")
        if stream.codec_context.name != "h264" or len(extradata) < 8 or extradata[4] & 3 != 3:
            raise ClipUnusable(clip=path.name, why="pas de H.264 en MP4")
        sps_length = int.from_bytes(extradata[6:8], "big")
        sps = extradata[8 : 8 + sps_length]
        pps_at = 8 + sps_length + 1
        pps = extradata[pps_at + 2 : pps_at + 2 + int.from_bytes(extradata[pps_at : pps_at + 2], "big")]
        fps = Fraction(stream.average_rate or 25)
        limit = None if seconds is None else int(seconds * fps)
        frames: list[CodedFrame] = []
        for packet in container.demux(stream):
            if packet.size == 0 or (limit is not None and len(frames) >= limit):
                continue
            if packet.pts != packet.dts and len(frames) > 1:
                raise ClipUnusable(clip=path.name, why="images B")
            frames.append(coded_frame(list(split_lengths(bytes(packet)))))
        width, height = stream.codec_context.width, stream.codec_context.height
    if not frames or not frames[0].keyframe:
        raise ClipUnusable(clip=path.name, why="pas d'image IDR au début")
    return Clip(path.stem, fps, width, height, sps, pps, tuple(frames), strip=False)


def save(clip: Clip, folder: Path) -> None:
    """Write a clip's two files; the description last, so that it is there only when the clip is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    nals = [clip.sps, clip.pps, *(nal for frame in clip.frames for nal in frame.slices)]
    (folder / f"{clip.name}.h264").write_bytes(b"".join(START_CODE + nal for nal in nals))
    about = {
        "fps": [clip.fps.numerator, clip.fps.denominator],
        "width": clip.width,
        "height": clip.height,
        "strip": clip.strip,
        "sets": [len(clip.sps), len(clip.pps)],
        "frames": [[len(nal) for nal in frame.slices] for frame in clip.frames],
    }
    part = folder / f"{clip.name}.json.part"
    part.write_text(json.dumps(about), encoding="utf-8")
    part.replace(folder / f"{clip.name}.json")


def load(folder: Path, name: str) -> Clip | None:
    """Read a clip that `save` wrote; None when it is not there."""
    description = folder / f"{name}.json"
    if not description.exists():
        return None
    about = json.loads(description.read_text(encoding="utf-8"))
    data = (folder / f"{name}.h264").read_bytes()
    at = 0

    def take(length: int) -> bytes:
        nonlocal at
        at += 4 + length
        return data[at - length : at]

    sps, pps = take(about["sets"][0]), take(about["sets"][1])
    frames = tuple(coded_frame([take(length) for length in lengths]) for lengths in about["frames"])
    fps = Fraction(about["fps"][0], about["fps"][1])
    return Clip(name, fps, about["width"], about["height"], sps, pps, frames, about["strip"])
