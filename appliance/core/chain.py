"""Hash-chained journals: what a line is, how files follow each other, and the proof that nothing was removed.

A journal is a series of text files `<process>-<first sequence, 12 digits>.log`. Each line is one JSON object:

    {"n":7,"utc_us":...,"clock":"held","boot":"<32 hex>","mono_us":...,"kind":"...","facts":{...},"hash":"<64 hex>"}

`hash` is SHA-256 (FIPS 180-4) over the 64 hex digits of the hash before and the bytes of this line up to the comma
before `"hash"`. Sequence numbers rise by one, through all files. The first line of a file is of kind `journal` and
says whose it is, why the file begins, and the hash it goes on from, so a file can be checked alone and two files can
be joined. A file found damaged at a start is kept as `<process>-<number>.damaged.log`.

What the chain shows, and what it does not. Any edit, removal, insertion or exchange of lines or files is found,
**except the removal of whole lines at the very end**: what is left is a correct, shorter chain, as is a journal that
somebody wrote anew from the first line on. Both are found only through an anchor: a `Head` (sequence, hash) that was
exported earlier to where the same hand does not reach (heartbeat, datacentre, another process's journal). Export
heads of the durable end only (`Journal.head()` gives no other), or a power cut looks like a removal.

Everything here is pure or only reads. `chain_verify` proves, `chain_file` writes, `chain_journal` is what a process
holds.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from appliance.core.chain_errors import JournalFactsRefused, JournalUnreadable

FORMAT_VERSION: Final = 1
"""Version of lines and files, told by each file's first line."""

GENESIS: Final = "0" * 64
"""What the first line of a journal goes on from."""

HEADER_KIND: Final = "journal"
"""Kind of each file's first line; kinds that begin with it are the journal's own."""

MAX_LINE: Final = 16 << 10
"""Bytes. A fact is a name, a number or a sentence; the limit bounds the memory of whoever reads."""

_READ: Final = 1 << 20
"""Bytes read at a time."""

HASH_FIELD: Final = b',"hash":"'
TAIL: Final = len(HASH_FIELD) + 64 + 2
"""Length of `,"hash":"<64 hex>"}`, the end of each line."""

_JSON: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
"""Made once: `json.dumps` would make one for each line."""

_KIND = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_NAME = re.compile(r"(?P<process>[a-z][a-z0-9-]*)-(?P<number>\d{12})(?P<damaged>\.damaged)?\.log")

Value = str | int | float | bool
Facts = Mapping[str, Value]

Tell = Callable[[str, Facts], bool]
"""Enters what was done in the process's journal: kind (lower case words with dashes) and flat facts, never a secret.

Never blocks and never raises; False when the line is lost, which the journal itself counts and tells later."""


def untold(_kind: str, _facts: Facts) -> bool:
    """A Tell that drops: the default of whoever may be used without a journal."""
    return False


class Head(NamedTuple):
    """A line as others can anchor it. `hash`: 64 hex digits. Before the first line: (0, GENESIS)."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        """`7:<64 hex>`, as heartbeats and `appliance journal verify --anchor` have it."""
        return f"{self.sequence}:{self.hash}"


def parse_head(text: str) -> Head | None:
    """The anchor that `text` is; None when it is none."""
    number, _, digest = text.strip().partition(":")
    if not re.fullmatch(r"[1-9]\d{0,17}", number, re.ASCII) or not re.fullmatch(r"[0-9a-f]{64}", digest):
        return None
    return Head(int(number), digest)


class Begin(StrEnum):
    """Why a file begins, in its first line's fact `reason`."""

    FIRST = "first"
    ROTATED = "rotated"
    DAMAGED = "damaged"  # the file before did not hold at a start
    FLUSH_FAILED = "flush-failed"  # the file before may not be durable behind its last flushed line: cut there


@dataclass(frozen=True, slots=True)
class Stamp:
    """When something was done. `clock`: the judgement on UTC in a word; `boot`: 32 hex digits."""

    utc_us: int
    clock: str
    boot: str
    monotonic_us: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line, decoded."""

    sequence: int
    stamp: Stamp
    kind: str
    facts: dict[str, Value]
    hash: str


def content(stamp: Stamp, kind: str, facts: Facts) -> bytes:
    """A line without its number and hash: what can be made before its place in the chain is known.

    Canonical: keys of the facts sorted, no spaces, UTF-8; a lone surrogate (a file name that is no UTF-8) is a JSON
    escape. Raises JournalFactsRefused when facts are not flat, hold NaN, or make a line longer than MAX_LINE.
    """
    if _KIND.fullmatch(kind) is None:
        raise JournalFactsRefused(kind=kind, reason="kind is not words joined by dashes")
    for key, value in facts.items():
        if not isinstance(value, str | int | float):  # what callers hand on may come from outside
            raise JournalFactsRefused(kind=kind, reason=f"{key} is a {type(value).__name__}")
    try:
        told = _JSON.encode(dict(facts))
    except ValueError as error:  # NaN, or an integer of thousands of digits
        raise JournalFactsRefused(kind=kind, reason=str(error)) from error
    text = (
        f'"utc_us":{stamp.utc_us},"clock":{_JSON.encode(stamp.clock)},"boot":"{stamp.boot}",'
        f'"mono_us":{stamp.monotonic_us},"kind":"{kind}","facts":{told}'
    ).encode("utf-8", "backslashreplace")
    if len(text) > MAX_LINE - TAIL - 32:  # 32: room for the number
        raise JournalFactsRefused(kind=kind, reason=f"{len(text)} bytes")
    return text


def link(before: Head, text: bytes) -> tuple[bytes, Head]:
    """The next line of a chain, newline included, and the head it makes."""
    sequence = before.sequence + 1
    body = b'{"n":%d,%b' % (sequence, text)
    digest = sha256(before.hash.encode() + body).hexdigest()
    return b'%b%b%b"}\n' % (body, HASH_FIELD, digest.encode()), Head(sequence, digest)


def parse(line: bytes, place: int = 0) -> Line:
    """Decode a line (with or without newline); its hash is not checked. Raises JournalUnreadable. `place`: to tell."""
    try:
        raw = json.loads(line)
        stamp = Stamp(int(raw["utc_us"]), str(raw["clock"]), str(raw["boot"]), int(raw["mono_us"]))
        return Line(int(raw["n"]), stamp, str(raw["kind"]), dict(raw["facts"]), str(raw["hash"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise JournalUnreadable(line=place, reason=type(error).__name__) from error


def file_name(process: str, first: int, *, damaged: bool = False) -> str:
    """`recorder-000000000017.log`: names sort as the lines do."""
    return f"{process}-{first:012d}{'.damaged' if damaged else ''}.log"


def first_number(name: str) -> int:
    """The number in a file's name, 0 when it has none."""
    match = _NAME.fullmatch(name)
    return int(match["number"]) if match else 0


def is_damaged(name: str) -> bool:
    """True for a file that was set aside."""
    match = _NAME.fullmatch(name)
    return match is not None and match["damaged"] is not None


def journal_files(directory: Path, process: str) -> list[Path]:
    """All files of a process's journal in order, those set aside included. Raises OSError."""
    found = [(match, path) for path in directory.iterdir() if (match := _NAME.fullmatch(path.name))]
    return [path for match, path in sorted(found, key=lambda f: f[1].name) if match["process"] == process]


def processes(directory: Path) -> list[str]:
    """Names of the processes that have a journal there; none where there is no folder. Raises OSError."""
    if not directory.is_dir():
        return []
    return sorted({match["process"] for path in directory.iterdir() if (match := _NAME.fullmatch(path.name))})


def read(files: Sequence[Path], after: int = 0) -> Iterator[Line]:
    """The lines with numbers above `after`, decoded, not verified; an unfinished last line is left out. Blocks.

    Files that end before are not opened. Raises OSError, and JournalUnreadable at a line that is none.
    """
    for index, path in enumerate(files):
        if index + 1 < len(files) and 0 < first_number(files[index + 1].name) <= after + 1:
            continue
        with path.open("rb") as stream:
            for place, (raw, _size, whole) in enumerate(split_lines(stream), 1):
                if whole and (line := parse(raw, place)).sequence > after:
                    yield line


def parse_header(line: bytes) -> Line | None:
    """The first line of a file, None when it is not one of this format."""
    try:
        header = parse(line)
    except JournalUnreadable:
        return None
    facts = header.facts
    held = header.kind == HEADER_KIND and facts.get("version") == FORMAT_VERSION
    return header if held and len(str(facts.get("previous", ""))) == len(GENESIS) else None


def number_of(line: bytes) -> int:
    """The number of what has the outer form of a line, else -1."""
    if line[:5] != b'{"n":' or line[-TAIL:-66] != HASH_FIELD or line[-2:] != b'"}':
        return -1
    digits = line[5 : line.find(b",", 5, 26)]
    return int(digits) if digits.isdigit() and len(digits) < 20 else -1


def split_lines(stream: BinaryIO) -> Iterator[tuple[bytes, int, bool]]:
    """(line without newline, its bytes with newline, whole). Of a line above MAX_LINE only the length is told."""
    rest, skipped = b"", 0
    while block := stream.read(_READ):
        pieces = (rest + block).split(b"\n")
        rest = pieces.pop()
        for piece in pieces:
            size = skipped + len(piece) + 1
            yield (piece if size <= MAX_LINE else b""), size, True
            skipped = 0
        if skipped or len(rest) > MAX_LINE:
            skipped, rest = skipped + len(rest), b""
    if rest or skipped:
        yield rest, skipped + len(rest), False
