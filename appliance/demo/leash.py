"""`python -m appliance.demo.leash PROGRAM...`: run a program that the kernel ends when its parent dies.

PR_SET_PDEATHSIG survives execve (prctl(2)), so even a SIGKILL of the demonstration leaves no child behind.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str]) -> None:
    """Replace this process by the program in `arguments`."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:  # it died before the call
        sys.exit(1)
    os.execvp(arguments[0], arguments)  # noqa: S606  # a program is exactly what is wanted here


if __name__ == "__main__":
    main(sys.argv[1:])
