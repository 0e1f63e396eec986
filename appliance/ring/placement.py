"""Where pictures go: pure decisions on plain values, no input or output.

Everything the ring decides is here: how pending pictures are cut into parts, when a stream leaves its chunk,
which disk comes next, how many free chunks a disk keeps ready and which recording is given up for them.
Sizes are bytes, `_us` microseconds, `_ticks` 1/90 000 s.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from appliance.core.units import TICKS_PER_SECOND
from appliance.media.stream import AccessUnit

MAX_PART: Final = 1 << 20
"""Bytes of payload after which a part ends: 0.4 s at 20 Mbit/s; a chunk of 4 MiB still holds three."""

MAX_PART_PICTURES: Final = 4096
"""Pictures after which a part ends: far beyond 0.4 s of any camera, far below what the format can count."""

AGE_LIMIT_TICKS: Final = 600 * TICKS_PER_SECOND
"""A chunk spans at most 10 min: expiry frees whole chunks, so this is how early footage may go."""

SLOW_AGE_LIMIT_TICKS: Final = 1200 * TICKS_PER_SECOND
"""20 min below SLOW_RATE: a 0.4 Mbit/s stream then fills its 64 MiB chunk."""

SLOW_RATE: Final = 1_000_000 // 8
"""Bytes a second under which a stream is slow (1 Mbit/s)."""

GOP_ROOM_QUARTERS: Final = 5
"""A keyframe moves to a new chunk when less than 5/4 of the largest recent GOP is left: GOPs vary."""

OPENINGS_PER_HOUR: Final = 6
"""Chunks a stream may open in an hour beyond the bytes it wrote: six age limits. A flapping camera or a crash
loop cannot eat the past faster."""

WISHES_PER_HOUR: Final = 3
"""Of those, how many may serve convenience (whole GOPs, a spare chunk): the rest stays for real needs."""

HOUR_US: Final = 3_600_000_000

STOCK_BEYOND_OPEN: Final = 4
"""Free chunks a disk keeps beyond one per open stream, so that all may roll at once and four more come."""


def cut(units: Sequence[AccessUnit], max_part: int = MAX_PART) -> list[tuple[int, int]]:
    """Half-open index ranges of the parts: one ends before each keyframe and when it holds `max_part` bytes."""
    if not units:
        return []
    parts: list[tuple[int, int]] = []
    start, size = 0, 0
    for i, unit in enumerate(units):
        length = len(unit.data)
        if i > start and (unit.keyframe or size + length > max_part or i - start == MAX_PART_PICTURES):
            parts.append((start, i))
            start, size = i, 0
        size += length
    parts.append((start, len(units)))
    return parts


def oldest_gop(units: Sequence[AccessUnit]) -> int:
    """How many of the oldest units go together when a full queue must lose a GOP: up to the next keyframe."""
    for i in range(1, len(units)):
        if units[i].keyframe:
            return i
    return len(units)


class Roll(Enum):
    """What to do before the next part."""

    CONTINUE = "continue"
    WISH = "wish"  # a new chunk keeps a GOP whole, if the stream may open one
    AGE = "age"  # the chunk is old: a new one, if the stream may open one
    PARAMETERS = "parameters"  # the sample entry differs: a new one or nothing
    FULL = "full"  # no room: a new one


@dataclass(frozen=True, slots=True)
class ChunkRoom:
    """The open chunk of a stream, as the decision needs it.

    `end`: where the next part would lie; `limit`: first byte parts may not use; `age_ticks`: `tfdt` of the next
    part; `gop_size`, `gop_ticks`: the largest recent GOP, 0 when unknown.
    """

    end: int
    limit: int
    age_ticks: int
    age_limit_ticks: int
    table_full: bool
    same_parameters: bool
    gop_size: int
    gop_ticks: int


def roll(room: ChunkRoom, size: int, *, keyframe: bool) -> Roll:
    """Decide for a part of `size` bytes (padding included)."""
    if not room.same_parameters:
        return Roll.PARAMETERS
    left = room.limit - room.end
    if size > left or room.table_full:
        return Roll.FULL
    if room.age_ticks >= room.age_limit_ticks:
        return Roll.AGE
    if keyframe and room.age_ticks + room.gop_ticks > room.age_limit_ticks:
        return Roll.AGE
    if keyframe and left * 4 < room.gop_size * GOP_ROOM_QUARTERS:
        return Roll.WISH
    return Roll.CONTINUE


def age_limit_ticks(size: int, ticks: int) -> int:
    """Age limit of a chunk that holds `size` bytes over `ticks`; the short one until the rate is known."""
    if ticks < 60 * TICKS_PER_SECOND:
        return AGE_LIMIT_TICKS
    return SLOW_AGE_LIMIT_TICKS if size * TICKS_PER_SECOND < SLOW_RATE * ticks else AGE_LIMIT_TICKS


@dataclass(frozen=True, slots=True)
class Opening:
    """One chunk a stream opened, in this life of the process or an earlier one."""

    opened_us: int  # UTC
    size: int  # bytes written to it so far


def may_open(openings: Iterable[Opening], now_us: int, chunk_size: int, beyond: int = OPENINGS_PER_HOUR) -> bool:
    """True when one more chunk keeps the stream under bytes written / chunk size + `beyond` an hour."""
    count = written = 0
    for opening in openings:
        if abs(now_us - opening.opened_us) < HOUR_US:
            count += 1
            written += opening.size
    return count < written // chunk_size + beyond


@dataclass(frozen=True, slots=True)
class DiskLoad:
    """A disk as a candidate: its place in the order of disks, open chunks, chunks ready to be opened."""

    index: int
    open_streams: int
    ready: int


def choose_disk(disks: Sequence[DiskLoad], last: int | None) -> int | None:
    """The disk of a stream's next chunk: another than the last one, the least loaded, then the next in turn.

    None when no disk has a chunk ready. The last disk is taken only when no other can.
    """
    usable = [disk for disk in disks if disk.ready > 0]
    others = [disk for disk in usable if disk.index != last] or usable
    if not others:
        return None
    turn = len(disks) + max((disk.index for disk in disks), default=0) + 1
    after = -1 if last is None else last
    return min(others, key=lambda disk: (disk.open_streams, (disk.index - after - 1) % turn)).index


def stock_wanted(open_streams: int) -> int:
    """Chunks a disk keeps ready."""
    return open_streams + STOCK_BEYOND_OPEN


def chunks_needed(streams: int) -> int:
    """The smallest disk for so many streams: open, stock, as many in quarantine, and one that is kept."""
    return streams + 2 * stock_wanted(streams) + 1


def choose_freed(closed: Iterable[int], wanted: int, leased: Callable[[int], bool], *, urgent: bool) -> list[int]:
    """Which CLOSED chunks go: the oldest that nobody leases, `wanted` of them.

    `closed`: chunk numbers, oldest first. `urgent` (nothing ready and nothing coming): the oldest goes even when
    leased, because a reader must never stop the recording; its generation check tells it.
    """
    freed: list[int] = []
    oldest: int | None = None
    if wanted <= 0:
        return freed
    for number in closed:
        if oldest is None:
            oldest = number
        if not leased(number):
            freed.append(number)
            if len(freed) == wanted:
                break
    if not freed and urgent and oldest is not None:
        freed.append(oldest)
    return freed
