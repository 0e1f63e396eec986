"""The console on a real terminal: drawn, again when things change, deaf to keys, and it ends when it is told to."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

from appliance.cli import main
from appliance.core.clock import SimulatedClock, SystemClock
from appliance.services import console
from tests.peers.need import ROOT
from tests.unit.services.test_console_screen import facts
from tests.unit.site.test_provision import SITE


def read_until(fd: int, words: str, seconds: float = 25) -> str:
    """What the terminal got until `words` came."""
    clock = SystemClock()
    end = clock.monotonic_us() + seconds * 1e6
    got = b""
    while words not in got.decode(errors="replace") and clock.monotonic_us() < end:
        if select.select([fd], [], [], 0.5)[0]:
            got += os.read(fd, 65536)
    return got.decode(errors="replace")


def test_it_is_drawn_on_a_terminal_redrawn_and_deaf_to_keys(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 80, 0, 0))
    site = tmp_path / "site.toml"
    command = [sys.executable, "-m", "appliance", "console", "--site", str(site)]
    environment = {**os.environ, "LC_ALL": "fr_FR.UTF-8", "PYTHONUTF8": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE, cwd=ROOT, env=environment
    ) as process:
        os.close(theirs)
        first = read_until(ours, "pas encore mis en service")
        assert "TÉMOIN, enregistreur vidéo" in first
        os.write(ours, b"\x03q\n:!sh\n")
        site.write_text(SITE, encoding="utf-8")
        second = read_until(ours, "ne répond pas")
        assert "Essai, Banc" in second
        assert process.poll() is None, "a key did something"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
    os.close(ours)


def test_once_is_plain_text(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "appliance", "console", "--once", "--site", str(tmp_path / "none")],
        capture_output=True, text=True, cwd=ROOT, check=False, timeout=50, env={**os.environ, "LC_ALL": "en_GB.UTF-8"},
    )  # fmt: skip
    assert done.returncode == 0
    assert "not set up yet" in done.stdout
    assert "\x1b" not in done.stdout
    assert main(["console", "--help"]) == 0


def test_the_word_it_leaves_for_the_page_has_no_name_in_it(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    clock = SimulatedClock()
    console._leave_word(facts(), clock, "fr", file)
    assert json.loads(file.read_text(encoding="ascii")) == {"well": False, "at_us": clock.monotonic_us()}
    console._leave_word(facts(), clock, "fr", tmp_path / "none/state.json")  # no such folder: it goes on
