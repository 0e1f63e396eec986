"""What makes an object an event: intrusion, loitering, crossing of a line. Pure: tracks and times in, events out.

An object stands where the middle of its box's lower side is. Only findings count, never a guess of where it may have
gone. A rule speaks once about an object and again every COOL_DOWN while it goes on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from appliance.core.units import US_PER_SECOND
from appliance.detection.shapes import Box, Kind, Point, inside
from appliance.detection.track import Track
from appliance.site.bank_holidays import BankHolidays
from appliance.site.calendar import Calendar, CameraRule, RecordingMode, recording_now
from appliance.site.detection import DetectionSettings, LineSettings, ZoneSettings
from appliance.site.table import openings_of

COOL_DOWN_US: Final = 60 * US_PER_SECOND
"""Between two events of one rule about one object."""

OUT_US: Final = {"intrusion": US_PER_SECOND, "loitering": 5 * US_PER_SECOND}
"""How long a foot may be out of a zone, or hidden, without its time there beginning anew."""

OFF_LINE: Final = 0.02
"""Of the picture's width: nearer to a line a foot is on neither side, so that a swaying box crosses nothing."""

EVERYWHERE: Final[tuple[Point, ...]] = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
EVERYWHERE_HITS: Final = 3
"""Findings of an object before it is an intrusion where no zone narrows the picture."""

DEFAULT_DWELL_US: Final = US_PER_SECOND

_SHUT: Final = CameraRule(RecordingMode.OUTSIDE_ACTIVITY)


class Event(NamedTuple):
    """One event. `rule`: intrusion, loitering, line, or a camera truth; `zone`: its name in the site file, "" without.

    `ended`: a camera truth that is over. A camera truth has no kind, no box, and score 1.
    """

    time_us: int
    rule: str
    zone: str = ""
    kind: Kind | None = None
    box: Box | None = None
    score: float = 1.0
    track: int = 0
    ended: bool = False


@dataclass(slots=True)
class _Stay:
    """A track in a zone: since when, last seen there, last told."""

    since_us: int
    last_us: int
    told_us: int | None = None


@dataclass(slots=True)
class _Side:
    """On which side of a line a track's foot was last firmly, and where that was."""

    side: int
    foot: Point
    told_us: int | None = None


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone ready for use. `kinds`: what it is about; `hours` None: whenever the camera is armed."""

    name: str
    rule: str
    polygon: Sequence[Point]
    kinds: frozenset[Kind]
    heights: tuple[float, float]
    dwell_us: int
    hours: Calendar | None
    hits: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line ready for use. `ways`: sides (1 right, -1 left of start to end) that may be come to."""

    name: str
    start: Point
    end: Point
    ways: frozenset[int]
    kinds: frozenset[Kind]
    heights: tuple[float, float]
    hours: Calendar | None


@dataclass(slots=True)
class Rules:
    """The rules of one camera. `aspect`: the picture's width by height."""

    zones: tuple[Zone, ...]
    lines: tuple[Line, ...]
    zone: ZoneInfo
    aspect: float = 16 / 9
    _stays: dict[tuple[int, int], _Stay] = field(default_factory=dict)
    _sides: dict[tuple[int, int], _Side] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: DetectionSettings, zone: ZoneInfo, *, kinds_known: bool = True) -> "Rules":
        """From the site file. `kinds_known` False: nothing tells kinds apart, so any moving object counts."""
        zones = [_zone(entry, kinds_known=kinds_known) for entry in settings.zone]
        lines = [_line(entry, kinds_known=kinds_known) for entry in settings.line]
        if not zones and not lines:
            kinds = _kinds(("person",), kinds_known=kinds_known)
            heights = (0.0, 1.0)
            zones = [Zone("", "intrusion", EVERYWHERE, kinds, heights, DEFAULT_DWELL_US, None, EVERYWHERE_HITS)]
        return cls(tuple(zones), tuple(lines), zone)

    def judge(self, tracks: Iterable[Track], time_us: int, utc_us: int) -> list[Event]:
        """Events of the confirmed tracks that were found at `time_us`; `utc_us` is the same instant for the hours.

        A stay counts from the first finding: who is confirmed after a second has been there for a second.
        """
        events: list[Event] = []
        alive = set()
        open_zones = [entry.hours is None or _within(entry.hours, utc_us, self.zone) for entry in self.zones]
        open_lines = [entry.hours is None or _within(entry.hours, utc_us, self.zone) for entry in self.lines]
        for track in tracks:
            alive.add(track.number)
            if track.seen_us != time_us:
                continue
            for index, zone in enumerate(self.zones):
                if open_zones[index] and self._stays_in(track, index, zone, time_us):
                    events.append(_event(time_us, zone.rule, zone.name, track))
            if not track.confirmed:
                continue
            for index, line in enumerate(self.lines):
                if open_lines[index] and self._crosses(track, index, line, time_us):
                    events.append(_event(time_us, "line", line.name, track))
        for memory in (self._stays, self._sides):
            for key in [key for key in memory if key[0] not in alive]:
                del memory[key]
        return events

    def _stays_in(self, track: Track, index: int, zone: Zone, time_us: int) -> bool:
        key = (track.number, index)
        if not _concerns(track, zone.kinds, zone.heights) or not inside(_held(track.box.foot), zone.polygon):
            return False
        stay = self._stays.get(key)
        if stay is None or time_us - stay.last_us > max(OUT_US[zone.rule], DEFAULT_DWELL_US):
            stay = self._stays[key] = _Stay(time_us, time_us, stay.told_us if stay else None)
        stay.last_us = time_us
        long_enough = time_us - stay.since_us >= zone.dwell_us and track.hits >= zone.hits
        return track.confirmed and long_enough and _tell(stay, time_us)

    def _crosses(self, track: Track, index: int, line: Line, time_us: int) -> bool:
        foot = track.box.foot
        side = self._side_of(foot, line)
        if not side or not _concerns(track, line.kinds, line.heights):
            return False
        before = self._sides.get((track.number, index))
        if before is None:
            self._sides[track.number, index] = _Side(side, foot)
            return False
        crossed = side != before.side and _through(before.foot, foot, line)
        before.side, before.foot = side, foot
        return crossed and side in line.ways and _tell(before, time_us)

    def _side_of(self, foot: Point, line: Line) -> int:
        """1 right, -1 left (as seen from start to end), 0 on the line."""
        (ax, ay), (bx, by) = line.start, line.end
        across, down = bx - ax, (by - ay) / self.aspect
        length = (across * across + down * down) ** 0.5
        off = (across * (foot[1] - ay) / self.aspect - down * (foot[0] - ax)) / length
        return 0 if abs(off) < OFF_LINE else (1 if off > 0 else -1)


def _event(time_us: int, rule: str, name: str, track: Track) -> Event:
    return Event(time_us, rule, name, track.kind, track.box, round(track.score, 3), track.number)


def _held(foot: Point) -> Point:
    """A foot cut off by the lower side of the picture stands just above it."""
    return foot[0], min(foot[1], 0.999)


def _concerns(track: Track, kinds: frozenset[Kind], heights: tuple[float, float]) -> bool:
    return track.kind in kinds and heights[0] <= track.box.height <= heights[1]


def _tell(what: _Stay | _Side, time_us: int) -> bool:
    if what.told_us is not None and time_us - what.told_us < COOL_DOWN_US:
        return False
    what.told_us = time_us
    return True


def _through(a: Point, b: Point, line: Line) -> bool:
    """True when the way from `a` to `b` passes between the ends of the line."""
    c, d = line.start, line.end
    return _turn(c, a, b) * _turn(d, a, b) <= 0


def _turn(p: Point, a: Point, b: Point) -> float:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def _within(hours: Calendar, utc_us: int, zone: ZoneInfo) -> bool:
    return not recording_now(_SHUT, hours, utc_us, zone)


def _hours(texts: tuple[str, ...] | None) -> Calendar | None:
    """The same hours on each day of the year."""
    return None if texts is None else Calendar(week=(openings_of(texts),) * 7, bank_holidays=BankHolidays.NONE)


def _kinds(objects: tuple[str, ...], *, kinds_known: bool) -> frozenset[Kind]:
    return frozenset(map(Kind, objects)) if kinds_known else frozenset({Kind.MOTION})


def _zone(entry: ZoneSettings, *, kinds_known: bool) -> Zone:
    heights = (entry.min_height, entry.max_height)
    kinds = _kinds(entry.objects, kinds_known=kinds_known)
    dwell = round(entry.dwell_s * US_PER_SECOND)
    return Zone(entry.name, entry.rule, entry.polygon, kinds, heights, dwell, _hours(entry.hours))


def _line(entry: LineSettings, *, kinds_known: bool) -> Line:
    ways = {"both": {1, -1}, "to_right": {1}, "to_left": {-1}}[entry.direction]
    heights = (entry.min_height, entry.max_height)
    kinds = _kinds(entry.objects, kinds_known=kinds_known)
    return Line(entry.name, entry.start, entry.end, frozenset(ways), kinds, heights, _hours(entry.hours))
