"""Pictures that carry their number, for cameras without number: cut once, numbered when sent, known again when stored.

A picture is a slice of the right size with random contents behind real parameter sets: what a recorder does with it
does not depend on its contents. Its number stands behind the slice header's first byte; all its other bytes are known,
so that a stored picture is either exactly what was sent under its number, or altered.
"""

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from appliance.demo.packet import PacketBlock, block_of, payload_at, payloads_of
from appliance.media.part import ParsedPart

SPS: Final = bytes.fromhex("674d4028da01e0089f961000000300100000030320f1832a")
PPS: Final = bytes.fromhex("68ef0fc8")
DIGITS: Final = 5
"""Bytes of a number: seven bits each, the eighth set, so that no start code can come of it. 43 years at 25 a second."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a stream sends: pictures a second, bytes a second, seconds between keyframes."""

    fps: int
    bytes_per_second: int
    gop_s: int = 2


KINDS: Final = {"main": Kind(25, 500_000), "sub": Kind(10, 50_000)}
"""4 Mbit/s at 25 pictures a second and 0.4 Mbit/s at 10."""


def digits(number: int) -> bytes:
    """A number as it stands in a picture."""
    return bytes(0x80 | number >> 7 * place & 0x7F for place in range(DIGITS))


@dataclass(frozen=True, slots=True)
class _Picture:
    block: PacketBlock
    in_block: int  # offsets of the number
    unit: bytes  # as it is stored, behind four bytes of length each
    in_unit: int


class NumberedPictures:
    """The pictures of one kind of stream, a group of pictures again and again; `name` seeds their contents."""

    def __init__(self, name: str, kind: Kind) -> None:
        self.kind = kind
        count = kind.fps * kind.gop_s
        size = kind.bytes_per_second * kind.gop_s
        source = random.Random(name)
        sizes = [size // 6, *[(size - size // 6) // (count - 1)] * (count - 1)]  # a sixth of the bytes in the keyframe
        self._pictures = [_picture(source, index, length) for index, length in enumerate(sizes)]

    def __len__(self) -> int:
        return len(self._pictures)

    def block(self, number: int) -> PacketBlock:
        """The packets of picture `number`: the same object again after a group of pictures."""
        picture = self._pictures[number % len(self._pictures)]
        picture.block.data[picture.in_block : picture.in_block + DIGITS] = digits(number)
        return picture.block

    def number_of(self, unit: bytes | memoryview) -> int | None:
        """The number of a stored picture, None when one of its bytes is not as it was sent."""
        view = memoryview(unit)
        for picture in (self._pictures[0], self._pictures[1]):
            raw = view[picture.in_unit : picture.in_unit + DIGITS]
            if len(raw) < DIGITS or not all(byte & 0x80 for byte in raw):
                continue
            number = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(raw))
            known = self._pictures[number % len(self._pictures)]
            behind = known.in_unit + DIGITS
            if (
                known.in_unit == picture.in_unit
                and view[: known.in_unit] == known.unit[: known.in_unit]
                and view[behind:] == known.unit[behind:]
            ):
                return number
        return None


def _picture(source: random.Random, index: int, length: int) -> _Picture:
    """Behind the parameter sets when it is the first."""
    head = bytes((0x65 if index == 0 else 0x61, 0xB8))
    nal = head + bytes(DIGITS) + source.randbytes(max(0, length - DIGITS)).replace(b"\0", b"\1")
    sets = [SPS, PPS] if index == 0 else []
    payloads = payloads_of(nal)
    block = block_of([*sets, *payloads], marker=True)
    fragment = 2 if len(payloads) > 1 else 1  # of bytes that stand for the unit's first
    in_block = payload_at(block.starts[len(sets)]) + fragment + 1
    unit = b"".join(len(each).to_bytes(4, "big") + each for each in (*sets, nal))
    return _Picture(block, in_block, unit, len(unit) - len(nal) + len(head))


@dataclass(slots=True)
class Ledger:
    """The pictures of one stream as they are stored, in order. Counts; `first` and `next`: numbers."""

    first: int | None = None
    next: int = 0
    lost: int = 0
    again: int = 0
    altered: int = 0

    def enter(self, number: int | None) -> None:
        """The next stored picture."""
        if number is None:
            self.altered += 1
        elif self.first is None:
            self.first, self.next = number, number + 1
        elif number < self.next:
            self.again += 1
        else:
            self.lost += number - self.next
            self.next = number + 1

    def differences(self, sent: Sequence[tuple[int, int]]) -> int:
        """Pictures that are not stored exactly once as they were sent; `sent`: (first, behind the last) of sessions."""
        if not sent:
            return self.altered + self.again + (0 if self.first is None else self.next - self.first)
        if self.first is None:
            return sum(end - first for first, end in sent)
        unsent = sum(later[0] - earlier[1] for earlier, later in itertools.pairwise(sent))
        outside = abs(self.first - sent[0][0]) + abs(sent[-1][1] - self.next)
        return abs(self.lost - unsent) + self.again + self.altered + outside


@dataclass(slots=True)
class Ledgers:
    """A ledger of each stream, `camera/stream` by name."""

    kinds: Mapping[str, NumberedPictures]
    of: dict[str, Ledger] = field(default_factory=dict)

    def enter(self, key: str, part: ParsedPart, data: bytes | memoryview) -> None:
        """The pictures of a stored part; `data`: the bytes that `parse_part` was given."""
        pictures = self.kinds[key.rpartition("/")[2]]
        ledger = self.of.setdefault(key, Ledger())
        view, at = memoryview(data), part.payload_offset
        for sample in part.samples:
            ledger.enter(pictures.number_of(view[at : at + sample.size]))
            at += sample.size

    def differences(self, sent: Mapping[str, Sequence[tuple[int, int]]]) -> int:
        """Of all streams."""
        return sum(self.of.get(key, Ledger()).differences(sent.get(key, ())) for key in {*self.of, *sent})
