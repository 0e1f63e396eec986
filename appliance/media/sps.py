"""The H.264 sequence parameter set, parsed whole by ISO/IEC 14496-10 section 7.3.2.1.1 and Annex E.

Whole, because cameras differ in every optional field: nothing is found by offset. Input is hostile: every read
is bounded and every value checked; only SpsInvalid is ever raised.
"""

from dataclasses import dataclass
from typing import Final

from appliance.media.input_errors import SpsInvalid
from appliance.media.nal import SPS, unescape

MAX_SPS_BYTES: Final = 1024
"""Bytes. With all scaling lists and both HRDs an SPS stays under 700; longer is not a parameter set."""

MAX_SIDE: Final = 16_384
"""Luma samples. The largest side level 6.2 allows (sqrt(8 x 139 264 macroblocks) x 16 = 16 880)."""

_HIGH_PROFILES: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""profile_idc values whose SPS carries chroma format and scaling lists (section 7.3.2.1.1)."""

_BASELINE: Final = 66
_EXTENDED_SAR: Final = 255
_MAX_FRAMES_IN_DPB: Final = 16


@dataclass(frozen=True, slots=True)
class Sps:
    """What a recorder needs of a sequence parameter set.

    `width`, `height`: luma samples after cropping. `max_reorder_frames`: pictures that may precede one in
    decoding order and follow it in output order; 0 where the profile or POC type 2 excludes reordering, None
    when the set does not say. `frame_ticks`: 90 kHz ticks of a frame by the VUI timing, or None.
    `vui_complete`: False when the VUI broke off (seen in cameras); the geometry before it stands.
    """

    profile: int
    constraints: int
    level: int
    identifier: int
    width: int
    height: int
    frames_only: bool
    poc_type: int
    reference_frames: int
    max_reorder_frames: int | None
    frame_ticks: int | None
    vui_complete: bool

    @property
    def rfc6381(self) -> str:
        """The `codecs` parameter of RFC 6381 section 3.3: avc1.PPCCLL."""
        return f"avc1.{self.profile:02x}{self.constraints:02x}{self.level:02x}"


class BitReader:
    """Reads bits from the most significant side; raises SpsInvalid past the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def bits(self, count: int) -> int:
        """Unsigned u(n) of section 7.2."""
        self._left -= count
        if self._left < 0:
            raise SpsInvalid(reason="it ends too early")
        return (self._value >> self._left) & ((1 << count) - 1)

    def flag(self) -> bool:
        """One bit as a flag."""
        return self.bits(1) == 1

    def ue(self, limit: int, name: str) -> int:
        """Exp-Golomb code of section 9.1, at most `limit`."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > 31:
                raise SpsInvalid(reason=f"{name} is no number")
        value = (1 << zeros) - 1 + self.bits(zeros)
        if value > limit:
            raise SpsInvalid(reason=f"{name} is {value}, more than {limit}")
        return value

    def se(self, name: str) -> int:
        """Signed Exp-Golomb code of section 9.1.1."""
        code = self.ue(2**32 - 2, name)
        return (code + 1) // 2 if code & 1 else -(code // 2)


@dataclass(slots=True)
class _Vui:
    reorder: int | None = None
    frame_ticks: int | None = None


def parse_sps(nal: bytes) -> Sps:
    """Parse a sequence parameter set without start code; raises SpsInvalid with the reason."""
    if not 4 <= len(nal) <= MAX_SPS_BYTES:
        raise SpsInvalid(reason=f"{len(nal)} bytes long")
    if nal[0] & 0x9F != SPS:
        raise SpsInvalid(reason=f"its first byte is {nal[0]:#04x}")
    reader = BitReader(unescape(nal)[1:])
    profile, constraints, level = reader.bits(8), reader.bits(8), reader.bits(8)
    identifier = reader.ue(31, "seq_parameter_set_id")
    chroma, separate = 1, False
    if profile in _HIGH_PROFILES:
        chroma, separate = _chroma_and_scaling(reader)
    reader.ue(12, "log2_max_frame_num_minus4")
    poc_type = _picture_order(reader)
    references = reader.ue(_MAX_FRAMES_IN_DPB, "max_num_ref_frames")
    reader.flag()  # gaps_in_frame_num_value_allowed_flag
    width, height, frames_only = _geometry(reader, 0 if separate else chroma)
    vui, complete = _Vui(), True
    if reader.flag():
        try:
            _vui(reader, vui)
        except SpsInvalid:
            complete = False
    reorder = 0 if profile == _BASELINE or poc_type == 2 else vui.reorder
    return Sps(
        profile, constraints, level, identifier, width, height, frames_only, poc_type, references, reorder,
        vui.frame_ticks, complete,
    )  # fmt: skip


def _chroma_and_scaling(reader: BitReader) -> tuple[int, bool]:
    chroma = reader.ue(3, "chroma_format_idc")
    separate = reader.flag() if chroma == 3 else False
    reader.ue(6, "bit_depth_luma_minus8")
    reader.ue(6, "bit_depth_chroma_minus8")
    reader.flag()  # qpprime_y_zero_transform_bypass_flag
    if reader.flag():
        for index in range(8 if chroma != 3 else 12):
            if reader.flag():
                _scaling_list(reader, 16 if index < 6 else 64)
    return chroma, separate


def _scaling_list(reader: BitReader, size: int) -> None:
    """Section 7.3.2.1.1.1."""
    last, following = 8, 8
    for _ in range(size):
        if following:
            delta = reader.se("delta_scale")
            if not -128 <= delta <= 127:
                raise SpsInvalid(reason=f"delta_scale is {delta}")
            following = (last + delta) % 256
        last = following or last


def _picture_order(reader: BitReader) -> int:
    poc_type = reader.ue(2, "pic_order_cnt_type")
    if poc_type == 0:
        reader.ue(12, "log2_max_pic_order_cnt_lsb_minus4")
    elif poc_type == 1:
        reader.flag()
        reader.se("offset_for_non_ref_pic")
        reader.se("offset_for_top_to_bottom_field")
        for _ in range(reader.ue(255, "num_ref_frames_in_pic_order_cnt_cycle")):
            reader.se("offset_for_ref_frame")
    return poc_type


def _geometry(reader: BitReader, chroma_array: int) -> tuple[int, int, bool]:
    """Width and height after cropping (equations 7-13 to 7-22), and frame_mbs_only_flag."""
    width = 16 * (reader.ue(MAX_SIDE // 16 - 1, "pic_width_in_mbs_minus1") + 1)
    map_units = reader.ue(MAX_SIDE // 16 - 1, "pic_height_in_map_units_minus1") + 1
    frames_only = reader.flag()
    height = 16 * map_units * (1 if frames_only else 2)
    if not frames_only:
        reader.flag()  # mb_adaptive_frame_field_flag
    reader.flag()  # direct_8x8_inference_flag
    if reader.flag():
        unit_x = 2 if chroma_array in {1, 2} else 1
        unit_y = (2 if chroma_array == 1 else 1) * (1 if frames_only else 2)
        left, right, top, bottom = (reader.ue(MAX_SIDE, "frame_crop_offset") for _ in range(4))
        width -= unit_x * (left + right)
        height -= unit_y * (top + bottom)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise SpsInvalid(reason=f"a picture of {width} x {height}")
    return width, height, frames_only


def _vui(reader: BitReader, vui: _Vui) -> None:
    """Annex E.1.1. Fills `vui` as it goes, so that what came before a break stands."""
    if reader.flag() and reader.bits(8) == _EXTENDED_SAR:
        reader.bits(32)
    if reader.flag():
        reader.flag()  # overscan_appropriate_flag
    if reader.flag():
        reader.bits(4)  # video_format, video_full_range_flag
        if reader.flag():
            reader.bits(24)  # colour_primaries, transfer_characteristics, matrix_coefficients
    if reader.flag():
        reader.ue(5, "chroma_sample_loc_type_top_field")
        reader.ue(5, "chroma_sample_loc_type_bottom_field")
    if reader.flag():
        units, scale = reader.bits(32), reader.bits(32)
        reader.flag()  # fixed_frame_rate_flag
        if units and scale:
            ticks = 2 * units * 90_000 // scale  # a frame is two field periods (equation E-74)
            vui.frame_ticks = ticks if 0 < ticks <= 90_000 * 10 else None
    nal_hrd = reader.flag()
    if nal_hrd:
        _hrd(reader)
    vcl_hrd = reader.flag()
    if vcl_hrd:
        _hrd(reader)
    if nal_hrd or vcl_hrd:
        reader.flag()  # low_delay_hrd_flag
    reader.flag()  # pic_struct_present_flag
    if reader.flag():
        reader.flag()  # motion_vectors_over_pic_boundaries_flag
        reader.ue(16, "max_bytes_per_pic_denom")
        reader.ue(16, "max_bits_per_mb_denom")
        reader.ue(16, "log2_max_mv_length_horizontal")
        reader.ue(16, "log2_max_mv_length_vertical")
        vui.reorder = reader.ue(_MAX_FRAMES_IN_DPB, "max_num_reorder_frames")
        reader.ue(_MAX_FRAMES_IN_DPB, "max_dec_frame_buffering")


def _hrd(reader: BitReader) -> None:
    """Annex E.1.2."""
    count = reader.ue(31, "cpb_cnt_minus1") + 1
    reader.bits(8)  # bit_rate_scale, cpb_size_scale
    for _ in range(count):
        reader.ue(2**32 - 2, "bit_rate_value_minus1")
        reader.ue(2**32 - 2, "cpb_size_value_minus1")
        reader.flag()
    reader.bits(20)  # four lengths of five bits
