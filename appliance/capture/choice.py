"""Which reader reads a camera: the recorder's own, or the compatible one. Pure.

The compatible reader costs five times the processor and a process; it is there for what the native one cannot do. In
`auto` it takes over after failures that are the server's protocol, and gives way again when it fails no better.
"""

from typing import Final, Literal

from appliance.capture.errors import (
    CaptureError,
    CompatibleReaderFailed,
    RequestRejected,
    RtspInvalid,
    SdpInvalid,
    TransportRefused,
)

Setting = Literal["auto", "native", "compatible"]

PATIENCE: Final = 3
"""Failures of the protocol in a row before the other reader is tried: a camera that starts answers nonsense once."""

_PROTOCOL: Final = (CompatibleReaderFailed, RequestRejected, RtspInvalid, SdpInvalid)
"""What another reader may understand. A wrong password, an unknown path or silence is the same for both."""


class ReaderChoice:
    """`compatible`: the reader of the next session."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._failures = 0
        self.compatible = setting == "compatible"

    def failed(self, error: CaptureError) -> bool:
        """Note how a session ended; True when the other reader takes over."""
        if self._setting != "auto":
            return False
        if isinstance(error, TransportRefused):  # the camera has said it: only UDP
            self._failures = PATIENCE
        elif isinstance(error, _PROTOCOL):
            self._failures += 1
        else:
            self._failures = 0
        if self._failures < PATIENCE:
            return False
        self._failures = 0
        self.compatible = not self.compatible
        return True
