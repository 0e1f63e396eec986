"""Clock judgement: may the date be believed, served by, and used to destroy? A pure function of what clocks say.

The kernel's UTC (K) is what dates every part, so one question is asked: *who confirms K, and who denies it?*
Each witness has a weight; K is believed when it has weight >= 2 behind it and more behind it than against it.

| witness                     | for K                         | against K                                           |
|-----------------------------|-------------------------------|-----------------------------------------------------|
| NTP, in the last 24 h       | 1; 2 from two servers or more | - (K follows it)                                    |
| RTC, first reading of a boot| 1 within 60 s + drift         | 1; 2 when the disks find the RTC plausible          |
| own disks and saved record  | 1 when newest + uptime <= K   | 1 when K is later; 2 when K is before the newest    |
|                             | <= that + 72 h off            |                                                     |
| foreign disk                | 0                             | 1 when K is before its newest writing               |
| a person, this boot         | 2                             | -                                                   |

An RTC before the newest writing, or before the product, is a dead battery: no witness. The kernel copies NTP to
the RTC every 11 minutes, so only an early reading counts, and after a boot whose NTP was disputed the RTC is none
and the disks count 2: a reboot launders no lie. What was written under a doubtful clock proves uptime, no date.

| situation                                                     | state    | reason           | serve | expire       |
|---------------------------------------------------------------|----------|------------------|-------|--------------|
| NTP + RTC agree, however long off                             | VERIFIED | ntp              | yes   | yes, slow(*) |
| NTP, within 72 h of the disks, RTC dead (1970, -1 y) or +1 y  | VERIFIED | ntp              | yes   | yes          |
| same boot, K within 60 s of the trusted clock, NTP in 24 h    | VERIFIED | ntp              | yes   | yes          |
| the same, NTP older, <= 30 days since verified or confirmed   | HELD     | continuous       | yes   | yes          |
| reboot without NTP, RTC within 72 h of the disks, <= 30 days  | HELD     | rtc              | yes   | yes          |
| a person confirmed K in this boot                             | HELD     | confirmed        | yes   | unless denied|
| same boot, K stepped > 60 s (NTP lies; -1 y, +32 d, +1 y)     | DOUBTFUL | stepped          | no    | no           |
| K before the product (1970)                                   | DOUBTFUL | impossible       | no    | no           |
| reboot, K before the newest part or heartbeat (-1 y)          | DOUBTFUL | before-newest    | no    | no           |
| one NTP server against RTC (+1 y right after boot)            | DOUBTFUL | sources-disagree | no    | no           |
| two NTP servers at +1 y against RTC and disks                 | DOUBTFUL | sources-disagree | no    | no           |
| no NTP, RTC > 72 h after the disks (+32 d, +1 y, weeks off)   | DOUBTFUL | off-too-long     | no    | no           |
| first boot: one witness (NTP 1 server, or RTC) / none         | DOUBTFUL | one-/no-source   | no    | no           |
| > 30 days without NTP or person                               | DOUBTFUL | held-too-long    | no    | no           |

(*) `elapsed_confirmed` is false while the off time is > 24 h and the clock trusted for < 24 h: expiry's passes
are then limited (ring/expiry/policy.py). Expiry's clock never leads any clock that is believed, moves within a boot
with monotonic time + at most 500 ppm, and never back: it waits. Only a person's new confirmation may set it.
All times are microseconds. Sources: CSI L252-5 (destroy in time), RFC 5905 (500 ppm = NTP's PHI bound of slew).
"""

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final, NamedTuple

from appliance.core.clock_reason import (
    BEFORE_NEWEST,
    CONFIRMED,
    CONTINUOUS,
    DISAGREE,
    HELD_TOO_LONG,
    IMPOSSIBLE,
    NO_SOURCE,
    NTP,
    OFF_TOO_LONG,
    ONE_SOURCE,
    RTC,
    STEPPED,
    Reason,
)

MINUTE_US: Final = 60_000_000
HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US

AGREE_US: Final = MINUTE_US
"""Two clocks agree within a minute: an RTC has one-second steps, and no legal limit is finer."""
SLEW_PPM: Final = 500
"""Microseconds a second: the most a disciplined kernel clock slews, and more than any working crystal errs."""
NTP_FRESH_US: Final = DAY_US
"""A verified clock drifts < 10 s in a day; longer without NTP is *held*."""
HELD_US: Final = 30 * DAY_US
"""Drift stays < 22 min (500 ppm), and a month is the longest that anything may be kept."""
PLAUSIBLE_OFF_US: Final = 72 * HOUR_US
"""A long weekend without power. Longer off times need a second running clock or a person."""
SHORT_OFF_US: Final = DAY_US
"""An off time that, if wrong, errs expiry by a day at most: the heartbeat confirms it."""
RTC_OWN_US: Final = 10 * MINUTE_US
"""The kernel copies NTP to the RTC every 11 min (timekeeping, `sync_hw_clock`): read before, the RTC is its own."""
EARLIEST_UTC_US: Final = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z: no clock of this product can truly say less."""


class State(IntEnum):
    """How far UTC may be believed. The numbers are those of a part's clock state on disk."""

    VERIFIED = 1
    HELD = 2
    DOUBTFUL = 3


class Stamp(NamedTuple):
    """One instant by both clocks. `boot_id`: 16 bytes, the boot that `monotonic_us` belongs to."""

    utc_us: int
    monotonic_us: int
    boot_id: bytes

    def at(self, monotonic_us: int) -> int:
        """UTC at another moment of the same boot, by the monotonic clock alone."""
        return self.utc_us + monotonic_us - self.monotonic_us


class Evidence(NamedTuple):
    """The newest heartbeat or durable part of a disk. `trusted`: written verified or held. `own`: this appliance's."""

    stamp: Stamp
    trusted: bool = True
    own: bool = True


class Ntp(NamedTuple):
    """NTP now. `servers`: independent servers that agree (1 when the kernel alone was asked)."""

    synchronised: bool = False
    servers: int = 1


@dataclass(frozen=True, slots=True)
class Record:
    """What the judge remembers; saved on the system disk each minute and handed back to the next call.

    `boot_id`: boot of the last call. `anchor`: the last trusted instant. `weak`: believed on RTC and disks alone.
    `verified_us`: UTC of the last NTP agreement; `vouched_us`: of that or a person. `expire`: the anchor may expire.
    This boot only: `rtc` its first reading, `synced` last NTP agreement, `confirmed` the confirmation used, `expiry`
    the last clock given to expiry, `gap_us` off time believed (None: unknown), `anchored_us` monotonic when.
    `disputed_boot`: last boot whose NTP was denied.
    """

    boot_id: bytes
    anchor: Stamp | None = None
    weak: bool = False
    expire: bool = False
    verified_us: int | None = None
    vouched_us: int | None = None
    rtc: Stamp | None = None
    synced: Stamp | None = None
    confirmed: Stamp | None = None
    expiry: Stamp | None = None
    gap_us: int | None = None
    anchored_us: int = 0
    disputed_boot: bytes | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the judgement looks at. `rtc_utc_us`: the RTC at `now`; `confirmed`: K when a person said "right"."""

    now: Stamp
    rtc_utc_us: int | None = None
    ntp: Ntp = field(default_factory=Ntp)
    record: Record | None = None
    evidence: tuple[Evidence, ...] = ()
    confirmed: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer. `expiry_now_us` is None whenever expiry by age must not run."""

    state: State
    reason: Reason
    unverified_since_utc_us: int | None
    expiry_now_us: int | None
    elapsed_confirmed: bool
    record: Record

    @property
    def may_serve(self) -> bool:
        """Pictures may be shown by their date."""
        return self.state is not State.DOUBTFUL

    @property
    def may_expire(self) -> bool:
        """Pictures may be destroyed by their age, as of `expiry_now_us`."""
        return self.expiry_now_us is not None


class _Off(NamedTuple):
    """Where the disks put the present: UTC if the appliance was off for no time, and for as long as plausible."""

    lower_us: int
    upper_us: int

    def tolerance(self, k: int) -> int:
        """Slack for K: the clock may have drifted since the writing."""
        return tolerance_us(k - self.lower_us)

    def holds(self, k: int) -> bool:
        """True when the disks find K plausible."""
        return self.lower_us - self.tolerance(k) <= k <= self.upper_us + self.tolerance(k)


class _Vote(NamedTuple):
    """Weights for and against K; `believed_us`: the earliest of the agreeing clocks; `reason` when not accepted."""

    pro: int
    con: int
    believed_us: int
    gap_us: int | None
    floor_us: int | None
    reason: Reason

    @property
    def accepted(self) -> bool:
        return self.pro >= 2 and self.pro > self.con


class _Verdict(NamedTuple):
    """State and reason, and what becomes of the record: `anchor_us` None leaves the anchor as it is."""

    state: State
    reason: Reason
    record: Record
    anchor_us: int | None = None


def tolerance_us(elapsed_us: int) -> int:
    """How far two clocks that have run apart for `elapsed_us` may differ and still agree."""
    return AGREE_US + min(max(elapsed_us, 0), HELD_US) * SLEW_PPM // 1_000_000


def judge(facts: Facts) -> Judgement:
    """Judge the clock. Pure; call it each minute and at each start, and hand the record back (and save it)."""
    record = _carried(facts)
    fresh = _ntp_fresh(facts.now, record)
    verdict = _verdict(facts, record, fresh)
    if verdict.anchor_us is None:
        since = record.verified_us if record.verified_us is not None else record.vouched_us
        return Judgement(State.DOUBTFUL, verdict.reason, since, None, False, verdict.record)
    return _settled(facts.now, verdict, verdict.anchor_us)


def _carried(facts: Facts) -> Record:
    """The record as of this boot, with this call's readings of NTP and RTC."""
    now = facts.now
    record = facts.record or Record(now.boot_id)
    if record.boot_id != now.boot_id:
        record = replace(record, boot_id=now.boot_id, rtc=None, synced=None, confirmed=None, expiry=None)
    own = now.monotonic_us < RTC_OWN_US or not (facts.ntp.synchronised or record.synced)
    if record.rtc is None and facts.rtc_utc_us is not None and own:
        record = replace(record, rtc=Stamp(facts.rtc_utc_us, now.monotonic_us, now.boot_id))
    return replace(record, synced=now) if facts.ntp.synchronised else record


def _ntp_fresh(now: Stamp, record: Record) -> bool:
    """NTP agreed with K within the last 24 h of this boot, and K has not left it since."""
    synced = record.synced
    if synced is None or now.monotonic_us - synced.monotonic_us > NTP_FRESH_US:
        return False
    return abs(synced.at(now.monotonic_us) - now.utc_us) <= AGREE_US


def _verdict(facts: Facts, record: Record, fresh: bool) -> _Verdict:
    now, anchor = facts.now, record.anchor
    k = now.utc_us
    if k < EARLIEST_UTC_US:
        return _Verdict(State.DOUBTFUL, IMPOSSIBLE, record)
    here = anchor is not None and anchor.boot_id == now.boot_id
    if _newly_confirmed(facts, record):
        return _confirmed(facts, record, fresh)
    if anchor is not None and here:
        c = anchor.at(now.monotonic_us)
        if abs(k - c) <= AGREE_US:
            return _continuous(record, anchor, now, fresh)
        if not record.weak:
            return _Verdict(State.DOUBTFUL, STEPPED, _disputed(record, fresh))
    return _voted(facts, record, fresh, STEPPED if here else None)


def _voted(facts: Facts, record: Record, fresh: bool, stepped: Reason | None) -> _Verdict:
    """No clock of this boot is trusted yet (or only weakly): K is believed by vote."""
    k, now = facts.now.utc_us, facts.now
    vote = _weigh(facts, record, fresh, person=False)
    if not vote.accepted:
        return _Verdict(State.DOUBTFUL, stepped or vote.reason, _disputed(record, fresh and vote.con > 0))
    vouched = record.vouched_us if record.vouched_us is not None else vote.floor_us
    if not fresh and (vouched is None or k - vouched > HELD_US):
        return _Verdict(State.DOUBTFUL, HELD_TOO_LONG, record)
    record = replace(
        record, weak=not fresh, expire=True, vouched_us=vouched, gap_us=vote.gap_us, anchored_us=now.monotonic_us
    )
    state, reason = (State.VERIFIED, NTP) if fresh else (State.HELD, RTC)
    return _Verdict(state, reason, record, vote.believed_us)


def _newly_confirmed(facts: Facts, record: Record) -> bool:
    said, now = facts.confirmed, facts.now
    if said is None or said == record.confirmed or said.boot_id != now.boot_id:
        return False
    return abs(said.at(now.monotonic_us) - now.utc_us) <= AGREE_US


def _confirmed(facts: Facts, record: Record, fresh: bool) -> _Verdict:
    """A person's word serves at once; it destroys only when the other witnesses do not outweigh it."""
    k = facts.now.utc_us
    vote = _weigh(facts, record, fresh, person=True)
    record = replace(
        record, weak=False, expire=vote.accepted, vouched_us=k, confirmed=facts.confirmed, expiry=None,
        gap_us=vote.gap_us, anchored_us=facts.now.monotonic_us, disputed_boot=None,
    )  # fmt: skip
    return _Verdict(State.VERIFIED if fresh else State.HELD, NTP if fresh else CONFIRMED, record, k)


def _continuous(record: Record, anchor: Stamp, now: Stamp, fresh: bool) -> _Verdict:
    """The boot's trusted clock goes on by monotonic time; NTP draws it by no more than its own slew."""
    c = anchor.at(now.monotonic_us)
    if not fresh:
        if c - (record.vouched_us if record.vouched_us is not None else anchor.utc_us) > HELD_US:
            return _Verdict(State.DOUBTFUL, HELD_TOO_LONG, record)
        return _Verdict(State.HELD, CONFIRMED if record.confirmed else CONTINUOUS, record, c)
    slew = max(0, now.monotonic_us - anchor.monotonic_us) * SLEW_PPM // 1_000_000
    drawn = c + max(-slew, min(slew, now.utc_us - c))
    return _Verdict(State.VERIFIED, NTP, replace(record, weak=False), drawn)


def _disputed(record: Record, disputed: bool) -> Record:
    return replace(record, disputed_boot=record.boot_id) if disputed else record


def _off(facts: Facts, record: Record) -> _Off | None:
    """Where the newest trusted writing of our own puts the present; None when there is none."""
    now = facts.now
    ours = [e.stamp for e in facts.evidence if e.own and e.trusted]
    if record.anchor is not None and record.anchor.boot_id != now.boot_id:
        ours.append(record.anchor)
    bounds = [_Off(s.at(now.monotonic_us), s.at(now.monotonic_us)) for s in ours if s.boot_id == now.boot_id]
    doubtful = (e.stamp for e in facts.evidence if e.own and not e.trusted and e.stamp.boot_id != now.boot_id)
    ran = max((s.monotonic_us for s in doubtful), default=0)  # that boot lasted so long, whatever it called the date
    for stamp in ours:
        if stamp.boot_id != now.boot_id:
            resumed = stamp.utc_us + now.monotonic_us
            bounds.append(_Off(resumed, resumed + ran + PLAUSIBLE_OFF_US))
    return max(bounds, default=None)


def _weigh(facts: Facts, record: Record, fresh: bool, *, person: bool) -> _Vote:
    """Hear every witness about K. See the first table of the module."""
    now = facts.now
    k, off = now.utc_us, _off(facts, record)
    disputed = record.disputed_boot is not None and record.disputed_boot != now.boot_id
    pro = 2 if person else 0
    servers = facts.ntp.servers if facts.ntp.synchronised else 1
    ntp = min(max(servers, 1), 2) if fresh else 0
    pro += ntp
    con, believed = 0, k
    rtc = None if disputed else _rtc(now, record, off)
    if rtc is not None:
        if abs(rtc - k) <= tolerance_us(k - off.lower_us if off else 0):
            pro, believed = pro + 1, min(k, rtc)
        else:
            con += 2 if off is not None and off.holds(rtc) else 1
    rtc_denies = con > 0
    early = off is not None and k < off.lower_us - off.tolerance(k)
    late = off is not None and not early and not off.holds(k)
    if off is not None:
        weight = 2 if disputed else 1
        pro += 0 if early or late else weight
        con += 2 if early else weight if late else 0
    con += 1 if any(_before_foreign(now, e) for e in facts.evidence) else 0
    gap = max(0, k - off.lower_us) if off else None
    reason = _denied(pro, early=early, late=late, disagree=rtc_denies or (disputed and bool(ntp)))
    return _Vote(pro, con, believed, gap, off.lower_us if off else None, reason)


def _rtc(now: Stamp, record: Record, off: _Off | None) -> int | None:
    """The RTC's first reading of this boot, as of now; None when absent or impossible (dead battery)."""
    if record.rtc is None:
        return None
    utc = record.rtc.at(now.monotonic_us)
    floor = EARLIEST_UTC_US if off is None else max(EARLIEST_UTC_US, off.lower_us - off.tolerance(now.utc_us))
    return utc if utc >= floor else None


def _before_foreign(now: Stamp, evidence: Evidence) -> bool:
    return evidence.trusted and not evidence.own and now.utc_us < evidence.stamp.utc_us - AGREE_US


def _denied(pro: int, *, early: bool, late: bool, disagree: bool) -> Reason:
    """The plainest reason why K is not believed."""
    if early:
        return BEFORE_NEWEST
    if disagree or pro >= 2:
        return DISAGREE
    if late and pro:
        return OFF_TOO_LONG
    return ONE_SOURCE if pro else NO_SOURCE


def _settled(now: Stamp, verdict: _Verdict, anchor_us: int) -> Judgement:
    """A believed clock: renew the anchor, and let expiry's clock follow."""
    record = verdict.record
    verified = record.synced.utc_us if verdict.state is State.VERIFIED and record.synced else record.verified_us
    vouched = max((us for us in (record.vouched_us, verified) if us is not None), default=anchor_us)
    expiry = _expiry_clock(now, record, min(anchor_us, now.utc_us)) if record.expire else None
    settled = replace(
        record,
        anchor=Stamp(anchor_us, now.monotonic_us, now.boot_id),
        verified_us=verified,
        vouched_us=vouched,
        expiry=record.expiry if expiry is None else Stamp(expiry, now.monotonic_us, now.boot_id),
        disputed_boot=None if verdict.state is State.VERIFIED else record.disputed_boot,
    )
    short = record.gap_us is not None and record.gap_us <= SHORT_OFF_US
    confirmed = short or now.monotonic_us - record.anchored_us >= SHORT_OFF_US
    since = None if verdict.state is State.VERIFIED else verified if verified is not None else vouched
    return Judgement(verdict.state, verdict.reason, since, expiry, confirmed, settled)


def _expiry_clock(now: Stamp, record: Record, ceiling_us: int) -> int | None:
    """The earliest believed clock, at most 500 ppm faster than monotonic time; None while it waits to go on."""
    last = record.expiry
    if last is None:
        return ceiling_us
    ran = max(0, now.monotonic_us - last.monotonic_us)
    utc = min(ceiling_us, last.utc_us + ran + ran * SLEW_PPM // 1_000_000)
    return utc if utc >= last.utc_us else None
