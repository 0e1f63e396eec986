"""One stream of a simulated camera: the clip's pictures, numbered and paced in real time for all clients at once.

The exposure of picture n is at `start + n / fps` on the camera's clock, whatever happens: a fault loses
pictures, never the count, so a gap in the counter is exactly what was not sent.
"""

import asyncio
import hashlib
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from appliance.core.clock import Clock
from appliance.demo.clip import Clip
from appliance.demo.counter import SEI_TEXT_AT, Stamp, sei_nal, sei_nal_h265, stamp_text
from appliance.demo.packet import PacketBlock, ap, block_of, payload_at, payloads_of, payloads_of_h265, stap_a
from appliance.demo.strip import StripWriter

SENT_KEPT = 60_000
"""Pictures remembered as sent: 40 minutes at 25 fps."""

DIGEST_BYTES = 8
"""Octets of SHA-256 kept per NAL unit: 2**-64 is rare enough for a comparison of test data."""

MAX_LATE_S = 1.0
"""A camera process that was stopped longer than this skips the pictures in between, as a real one would."""

TICKS_PER_S = 90_000


def digest(nal: bytes) -> bytes:
    """What the ground truth keeps of a NAL unit: the first DIGEST_BYTES of its SHA-256."""
    return hashlib.sha256(nal).digest()[:DIGEST_BYTES]


@dataclass(frozen=True, slots=True)
class SentFrame:
    """One picture that at least one client was sent. `counter` rises in decoding order, `utc_us` is when it is shown.

    `nals`: (length in octets, digest) of each NAL unit in order, as sent. `damaged`: RTP packets of it were
    withheld on purpose. `clients`: to how many clients it went.
    """

    counter: int
    utc_us: int
    keyframe: bool
    nals: tuple[tuple[int, bytes], ...]
    damaged: bool
    clients: int


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How a stream is sent.

    `rate` multiplies the frame rate (time stays true). `in_band_sets` repeats SPS and PPS before each IDR
    picture, `aggregate_sets` puts them into one STAP-A. `keep_digests` off saves CPU in load runs. `drift_ppm`: how
    much too fast the camera's media time runs, which the exposures do not follow.
    """

    rate: int = 1
    in_band_sets: bool = True
    aggregate_sets: bool = False
    keep_digests: bool = True
    max_payload: int = 1400
    drift_ppm: int = 0


class Player(Protocol):
    """A client that plays the stream."""

    def send(self, block: PacketBlock, last: PacketBlock | None, ticks: int, *, keyframe: bool) -> tuple[bool, bool]:
        """Send a picture; (sent at all, damaged on purpose). `last`: packets of its last slice when separate."""

    def report(self, utc_us: int, ticks: int) -> None:
        """Send a sender report when one is due."""


@dataclass(slots=True)
class _Prepared:
    block: PacketBlock
    text_at: int  # offset of the SEI's text in block.data
    before: tuple[tuple[int, bytes], ...]
    after: tuple[tuple[int, bytes], ...]
    keyframe: bool


class CameraStream:
    """Paces one clip. `players` may be added and removed at any time."""

    def __init__(self, clip: Clip, tag: int, options: StreamOptions) -> None:
        self.clip = clip
        self.tag = tag
        self.fps: Fraction = clip.fps * options.rate
        self._period = (self.fps.denominator, self.fps.numerator)  # seconds as a ratio: integers are quick and exact
        self.players: set[Player] = set()
        self.sent: deque[SentFrame] = deque(maxlen=SENT_KEPT)
        self.counter = 0
        self._options = options
        self._strip = StripWriter(clip) if clip.strip else None
        self._delay = max(frame.shift for frame in clip.frames)
        self._prepared: list[_Prepared | None] = [None] * len(clip.frames)
        self._start_utc_us = 0
        self._start_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, clock: Clock) -> None:
        """Expose the first picture now; `clock` dates it."""
        loop = asyncio.get_running_loop()
        self._start_utc_us = clock.utc_us()
        self._start_s = loop.time()
        self._timer = loop.call_soon(self._tick)  # type: ignore[assignment]  # both handles cancel alike

    def stop(self) -> None:
        """Expose nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def utc_us_of(self, counter: int) -> int:
        """UTC of the exposure of picture `counter`."""
        return self._start_utc_us + counter * 1_000_000 * self._period[0] // self._period[1]

    def ticks_of(self, counter: int) -> int:
        """Media time of picture `counter`, 90 kHz from the camera's start."""
        rate = TICKS_PER_S * (1_000_000 + self._options.drift_ppm)
        return counter * rate * self._period[0] // (self._period[1] * 1_000_000)

    def next_keyframe(self) -> int:
        """Counter of the next picture with which a new client can begin."""
        frames = self.clip.frames
        counter = self.counter
        while not frames[counter % len(frames)].keyframe:
            counter += 1
        return counter

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        elapsed = loop.time() - self._start_s
        due = int(elapsed * self._period[1] / self._period[0]) + 1  # pictures exposed until now
        if due - self.counter > MAX_LATE_S * self.fps:
            self.counter = due - 1
        while self.counter < due:
            if self.players:
                self._expose(self.counter)
            self.counter += 1
        # half a millisecond late on purpose: rounding must not wake the loop just before the exposure
        self._timer = loop.call_at(
            self._start_s + self.counter * self._period[0] / self._period[1] + 0.0005, self._tick
        )

    def _expose(self, counter: int) -> None:
        prepared = self._prepare(counter % len(self.clip.frames))
        # a picture is sent when the ones that it refers to are, never before it was exposed
        shown = counter + self.clip.frames[counter % len(self.clip.frames)].shift - self._delay
        utc_us, ticks = self.utc_us_of(shown), self.ticks_of(shown)
        stamp = Stamp(counter, utc_us, self.tag)
        text = stamp_text(stamp)
        prepared.block.data[prepared.text_at : prepared.text_at + len(text)] = text
        strip_nal, last = b"", None
        if self._strip is not None:
            strip_nal = self._strip.nal(counter % len(self.clip.frames), stamp)
            last = block_of(payloads_of(strip_nal, self._options.max_payload), marker=True)
        clients, damaged = 0, False
        for player in list(self.players):
            went, hurt = player.send(prepared.block, last, ticks, keyframe=prepared.keyframe)
            clients += went
            damaged |= hurt
            player.report(utc_us, ticks)
        if clients:
            nals: tuple[tuple[int, bytes], ...] = ()
            if self._options.keep_digests:
                sei = self._sei(stamp)
                nals = (*prepared.before, (len(sei), digest(sei)), *prepared.after)
                if strip_nal:
                    nals = (*nals, (len(strip_nal), digest(strip_nal)))
            self.sent.append(SentFrame(counter, utc_us, prepared.keyframe, nals, damaged, clients))

    def _sei(self, stamp: Stamp) -> bytes:
        return sei_nal_h265(stamp) if self.clip.codec == "h265" else sei_nal(stamp)

    def _prepare(self, index: int) -> _Prepared:
        known = self._prepared[index]
        if known is not None:
            return known
        frame = self.clip.frames[index]
        options = self._options
        h265 = self.clip.codec == "h265"
        cut = payloads_of_h265 if h265 else payloads_of
        sets = list(frame.sets or self.clip.sets) if frame.keyframe and options.in_band_sets else []
        payloads = [(ap if h265 else stap_a)(sets)] if sets and options.aggregate_sets else list(sets)
        sei_index = len(payloads)
        payloads.append(self._sei(Stamp(0, 0, self.tag)))
        coded = (frame.signature, *frame.slices) if frame.signature else frame.slices
        for nal in coded:
            payloads += cut(nal, options.max_payload)
        block = block_of(payloads, marker=not self.clip.strip)
        before, after = sets if options.keep_digests else [], coded if options.keep_digests else ()
        prepared = _Prepared(
            block,
            payload_at(block.starts[sei_index]) + SEI_TEXT_AT + h265,  # its header is a byte longer
            tuple((len(nal), digest(nal)) for nal in before),
            tuple((len(nal), digest(nal)) for nal in after),
            frame.keyframe,
        )
        self._prepared[index] = prepared
        return prepared
