"""`appliance detector` whose libav crashes on every picture of the camera cam0, as hostile video would have it."""

import os
import signal
import sys

from appliance.cli import main
from appliance.detection.eye import Eye, Offered
from appliance.detection.rules import Event

_look = Eye._look


def _crash(self: Eye, part: Offered) -> list[Event]:
    if self.camera == "cam0":
        os.kill(os.getpid(), signal.SIGSEGV)
    return _look(self, part)


Eye._look = _crash  # type: ignore[method-assign]
sys.exit(main())
