"""Rows of the index as a stream's history: stretches without holes, and what each hole comes from. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from appliance.core.cause import GapCause
from appliance.ring.index.rows import SpanRow

LAST_PARTS: Final = 13
"""Parts of a stream that the tick under way may hold when everything stops: 5 s of them, of a disk that was slow. A
chunk that the ring gives back holds minutes."""

LAST_TICK_US: Final = 5_000_000
"""The same in microseconds."""

_CUTS: Final = frozenset({GapCause.POWER, GapCause.APPLIANCE_OFF})
"""What can take the last tick with it."""


@dataclass(frozen=True, slots=True)
class StreamSpan:
    """An unbroken stretch of one run, UTC microseconds; `cause`: GapCause of the hole before it."""

    run: int
    from_us: int
    to_us: int
    cause: int


def _follows(last: SpanRow, span: SpanRow) -> bool:
    """Does this stretch of the same run go on where the other ends, or lie in it (parts that are on two disks)?"""
    return last.last_sequence + 1 == span.first_sequence or (
        last.first_sequence <= span.first_sequence <= last.last_sequence and span.from_us < last.to_us
    )


def merged(
    found: dict[tuple[int, int], SpanRow], from_us: int, to_us: int, lost: Sequence[tuple[int, int]]
) -> list[StreamSpan]:
    """Rows as stretches without holes, cut to [from, to). Pure.

    `found`: rows by (run, first sequence) or any key that sorts them in time; `lost`: [from, to) of what is on a disk
    that is not here.
    """
    stretches: list[SpanRow] = []
    last: SpanRow | None = None  # the stretch under way; its end so far is in `to_us` and `sequence`
    to_us_so_far = sequence = 0
    for _, span in sorted(found.items()):
        if last is not None:
            if span.run == last.run and span.first_sequence == sequence + 1 and span.from_us >= to_us_so_far:
                to_us_so_far, sequence = span.to_us, span.last_sequence  # nearly every row: a day has 700 of them
                continue
            last = last._replace(to_us=to_us_so_far, last_sequence=sequence)
            if last.run == span.run and _follows(last, span):
                to_us_so_far, sequence = max(last.to_us, span.to_us), max(last.last_sequence, span.last_sequence)
                continue
            stretches.append(last)
            missing = span.first_sequence - sequence - 1  # parts are numbered without holes
            if missing > 0 and any(start < span.from_us and last.to_us < end for start, end in lost):
                span = span._replace(cause=int(GapCause.DISK))  # noqa: PLW2901
            elif missing > (LAST_PARTS if span.run != last.run and span.cause in _CUTS else 0):
                # what lay between was stored and has been given back to the ring
                span = span._replace(cause=int(GapCause.ERASED))  # noqa: PLW2901
        last, to_us_so_far, sequence = span, span.to_us, span.last_sequence
    if last is not None:
        stretches.append(last._replace(to_us=to_us_so_far, last_sequence=sequence))
    return [StreamSpan(s.run, max(s.from_us, from_us), min(s.to_us, to_us), s.cause) for s in _cut_short(stretches)]


def _cut_short(stretches: Sequence[SpanRow]) -> list[SpanRow]:
    """A run that changed its disk in the very last tick may lack that tick's first half and have its second one: the
    hole between was never written, and comes from what ended the run.
    """
    told = list(stretches)
    for i in range(1, len(told) - 1):
        before, span, after = told[i - 1 : i + 2]
        if (
            span.cause == GapCause.ERASED
            and before.run == span.run != after.run
            and after.cause in _CUTS
            and span.from_us - before.to_us <= LAST_TICK_US
            and span.to_us - span.from_us <= LAST_TICK_US
        ):
            told[i] = span._replace(cause=after.cause)
    return told
