"""Pictures in, runs out: decides when a run begins and ends, and gives each picture its times.

No sockets and no waiting: capture.camera feeds it. A run begins with a keyframe whose parameter sets are known. It
ends when packets were lost (the pictures up to the next keyframe would be damaged), when media time jumped, when the
connection ended, and, at a keyframe so that no picture is lost, when parameters changed, UTC was stepped, or the
judgement of UTC is another one. The first few pictures of a session with B-frames are held back until they tell where
its clock stands.
"""

from collections import deque
from collections.abc import Callable, Iterable

from appliance.capture.timeline import (
    ANCHOR_PICTURES,
    DEFAULT_FRAME_TICKS,
    MAX_REORDER,
    REORDER_SPAN_TICKS,
    CameraClock,
    DecodeOrder,
    MediaClock,
    clock_stepped,
)
from appliance.core.cause import GapCause
from appliance.core.clock import Clock
from appliance.core.units import ticks_to_us
from appliance.media.depacketiser import Picture
from appliance.media.parameters import ParameterSets, parameter_sets
from appliance.media.stream import CAMERA_TIME_UNKNOWN, AccessUnit, Codec, CodecParameters, RunStart, StreamSink


class RunKeeper:
    """The runs of one stream over all its connections.

    The cause written into the next run: what ended the last run, or the last failure that kept the camera away
    since. For the first run after the program's start it is `first_cause`, unless a camera failure kept the camera
    away meanwhile: then the failure, because it is what could be repaired. NONE stays NONE: before the first run
    ever there is no gap to explain.
    """

    def __init__(
        self, sink: StreamSink, clock: Clock, clock_state: Callable[[], int], first_cause: GapCause = GapCause.NONE
    ) -> None:
        self._sink = sink
        self._clock = clock
        self._clock_state = clock_state
        self._judged = 0  # the open run's
        self._cause = first_cause
        self._nothing_before = first_cause is GapCause.NONE
        self._sets: ParameterSets = parameter_sets("h264")
        self._first_group = False  # nothing but the run's first keyframe and what follows it was stored yet
        self._media = MediaClock()
        self._held: list[tuple[Picture, int]] = []  # a session's first pictures with B-frames, and their arrivals
        self._order = DecodeOrder(0, DEFAULT_FRAME_TICKS, 0)
        self._learned_depth = 0
        self._recent: deque[int] = deque(maxlen=2 * MAX_REORDER)
        self._last_dts = 0
        self._utc_offset_us = 0
        self._changed = False
        self.camera_clock = CameraClock()
        self.open = False
        self.runs = 0
        self._newest_pts = 0
        self._newest_camera_us = CAMERA_TIME_UNKNOWN

    @property
    def camera_clock_offset_us(self) -> int | None:
        """The camera's UTC minus ours at the newest picture; None while the camera has not told its time."""
        if self._newest_camera_us == CAMERA_TIME_UNKNOWN:
            return None
        return self._newest_camera_us - ticks_to_us(self._newest_pts) - self._utc_offset_us

    @property
    def parameters(self) -> CodecParameters | None:
        """Codec parameters in force, None while unknown."""
        return self._sets.parameters

    @property
    def cause(self) -> GapCause:
        """Why there is no picture now; NONE while a run is open."""
        return GapCause.NONE if self.open else self._cause

    def connected(self, described: Iterable[bytes], codec: Codec = "h264") -> None:
        """Another session begins, with SDP's parameter sets: media time and camera clock start anew."""
        self._release()
        self._sets = parameter_sets(codec, described)
        self._media = MediaClock(self._last_dts + 1)
        self.camera_clock = CameraClock()
        self._newest_camera_us = CAMERA_TIME_UNKNOWN

    def failed(self, cause: GapCause) -> None:
        """The session is over, or could not be had."""
        self._release()
        if self.open:
            self._end(cause)
        elif not self._nothing_before:
            self._cause = cause

    def pause(self, cause: GapCause) -> None:
        """The run ends because it must. A gap that was open already keeps its own cause: it began without the pause."""
        self._release()
        if self.open:
            self._end(cause)

    def gap(self) -> None:
        """Packets were lost, or a picture was broken: nothing is whole until the next keyframe."""
        self._release()
        if self.open:
            self._end(GapCause.PACKET_LOSS)

    def picture(self, picture: Picture, arrival_us: int) -> None:
        """The next picture in decoding order; `arrival_us`: monotonic time at which it was whole."""
        if self._held:
            self._held.append((picture, arrival_us))
            if len(self._held) >= ANCHOR_PICTURES:
                self._release()
            return
        self._take(picture, arrival_us)

    def _release(self) -> None:
        """Media time is settled by the pictures that were held back; they go on as if they came now."""
        if self._held:
            held, self._held = self._held, []
            self._media.anchor([(picture.timestamp, arrival_us) for picture, arrival_us in held])
            for picture, arrival_us in held:
                self._take(picture, arrival_us)

    def _take(self, picture: Picture, arrival_us: int) -> None:
        if picture.parameter_sets and self._sets.offer(picture.parameter_sets):
            self._changed = True
        if picture.keyframe and self.open:
            if self._changed:
                self._end(GapCause.PARAMETERS)
            elif self._clock_changed():
                self._end(GapCause.CLOCK)
        if self.open:
            if self._first_group and (picture.keyframe or picture.leading):
                if not picture.keyframe:
                    return  # it is shown before the run's first keyframe: to this run it is the past
                self._first_group = False
            if self._append(picture, arrival_us):
                return
            if not picture.keyframe:
                return
        if picture.keyframe and self._sets.parameters is not None:
            if not self._media.started and self._depth()[0]:
                self._held.append((picture, arrival_us))
                return
            self._start(self._sets.parameters)
            self._first_group = True
            self._append(picture, arrival_us)

    def _clock_changed(self) -> bool:
        stepped = clock_stepped(self._utc_offset_us, self._clock.utc_us(), self._clock.monotonic_us())
        return stepped or self._clock_state() != self._judged

    def _start(self, parameters: CodecParameters) -> None:
        self._changed = False
        self._judged = self._clock_state()
        self._utc_offset_us = self._clock.utc_us() - self._clock.monotonic_us()
        depth, frame = self._depth()
        self._order = DecodeOrder(depth, frame, self._last_dts)
        self._recent.clear()
        self._sink.start_run(RunStart(parameters, self._utc_offset_us, self._clock.boot_id, self._judged, self._cause))
        self.open = True
        self.runs += 1
        self._nothing_before = False

    def _depth(self) -> tuple[int, int]:
        """Reorder depth and frame time of the active SPS; the measured depth where it does not say."""
        sps = self._sets.active
        if sps is None:
            return self._learned_depth, DEFAULT_FRAME_TICKS
        known = sps.max_reorder_frames
        return self._learned_depth if known is None else known, sps.frame_ticks or DEFAULT_FRAME_TICKS

    def _append(self, picture: Picture, arrival_us: int) -> bool:
        """Store one picture; False: its time does not fit and the run has ended."""
        pts = self._media.place(picture.timestamp, arrival_us)
        dts = None if pts is None else self._order.place(pts)
        if pts is None or dts is None:
            return self._misplaced(picture, arrival_us, pts)
        self._recent.append(pts)
        pts = max(pts, dts)
        self._last_dts = dts
        self._newest_pts = pts
        self._newest_camera_us = camera_us = self.camera_clock.utc_us(picture.timestamp)
        self._sink.append(AccessUnit(picture.data, dts, pts, picture.keyframe, camera_us))
        return True

    def _misplaced(self, picture: Picture, arrival_us: int, pts: int | None) -> bool:
        """Media time jumped, or B-frames go deeper than was known."""
        before = max(self._recent, default=self._last_dts)
        sps = self._sets.active
        unknown_depth = sps is not None and sps.max_reorder_frames is None
        if pts is not None and unknown_depth and before - pts < REORDER_SPAN_TICKS:
            needed = sum(other > pts for other in self._recent)
            if self._learned_depth < needed <= MAX_REORDER:
                self._learned_depth = needed
                self._media = MediaClock(before + 1)  # settled by one picture, as if none were shown before it
                self._end(GapCause.PARAMETERS)
                return False
        self._media = MediaClock(self._last_dts + 1)
        if not self._recent:  # it jumped while no run was open: this run simply begins on another clock
            return self._append(picture, arrival_us)
        self._end(GapCause.CAMERA_TIME)
        return False

    def _end(self, cause: GapCause) -> None:
        self.open = False
        self._cause = cause
        self._sink.end_run(cause)
