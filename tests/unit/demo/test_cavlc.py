"""Every macroblock the strip can be made of, decoded by FFmpeg and compared pixel by pixel."""

import itertools

import av
import numpy as np
import pytest

from appliance.demo.bits import escape, se, to_bytes, ue
from appliance.demo.cavlc import BLACK, QP, WHITE, Cells, cell_macroblock, first_macroblock, row_macroblock

COLUMNS = 65  # one black macroblock, then 64 patterns


def all_cells() -> list[Cells]:
    """All 4096 pictures of 4 x 4 cells whose last column is black."""
    return [
        tuple((*(value >> (3 * row + column) & 1 for column in range(3)), 0) for row in range(4))
        for value in range(4096)
    ]


def stream_of(rows: list[str]) -> bytes:
    """An Annex B stream of one IDR picture: sets written here field by field (sections 7.3.2.1, 7.3.2.2, 7.3.3)."""
    sps = "01000010" + "00000000" + "00101000" + ue(0) + ue(0) + ue(2) + ue(1) + "0"
    sps += ue(COLUMNS - 1) + ue(len(rows) - 1) + "1" + "1" + "0" + "0"
    pps = ue(0) + ue(0) + "0" + "0" + ue(0) + ue(0) + ue(0) + "0" + "00" + se(0) + se(0) + se(0) + "1" + "0" + "0"
    header = ue(0) + ue(7) + ue(0) + "0000" + ue(0) + "00" + se(QP - 26) + ue(1)
    nals = [
        b"\x67" + to_bytes(sps),
        b"\x68" + to_bytes(pps),
        b"\x65" + to_bytes(header + "".join(rows)),
    ]
    return b"".join(b"\x00\x00\x00\x01" + escape(nal) for nal in nals)


def test_all_cell_pictures_decode_exactly() -> None:
    cells = all_cells()
    rows = []
    for index in range(64):
        start = row_macroblock(p_slice=False) if index else first_macroblock(p_slice=False)
        row = cells[64 * index : 64 * index + 64]
        rows.append(start + "".join(cell_macroblock(one, p_slice=False) for one in row))
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    frames = [*decoder.decode(av.Packet(stream_of(rows))), *decoder.decode(None)]
    assert len(frames) == 1
    luma = np.frombuffer(bytes(frames[0].planes[0]), np.uint8).reshape(-1, frames[0].planes[0].line_size)
    wanted = np.zeros((64 * 16, COLUMNS * 16), np.uint8)
    for index, one in enumerate(cells):
        y, x = index // 64 * 16, (index % 64 + 1) * 16
        wanted[y : y + 16, x : x + 16] = np.kron(np.array(one, np.uint8), np.ones((4, 4), np.uint8))
    assert np.array_equal(luma[:, : COLUMNS * 16], np.where(wanted == 1, WHITE, BLACK))
    chroma = np.frombuffer(bytes(frames[0].planes[1]), np.uint8)
    assert set(chroma.tolist()) <= {128, 0}  # 0: padding of the plane's lines
    assert frames[0].is_corrupt == 0


def test_a_white_last_column_is_refused() -> None:
    with pytest.raises(AssertionError):
        cell_macroblock(((1, 1, 1, 1),) * 4, p_slice=False)


def test_codes_of_a_table_are_prefix_free() -> None:
    from appliance.demo.cavlc import _COEFF_TOKEN, _RUN_BEFORE, _TOTAL_ZEROS

    for codes in (list(itertools.chain.from_iterable(_COEFF_TOKEN)), *map(list, _TOTAL_ZEROS), *map(list, _RUN_BEFORE)):
        for one, other in itertools.permutations(codes, 2):
            assert not other.startswith(one)
