"""The recorder without its flush: what the power-cut harness must find to be worth anything.

`python -m tests.peers.unflushed recorder --site FILE` is the recorder as it is, except that what it writes stays in
the kernel's cache and that a flush only says that it was done.
"""

import sys
from collections.abc import Sequence

from appliance.cli import main
from appliance.ring.disks.disk import Disk, Flush


def lie() -> None:
    """From here on every disk of this process writes buffered and never flushes."""

    def probe(_disk: Disk) -> Flush:
        return Flush.SYNCFS

    def flush(_disk: Disk, written: Sequence[int]) -> int:
        return len(written)

    for name, lie_told in (("_probe", probe), ("flush", flush)):
        assert callable(getattr(Disk, name))
        setattr(Disk, name, lie_told)


if __name__ == "__main__":
    lie()
    sys.exit(main())
