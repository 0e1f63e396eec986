"""A stream's history as a person reads it: recorded spans, and between them gaps, each with its cause.

Pure functions over the recorder's `spans` answer. All times are UTC microseconds, intervals half open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from appliance.core.cause import GapCause

TOUCHING_US: Final = 100_000
"""us. Spans nearer than this touch: the last picture's duration is an estimate, up to a frame at 10 fps wrong."""

TAIL_US: Final = 3_000_000
"""us. The durable mark follows the present by up to a tick and a flush; a tail later than this is a gap."""

SLIVER_US: Final = 3_000_000
"""us. Both streams of a camera stop and come back within a keyframe of each other: less beside a common gap is it."""

NOT_KEPT: Final = "NOT_KEPT"
"""Code of the time before the oldest picture held: never recorded, or erased when due."""

UNKNOWN: Final = "UNKNOWN"
"""Code when the recorder gave no cause: said, not guessed."""

NOT_YET: Final = "NOT_YET"
"""Code of an instant behind the durable mark: not on disk yet, or in the future."""

_WORDS: Final = {
    NOT_YET: ("pas encore enregistré", "not recorded yet"),
    NOT_KEPT: ("pas d'enregistrement gardé", "no recording kept"),
    UNKNOWN: ("cause non connue", "cause not known"),
}


@dataclass(frozen=True, slots=True)
class Span:
    """An unbroken stretch of video."""

    from_us: int
    to_us: int
    cause: str  # of the gap before it


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without video. `open`: it lasts until now."""

    from_us: int
    to_us: int
    cause: str
    open: bool = False

    def body(self) -> dict[str, Any]:
        """As in the contract's schema Gap."""
        fr, en = words(self.cause)
        return {
            "from_us": self.from_us,
            "to_us": self.to_us,
            "cause": self.cause,
            "fr": fr,
            "en": en,
            "open": self.open,
        }


def words(cause: str) -> tuple[str, str]:
    """A cause code in a few words, French and English."""
    if cause in _WORDS:
        return _WORDS[cause]
    try:
        known = GapCause[cause]
    except KeyError:
        return _WORDS[UNKNOWN]
    return known.label("fr"), known.label("en")


def cause_name(value: object) -> str:
    """A cause as the protocol may give it (name or number), as a name; UNKNOWN for nothing or nonsense."""
    if isinstance(value, str) and value in GapCause.__members__:
        return value
    if isinstance(value, int) and value in list(GapCause):
        return GapCause(value).name
    return UNKNOWN


def read_spans(answer: Mapping[str, Any], from_us: int, to_us: int) -> list[Span]:
    """The answer's spans clipped to the interval, touching ones merged, in time order."""
    merged: list[Span] = []
    for row in sorted(answer["spans"], key=lambda row: (row["from_us"], row["to_us"])):
        start, end = max(row["from_us"], from_us), min(row["to_us"], to_us)
        if end <= start:
            continue
        if merged and start - merged[-1].to_us < TOUCHING_US:
            last = merged.pop()
            merged.append(Span(last.from_us, max(last.to_us, end), last.cause))
        else:
            merged.append(Span(start, end, cause_name(row.get("cause"))))
    return merged


def find_gaps(
    spans: Sequence[Span], from_us: int, to_us: int, *, now_us: int, first_us: int | None, after: str, live: str
) -> list[Gap]:
    """The holes of [from, to) up to now.

    `first_us`: UTC of the stream's oldest picture, None when it has none. `after`: cause given by the first
    span behind the interval, UNKNOWN when there is none. `live`: cause of a gap that is still open.
    """
    end = min(to_us, now_us)
    gaps: list[Gap] = []
    at = from_us
    for span in spans:
        if span.from_us - at >= TOUCHING_US:
            gaps.extend(_hole(at, span.from_us, span.cause, first_us))
        at = max(at, span.to_us)
    still_open = now_us <= to_us and after == UNKNOWN
    if end - at >= (TAIL_US if still_open else TOUCHING_US):
        if first_us is None or first_us >= end:
            gaps.append(Gap(at, end, NOT_KEPT))
        elif still_open:
            gaps.extend(_hole(at, end, live, first_us, still_open=True))
        else:
            gaps.extend(_hole(at, end, after if after != UNKNOWN else live, first_us))
    return gaps


def _hole(start: int, end: int, cause: str, first_us: int | None, *, still_open: bool = False) -> list[Gap]:
    """One hole, cut in two where the oldest picture held stands inside it.

    A run that says NONE followed nothing: before it nothing was recorded, or chunks between were freed.
    """
    if cause == GapCause.NONE.name:
        cause = NOT_KEPT
    if first_us is None or first_us <= start:
        return [Gap(start, end, cause, still_open)]
    if first_us >= end - TOUCHING_US:
        return [Gap(start, end, NOT_KEPT)]
    return [Gap(start, first_us, NOT_KEPT), Gap(first_us, end, cause, still_open)]


def light_only(main: Sequence[Gap], light: Sequence[Gap]) -> list[Gap]:
    """Where the full definition alone is missing: the gaps of main without those of the light stream."""
    found: list[Gap] = []
    for gap in main:
        common = [each for each in light if each.from_us < gap.to_us and each.to_us > gap.from_us]
        at = gap.from_us
        for each in common:
            if each.from_us - at >= SLIVER_US:
                found.append(Gap(at, each.from_us, gap.cause))
            at = max(at, each.to_us)
        if gap.to_us - at >= (SLIVER_US if common else 1):
            found.append(Gap(at, gap.to_us, gap.cause, gap.open))
    return found


def gap_at(gaps: Sequence[Gap], instant_us: int) -> Gap | None:
    """The gap that holds an instant."""
    return next((gap for gap in gaps if gap.from_us <= instant_us < gap.to_us), None)
