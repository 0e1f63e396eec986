"""`appliance detector` whose libav crashes on every picture of the camera cam0, as hostile video would have it."""

import signal
import sys

from appliance.cli import main
from appliance.detection.eye import Eye, Offered
from appliance.detection.rules import Event

_look = Eye._look


def _crash(self: Eye, part: Offered) -> list[Event]:
    if self.camera == "cam0":
        signal.raise_signal(signal.SIGSEGV)  # to this thread, as a fault is; one sent to the process may strike later
    return _look(self, part)


Eye._look = _crash  # type: ignore[method-assign]
sys.exit(main())
