"""What one person alone may not do: asked for by one, signed by another, or done in urgency before two witnesses.

The witnesses' way opens when nobody has answered, and at once where nobody else has an account that could.

Pure policy and its rows. Instants: UTC microseconds. The rows lie beside those of looks, kept as long, entered in the
same journal.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from appliance.accounts.look import countersigned, witnessed
from appliance.accounts.roles import Account, Right, may
from appliance.core.database import Database, Execute
from appliance.core.units import US_PER_SECOND

WAIT_US: Final = 600 * US_PER_SECOND
"""us within which a second person answers: the time of a telephone call and a log-in."""

URGENT_US: Final = 3600 * US_PER_SECOND
"""us after that in which the asker may act before two witnesses; later it is asked for anew."""

STEP: Final = (
    """CREATE TABLE second (number INTEGER PRIMARY KEY AUTOINCREMENT, asker TEXT NOT NULL, function TEXT NOT NULL,
       what TEXT NOT NULL, why TEXT NOT NULL, asked_us INTEGER NOT NULL, signer TEXT NOT NULL DEFAULT '',
       witnesses TEXT NOT NULL DEFAULT '[]', done_us INTEGER)""",
    "CREATE INDEX second_asked ON second (asked_us)",
)
"""The step of the looks' database that makes the table."""


class Stage(StrEnum):
    """Where a request stands."""

    WAITING = "waiting"  # for a second person
    URGENT = "urgent"  # nobody has answered, or nobody can: the asker may act before two witnesses
    SIGNED = "signed"  # done, by two
    UNSIGNED = "unsigned"  # done before witnesses: not countersigned
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Request:
    """`what`: the change itself, as the page asked for it; `signer` "" and no witnesses until it is done."""

    number: int
    asker: str
    function: str
    what: dict[str, Any]
    why: str
    asked_us: int
    signer: str = ""
    witnesses: tuple[str, ...] = ()
    done_us: int | None = None


def alone(asker: str, accounts: Iterable[Account], now_us: int) -> bool:
    """Is there nobody but the asker whose account, as it is now, could sign?"""
    return not any(each.name != asker and may(each, Right.COUNTERSIGN, now_us) for each in accounts)


def stage(request: Request, now_us: int, *, nobody: bool = False) -> Stage:
    """Where it stands now; a clock set back ends it. `nobody`: the asker is `alone`, there is nobody to wait for."""
    if request.done_us is not None:
        return Stage.SIGNED if request.signer else Stage.UNSIGNED
    waited = now_us - request.asked_us
    if not 0 <= waited < WAIT_US + URGENT_US:
        return Stage.OVER
    return Stage.URGENT if nobody or waited >= WAIT_US else Stage.WAITING


def may_sign(request: Request, signer: str, now_us: int) -> bool:
    """May this person be the second one? As long as the asker may still act, and never the asker."""
    return stage(request, now_us) in {Stage.WAITING, Stage.URGENT} and countersigned(request.asker, [signer])


def may_urge(request: Request, asker: str, names: Collection[str], now_us: int, *, nobody: bool = False) -> bool:
    """May the asker act now before these witnesses? `nobody`: as for `stage`."""
    urgent = stage(request, now_us, nobody=nobody) is Stage.URGENT
    return urgent and request.asker == asker and witnessed(asker, names)


class Seconds:
    """The table. Raises DatabaseUnusable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(self, asker: str, function: str, what: dict[str, Any], why: str, now_us: int) -> Request:
        """A new request, durable."""
        values = (asker, function, json.dumps(what), why, now_us)

        def work(execute: Execute) -> int:
            sql = "INSERT INTO second (asker, function, what, why, asked_us) VALUES (?,?,?,?,?)"
            number = execute(sql, values).lastrowid
            assert number is not None
            return number

        return Request(await self._database.do(work), asker, function, what, why, now_us)

    async def done(self, number: int, now_us: int, signer: str, witnesses: Collection[str]) -> bool:
        """Mark it done, once: False for whoever comes second."""
        sql = "UPDATE second SET done_us = ?, signer = ?, witnesses = ? WHERE number = ? AND done_us IS NULL"
        values = (now_us, signer, json.dumps(list(witnesses)), number)
        return await self._database.do(lambda execute: execute(sql, values).rowcount) == 1

    async def undone(self, number: int) -> None:
        """What was asked for could not be done after all."""
        sql = "UPDATE second SET done_us = NULL, signer = '', witnesses = '[]' WHERE number = ?"
        await self._database.do(lambda execute: execute(sql, (number,)))

    async def since(self, asked_us: int) -> list[Request]:
        """Requests from an instant on, the newest first."""
        sql = f"SELECT {_COLUMNS} FROM second WHERE asked_us >= ? ORDER BY number DESC"  # noqa: S608 - our own names
        return [_request(row) for row in await self._database.rows(sql, asked_us)]

    async def one(self, number: int) -> Request | None:
        """A request by its number."""
        sql = f"SELECT {_COLUMNS} FROM second WHERE number = ?"  # noqa: S608 - our own names
        rows = await self._database.rows(sql, number)
        return _request(rows[0]) if rows else None


def put_back(execute: Execute, request: Request) -> None:
    """A request as the journal tells it, in the place of its row."""
    values = (
        request.number, request.asker, request.function, json.dumps(request.what), request.why, request.asked_us,
        request.signer, json.dumps(list(request.witnesses)), request.done_us,
    )  # fmt: skip
    execute(f"INSERT OR REPLACE INTO second ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", values)  # noqa: S608


_COLUMNS: Final = "number, asker, function, what, why, asked_us, signer, witnesses, done_us"


def _request(row: tuple[Any, ...]) -> Request:
    number, asker, function, what, why, asked_us, signer, witnesses, done_us = row
    return Request(
        number, asker, function, json.loads(what), why, asked_us, signer, tuple(json.loads(witnesses)), done_us
    )
