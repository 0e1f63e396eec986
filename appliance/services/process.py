"""What every service process does the same way: logs, stop signals, and dying with its parent."""

import asyncio
import ctypes
import logging
import os
import signal
import sys
import time
from pathlib import Path

from appliance.services.watchdog import system_notifier

READY = "ready"
"""First word of the line a service prints on its standard output once it works."""

_PR_SET_PDEATHSIG = 1


class _UtcFormatter(logging.Formatter):
    converter = staticmethod(time.gmtime)


def start_logs() -> None:
    """Logs go to standard error, one line each, UTC; systemd's journal or the parent's console takes them."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_UtcFormatter("%(asctime)sZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies, however it dies (prctl(2)): no service is left behind."""
    if os.environ.get("APPLIANCE_CHILD") != str(os.getppid()):
        return  # started by hand or by systemd, or the parent is gone already
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def stop_event() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def say_ready(words: str) -> None:
    """Tell whoever started this process, a parent or systemd, that it works."""
    sys.stdout.write(f"{READY} {words}\n")
    sys.stdout.flush()
    system_notifier().tell("READY=1")


def say_stopping() -> None:
    """Tell systemd that the end was asked for and is under way."""
    system_notifier().tell("STOPPING=1")


def granted_folder() -> Path | None:
    """Where systemd put the secrets that the unit names (LoadCredential=, systemd.exec(5)); None without systemd."""
    named = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return Path(named) if named else None
