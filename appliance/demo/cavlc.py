"""Just enough CAVLC to write flat blocks of black and white (ISO/IEC 14496-10 sections 7.3.5, 8.5.10, 9.2).

Only Intra_16x16 macroblocks without AC coefficients are written: the sixteen luma DC values of a macroblock are
a 4x4 picture of their own, so a macroblock is 4x4 cells of 4x4 pixels, each black or white. With all AC and
chroma coefficients absent every neighbour counts zero coefficients (nC = 0), so a macroblock's bits depend on
nothing but its cells, and every possible one can be made once and joined like type.

The arithmetic is exact. At QP 50 a DC level equal to the Hadamard transform of the 0/1 cell picture reconstructs
white cells at prediction + 208 and black cells at the prediction, without rounding error; a flat level of -8
takes the mid-grey prediction 128 of a slice's first macroblock to BLACK = 24.
"""

from collections.abc import Sequence

from appliance.demo.bits import ue

QP = 50
BLACK = 24
WHITE = 232

Cells = tuple[tuple[int, ...], ...]
"""4 rows of 4 cells, 1 = white. The last column must be black: the macroblock to the right is predicted from it."""

_FLAT_FIRST = -8  # level of the DC of the DCs: 128 - 104 = BLACK

_PREDICT_VERTICAL, _PREDICT_HORIZONTAL, _PREDICT_DC = 0, 1, 2

_ZIGZAG = (
    (0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2),
    (2, 1), (3, 0), (3, 1), (2, 2), (1, 3), (2, 3), (3, 2), (3, 3),
)  # fmt: skip
"""(row, column) in frame scan order (figure 8-8)."""

# table 9-5, column 0 <= nC < 2: by total_coeff, then by trailing ones
_COEFF_TOKEN = (
    ("1",),
    ("000101", "01"),
    ("00000111", "000100", "001"),
    ("000000111", "00000110", "0000101", "00011"),
    ("0000000111", "000000110", "00000101", "000011"),
    ("00000000111", "0000000110", "000000101", "0000100"),
    ("0000000001111", "00000000110", "0000000101", "00000100"),
    ("0000000001011", "0000000001110", "00000000101", "000000100"),
    ("0000000001000", "0000000001010", "0000000001101", "0000000100"),
    ("00000000001111", "00000000001110", "0000000001001", "00000000100"),
    ("00000000001011", "00000000001010", "00000000001101", "0000000001100"),
    ("000000000001111", "000000000001110", "00000000001001", "00000000001100"),
    ("000000000001011", "000000000001010", "000000000001101", "00000000001000"),
    ("0000000000001111", "000000000000001", "000000000001001", "000000000001100"),
    ("0000000000001011", "0000000000001110", "0000000000001101", "000000000001000"),
    ("0000000000000111", "0000000000001010", "0000000000001001", "0000000000001100"),
    ("0000000000000100", "0000000000000110", "0000000000000101", "0000000000001000"),
)

# tables 9-7 and 9-8: by total_coeff - 1, then by total_zeros
_TOTAL_ZEROS = tuple(
    tuple(row.split())
    for row in (
        "1 011 010 0011 0010 00011 00010 000011 000010 0000011 0000010 00000011 00000010 000000011 000000010 000000001",
        "111 110 101 100 011 0101 0100 0011 0010 00011 00010 000011 000010 000001 000000",
        "0101 111 110 101 0100 0011 100 011 0010 00011 00010 000001 00001 000000",
        "00011 111 0101 0100 110 101 100 0011 011 0010 00010 00001 00000",
        "0101 0100 0011 111 110 101 100 011 0010 00001 0001 00000",
        "000001 00001 111 110 101 100 011 010 0001 001 000000",
        "000001 00001 101 100 011 11 010 0001 001 000000",
        "000001 0001 00001 011 11 10 010 001 000000",
        "000001 000000 0001 11 10 001 01 00001",
        "00001 00000 001 11 10 01 0001",
        "0000 0001 001 010 1 011",
        "0000 0001 01 1 001",
        "000 001 1 01",
        "00 01 1",
        "0 1",
    )
)

# table 9-10: by min(zeros_left, 7) - 1, then by run_before
_RUN_BEFORE = tuple(
    tuple(row.split())
    for row in (
        "1 0",
        "1 01 00",
        "11 10 01 00",
        "11 10 01 001 000",
        "11 10 011 010 001 000",
        "11 000 001 011 010 101 100",
        "111 110 101 100 011 010 001 0001 00001 000001 0000001 00000001 000000001 0000000001 00000000001",
    )
)

_HADAMARD = ((1, 1, 1, 1), (1, 1, -1, -1), (1, -1, -1, 1), (1, -1, 1, -1))


def levels_of(cells: Cells) -> list[int]:
    """The 16 DC levels, in scan order, that draw `cells`."""
    transform = [
        [sum(_HADAMARD[i][a] * cells[a][b] * _HADAMARD[b][j] for a in range(4) for b in range(4)) for j in range(4)]
        for i in range(4)
    ]
    return [transform[row][column] for row, column in _ZIGZAG]


def residual_block(levels: Sequence[int]) -> str:
    """The bits of residual_block_cavlc for up to 16 levels in scan order, with nC = 0 (section 9.2)."""
    places = [index for index, level in enumerate(levels) if level]
    if not places:
        return _COEFF_TOKEN[0][0]
    values = [levels[index] for index in reversed(places)]
    ones = 0
    while ones < min(3, len(values)) and abs(values[ones]) == 1:
        ones += 1
    bits = _COEFF_TOKEN[len(values)][ones] + "".join("1" if value < 0 else "0" for value in values[:ones])
    bits += _level_bits(values[ones:], len(values), ones)
    zeros = places[-1] + 1 - len(places)
    if len(values) < 16:
        bits += _TOTAL_ZEROS[len(values) - 1][zeros]
    for later, earlier in zip(reversed(places), reversed(places[:-1]), strict=False):
        if zeros == 0:
            break
        run = later - earlier - 1
        bits += _RUN_BEFORE[min(zeros, 7) - 1][run]
        zeros -= run
    return bits


def _level_bits(values: Sequence[int], total: int, ones: int) -> str:
    """level_prefix and level_suffix of the levels that are not trailing ones (section 9.2.2.1)."""
    length = 1 if total > 10 and ones < 3 else 0
    bits = ""
    for index, value in enumerate(values):
        code = 2 * abs(value) - (2 if value > 0 else 1)
        if index == 0 and ones < 3:
            code -= 2
        if length == 0 and code >= 14:
            prefix, suffix, width = (14, code - 14, 4) if code < 30 else (15, code - 30, 12)
        elif code < 15 << length:
            prefix, suffix, width = code >> length, code & ((1 << length) - 1), length
        else:
            prefix, suffix, width = 15, code - (15 << length), 12
        bits += "0" * prefix + "1" + (format(suffix, f"0{width}b") if width else "")
        length = max(length, 1)
        if abs(value) > 3 << (length - 1) and length < 6:
            length += 1
    return bits


def _macroblock(prediction: int, levels: Sequence[int], p_slice: bool) -> str:
    # mb_type: Intra_16x16 without AC and chroma; in a P slice behind mb_skip_run 0 and the five P types (table 7-13)
    kind = "1" + ue(5 + 1 + prediction) if p_slice else ue(1 + prediction)
    return kind + "1" + "1" + residual_block(levels)  # intra_chroma_pred_mode DC, mb_qp_delta 0


def cell_macroblock(cells: Cells, *, p_slice: bool) -> str:
    """A macroblock of `cells`, to stand right of one whose last column is black."""
    assert all(row[3] == 0 for row in cells)
    return _macroblock(_PREDICT_HORIZONTAL, levels_of(cells), p_slice)


def first_macroblock(*, p_slice: bool) -> str:
    """The slice's first macroblock, black out of the mid-grey that nothing predicts."""
    return _macroblock(_PREDICT_DC, [_FLAT_FIRST] + [0] * 15, p_slice)


def row_macroblock(*, p_slice: bool) -> str:
    """A black macroblock at the left edge, below a black one."""
    return _macroblock(_PREDICT_VERTICAL, [0] * 16, p_slice)
