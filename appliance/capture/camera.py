"""One stream of one camera, recorded for ever: connect, play, notice what fails, wait, connect again.

Each runner is alone: it owns its connection, its clocks and its sink, and nothing it meets reaches another.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

from appliance.capture.backoff import auth_backoff_s, backoff_s
from appliance.capture.choice import ReaderChoice, Setting
from appliance.capture.compatible.reader import CompatibleReader
from appliance.capture.connection import RtspConnection
from appliance.capture.errors import (
    CameraAuthentication,
    CameraClosed,
    CameraFloods,
    CameraSilent,
    CaptureError,
    NoKeyframe,
)
from appliance.capture.rates import Counted, Rates
from appliance.capture.reception import Reception
from appliance.capture.rtsp import RtspSession, open_connection
from appliance.capture.runs import RunKeeper
from appliance.capture.state import CameraState, CaptureState
from appliance.capture.url import Credentials, RtspUrl, parse_url
from appliance.core.cause import GapCause
from appliance.core.clock import Clock
from appliance.core.units import US_PER_SECOND
from appliance.media.depacketiser import Picture
from appliance.media.stream import ClockState, StreamKey, StreamSink

log = logging.getLogger(__name__)

SILENCE_S: Final = 8.0
"""Seconds without a whole picture before the camera counts as silent. Longer than a Wi-Fi stall or the pause of a
camera that changes its settings (2-5 s); with a reconnect behind it a loss is still visible within 30 s."""

KEYFRAME_S: Final = 30.0
"""Seconds of pictures without a usable keyframe. "Smart" codecs stretch a GOP to 20 s."""

WATCH_S: Final = 2.0
"""Seconds between looks at silence and rate: a quarter of SILENCE_S. The end of a connection is noticed at once."""

FLOOD_RATE: Final = 16_000_000
"""Bytes a second, smoothed over looks, that no camera's video has: 128 Mbit/s, more than the 100BASE-TX port that
cameras have lets through. It would use up the ring's past, which is every camera's."""

STABLE_S: Final = 10.0
"""Seconds of pictures after which a failure is a new one and not the next of a series."""

Connect = Callable[[RtspUrl, Clock], Awaitable[RtspConnection]]
Sleep = Callable[[float], Awaitable[None]]
Explain = Callable[[CaptureError], CaptureError]
Turn = Callable[[], Awaitable[None]]
Compatible = Callable[[RtspUrl, Credentials | None, Clock], CompatibleReader]


async def _at_once() -> None:
    """Nobody else to wait for."""


class CameraRunner:
    """Records one stream. `run()` never returns; `drain()` is called at each tick of the ring; `state()` any time.

    `url`: rtsp URL, user and password in it or in `credentials`. `connect`, `rng`, `sleep`: for tests.
    `clock_state`: the judgement of UTC to write into each run. `first_cause`: why the video before the first run is
    missing (see RunKeeper). `explain`: what a failure really is, when others know more.
    `reader`: see ReaderChoice; `compatible`: how its other reader is had. `turn`: waits until the camera may be met.
    """

    def __init__(
        self,
        key: StreamKey,
        url: str,
        credentials: Credentials | None,
        sink: StreamSink,
        clock: Clock,
        *,
        connect: Connect = open_connection,
        rng: random.Random | None = None,
        sleep: Sleep = asyncio.sleep,
        clock_state: Callable[[], int] = lambda: ClockState.DOUBTFUL,
        first_cause: GapCause = GapCause.NONE,
        explain: Explain = lambda error: error,
        reader: Setting = "auto",
        compatible: Compatible = CompatibleReader,
        turn: Turn = _at_once,
    ) -> None:
        self._turn_to_meet = turn
        self._explain = explain
        self._choice = ReaderChoice(reader)
        self._compatible = compatible
        self.key = key
        self._url = url
        self._credentials = credentials
        self._clock = clock
        self._connect = connect
        self._rng = rng if rng is not None else random.Random()  # noqa: S311 - jitter, no secret
        self._sleep = sleep
        self._runs = RunKeeper(sink, clock, clock_state, first_cause)
        self._wake = asyncio.Event()
        self._paused = GapCause.NONE
        self._turn = asyncio.Event()  # pause or resume was called
        self._state = CaptureState.IDLE
        self._since_us = clock.utc_us()
        self._error: CaptureError | None = None
        self._told: str | None = None
        self._failures = 0
        self._refusals = 0
        self._sessions = 0
        self._connection: RtspConnection | None = None
        self._reception: Reception | None = None
        self._lost_before = 0
        self._audio_offered = False
        self._pictures = 0
        self._last_picture_us = 0
        self._last_run_us = 0
        self._run_opened_us: int | None = None
        self._rates = Rates()

    async def run(self) -> None:
        """Record until cancelled. Failures are states, never exceptions."""
        try:
            while True:
                if self._paused:
                    await self._stay_away()
                reason = await self._attempt()
                if reason is not None:
                    await self._rest(self._failed(reason))
        finally:
            self._enter(CaptureState.STOPPED)

    def pause(self, cause: GapCause) -> None:
        """Record nothing from now on: the run ends at once, the connection in a moment, until `resume`.

        May be called before `run`: then the camera is not even met.
        """
        already, self._paused = self._paused, cause
        if already:
            return
        self._runs.pause(cause)
        self._connection = None
        if self._reception is not None:
            self._reception.close()  # pictures on their way mean nothing any more
        self._turn.set()
        self._wake.set()

    def resume(self) -> None:
        """Meet the camera again at once, whatever was wrong before the pause."""
        if self._paused:
            self._paused = GapCause.NONE
            self._failures = 0
            self._error = self._told = None
            self._turn.set()

    @property
    def playing(self) -> bool:
        """True while a run is open."""
        return self._state is CaptureState.PLAYING

    @property
    def paused(self) -> bool:
        """True between `pause` and `resume`."""
        return self._paused is not GapCause.NONE

    def retry_now(self) -> None:
        """Do not wait out the backoff: something was changed."""
        self._wake.set()

    def drain(self) -> None:
        """Take what the kernel holds back below the low-water mark."""
        if self._connection is not None:
            self._connection.drain()

    def state(self) -> CameraState:
        """State for the socket and the probes."""
        streaming = self._state in {CaptureState.WAITING_KEYFRAME, CaptureState.PLAYING}
        parameters = self._runs.parameters
        error = None if self._state is CaptureState.PLAYING or self._paused else self._error
        lost = self._lost_before + (self._reception.depacketiser.packets_lost if self._reception else 0)
        return CameraState(
            state=self._state,
            since_utc_us=self._since_us,
            cause=self._paused or (error.cause if error else self._runs.cause),
            sentence_fr=error.sentence("fr") if error else "",
            sentence_en=error.sentence("en") if error else "",
            fps=round(self._rates.fps, 2) if streaming else 0.0,
            bitrate=int(self._rates.rate * 8) if streaming else 0,
            width=parameters.width if parameters else 0,
            height=parameters.height if parameters else 0,
            codec=parameters.codec if parameters else "",
            lost_packets=lost,
            reconnects=max(0, self._sessions - 1),
            audio_offered=self._audio_offered,
            camera_clock_offset_us=self._runs.camera_clock_offset_us,
            pictures=self._pictures,
            runs=self._runs.runs,
            reader="compatible" if self._choice.compatible else "native",
        )

    async def _stay_away(self) -> None:
        self._enter(CaptureState.PAUSED)
        while self._paused:
            self._turn.clear()
            await self._turn.wait()

    async def _attempt(self) -> CaptureError | None:
        """A session; None when a pause ended it. Its courtesy to the camera (TEARDOWN) is waited for."""
        self._turn.clear()
        session = asyncio.create_task(self._session(), name=f"session {self.key}")
        turn = asyncio.create_task(self._turn.wait(), name=f"turn {self.key}")
        try:
            await asyncio.wait({session, turn}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            turn.cancel()
            if not session.done():
                session.cancel()
                await asyncio.wait({session})
        if session.cancelled():
            return None
        reason = session.result()
        return None if self._paused else reason

    async def _session(self) -> CaptureError:
        """One try, from connecting to whatever ended it; the connection is closed when it returns."""
        self._enter(CaptureState.CONNECTING)
        self._run_opened_us = None
        await self._turn_to_meet()
        try:
            url = parse_url(self._url)
            if self._choice.compatible:
                return await self._read_compatible(url)
            self._connection = connection = await self._connect(url, self._clock)
        except CaptureError as error:
            return self._explain(error)
        session = RtspSession(connection, url, self._credentials or url.credentials)
        reason: CaptureError = CameraClosed(reason="the recorder stops")
        cause = GapCause.APPLIANCE_OFF  # unless a failure says otherwise
        try:
            await self._start(session)
            reason = self._explain(await self._watch(session))
            cause = reason.cause
        except CaptureError as error:
            reason = self._explain(error)
            cause = reason.cause
        finally:
            # First what has come and the run, then the courtesy: TEARDOWN's answer may take its time, and pictures
            # still on the way must not open another run.
            connection.drain()
            self._connection = None
            self._end_reception()
            if not self._turn.is_set():  # a pause has ended the run already
                self._runs.failed(cause)
            await session.close(reason)
        return reason

    async def _read_compatible(self, url: RtspUrl) -> CaptureError:
        """One try with the compatible reader; its child is gone when this returns."""
        cause = GapCause.APPLIANCE_OFF
        try:
            async with self._compatible(url, self._credentials or url.credentials, self._clock) as reader:
                self._sessions += 1
                self._runs.connected(reader.described, reader.codec)
                self._enter(CaptureState.WAITING_KEYFRAME)
                self._begin_measuring(reader)
                looked_us = self._clock.monotonic_us()
                while True:
                    picture = await reader.next(SILENCE_S)
                    if picture is None:
                        self._lost(reader.arrival_us)
                        continue
                    self._take(picture, reader.arrival_us)
                    if reader.arrival_us - looked_us > WATCH_S * US_PER_SECOND:
                        looked_us = reader.arrival_us
                        self._rates.look(reader, self._pictures, looked_us)
                        if error := self._wrong(looked_us):
                            raise error
        except CaptureError as error:
            reason = self._explain(error)
            cause = reason.cause
            return reason
        finally:
            if not self._turn.is_set():
                self._runs.failed(cause)

    async def _start(self, session: RtspSession) -> None:
        """DESCRIBE, SETUP and PLAY of the video track."""
        self._enter(CaptureState.DESCRIBING)
        track = await session.describe()
        self._audio_offered = track.audio_offered
        self._sessions += 1
        self._enter(CaptureState.SETTING_UP)
        self._runs.connected(track.parameter_sets, track.codec)
        self._reception = reception = Reception(
            session.connection, track, self._runs.camera_clock, self._take, self._lost
        )
        await session.setup(track, reception.depacketiser, reception.rtcp)
        self._enter(CaptureState.STARTING)
        self._begin_measuring(session.connection)
        await session.play()
        if not self._runs.open:  # pictures may come before PLAY's answer
            self._enter(CaptureState.WAITING_KEYFRAME)

    def _take(self, picture: Picture, arrival_us: int) -> None:
        self._pictures += 1
        self._last_picture_us = arrival_us
        self._runs.picture(picture, arrival_us)
        if self._runs.open and self._state is CaptureState.PLAYING:
            self._last_run_us = arrival_us
        else:
            self._follow_run(arrival_us)

    def _lost(self, arrival_us: int) -> None:
        self._runs.gap()
        self._follow_run(arrival_us)

    def _end_reception(self) -> None:
        if self._reception is not None:
            self._reception.close()
            self._lost_before += self._reception.depacketiser.packets_lost
            self._reception = None

    def _follow_run(self, now_us: int) -> None:
        """The state follows the run; the first run of a session is the recovery."""
        if not self._runs.open:
            if self._state is CaptureState.PLAYING:
                self._enter(CaptureState.WAITING_KEYFRAME)
            return
        self._last_run_us = now_us
        if self._state is CaptureState.PLAYING:
            return
        self._enter(CaptureState.PLAYING)
        if self._run_opened_us is None:
            self._run_opened_us = now_us
            self._refusals = 0
        self._error = None
        if self._told is not None:
            log.info("%s: recorded again", self.key)
            self._told = None

    async def _watch(self, session: RtspSession) -> CaptureError:
        """Until the session fails: silence, rates, keep-alive. Returns why it ended."""
        connection = session.connection
        keep_alive_us = int(session.keep_alive_s * US_PER_SECOND)
        watch_s = min(
            WATCH_S, session.keep_alive_s / 2
        )  # a session that expires within seconds is looked at more often
        next_keep_alive_us = self._clock.monotonic_us() + keep_alive_us
        pending: asyncio.Task[None] | None = None
        try:
            while not connection.closed.done():
                await self._pause(connection, watch_s)
                connection.drain()  # without a ring that ticks, silence would be ours
                now = self._clock.monotonic_us()
                self._rates.look(connection, self._pictures, now)
                if error := self._wrong(now):
                    return error
                if now >= next_keep_alive_us and (pending is None or pending.done()):
                    next_keep_alive_us = now + int(session.keep_alive_s * US_PER_SECOND)
                    pending = asyncio.create_task(_keep_alive(session), name=f"keep-alive {self.key}")
            return connection.closed.result()
        finally:
            if pending is not None:
                pending.cancel()

    async def _pause(self, connection: RtspConnection, seconds: float) -> None:
        """So long, or until the connection ends."""
        sleeper = asyncio.ensure_future(self._sleep(seconds))
        either: set[asyncio.Future[Any]] = {sleeper, connection.closed}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()

    def _wrong(self, now_us: int) -> CaptureError | None:
        if self._rates.rate > FLOOD_RATE:
            return CameraFloods()
        if now_us - self._last_picture_us > SILENCE_S * US_PER_SECOND:
            return CameraSilent(reason=f"no picture for {SILENCE_S:g} s")
        if not self._runs.open and now_us - self._last_run_us > KEYFRAME_S * US_PER_SECOND:
            return NoKeyframe(seconds=KEYFRAME_S)
        return None

    def _begin_measuring(self, source: Counted) -> None:
        now = self._clock.monotonic_us()
        self._last_picture_us = self._last_run_us = now
        self._rates.begin(source, self._pictures, now)

    def _failed(self, error: CaptureError) -> float:
        """Note a failure, tell it once, and say how long to wait."""
        self._runs.failed(error.cause)  # of a try that never became a session, too
        self._error = error
        self._enter(CaptureState.WAITING)
        if self._told != error.code:
            log.warning("%s: %s", self.key, error)
            self._told = error.code
        if self._choice.failed(error):
            log.warning("%s: the %s reader takes over", self.key, "compatible" if self._choice.compatible else "native")
            self._failures = 0
        if isinstance(error, CameraAuthentication):
            self._refusals += 1
            return auth_backoff_s(self._refusals, self._rng)
        if self._run_opened_us is not None:
            played_s = (self._clock.monotonic_us() - self._run_opened_us) / US_PER_SECOND
            self._failures = 0 if played_s >= STABLE_S else 1
        wait_s = backoff_s(self._failures, self._rng)
        self._failures += 1
        return wait_s

    async def _rest(self, wait_s: float) -> None:
        """Wait out the backoff, or until `retry_now`."""
        self._wake.clear()
        sleeper = asyncio.ensure_future(self._sleep(wait_s))
        woken = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({sleeper, woken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
            woken.cancel()

    def _enter(self, state: CaptureState) -> None:
        if state is not self._state:
            self._state = state
            self._since_us = self._clock.utc_us()


async def _keep_alive(session: RtspSession) -> None:
    try:
        await session.keep_alive()
    except CaptureError as error:
        session.connection.abort(error)
