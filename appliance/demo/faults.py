"""Faults of a simulated camera, on demand and by script."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

FaultName = Literal["silence", "reset", "stall", "wrong_password", "lose", "lose_burst", "refuse", "half_answers"]


@dataclass(frozen=True, slots=True)
class FaultStep:
    """At `at_s` seconds after the script's start do `fault`; meaning of the numbers: see `Faults`."""

    at_s: float
    fault: FaultName
    seconds: float = 0.0
    count: int = 0
    stream: str | None = None


@dataclass(frozen=True, slots=True)
class FaultScript:
    """Steps of one camera, in any order."""

    steps: tuple[FaultStep, ...] = ()


@dataclass(slots=True)
class FaultState:
    """What is wrong now. Times are the event loop's; stream None = all streams."""

    silent_until: dict[str | None, float] = field(default_factory=dict)
    stall_s: dict[str | None, float] = field(default_factory=dict)  # armed: the next picture is cut
    lose_every: dict[str | None, tuple[int, float]] = field(default_factory=dict)
    lose_next: dict[str | None, int] = field(default_factory=dict)
    half_answers: int = 0
    packets: int = 0  # counted for lose_every

    def silent(self, stream: str, now: float) -> bool:
        """True while nothing is sent on `stream`."""
        return any(self.silent_until.get(key, 0.0) > now for key in (stream, None))

    def stall(self, stream: str) -> float:
        """Seconds for which the picture now being sent is to be cut; disarms. 0: no stall."""
        for key in (stream, None):
            if key in self.stall_s:
                return self.stall_s.pop(key)
        return 0.0

    def loses(self, stream: str, now: float) -> bool:
        """True while packets of `stream` may be withheld."""
        return any(self.lose_every.get(k, (0, 0.0))[1] > now or self.lose_next.get(k, 0) > 0 for k in (stream, None))

    def drop_packet(self, stream: str, now: float) -> bool:
        """Decide over one RTP packet."""
        for key in (stream, None):
            if self.lose_next.get(key, 0) > 0:
                self.lose_next[key] -= 1
                return True
            every, until = self.lose_every.get(key, (0, 0.0))
            if every and until > now:
                self.packets += 1
                if self.packets % every == 0:
                    return True
        return False


class Faults:
    """Does things to a camera. All take effect at once; durations are seconds of real time."""

    def __init__(
        self,
        state: FaultState,
        *,
        reset: Callable[[str | None], None],
        password: Callable[[bool], None],
        listen: Callable[[bool], None],
    ) -> None:
        self._state = state
        self._reset = reset
        self._password = password
        self._listen = listen
        self._timers: list[asyncio.TimerHandle] = []

    def silence(self, seconds: float, stream: str | None = None) -> None:
        """Send no picture and no sender report; RTSP requests are still answered."""
        self._state.silent_until[stream] = asyncio.get_running_loop().time() + seconds

    def reset(self, stream: str | None = None) -> None:
        """Break the TCP connections with RST."""
        self._reset(stream)

    def stall(self, seconds: float, stream: str | None = None) -> None:
        """Cut the next picture inside a packet and deliver the rest `seconds` later, as a stuck switch does."""
        self._state.stall_s[stream] = seconds

    def wrong_password(self, seconds: float) -> None:
        """Someone changed the camera's password: connections end and the old password is refused."""
        self._password(True)
        self._reset(None)
        self._later(seconds, lambda: self._password(False))

    def lose(self, every: int, seconds: float, stream: str | None = None) -> None:
        """Withhold each `every`-th RTP packet."""
        self._state.lose_every[stream] = (every, asyncio.get_running_loop().time() + seconds)

    def lose_burst(self, count: int, stream: str | None = None) -> None:
        """Withhold the next `count` RTP packets."""
        self._state.lose_next[stream] = count

    def refuse(self, seconds: float) -> None:
        """Close the listener and all connections: the next connection is refused."""
        self._listen(False)
        self._reset(None)
        self._later(seconds, lambda: self._listen(True))

    def half_answers(self, count: int) -> None:
        """Send only half of the next `count` RTSP responses, then nothing on that connection."""
        self._state.half_answers = count

    def run(self, script: FaultScript) -> None:
        """Start the script's clock."""
        for step in script.steps:
            self._later(step.at_s, lambda step=step: self.do(step))  # type: ignore[misc]  # bound now on purpose

    def do(self, step: FaultStep) -> None:
        """Do one step at once."""
        actions: dict[FaultName, Callable[[], None]] = {
            "silence": lambda: self.silence(step.seconds, step.stream),
            "reset": lambda: self.reset(step.stream),
            "stall": lambda: self.stall(step.seconds, step.stream),
            "wrong_password": lambda: self.wrong_password(step.seconds),
            "lose": lambda: self.lose(step.count, step.seconds, step.stream),
            "lose_burst": lambda: self.lose_burst(step.count, step.stream),
            "refuse": lambda: self.refuse(step.seconds),
            "half_answers": lambda: self.half_answers(step.count),
        }
        actions[step.fault]()

    def cancel(self) -> None:
        """Forget every step not done yet."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, action))
