"""Bits of an H.264 bitstream: reading and writing fixed and Exp-Golomb fields (ISO/IEC 14496-10 sections 7.2, 9.1).

The writer builds text of '0' and '1': the demo writes a few hundred bits per picture from ready-made pieces,
and joining text and converting once is the cheapest way Python has.
"""

import re

_ESCAPED = re.compile(rb"\x00\x00\x03")


def unescape(nal: bytes) -> bytes:
    """Remove emulation prevention bytes (section 7.4.1): NAL unit to header byte + RBSP."""
    return _ESCAPED.sub(b"\x00\x00", nal)


def escape(rbsp: bytes) -> bytes:
    """Insert emulation prevention bytes: header byte + RBSP to NAL unit."""
    if b"\x00\x00" not in rbsp:
        return rbsp
    out = bytearray()
    zeros = 0
    for byte in rbsp:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def fixed(value: int, length: int) -> str:
    """Fixed length, u(length): `value` as `length` bits, "" for length 0."""
    return format(value, f"0{length}b") if length else ""


def ue(value: int) -> str:
    """An unsigned Exp-Golomb code."""
    code = format(value + 1, "b")
    return "0" * (len(code) - 1) + code


def se(value: int) -> str:
    """A signed Exp-Golomb code."""
    return ue(2 * value - 1 if value > 0 else -2 * value)


def to_bytes(bits: str) -> bytes:
    """Bits with the RBSP stop bit and alignment zeros appended (section 7.3.2.11)."""
    bits += "1"
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


class BitReader:
    """Reads an RBSP from its first bit; IndexError past its end."""

    def __init__(self, data: bytes) -> None:
        self._bits = format(int.from_bytes(b"\x01" + data, "big"), "b")[1:]
        self.position = 0

    def fixed(self, length: int) -> int:
        """u(length)."""
        if length == 0:
            return 0
        text = self._bits[self.position : self.position + length]
        if len(text) < length:
            raise IndexError("RBSP too short")
        self.position += length
        return int(text, 2)

    def ue(self) -> int:
        """Unsigned Exp-Golomb."""
        one = self._bits.index("1", self.position) if "1" in self._bits[self.position :] else -1
        if one < 0:
            raise IndexError("RBSP too short")
        zeros = one - self.position
        self.position = one
        return self.fixed(zeros + 1) - 1

    def se(self) -> int:
        """Signed Exp-Golomb."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def since(self, start: int) -> str:
        """The bits read since position `start`."""
        return self._bits[start : self.position]

    def rest(self) -> str:
        """All bits not yet read, trailing bits (stop bit and zeros) cut off."""
        return self._bits[self.position :].rstrip("0")[:-1]
