"""The proof over a journal's files: what is broken, what is missing, and where. Format and limits: `core.chain`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

from appliance.core.chain import (
    GENESIS,
    TAIL,
    Begin,
    Head,
    Line,
    first_number,
    is_damaged,
    number_of,
    parse_header,
    split_lines,
)

MAX_PROBLEMS: Final = 100
"""Problems told one by one; the others are counted. A file of noise would otherwise fill the memory."""

PLAUSIBLE_LINES: Final = 1 << 24
"""Lines of one file at most. A number further from the file's first is damage, not a count."""


class ProblemKind(StrEnum):
    """What can be wrong with a journal."""

    BROKEN_LINE = "broken-line"  # no line at all, or its hash does not follow from the line before
    MISSING_LINES = "missing-lines"  # numbers skipped
    BROKEN_JOIN = "broken-join"  # a file that does not go on from the one before
    MISSING_FILE = "missing-file"
    TORN = "torn"  # an incomplete line that is not the end of the newest file
    TRUNCATED = "truncated"  # an anchor beyond the last line: whole lines were removed at the end
    ANCHOR = "anchor"  # an anchored line is there with another hash: the journal was written anew


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. `line` counts from 1 in `file`; 0 when no line can be named. Numbers `first`..`last` concerned."""

    kind: ProblemKind
    file: str
    line: int
    first: int
    last: int
    why: str


@dataclass(slots=True)
class Findings:
    """The first MAX_PROBLEMS problems; `count` of all."""

    problems: list[Problem] = field(default_factory=list)
    count: int = 0

    def add(self, problem: Problem) -> None:
        self.count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


@dataclass(slots=True)
class FileScan:
    """What one file holds. `end`: bytes up to the last whole line; `torn`: bytes of an incomplete line behind it.

    `header`: its first line when that is one. `good`: the last line before the first problem, `last`: the last one
    that tells a number, whether it holds or not; both None when there is none. `lines`: whole lines, good or not.
    """

    name: str
    lines: int = 0
    end: int = 0
    torn: int = 0
    header: Line | None = None
    good: Head | None = None
    last: Head | None = None

    def next_number(self) -> int:
        """A number that no line of this file can have had, damaged as it may be."""
        number = first_number(self.name) + max(1, self.lines)
        if self.last is not None and 0 <= self.last.sequence - first_number(self.name) < PLAUSIBLE_LINES:
            number = max(number, self.last.sequence + 1)
        return number


class _Scanner:
    """The state of one pass over one file."""

    def __init__(self, found: FileScan, findings: Findings, anchors: Mapping[int, tuple[str, ...]]) -> None:
        self.found = found
        self.findings = findings
        self.anchors = anchors
        self.expected = -1  # number of the next line, -1 while unknown
        self.previous: bytes | None = None  # hash of the line before, None while unknown
        self.sound = True

    def feed(self, line: bytes) -> None:
        """The next whole line, without its newline."""
        number = number_of(line)
        stated = line[-66:-2]
        if self.found.lines == 0:
            self._first(line)
        self.found.lines += 1
        if number < 0:
            self._keep_last()
            self._problem(ProblemKind.BROKEN_LINE, self.expected, self.expected, "not a line of a journal")
            self.expected, self.previous = (self.expected + 1 if self.expected >= 0 else -1), None
            return
        previous = self.previous
        if previous is not None and sha256(previous + line[:-TAIL]).hexdigest().encode() != stated:
            self._problem(ProblemKind.BROKEN_LINE, number, number, "hash")
        if number != self.expected >= 0:
            if number > self.expected:
                self._problem(ProblemKind.MISSING_LINES, self.expected, number - 1, "numbers skipped")
            else:
                self._problem(ProblemKind.BROKEN_LINE, number, number, f"number {self.expected} expected")
        if number in self.anchors and any(anchor.encode() != stated for anchor in self.anchors[number]):
            why = "another hash than the anchor's"  # the line follows from those before: not the damage of a disk
            self.findings.add(Problem(ProblemKind.ANCHOR, self.found.name, self.found.lines, number, number, why))
        self.expected, self.previous = number + 1, stated

    def finish(self) -> None:
        """No more lines."""
        self._keep_last()
        if self.sound:
            self.found.good = self.found.last

    def _first(self, line: bytes) -> None:
        header = parse_header(line)
        self.found.header = header
        if header is None:
            self._problem(ProblemKind.BROKEN_LINE, -1, -1, "not the first line of a journal's file")
        else:
            self.expected, self.previous = header.sequence, str(header.facts["previous"]).encode()

    def _keep_last(self) -> None:
        if self.found.lines and self.previous is not None:
            self.found.last = self._head()

    def _head(self) -> Head:
        return Head(self.expected - 1, (self.previous or b"").decode("ascii", "replace"))

    def _problem(self, kind: ProblemKind, first: int, last: int, why: str) -> None:
        if self.sound and self.found.lines > 1:
            self.found.good = self._head()
        self.sound = False
        self.findings.add(Problem(kind, self.found.name, max(1, self.found.lines), first, last, why))


def scan(
    name: str, stream: BinaryIO, findings: Findings, anchors: Mapping[int, tuple[str, ...]] | None = None
) -> FileScan:
    """Check one file by itself, in one pass with bounded memory; problems go to `findings`. Raises OSError.

    `anchors`: hashes by number; a line there with another hash is a problem. After a line that does not hold the
    pass goes on from what that line says of itself, so one edit is one finding, not one for each line behind it.
    """
    found = FileScan(name)
    scanner = _Scanner(found, findings, anchors or {})
    for line, size, whole in split_lines(stream):
        if not whole:
            found.torn = size
            break
        scanner.feed(line)
        found.end += size
    scanner.finish()
    return found


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found. `lines`: whole lines read; `first`: number of the first one, 0 when there is none.

    `head`: the end of the chain. `torn`: bytes of an unfinished line at the end of the newest file: a write under way
    or a power cut, no problem. `count`: all problems, of which `problems` are the first.
    """

    lines: int
    first: int
    head: Head
    torn: int
    problems: tuple[Problem, ...]
    count: int

    @property
    def ok(self) -> bool:
        """True when nothing was removed or changed, as far as the anchors reach."""
        return self.count == 0


def verify(files: Sequence[Path], anchors: Iterable[Head] = (), *, kept_from: int = 1) -> Verification:
    """Check a whole journal: `files` in order (`journal_files`). Reads each file once, bounded memory, blocks.

    `anchors`: heads exported earlier, without which a removal at the very end cannot be seen (see the module).
    `kept_from`: lines below this number may be gone, their time being over; by default none may.
    A live journal may be verified while it is written. A file that cannot be read is a problem, not an error.
    """
    findings = Findings()
    by_number: dict[int, tuple[str, ...]] = {}
    for anchor in anchors:
        by_number[anchor.sequence] = (*by_number.get(anchor.sequence, ()), anchor.hash)
    lines, first, head = 0, 0, Head(0, GENESIS)
    found: FileScan | None = None
    for index, path in enumerate(files):
        before, found = found, _scan_path(path, findings, by_number)
        _check_join(before, found, kept_from, findings)
        if index < len(files) - 1 and not is_damaged(path.name):
            _check_end(found, findings)
        lines += found.lines
        first = first or (found.header.sequence if found.header else 0)
        head = found.last or head
    beyond = max((number for number in by_number if number > head.sequence), default=0)
    if beyond:
        name = found.name if found else ""
        why = f"an anchor knows line {beyond}"
        findings.add(Problem(ProblemKind.TRUNCATED, name, found.lines if found else 0, head.sequence + 1, beyond, why))
    torn = found.torn if found else 0
    return Verification(lines, first, head, torn, tuple(findings.problems), findings.count)


def _scan_path(path: Path, findings: Findings, anchors: Mapping[int, tuple[str, ...]]) -> FileScan:
    try:
        with path.open("rb", buffering=0) as stream:
            return scan(path.name, stream, findings, anchors)
    except OSError as error:
        number = first_number(path.name)
        findings.add(Problem(ProblemKind.MISSING_FILE, path.name, 0, number, number, error.strerror or str(error)))
        return FileScan(path.name)


def _check_join(before: FileScan | None, found: FileScan, kept_from: int, findings: Findings) -> None:
    """Does this file go on from the one before? A file without a first line has been reported already."""
    header = found.header
    if header is None:
        return
    number, facts = header.sequence, header.facts
    named = str(facts.get("previous_file", ""))
    if before is None:
        if number > max(1, kept_from):
            findings.add(Problem(ProblemKind.MISSING_FILE, named or found.name, 0, 1, number - 1, "older lines"))
        return
    if facts.get("reason") == Begin.DAMAGED:
        due = Head(before.next_number() - 1, before.good.hash if before.good else GENESIS)
    else:
        due = before.last or Head(0, GENESIS)
    if Head(number - 1, str(facts["previous"])) == due:
        return
    if named != before.name:
        kind, name, place, why = ProblemKind.MISSING_FILE, named, 0, f"{found.name} goes on from it"
    elif number - 1 > due.sequence:
        kind, name, place, why = ProblemKind.MISSING_LINES, before.name, before.lines, "lines missing at the end"
    else:
        kind, name, place, why = ProblemKind.BROKEN_JOIN, found.name, 1, f"does not go on from {before.name}"
    findings.add(Problem(kind, name, place, due.sequence + 1, max(due.sequence + 1, number - 1), why))


def _check_end(found: FileScan, findings: Findings) -> None:
    """An older file ends with a whole line: the next one was begun behind it."""
    if found.torn:
        after = found.last.sequence + 1 if found.last else 0
        why = f"{found.torn} bytes that are no line"
        findings.add(Problem(ProblemKind.TORN, found.name, found.lines + 1, after, after, why))
