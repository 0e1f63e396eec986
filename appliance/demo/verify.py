"""Was everything recorded that the cameras sent, and is every gap explained? Pure functions over plain facts.

The ground truth is what the cameras say they sent (counter and UTC of each picture); the claim is the recorder's
timeline and the counters found in its pictures. All times are UTC microseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from appliance.core.cause import GapCause

TOLERANCE_US = 1_200_000
"""us between the camera's instant and the recorder's date for it: arrival, clock estimate, one picture at 10 fps."""

EDGE_US = 400_000
"""us at a span's border in which a picture may belong to either side: dates of pictures are estimates to a tick."""


ERASED = frozenset({GapCause.ERASED.name, "NOT_KEPT"})
"""Names of what the ring has reused: between kept spans, and before the oldest (the page's own name for it)."""

TOO_YOUNG_US = 60_000_000
"""us. The demonstration's ring holds more than a minute: what is younger cannot have been erased by its lapping."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A picture that was sent. `damaged`: packets of it were withheld."""

    counter: int
    utc_us: int
    damaged: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap of the recorder's timeline."""

    from_us: int
    to_us: int
    cause: str


@dataclass(frozen=True, slots=True)
class Expected:
    """A gap that the script must have caused: it begins near `from_us` and is over by `until_us` (None: open)."""

    from_us: int
    until_us: int | None
    cause: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one stream between `from_us` and `to_us`.

    `found`: counters in the recorded pictures; `burnt`: (counter in the SEI, counter read from the picture or None)
    of the pictures that were decoded; `decode_errors`: pictures that could not be decoded. `asked_us`: when the
    timeline was asked for.
    """

    camera: str
    stream: str
    from_us: int
    to_us: int
    sent: Sequence[Sent]
    spans: Sequence[tuple[int, int]]
    gaps: Sequence[Gap]
    expected: Sequence[Expected]
    found: Sequence[int]
    burnt: Sequence[tuple[int, int | None]]
    decode_errors: int = 0
    asked_us: int = 0


@dataclass(slots=True)
class Verdict:
    """What came out for one stream. `problems`: (French, English); empty = sound."""

    camera: str
    stream: str
    seconds: float = 0.0
    pictures: int = 0
    gaps: list[tuple[Gap, bool]] = field(default_factory=list)  # with: expected
    expected: int = 0
    matched: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)


def judge(evidence: Evidence) -> Verdict:
    """Compare claim and truth of one stream."""
    verdict = Verdict(evidence.camera, evidence.stream)
    verdict.seconds = sum(end - start for start, end in evidence.spans) / 1e6
    verdict.pictures = len(set(evidence.found))
    _judge_gaps(evidence, verdict)
    _judge_pictures(evidence, verdict)
    return verdict


def _judge_gaps(evidence: Evidence, verdict: Verdict) -> None:
    open_expected = list(evidence.expected)
    for gap in evidence.gaps:
        if gap.cause in ERASED and gap.to_us < evidence.asked_us - TOO_YOUNG_US:
            # disks lap apart: a chunk of one may go while older video is still on the other
            verdict.gaps.append((gap, True))
            open_expected = [e for e in open_expected if not gap.from_us <= e.from_us <= gap.to_us]
            continue
        match = next((e for e in open_expected if _explains(e, gap)), None)
        verdict.gaps.append((gap, match is not None))
        length = (gap.to_us - gap.from_us) / 1e6
        if match is None:
            fr = f"trou de {length:.1f} s que rien n'explique ({gap.cause})"
            verdict.problems.append((fr, f"gap of {length:.1f} s that nothing explains ({gap.cause})"))
            continue
        open_expected.remove(match)
        verdict.matched += 1
        if gap.cause != match.cause:
            verdict.problems.append(
                (f"cause {gap.cause} au lieu de {match.cause}", f"cause {gap.cause} instead of {match.cause}")
            )
        if match.until_us is not None and gap.to_us > match.until_us:
            late = (gap.to_us - match.until_us) / 1e6
            verdict.problems.append((f"revenue {late:.1f} s trop tard", f"back {late:.1f} s too late"))
    verdict.expected = verdict.matched + len(open_expected)
    verdict.problems += [
        (f"trou attendu et non signalé : {e.cause}", f"expected gap not reported: {e.cause}") for e in open_expected
    ]


def _explains(expected: Expected, gap: Gap) -> bool:
    starts_near = abs(gap.from_us - expected.from_us) <= TOLERANCE_US
    inside = expected.until_us is not None and expected.from_us - TOLERANCE_US <= gap.from_us < expected.until_us
    return starts_near or inside


def _judge_pictures(evidence: Evidence, verdict: Verdict) -> None:
    found = set(evidence.found)
    known = {sent.counter for sent in evidence.sent}
    missing = [
        sent
        for sent in evidence.sent
        if sent.counter not in found
        and not sent.damaged
        and any(start + EDGE_US <= sent.utc_us < end - EDGE_US for start, end in evidence.spans)
    ]
    if missing:
        first = missing[0].counter
        fr = f"{len(missing)} images envoyées manquent, dès la n° {first}"
        verdict.problems.append((fr, f"{len(missing)} pictures sent are missing, from no. {first}"))
    newest = max(known, default=-1)  # the camera goes on while the recording is read back
    strangers = {counter for counter in found - known if counter < newest}
    if strangers:
        fr = f"{len(strangers)} images que la caméra n'a jamais envoyées"
        verdict.problems.append((fr, f"{len(strangers)} pictures that the camera never sent"))
    if not found:
        verdict.problems.append(("aucune image relue", "no picture read back"))
    wrong = [pair for pair in evidence.burnt if pair[1] != pair[0] & 0xFFFFFFFF]
    if wrong or not evidence.burnt:
        fr = f"compteur incrusté illisible ou faux sur {len(wrong)} images"
        verdict.problems.append((fr, f"burnt-in counter unreadable or wrong in {len(wrong)} pictures"))
    if evidence.decode_errors:
        verdict.problems.append(
            (f"{evidence.decode_errors} images indécodables", f"{evidence.decode_errors} pictures cannot be decoded")
        )
