"""`nvr-holds`: the list of kept sequences on each disk, so that the loss of any disk or database loses none.

Two slots of SLOT bytes, written in turn: a line of JSON `{"count":n,"holds":[...]}`, its CRC-32 in hex on the second
line, spaces to the next block. Of the slots whose CRC holds, the one with the higher count is believed: a power cut
while one is written leaves the other. Beside it each protected chunk's header names its hold as it was when the chunk
was opened; the newest revision of all counts (protect.newest).
"""

import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from appliance.core.units import round_up_to_block
from appliance.ring.protect.policy import Hold, hold_of

HOLDS: Final = "nvr-holds"

SLOT: Final = 2 << 20
"""Bytes: 1024 holds of 1 kB as a rule, each with twice the usual words."""


def encode_list(count: int, holds: Iterable[Hold]) -> bytes:
    """Whole blocks, SLOT bytes at most (the caller bounds the number of holds)."""
    plain = {"count": count, "holds": [hold.plain() for hold in holds]}
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()
    line = text + b"\n%08x\n" % zlib.crc32(text)
    return line.ljust(round_up_to_block(len(line)), b" ")


def slot_offset(count: int) -> int:
    """Where the list with this count lies."""
    return count % 2 * SLOT


def decode_slot(slot: bytes) -> tuple[int, list[Hold]] | None:
    """(count, holds) of one slot; None when it holds no list or its CRC does not hold."""
    text, _, rest = slot.partition(b"\n")
    if rest[:8] != b"%08x" % zlib.crc32(text):
        return None
    try:
        plain = json.loads(text)
        return int(plain["count"]), [hold_of(hold) for hold in plain["holds"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def read_list(path: Path) -> tuple[int, list[Hold]]:
    """The newest list of a disk's `nvr-holds`; (0, []) when none can be read. Blocks. Raises OSError."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return 0, []
    slots = [decode_slot(data[at : at + SLOT]) for at in (0, SLOT)]
    return max((slot for slot in slots if slot is not None), key=lambda slot: slot[0], default=(0, []))


def make_list(path: Path) -> None:
    """Make the file with both slots written, so that later writes change no extents. Blocks. Raises OSError."""
    if path.exists() and path.stat().st_size == 2 * SLOT:
        return
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(b" " * (2 * SLOT))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
