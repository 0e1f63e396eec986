"""A recorder in memory that holds a whole day without a gap: the tape's second run again and again."""

from collections.abc import Mapping
from typing import Any, Final

from appliance.core.units import US_PER_SECOND, ticks_to_us
from appliance.web.recorder import Answer
from tests.peers.fake_recorder import FIRST_RUN_S, FORMS, GAP_S, SECOND_RUN_S, START_US, FakeRecorder

LAP_US: Final = SECOND_RUN_S * US_PER_SECOND
DAY_US: Final = 24 * 3600 * US_PER_SECOND
_RUN: Final = 2
_SHIFT_US: Final = (FIRST_RUN_S + GAP_S) * US_PER_SECOND
"""us from the tape's start at which its second run begins."""


class DayRecorder(FakeRecorder):
    """From START_US for a day. The counter in the picture begins again with each lap."""

    def __init__(self, cameras: Mapping[str, str] | None = None) -> None:
        super().__init__(cameras)
        self.now_us = START_US + DAY_US

    def durable_us(self) -> int:
        return self.now_us

    async def spans(self, camera: str, stream: str, from_us: int, to_us: int) -> Answer:
        self.tape(camera, stream)
        whole = {"from_us": START_US, "to_us": self.now_us, "run": _RUN, "cause": "NONE"}
        held = to_us > START_US and self.now_us > from_us
        return {"spans": [whole] if held else [], "pauses": [], "durable_us": self.now_us, "live": self.live}

    async def ranges(
        self, camera: str, stream: str, from_us: int, to_us: int, *, from_keyframe: bool = False
    ) -> Answer:
        self.dated()
        laps = range(max(0, (from_us - START_US) // LAP_US - 1), max(0, to_us - START_US) // LAP_US + 1)
        chunks = [self._lap(chunk, lap) for lap in laps for chunk in self.tape(camera, stream).chunks]
        start = from_us
        if from_keyframe:
            keys = [row[2] for chunk in chunks for row in chunk["parts"] if row[8] & 1 and row[2] <= from_us]
            start = max(keys, default=from_us)
        found = []
        for chunk in chunks:
            rows = [row for row in chunk["parts"] if row[2] < to_us and row[2] + ticks_to_us(row[4]) > start]
            rows = [row for row in rows if row[2] < self.now_us]
            if rows:
                found.append({**chunk, "parts": rows, "base_utc_us": rows[0][2] - ticks_to_us(rows[0][3])})
        return {"chunks": found, "durable_us": self.durable_us()}

    def _lap(self, chunk: Answer, lap: int) -> dict[str, Any]:
        """What a chunk of the tape has of the second run, at its time in this lap."""
        later = lap * LAP_US - _SHIFT_US
        rows = [[*row[:2], row[2] + later, *row[3:]] for row in chunk["parts"] if row[5] == _RUN]
        return {**chunk, "generation": 10 * (lap + 1) + chunk["number"], "parts": rows}


def counter_of_day(instant_us: int, stream: str) -> int:
    """The counter in the picture of this instant (20 us: a tick is 11, UTC is rounded down)."""
    fps = FORMS[stream].fps
    return FIRST_RUN_S * fps + (instant_us - START_US + 20) % LAP_US * fps // US_PER_SECOND
