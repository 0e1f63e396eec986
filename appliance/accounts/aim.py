"""Aiming a camera: a technician sees one picture a second of one camera, for five minutes, and it is written down.

Not footage and not its lock: no past can be reached, and nothing is kept of the pictures. The rules are pure; the table
of who aimed what stands beside that of who looked at what. Instants: UTC microseconds unless they are named otherwise.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from appliance.core.database import Database, Execute
from appliance.core.units import US_PER_SECOND

LASTS_US: Final = 300 * US_PER_SECOND
"""us that aiming lasts: time to climb, turn a camera and look; longer needs an act of its own."""

PACE_US: Final = 900_000
"""us between two pictures at the least: one a second, with room for a clock of the page's own. It is no film."""

STEP: Final = (
    """CREATE TABLE aim (number INTEGER PRIMARY KEY AUTOINCREMENT, who TEXT NOT NULL, function TEXT NOT NULL,
       camera TEXT NOT NULL, opened_us INTEGER NOT NULL, ended_us INTEGER, how TEXT NOT NULL DEFAULT '',
       pictures INTEGER NOT NULL DEFAULT 0)""",
    "CREATE INDEX aim_opened ON aim (opened_us)",
)
"""Step of the schema of the database that holds them."""


class End(StrEnum):
    """How aiming ended."""

    TIME = "time"
    STOPPED = "stopped"  # by the person's hand
    OTHER = "other-camera"  # the same person began with another one
    SERVICE = "service"  # the page's service ended
    SESSION = "session"  # logged out, or the session or the account was withdrawn


@dataclass(frozen=True, slots=True)
class Aim:
    """Somebody aims, or has aimed. `pictures`: how many left; `number` 0: not kept yet."""

    who: str
    function: str
    camera: str
    opened_us: int
    number: int = 0
    ended_us: int | None = None
    how: End | None = None
    pictures: int = 0


def remaining_us(since_us: int, now_us: int) -> int:
    """Us that are left of an aiming begun at `since_us`. Both monotonic: setting the clock prolongs nothing."""
    return max(0, since_us + LASTS_US - max(now_us, since_us))


def due(last_us: int | None, now_us: int) -> bool:
    """May another picture leave, the last one having left at `last_us` (None: none has)? Both monotonic."""
    return last_us is None or now_us - last_us >= PACE_US


class Aims:
    """The table. Raises DatabaseUnusable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, aim: Aim) -> int:
        """A new one, durable: its number, never given twice."""
        values = (aim.who, aim.function, aim.camera, aim.opened_us)

        def work(execute: Execute) -> int:
            sql = "INSERT INTO aim (who, function, camera, opened_us) VALUES (?,?,?,?)"
            number = execute(sql, values).lastrowid
            assert number is not None
            return number

        return await self._database.do(work)

    async def drop(self, number: int) -> None:
        """Take back one that could not be entered in the journal."""
        await self._database.do(lambda execute: execute("DELETE FROM aim WHERE number = ?", (number,)))

    async def end(self, aim: Aim) -> None:
        """Its end, how it ended and how many pictures left."""
        sql, how = "UPDATE aim SET ended_us = ?, how = ?, pictures = ? WHERE number = ?", aim.how or ""
        await self._database.do(lambda execute: execute(sql, (aim.ended_us, str(how), aim.pictures, aim.number)))

    async def newest(self, from_us: int, to_us: int, limit: int) -> list[Aim]:
        """Those begun in [from, to), newest first."""
        sql = f"SELECT {_COLUMNS} FROM aim WHERE opened_us >= ? AND opened_us < ? ORDER BY number DESC LIMIT ?"  # noqa: S608 - only our own column names
        return [_aim(row) for row in await self._database.rows(sql, from_us, to_us, limit)]

    async def unended(self) -> list[Aim]:
        """Those of an earlier life of the service that was killed."""
        sql = f"SELECT {_COLUMNS} FROM aim WHERE ended_us IS NULL ORDER BY number"  # noqa: S608 - as above
        return [_aim(row) for row in await self._database.rows(sql)]


def put_back(execute: Execute, aim: Aim) -> None:
    """An aiming as the journal tells it, in the place of its row."""
    how = "" if aim.how is None else aim.how.value
    values = (aim.who, aim.function, aim.camera, aim.opened_us, aim.number, aim.ended_us, how, aim.pictures)
    execute(f"INSERT OR REPLACE INTO aim ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?)", values)  # noqa: S608 - as above


_COLUMNS: Final = "who, function, camera, opened_us, number, ended_us, how, pictures"


def _aim(row: tuple[Any, ...]) -> Aim:
    who, function, camera, opened_us, number, ended_us, how, pictures = row
    return Aim(who, function, camera, opened_us, number, ended_us, End(how) if how else None, pictures)
