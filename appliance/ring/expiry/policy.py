"""Expiry by age: which chunks must go, how many in one pass, and both retention alarms. Pure functions.

The law (CSI L252-5): destroyed within the authorised time, never above one month. So a picture is kept until the
earlier of `days` x 24 h and the same day and hour of the next calendar month in the site's zone (31 January: 28 or
29 February; an hour that a time change skips or repeats: its earliest reading). A chunk goes when its *oldest*
picture is that old: its newest goes early by the chunk's length (<= 10, sub-streams 20 minutes), never one late.

Callers: what `due` names is not served from that moment on, however slowly `pass_limit` lets it be destroyed.
All times are UTC microseconds; `now_us` is `Judgement.expiry_now_us` (core/judgement.py), never the kernel's UTC.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Generic, NamedTuple, TypeVar

Id = TypeVar("Id")

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US

SHORTEST_MONTH_DAYS: Final = 28
"""Of any month, 1 to 28 February."""
ZONE_CHANGE_US: Final = 3 * HOUR_US
"""A calendar month is shorter than its days by less than this: no zone in use shifts its hour by more at once."""

PASS_PERCENT: Final = 5
"""Most of a disk that a pass frees while nothing but clocks says that the time has gone by."""

LATE_US: Final = 5 * 60_000_000
"""Passes run each minute: what is still there after five is an alarm, one late pass is not."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_DATED_US: Final = 253_000_000_000_000_000
"""Year 9987: later dates have no calendar here, and no clock of ours says them."""


class Held(NamedTuple, Generic[Id]):
    """A chunk of the ring as expiry sees it. `protected`: of the protected pool, which has an expiry of its own."""

    id: Id
    oldest_utc_us: int
    newest_utc_us: int
    protected: bool = False


def limit_utc(oldest_us: int, days: int, zone: tzinfo) -> int:
    """The instant a picture taken at `oldest_us` must be gone: not one microsecond of a longer life is allowed."""
    by_days = oldest_us + days * DAY_US
    if days < SHORTEST_MONTH_DAYS or not 0 <= oldest_us < _LAST_DATED_US:
        return by_days
    taken = (_EPOCH + timedelta(microseconds=oldest_us)).astimezone(zone)
    year, month = (taken.year + 1, 1) if taken.month == 12 else (taken.year, taken.month + 1)
    day = min(taken.day, _days_of(year, month))
    wall = taken.replace(year=year, month=month, day=day)
    return min(by_days, *(_utc_us(wall.replace(fold=fold)) for fold in (0, 1)))


def due(
    chunks: Iterable[tuple[Id, int, int, bool]], now_us: int, zone: tzinfo, days: int, holds: Container[Id] = ()
) -> list[Id]:
    """Chunks whose time is over at `now_us`, oldest first. `holds`: chunks that a hold or a copy still needs.

    `chunks`: (id, oldest, newest, protected), any order; `Held` is such a tuple. O(n): only chunks in their
    last days cost a calendar.
    """
    young = now_us - min(days, SHORTEST_MONTH_DAYS) * DAY_US + ZONE_CHANGE_US
    gone = [
        (oldest, chunk)
        for chunk, oldest, _newest, protected in chunks
        if oldest <= young and not protected and now_us >= limit_utc(oldest, days, zone) and chunk not in holds
    ]
    gone.sort(key=lambda item: item[0])
    return [chunk for _oldest, chunk in gone]


def pass_limit(
    due_on_disk: Sequence[Id], disk_chunks: int, *, elapsed_confirmed: bool, freed_last_hour: int = 0
) -> Sequence[Id]:
    """The part of one disk's due chunks (oldest first) that this pass may destroy.

    Without `elapsed_confirmed` (Judgement): at most 5 % of the disk's chunks (at least one chunk), counted with
    `freed_last_hour`, the chunks that such passes freed in the last hour: passes come each minute, and a month
    must not go in twenty of them.
    """
    if elapsed_confirmed:
        return due_on_disk
    allowed = max(1, disk_chunks * PASS_PERCENT // 100) - freed_last_hour
    return due_on_disk[: max(0, allowed)]


@dataclass(frozen=True, slots=True)
class Retention(Generic[Id]):
    """Both alarms of a camera. `overdue`: still there LATE_US after their limit, oldest first; `late_us`: the worst
    delay. `short_us`: how much of the required time is missing because chunks were freed early, 0 when none is.
    """

    overdue: tuple[Id, ...]
    late_us: int
    short_us: int

    @property
    def held_longer(self) -> bool:
        """Pictures are kept longer than allowed."""
        return bool(self.overdue)

    @property
    def held_shorter(self) -> bool:
        """Pictures are kept for less than required."""
        return self.short_us > 0


def retention(
    chunks: Iterable[tuple[Id, int, int, bool]],
    now_us: int,
    zone: tzinfo,
    *,
    allowed_days: int,
    required_days: int,
    freed_early_newest_us: int | None = None,
    holds: Container[Id] = (),
) -> Retention[Id]:
    """Judge what one camera keeps at `now_us`.

    `freed_early_newest_us`: newest picture of any chunk that was freed before its time (the ring was too small);
    None when none was. A camera that was off, or is new, keeps little and lacks nothing.
    """
    held = list(chunks)
    overdue = due(held, now_us - LATE_US, zone, allowed_days, holds)
    late = 0
    if overdue:
        names = set(overdue)
        oldest = (oldest for chunk, oldest, _newest, protected in held if not protected and chunk in names)
        late = max(now_us - limit_utc(taken, allowed_days, zone) for taken in oldest)
    short = 0
    if freed_early_newest_us is not None:
        short = max(0, limit_utc(freed_early_newest_us, required_days, zone) - now_us)
    return Retention(tuple(overdue), late, short)


def _days_of(year: int, month: int) -> int:
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return (following - timedelta(days=1)).day


def _utc_us(instant: datetime) -> int:
    return (instant.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


def expired_until(now_us: int, days: int, zone: tzinfo) -> int:
    """The latest instant whose pictures must be gone at `now_us`: nothing taken up to then may be shown.

    At a month's end limits are not in order (29 January 13:00 goes after 31 January 12:00): what lies between is not
    shown some hours before it must be destroyed, never after.
    """
    by_days = now_us - days * DAY_US
    if days < SHORTEST_MONTH_DAYS or not 0 <= by_days < _LAST_DATED_US:
        return by_days
    step = HOUR_US // 4  # time changes are whole quarters of an hour, and limits rise between them
    latest = now_us - SHORTEST_MONTH_DAYS * DAY_US + ZONE_CHANGE_US
    found = by_days
    for at in range(latest - latest % step, by_days, -step):
        if limit_utc(at, days, zone) <= now_us:
            found = at
            break
    low, high = found, found + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if limit_utc(middle, days, zone) <= now_us else (low, middle)
    return low
