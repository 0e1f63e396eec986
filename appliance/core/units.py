"""Units every package agrees on. A name ends in its unit: `_us` microseconds, `_ticks` 1/90 000 s."""

from typing import Final

TICKS_PER_SECOND: Final = 90_000
"""Media timescale: the RTP clock of H.264 and H.265 (RFC 6184 section 8.2.1, RFC 7798 section 7.1)."""

US_PER_SECOND: Final = 1_000_000

BLOCK: Final = 4096
"""Bytes. Every write to a recording disk is whole blocks at block offsets: O_DIRECT asks for it, and a
block that is written whole is never read first."""


def us_to_ticks(us: int) -> int:
    """Microseconds to 90 kHz ticks, rounded down (11.1 us a tick)."""
    return us * 9 // 100


def ticks_to_us(ticks: int) -> int:
    """90 kHz ticks to microseconds, rounded down."""
    return ticks * 100 // 9


def round_up_to_block(size: int) -> int:
    """The smallest multiple of BLOCK that holds `size` bytes."""
    return -(-size // BLOCK) * BLOCK
