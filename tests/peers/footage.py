"""Chunks for tests: real pictures encoded with PyAV, or bytes that only look like some, in files of our format."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final, Literal

import av
import numpy as np

from appliance.core.units import ticks_to_us
from appliance.media.part import PartEntry, build_part, parse_part, part_size
from appliance.media.stream import AccessUnit, CodecParameters, StreamKey
from appliance.ring.chunk import (
    ChunkHeader,
    Geometry,
    closing,
    encode_header,
    read_header,
    terminator,
)

DEMO: Final = Geometry(chunk_size=4 << 20, table_reserve=32 << 10)
SMALL: Final = Geometry(chunk_size=192 << 10, table_reserve=8 << 10)
"""The smallest that holds a dozen parts: for tests that build thousands."""

FRAME: Final = 3600
"""Ticks of a picture at 25 a second."""

UTC: Final = 1_795_500_000_000_000
"""Microseconds: a moment in 2026."""

BOOT: Final = bytes(range(16))

PARAMETERS: Final = CodecParameters(
    "h264", (bytes.fromhex("67640029ac1b1a80"), bytes.fromhex("68ee3c80")), 320, 180, "avc1.640029"
)
HEADER: Final = ChunkHeader(
    generation=7,
    number=3,
    disk_uuid="ab" * 16,
    site="École Jules-Ferry",
    key=StreamKey("cour", "main"),
    title="École Jules-Ferry – Cour – 24/11/2026 03:56",
    parameters=PARAMETERS,
    opened_utc_us=UTC,
    opened_monotonic_us=5_000_000,
    boot_id=BOOT,
    base_ticks=450_000,
)


def picture(number: int, size: int = 700, *, keyframe: bool = False, salt: int = 0) -> AccessUnit:
    """A unit that no decoder reads, with bytes of its own."""
    data = (hashlib.sha256(f"{salt}/{number}".encode()).digest() * (size // 32 + 1))[:size]
    return AccessUnit(data, 450_000 + number * FRAME, 450_000 + number * FRAME, keyframe)


def pictures(count: int, size: int = 700, *, gop: int = 10, salt: int = 0) -> list[AccessUnit]:
    """A run of them, a keyframe every `gop`."""
    return [picture(i, size, keyframe=i % gop == 0, salt=salt) for i in range(count)]


@dataclass(slots=True)
class Chunk:
    """A chunk being written in memory, as the recorder writes it on disk."""

    header: ChunkHeader = HEADER
    geometry: Geometry = DEMO
    data: bytearray = field(default_factory=bytearray)
    entries: list[PartEntry] = field(default_factory=list)
    units: list[AccessUnit] = field(default_factory=list)
    end: int = 0
    crc: int = 0
    init: bytes = b""

    def __post_init__(self) -> None:
        encoded = encode_header(self.header, self.geometry)
        info = read_header(encoded)
        self.data = bytearray(self.geometry.chunk_size)
        self.data[: len(encoded)] = encoded
        self.end, self.crc, self.init = info.length, info.crc, encoded[: info.init_length]
        self._terminate()

    def part(
        self,
        units: Sequence[AccessUnit],
        *,
        run: int = 1,
        sequence: int | None = None,
        utc_us: int | None = None,
        tfdt: int | None = None,
        starts_run: bool = False,
        cause: int = 0,
    ) -> PartEntry:
        """Append a part and the terminator behind it."""
        dts = units[0].dts_ticks - self.header.base_ticks
        into = bytearray(b"\xee" * part_size(units))  # an arena holds old bytes
        entry, self.crc = build_part(
            memoryview(into),
            units,
            offset=self.end,
            generation=self.header.generation,
            run=run,
            sequence=len(self.entries) if sequence is None else sequence,
            utc_us=UTC + ticks_to_us(dts) if utc_us is None else utc_us,
            monotonic_us=ticks_to_us(units[0].dts_ticks),
            boot_id=BOOT,
            clock_state=1,
            starts_run=starts_run,
            cause=cause,
            previous_crc=self.crc,
            tfdt=dts if tfdt is None else tfdt,
            last_duration=FRAME,
        )
        self.data[self.end : self.end + len(into)] = into
        self.entries.append(entry)
        self.units += units
        self.end += len(into)
        self._terminate()
        return entry

    def parts(self, units: Sequence[AccessUnit], per_part: int = 10) -> "Chunk":
        """Append units in parts of `per_part`, a new one before each keyframe, as a tick cuts them."""
        for part in cut(units, per_part):
            self.part(part)
        return self

    def close(self, *, steps: int = 2) -> "Chunk":
        """Write the closing blocks, or the first `steps` of them."""
        blocks = closing(
            self.entries,
            self.end,
            self.geometry,
            generation=self.header.generation,
            header_crc=read_header(bytes(self.data)).crc,
            last_crc=self.crc,
        )
        for offset, block in blocks[:steps]:
            self.data[offset : offset + len(block)] = block
        return self

    def read(self, offset: int, length: int) -> bytes:
        """As a file would answer."""
        return bytes(self.data[offset : offset + length])

    def payloads(self) -> list[bytes]:
        """The mdat payload of each part."""
        return [payload(self.data, entry) for entry in self.entries]

    def _terminate(self) -> None:
        block = terminator(self.end, self.geometry)
        self.data[self.end : self.end + len(block)] = block


def payload(data: bytes | bytearray, entry: PartEntry) -> bytes:
    """The mdat payload of one part of a chunk."""
    part = parse_part(bytes(data[entry.offset : entry.offset + entry.length]))
    first = entry.offset + part.payload_offset
    return bytes(data[first : first + part.payload_length])


def cut(units: Sequence[AccessUnit], per_part: int = 10) -> Iterator[list[AccessUnit]]:
    """Parts of at most `per_part` units; a part also ends before a keyframe."""
    part: list[AccessUnit] = []
    for unit in units:
        if part and (unit.keyframe or len(part) == per_part):
            yield part
            part = []
        part.append(unit)
    if part:
        yield part


def with_parameters(header: ChunkHeader, parameters: CodecParameters, title: str | None = None) -> ChunkHeader:
    """The same header for a stream with other parameter sets."""
    return replace(header, parameters=parameters, title=header.title if title is None else title)


@dataclass(frozen=True, slots=True)
class Footage:
    """Encoded pictures: as units for the ring, with what a decoder needs."""

    parameters: CodecParameters
    units: list[AccessUnit]


def encode(
    frames: int,
    *,
    codec: Literal["h264", "h265"] = "h264",
    width: int = 320,
    height: int = 180,
    gop: int = 25,
    b_frames: int = 0,
    seed: int = 0,
) -> Footage:
    """Encode moving noise; the pictures differ with `seed`. Decoding times start at HEADER.base_ticks."""
    context = av.CodecContext.create("libx264" if codec == "h264" else "libx265", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate, context.gop_size = Fraction(1, 25), Fraction(25), gop
    context.options = {"preset": "ultrafast", "bf": str(b_frames)}
    if codec == "h265":
        context.options["x265-params"] = f"log-level=none:bframes={b_frames}:keyint={gop}:repeat-headers=1"
    random = np.random.default_rng(seed)
    back = random.integers(0, 255, (height, width + frames), dtype=np.uint8)
    packets = []
    for i in range(frames):
        y = back[:, i : i + width]
        frame = av.VideoFrame.from_ndarray(np.repeat(y[:, :, None], 3, axis=2), format="rgb24")
        frame.pts = i
        packets += context.encode(frame)
    packets += context.encode(None)
    first = packets[0].dts or 0
    units = [_unit(packet, first) for packet in packets]
    return Footage(_parameters(codec, bytes(packets[0]), width, height), units)


def _unit(packet: "av.Packet[av.VideoStream]", first: int) -> AccessUnit:
    assert packet.dts is not None
    assert packet.pts is not None
    data = b"".join(len(nal).to_bytes(4, "big") + nal for nal in split(bytes(packet)))
    base = HEADER.base_ticks
    return AccessUnit(
        data, base + (packet.dts - first) * FRAME, base + (packet.pts - first) * FRAME, packet.is_keyframe
    )


def split(annex_b: bytes) -> list[bytes]:
    """NAL units between start codes (ISO/IEC 14496-10 annex B)."""
    pieces = annex_b.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [piece for piece in pieces if piece]


def _parameters(codec: Literal["h264", "h265"], first: bytes, width: int, height: int) -> CodecParameters:
    nals = split(first)
    if codec == "h264":
        sets = tuple(nal for nal in nals if nal[0] & 0x1F in {7, 8})
        return CodecParameters(codec, sets, width, height, "avc1." + sets[0][1:4].hex())
    sets = tuple(nal for nal in nals if nal[0] >> 1 & 0x3F in {32, 33, 34})
    return CodecParameters(codec, sets, width, height, "hvc1.1.6.L60.90")
