"""`appliance desk` on a terminal of its own, from the request to a log-in, with openssl at the central team's side."""

import asyncio
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from appliance.accounts.challenge import Challenge
from appliance.accounts.codes import decode
from appliance.core.clock import SystemClock
from appliance.services.desk_keys import FRENCH
from appliance.services.recovery import sign
from tests.peers.central import central_pair
from tests.peers.need import ROOT, need
from tests.peers.sign_in import HOME, make_staff
from tests.unit.services.test_recovery_console import site_of, written

PRESSED: Final = {printed: arrives for arrives, printed in FRENCH.items()}
SEEN_S: Final = 30.0
CLOCK: Final = SystemClock()


class Seat:
    """Whoever sits at the second screen: an AZERTY keyboard, and eyes."""

    def __init__(self, terminal: int) -> None:
        self.terminal, self.shown = terminal, ""

    def press(self, text: str) -> None:
        """The keys of this text, then Enter."""
        os.write(self.terminal, ("".join(PRESSED.get(each, each) for each in text) + "\r").encode())

    def see(self, pattern: str) -> "re.Match[str]":
        """What the screen shows of it."""
        end = time.monotonic() + SEEN_S
        while time.monotonic() < end:
            found = re.search(pattern, re.sub(r"\x1b\[[0-9;?]*[A-Za-z\]]", "", self.shown))
            if found:
                self.shown = ""
                return found
            if select.select([self.terminal], [], [], 0.2)[0]:
                self.shown += os.read(self.terminal, 4096).decode()
        raise AssertionError(f"{pattern} is not in {self.shown[-2000:]}")


@contextmanager
def desk(site: Path, folder: Path, key: Path) -> Iterator[tuple[Seat, int]]:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "appliance", "desk", "--site", str(site)]
    command += ["--folder", str(folder), "--key", str(key)]
    environment = {**os.environ, "LANG": "fr_FR.UTF-8", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, env=environment, start_new_session=True) as process:
        os.close(theirs)
        try:
            yield Seat(ours), process.pid
        finally:
            process.kill()
            os.close(ours)


def recover(site: Path, folder: Path) -> str:
    """The password of one log-in, as the person copies it. Blocks."""
    private, public = central_pair(folder)
    with desk(site, folder, public) as (seat, pid):
        os.kill(pid, 0)
        seat.see("tapez le mot azerty")
        os.write(seat.terminal, b"\x03\x1a\x1c\x04\x1b[A\x00")  # keys that would end or stop another program
        seat.press("azerty")
        seat.see("Nom de connexion")
        seat.press("durand")
        told = seat.see(r"appareil +(\S+)\s+compte +durand\s+demande +(\S+)\s+Tapez son code")
        code = sign(private, Challenge(told[1], "durand", decode(told[2])))
        code = code.replace("-", "").lower()
        seat.press(code[:-3])
        seat.see("100 caractères sur 103")
        seat.press("z00" if code[-3] == "y" else "y00")
        seat.see("un caractère est faux")
        os.write(seat.terminal, b"\x1b[D" * 3)
        seat.press(code[-3:])
        given = seat.see(r"d'une seule connexion :\s+([0-9A-Z-]{19})")[1]
        seat.press("")  # pressed twice: not yet
        seat.see(given)
        seat.press("")
        seat.see("tapez le mot azerty")
        os.kill(pid, signal.SIGTERM)
    return given


@pytest.mark.full
async def test_somebody_who_lost_everything_gets_back_in_at_the_box(tmp_path: Path) -> None:
    need("openssl")
    staff = await make_staff(tmp_path, CLOCK)  # the page's service has the same file open
    site = site_of(tmp_path)
    given = await asyncio.to_thread(recover, site, tmp_path)
    seat = await staff.seat_of(await staff.log_in("durand", given, "", HOME))
    assert seat is not None
    assert seat.must == ("password", "second-factor")
    await staff.close()
    lines = await asyncio.to_thread(written, site)
    assert "account-recovered" in lines
    assert "recovery-refused" in lines
    assert given not in lines
