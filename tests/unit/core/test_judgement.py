"""Every row of the clock judgement's table, and what must hold whatever the clocks say."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core import clock_reason as why
from appliance.core.judgement import (
    AGREE_US,
    DAY_US,
    EARLIEST_UTC_US,
    HOUR_US,
    MINUTE_US,
    PLAUSIBLE_OFF_US,
    Evidence,
    Facts,
    Judgement,
    Ntp,
    Record,
    Stamp,
    State,
    judge,
)
from appliance.media.stream import ClockState

BEFORE, NOW, LATER = b"b" * 16, b"n" * 16, b"z" * 16
T0 = 1_795_500_000_000_000  # 24 November 2026
YEAR_US = 365 * DAY_US
UP = 30_000_000  # the recorder starts 30 s after power comes back
NTP = Ntp(synchronised=True)
TWO = Ntp(synchronised=True, servers=2)
TRUSTED = Record(BEFORE, Stamp(T0, 9 * DAY_US, BEFORE), verified_us=T0, vouched_us=T0)
DISKS = (Evidence(Stamp(T0 + 400_000, 9 * DAY_US + 400_000, BEFORE)),)


def booted(kernel: int, *, rtc: int | None = None, ntp: Ntp | None = None, boot: bytes = NOW) -> Facts:
    """A start with a trusted past that ended at T0."""
    return Facts(Stamp(kernel, UP, boot), rtc, ntp or Ntp(), TRUSTED, DISKS)


def after(facts: Facts, seen: Judgement, us: int, *, step: int = 0, ntp: Ntp | None = None) -> Facts:
    """The same boot `us` later; UTC jumped by `step`."""
    now = Stamp(facts.now.utc_us + us + step, facts.now.monotonic_us + us, facts.now.boot_id)
    rtc = None if facts.rtc_utc_us is None else facts.rtc_utc_us + us
    return replace(facts, now=now, rtc_utc_us=rtc, record=seen.record, ntp=ntp if ntp is not None else facts.ntp)


def saying(facts: Facts) -> Facts:
    """A person confirms the time shown."""
    return replace(facts, confirmed=facts.now)


S = T0 + 10 * MINUTE_US  # ten minutes without power
ROWS = {
    "ntp and rtc": (booted(S, rtc=S, ntp=NTP), State.VERIFIED, why.NTP, True),
    "ntp and rtc after three weeks off": (
        booted(T0 + 21 * DAY_US, rtc=T0 + 21 * DAY_US + 90_000_000, ntp=NTP), State.VERIFIED, why.NTP, True
    ),
    "ntp, rtc battery dead": (booted(S, rtc=0, ntp=NTP), State.VERIFIED, why.NTP, True),
    "ntp, no rtc": (booted(S, ntp=NTP), State.VERIFIED, why.NTP, True),
    "ntp, rtc a year slow": (booted(S, rtc=S - YEAR_US, ntp=NTP), State.VERIFIED, why.NTP, True),
    "ntp, rtc a year fast": (booted(S, rtc=S + YEAR_US, ntp=NTP), State.VERIFIED, why.NTP, True),
    "two ntp servers, rtc two hours fast": (booted(S, rtc=S + 2 * HOUR_US, ntp=TWO), State.VERIFIED, why.NTP, True),
    "two ntp servers, weeks off, rtc dead": (booted(T0 + 21 * DAY_US, rtc=0, ntp=TWO), State.VERIFIED, why.NTP, True),
    "one ntp server, weeks off, rtc dead": (
        booted(T0 + 21 * DAY_US, rtc=0, ntp=NTP), State.DOUBTFUL, why.OFF_TOO_LONG, False
    ),
    "one ntp server against a plausible rtc": (
        booted(S, rtc=S + 2 * HOUR_US, ntp=NTP), State.DOUBTFUL, why.DISAGREE, False
    ),
    "one ntp server lies a year ahead": (booted(S + YEAR_US, rtc=S, ntp=NTP), State.DOUBTFUL, why.DISAGREE, False),
    "two ntp servers lie a year ahead": (booted(S + YEAR_US, rtc=S, ntp=TWO), State.DOUBTFUL, why.DISAGREE, False),
    "one ntp server lies a year back": (booted(S - YEAR_US, rtc=S, ntp=NTP), State.DOUBTFUL, why.IMPOSSIBLE, False),
    "one ntp server lies a month back": (
        booted(S - 30 * DAY_US, rtc=S, ntp=NTP), State.DOUBTFUL, why.BEFORE_NEWEST, False
    ),
    "rtc alone": (booted(S, rtc=S), State.HELD, why.RTC, True),
    "rtc alone after a long weekend": (booted(T0 + 71 * HOUR_US, rtc=T0 + 71 * HOUR_US), State.HELD, why.RTC, True),
    "rtc alone after three weeks": (
        booted(T0 + 21 * DAY_US, rtc=T0 + 21 * DAY_US), State.DOUBTFUL, why.OFF_TOO_LONG, False
    ),
    "rtc 32 days ahead": (booted(S + 32 * DAY_US, rtc=S + 32 * DAY_US), State.DOUBTFUL, why.OFF_TOO_LONG, False),
    "rtc a year ahead": (booted(S + YEAR_US, rtc=S + YEAR_US), State.DOUBTFUL, why.OFF_TOO_LONG, False),
    "rtc a month back": (booted(S - 30 * DAY_US, rtc=S - 30 * DAY_US), State.DOUBTFUL, why.BEFORE_NEWEST, False),
    "kernel in 1970": (booted(UP, rtc=0), State.DOUBTFUL, why.IMPOSSIBLE, False),
    "kernel in 1970 that calls itself synchronised": (booted(UP, ntp=TWO), State.DOUBTFUL, why.IMPOSSIBLE, False),
    "only the disks": (booted(S), State.DOUBTFUL, why.ONE_SOURCE, False),
    "first boot, nothing": (Facts(Stamp(S, UP, NOW)), State.DOUBTFUL, why.NO_SOURCE, False),
    "first boot, rtc": (Facts(Stamp(S, UP, NOW), S), State.DOUBTFUL, why.ONE_SOURCE, False),
    "first boot, one ntp server": (Facts(Stamp(S, UP, NOW), None, NTP), State.DOUBTFUL, why.ONE_SOURCE, False),
    "first boot, ntp and rtc": (Facts(Stamp(S, UP, NOW), S, NTP), State.VERIFIED, why.NTP, True),
    "first boot, two ntp servers": (Facts(Stamp(S, UP, NOW), None, TWO), State.VERIFIED, why.NTP, True),
    "first boot, a person": (saying(Facts(Stamp(S, UP, NOW))), State.HELD, why.CONFIRMED, True),
    "a person after weeks off": (saying(booted(T0 + 21 * DAY_US, rtc=0)), State.HELD, why.CONFIRMED, True),
    "a person serves, but an rtc that the disks believe denies": (
        saying(booted(S + YEAR_US, rtc=S)), State.HELD, why.CONFIRMED, False
    ),
    "verified 29 days before, rtc": (
        replace(booted(S, rtc=S), record=replace(TRUSTED, verified_us=T0 - 29 * DAY_US, vouched_us=T0 - 29 * DAY_US)),
        State.HELD, why.RTC, True,
    ),
    "verified 31 days before, rtc": (
        replace(booted(S, rtc=S), record=replace(TRUSTED, verified_us=T0 - 31 * DAY_US, vouched_us=T0 - 31 * DAY_US)),
        State.DOUBTFUL, why.HELD_TOO_LONG, False,
    ),
    "record lost, disks and rtc": (replace(booted(S, rtc=S), record=None), State.HELD, why.RTC, True),
    "foreign disk from the future, rtc and own disks": (
        replace(booted(S, rtc=S), evidence=(*DISKS, Evidence(Stamp(S + YEAR_US, 5, LATER), own=False))),
        State.HELD, why.RTC, True,
    ),
    "new box with an old box's disks, rtc": (
        Facts(Stamp(S, UP, NOW), S, Ntp(), None, (Evidence(DISKS[0].stamp, own=False),)),
        State.DOUBTFUL, why.ONE_SOURCE, False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_row_of_the_table(row: str) -> None:
    facts, state, reason, expires = ROWS[row]
    seen = judge(facts)
    assert (seen.state, seen.reason, seen.may_expire) == (state, reason, expires)
    assert seen.may_serve is (state is not State.DOUBTFUL)


def test_states_are_those_of_a_part() -> None:
    parts = (ClockState.VERIFIED, ClockState.HELD, ClockState.DOUBTFUL)
    assert tuple(int(state) for state in State) == parts


@pytest.mark.parametrize("step", [-YEAR_US, -DAY_US, -2 * MINUTE_US, 2 * MINUTE_US, 32 * DAY_US, YEAR_US])
@pytest.mark.parametrize("ntp", [Ntp(), NTP, TWO])
def test_a_step_within_a_boot_is_doubtful_until_it_is_undone(step: int, ntp: Ntp) -> None:
    facts = booted(S, rtc=S, ntp=NTP)
    seen = judge(facts)
    stepped = after(facts, seen, MINUTE_US, step=step, ntp=ntp)
    doubt = judge(stepped)
    assert (doubt.state, doubt.may_serve, doubt.may_expire) == (State.DOUBTFUL, False, False)
    assert doubt.unverified_since_utc_us == S
    back = judge(after(stepped, doubt, MINUTE_US, step=-step, ntp=NTP))
    assert (back.state, back.expiry_now_us) == (State.VERIFIED, S + 2 * MINUTE_US)


def test_a_person_settles_a_step() -> None:
    facts = booted(S, rtc=S, ntp=NTP)
    stepped = after(facts, judge(facts), MINUTE_US, step=-HOUR_US, ntp=Ntp())
    doubt = judge(stepped)
    confirmed = saying(after(stepped, doubt, MINUTE_US))
    assert judge(confirmed).state is State.HELD
    later = judge(after(confirmed, judge(confirmed), MINUTE_US))
    assert (later.state, later.reason) == (State.HELD, why.CONFIRMED)


def test_without_ntp_a_verified_clock_is_held_after_a_day_and_doubtful_after_thirty() -> None:
    facts = booted(S, rtc=S, ntp=NTP)
    seen = judge(facts)
    states = []
    for _hour in range(31 * 24):
        facts = after(facts, seen, HOUR_US, ntp=Ntp())
        seen = judge(facts)
        states.append(seen.state)
    assert states[:24] == [State.VERIFIED] * 24
    assert states[24 : 30 * 24] == [State.HELD] * (29 * 24)
    assert states[30 * 24 :] == [State.DOUBTFUL] * 24
    assert (seen.reason, seen.unverified_since_utc_us) == (why.HELD_TOO_LONG, S)
    assert judge(saying(facts)).may_expire


def test_ntp_that_arrives_verifies_what_was_held() -> None:
    facts = booted(S, rtc=S)
    seen = judge(facts)
    assert seen.unverified_since_utc_us == T0
    later = judge(after(facts, seen, MINUTE_US, step=5_000_000, ntp=NTP))
    assert (later.state, later.unverified_since_utc_us) == (State.VERIFIED, None)
    assert later.expiry_now_us == S + MINUTE_US + MINUTE_US * 500 // 1_000_000


def test_two_servers_correct_an_rtc_that_was_an_hour_fast_and_expiry_waits() -> None:
    facts = replace(booted(S + HOUR_US, rtc=S + HOUR_US), evidence=())
    seen = judge(facts)
    assert seen.state is State.HELD
    corrected = after(facts, seen, MINUTE_US, step=-HOUR_US, ntp=TWO)
    waiting = judge(corrected)
    assert (waiting.state, waiting.may_serve, waiting.may_expire) == (State.VERIFIED, True, False)
    going_on = judge(after(corrected, waiting, 61 * MINUTE_US))
    assert going_on.expiry_now_us is not None
    assert going_on.expiry_now_us >= S + HOUR_US


@pytest.mark.parametrize("servers", [NTP, TWO])
@pytest.mark.parametrize("rtc_dead", [False, True])
def test_a_reboot_launders_no_lie(servers: Ntp, rtc_dead: bool) -> None:
    """NTP lies a year ahead, the kernel copies it to the RTC, and the box restarts: all clocks agree, all lie."""
    lying = booted(S + YEAR_US, rtc=0 if rtc_dead else S, ntp=servers)
    first = judge(lying)
    if first.state is State.VERIFIED:  # two servers and a dead battery: by the table a long time off
        assert not first.elapsed_confirmed
        return
    poisoned = (*DISKS, Evidence(Stamp(S + YEAR_US + HOUR_US, HOUR_US, NOW), trusted=False))
    again = Stamp(S + YEAR_US + 2 * HOUR_US, UP, LATER)
    second = judge(Facts(again, again.utc_us, servers, first.record, poisoned))
    assert (second.state, second.may_expire) == (State.DOUBTFUL, False)
    healed = Stamp(S + 2 * HOUR_US, UP, b"h" * 16)
    assert judge(Facts(healed, healed.utc_us, servers, second.record, poisoned)).state is State.VERIFIED


def test_the_rtc_is_heard_only_before_the_kernel_writes_it() -> None:
    """The service restarts twenty minutes after NTP moved the clock a year: its RTC says what NTP said."""
    late = Stamp(S + YEAR_US, 20 * MINUTE_US, NOW)
    assert judge(Facts(late, late.utc_us, NTP, TRUSTED, DISKS)).state is State.DOUBTFUL


def test_days_in_doubt_are_no_days_off() -> None:
    """Five days up with a dead RTC, then a restart with NTP: the uptime that the heartbeat proves is believed."""
    real = T0 + 6 * DAY_US
    uptime = Evidence(Stamp(EARLIEST_UTC_US, 5 * DAY_US, BEFORE), trusted=False)
    stamp = Evidence(Stamp(T0, DAY_US, LATER))
    assert judge(Facts(Stamp(real, UP, NOW), None, NTP, None, (stamp, uptime))).state is State.VERIFIED
    assert judge(Facts(Stamp(real, UP, NOW), None, NTP, None, (stamp,))).state is State.DOUBTFUL


def test_short_off_time_is_confirmed_by_the_heartbeat_and_a_long_one_after_a_day() -> None:
    assert judge(booted(S, rtc=S, ntp=NTP)).elapsed_confirmed
    facts = booted(T0 + 21 * DAY_US, rtc=T0 + 21 * DAY_US, ntp=NTP)
    seen = judge(facts)
    assert not seen.elapsed_confirmed
    assert judge(after(facts, seen, DAY_US)).elapsed_confirmed


TIMES = st.sampled_from([0, S - YEAR_US, S - DAY_US, S, S + DAY_US, S + 32 * DAY_US, S + YEAR_US]) | st.integers(
    S - 2 * YEAR_US, S + 2 * YEAR_US
)


@settings(max_examples=400)
@given(TIMES, st.none() | TIMES, st.sampled_from([Ntp(), NTP, TWO]), st.none() | TIMES, st.booleans())
def test_no_time_that_two_witnesses_do_not_share_destroys(
    kernel: int, rtc: int | None, ntp: Ntp, newest: int | None, own: bool
) -> None:
    """An oracle of its own: count who is near the kernel's time, and who is far from it."""
    evidence = () if newest is None else (Evidence(Stamp(newest, 7, BEFORE), own=own),)
    seen = judge(Facts(Stamp(kernel, UP, NOW), rtc, ntp, None, evidence))
    if not seen.may_expire:
        return
    assert seen.expiry_now_us is not None
    slack = 30 * MINUTE_US
    near_rtc = rtc is not None and abs(rtc - kernel) < slack
    near_disk = newest is not None and own and newest - slack < kernel < newest + PLAUSIBLE_OFF_US + slack
    servers = ntp.servers if ntp.synchronised else 0
    assert near_rtc + near_disk + servers >= 2
    assert seen.expiry_now_us <= min([kernel, *([rtc] if near_rtc and rtc is not None else [])])
    if newest is not None and own:
        assert kernel > newest - slack
        assert kernel < newest + PLAUSIBLE_OFF_US + slack or servers + near_rtc >= 2
    denies = rtc is not None and not near_rtc and newest is not None and own
    if denies and rtc is not None and newest is not None and newest + MINUTE_US < rtc < newest + PLAUSIBLE_OFF_US:
        assert servers == 2
        assert near_disk


STEPS = st.sampled_from([0, 0, 0, 1_000_000, -1_000_000, 59_000_000, -59_000_000, -HOUR_US, HOUR_US, YEAR_US, -YEAR_US])
WAITS = st.sampled_from([1_000_000, MINUTE_US, HOUR_US, DAY_US]) | st.integers(0, 3 * DAY_US)
SYNCED = st.sampled_from([Ntp(), NTP, TWO])


@settings(max_examples=300)
@given(st.lists(st.tuples(WAITS, STEPS, SYNCED), max_size=30), st.none() | st.integers(-DAY_US, DAY_US), SYNCED)
def test_within_a_boot_expiry_never_goes_back_nor_faster_than_500_ppm(
    moves: list[tuple[int, int, Ntp]], rtc_off: int | None, ntp: Ntp
) -> None:
    facts = booted(S, rtc=None if rtc_off is None else S + rtc_off, ntp=ntp)
    seen = judge(facts)
    given_out = [(facts.now.monotonic_us, seen.expiry_now_us)]
    for wait, step, synced in moves:
        facts = after(facts, seen, wait, step=step, ntp=synced)
        seen = judge(facts)
        if seen.expiry_now_us is not None:
            assert seen.expiry_now_us <= facts.now.utc_us
        given_out.append((facts.now.monotonic_us, seen.expiry_now_us))
    told = [(mono, utc) for mono, utc in given_out if utc is not None]
    for (mono, utc), (mono_later, utc_later) in pairwise(told):
        assert 0 <= utc_later - utc <= (mono_later - mono) * 1.0005 + 1


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, HOUR_US), st.integers(-AGREE_US, AGREE_US)), max_size=50))
def test_creeping_ntp_cannot_carry_the_trusted_clock_away(moves: list[tuple[int, int]]) -> None:
    facts = booted(S, rtc=S, ntp=NTP)
    seen = judge(facts)
    for wait, step in moves:
        facts = after(facts, seen, wait, step=step)
        seen = judge(facts)
    ran = facts.now.monotonic_us - UP
    true_us = S + ran
    if seen.may_serve:
        assert abs(facts.now.utc_us - true_us) <= AGREE_US + ran * 0.0005 + 1


@pytest.mark.parametrize("rtc_behind", [-20_000_000, 0, 20_000_000])
def test_expiry_begins_at_the_earlier_of_the_clocks_that_agree(rtc_behind: int) -> None:
    assert judge(booted(S, rtc=S - rtc_behind, ntp=NTP)).expiry_now_us == S - max(0, rtc_behind)
