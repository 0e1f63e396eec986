"""Parts to whoever subscribed, the newest only: a subscriber that does not read loses pictures, nobody else does.

Each subscriber has one slot per stream that holds the parts of the last tick; the next tick replaces them. A
subscriber that has not taken its slots for STUCK_US is not served at all until it does: it costs nothing.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.core.clock import Clock
from appliance.core.units import ticks_to_us
from appliance.media.part import PartEntry
from appliance.media.stream import StreamKey

JOIN_US: Final = 100_000
"""Microseconds within which parts that follow each other join in one slot: a stream that changes disks within a tick
is published twice, a flush apart."""

STUCK_US: Final = 2_000_000
"""Microseconds without taking anything after which a subscriber gets no more copies: five ticks."""


@dataclass(frozen=True, slots=True)
class FeedPart:
    """One durable part with its bytes. `init`: the init segment it plays with; `generation`: its chunk's."""

    key: StreamKey
    entry: PartEntry
    data: bytes
    init: bytes
    generation: int

    def describe(self) -> dict[str, object]:
        """What the protocol says of it before its bytes."""
        return {
            "camera": self.key.camera,
            "stream": self.key.stream,
            "run": self.entry.run,
            "sequence": self.entry.sequence,
            "utc_us": self.entry.utc_us,
            "duration": self.entry.duration,
            "duration_us": ticks_to_us(self.entry.duration),
            "keyframe": self.entry.starts_keyframe,
            "length": len(self.data),
        }


class Subscriber:
    """One reader of the feed."""

    def __init__(self, feed: "Feed", keys: Iterable[StreamKey], clock: Clock) -> None:
        self._feed = feed
        self._clock = clock
        self.keys = frozenset(keys)
        self._slots: dict[StreamKey, Sequence[FeedPart]] = {}
        self._filled = asyncio.Event()
        self._full_since_us: int | None = None
        self._offered_us: dict[StreamKey, int] = {}

    def stuck(self) -> bool:
        """True when a slot has been full for long."""
        since = self._full_since_us
        return since is not None and self._clock.monotonic_us() - since > STUCK_US

    def offer(self, key: StreamKey, parts: Sequence[FeedPart]) -> None:
        """Put the newest parts of a stream; what was not taken is replaced."""
        now = self._clock.monotonic_us()
        waiting = self._slots.get(key)
        if (
            waiting
            and now - self._offered_us[key] < JOIN_US
            and waiting[-1].entry.sequence + 1 == parts[0].entry.sequence
        ):
            parts = [*waiting, *parts]
        self._slots[key] = parts
        self._offered_us[key] = now
        if self._full_since_us is None:
            self._full_since_us = now
        self._filled.set()

    def starve(self) -> None:
        """It does not read: what waits for it is old, and the newest come when it reads again."""
        self._slots.clear()
        self._filled.clear()

    async def take(self) -> list[FeedPart]:
        """Wait for parts and take all slots, in order of time."""
        self._full_since_us = None
        await self._filled.wait()
        self._filled.clear()
        self._full_since_us = None
        slots, self._slots = self._slots, {}
        return sorted((part for parts in slots.values() for part in parts), key=lambda part: part.entry.utc_us)

    def close(self) -> None:
        """No more parts."""
        self._feed.leave(self)


class Feed:
    """All subscribers, by stream."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_key: dict[StreamKey, list[Subscriber]] = {}

    def subscribe(self, keys: Iterable[StreamKey]) -> Subscriber:
        """Parts of these streams from now on."""
        subscriber = Subscriber(self, keys, self._clock)
        for key in subscriber.keys:
            self._by_key.setdefault(key, []).append(subscriber)
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Forget a subscriber; twice is harmless."""
        for key in subscriber.keys:
            others = [other for other in self._by_key.get(key, ()) if other is not subscriber]
            if others:
                self._by_key[key] = others
            else:
                self._by_key.pop(key, None)

    def wanted(self, key: StreamKey) -> bool:
        """Is it worth keeping the bytes of this stream's next parts?"""
        return any(not subscriber.stuck() for subscriber in self._by_key.get(key, ()))

    def publish(self, key: StreamKey, parts: Sequence[FeedPart]) -> None:
        """Offer durable parts to everyone who is awake."""
        for subscriber in self._by_key.get(key, ()):
            if subscriber.stuck():
                subscriber.starve()
            else:
                subscriber.offer(key, parts)
