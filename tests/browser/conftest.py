"""The built page over a recorder that answers from memory, and a browser in front of it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from appliance.accounts.desk import AccountDesk
from appliance.accounts.password import Passwords
from appliance.accounts.roles import Role
from appliance.core.chain import Tell, untold
from appliance.core.clock import SimulatedClock
from appliance.core.database import DatabaseUnusable
from appliance.demo.counter import Burnt
from appliance.stills.client import StillsClient, by_child
from appliance.web.app import make_app, serve
from appliance.web.look_book import LookBook
from appliance.web.look_check import JournalFiles
from appliance.web.recorder import SiteInfo
from tests.browser.chromium import Page, chromium
from tests.browser.entry import sign_in
from tests.browser.screen import SCREEN, read_screen
from tests.peers.fake_detector import FakeDetector
from tests.peers.fake_recorder import FakeRecorder
from tests.peers.looking import Told, make_book, open_tape
from tests.peers.need import need
from tests.peers.sign_in import CHEAP, make_staff

SITE = SiteInfo(
    "Collège Émile-Zola",
    "Villeurbanne",
    "Europe/Paris",
    {
        "controller": "Collège Émile-Zola",
        "authorisation": "arrêté n° 2026-0042 du 3 mars 2026",
        "contact": "secrétariat, 04 99 00 00 00",
        "dpo": None,
        "missing": ["dpo"],
        "panels": [
            {
                "law": "public",
                "cameras": 1,
                "purposes": ["levée de doute à l'entrée", "dégradations"],
                "days": 10,
                "outside_hours": False,
                "detection": False,
            },
            {
                "law": "private",
                "cameras": 1,
                "purposes": ["levée de doute hors horaires"],
                "days": 5,
                "outside_hours": True,
                "detection": True,
            },
        ],
    },
)

WEBUI = Path(__file__).resolve().parents[2] / "webui"


STOP_S = 10.0
"""Seconds for each thing that ends: on a loaded machine; what does not end is named, instead of the test's time-out."""


async def end(runner: web.AppRunner, book: LookBook, staff: AccountDesk) -> None:
    """The page's process ends, as services/web.py does it."""
    for name, ending in (
        ("server", runner.cleanup),
        ("looks", book.flush),
        ("database of looks", book.store.database.close),
        ("accounts", staff.close),
    ):
        try:
            async with asyncio.timeout(STOP_S):
                with suppress(DatabaseUnusable):
                    await ending()
        except TimeoutError as error:
            raise AssertionError(f"{name}: has not ended within {STOP_S:.0f} s") from error


@dataclass(slots=True)
class Desk:
    """A browser before a served page."""

    page: Page
    base: str
    recorder: FakeRecorder
    detector: FakeDetector
    book: LookBook
    clock: SimulatedClock
    told: Told
    staff: AccountDesk
    folder: Path
    built: Path
    runner: web.AppRunner
    stopped: bool = False

    async def stop(self) -> None:
        """The page's process ends; once, however often it is asked to."""
        if self.stopped:
            return
        self.stopped = True
        await end(self.runner, self.book, self.staff)

    async def start(self) -> None:
        """It begins anew at the same address; its databases alone remain."""
        self.book = await make_book(self.folder, self.clock, self.told, self.book.journal)
        self.staff = AccountDesk(self.folder / "accounts.db", self.staff.clock, self.told, Passwords(CHEAP))
        await self.staff.open()
        app = make_app(self.recorder, self.detector, self.built, SITE, self.book, self.staff, self.told)
        self.runner = await serve(app, "127.0.0.1", int(self.base.rpartition(":")[2]))
        self.stopped = False

    async def sign_in(self, who: Role | str | None = Role.MANAGER) -> None:
        """Whose page it is from now on; None: nobody's."""
        await sign_in(self.page, self.base, self.staff, who)

    async def home(self) -> None:
        await self.page.open(f"{self.base}/")
        await self.page.until("document.querySelector('.verdict h1')")

    async def at(self, instant: int, camera: str = "portail") -> None:
        """Open playback at an instant and wait for its full definition."""
        await self.page.open(f"{self.base}/lecture?cam={camera}&t={instant}")
        await self.page.until(f"{SCREEN}?.player?.at != null")

    async def seek(self, instant: int) -> int:
        """Seek on the light stream; UTC us of the picture that came."""
        shown = await self.page.run(f"{SCREEN}.player.seek({instant})")
        return int(shown["at"])

    async def burnt(self) -> Burnt:
        """The counter in the picture on screen, read from its pixels."""
        return await read_screen(self.page)


@pytest.fixture(scope="session")
def built_page() -> Path:
    """webui/dist, built when a source changed."""
    need("chromium", "node")
    done = subprocess.run([sys.executable, str(WEBUI / "build.py")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return WEBUI / "dist"


@asynccontextmanager
async def served(
    recorder: FakeRecorder,
    built_page: Path,
    folder: Path,
    *,
    opened: bool = True,
    journal: JournalFiles | None = None,
    tell: Tell = untold,
    browser: Callable[[], AbstractAsyncContextManager[Page]] = chromium,
) -> AsyncIterator[Desk]:
    """A page over this recorder that must not have caused any trouble when the block is over. `opened`: whoever sits
    there has opened all pictures already. `journal`: of what `tell` is told.
    """
    detector = FakeDetector(folder, tuple(recorder.cameras), SimulatedClock(recorder.now_us))
    await detector.desk.open()
    told, clock = Told(also=tell), SimulatedClock(recorder.now_us)
    book = await make_book(folder, clock, told, journal)
    if opened:
        await open_tape(book, recorder)
    staff = await make_staff(folder, SimulatedClock(recorder.now_us), told, seen=viewed(recorder))  # sessions last
    still = StillsClient(by_child(), clock)
    app = make_app(recorder, detector, built_page, SITE, book, staff, told, still)
    runner = await serve(app, "127.0.0.1", 0)
    desk: Desk | None = None
    try:
        async with browser() as page:
            await page.call("Emulation.setTimezoneOverride", timezoneId="America/New_York")  # the site's zone must win
            base = f"http://127.0.0.1:{runner.addresses[0][1]}"
            desk = Desk(page, base, recorder, detector, book, clock, told, staff, folder, built_page, runner)
            await desk.sign_in()
            yield desk
            assert page.troubles == []
    finally:
        await (end(runner, book, staff) if desk is None else desk.stop())
        await still.close()
        await detector.desk.close()


def viewed(recorder: FakeRecorder) -> tuple[frozenset[str], int, int]:
    """What the viewer may see: the first camera."""
    return frozenset(sorted(recorder.cameras)[:1]), 0, recorder.now_us


@pytest.fixture
async def desk(built_page: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    """The page over the recorder that answers from memory."""
    async with served(FakeRecorder(), built_page, tmp_path) as found:
        yield found


@pytest.fixture
async def shut_desk(built_page: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    """The same, with nothing open: as somebody finds it."""
    async with served(FakeRecorder(), built_page, tmp_path, opened=False) as found:
        yield found
