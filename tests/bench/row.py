"""A row of `make bench`: how it is declared, what it gives back, and how results are merged.

A row is one number. Its function runs once for a turn, is called three times or more, and its median is the
row's value; `spread` is the lowest and the highest turn. A peer measured in the same turn stands beside it.
"""

import json
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

Better = Literal["lower", "higher"]

LEAST_TURNS: Final = 3
"""Turns of each row: below three a spread says nothing."""


class Turn(NamedTuple):
    """One turn: our number, and the peer's of the same turn if it was measured."""

    value: float
    peer_value: float | None = None


class Missing(Exception):
    """A row cannot be measured on this machine; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller asked for. `quick`: shorter turns, so that all rows take 10 min at most."""

    quick: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A declared row. `measure` runs one turn."""

    name: str
    unit: str
    target: float | None
    better: Better
    peer: str | None
    measure: Callable[[Options], Turn]
    turns: int = LEAST_TURNS


@dataclass(frozen=True, slots=True)
class Result:
    """One line of build/bench.json."""

    name: str
    value: float
    unit: str
    target: float | None
    better: Better
    spread: tuple[float, float]
    peer: str | None
    peer_value: float | None
    command: str
    machine: str

    def met(self) -> bool | None:
        """Whether the target is met; None without a target."""
        if self.target is None:
            return None
        return self.value <= self.target if self.better == "lower" else self.value >= self.target


ROWS: Final[dict[str, Row]] = {}


def row(
    name: str,
    *,
    unit: str,
    better: Better,
    target: float | None = None,
    peer: str | None = None,
    turns: int = LEAST_TURNS,
) -> Callable[[Callable[[Options], Turn]], Callable[[Options], Turn]]:
    """Decorator: declares a row of `make bench`. The function measures one turn, or raises Missing."""
    if turns < LEAST_TURNS:
        raise ValueError(f"{name}: {turns} turns, at least {LEAST_TURNS} are needed for a spread")

    def declare(measure: Callable[[Options], Turn]) -> Callable[[Options], Turn]:
        if name in ROWS:
            raise ValueError(f"two rows named {name}")
        ROWS[name] = Row(name, unit, target, better, peer, measure, turns)
        return measure

    return declare


@contextmanager
def bench_folder() -> Iterator[Path]:
    """An empty folder on the disk of the checkout: /tmp may be memory."""
    build = Path(__file__).resolve().parents[2] / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build, prefix="bench-") as name:
        yield Path(name)


def run_row(what: Row, options: Options, *, machine: str) -> Result:
    """All turns of one row."""
    turns = [what.measure(options) for _turn in range(what.turns)]
    values = [turn.value for turn in turns]
    peers = [turn.peer_value for turn in turns if turn.peer_value is not None]
    return Result(
        name=what.name,
        value=statistics.median(values),
        unit=what.unit,
        target=what.target,
        better=what.better,
        spread=(min(values), max(values)),
        peer=what.peer if peers else None,
        peer_value=statistics.median(peers) if peers else None,
        command=f"make bench ONLY={what.name}" + (" QUICK=1" if options.quick else ""),
        machine=machine,
    )


def merge(known: Sequence[dict[str, object]], new: Sequence[Result]) -> list[dict[str, object]]:
    """One line a name: new results replace old ones in place, others are kept, unknown names come last."""
    lines = {str(line["name"]): line for line in known}
    lines |= {result.name: asdict(result) for result in new}
    return list(lines.values())


def save(file: Path, new: Sequence[Result]) -> None:
    """Merge into the file, whole or not at all: a run that is stopped leaves the old one."""
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(merge(known, new), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    fresh.replace(file)
