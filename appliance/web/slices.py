"""Which bytes of the ring answer a player: one GOP, or parts by time, always whole parts of one chunk and run.

Pure functions over the recorder's `ranges` answer. A slice ends behind the last part's padding: the
terminator that follows it in an open chunk is an error to a SourceBuffer. UTC in microseconds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from appliance.core.units import ticks_to_us
from appliance.ring.access.part_ref import PartRef

PARTS_LIMIT: Final = 16 << 20
"""Bytes of one `parts` answer: half a minute of a 4 Mbit/s stream; the answer names where to go on."""


@dataclass(frozen=True, slots=True)
class MediaSlice:
    """Adjacent parts of one chunk. `zero_us`: UTC of media time 0 (MSE timestampOffset). `next_us`: where the
    video goes on, None at the durable mark. `joined`: it goes on without a gap.
    """

    chunk: Mapping[str, Any]
    offset: int
    length: int
    zero_us: int
    start_us: int
    end_us: int
    next_us: int | None
    joined: bool

    @property
    def init_id(self) -> str:
        return init_id(self.chunk, self.start_us)


def init_id(chunk: Mapping[str, Any], utc_us: int) -> str:
    """Names a chunk's ftyp and moov: an instant inside it, its disk, number and generation."""
    return f"{utc_us}-{chunk['disk']}-{chunk['number']}-{chunk['generation']}"


def all_parts(answer: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], PartRef]]:
    """Every part of the answer with its chunk, in time order as sent."""
    return [(chunk, PartRef(*row)) for chunk in answer["chunks"] for row in chunk["parts"]]


def gop_slice(answer: Mapping[str, Any], instant_us: int) -> MediaSlice | None:
    """The GOP that holds an instant, None when there is no video at that instant."""
    rows = all_parts(answer)
    first = _last_keyframe(rows, instant_us)
    if first is None:
        return None
    last = next((at for at in range(first + 1, len(rows)) if rows[at][1].keyframe or not _joined(rows, at)), len(rows))
    found = _slice(rows, first, last)
    return found if instant_us < found.end_us else None


def gop_complete(answer: Mapping[str, Any], instant_us: int) -> bool:
    """True when the answer shows where the GOP ends, so that asking for more would change nothing."""
    rows = all_parts(answer)
    first = _last_keyframe(rows, instant_us)
    return first is not None and any(part.keyframe for _, part in rows[first + 1 :])


def parts_slice(answer: Mapping[str, Any], from_us: int) -> MediaSlice | None:
    """From the keyframe at or before `from_us` (or the first part after it) on, up to a chunk's or run's end."""
    rows = all_parts(answer)
    if not rows:
        return None
    first = _last_keyframe(rows, from_us)
    if first is None or _slice(rows, first, _end(rows, first)).end_us <= from_us:
        first = next((at for at, (_, part) in enumerate(rows) if part.keyframe and part.utc_us >= from_us), None)
    return None if first is None else _slice(rows, first, _end(rows, first))


def behind(found: MediaSlice, skip: int) -> MediaSlice:
    """What of a slice's bytes lies behind its first `skip` (fewer than 0: all of it); its times stay those of all."""
    left_out = max(0, min(skip, found.length))
    return replace(found, offset=found.offset + left_out, length=found.length - left_out)


def neighbours(answer: Mapping[str, Any], instant_us: int) -> tuple[int | None, int | None]:
    """Last recorded instant before and first one after an instant without video."""
    rows = all_parts(answer)
    before = max((part.end_us - 1 for _, part in rows if part.end_us <= instant_us), default=None)
    after = min((part.utc_us for _, part in rows if part.utc_us > instant_us), default=None)
    return before, after


def _last_keyframe(rows: list[tuple[Mapping[str, Any], PartRef]], instant_us: int) -> int | None:
    keyframes = [at for at, (_, part) in enumerate(rows) if part.keyframe and part.utc_us <= instant_us]
    return keyframes[-1] if keyframes else None


def _same_run(rows: list[tuple[Mapping[str, Any], PartRef]], at: int) -> bool:
    return rows[at - 1][1].run == rows[at][1].run


def _joined(rows: list[tuple[Mapping[str, Any], PartRef]], at: int) -> bool:
    """True when part `at` follows the one before it in the same chunk, run and without a missing byte."""
    chunk, part = rows[at]
    before_chunk, before = rows[at - 1]
    return chunk is before_chunk and part.run == before.run and part.offset == before.offset + before.length


def _end(rows: list[tuple[Mapping[str, Any], PartRef]], first: int) -> int:
    size = rows[first][1].length
    for at in range(first + 1, len(rows)):
        size += rows[at][1].length
        if not _joined(rows, at) or size > PARTS_LIMIT:
            return at
    return len(rows)


def _slice(rows: list[tuple[Mapping[str, Any], PartRef]], first: int, last: int) -> MediaSlice:
    chunk, head = rows[first]
    tail = rows[last - 1][1]
    following = rows[last][1] if last < len(rows) else None
    joined = following is not None and _same_run(rows, last)
    first_of_chunk = next(_parts_of(chunk))
    zero = chunk["base_utc_us"] if head.run == first_of_chunk.run else head.utc_us - ticks_to_us(head.tfdt)
    return MediaSlice(
        chunk=chunk,
        offset=head.offset,
        length=tail.offset + tail.length - head.offset,
        zero_us=zero,
        start_us=head.utc_us,
        end_us=following.utc_us if following is not None and joined else tail.end_us,
        next_us=following.utc_us if following is not None else None,
        joined=joined,
    )


def _parts_of(chunk: Mapping[str, Any]) -> Iterator[PartRef]:
    return (PartRef(*row) for row in chunk["parts"])
