"""Who looks, in tests: accounts of each role, and a book of looks over a journal that is a list."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from appliance.accounts.look import Given, Reason
from appliance.accounts.look_store import Entry, LookStore
from appliance.accounts.roles import Account, Role
from appliance.core.chain import Facts
from appliance.core.clock import Clock
from appliance.core.units import US_PER_SECOND
from appliance.web.look_book import LookBook

ALWAYS: Final = (0, 4_102_444_800 * US_PER_SECOND)
MANAGER: Final = Account("Mme Durand", "Principale", Role.MANAGER, *ALWAYS)
OTHER: Final = Account("M. Petit", "Gestionnaire", Role.MANAGER, *ALWAYS)
TECHNICIAN: Final = Account("M. Roux", "Technicien", Role.TECHNICIAN, *ALWAYS)

WHY: Final = Given(Reason.DOUBT, "Bruit de verre entendu dans la cour")
"""A reason that holds."""


@dataclass
class Told:
    """A journal that is a list; `full`: it takes no line."""

    lines: list[tuple[str, Facts]] = field(default_factory=list)
    full: bool = False

    def __call__(self, kind: str, facts: Facts) -> bool:
        if not self.full:
            self.lines.append((kind, facts))
        return not self.full

    def of(self, kind: str) -> list[Facts]:
        return [facts for name, facts in self.lines if name == kind]


async def make_book(folder: Path, clock: Clock, told: Told | None = None) -> LookBook:
    """An empty book; close its store's database."""
    book = LookBook(LookStore(folder / "looks.db"), clock, told or Told())
    await book.store.database.open()
    await book.load()
    return book


async def open_all(book: LookBook, cameras: tuple[str, ...], from_us: int, to_us: int) -> Entry:
    """The manager opens these cameras, from, to."""
    return await book.open(MANAGER, WHY, cameras, from_us, to_us)
