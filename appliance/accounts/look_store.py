"""looks.db: who opened what and why, what left of it, what was refused. Owned by the page's process.

Each row is in the process's hash-chained journal as well, entered before the first picture leaves: the rows answer
questions fast, the chain proves that nobody changed them. Instants: UTC microseconds. Rows are kept three years.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from appliance.accounts import aim, bookmarks, second
from appliance.accounts.look import KEPT_US, Given, Look, Reason
from appliance.core.database import Database, Execute

STEPS: Final = (
    (
        """CREATE TABLE look (number INTEGER PRIMARY KEY AUTOINCREMENT, who TEXT NOT NULL, function TEXT NOT NULL,
           reason TEXT NOT NULL, text TEXT NOT NULL, reference TEXT NOT NULL, alert INTEGER, cameras TEXT NOT NULL,
           from_us INTEGER NOT NULL, to_us INTEGER, opened_us INTEGER NOT NULL, closed_us INTEGER,
           justified_us INTEGER, justification TEXT NOT NULL DEFAULT '')""",
        "CREATE INDEX look_opened ON look (opened_us)",
        """CREATE TABLE seen (look INTEGER NOT NULL REFERENCES look ON DELETE CASCADE, camera TEXT NOT NULL,
           stream TEXT NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER NOT NULL,
           PRIMARY KEY (look, camera, stream, from_us)) WITHOUT ROWID""",
        """CREATE TABLE refusal (utc_us INTEGER NOT NULL, who TEXT NOT NULL, function TEXT NOT NULL,
           camera TEXT NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER NOT NULL, why TEXT NOT NULL)""",
        "CREATE INDEX refusal_utc ON refusal (utc_us)",
    ),
    second.STEP,
    bookmarks.STEP,
    aim.STEP,
)

ALL: Final = -1
"""As a limit: every row (SQLite takes a negative LIMIT for none)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One opening as it is kept. `justified_us` None: not justified (only urgency asks for it)."""

    number: int
    function: str
    look: Look
    justified_us: int | None = None
    justification: str = ""


class Seen(NamedTuple):
    """A stretch of one stream that left for the screen."""

    look: int
    camera: str
    stream: str
    from_us: int
    to_us: int


class Refusal(NamedTuple):
    """Somebody asked for what was not open to them. `why`: the refusal's code."""

    utc_us: int
    who: str
    function: str
    camera: str
    from_us: int
    to_us: int
    why: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of all tables: all that the database says, or all that the journal tells."""

    looks: Sequence[Entry]
    seen: Sequence[Seen]
    refusals: Sequence[Refusal]
    seconds: Sequence[second.Request]
    aims: Sequence[aim.Aim]


class LookStore:
    """The tables. Raises DatabaseUnusable."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path, STEPS, "looks")

    async def add(self, look: Look, function: str) -> int:
        """A new opening, durable; its number, never given twice."""
        given = look.given
        values = (
            look.who, function, given.reason.value, given.text, given.number, given.alert,
            ",".join(sorted(look.cameras)), look.from_us, look.to_us, look.opened_us,
        )  # fmt: skip
        sql = """INSERT INTO look (who, function, reason, text, reference, alert, cameras, from_us, to_us, opened_us)
                 VALUES (?,?,?,?,?,?,?,?,?,?)"""

        def work(execute: Execute) -> int:
            number = execute(sql, values).lastrowid
            assert number is not None
            return number

        return await self.database.do(work)

    async def drop(self, number: int) -> None:
        """Take back an opening that could not be entered in the journal."""
        await self.database.do(lambda execute: execute("DELETE FROM look WHERE number = ?", (number,)))

    async def close(self, number: int, closed_us: int) -> None:
        """Its end, by the person's hand."""
        sql = "UPDATE look SET closed_us = ? WHERE number = ?"
        await self.database.do(lambda execute: execute(sql, (closed_us, number)))

    async def bound(self, number: int, to_us: int | None, cameras: Iterable[str]) -> None:
        """What is known now of an alert that is followed: cameras linked to it meanwhile, its end once it has one."""
        sql, names = "UPDATE look SET to_us = ?, cameras = ? WHERE number = ?", ",".join(sorted(cameras))
        await self.database.do(lambda execute: execute(sql, (to_us, names, number)))

    async def justify(self, number: int, utc_us: int, text: str) -> None:
        """Why an urgent opening was needed; the first word stands."""
        sql = "UPDATE look SET justified_us = ?, justification = ? WHERE number = ? AND justified_us IS NULL"
        await self.database.do(lambda execute: execute(sql, (utc_us, text, number)))

    async def left(self, stretches: Sequence[Seen], refusals: Sequence[Refusal]) -> None:
        """What has left, and what was asked for and did not; a grown stretch takes the place of its pieces."""

        def work(execute: Execute) -> None:
            for each in stretches:
                where = "look = ? AND camera = ? AND stream = ? AND from_us >= ? AND to_us <= ?"
                execute(f"DELETE FROM seen WHERE {where}", each)  # noqa: S608 - only "?"
                execute("INSERT OR IGNORE INTO seen VALUES (?,?,?,?,?)", each)
            for refusal in refusals:
                execute("INSERT INTO refusal VALUES (?,?,?,?,?,?,?)", refusal)

        await self.database.do(work)

    async def put_back(self, rows: Rows, first_us: int) -> None:
        """What the journal tells since `first_us`, its first line, in the place of what a copy or nothing tells."""
        refusals = [each for each in rows.refusals if each.utc_us >= first_us]

        def work(execute: Execute) -> None:
            for each in rows.looks:
                execute("DELETE FROM look WHERE number = ?", (each.number,))  # its stretches too
                execute(f"INSERT INTO look ({_ENTRY}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", _values(each))  # noqa: S608
            execute("DELETE FROM refusal WHERE utc_us >= ?", (first_us,))
            for request in rows.seconds:
                second.put_back(execute, request)
            for each_aim in rows.aims:
                aim.put_back(execute, each_aim)

        await self.database.do(work)
        await self.left(rows.seen, refusals)

    async def empty(self) -> bool:
        """Nobody has looked, aimed or asked a second person, as far as it knows."""
        tables = ("look", "aim", "second")
        sql = " UNION ALL ".join(f"SELECT 1 FROM {each}" for each in tables)  # noqa: S608 - only our own table names
        return not await self.database.rows(f"{sql} LIMIT 1")

    async def since(self, opened_us: int) -> list[Entry]:
        """Openings from an instant on, and urgent ones that nobody has justified, in order."""
        sql = f"""SELECT {_ENTRY} FROM look WHERE opened_us >= ? OR (reason = ? AND justified_us IS NULL)
                  ORDER BY number"""  # noqa: S608 - only our own column names
        return [_entry(row) for row in await self.database.rows(sql, opened_us, Reason.URGENCY.value)]

    async def newest(self, from_us: int, to_us: int, limit: int = 50) -> list[Entry]:
        """Openings of [from, to), newest first."""
        sql = f"SELECT {_ENTRY} FROM look WHERE opened_us >= ? AND opened_us < ? ORDER BY number DESC LIMIT ?"  # noqa: S608
        return [_entry(row) for row in await self.database.rows(sql, from_us, to_us, limit)]

    async def seen(self, first: int, last: int) -> list[Seen]:
        """What left of the openings of these numbers, both included, in order."""
        sql = "SELECT * FROM seen WHERE look BETWEEN ? AND ? ORDER BY look, camera, stream, from_us"
        return [Seen(*row) for row in await self.database.rows(sql, first, last)]

    async def refusals(self, from_us: int, to_us: int, limit: int = 50) -> list[Refusal]:
        """Refusals of [from, to), newest first."""
        sql = "SELECT * FROM refusal WHERE utc_us >= ? AND utc_us < ? ORDER BY utc_us DESC LIMIT ?"
        return [Refusal(*row) for row in await self.database.rows(sql, from_us, to_us, limit)]

    async def expire(self, now_us: int) -> None:
        """Forget what is older than KEPT_US."""

        def work(execute: Execute) -> None:
            execute("DELETE FROM look WHERE opened_us < ?", (now_us - KEPT_US,))
            execute("DELETE FROM refusal WHERE utc_us < ?", (now_us - KEPT_US,))
            execute("DELETE FROM second WHERE asked_us < ?", (now_us - KEPT_US,))
            execute("DELETE FROM aim WHERE opened_us < ?", (now_us - KEPT_US,))

        await self.database.do(work)


_ENTRY: Final = """number, function, who, reason, text, reference, alert, cameras, from_us, to_us, opened_us, closed_us,
 justified_us, justification"""


def _entry(row: tuple[Any, ...]) -> Entry:
    number, function, who, reason, text, reference, alert, cameras, *times, justified_us, justification = row
    given = Given(Reason(reason), text, reference, alert)
    return Entry(number, function, Look(who, given, frozenset(cameras.split(",")), *times), justified_us, justification)


def _values(entry: Entry) -> tuple[str | int | None, ...]:
    look, given = entry.look, entry.look.given
    return (
        entry.number, entry.function, look.who, given.reason.value, given.text, given.number, given.alert,
        ",".join(sorted(look.cameras)), look.from_us, look.to_us, look.opened_us, look.closed_us,
        entry.justified_us, entry.justification,
    )  # fmt: skip
