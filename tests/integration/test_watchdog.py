"""The recorder as systemd sees it: ready, alive while it works though no camera answers, silent when it is stuck."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.test_services import site

WATCHDOG_S = 3.0
"""Three looks in it, each longer than two ticks."""


def recorder(file: Path, address: Path) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}
    environment.pop("WATCHDOG_PID", None)
    command = [sys.executable, "-m", "appliance", "recorder", "--site", str(file)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)


def test_ready_alive_stuck_alive_stopping(tmp_path: Path) -> None:
    file = site(tmp_path)  # its one camera is at a port where nothing listens
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        with recorder(file, tmp_path / "notify") as process:
            try:
                heard = [manager.recv(100).decode() for _ in range(4)]
                assert sorted(heard) == ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]
                process.send_signal(signal.SIGSTOP)
                manager.settimeout(0.3)
                with contextlib.suppress(TimeoutError):  # what was under way when it was stopped
                    manager.recv(100)
                manager.settimeout(WATCHDOG_S)
                with pytest.raises(TimeoutError):  # systemd would restart it now
                    manager.recv(100)
                process.send_signal(signal.SIGCONT)
                manager.settimeout(20)
                assert manager.recv(100) == b"WATCHDOG=1"
                process.send_signal(signal.SIGTERM)
                while (said := manager.recv(100)) != b"STOPPING=1":
                    assert said == b"WATCHDOG=1"
                assert process.wait(5) == 0, "within TimeoutStopSec"
            finally:
                process.kill()
