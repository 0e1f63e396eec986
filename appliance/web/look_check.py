"""Are the rows of who looked at what those that the journal proves? Its chain first, then each row against its lines.

`compare` is pure. A row that was changed, taken out or added is found, as is any change of the journal itself except
the removal of its very end, which the anchors on the recording disks show (`appliance journal verify`).
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from appliance.accounts.look import KEPT_US, Given, Look, Reason
from appliance.accounts.look_store import Entry, Refusal, Rows, Seen
from appliance.core.chain import Head, Line, Value, journal_files, read
from appliance.core.chain_verify import Verification, verify
from appliance.web.aim_check import ToldAims
from appliance.web.second_check import ToldRequests

SHOWN: Final = 20
"""Problems told one by one; a journal that was written anew has thousands."""

Words = tuple[str, str]
"""A sentence in French and in English."""


@dataclass(frozen=True, slots=True)
class JournalFiles:
    """Where the journal of this process lies. `flush` returns when all that was told is in its files."""

    folder: Path
    process: str
    flush: Callable[[], Awaitable[Head]]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found. `lines`: of the journal; `unproven`: rows older than the journal; `count` of all problems."""

    lines: int
    looks: int
    unproven: int
    head: Head
    problems: tuple[Words, ...]
    count: int

    @property
    def ok(self) -> bool:
        """Nothing was changed, taken out or added."""
        return self.count == 0


def check(files: JournalFiles, rows: Rows, now_us: int) -> Checked:
    """Read the whole journal, once for its chain and once for its lines. Blocks. Raises OSError."""
    paths = journal_files(files.folder, files.process)
    chain = verify(paths)
    unproven, problems = 0, [_chain(chain)] if not chain.ok else []
    if chain.ok:
        unproven, problems = compare(read(paths), rows, now_us)
    count = chain.count or len(problems)
    return Checked(chain.lines, len(rows.looks), unproven, chain.head, tuple(problems[:SHOWN]), count)


@dataclass(slots=True)
class _Told:
    """What the lines say."""

    first_us: int | None = None
    looks: dict[int, dict[str, Value]] = field(default_factory=dict)
    opened_us: dict[int, int] = field(default_factory=dict)
    seen: set[Seen] = field(default_factory=set)
    justified_us: dict[int, int] = field(default_factory=dict)
    refusals: dict[tuple[Value, ...], list[int]] = field(default_factory=lambda: defaultdict(list))
    seconds: ToldRequests = field(default_factory=ToldRequests)
    aims: ToldAims = field(default_factory=ToldAims)

    def take(self, line: Line) -> None:
        if self.first_us is None:
            self.first_us = line.stamp.utc_us
        facts, number = line.facts, int(line.facts.get("look", 0))
        match line.kind:
            case "look-opened":
                self.looks[number] = {"to_us": "", "alert": "", "closed_us": "", "justification": "", **facts}
                self.opened_us[number] = line.stamp.utc_us
            case "look-bounded" | "look-closed" if number in self.looks:
                self.looks[number] |= facts
            case "look-justified" if number in self.looks:
                self.looks[number]["justification"] = facts["text"]
                self.justified_us[number] = line.stamp.utc_us
            case "look-seen":
                stretch = int(facts["from_us"]), int(facts["to_us"])
                self.seen.add(Seen(number, str(facts["camera"]), str(facts["stream"]), *stretch))
            case "look-refused":
                self.refusals[tuple(facts[name] for name in Refusal._fields if name != "utc_us")].append(
                    line.stamp.utc_us
                )
            case _:
                self.seconds.take(line)
                self.aims.take(line)


def compare(lines: Iterable[Line], rows: Rows, now_us: int) -> tuple[int, list[Words]]:
    """(rows older than the journal, what does not agree)."""
    told = _Told()
    for line in lines:
        told.take(line)
    first_us = now_us if told.first_us is None else told.first_us
    old = [entry for entry in rows.looks if entry.look.opened_us < first_us]
    known = {entry.number for entry in rows.looks}
    proven = [entry for entry in rows.looks if entry.look.opened_us >= first_us]
    problems = [_row(each.number) for each in proven if _facts(each) != _same(told.looks.get(each.number, {}))]
    kept_us = now_us - KEPT_US
    problems += [_gone(number) for number, at in told.opened_us.items() if number not in known and at >= kept_us]
    before = {entry.number for entry in old}
    problems += [_stretch(each.look) for each in rows.seen if each.look not in before and each not in told.seen]
    problems += [_stretch(number) for number in _uncovered(told.seen, rows.seen) if number in known]
    added = (each for each in rows.refusals if each.utc_us >= first_us and tuple(each[1:]) not in told.refusals)
    problems += [_refusal(each.who) for each in added]
    changed, gone = told.seconds.differing(rows.seconds, first_us, now_us)
    problems += [*map(_request, changed), *map(_request_gone, gone)]
    changed, gone = told.aims.differing(rows.aims, first_us, now_us)
    problems += [*map(_aim, changed), *map(_aim_gone, gone)]
    return len(old), problems


def told_rows(files: JournalFiles, now_us: int) -> tuple[Rows, int]:
    """The rows that the journal tells, those kept by now, and when it began. Blocks.

    Raises OSError, JournalUnreadable.
    """
    told = _Told()
    for line in read(journal_files(files.folder, files.process)):
        told.take(line)
    kept = {number for number, at in told.opened_us.items() if at >= now_us - KEPT_US}
    looks = [_entry(number, told.looks[number], told.justified_us.get(number)) for number in sorted(kept)]
    seen = sorted(each for each in told.seen if each.look in kept)
    refusals = [Refusal(at, *facts) for facts, times in told.refusals.items() for at in times]  # type: ignore[arg-type]
    rows = Rows(looks, seen, sorted(refusals), told.seconds.kept(now_us), told.aims.kept(now_us))
    return rows, now_us if told.first_us is None else told.first_us


def _entry(number: int, facts: Mapping[str, Value], justified_us: int | None) -> Entry:
    def instant(name: str) -> int | None:
        return None if facts[name] == "" else int(facts[name])

    given = Given(Reason(str(facts["reason"])), str(facts["text"]), str(facts["number"]), instant("alert"))
    cameras, times = frozenset(str(facts["cameras"]).split(",")), (int(facts["from_us"]), instant("to_us"))
    look = Look(str(facts["who"]), given, cameras, *times, int(facts["opened_us"]), instant("closed_us"))
    return Entry(number, str(facts["function"]), look, justified_us, str(facts["justification"]))


def _facts(entry: Entry) -> dict[str, Value]:
    look, given = entry.look, entry.look.given
    return {
        "who": look.who,
        "function": entry.function,
        "reason": given.reason.value,
        "text": given.text,
        "number": given.number,
        "alert": "" if given.alert is None else given.alert,
        "cameras": ",".join(sorted(look.cameras)),
        "from_us": look.from_us,
        "opened_us": look.opened_us,
        "to_us": "" if look.to_us is None else look.to_us,
        "closed_us": "" if look.closed_us is None else look.closed_us,
        "justification": entry.justification,
    }


def _same(facts: dict[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in facts.items() if name != "look"}


def _uncovered(lines: Iterable[Seen], rows: Iterable[Seen]) -> list[int]:
    """Looks of which a stretch was entered that no row holds any more."""
    held: defaultdict[tuple[int, str, str], list[tuple[int, int]]] = defaultdict(list)
    for row in rows:
        held[row[:3]].append((row.from_us, row.to_us))
    return sorted(
        {line.look for line in lines if not any(a <= line.from_us and line.to_us <= b for a, b in held[line[:3]])}
    )


def _chain(found: Verification) -> Words:
    first = found.problems[0]
    return (
        f"Le journal a été modifié\u202f: {found.count} anomalies, la première dans {first.file}, ligne {first.line}",
        f"The journal was changed: {found.count} faults, the first in {first.file}, line {first.line}",
    )


def _row(number: int) -> Words:
    return (
        f"La consultation n° {number} n'est pas celle que le journal a inscrite",
        f"Viewing number {number} is not the one that the journal entered",
    )


def _gone(number: int) -> Words:
    return (
        f"La consultation n° {number} est inscrite au journal et manque dans la liste",
        f"Viewing number {number} is in the journal and missing from the list",
    )


def _stretch(number: int) -> Words:
    return (
        f"Les séquences vues de la consultation n° {number} ne sont pas celles du journal",
        f"The stretches seen of viewing number {number} are not those of the journal",
    )


def _refusal(who: str) -> Words:
    return (
        f"Un refus fait à {who} n'est pas au journal",
        f"A refusal to {who} is not in the journal",
    )


def _request(number: int) -> Words:
    return (
        f"La demande d'accord n° {number} n'est pas celle que le journal a inscrite",
        f"Request number {number} to a second person is not the one that the journal entered",
    )


def _request_gone(number: int) -> Words:
    return (
        f"La demande d'accord n° {number} est inscrite au journal et manque dans la liste",
        f"Request number {number} to a second person is in the journal and missing from the list",
    )


def _aim(number: int) -> Words:
    return (
        f"Le réglage de cadrage n° {number} n'est pas celui que le journal a inscrit",
        f"Aiming number {number} is not the one that the journal entered",
    )


def _aim_gone(number: int) -> Words:
    return (
        f"Le réglage de cadrage n° {number} est inscrit au journal et manque dans la liste",
        f"Aiming number {number} is in the journal and missing from the list",
    )
