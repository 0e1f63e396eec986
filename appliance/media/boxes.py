"""ISO base media file format boxes (ISO/IEC 14496-12) and sample entries (14496-15), as pure functions.

Only what one video track in fragments needs. Sizes are always explicit 32-bit sizes: npm's mp4box refuses a
box of size 0 ("to the end of the file"), and a SourceBuffer ends in an error on one.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final

from appliance.core.units import TICKS_PER_SECOND
from appliance.media import hevc
from appliance.media.errors import BoxUnreadable, CodecNotRecorded
from appliance.media.input_errors import SpsInvalid
from appliance.media.nal import LENGTH_BYTES
from appliance.media.stream import CodecParameters

TRACK_ID: Final = 1
"""The only track of every file: sound is never recorded."""

BOX_HEADER: Final = 8
"""Bytes of a box header: 32-bit size and type (ISO/IEC 14496-12 section 4.2)."""

UNITY_MATRIX: Final = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
"""No rotation, no scaling (ISO/IEC 14496-12 section 8.2.2)."""

UNDETERMINED_LANGUAGE: Final = 0x55C4
"""ISO 639-2/T `und`, three packed 5-bit letters (ISO/IEC 14496-12 section 8.4.2)."""

ITUNES_NAME: Final = b"\xa9nam"
"""Title as every player reads it (Apple's metadata list; ffprobe and VLC show it as `title`)."""

DPI_72: Final = 0x00480000
"""72 dots per inch as 16.16 fixed point: the template value of a visual sample entry."""


def box(kind: bytes, *payload: bytes) -> bytes:
    """A box: 32-bit size, four-character type, payload."""
    size = BOX_HEADER + sum(map(len, payload))
    return b"".join((struct.pack(">I4s", size, kind), *payload))


def full_box(kind: bytes, version: int, flags: int, *payload: bytes) -> bytes:
    """A box with version (8 bits) and flags (24 bits)."""
    return box(kind, struct.pack(">I", version << 24 | flags), *payload)


def uuid_box(usertype: bytes, *payload: bytes) -> bytes:
    """A box of our own, named by 16 bytes; readers that do not know it skip it (section 11.1)."""
    return box(b"uuid", usertype, *payload)


def free_header(size: int) -> bytes:
    """The 8 bytes that open a `free` box of `size` bytes (>= 8, < 4 GiB)."""
    return struct.pack(">I4s", size, b"free")


def iter_boxes(data: bytes | memoryview, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Boxes between two offsets as (type, start, end).

    Raises BoxUnreadable when a size is below the header's 8 bytes or runs past `end` (64-bit sizes are not ours).
    """
    stop = len(data) if end is None else end
    while start < stop:
        if stop - start < BOX_HEADER:
            raise BoxUnreadable(offset=start)
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < BOX_HEADER or size > stop - start:
            raise BoxUnreadable(offset=start)
        yield kind, start, start + size
        start += size


def find_box(data: bytes | memoryview, *path: bytes) -> tuple[int, int]:
    """(start, end) of the first box at a path of plain container boxes. Raises BoxUnreadable when absent."""
    start, end = 0, len(data)
    found = (0, end)
    for kind in path:
        for this, first, last in iter_boxes(data, start, end):
            if this == kind:
                found = (first, last)
                start, end = first + BOX_HEADER, last
                break
        else:
            raise BoxUnreadable(offset=start)
    return found


def sample_description(init: bytes) -> bytes:
    """The `stsd` box of an init segment: equal bytes = a decoder set up for one reads the other."""
    start, end = find_box(init, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    return bytes(init[start:end])


def init_segment(p: CodecParameters, title: str) -> bytes:
    """`ftyp` + `moov`: one video track, timescale 90 000, samples in fragments only, `title` for players.

    The bytes depend on the arguments alone. Raises CodecNotRecorded.
    """
    return _ftyp() + _moov(p, title)


def _ftyp() -> bytes:
    # iso5: default-base-is-moof; iso6: tfdt version 1, trun version 1; mp41: old readers that ask for an mp4 brand.
    return box(b"ftyp", b"iso5", struct.pack(">I", 512), b"iso5", b"iso6", b"mp41")


def _moov(p: CodecParameters, title: str) -> bytes:
    zero_dates_and_duration = struct.pack(">IIII", 0, 0, TICKS_PER_SECOND, 0)
    mvhd = full_box(
        b"mvhd",
        0,
        0,
        zero_dates_and_duration,
        struct.pack(">IH10x", 0x00010000, 0x0100),
        UNITY_MATRIX,
        bytes(24),
        struct.pack(">I", TRACK_ID + 1),
    )
    trex = full_box(b"trex", 0, 0, struct.pack(">5I", TRACK_ID, 1, 0, 0, 0))
    return box(b"moov", mvhd, _trak(p), box(b"mvex", trex), _title(title))


def _trak(p: CodecParameters) -> bytes:
    tkhd = full_box(
        b"tkhd",
        0,
        3,  # enabled, in the movie
        struct.pack(">5I8xHHHH", 0, 0, TRACK_ID, 0, 0, 0, 0, 0, 0),
        UNITY_MATRIX,
        struct.pack(">II", p.width << 16, p.height << 16),
    )
    mdhd = full_box(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, TICKS_PER_SECOND, 0, UNDETERMINED_LANGUAGE, 0))
    hdlr = full_box(b"hdlr", 0, 0, struct.pack(">I4s12x", 0, b"vide"), b"VideoHandler\0")
    dinf = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    no_samples = (
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
    stsd = full_box(b"stsd", 0, 0, struct.pack(">I", 1), _sample_entry(p))
    minf = box(b"minf", full_box(b"vmhd", 0, 1, bytes(8)), dinf, box(b"stbl", stsd, *no_samples))
    return box(b"trak", tkhd, box(b"mdia", mdhd, hdlr, minf))


def _title(title: str) -> bytes:
    # `meta` here is a full box and its handler is `mdir`: the form every player reads titles from.
    text = title.encode("utf-8")
    utf8 = 1
    data = box(b"data", struct.pack(">II", utf8, 0), text)
    hdlr = full_box(b"hdlr", 0, 0, struct.pack(">I4s4s8x", 0, b"mdir", b"appl"), b"\0")
    return box(b"udta", full_box(b"meta", 0, 0, hdlr, box(b"ilst", box(ITUNES_NAME, data))))


def _sample_entry(p: CodecParameters) -> bytes:
    if p.codec == "h264":
        kind, configuration = b"avc1", _avcc(p.parameter_sets)
    else:
        kind, configuration = b"hvc1", _hvcc(p.parameter_sets)
    visual = struct.pack(">6xH16xHHIIIH32xHh", 1, p.width, p.height, DPI_72, DPI_72, 0, 1, 0x18, -1)
    return box(kind, visual, configuration)


def _avcc(sets: Sequence[bytes]) -> bytes:
    """AVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 5.3.3.1), lengths of 4 bytes."""
    sps = [s for s in sets if s and s[0] & 0x1F == 7]
    pps = [s for s in sets if s and s[0] & 0x1F == 8]
    if not sps or not pps or len(sps[0]) < 4 or len(sps) > 31 or len(pps) > 255:
        raise CodecNotRecorded(codec="H.264")
    profile, compatibility, level = sps[0][1:4]
    record = bytearray((1, profile, compatibility, level, 0xFC | 3, 0xE0 | len(sps)))
    for unit in sps:
        record += struct.pack(">H", len(unit)) + unit
    record.append(len(pps))
    for unit in pps:
        record += struct.pack(">H", len(unit)) + unit
    if profile == 100:  # High is 4:2:0, 8 bits by definition; other high profiles: left out, as readers accept
        record += bytes((0xFC | 1, 0xF8, 0xF8, 0))
    return box(b"avcC", bytes(record))


def _hvcc(sets: Sequence[bytes]) -> bytes:
    """HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 8.3.3.1): what it repeats comes from the first SPS."""
    kinds = (hevc.VPS, hevc.SPS, hevc.PPS)
    by_type = {kind: [s for s in sets if len(s) > hevc.HEADER_BYTES and hevc.nal_type(s) == kind] for kind in kinds}
    if not all(by_type.values()):
        raise CodecNotRecorded(codec="H.265")
    try:
        sps = hevc.parse_sps(by_type[hevc.SPS][0])
    except SpsInvalid as error:
        raise CodecNotRecorded(codec="H.265") from error
    record = bytearray((1,)) + sps.profile_tier_level
    record += struct.pack(
        ">HBBBBHB",
        0xF000,  # min_spatial_segmentation_idc 0: not told
        0xFC,  # parallelismType 0: not told
        0xFC | sps.chroma,
        0xF8 | sps.luma_depth - 8,
        0xF8 | sps.chroma_depth - 8,
        0,  # avgFrameRate 0: not told
        sps.sub_layers << 3 | sps.nested << 2 | LENGTH_BYTES - 1,
    )
    record.append(3)
    for kind, units in by_type.items():
        record += struct.pack(">BH", 0x80 | kind, len(units))
        for unit in units:
            record += struct.pack(">H", len(unit)) + unit
    return box(b"hvcC", bytes(record))


def mfra(entries: Sequence[tuple[int, int]]) -> bytes:
    """`mfra` for the end of a file: (media time in ticks, offset of the `moof`) per random access point.

    `tfra` version 1, 19 bytes an entry; the last 16 bytes are `mfro`, so that a reader finds it from the end
    (ISO/IEC 14496-12 section 8.8.9 to 8.8.11).
    """
    rows = b"".join(struct.pack(">QQBBB", time, offset, 1, 1, 1) for time, offset in entries)
    tfra = full_box(b"tfra", 1, 0, struct.pack(">III", TRACK_ID, 0, len(entries)), rows)
    return box(b"mfra", tfra, full_box(b"mfro", 0, 0, struct.pack(">I", mfra_size(len(entries)))))


def mfra_size(entries: int) -> int:
    """Bytes of `mfra` with so many entries."""
    return 48 + 19 * entries
