"""Who looks, in tests: accounts of each role, and a book of looks over a journal that is a list."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from appliance.accounts.look import Given, Reason
from appliance.accounts.look_store import Entry, LookStore
from appliance.accounts.roles import Account, Role
from appliance.core.chain import Facts, Tell, untold
from appliance.core.clock import Clock
from appliance.core.units import US_PER_SECOND
from appliance.web.look_book import LookBook
from appliance.web.look_check import JournalFiles
from tests.peers.fake_recorder import LENGTH_US, START_US, FakeRecorder
from tests.peers.sign_in import DURAND

ALWAYS: Final = (0, 4_102_444_800 * US_PER_SECOND)
MANAGER: Final = Account("Mme Durand", "Principale", Role.MANAGER, *ALWAYS)
OTHER: Final = Account("M. Petit", "Gestionnaire", Role.MANAGER, *ALWAYS)
TECHNICIAN: Final = Account("M. Roux", "Technicien", Role.TECHNICIAN, *ALWAYS)

WHY: Final = Given(Reason.DOUBT, "Bruit de verre entendu dans la cour")
"""A reason that holds."""


@dataclass
class Told:
    """A journal that is a list; `full`: it takes no line; `also`: a real one that is told the same."""

    lines: list[tuple[str, Facts]] = field(default_factory=list)
    full: bool = False
    also: Tell = untold

    def __call__(self, kind: str, facts: Facts) -> bool:
        if not self.full:
            self.lines.append((kind, facts))
            self.also(kind, facts)
        return not self.full

    def of(self, kind: str) -> list[Facts]:
        return [facts for name, facts in self.lines if name == kind]


async def make_book(
    folder: Path, clock: Clock, told: Told | None = None, journal: JournalFiles | None = None
) -> LookBook:
    """An empty book; close its store's database."""
    book = LookBook(LookStore(folder / "looks.db"), clock, told or Told(), journal)
    await book.store.database.open()
    await book.load()
    return book


async def open_all(
    book: LookBook, cameras: Iterable[str], from_us: int, to_us: int, account: Account = MANAGER
) -> Entry:
    """Somebody opens these cameras, from, to."""
    return await book.open(account, WHY, cameras, from_us, to_us)


async def open_tape(book: LookBook, recorder: FakeRecorder) -> None:
    """The manager of tests/peers/sign_in.py opens all that the recorder in memory holds."""
    await open_all(book, recorder.cameras, START_US, START_US + LENGTH_US, DURAND)
