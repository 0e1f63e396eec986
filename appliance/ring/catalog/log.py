"""`catalog.log`, byte by byte: what became of each chunk of a disk, as text that a person can read.

The file is a row of 4 KiB blocks. A block holds whole lines, blanks behind them, and a line feed as its last byte::

    crc stamp KIND number facts...

    crc     8 hex digits, CRC-32 (zlib) of the rest of the line without the line feed
    stamp   UTC, `20261125T190718Z`: when the line was made, for people; nothing is decided by it
    KIND    a state in upper case (an unknown one is kept, and its chunk is looked at), a note in lower case
    number  of the chunk; of the block or of the file for BLOCK and LOG; a note may count something else

The first line of block 0 is `LOG`, of each further block `BLOCK`::

    LOG epoch version=1 disk=UUID chunks=N previous=HEAD why=WORD...
    BLOCK k SHA-256-of-block-k-1 j:used

`epoch` counts the files of a disk from 1; `previous` is the head of the file before, as far as this one repeats it
("-": there is none); `why`: what made this file begin. `j:used`: what was durable when block k was begun.

Kinds of the ring, the last line of a chunk counts:

    FREE     zeros, durable. Nothing writes there before a READY line is durable. A chunk without a line is FREE.
    READY    zeros, in stock: may get a header and parts at any moment, so it is looked at on start
    OPEN     generation camera stream opened_us: has its header, gets parts: looked at on start
    CLOSED   everything the index holds (`closed_facts`); table and seal were durable before this line was written
    FREED    reason generation: given up, zeroed only after this line was durable; zeroed again on start
    SUSPECT  reason...: set aside

Kinds in lower case are notes: they say no state, the last one of each (kind, number) counts, and a note whose facts
are `ended` is over. `fault`: what an audit found about a chunk, in words.

What is proven. A torn line has a wrong CRC. A block's SHA-256 stands in the next block, so a line that is altered,
left out or added anywhere but in the last block is found, with the full strength of SHA-256, without trusting the
CRCs. Of the last block, and of the file's end, the heartbeat and whoever keeps its head (`Head`) are the witness:
a file that lacks what a witness saw is not believed. Somebody who can write the disk can forge all of it, heartbeat
included; the heads that left the machine are what he cannot reach.

A tick writes whole blocks: the last one again, with the same first bytes, and new ones behind it. Those first bytes
do not change, so a torn write harms no durable line. What a cut leaves behind the last durable line may be
anything: reading stops at the first line or block that does not hold, unless a later block knows more durable bytes
than were found: then bytes have rotted, and the file is not believed.
"""

import hashlib
import re
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from appliance.core.units import BLOCK
from appliance.ring.index.rows import ChunkRow, SpanRow

CATALOG: Final = "catalog.log"
"""The file's name on the disk; `.1` and `.2` are the two files before it, `catalog.new` one being written."""

VERSION: Final = 1

ROOM: Final = BLOCK - 1
"""Bytes of a block for lines: the last one is a line feed, so that pagers show blocks, not one endless line."""

MAX_FACTS: Final = 1400
"""Bytes. Longer facts of a CLOSED line leave the stretches out: more than a dozen, and the part table has them."""

ENDED: Final = "ended"
"""Facts of a note that is over."""

NO_HEAD: Final = "-"

_WORD: Final = re.compile(r"[^!-~]+")


class Line(NamedTuple):
    """One line to be written: kind, chunk, facts (printable ASCII, single blanks, no line feed)."""

    kind: str
    number: int
    facts: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a catalogue: `used` bytes of `block`, and the SHA-256 (hex) of just these."""

    epoch: int
    block: int
    used: int
    sha: str

    def __str__(self) -> str:
        return f"{self.epoch}:{self.block}:{self.used}:{self.sha}"

    @staticmethod
    def of(text: str) -> "Head | None":
        """From its text, None when it is none."""
        fields = text.split(":")
        if len(fields) != 4 or not all(f.isascii() and f.isdecimal() and len(f) < 12 for f in fields[:3]):
            return None
        return Head(int(fields[0]), int(fields[1]), int(fields[2]), fields[3])


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the first line of a file says. `previous`: text of a Head or NO_HEAD; `why`: a few words."""

    epoch: int
    disk: str
    chunks: int
    previous: str
    why: str


def stamp(utc_us: int) -> str:
    """UTC as a line shows it."""
    seconds = min(max(utc_us // 1_000_000, 0), 253_402_300_799)  # year 9999: a mad clock does not stop the catalogue
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def encode_line(body: str) -> bytes:
    """A line with its CRC and line feed; `body` from the stamp on."""
    data = body.encode("ascii", "replace")
    return b"%08x %s\n" % (zlib.crc32(data), data)


def good(line: bytes) -> bool:
    """Does the CRC of a line (without its line feed) hold?"""
    return line[:9] == b"%08x " % zlib.crc32(line[9:]) and len(line) > 9


def words(text: str) -> str:
    """Words for a fact: printable ASCII, at most 200 characters."""
    return _WORD.sub(" ", text).strip()[:200]


def padded(text: bytes | bytearray) -> bytes:
    """The whole block that holds these lines."""
    return bytes(text.ljust(ROOM, b" ")) + b"\n"


def closed_facts(row: ChunkRow, spans: Sequence[SpanRow]) -> str:
    """Facts of a CLOSED line, in this order::

        generation last_run last_sequence camera stream opened_us first_us last_us size codec width height
        init_length stretches

    A stretch is the numbers of a SpanRow (ring/index/rows.py) with colons between, a comma between two;
    `*n`: they are n, too many for a line, and the part table has them.
    """
    fields = [str(row.generation), str(row.last_run), str(row.last_sequence), quote(row.camera, safe=""), row.stream]
    fields += [*map(str, row[5:9]), quote(row.codec, safe="."), *map(str, row[10:13])]
    base = " ".join(fields)
    stretches = ",".join([":".join(map(str, span)) for span in spans])
    return f"{base} {stretches or '-'}" if len(base) + len(stretches) < MAX_FACTS else f"{base} *{len(spans)}"


CLOSED_FIELDS: Final = 14
"""Facts of a CLOSED line: thirteen of the row, one of the stretches."""


def parse_closed(disk: str, number: int, facts: Sequence[str]) -> tuple[ChunkRow, list[SpanRow] | None]:
    """Row and stretches of a CLOSED line's facts; None for stretches that are in the part table. Raises ValueError."""
    if len(facts) != CLOSED_FIELDS:
        raise ValueError("facts of CLOSED")
    generation, run, sequence = map(int, facts[:3])
    opened, first, last, size = map(int, facts[5:9])
    width, height, init = map(int, facts[10:13])
    names, codec = (unquote(facts[3]), facts[4]), unquote(facts[9])
    row = ChunkRow(
        disk, number, generation, *names, opened, first, last, size, codec, width, height, init, run, sequence
    )
    return row, parse_spans(facts[13])


def parse_spans(text: str) -> list[SpanRow] | None:
    """Stretches of a CLOSED line; None: they are in the part table. Raises ValueError."""
    if text == "-":
        return []
    if text.startswith("*"):
        return None
    spans = [span.split(":") for span in text.split(",")]
    if any(len(span) != len(SpanRow._fields) for span in spans):
        raise ValueError("stretches of CLOSED")
    return [SpanRow._make(map(int, span)) for span in spans]


def open_facts(generation: int, camera: str, stream: str, opened_us: int) -> str:
    """Facts of an OPEN line."""
    return f"{generation} {quote(camera, safe='')} {stream} {opened_us}"


class Appender:
    """Turns lines into blocks to be written, at the end of one file. Pure; belongs to the disk's writer thread.

    `lines`: state lines in the file, which `Appender` counts on.
    """

    def __init__(self, head: Head, text: bytes, lines: int) -> None:
        """Goes on behind `head`; `text`: the bytes of its last block up to there."""
        self.epoch = head.epoch
        self.lines = lines
        self._block = head.block
        self._text = bytearray(text[: head.used])
        self._durable = (head.block, head.used)

    @staticmethod
    def begin(beginning: Beginning, utc_us: int) -> "Appender":
        """A new file: its first line is to be written with the first lines."""
        b = beginning
        facts = f"version={VERSION} disk={b.disk} chunks={b.chunks} previous={b.previous} why={words(b.why)}"
        text = encode_line(f"{stamp(utc_us)} LOG {b.epoch} {facts}")
        return Appender(Head(b.epoch, 0, len(text), ""), text, 0)

    def append(self, lines: Iterable[Line], utc_us: int) -> tuple[int, bytes]:
        """(offset, whole blocks) that hold these lines: the last block again, and new ones behind it."""
        when = stamp(utc_us)
        texts = (f"{when} {kind} {number} {facts}".rstrip(" ") for kind, number, facts in lines)
        return self.copy(map(encode_line, texts), utc_us)

    def copy(self, lines: Iterable[bytes], utc_us: int) -> tuple[int, bytes]:
        """The same for lines that are encoded already, taken from another file."""
        when = stamp(utc_us)
        first, full = self._block, bytearray()
        for line in lines:
            if len(self._text) + len(line) > ROOM:
                full += self._next(when)
            self._text += line
            self.lines += 1
        return first * BLOCK, bytes(full) + padded(self._text)

    def _next(self, when: str) -> bytes:
        """The block is full: its bytes, and a new one begun."""
        whole = padded(self._text)
        self._block += 1
        where = f"{self._durable[0]}:{self._durable[1]}"
        self._text = bytearray(encode_line(f"{when} BLOCK {self._block} {hashlib.sha256(whole).hexdigest()} {where}"))
        return whole

    def durable(self) -> None:
        """Everything given out so far is durable. Called before more is given out."""
        self._durable = (self._block, len(self._text))

    def head(self) -> Head:
        """The end, all lines given out so far included."""
        return Head(self.epoch, self._block, len(self._text), hashlib.sha256(self._text).hexdigest())
