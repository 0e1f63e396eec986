"""A part as the recorder names it to readers: one row of `ranges`, shared by the socket, clips and pages."""

from typing import NamedTuple

from appliance.core.units import ticks_to_us
from appliance.media.part import STARTS_KEYFRAME, STARTS_RUN


class PartRef(NamedTuple):
    """A part on the wire, as a JSON array. `flags`: 1 keyframe, 2 run start; units as in PartEntry."""

    offset: int
    length: int
    utc_us: int
    tfdt: int
    duration: int
    run: int
    sequence: int
    samples: int
    flags: int

    @property
    def keyframe(self) -> bool:
        """Does it start with a keyframe?"""
        return bool(self.flags & STARTS_KEYFRAME)

    @property
    def end_us(self) -> int:
        """UTC of the end of its last picture."""
        return self.utc_us + ticks_to_us(self.duration)

    @property
    def starts_run(self) -> bool:
        """Is it the first of its run?"""
        return bool(self.flags & STARTS_RUN)
