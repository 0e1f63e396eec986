"""When a disk that was given up for its silence is asked again. Pure.

A flush that failed may have dropped pages that nobody will write any more: only unmounting settles that. A disk that
did not answer in time and then did has lost nothing: its last tick is as durable as any, and what it holds twice is
known by (stream, run, sequence). A disk that goes silent again and again costs 5 s of lateness each time, so it waits
longer each time.
"""

from typing import Final

from appliance.core.units import US_PER_SECOND

FIRST_US: Final = 60 * US_PER_SECOND
"""us out of the ring after the first silence: what a loaded machine, or a drive that repairs a sector, may take."""

MOST_US: Final = 3600 * US_PER_SECOND
"""us at the most: somebody has been told for long, and the disk's past is worth an hour's try."""


def away_us(times: int) -> int:
    """Us that a disk stays out which has gone silent so many times, 1 or more, in one life of the process."""
    return min(MOST_US, FIRST_US << min(times - 1, 16))


def may_return(silences: int, away_for_us: int, *, returned: bool, well: bool) -> bool:
    """May a disk given up for its silence be opened again without having been unmounted?

    `returned`: every call it was asked has come back; `well`: and none of its writes had failed.
    """
    return returned and well and away_for_us >= away_us(silences)
