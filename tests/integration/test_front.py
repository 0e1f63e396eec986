"""The page without pictures as systemd starts it: with a port that was opened for it."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from appliance.core.clock import SystemClock
from appliance.web.certificate import fingerprint_of, served_fingerprint
from tests.peers.need import ROOT, need


def test_it_serves_on_the_port_it_was_handed_and_makes_its_certificate(tmp_path: Path) -> None:
    need("systemd-socket-activate")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "appliance", "front", "--folder", str(tmp_path), "--told", str(tmp_path / "none")]
    with subprocess.Popen(
        ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", *command],
        cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        clock = SystemClock()
        end = clock.monotonic_us() + 30_000_000
        seen = ""
        while not seen and clock.monotonic_us() < end and process.poll() is None:
            seen = served_fingerprint(("127.0.0.1", port))
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=20)
    assert seen == fingerprint_of((tmp_path / "server.pem").read_text(encoding="ascii")), said
    assert process.returncode == 0, said


def test_without_a_port_it_says_how_it_is_started(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "appliance", "front", "--folder", str(tmp_path)],
        cwd=ROOT, env={**os.environ, "LC_ALL": "fr_FR.UTF-8"}, capture_output=True, text=True, check=False, timeout=50,
    )  # fmt: skip
    assert done.returncode == 3
    assert "Aucun port n'a été confié" in done.stderr
