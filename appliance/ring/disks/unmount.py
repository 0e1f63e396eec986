"""Was this filesystem unmounted, or this folder taken away, since it was opened? The kernel's own word (inotify(7)).

A disk whose flush failed may come back only when its filesystem was really left: unmounting ends the aborted journal
and drops every page that was never written. A mount point that looks the same proves nothing, and an open descriptor
would keep the disk from being unmounted at all; a watch does not.
"""

import ctypes
import errno
import os
from pathlib import Path
from typing import Final

IN_DELETE_SELF: Final = 0x400
IN_MOVE_SELF: Final = 0x800
"""linux/inotify.h; IN_UNMOUNT needs not be asked for."""

_libc = ctypes.CDLL(None, use_errno=True)


class Watch:
    """Watches one folder from now on. Where the system gives no watch, it never says that it was left."""

    def __init__(self, path: Path) -> None:
        self._fd = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._left = False
        if self._fd >= 0 and _libc.inotify_add_watch(self._fd, os.fsencode(path), IN_DELETE_SELF | IN_MOVE_SELF) < 0:
            os.close(self._fd)
            self._fd = -1

    def left(self) -> bool:
        """Has it been unmounted, deleted or moved away? Never waits."""
        if not self._left and self._fd >= 0:
            try:
                self._left = bool(os.read(self._fd, 4096))
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    raise
        return self._left

    def close(self) -> None:
        """End the watch; what it knows by now it goes on saying."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
