"""One camera as the detector's process works on it: parts in, work for the model out, findings back in.

Threads share an Eye: one decodes, others run models; its lock is held for the short steps alone, never while a model
runs. A part brings several pictures at once: the next one waits until the model has answered on the one before, so
that where to look is decided by what was found, as when a file is looked at. Whatever is slow loses looks, never
memory: parts wait in a short queue that is emptied whole when it is full (what follows a hole cannot be decoded
anyway), and where too many pictures wait, only the newest is still looked at by the model.
"""

from collections import deque
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, NamedTuple

from appliance.detection.decode import PartDecoder, Picture
from appliance.detection.errors import PicturesUnreadable
from appliance.detection.gate import Watch
from appliance.detection.model import Model
from appliance.detection.pipeline import Input, Pipeline, Work
from appliance.detection.rules import Event
from appliance.detection.shapes import Box, Detection, Kind

MAX_WAITING: Final = 12
"""Parts that may wait to be decoded: about five seconds of one stream, 250 kB of a light one."""

MAX_PICTURES: Final = 5
"""Decoded pictures that may wait for the model: a second. Beyond it is behind, and looks at the newest alone."""

KEPT_PICTURES: Final = 3
"""Pictures of events kept for the list of alerts, as JPEG."""


class Offered(NamedTuple):
    """A part as the recorder sent it. `init`: its init segment; `arrived_us`: monotonic."""

    init: bytes
    data: bytes
    arrived_us: int


class Seen(NamedTuple):
    """Somebody or something confirmed that is there: for the boxes of an alert."""

    time_us: int
    kind: Kind
    box: Box
    score: float
    track: int


class Job(NamedTuple):
    """What a model is to look at. `arrived_us`: when its part came (monotonic)."""

    work: Work
    arrived_us: int


@dataclass(slots=True)
class Eye:
    """One camera. `bytes_read` counts what came from the recorder's socket: 0 for ever where the law says so."""

    camera: str
    pipeline: Pipeline
    armed_zones: bool
    watch: Watch = Watch.STATISTICS
    bytes_read: int = 0
    refused: int = 0
    lost_parts: int = 0
    lost_looks: int = 0
    lock: Lock = field(default_factory=Lock)
    _waiting: deque[Offered] = field(default_factory=deque)
    _decoder: PartDecoder | None = None
    _init: bytes = b""
    _pictures: deque[tuple[Picture, int]] = field(default_factory=deque)
    _job: Job | None = None
    _concluding: bool = False
    _last: Picture | None = None
    _kept: deque[tuple[int, Picture]] = field(default_factory=lambda: deque(maxlen=KEPT_PICTURES))

    def offer(self, part: Offered) -> None:
        """The newest part; called in the event loop."""
        self.bytes_read += len(part.data)
        if len(self._waiting) >= MAX_WAITING:
            self.lost_parts += len(self._waiting)
            self._waiting.clear()
        self._waiting.append(part)

    @property
    def waiting(self) -> bool:
        """Are there parts to decode?"""
        return bool(self._waiting)

    def forget(self) -> None:
        """Nothing may be looked at any more: not what waits, not what was decoded."""
        with self.lock:
            self._waiting.clear()
            self._decoder = self._job = self._last = None
            self._init = b""
            self._pictures.clear()
            self._kept.clear()

    def digest(self) -> list[Event]:
        """Decode what waits and say what the pictures alone tell; work for a model waits in `take`. In a thread."""
        events: list[Event] = []
        while True:
            try:
                part = self._waiting.popleft()
            except IndexError:
                return events
            with self.lock:
                if self.watch is Watch.STATISTICS:  # the gate closed while it waited
                    continue
                events += self._look(part)

    def _look(self, part: Offered) -> list[Event]:
        if self._decoder is None or part.init != self._init:
            try:
                self._decoder, self._init = PartDecoder(part.init), part.init
            except PicturesUnreadable:  # this camera's pictures cannot be looked at; the others' go on
                self._decoder = None
                self.refused += 1
                return self._advance()
        before = self._decoder.refused
        self._pictures.extend((picture, part.arrived_us) for picture in self._decoder.pictures(part.data))
        self.refused += self._decoder.refused - before
        return self._advance()

    def _advance(self) -> list[Event]:
        """Prepare what waits, up to the first picture the model is to look at; where it is behind, up to the newest.

        Events that the pictures alone tell. The lock is held.
        """
        events: list[Event] = []
        watch = self.watch
        if watch is Watch.STATISTICS:  # the gate closed while they waited
            self._pictures.clear()
            return events
        behind = len(self._pictures) > MAX_PICTURES
        if behind and self._job is not None:
            self._job = None
            self.lost_looks += 1
        while self._pictures and (self._job is None and not self._concluding):
            picture, arrived_us = self._pictures.popleft()
            self._last = picture
            found, work = self.pipeline.prepare(picture, watch, look=not (behind and self._pictures))
            events += found
            if found:
                self._kept.append((picture.time_us, picture))
            if work is not None:
                self._job = Job(work, arrived_us)
        return events

    def has_work(self) -> bool:
        """Does a model have something to look at?"""
        return self._job is not None

    def age_us(self) -> int:
        """When the waiting work's part came (monotonic); far in the future when there is none."""
        job = self._job
        return job.arrived_us if job is not None else 1 << 62

    def take(self) -> Job | None:
        """The newest work, once."""
        with self.lock:
            job, self._job = self._job, None
            self._concluding = job is not None
            return job

    def conclude(self, job: Job, model: Model | None) -> tuple[list[Event], list[Seen]]:
        """Run the model, then the rules: events, and who is there. In a model's thread."""
        there: list[Seen] = []
        events: list[Event] = []
        try:
            found = self._find(job, model)
            with self.lock:
                if self.watch is Watch.PERSONS:
                    events += self.pipeline.conclude(job.work, found, job.work.time_us)
                    there += self._there(job.work.time_us)
                if events:
                    self._kept.append((job.work.time_us, job.work.picture))
        finally:
            self._concluding = False
        with self.lock:
            return events + self._advance(), there

    def _find(self, job: Job, model: Model | None) -> list[Detection]:
        if model is None or not self.pipeline.kinds_known:
            return []
        return job.work.find(model.find, Input.of(model.description), self.pipeline.thresholds.weak)

    def _there(self, at: int) -> list[Seen]:
        return [
            Seen(at, track.kind, track.expected(at).cut(), track.score, track.number)
            for kind in (Kind.PERSON, Kind.VEHICLE, Kind.MOTION)
            for track in self.pipeline.present(kind, at)
        ]

    def picture_near(self, utc_us: int, within_us: int) -> Picture | None:
        """The picture of an event near that time, else the last one if it is near."""
        with self.lock:
            if self.watch is Watch.STATISTICS:
                return None
            known = [(at, picture) for at, picture in self._kept if abs(at - utc_us) <= within_us]
            if known:
                return min(known, key=lambda one: abs(one[0] - utc_us))[1]
            last = self._last
            return last if last is not None and abs(last.time_us - utc_us) <= within_us else None
