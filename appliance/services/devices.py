"""The system's word that a disk was plugged in or pulled (udev): the ring looks again at once, not in five seconds.

A hint and nothing more: what is there is decided by looking at the configured paths, and without udev (a container,
a developer's machine) the looks every five seconds do alone.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final

import pyudev

log = logging.getLogger(__name__)

WAIT_S: Final = 1.0
"""Seconds between two questions whether to stop."""

ACTIONS: Final = frozenset({"add", "remove", "change"})
"""udev(7). `change` comes when a medium or a filesystem does."""


class BlockDevices:
    """Watches block devices in a thread of its own that nobody joins. `on_change` is called in that thread."""

    def __init__(self, on_change: Callable[[], object]) -> None:
        self._on_change = on_change
        self._stopped = threading.Event()

    def start(self) -> None:
        """Watch from now on. Where the kernel's messages cannot be had, says so and does nothing."""
        try:
            monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source="kernel")
            monitor.filter_by(subsystem="block")
            monitor.start()
        except (OSError, ImportError) as error:
            log.warning("block devices are not watched (%s): disks are looked for every 5 s", error)
            return
        threading.Thread(target=self._watch, args=(monitor,), name="block devices", daemon=True).start()

    def close(self) -> None:
        """Say nothing more."""
        self._stopped.set()

    def _watch(self, monitor: pyudev.Monitor) -> None:
        while not self._stopped.is_set():
            device = monitor.poll(timeout=WAIT_S)
            if device is not None and device.action in ACTIONS and not self._stopped.is_set():
                log.info("block device %s: %s", device.sys_name, device.action)
                try:
                    self._on_change()
                except RuntimeError:  # the event loop has ended
                    return
