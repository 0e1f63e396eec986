"""Dating again what was recorded under a doubtful clock, once a clock is trusted. Pure.

A doubtful part carries a UTC that may be anything, and the monotonic clock of its boot, which is true. Once the boot
has a trusted instant, UTC of its monotonic zero is known, and with it the offset that each of its doubtful runs lacks.
A boot that never had one (dead battery, no network, then another boot) is put at the latest it can have been: it ended
when the next one began. So nothing goes before its time, and what it is kept too long is at most the time that the
appliance was off in between, which nobody knows.

An offset is final, and stands in `nvr-redate` on every recording disk: one line of JSON and its CRC-32. Not in the
catalogue: it must be known before the first row is read from there, and survive its loss. Files are never changed:
parts and tables keep the time they were written with, whoever reads them adds the offset of their run.
"""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from appliance.media.part import PartEntry
from appliance.media.stream import ClockState, StreamKey
from appliance.ring.index.rows import ChunkRow, Held, SpanRow

REDATE: Final = "nvr-redate"
"""The file's name on a recording disk."""

REDATED: Final = 4
"""`clock` of a stretch whose times have been put right; the numbers below are those of ClockState."""

_VERSION: Final = 1

RunId = tuple[str, str, int]
"""(camera, stream, run): runs are numbered through the life of a stream."""


class DoubtfulRun(NamedTuple):
    """A run that is not dated yet. `utc_offset_us`: its UTC minus monotonic time; `to_us`: its end, as written.

    `order`: (generation of its newest chunk, run): rises from boot to boot.
    """

    id: RunId
    boot_id: bytes
    utc_offset_us: int
    to_us: int
    order: tuple[int, int]


def offsets(runs: Iterable[DoubtfulRun], zeros: Mapping[bytes, int], now_boot: bytes) -> dict[RunId, int]:
    """Microseconds to add to each run's UTC. `zeros`: UTC of monotonic zero by boot, that of `now_boot` among them."""
    boots: dict[bytes, list[DoubtfulRun]] = {}
    for run in runs:
        boots.setdefault(run.boot_id, []).append(run)
    found: dict[RunId, int] = {}
    limit = zeros[now_boot]  # the former boot was over when this one began
    for boot, members in sorted(boots.items(), key=lambda item: max(run.order for run in item[1]), reverse=True):
        zero = zeros.get(boot)
        if zero is None:
            zero = limit - max(run.to_us - run.utc_offset_us for run in members)
        if boot != now_boot:
            limit = min(limit, zero)
        found.update({run.id: zero - run.utc_offset_us for run in members})
    return found


class Redating:
    """The offsets known, and what they do to rows, stretches and parts as they were written."""

    def __init__(self) -> None:
        self._offsets: dict[RunId, int] = {}

    @property
    def known(self) -> Mapping[RunId, int]:
        """Microseconds by run."""
        return self._offsets

    def add(self, found: Mapping[RunId, int]) -> dict[RunId, int]:
        """Take further offsets; those that are new. One that is known stays as it is."""
        new = {run: offset for run, offset in found.items() if run not in self._offsets}
        self._offsets.update(new)
        return new

    def keep(self, runs: Iterable[RunId]) -> None:
        """Forget the offsets of runs that no disk holds any more."""
        wanted = set(runs)
        self._offsets = {run: offset for run, offset in self._offsets.items() if run in wanted}

    def entries(self, key: StreamKey, entries: Sequence[PartEntry]) -> Sequence[PartEntry]:
        """Parts with their true times; the same object when nothing is to be put right."""
        if not self._offsets or not any(self._offset(key, e.run, e.clock_state) for e in entries):
            return entries
        return [replace(e, utc_us=e.utc_us + self._offset(key, e.run, e.clock_state)) for e in entries]

    def spans(self, key: tuple[str, str], spans: list[SpanRow]) -> list[SpanRow]:
        """Stretches with their true times."""
        return [self._span(key, span) for span in spans] if self._offsets else spans

    def held(self, held: Held) -> Held:
        """A row of the index and its stretches with their true times."""
        row, spans = held
        dated = self.spans((row.camera, row.stream), spans)
        if dated == spans:
            return held
        return _between(row, dated), dated

    def _offset(self, key: tuple[str, str], run: int, clock: int) -> int:
        return self._offsets.get((*key, run), 0) if clock == ClockState.DOUBTFUL else 0

    def _span(self, key: tuple[str, str], span: SpanRow) -> SpanRow:
        if span.clock != ClockState.DOUBTFUL or (*key, span.run) not in self._offsets:
            return span
        offset = self._offsets[*key, span.run]
        return span._replace(from_us=span.from_us + offset, to_us=span.to_us + offset, clock=REDATED)


def _between(row: ChunkRow, spans: list[SpanRow]) -> ChunkRow:
    return row._replace(first_us=min(s.from_us for s in spans), last_us=max(s.to_us for s in spans))


def encode(found: Mapping[RunId, int]) -> bytes:
    """The file's content."""
    rows = [[*run, offset] for run, offset in sorted(found.items())]
    text = json.dumps({"version": _VERSION, "runs": rows}, separators=(",", ":"), ensure_ascii=False).encode()
    return text + b"\n%08x\n" % zlib.crc32(text)


def decode(data: bytes) -> dict[RunId, int] | None:
    """Offsets of a file; None when it does not hold."""
    text, _, rest = data.partition(b"\n")
    if rest[:8] != b"%08x" % zlib.crc32(text):
        return None
    try:
        told = json.loads(text)
        if told["version"] != _VERSION:
            return None
        return {(str(camera), str(stream), int(run)): int(offset) for camera, stream, run, offset in told["runs"]}
    except (ValueError, KeyError, TypeError):
        return None
