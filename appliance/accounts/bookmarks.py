"""Bookmarks: an instant of a camera in a few words, and by whom. No picture is in them, and they prolong nothing: not
the time pictures are kept, not what anybody may see. One goes with the pictures that it names. UTC microseconds.
"""

from dataclasses import dataclass
from typing import Final

from appliance.accounts.roles import Account, Role, may_see
from appliance.core.database import Database, Execute
from appliance.core.units import US_PER_SECOND

TEXT_MOST: Final = 200
"""Characters: what is to be found again, not a report."""

KEPT_US: Final = 32 * 86_400 * US_PER_SECOND
"""us after its instant that a bookmark stays: no site keeps pictures for longer than a month, so it names nothing."""

MOST: Final = 500
"""Bookmarks of a site: sixteen a day for a month. The page lists them all."""

STEP: Final = (
    """CREATE TABLE bookmark (number INTEGER PRIMARY KEY AUTOINCREMENT, camera TEXT NOT NULL, at_us INTEGER NOT NULL,
       text TEXT NOT NULL, who TEXT NOT NULL, made_us INTEGER NOT NULL)""",
    "CREATE INDEX bookmark_at ON bookmark (at_us)",
)
"""Step of the schema of the database that holds them."""


@dataclass(frozen=True, slots=True)
class Bookmark:
    """`number` 0: not kept yet."""

    camera: str
    at_us: int
    text: str
    who: str
    made_us: int
    number: int = 0


def readable(mark: Bookmark, account: Account, now_us: int) -> bool:
    """Whoever may see the pictures of its instant may read it."""
    return may_see(account, mark.camera, (mark.at_us, mark.at_us + 1), now_us)


def removable(mark: Bookmark, account: Account, now_us: int) -> bool:
    """Its author's, and a manager's."""
    return readable(mark, account, now_us) and (mark.who == account.name or account.role is Role.MANAGER)


class Bookmarks:
    """The table. Raises DatabaseUnusable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, mark: Bookmark) -> int | None:
        """Keep one, durable: its number, never given twice. None when there are MOST of them."""

        def work(execute: Execute) -> int | None:
            execute("DELETE FROM bookmark WHERE at_us < ?", (mark.made_us - KEPT_US,))
            if execute("SELECT count(*) FROM bookmark").fetchone()[0] >= MOST:
                return None
            values = (mark.camera, mark.at_us, mark.text, mark.who, mark.made_us)
            sql = "INSERT INTO bookmark (camera, at_us, text, who, made_us) VALUES (?,?,?,?,?)"
            return execute(sql, values).lastrowid

        return await self._database.do(work)

    async def all(self, now_us: int) -> list[Bookmark]:
        """Those whose pictures may still be there, the latest instant first."""
        sql = """SELECT camera, at_us, text, who, made_us, number FROM bookmark WHERE at_us >= ?
                 ORDER BY at_us DESC, number DESC"""
        return [Bookmark(*row) for row in await self._database.rows(sql, now_us - KEPT_US)]

    async def remove(self, number: int) -> None:
        """Take one away; one that is gone already is no error."""
        await self._database.do(lambda execute: execute("DELETE FROM bookmark WHERE number = ?", (number,)))
