"""Cuts an interval of one stream out of the ring as MP4, without touching a coded picture.

A clip is one init segment, then for each part its `moof` with `mfhd` (1, 2, 3...) and `tfdt` (0 at the start of the
file, then true elapsed time) rewritten, its `mdat` byte for byte, and padding; at the end `mfra`, so that players
seek. Everything but the payload's bytes is known from the plan, the size to the byte: a server can say
Content-Length before it reads a disk.

Left out: our `uuid` boxes. Their CRCs and chain speak of the ring's bytes and of their place there, and would be
false in a cut; what they tell (UTC, clocks, camera time) belongs in a manifest. Kept: the `free` padding, written
anew as zeros, because without it the size of a part would not be known before it is read (about 2 KiB a part).

Time: inside a run of a chunk, differences of `tfdt` are taken as they are (exact). A chunk border or a new run is
placed by UTC, so a gap is as long in the clip as it was in truth. Where UTC went back (clock corrected), the run
follows at once instead: time in a file never goes back.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from appliance.core.units import BLOCK
from appliance.evidence.errors import ClipSourceLost
from appliance.media.boxes import BOX_HEADER, free_header, mfra, mfra_size, sample_description
from appliance.media.errors import PartUnreadable
from appliance.media.part import (
    MFHD_SEQUENCE,
    TFDT_TIME,
    UUID_SIZE,
    ParsedPart,
    parse_part,
    verify_payload,
)
from appliance.ring.access.part_ref import PartRef

ReadPart = Callable[[str, int, int], bytes | memoryview]
"""(path, offset, length) -> bytes of a chunk file; blocks, so it is called in a thread. Fewer bytes = lost."""

TOGETHER: Final = 1 << 20
"""Bytes of one read for the page: opening a chunk and looking whose it is costs as much as reading a small part.
Evidence is read a part at a time, so that a bad sector takes no good part with it."""

NO_PADDING: Final = b""


@dataclass(frozen=True, slots=True)
class ClipChunk:
    """One chunk of the recorder's answer to `ranges`, with the init segment read from its first bytes."""

    path: str
    generation: int
    init: bytes
    parts: tuple[PartRef, ...]
    codec: str = ""
    width: int = 0
    height: int = 0

    @staticmethod
    def of(answer: Mapping[str, Any], path: str, init: bytes) -> "ClipChunk":
        """From one element of `chunks` in the answer; `path` is what `read` understands."""
        parts = tuple(PartRef(*row) for row in answer["parts"])
        about = str(answer["codec"]), int(answer["width"]), int(answer["height"])
        return ClipChunk(path, int(answer["generation"]), init, parts, *about)


class Piece(NamedTuple):
    """A part in a clip: where it comes from and what its `tfdt` becomes (ticks from the start of the file)."""

    path: str
    generation: int
    part: PartRef
    tfdt: int


@dataclass(slots=True)
class ClipFile:
    """One MP4 file of a clip. `pieces` in time order; the interval covered is from_us to to_us (UTC)."""

    init: bytes
    pieces: list[Piece] = field(default_factory=list)
    codec: str = ""
    width: int = 0
    height: int = 0

    @property
    def from_us(self) -> int:
        """UTC of the first sample."""
        return self.pieces[0].part.utc_us

    @property
    def to_us(self) -> int:
        """UTC of the end of the last sample."""
        return max(piece.part.end_us for piece in self.pieces)

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        keyframes = sum(piece.part.keyframe for piece in self.pieces)
        return len(self.init) + sum(p.part.length - UUID_SIZE for p in self.pieces) + mfra_size(keyframes)

    def blocks(self, read: ReadPart, *, payloads: bool = True) -> Iterator[bytes | memoryview]:
        """The bytes of the file, in order, at most one part in memory (TOGETHER and one part without
        `payloads`).

        Each part is read once and checked: generation, place, identity, header CRC and, with `payloads`, payload CRC,
        for what leaves as evidence: whoever only looks sees a damaged picture for what it is. Raises ClipSourceLost
        when one does not hold; what was given out before is true, the rest must not be filled up.
        """
        yield self.init
        at = len(self.init)
        index: list[tuple[int, int]] = []
        for number, (piece, data) in enumerate(_read_together(self.pieces, read, 0 if payloads else TOGETHER), 1):
            parsed = _checked(data, piece, payloads=payloads)
            head = bytearray(data[: parsed.payload_offset])
            struct.pack_into(">I", head, MFHD_SEQUENCE, number)
            struct.pack_into(">Q", head, TFDT_TIME, piece.tfdt)
            yield memoryview(head)[UUID_SIZE:]
            end = parsed.payload_offset + parsed.payload_length
            yield data[parsed.payload_offset : end]
            yield _padding(piece.part.length - end)
            if piece.part.keyframe:
                index.append((piece.tfdt, at))
            at += piece.part.length - UUID_SIZE
        yield mfra(index)


def _read_together(pieces: Sequence[Piece], read: ReadPart, size: int) -> Iterator[tuple[Piece, memoryview]]:
    """Each piece with its bytes; pieces that lie side by side are read at once while there are less than `size`."""
    first = 0
    while first < len(pieces):
        path, _, part, _ = pieces[first]
        last, end = first + 1, part.offset + part.length
        while last < len(pieces) and end - part.offset < size:
            beside = pieces[last]
            if beside.part.offset != end or beside.path != path:
                break
            last, end = last + 1, end + beside.part.length
        data = memoryview(read(path, part.offset, end - part.offset))
        for piece in pieces[first:last]:
            at = piece.part.offset - part.offset
            yield piece, data[at : at + piece.part.length]
        first = last


def _padding(size: int) -> bytes:
    return free_header(size) + bytes(size - BOX_HEADER) if size else NO_PADDING


def _checked(data: bytes | memoryview, piece: Piece, *, payloads: bool) -> ParsedPart:
    part = piece.part
    if len(data) < part.length:
        raise ClipSourceLost(why="cut short")
    try:
        parsed = parse_part(data)
    except PartUnreadable as error:
        raise ClipSourceLost(why=str(error.facts["why"])) from error
    h = parsed.header
    found = (h.generation, parsed.block_number * BLOCK, parsed.length, h.run, h.sequence)
    if found != (piece.generation, part.offset, part.length, part.run, part.sequence):
        raise ClipSourceLost(why="another part lies there")
    if payloads and not verify_payload(data, parsed):
        raise ClipSourceLost(why="payload CRC")
    return parsed


def plan_clip(chunks: Sequence[ClipChunk], from_us: int, to_us: int) -> list[ClipFile]:
    """What to cut for [from_us, to_us) UTC; reads nothing. `chunks` in time order, as `ranges` gives them.

    The cut begins at the keyframe part at or before `from_us` in the same run, or at the first keyframe after it
    when the run has none; it ends at the end of the part that holds `to_us`. A part that is there twice (written
    again after a disk failure) is taken once. One file, and one more for each change of codec parameters; empty
    when nothing was recorded in the interval.
    """
    files: list[ClipFile] = []
    described = b""
    clock = _FileClock()
    for chunk, part in _selected(chunks, from_us, to_us):
        description = sample_description(chunk.init)
        if description != described or not files:
            if not part.keyframe:
                continue  # no decoder could start a file here
            files.append(ClipFile(chunk.init, [], chunk.codec, chunk.width, chunk.height))
            described, clock = description, _FileClock()
        files[-1].pieces.append(Piece(chunk.path, chunk.generation, part, clock.place(chunk, part)))
    return files


class _FileClock:
    """Places parts on the time line of one file."""

    def __init__(self) -> None:
        self._origin_us: int | None = None
        self._previous: tuple[ClipChunk, PartRef] | None = None
        self._placed = 0  # tfdt given to the previous part

    def place(self, chunk: ClipChunk, part: PartRef) -> int:
        """Ticks from the start of the file."""
        if self._origin_us is None or self._previous is None:
            self._origin_us = part.utc_us
            tfdt = 0
        else:
            before_chunk, before = self._previous
            same_run = before.run == part.run
            if same_run and before_chunk is chunk:
                tfdt = self._placed + part.tfdt - before.tfdt
            else:
                # Rounded, not cut: UTC of one run is exact to a microsecond, a tick is 11, so a run that goes on
                # in the next chunk goes on to the tick.
                true = round((part.utc_us - self._origin_us) * 9 / 100)
                tfdt = max(true, self._placed + (1 if same_run else before.duration))
        self._previous, self._placed = (chunk, part), tfdt
        return tfdt


def _selected(chunks: Iterable[ClipChunk], from_us: int, to_us: int) -> Iterator[tuple[ClipChunk, PartRef]]:
    """The parts of the cut, each once, beginning with a keyframe."""
    seen: set[tuple[int, int]] = set()
    held: list[tuple[ClipChunk, PartRef]] = []  # since the last keyframe before the interval
    begun = False
    for chunk in chunks:
        for part in chunk.parts:
            if part.utc_us >= to_us or (part.run, part.sequence) in seen:
                continue
            seen.add((part.run, part.sequence))
            if not begun:
                if part.keyframe or (held and held[-1][1].run != part.run):
                    held = []
                if held or part.keyframe:
                    held.append((chunk, part))
                begun = bool(held) and part.end_us > from_us
                if not begun:
                    continue
                yield from held
            else:
                yield chunk, part
