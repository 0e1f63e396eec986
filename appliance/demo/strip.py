"""Placeholder until the live strip writer lands: clips with a strip are not made yet."""

from appliance.demo.clip import Clip
from appliance.demo.counter import Stamp


class StripWriter:
    """Writes the last slice of each picture."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip

    def nal(self, index: int, stamp: Stamp) -> bytes:
        """The slice NAL unit of picture `index` of the clip."""
        raise NotImplementedError
