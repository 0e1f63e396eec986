"""Protected copies as readers see them: of one hold, or where the ring has given back what it held.

A copy is the same pictures under the same numbers, so a part that both have is shown once. Without naming a hold
nothing is shown that has expired by its age: a hold keeps footage for whoever asked, it does not prolong the timeline.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from appliance.core.units import ticks_to_us
from appliance.media.stream import StreamKey
from appliance.ring.access.lookup import NOTHING_EXPIRED, Catalogue, ChunkRanges
from appliance.ring.access.stretches import StreamSpan
from appliance.ring.faults import UnknownStream
from appliance.ring.protect.held import Kept
from appliance.ring.protect.policy import MAX_HOLD_US
from appliance.ring.protect.protected import Protected

LEAST_US: Final = 100_000
"""Shorter remainders of a stretch are rounding: a quarter of a part."""


class Copies:
    """Adds to what the ring's own catalogue says."""

    def __init__(self, protected: Protected, ring: Catalogue) -> None:
        self._protected = protected
        self._ring = ring

    async def of_hold(
        self, hold: str, key: StreamKey, from_us: int, to_us: int, *, from_keyframe: bool
    ) -> list[ChunkRanges]:
        """Parts of one hold's copies. Raises UnknownHold, UnknownStream."""
        await self._protected.loaded()
        kept = self._protected.known(hold)
        if key not in kept.hold.streams:
            raise UnknownStream(stream=str(key))
        found = await kept.catalogue.ranges(key, from_us, to_us, from_keyframe=from_keyframe)
        return _unseen(found, set(), NOTHING_EXPIRED)

    async def completed(
        self, key: StreamKey, found: list[ChunkRanges], from_us: int, to_us: int, *, from_keyframe: bool
    ) -> list[ChunkRanges]:
        """The ring's answer and, of copies, the parts that it lacks."""
        lawful_us = self._lawful(key)
        seen = {part.sequence for chunk in found for part in chunk.parts}
        added: list[ChunkRanges] = []
        for kept in self._holds(key, from_us, to_us):
            copies = await kept.catalogue.ranges(key, from_us, to_us, from_keyframe=from_keyframe)
            added += _unseen(copies, seen, lawful_us)
        return sorted([*found, *added], key=lambda chunk: chunk.parts[0].utc_us) if added else found

    async def completed_spans(
        self, key: StreamKey, found: list[StreamSpan], from_us: int, to_us: int
    ) -> list[StreamSpan]:
        """The ring's stretches and, of copies, what they lack."""
        lawful_us = self._lawful(key)
        spans = found
        for kept in self._holds(key, from_us, to_us):
            for span in await kept.catalogue.spans(key, max(from_us, lawful_us), to_us):
                spans = _with(spans, span)
        return spans

    def _lawful(self, key: StreamKey) -> int:
        return self._ring.expired_until(key.camera) + 1

    def _holds(self, key: StreamKey, from_us: int, to_us: int) -> Iterator[Kept]:
        """Holds that may have something of this time (a GOP earlier than asked, too)."""
        for kept in list(self._protected.holds.values()):
            hold = kept.hold
            if key in hold.streams and hold.from_us - MAX_HOLD_US < to_us and hold.to_us > from_us:
                yield kept


def _unseen(chunks: list[ChunkRanges], seen: set[int], lawful_us: int) -> list[ChunkRanges]:
    """The parts whose numbers were not seen, which now are; nothing older than `lawful_us`."""
    left: list[ChunkRanges] = []
    for chunk in chunks:
        parts = [part for part in chunk.parts if part.sequence not in seen and part.utc_us >= lawful_us]
        if parts:
            seen |= {part.sequence for part in parts}
            base_us = parts[0].utc_us - ticks_to_us(parts[0].tfdt)
            left.append(replace(chunk, parts=parts, base_utc_us=base_us))
    return left


def _with(spans: list[StreamSpan], added: StreamSpan) -> list[StreamSpan]:
    """Stretches in order, with what `added` has beyond those of its run."""
    pieces = [(added.from_us, added.to_us)]
    for span in spans:
        if span.run == added.run:
            pieces = [
                piece
                for start, end in pieces
                for piece in ((start, min(end, span.from_us)), (max(start, span.to_us), end))
                if piece[1] - piece[0] >= LEAST_US
            ]
    return sorted([*spans, *(replace(added, from_us=a, to_us=b) for a, b in pieces)], key=lambda span: span.from_us)
