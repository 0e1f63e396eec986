"""events.db: alerts, what was seen of each, people's answers. Owned by the detector's process alone.

Rows are tuples. What is kept dies with the pictures it speaks of: `expire` deletes everything of an alert. Sightings
are bounded: one per rule, track and half second, SIGHTINGS an alert.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from appliance.alerts.errors import ReportEmpty, UnknownAlert, VerdictUnsigned
from appliance.alerts.life import COOL_DOWN_US, QUIET_US
from appliance.alerts.model import Alert, Box, Kind, ScoreParts, Severity, Signal, Source, Verdict
from appliance.alerts.score import WEEKS, score, severity
from appliance.core.database import Database, Execute

SIGHTINGS: Final = 2000
"""Boxes kept of one alert, some 60 bytes each: 15 minutes of one person at two a second."""

SIGHTING_US: Final = 500_000
"""Microseconds between two boxes kept of one track."""

MAX_LIST: Final = 500
"""Alerts in one answer; a page shows 50."""

MAX_PICTURE: Final = 200_000
"""Bytes of the list's picture: a JPEG of 640x360 is 30 to 60 kB."""

WEEK_US: Final = 7 * 86_400_000_000
HOURS_A_WEEK: Final = 168
HOUR_US: Final = 3_600_000_000

STEPS: Final = (
    (
        """CREATE TABLE alert (number INTEGER PRIMARY KEY AUTOINCREMENT, camera TEXT NOT NULL, cameras TEXT NOT NULL,
           source TEXT NOT NULL, kind TEXT NOT NULL, rule TEXT NOT NULL, rules TEXT NOT NULL, zone TEXT NOT NULL,
           label TEXT NOT NULL, opened_us INTEGER NOT NULL, last_us INTEGER NOT NULL, closed_us INTEGER,
           signals INTEGER NOT NULL, score_sum REAL NOT NULL, weight REAL NOT NULL, rarity REAL NOT NULL,
           severity INTEGER NOT NULL, points TEXT NOT NULL, reported_by TEXT NOT NULL, note TEXT NOT NULL,
           hold TEXT NOT NULL DEFAULT '', hold_fault TEXT NOT NULL DEFAULT '', picture BLOB)""",
        "CREATE INDEX alert_opened ON alert (opened_us)",
        "CREATE INDEX alert_camera ON alert (camera, opened_us)",
        """CREATE TABLE sighting (alert INTEGER NOT NULL REFERENCES alert ON DELETE CASCADE, utc_us INTEGER NOT NULL,
           camera TEXT NOT NULL, rule TEXT NOT NULL, label TEXT NOT NULL, track INTEGER, score REAL NOT NULL,
           x REAL, y REAL, w REAL, h REAL)""",
        "CREATE INDEX sighting_alert ON sighting (alert, utc_us)",
        """CREATE TABLE verdict (alert INTEGER NOT NULL REFERENCES alert ON DELETE CASCADE, utc_us INTEGER NOT NULL,
           verdict TEXT NOT NULL, by TEXT NOT NULL, note TEXT NOT NULL)""",
        "CREATE INDEX verdict_alert ON verdict (alert, utc_us)",
        """CREATE TABLE activity (camera TEXT NOT NULL, zone TEXT NOT NULL, hour INTEGER NOT NULL,
           week INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (camera, zone, hour, week)) WITHOUT ROWID""",
        """CREATE TABLE arming (number INTEGER PRIMARY KEY AUTOINCREMENT, camera TEXT NOT NULL, armed INTEGER NOT NULL,
           by TEXT NOT NULL, why TEXT NOT NULL, from_us INTEGER NOT NULL, until_us INTEGER NOT NULL)""",
        "CREATE INDEX arming_camera ON arming (camera, number)",
        """CREATE TABLE suppressed (camera TEXT NOT NULL, hour_us INTEGER NOT NULL, count INTEGER NOT NULL,
           PRIMARY KEY (camera, hour_us)) WITHOUT ROWID""",
    ),
)


State = Literal["all", "todo", "done", "active"]
"""Without a person's answer, with one, still going on."""


class Wanted(NamedTuple):
    """Which alerts of an interval: "" and "all" are any."""

    camera: str = ""
    kind: str = ""
    state: State = "all"


ANY: Final = Wanted()


class Sighting(NamedTuple):
    """A box of an alert; `box` None for a rule without one."""

    utc_us: int
    camera: str
    rule: str
    label: str
    track: int | None
    score: float
    box: Box | None


class Answer(NamedTuple):
    """One verdict, the newest counts."""

    utc_us: int
    verdict: Verdict
    by: str
    note: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An alert of the list. `points`: its score's parts; `hold`: name of the protected copy, "" while there is none,
    `hold_fault` then says why (a code of the closed set of errors).
    """

    number: int
    camera: str
    cameras: tuple[str, ...]
    source: Source
    kind: Kind
    rule: str
    rules: tuple[str, ...]
    zone: str
    label: str
    opened_us: int
    last_us: int
    closed_us: int | None
    severity: Severity
    points: ScoreParts
    reported_by: str
    note: str
    hold: str
    hold_fault: str
    has_picture: bool
    answer: Answer | None


class ArmingWord(NamedTuple):
    """A person's word on one camera: armed or disarmed, by whom, why, from when until when (UTC us)."""

    camera: str
    armed: bool
    by: str
    why: str
    from_us: int
    until_us: int


class WeekRate(NamedTuple):
    """Alerts of a camera in a week that began at `week_us` (UTC), and how many were answered, and were false."""

    camera: str
    week_us: int
    alerts: int
    answered: int
    false: int


class AlertStore:
    """The file and its questions. Every method may be awaited from the event loop."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path, STEPS, "events")
        self._kept: dict[int, dict[tuple[str, str, int | None], int]] = {}  # last box by alert and track
        self._count: dict[int, int] = {}

    async def open(self) -> None:
        """Open the file. Raises DatabaseUnusable, DatabaseTooNew."""
        await self.database.open()

    async def close(self) -> None:
        """Close it."""
        await self.database.close()

    async def opened(self, alert: Alert) -> int:
        """Store a new alert; gives it its number."""
        first, parts = alert.first, score(alert)
        values = (
            first.camera, json.dumps(alert.cameras), first.source.value, first.kind.value, first.rule,
            json.dumps(alert.rules), first.zone, first.label, alert.opened_us, alert.last_us, alert.closed_us,
            alert.signals, alert.score_sum, alert.weight, alert.rarity, int(severity(first.kind, parts.total)),
            json.dumps(parts), first.by, first.note,
        )  # fmt: skip
        sql = """INSERT INTO alert (camera, cameras, source, kind, rule, rules, zone, label, opened_us, last_us,
                 closed_us, signals, score_sum, weight, rarity, severity, points, reported_by, note)
                 VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"""

        def work(execute: Execute) -> int:
            number = execute(sql, values).lastrowid
            assert number is not None
            return number

        alert.number = await self.database.do(work)
        await self.saw(alert.number, [first])
        return alert.number

    async def changed(self, alert: Alert) -> None:
        """Store how an alert has grown or closed."""
        parts = score(alert)
        values = (
            json.dumps(alert.cameras), json.dumps(alert.rules), alert.last_us, alert.closed_us, alert.signals,
            alert.score_sum, alert.weight, int(severity(alert.first.kind, parts.total)), json.dumps(parts),
            alert.number,
        )  # fmt: skip
        sql = """UPDATE alert SET cameras = ?, rules = ?, last_us = ?, closed_us = ?, signals = ?, score_sum = ?,
                 weight = ?, severity = ?, points = ? WHERE number = ?"""
        await self.database.do(lambda execute: execute(sql, values))
        if not alert.active:
            self._kept.pop(alert.number, None)
            self._count.pop(alert.number, None)

    async def saw(self, number: int, signals: Iterable[Signal]) -> None:
        """Keep the boxes of these signals, within the bounds."""
        rows = [
            (number, s.utc_us, s.camera, s.rule, s.label, s.track, s.score, *(s.box or (None,) * 4))
            for s in signals
            if self._keep(number, s)
        ]
        if not rows:
            return
        marks = ",".join("?" * 11)

        def work(execute: Execute) -> None:
            for row in rows:
                execute(f"INSERT INTO sighting VALUES ({marks})", row)  # noqa: S608 - only "?"

        await self.database.do(work)

    def _keep(self, number: int, signal: Signal) -> bool:
        kept = self._kept.setdefault(number, {})
        track = (signal.camera, signal.rule, signal.track)
        last = kept.get(track)
        if last is not None and signal.utc_us - last < SIGHTING_US:
            return False
        count = self._count.get(number, 0)
        if count >= SIGHTINGS:
            return False
        kept[track] = signal.utc_us
        self._count[number] = count + 1
        return True

    async def held(self, number: int, hold: str) -> None:
        """The alert's protected copy."""
        await self._of(number, "UPDATE alert SET hold = ?, hold_fault = '' WHERE number = ?", hold, number)

    async def not_held(self, number: int, fault: str) -> None:
        """Why the alert has no protected copy yet."""
        await self._of(number, "UPDATE alert SET hold_fault = ? WHERE number = ? AND hold = ''", fault, number)

    async def pictured(self, number: int, jpeg: bytes) -> None:
        """The list's picture; a larger one than MAX_PICTURE is left out."""
        if len(jpeg) <= MAX_PICTURE:
            await self._of(number, "UPDATE alert SET picture = ? WHERE number = ?", jpeg, number)

    async def picture(self, number: int) -> bytes | None:
        """The list's picture, None when there is none. Raises UnknownAlert."""
        rows = await self.database.rows("SELECT picture FROM alert WHERE number = ?", number)
        if not rows:
            raise UnknownAlert(number=number)
        return None if rows[0][0] is None else bytes(rows[0][0])

    async def answer(self, number: int, answer: Answer) -> None:
        """A person's verdict. Earlier ones stay. Raises UnknownAlert, VerdictUnsigned."""
        if not answer.by.strip():
            raise VerdictUnsigned
        values = (number, answer.utc_us, answer.verdict.value, answer.by.strip(), answer.note.strip())
        await self._of(
            number,
            """INSERT INTO verdict SELECT ?,?,?,?,? WHERE EXISTS (SELECT 1 FROM alert WHERE number = ?)""",
            *values,
            number,
        )

    async def _of(self, number: int, sql: str, *values: object) -> None:
        if await self.database.do(lambda execute: execute(sql, values).rowcount) != 1:
            raise UnknownAlert(number=number)

    async def suppressed(self, camera: str, utc_us: int) -> None:
        """Count a signal over the cap."""
        hour = utc_us // HOUR_US * HOUR_US
        sql = """INSERT INTO suppressed VALUES (?,?,1)
                 ON CONFLICT (camera, hour_us) DO UPDATE SET count = count + 1"""
        await self.database.do(lambda execute: execute(sql, (camera, hour)))

    async def newest(
        self, from_us: int, to_us: int, limit: int = 50, wanted: Wanted = ANY, skip: int = 0
    ) -> list[Entry]:
        """Alerts opened in [from, to), newest first, `skip` of them left out."""
        where, values = _where(from_us, to_us, wanted)
        sql = f"SELECT {_ENTRY} FROM alert WHERE {where} ORDER BY opened_us DESC, number DESC LIMIT ? OFFSET ?"  # noqa: S608
        rows = await self.database.rows(sql, *values, min(limit, MAX_LIST), skip)
        return [_entry(row) for row in rows]

    async def count(self, from_us: int, to_us: int, wanted: Wanted) -> int:
        """How many alerts opened in [from, to) these are."""
        where, values = _where(from_us, to_us, wanted)
        rows = await self.database.rows(f"SELECT count(*) FROM alert WHERE {where}", *values)  # noqa: S608
        return int(rows[0][0])

    async def entry(self, number: int) -> Entry:
        """One alert. Raises UnknownAlert."""
        rows = await self.database.rows(f"SELECT {_ENTRY} FROM alert WHERE number = ?", number)  # noqa: S608
        if not rows:
            raise UnknownAlert(number=number)
        return _entry(rows[0])

    async def sightings(self, number: int) -> list[Sighting]:
        """Boxes of an alert, in order of time."""
        sql = """SELECT utc_us, camera, rule, label, track, score, x, y, w, h FROM sighting WHERE alert = ?
                 ORDER BY utc_us LIMIT ?"""
        return [
            Sighting(utc_us, camera, rule, label, track, score, None if box[0] is None else Box(*box))
            for utc_us, camera, rule, label, track, score, *box in await self.database.rows(sql, number, SIGHTINGS)
        ]

    async def recent(self, now_us: int, since_us: int) -> list[Alert]:
        """What a Book needs after a restart: alerts still active, in cool-down, or opened since `since_us`."""
        sql = """SELECT number, camera, cameras, source, kind, rule, rules, zone, label, opened_us, last_us, closed_us,
                 signals, score_sum, weight, rarity, reported_by, note FROM alert
                 WHERE closed_us IS NULL OR last_us >= ? OR opened_us >= ? ORDER BY opened_us"""
        rows = await self.database.rows(sql, now_us - QUIET_US - COOL_DOWN_US, since_us)
        return [_alert(row) for row in rows]

    async def active_weeks(self, camera: str, zone: str, utc_us: int) -> int:
        """In how many of the four weeks before did this hour of the week see activity?"""
        hour, week = _hour(utc_us)
        sql = "SELECT count(*) FROM activity WHERE camera = ? AND zone = ? AND hour = ? AND week >= ? AND week < ?"
        rows = await self.database.rows(sql, camera, zone, hour, week - WEEKS, week)
        return int(rows[0][0])

    async def saw_activity(self, camera: str, zone: str, utc_us: int) -> None:
        """Count activity, armed or not: a number, nothing else."""
        hour, week = _hour(utc_us)
        sql = """INSERT INTO activity VALUES (?,?,?,?,1)
                 ON CONFLICT (camera, zone, hour, week) DO UPDATE SET count = count + 1"""
        await self.database.do(lambda execute: execute(sql, (camera, zone, hour, week)))

    async def rates(self, from_us: int) -> list[WeekRate]:
        """False alarms per camera and week (weeks of the Unix epoch, Thursday to Thursday)."""
        sql = """SELECT camera, opened_us / ?1 * ?1 AS week, count(*), count(answer), sum(coalesce(answer = 'false', 0))
                 FROM (SELECT camera, opened_us, (SELECT verdict FROM verdict WHERE alert = number
                 ORDER BY utc_us DESC, rowid DESC LIMIT 1) AS answer FROM alert
                 WHERE opened_us >= ?2 AND source = 'rule')
                 GROUP BY camera, week ORDER BY camera, week"""
        return [WeekRate(*row) for row in await self.database.rows(sql, WEEK_US, from_us)]

    async def arm(self, word: ArmingWord) -> None:
        """A person arms or disarms. Earlier words stay: who did what is never lost before its time."""
        sql = "INSERT INTO arming (camera, armed, by, why, from_us, until_us) VALUES (?,?,?,?,?,?)"
        await self.database.do(lambda execute: execute(sql, tuple(word)))

    async def arming(self) -> dict[str, ArmingWord]:
        """The newest word on each camera."""
        sql = """SELECT camera, armed, by, why, from_us, until_us FROM arming
                 WHERE number IN (SELECT max(number) FROM arming GROUP BY camera)"""
        rows = await self.database.rows(sql)
        return {row[0]: ArmingWord(row[0], bool(row[1]), *row[2:]) for row in rows}

    async def expire(self, before_us: int) -> int:
        """Forget alerts whose last picture is older than `before_us`, and counts too old to matter; how many alerts."""
        _, week = _hour(before_us)

        def work(execute: Execute) -> int:
            execute("DELETE FROM activity WHERE week < ?", (week - WEEKS - 1,))
            execute("DELETE FROM arming WHERE until_us < ?", (before_us,))
            execute("DELETE FROM suppressed WHERE hour_us < ?", (before_us,))
            return execute("DELETE FROM alert WHERE last_us < ? AND closed_us IS NOT NULL", (before_us,)).rowcount

        return await self.database.do(work)


def report(utc_us: int, camera: str, kind: Kind, by: str, note: str) -> Signal:
    """A fact that a person reports by hand. Raises ReportEmpty."""
    if not by.strip() or len(note.strip()) < 3:
        raise ReportEmpty
    return Signal(utc_us, camera, Source.PERSON, kind, "reported", by=by.strip(), note=note.strip())


_ENTRY: Final = """number, camera, cameras, source, kind, rule, rules, zone, label, opened_us, last_us, closed_us,
 severity, points, reported_by, note, hold, hold_fault, picture IS NOT NULL,
 (SELECT json_array(utc_us, verdict, by, note) FROM verdict WHERE alert = number
 ORDER BY utc_us DESC, rowid DESC LIMIT 1)"""


_STATES: Final = {
    "all": "1",
    "todo": "NOT EXISTS (SELECT 1 FROM verdict WHERE alert = number)",
    "done": "EXISTS (SELECT 1 FROM verdict WHERE alert = number)",
    "active": "closed_us IS NULL",
}


def _where(from_us: int, to_us: int, wanted: Wanted) -> tuple[str, list[int | str]]:
    """The condition, and what its question marks stand for."""
    conditions = ["opened_us >= ?", "opened_us < ?", _STATES[wanted.state]]
    found: list[int | str] = [from_us, to_us]
    for column, value in (("camera", wanted.camera), ("kind", wanted.kind)):
        if value:
            conditions.append(f"{column} = ?")
            found.append(value)
    return " AND ".join(conditions), found


def _entry(row: tuple[Any, ...]) -> Entry:
    number, camera, cameras, source, kind, rule, rules, zone, label, opened, last, closed = row[:12]
    grade, points, by, note, hold, hold_fault, pictured, answer = row[12:]
    said = None if answer is None else json.loads(answer)
    return Entry(
        number, camera, tuple(json.loads(cameras)), Source(source), Kind(kind), rule, tuple(json.loads(rules)), zone,
        label, opened, last, closed, Severity(grade), ScoreParts(*json.loads(points)), by, note, hold, hold_fault,
        bool(pictured),
        None if said is None else Answer(said[0], Verdict(said[1]), said[2], said[3]),
    )  # fmt: skip


def _alert(row: tuple[Any, ...]) -> Alert:
    number, camera, cameras, source, kind, rule, rules, zone, label, opened, last, closed = row[:12]
    signals, score_sum, weight, rarity, by, note = row[12:]
    first = Signal(opened, camera, Source(source), Kind(kind), rule, zone, label, weight=weight, by=by, note=note)
    return Alert(
        number, first, tuple(json.loads(cameras)), opened, last, closed, signals, score_sum, weight, rarity,
        json.loads(rules),
    )  # fmt: skip


def _hour(utc_us: int) -> tuple[int, int]:
    """(hour of the week, number of the week), both of the Unix epoch."""
    hours = utc_us // HOUR_US
    return hours % HOURS_A_WEEK, hours // HOURS_A_WEEK
