"""H.265 (ITU-T H.265, ISO/IEC 23008-2): NAL unit types, and the sequence parameter set parsed whole (section 7.3.2.2).

Whole, because what the recorder wants of it (timing) stands behind reference picture sets of any length: nothing is
found by offset. Input is hostile: every read is bounded and every value checked; only SpsInvalid is ever raised.
"""

from dataclasses import dataclass
from typing import Final

from appliance.media.input_errors import SpsInvalid
from appliance.media.nal import unescape
from appliance.media.sps import MAX_SIDE, BitReader

IRAP: Final = frozenset(range(16, 22))
"""BLA, IDR, CRA: a decoder may begin here, and ISO/IEC 14496-15 section 8.3.4 makes these sync samples."""

LEADING: Final = frozenset(range(6, 10))
"""RADL and RASL pictures: behind their IRAP picture in decoding order, before it in output order."""

VPS: Final = 32
SPS: Final = 33
PPS: Final = 34
AUD: Final = 35
PREFIX_SEI: Final = 39
BEHIND: Final = frozenset({36, 37, 40})
"""End of sequence, end of bitstream, suffix SEI: they close the picture before them (section 7.4.2.4.4)."""

HEADER_BYTES: Final = 2
"""Bytes of the NAL unit header (section 7.3.1.2)."""

MAX_SPS_BYTES: Final = 2048
"""Bytes. All scaling lists (about 1 100) and 64 reference picture sets stay below."""

_MAX_SUB_LAYERS = 7
_MAX_DPB = 16
_MAX_SHORT_TERM_SETS = 64
_EXTENDED_SAR = 255
_CHROMA_UNITS: Final = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}
"""SubWidthC and SubHeightC by chroma_format_idc (table 6-1)."""

_MAX_TICKS = 90_000 * 10  # of a frame: slower than a picture in 10 s is no timing


@dataclass(frozen=True, slots=True)
class HevcSps:
    """What a recorder needs of a sequence parameter set.

    `profile_tier_level`: its 12 general bytes as hvcC repeats them. `width`, `height`: luma samples of a coded picture
    after cropping (of a field, when the camera codes fields). `max_reorder_frames`: of the highest sub-layer.
    `frame_ticks`: 90 kHz ticks of a picture by the VUI, or None. `fields`: each picture is a field, two of them a frame
    (field_seq_flag). `vui_complete`: False when what follows the geometry
    broke off; what came before it stands.
    """

    profile_tier_level: bytes
    sub_layers: int
    nested: bool
    identifier: int
    chroma: int
    luma_depth: int
    chroma_depth: int
    width: int
    height: int
    max_reorder_frames: int | None
    frame_ticks: int | None
    fields: bool
    vui_complete: bool

    @property
    def rfc6381(self) -> str:
        """See `codecs`."""
        return codecs(self.profile_tier_level)


def codecs(profile_tier_level: bytes) -> str:
    """The `codecs` parameter of ISO/IEC 14496-15 annex E.3: hvc1.PROFILE.COMPATIBILITY.TIER LEVEL.CONSTRAINTS.

    `profile_tier_level`: the 12 general bytes, as in an SPS and in hvcC.
    """
    first, level = profile_tier_level[0], profile_tier_level[11]
    space = ("", "A", "B", "C")[first >> 6]
    flags = int(f"{int.from_bytes(profile_tier_level[1:5], 'big'):032b}"[::-1], 2)
    tail = "".join(f".{byte:x}" for byte in profile_tier_level[5:11].rstrip(b"\0"))
    return f"hvc1.{space}{first & 0x1F}.{flags:x}.{'H' if first & 0x20 else 'L'}{level}{tail}"


def nal_type(nal: bytes | bytearray | memoryview) -> int:
    """nal_unit_type of a unit without framing (table 7-1); raises SpsInvalid when it has no whole header."""
    if len(nal) < HEADER_BYTES:
        raise SpsInvalid(reason=f"{len(nal)} bytes long")
    return nal[0] >> 1 & 0x3F


def layer(nal: bytes | bytearray | memoryview) -> int:
    """nuh_layer_id; 0 is the base layer, which every decoder shows."""
    return (nal[0] & 1) << 5 | nal[1] >> 3


def vps_id(nal: bytes) -> int:
    """vps_video_parameter_set_id (section 7.3.2.1); raises SpsInvalid."""
    _limit(nal)
    return BitReader(nal[HEADER_BYTES : HEADER_BYTES + 4]).bits(4)


def pps_id(nal: bytes) -> int:
    """pps_pic_parameter_set_id (section 7.3.2.3.1); raises SpsInvalid."""
    _limit(nal)
    return BitReader(nal[HEADER_BYTES : HEADER_BYTES + 8]).ue(63, "pps_pic_parameter_set_id")


def _limit(nal: bytes) -> None:
    if not HEADER_BYTES < len(nal) <= MAX_SPS_BYTES:
        raise SpsInvalid(reason=f"{len(nal)} bytes long")


def parse_sps(nal: bytes) -> HevcSps:
    """Parse a sequence parameter set without start code; raises SpsInvalid with the reason."""
    _limit(nal)
    if nal_type(nal) != SPS:
        raise SpsInvalid(reason=f"its first byte is {nal[0]:#04x}")
    raw = unescape(nal)[HEADER_BYTES:]
    reader = BitReader(raw)
    reader.bits(4)  # sps_video_parameter_set_id
    sub_layers = reader.bits(3) + 1
    if sub_layers > _MAX_SUB_LAYERS:
        raise SpsInvalid(reason=f"{sub_layers} sub-layers")
    nested = reader.flag()
    profile_tier_level = raw[1:13]
    _profile_tier_level(reader, sub_layers)
    identifier = reader.ue(15, "sps_seq_parameter_set_id")
    chroma = reader.ue(3, "chroma_format_idc")
    if chroma == 3:
        reader.flag()  # separate_colour_plane_flag
    width, height = _geometry(reader, chroma)
    luma_depth = 8 + reader.ue(8, "bit_depth_luma_minus8")
    chroma_depth = 8 + reader.ue(8, "bit_depth_chroma_minus8")
    poc_bits = 4 + reader.ue(12, "log2_max_pic_order_cnt_lsb_minus4")
    reorder = _ordering(reader, sub_layers)
    ticks, fields, complete = None, False, True
    try:
        ticks, fields = _behind_ordering(reader, poc_bits)
    except SpsInvalid:
        complete = False
    return HevcSps(
        profile_tier_level, sub_layers, nested, identifier, chroma, luma_depth, chroma_depth, width, height, reorder,
        ticks, fields, complete,
    )  # fmt: skip


def _profile_tier_level(reader: BitReader, sub_layers: int) -> None:
    """Section 7.3.3: 88 general bits and the level, then what each sub-layer has of them."""
    reader.bits(88)
    reader.bits(8)
    if sub_layers == 1:
        return
    present = [(reader.flag(), reader.flag()) for _ in range(sub_layers - 1)]
    reader.bits(2 * (8 - (sub_layers - 1)))  # reserved_zero_2bits, up to 8 pairs
    for profile, level in present:
        reader.bits(88 * profile + 8 * level)


def _geometry(reader: BitReader, chroma: int) -> tuple[int, int]:
    width = reader.ue(MAX_SIDE, "pic_width_in_luma_samples")
    height = reader.ue(MAX_SIDE, "pic_height_in_luma_samples")
    if reader.flag():
        unit_x, unit_y = _CHROMA_UNITS[chroma]
        left, right, top, bottom = (reader.ue(MAX_SIDE, "conf_win_offset") for _ in range(4))
        width -= unit_x * (left + right)
        height -= unit_y * (top + bottom)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise SpsInvalid(reason=f"a picture of {width} x {height}")
    return width, height


def _ordering(reader: BitReader, sub_layers: int) -> int:
    """sps_max_num_reorder_pics of the highest sub-layer, the last one given."""
    reorder = 0
    for _ in range(sub_layers if reader.flag() else 1):
        reader.ue(_MAX_DPB, "sps_max_dec_pic_buffering_minus1")
        reorder = reader.ue(_MAX_DPB, "sps_max_num_reorder_pics")
        reader.ue(2**32 - 2, "sps_max_latency_increase_plus1")
    return reorder


def _behind_ordering(reader: BitReader, poc_bits: int) -> tuple[int | None, bool]:
    """From the block sizes to the VUI's timing: ticks of a picture, or None, and whether it is a field."""
    for name in ("min_coding", "diff_coding", "min_transform", "diff_transform", "depth_inter", "depth_intra"):
        reader.ue(6, name)
    if reader.flag() and reader.flag():
        _scaling_lists(reader)
    reader.bits(2)  # amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if reader.flag():
        reader.bits(8)  # two PCM depths of four bits
        reader.ue(6, "log2_min_pcm_luma_coding_block_size_minus3")
        reader.ue(6, "log2_diff_max_min_pcm_luma_coding_block_size")
        reader.flag()
    _short_term_sets(reader)
    if reader.flag():
        for _ in range(reader.ue(32, "num_long_term_ref_pics_sps")):
            reader.bits(poc_bits)
            reader.flag()
    reader.bits(2)  # sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
    return _vui_timing(reader) if reader.flag() else (None, False)


def _scaling_lists(reader: BitReader) -> None:
    """Section 7.3.4."""
    for size in range(4):
        for matrix in range(0, 6, 3 if size == 3 else 1):
            if not reader.flag():
                reader.ue(matrix, "scaling_list_pred_matrix_id_delta")
                continue
            if size > 1:
                reader.se("scaling_list_dc_coef_minus8")
            for _ in range(min(64, 1 << (4 + (size << 1)))):
                reader.se("scaling_list_delta_coef")


def _short_term_sets(reader: BitReader) -> None:
    """Section 7.3.7, with inter prediction: a set's length is told by the one before it."""
    deltas = 0
    for index in range(reader.ue(_MAX_SHORT_TERM_SETS, "num_short_term_ref_pic_sets")):
        if index and reader.flag():
            reader.flag()  # delta_rps_sign
            reader.ue(2**15 - 1, "abs_delta_rps_minus1")
            kept = 0
            for _ in range(deltas + 1):
                used = reader.flag()
                kept += used or reader.flag()  # use_delta_flag
            deltas = kept
        else:
            negative = reader.ue(_MAX_DPB, "num_negative_pics")
            deltas = negative + reader.ue(_MAX_DPB - negative, "num_positive_pics")
            for _ in range(deltas):
                reader.ue(2**15 - 1, "delta_poc_minus1")
                reader.flag()
        if deltas > _MAX_DPB:
            raise SpsInvalid(reason=f"{deltas} reference pictures")


def _vui_timing(reader: BitReader) -> tuple[int | None, bool]:
    """Annex E.2.1 up to vui_timing_info: ticks of a picture, or None, and field_seq_flag."""
    if reader.flag() and reader.bits(8) == _EXTENDED_SAR:
        reader.bits(32)
    if reader.flag():
        reader.flag()  # overscan_appropriate_flag
    if reader.flag():
        reader.bits(4)  # video_format, video_full_range_flag
        if reader.flag():
            reader.bits(24)
    if reader.flag():
        reader.ue(5, "chroma_sample_loc_type_top_field")
        reader.ue(5, "chroma_sample_loc_type_bottom_field")
    reader.flag()  # neutral_chroma_indication_flag
    fields = reader.flag()
    reader.flag()  # frame_field_info_present_flag
    if reader.flag():
        for _ in range(4):
            reader.ue(MAX_SIDE, "def_disp_win_offset")
    if not reader.flag():
        return None, fields
    units, scale = reader.bits(32), reader.bits(32)
    ticks = units * 90_000 // scale if scale else 0
    return ticks if 0 < ticks <= _MAX_TICKS else None, fields
