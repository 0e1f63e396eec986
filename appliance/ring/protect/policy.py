"""The protected pool as pure policy: what may be held, for how long, where copies go, who makes room for whom.

A hold keeps a copy of a sequence beyond the ring: some streams, from, to; while `to_us` lies in the future it grows
with the recording (an alert that lasts). The law (CSI L252-5, anchors B1 to B4) sets how long: a copy goes one
calendar month after its oldest picture at the latest; a person's request for his own pictures (GDPR article 15)
counts from the request; only a judicial procedure, named by its number, lifts the destruction, for the sequence
alone, and is confirmed each year. Holds asked for by persons are never given up for others; of alerts the newest are
kept. All times are UTC microseconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any, Final

from appliance.media.stream import StreamKey
from appliance.ring.expiry.policy import DAY_US, limit_utc
from appliance.ring.protect.faults import (
    HoldExpiryTooLate,
    HoldNeedsProcedure,
    HoldNeedsWords,
    HoldTimes,
    HoldTooLong,
)

MAX_HOLD_US: Final = DAY_US
"""The longest sequence: a hold is limited to what is needed, and 24 h of a main stream are 43 GB."""

JUDICIAL_DAYS: Final = 366
"""Days after which a judicial hold must be confirmed: longer than a year nothing is kept unasked."""

MONTH_DAYS: Final = 31
"""No calendar month is longer: `limit_utc` takes the same day of the next month where that is earlier."""

MAX_WORDS: Final = 200
"""Characters of the reason, of the requester and of the procedure: they lie in each chunk's header."""

MAX_HOLDS: Final = 1024
"""Holds at a time: two alerts an hour for a month are 1 440, of which a pool of the field keeps the newest."""


LATEST: Final = 0
"""`expires_us` of a request that leaves the date to the reason: as late as it allows."""


class Reason(StrEnum):
    """Why a sequence is kept: a closed list, the words say more."""

    ALERT = "alert"  # copied by the appliance itself
    INCIDENT = "incident"  # facts to be established, a complaint to come
    ACCESS = "access"  # a person asks for his own pictures
    JUDICIAL = "judicial"  # flagrance, preliminary inquiry, judicial information


@dataclass(frozen=True, slots=True)
class Hold:
    """One kept sequence. `to_us`: its end, in the future while it grows; `ended`: "", "released" or "expired",
    "evicted": from then on it is only there to be destroyed. `revision` rises with each change.
    """

    id: str
    streams: tuple[StreamKey, ...]
    from_us: int
    to_us: int
    reason: Reason
    words: str
    procedure: str
    requester: str
    asked_us: int
    expires_us: int
    revision: int = 0
    ended: str = ""

    @property
    def of_person(self) -> bool:
        """Asked for by somebody: never given up for another."""
        return self.reason is not Reason.ALERT

    def plain(self) -> dict[str, Any]:
        """As JSON has it, in chunk headers, lists on disk and answers."""
        return {
            "id": self.id,
            "streams": [str(key) for key in self.streams],
            "from_us": self.from_us,
            "to_us": self.to_us,
            "reason": self.reason.value,
            "words": self.words,
            "procedure": self.procedure,
            "requester": self.requester,
            "asked_us": self.asked_us,
            "expires_us": self.expires_us,
            "revision": self.revision,
            "ended": self.ended,
        }


def hold_of(plain: Mapping[str, Any]) -> Hold:
    """The hold that `Hold.plain` wrote. Raises ValueError, KeyError or TypeError on anything else."""
    streams: list[StreamKey] = []
    for name in plain["streams"]:
        camera, _, stream = str(name).rpartition("/")
        if not camera or stream not in {"main", "sub"}:
            raise ValueError("stream")
        streams.append(StreamKey(camera, "main" if stream == "main" else "sub"))
    numbers = [plain[name] for name in ("from_us", "to_us", "asked_us", "expires_us", "revision")]
    if not all(isinstance(number, int) for number in numbers):
        raise TypeError("times")
    from_us, to_us, asked_us, expires_us, revision = numbers
    return Hold(
        id=str(plain["id"]),
        streams=tuple(streams),
        from_us=from_us,
        to_us=to_us,
        reason=Reason(plain["reason"]),
        words=str(plain["words"]),
        procedure=str(plain["procedure"]),
        requester=str(plain["requester"]),
        asked_us=asked_us,
        expires_us=expires_us,
        revision=revision,
        ended=str(plain["ended"]),
    )


def latest_expiry_us(reason: Reason, from_us: int, asked_us: int, zone: tzinfo) -> int:
    """When a copy of pictures from `from_us` on, asked for at `asked_us`, must be gone at the latest."""
    if reason is Reason.JUDICIAL:
        return asked_us + JUDICIAL_DAYS * DAY_US
    return limit_utc(asked_us if reason is Reason.ACCESS else from_us, MONTH_DAYS, zone)


def checked(hold: Hold, now_us: int, zone: tzinfo) -> Hold:
    """The hold, if it may be. Raises HoldTimes, HoldTooLong, HoldExpiryTooLate, HoldNeedsProcedure, HoldNeedsWords."""
    words = (hold.words, hold.requester, hold.procedure)
    if not hold.requester.strip() or not hold.words.strip() or any(len(text) > MAX_WORDS for text in words):
        raise HoldNeedsWords(limit=MAX_WORDS)
    if hold.reason is Reason.JUDICIAL and not hold.procedure.strip():
        raise HoldNeedsProcedure
    if not hold.from_us < hold.to_us or hold.from_us >= now_us or hold.expires_us <= now_us:
        raise HoldTimes
    if hold.to_us - hold.from_us > MAX_HOLD_US:
        raise HoldTooLong(hours=MAX_HOLD_US // 3_600_000_000)
    latest = latest_expiry_us(hold.reason, hold.from_us, hold.asked_us, zone)
    if hold.expires_us > latest:
        local = datetime.fromtimestamp(latest // 1_000_000, UTC).astimezone(zone)
        raise HoldExpiryTooLate(latest=f"{local:%Y-%m-%d %H:%M}")
    return hold


def extended(hold: Hold, now_us: int, zone: tzinfo, *, to_us: int | None, expires_us: int | None) -> Hold:
    """The hold with another end or expiry; what is covered by now stays covered. Raises what `checked` raises.

    A judicial hold is confirmed by this: its year counts from now.
    """
    asked = now_us if hold.reason is Reason.JUDICIAL and expires_us is not None else hold.asked_us
    end = hold.to_us if to_us is None else max(to_us, min(hold.to_us, now_us))
    expires = hold.expires_us if expires_us is None else expires_us
    changed = replace(hold, to_us=end, expires_us=expires, asked_us=asked, revision=hold.revision + 1)
    return checked(changed, now_us, zone)


def ended(hold: Hold, why: str) -> Hold:
    """The hold, to be destroyed."""
    return replace(hold, ended=why, revision=hold.revision + 1)


def due(holds: Iterable[Hold], now_us: int | None) -> list[Hold]:
    """Holds whose own time is over. `now_us` None: the clock is in doubt, and nothing expires by it."""
    return [] if now_us is None else [hold for hold in holds if not hold.ended and hold.expires_us <= now_us]


@dataclass(frozen=True, slots=True)
class PoolLoad:
    """A disk as a candidate for copies: its index, and pool chunks that are free or will be in a moment."""

    index: int
    free: int


def choose_target(disks: Sequence[PoolLoad], source: int | None, current: int | None) -> int | None:
    """The disk that a copy of footage on disk `source` goes to; None when the pool is full.

    Another disk than the source where one has room; among those the one that the copy is on already (`current`),
    else the emptiest. Better on the same disk than not at all.
    """
    usable = [disk for disk in disks if disk.free > 0 or disk.index == current]
    others = [disk for disk in usable if disk.index != source] or usable
    if not others:
        return None
    return max(others, key=lambda disk: (disk.index == current, disk.free, -disk.index)).index


@dataclass(frozen=True, slots=True)
class HeldChunks:
    """A hold as others' admission sees it: chunks it has or was promised."""

    id: str
    asked_us: int
    chunks: int
    of_person: bool


@dataclass(frozen=True, slots=True)
class Admission:
    """`evict`: alerts that make room; `missing`: chunks that lack all the same, then nobody is evicted."""

    evict: tuple[str, ...] = ()
    missing: int = 0


def admit(needed: int, free: int, others: Iterable[HeldChunks], *, of_person: bool, asked_us: int) -> Admission:
    """May a hold take `needed` more chunks of the pool, of which `free` are neither used nor promised?

    A person's takes what is free. An alert's makes the oldest alerts go that are older than itself.
    """
    missing = needed - free
    evict: list[str] = []
    if not of_person:
        older = [held for held in others if not held.of_person and held.asked_us < asked_us and held.chunks]
        for held in sorted(older, key=lambda held: (held.asked_us, held.id)):
            if missing <= 0:
                break
            evict.append(held.id)
            missing -= held.chunks
    return Admission(missing=missing) if missing > 0 else Admission(tuple(evict))


def newest(known: Iterable[Hold]) -> dict[str, Hold]:
    """Of each hold the latest word among all that the disks say (lists and headers), by id."""
    found: dict[str, Hold] = {}
    for hold in known:
        other = found.get(hold.id)
        if other is None or hold.revision > other.revision:
            found[hold.id] = hold
    return found


def facts_of(hold: Hold) -> dict[str, str | int]:
    """What a journal line says of a hold."""
    plain = hold.plain()
    return {**plain, "streams": " ".join(plain["streams"])}


def hold_in(plain: Mapping[str, Any] | None) -> Hold | None:
    """The hold that a chunk's header names; None when it names none, or what no hold is."""
    try:
        return hold_of(plain or {})
    except (ValueError, KeyError, TypeError):
        return None
