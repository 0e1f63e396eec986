"""Reading a catalogue: proof of every block, the last line of each chunk, what the streams' numbers were.

One pass over the file, a few numbers kept per chunk and no line: 300 000 chunks a disk cost 3 MB. What the index
needs is parsed later, beside the recording, line by line where this pass says they lie (`rows`). Pure: bytes come
from a function. Nothing is believed before the block that holds it is proven (catalog_log.py says how).
"""

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from appliance.core.units import BLOCK
from appliance.ring.catalog.log import (
    ROOM,
    VERSION,
    Beginning,
    Head,
    good,
    parse_closed,
)
from appliance.ring.errors import CatalogUnreadable
from appliance.ring.index.rows import ChunkRow, SpanRow

READ: Final = 256 * BLOCK
"""Bytes a read: 1 MiB, long enough for a hard disk's full speed."""

MAX_CATALOG: Final = 1 << 31
"""Bytes. Two lines for each of 2 million chunks; a longer file is none of ours."""

Read = Callable[[int, int], bytes]
"""(offset, length) -> bytes; fewer bytes than asked mean the end of the file."""

Stream = tuple[str, str]
Spans = list[SpanRow] | None


@dataclass(slots=True)
class Replay:
    """What a catalogue says. Offsets in bytes.

    `at`: offset of the last state line of each chunk, 0 when it has none; `closed`: chunks whose last line is
    CLOSED, in the order of these lines; `special`: (kind, facts) of each other chunk that has a line; `notes`:
    offset of the last note of each (kind, number); `past`: highest run and sequence of each stream; `generation`:
    the highest; `lines`: state lines and notes in the file; `cut`: bytes behind the end that were dropped, of lines
    never durable; `seen`: witnesses that the file bears out; `since`: chunks with lines behind the mark given.
    """

    beginning: Beginning
    head: Head
    tail: bytes
    at: "array[int]"
    closed: list[int] = field(default_factory=list)
    special: dict[int, tuple[str, list[str]]] = field(default_factory=dict)
    notes: dict[tuple[str, int], int] = field(default_factory=dict)
    past: dict[Stream, tuple[int, int]] = field(default_factory=dict)
    generation: int = 0
    lines: int = 0
    cut: int = 0
    seen: set[Head] = field(default_factory=set)
    since: set[int] | None = None


def replay(read: Read, *, witnesses: Iterable[Head] = (), mark: Head | None = None) -> Replay:
    """Read a whole catalogue. `mark`: collect the chunks changed behind this head, when the file has it.

    Raises CatalogUnreadable when it is none, or when it has lost bytes that were durable. What was never durable is
    cut off. OSError of the disk passes through.
    """
    return _Pass(read, [*witnesses, *([mark] if mark else [])], mark).run()


def beginning_of(block: bytes) -> Beginning:
    """What the first block says the file is. Raises CatalogUnreadable."""
    line = block.partition(b"\n")[0]
    if not good(line):
        raise CatalogUnreadable(why="its first line does not hold")
    try:
        _, _, kind, epoch, version, disk, chunks, previous, why = line.decode("ascii").split(" ", 8)
        if kind != "LOG" or version != f"version={VERSION}":
            raise CatalogUnreadable(why=f"{kind} {version}")
        return Beginning(
            int(epoch),
            disk.removeprefix("disk="),
            int(chunks.removeprefix("chunks=")),
            previous.removeprefix("previous="),
            why.removeprefix("why="),
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise CatalogUnreadable(why="its first line is none of ours") from error


class _Pass:
    """One pass over a file."""

    def __init__(self, read: Read, witnesses: list[Head], mark: Head | None) -> None:
        self._blocks = _blocks(read)
        self._witnesses: dict[int, list[Head]] = {}
        for head in witnesses:
            self._witnesses.setdefault(head.block, []).append(head)
        self._mark = mark
        first = next(self._blocks, b"")
        if not first:
            raise CatalogUnreadable(why="empty")
        beginning = beginning_of(first)
        if not 0 < beginning.chunks <= 10_000_000:
            raise CatalogUnreadable(why="number of chunks")
        self._block = first
        self._number = 0
        self._closed = bytearray(beginning.chunks)
        self._past: dict[tuple[bytes, bytes], tuple[int, int]] = {}
        self._generations = array("q")
        self._result = Replay(beginning, Head(0, 0, 0, ""), b"", array("q", bytes(8 * beginning.chunks)))

    def run(self) -> Replay:
        """The pass."""
        result = self._result
        behind: list[bytes] = []  # the first block that does not follow
        for following in self._blocks:
            if not self._follows(following):
                behind.append(following)
                break
            self._lines(self._block[:ROOM].rstrip(b" "))
            self._block = following
            self._number += 1
        text = self._good_lines()
        rest = self._block[len(text) :].strip(b" \n\0")
        result.cut = len(rest)
        self._lines(text)
        self._nothing_lost(behind, len(text))
        sha = hashlib.sha256(text).hexdigest()
        result.head = Head(result.beginning.epoch, self._number, len(text), sha)
        result.tail = text
        self._finish()
        return result

    def _follows(self, following: bytes) -> bool:
        """Is this the block behind the one under way, and does it say that one's SHA-256?"""
        fields = following[:200].split(b" ", 6)
        return (
            fields[2:4] == [b"BLOCK", b"%d" % (self._number + 1)]
            and len(fields) > 4
            and fields[4] == hashlib.sha256(self._block).hexdigest().encode()
            and good(following.partition(b"\n")[0])
        )

    def _good_lines(self) -> bytes:
        """The lines of the last block up to the first one that does not hold."""
        end = 0
        while (stop := self._block.find(b"\n", end, ROOM)) >= 0 and good(self._block[end:stop]):
            end = stop + 1
        return self._block[:end]

    def _nothing_lost(self, behind: list[bytes], used: int) -> None:
        """No later block may know of durable bytes that are not here."""
        for block in (*behind, *self._blocks):
            line = block.partition(b"\n")[0]
            fields = line.split(b" ")
            if len(fields) != 6 or fields[2] != b"BLOCK" or not good(line):
                continue
            self._result.cut += len(block)
            number, _, durable = fields[5].partition(b":")
            if number.isdigit() and durable.isdigit() and (int(number), int(durable)) > (self._number, used):
                raise CatalogUnreadable(why=f"block {self._number} does not hold")

    def _lines(self, text: bytes) -> None:
        """The lines of a proven block."""
        result, closed = self._result, self._closed
        at, special, since = result.at, result.special, result.since
        base = self._number * BLOCK
        marked = self._witness(text)
        if marked is not None:
            since = result.since = set()
        first, *lines = text.split(b"\n")[:-1]
        offset = base + len(first) + 1
        try:
            for line in lines:
                fields = line.split(b" ", 9)  # what is behind is of no interest here
                kind, number = fields[2], int(fields[3])
                if kind == b"CLOSED":
                    self._is_closed(number, fields)
                    closed[number] = 1
                    special.pop(number, None)
                    at[number] = offset
                elif kind.isupper():
                    closed[number] = 0
                    special[number] = kind.decode("ascii"), [field.decode("ascii") for field in fields[4:]]
                    at[number] = offset
                else:
                    result.notes[kind.decode("ascii"), number] = offset
                if since is not None and (marked is None or offset >= base + marked):
                    since.add(number)
                offset += len(line) + 1
            result.lines += len(lines)
        except (ValueError, IndexError) as error:
            raise CatalogUnreadable(why=f"a line of block {self._number} is none of ours") from error

    def _is_closed(self, number: int, fields: list[bytes]) -> None:
        """Numbers that a recording which goes on must not use again."""
        _, _, _, _, generation, run, sequence, camera, stream, _ = fields
        if number < 0:
            raise ValueError("facts of CLOSED")
        self._generations.append(int(generation))
        numbers = int(run), int(sequence)
        if self._past.get((camera, stream), (-1, -1)) < numbers:
            self._past[camera, stream] = numbers

    def _witness(self, text: bytes) -> int | None:
        """Heads that this block bears out; bytes of it that lie before the mark, when the mark is in it."""
        marked: int | None = None
        for head in self._witnesses.get(self._number, ()):
            if head.epoch != self._result.beginning.epoch or head.used > len(text):
                continue
            if hashlib.sha256(text[: head.used]).hexdigest() == head.sha:
                self._result.seen.add(head)
                marked = head.used if head == self._mark else marked
        return marked

    def _finish(self) -> None:
        """Order and names, once for all lines."""
        result = self._result
        at = result.at
        result.closed = sorted((n for n, is_closed in enumerate(self._closed) if is_closed), key=at.__getitem__)
        for (camera, stream), past in self._past.items():
            result.past[unquote(camera.decode("ascii")), stream.decode("ascii")] = past
        result.generation = max(self._generations, default=0)
        for kind, facts in result.special.values():
            if kind == "OPEN" and facts and facts[0].isdecimal():
                result.generation = max(result.generation, int(facts[0]))


def rows(read: Read, disk: str, numbers: Iterable[int], at: Sequence[int]) -> Iterator[tuple[ChunkRow, Spans]]:
    """Rows of these chunks, whose CLOSED lines lie `at` (by number), in the order of the file.

    Spans are None when only the part table has them. Raises CatalogUnreadable when a line is not there (any more).
    """
    for number, line in lines_at(read, numbers, at):
        fields = line.decode("ascii").split(" ")
        if fields[2:4] != ["CLOSED", str(number)]:
            raise CatalogUnreadable(why=f"the line of chunk {number} has changed")
        try:
            yield parse_closed(disk, number, fields[4:])
        except ValueError as error:
            raise CatalogUnreadable(why=f"the line of chunk {number} is none of ours") from error


def lines_at(read: Read, numbers: Iterable[int], at: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """(number, line without line feed) of these chunks, in the order of the file; each line's CRC is checked."""
    start, data = 0, b""
    for number in sorted(numbers, key=at.__getitem__):
        offset = at[number]
        if not start <= offset < start + len(data) - BLOCK:
            start = offset - offset % BLOCK
            data = read(start, READ)
        line = data[offset - start : data.find(b"\n", offset - start)]
        if not good(line):
            raise CatalogUnreadable(why=f"the line of chunk {number} does not hold")
        yield number, line


def _blocks(read: Read) -> Iterator[bytes]:
    """Whole blocks up to the end of the file, or to one of zeros (room kept for later)."""
    offset = 0
    while offset < MAX_CATALOG:
        data = read(offset, READ)
        for at in range(0, len(data) - BLOCK + 1, BLOCK):
            block = data[at : at + BLOCK]
            yield block
        if len(data) < READ:
            return
        offset += READ
