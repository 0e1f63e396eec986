"""The burnt-in counter, written live as the last slice of each picture.

Clips are coded without their lowest STRIP_ROWS macroblock rows. The camera completes each picture with one
more slice made of ready-made macroblocks (see `cavlc`): the block code of `counter`, and in digits the counter
and the UTC time of the exposure. So the number is truly in the picture, never repeats however often the clip
loops, costs some 30 us per picture, and everything remains an ordinary H.264 stream: the slice takes its
frame number and reference marking from the picture it completes, and switches deblocking off.

Limits: CAVLC, one slice group, no weighted prediction, POC type 0 or 2 (what `encode` makes). A motion vector that
points below the coded rows meets the strip instead of repeated edge pixels; `encode` keeps GUARD_ROWS of black
there, so that nothing moves across.
"""

from dataclasses import dataclass

from appliance.demo.bits import BitReader, escape, se, to_bytes, ue, unescape
from appliance.demo.cavlc import QP, Cells, cell_macroblock, first_macroblock, row_macroblock
from appliance.demo.clip import NAL_IDR, Clip
from appliance.demo.counter import BLOCKS, STRIP_ROWS, Stamp, code_bits, code_macroblocks
from appliance.demo.errors import ClipUnusable

_HEADER_BYTES = 64
"""Octets of a slice that surely hold its header."""

_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128}
"""profile_idc values whose SPS has chroma fields (section 7.3.2.1.1)."""

_FONT = {
    "0": "111 101 101 101 111", "1": "010 110 010 010 111", "2": "111 001 111 100 111", "3": "111 001 111 001 111",
    "4": "101 101 111 001 001", "5": "111 100 111 001 111", "6": "111 100 111 101 111", "7": "111 001 010 010 010",
    "8": "111 101 111 101 111", "9": "111 101 111 001 111", ":": "000 010 000 010 000", ".": "000 000 000 000 010",
    "Z": "111 001 010 100 111", " ": "000 000 000 000 000",
}  # fmt: skip
"""3 x 5 cells per character, row by row."""


@dataclass(frozen=True, slots=True)
class SetFields:
    """The fields of SPS and PPS that slice headers depend on."""

    frame_num_bits: int
    poc_type: int
    poc_lsb_bits: int
    default_references: int
    initial_qp: int
    width_macroblocks: int
    height_macroblocks: int


def _sps_head(reader: BitReader, clip: str) -> tuple[int, int, int]:
    """Read up to gaps_in_frame_num_allowed; (frame_num bits, POC type, POC lsb bits)."""
    reader.fixed(8)
    profile = reader.fixed(8)
    if profile in _HIGH_PROFILES:
        raise ClipUnusable(clip=clip, why=f"profil {profile}")
    reader.fixed(16)
    reader.ue()
    frame_num_bits = reader.ue() + 4
    poc_type = reader.ue()
    poc_lsb_bits = reader.ue() + 4 if poc_type == 0 else 0
    if poc_type == 1:
        raise ClipUnusable(clip=clip, why="POC type 1")
    reader.ue()
    reader.fixed(1)
    return frame_num_bits, poc_type, poc_lsb_bits


def set_fields(sps: bytes, pps: bytes, clip: str) -> SetFields:
    """Parse both sets (sections 7.3.2.1.1, 7.3.2.2). Raises ClipUnusable on what the strip cannot be added to."""
    reader = BitReader(unescape(sps))
    frame_num_bits, poc_type, poc_lsb_bits = _sps_head(reader, clip)
    width, height = reader.ue() + 1, reader.ue() + 1
    frame_only = reader.fixed(1)
    reader = BitReader(unescape(pps))
    reader.fixed(8)
    reader.ue()
    reader.ue()
    cabac, field_order, groups = reader.fixed(1), reader.fixed(1), reader.ue()
    references = reader.ue() + 1
    reader.ue()
    weighted = reader.fixed(3)
    initial_qp = 26 + reader.se()
    reader.se()
    reader.se()
    deblocking_control = reader.fixed(1)
    reader.fixed(1)
    redundant = reader.fixed(1)
    if cabac or field_order or groups or weighted or redundant or not deblocking_control or not frame_only:
        raise ClipUnusable(clip=clip, why="CABAC, groupes ou pondération")
    return SetFields(frame_num_bits, poc_type, poc_lsb_bits, references, initial_qp, width, height)


def sps_with_height(sps: bytes, height: int, clip: str) -> bytes:
    """The same SPS for a picture `height` pixels high: coded rows and cropping, all else untouched."""
    raw = unescape(sps)
    reader = BitReader(raw)
    _sps_head(reader, clip)
    reader.ue()  # width stays
    head = reader.since(0)
    reader.ue()
    before = reader.position
    reader.fixed(2)  # frame_mbs_only_flag, direct_8x8_inference_flag
    flags = reader.since(before)
    crop = [reader.ue() for _ in range(4)] if reader.fixed(1) else [0, 0, 0, 0]
    rows = -(-height // 16)
    crop[3] = (rows * 16 - height) // 2  # in units of two luma rows (4:2:0, frames)
    cropping = "1" + "".join(ue(value) for value in crop) if any(crop) else "0"
    return escape(to_bytes(head + ue(rows - 1) + flags + cropping + reader.rest()))


def strip_header(nal: bytes, fields: SetFields, first: int, clip: str) -> tuple[str, bool]:
    """The header bits for a strip slice of the picture of slice `nal`, and whether it is a P slice (section 7.3.3)."""
    reader = BitReader(unescape(nal[:_HEADER_BYTES]))
    reader.fixed(8)
    reader.ue()
    start = reader.position
    kind = reader.ue() % 5
    if kind not in {0, 2}:
        raise ClipUnusable(clip=clip, why="tranches B")
    reader.ue()
    reader.fixed(fields.frame_num_bits)
    idr = nal[0] & 31 == NAL_IDR
    if idr:
        reader.ue()
    reader.fixed(fields.poc_lsb_bits)
    if kind == 0:
        if reader.fixed(1):
            reader.ue()
        if reader.fixed(1):
            while reader.ue() != 3:
                reader.ue()
    if nal[0] & 0x60:
        _skip_marking(reader, idr)
    return ue(first) + reader.since(start) + se(QP - fields.initial_qp) + ue(1), kind == 0


def _skip_marking(reader: BitReader, idr: bool) -> None:
    if idr:
        reader.fixed(2)
    elif reader.fixed(1):
        while (operation := reader.ue()) != 0:
            reader.ue()
            if operation == 3:
                reader.ue()


class _Type:
    """The ready-made macroblocks for one kind of slice."""

    def __init__(self, width: int, *, p_slice: bool) -> None:
        def made(cells: Cells) -> str:
            return cell_macroblock(cells, p_slice=p_slice)

        def bar(top: str, bottom: str) -> Cells:
            lines = [(int(bit),) * 3 + (0,) for bit in (top, bottom)]
            return (lines[0], lines[0], lines[1], lines[1])

        blank = (0, 0, 0, 0)
        self.black = made((blank,) * 4)
        self.first = first_macroblock(p_slice=p_slice)
        self.left = row_macroblock(p_slice=p_slice)
        self.bars = {top + bottom: made(bar(top, bottom)) for top in "01" for bottom in "01"}
        self.glyphs: dict[str, tuple[str, str]] = {}
        for character, text in _FONT.items():
            rows = [(*(int(bit) for bit in row), 0) for row in text.split()]
            self.glyphs[character] = made((blank, *rows[:3])), made((*rows[3:], blank, blank))
        self.width = width


class StripWriter:
    """Writes the last slice of each picture of one clip."""

    def __init__(self, clip: Clip) -> None:
        fields = set_fields(clip.sps, clip.pps, clip.name)
        self._width = fields.width_macroblocks
        self._repeat = code_macroblocks(self._width * 16)
        first = self._width * (fields.height_macroblocks - STRIP_ROWS)
        self._headers = [
            (frame.slices[0][0], *strip_header(frame.slices[0], fields, first, clip.name)) for frame in clip.frames
        ]
        self._types = {p: _Type(self._width, p_slice=p) for p in (False, True)}
        if self._repeat == 0:
            raise ClipUnusable(clip=clip.name, why=f"largeur {clip.width}")

    def nal(self, index: int, stamp: Stamp) -> bytes:
        """The slice NAL unit that completes picture `index` of the clip."""
        head, header, p_slice = self._headers[index]
        made = self._types[p_slice]
        bits = code_bits(stamp.counter, stamp.tag)
        half = BLOCKS - 2
        columns = ["00", "11", *(bits[i] + bits[half + i] for i in range(half))]
        bars = made.bars
        repeat, width, black = self._repeat, self._width, made.black
        code = [bars[column] * repeat for column in columns]
        code[0] = made.first + black * (repeat - 1)
        text = self._text(stamp)
        fill = black * (width - 1 - len(text))
        glyphs = made.glyphs
        rows = [
            *code,
            black * (width - repeat * BLOCKS),
            made.left,
            *(glyphs[character][0] for character in text),
            fill,
            made.left,
            *(glyphs[character][1] for character in text),
            fill,
        ]
        return escape(bytes((head,)) + to_bytes(header + "".join(rows)))

    def _text(self, stamp: Stamp) -> str:
        minutes, second = divmod(stamp.utc_us // 1_000_000 % 86_400, 60)
        hour, minute = divmod(minutes, 60)
        tenth = stamp.utc_us % 1_000_000 // 100_000
        return f"{stamp.counter:010d} {hour:02d}:{minute:02d}:{second:02d}.{tenth}Z"[: self._width - 1]
