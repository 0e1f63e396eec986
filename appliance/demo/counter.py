"""The frame counter of a simulated camera: how it travels, and how a test reads it back.

Every picture carries one number twice:

* in an SEI message *user data unregistered* (ISO/IEC 14496-10 section D.1.7) of our own UUID: counter and UTC
  of the exposure as hexadecimal text, so that no emulation prevention byte can ever be needed and the
  message has one length for ever;
* burnt into the picture (see `strip`): decimal digits for people and a code of black and white blocks for
  programs, at the bottom of the picture.

The counter starts at 0 with the camera, counts exposures (also those that nobody received) and never repeats.

Geometry of the block code, in units of a macroblock (16 pixels of the *coded* picture, W x H pixels):
the code lies in the macroblock row `ceil(H / 16) - 3` (0-based; with H = 360 the picture has 22.5 rows and the
code is in row 20, with H = 720 in row 42); its upper half (8 pixels) is line 0, its lower half line 1. A line has
28 blocks, each `k = (W // 16) // 28` macroblocks wide, starting at x = 0: block 0 is black, block 1 white,
blocks 2-27 carry 26 bits, most significant first, white = 1. In every macroblock the last 4 of 16 columns are
always black. The 52 bits are: counter modulo 2**32 (32 bits), stream tag (8), CRC (12: the low bits of
CRC-CCITT over the five bytes before). Readers scale: nothing depends on the size at which the picture is shown.
"""

import binascii
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SEI_UUID = bytes.fromhex("d15ec0de7e4d4f1ab2c35a96e8f07b61")
"""Names our user data; holds no zero byte."""

TEXT_LENGTH = 34
"""Characters of the SEI's text: 16 hex digits of counter, 16 of UTC in us, 2 of the stream tag."""

STRIP_ROWS = 3
"""Macroblock rows of the burnt-in strip: the block code, then two of digits."""

BLOCKS = 28
"""Blocks in each of the two lines of the code: black, white, 26 bits."""

MIN_WIDTH = 16 * BLOCKS
"""Narrowest picture, in pixels, that holds the code."""

_SEI_TYPE = 6
_USER_DATA_UNREGISTERED = 5


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a picture says of itself. `utc_us`: instant of the exposure; `tag`: names the stream within a run."""

    counter: int
    utc_us: int
    tag: int


@dataclass(frozen=True, slots=True)
class Burnt:
    """What was read from a picture: the counter modulo 2**32 and the stream tag."""

    counter: int
    tag: int


def stamp_text(stamp: Stamp) -> bytes:
    """The SEI's variable part, TEXT_LENGTH bytes of hexadecimal."""
    return b"%016x%016x%02x" % (stamp.counter, stamp.utc_us, stamp.tag)


def sei_nal(stamp: Stamp) -> bytes:
    """The whole SEI NAL unit, without start code; its text stands at SEI_TEXT_AT."""
    return _SEI_HEAD + stamp_text(stamp) + b"\x80"


def sei_nal_h265(stamp: Stamp) -> bytes:
    """The same as an H.265 prefix SEI (ITU-T H.265 section 7.3.2.4): another header, the same message."""
    return _PREFIX_SEI + sei_nal(stamp)[1:]


_PREFIX_SEI = b"\x4e\x01"
_SEI_HEAD = bytes((_SEI_TYPE, _USER_DATA_UNREGISTERED, len(SEI_UUID) + TEXT_LENGTH)) + SEI_UUID
SEI_TEXT_AT = len(_SEI_HEAD)
"""Offset of the text in the SEI NAL unit."""


def read_sei(nal: bytes | bytearray | memoryview) -> Stamp | None:
    """The stamp of a NAL unit (without start code), None when it is not our SEI."""
    data = bytes(nal)
    text = data[SEI_TEXT_AT : SEI_TEXT_AT + TEXT_LENGTH]
    if not data.startswith(_SEI_HEAD) or len(text) < TEXT_LENGTH:
        return None
    try:
        return Stamp(int(text[:16], 16), int(text[16:32], 16), int(text[32:], 16))
    except ValueError:
        return None


def find_stamp(data: bytes | bytearray | memoryview) -> Stamp | None:
    """The stamp anywhere in coded data (access unit, packet of a demuxer, either NAL framing)."""
    raw = bytes(data)
    at = raw.find(_SEI_HEAD[1:])  # behind the header, which is the codec's
    return None if at < 0 else read_sei(_SEI_HEAD[:1] + raw[at : at + SEI_TEXT_AT - 1 + TEXT_LENGTH])


def code_bits(counter: int, tag: int) -> str:
    """The 52 bits of the block code as text of '0' and '1'."""
    body = (counter & 0xFFFFFFFF).to_bytes(4, "big") + bytes((tag & 0xFF,))
    return f"{int.from_bytes(body, 'big'):040b}{binascii.crc_hqx(body, 0) & 0xFFF:012b}"


def code_macroblocks(width: int) -> int:
    """Macroblocks per block for a picture `width` pixels wide; 0 when the picture is too narrow."""
    return (width // 16) // BLOCKS


def read_burnt(luma: npt.NDArray[np.uint8], width: int, height: int) -> Burnt | None:
    """Read the block code from a picture shown at any size.

    `luma`: uint8, shape (rows, columns) of grey, or (rows, columns, 3 or 4) of RGB(A): the whole picture,
    without borders; `width`, `height`: pixels of the coded picture (not of `luma`). None when no valid code.
    """
    grey = luma.astype(np.float32) if luma.ndim == 2 else luma[..., :3].astype(np.float32).mean(axis=2)
    k = code_macroblocks(width)
    if k == 0:
        return None
    scale_y, scale_x = grey.shape[0] / height, grey.shape[1] / width
    bits = ""
    for line in (0, 1):
        top = ((-(-height // 16) - STRIP_ROWS) * 16 + 8 * line + 2) * scale_y
        bottom = top + 4 * scale_y
        row = grey[math.floor(top) : max(math.floor(top) + 1, math.ceil(bottom))].mean(axis=0)
        means = []
        for block in range(BLOCKS):
            left = (block * k * 16 + 2) * scale_x
            right = ((block + 1) * k * 16 - 6) * scale_x
            means.append(float(row[math.floor(left) : max(math.floor(left) + 1, math.ceil(right))].mean()))
        threshold = (means[0] + means[1]) / 2
        if means[1] - means[0] < _MIN_CONTRAST:
            return None
        bits += "".join("1" if mean > threshold else "0" for mean in means[2:])
    counter, tag = int(bits[:32], 2), int(bits[32:40], 2)
    return Burnt(counter, tag) if code_bits(counter, tag) == bits else None


_MIN_CONTRAST = 40.0
"""Grey levels between the black and the white mark: they are 208 apart as coded."""
