"""What every service process does the same way: logs, stop signals, and dying with its parent."""

import asyncio
import ctypes
import logging
import os
import signal
import sys
import time

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
    """Tell whoever started this process that it works."""
    sys.stdout.write(f"{READY} {words}\n")
    sys.stdout.flush()
