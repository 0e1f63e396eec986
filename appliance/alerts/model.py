"""What an alert is made of: the signals that feed it, what it says, what a person answers. Plain values.

An alert asks a person to look; nothing in the product acts upon one by itself. What is kept of a signal is a box,
a class, a time and a score: nothing that identifies anybody.
"""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple

PRESENCE = "presence"
"""Rule of a signal that only says who is still there: it feeds an alert that is open, and is no reason of it."""


class Source(StrEnum):
    """Who raised the signal."""

    RULE = "rule"  # a rule on what detection saw
    CAMERA = "camera"  # the camera's own truth: covered, moved, frozen...
    PERSON = "person"  # somebody reported a fact by hand


class Kind(StrEnum):
    """What it calls for (circular of 26 March 2015: a passive alarm asks for a check, an active one for a call)."""

    PASSIVE = "passive"
    ACTIVE = "active"
    FIRE = "fire"
    TECHNICAL = "technical"


class Severity(IntEnum):
    """In which order alerts are looked at."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Verdict(StrEnum):
    """A person's answer."""

    CONFIRMED = "confirmed"
    FALSE = "false"
    UNCLEAR = "unclear"


class Box(NamedTuple):
    """Left, top, width, height, each a share of the picture (0 to 1)."""

    x: float
    y: float
    w: float
    h: float


class Signal(NamedTuple):
    """One observation of a rule. `score`: 0 to 1; `weight`: the rule's, 0 to 1; `track`: number within a camera."""

    utc_us: int
    camera: str
    source: Source
    kind: Kind
    rule: str
    zone: str = ""
    label: str = ""
    score: float = 1.0
    weight: float = 1.0
    box: Box | None = None
    track: int | None = None
    by: str = ""  # who reported it, for Source.PERSON
    note: str = ""


class ScoreParts(NamedTuple):
    """The anomaly score, in points: at most 40, 30, 20, 10."""

    rule: int
    sight: int
    rarity: int
    persistence: int

    @property
    def total(self) -> int:
        """0 to 100."""
        return sum(self)


@dataclass(slots=True)
class Alert:
    """One alert. `number` 0 until it is stored; times UTC microseconds; `scores`: sum and count of its signals."""

    number: int
    first: Signal
    cameras: tuple[str, ...]
    opened_us: int
    last_us: int
    closed_us: int | None = None
    signals: int = 1
    score_sum: float = 0.0
    weight: float = 0.0
    rarity: float = 1.0
    rules: list[str] = field(default_factory=list)

    @property
    def active(self) -> bool:
        """Does it still go on?"""
        return self.closed_us is None
