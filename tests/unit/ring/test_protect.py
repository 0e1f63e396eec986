"""Holds as policy: what may be kept and for how long, who makes room for whom, and never more than the pool has."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.errors import ApplianceError
from appliance.media.stream import StreamKey
from appliance.ring.expiry.policy import DAY_US
from appliance.ring.protect.faults import (
    HoldExpiryTooLate,
    HoldNeedsProcedure,
    HoldNeedsWords,
    HoldTimes,
    HoldTooLong,
)
from appliance.ring.protect.policy import (
    JUDICIAL_DAYS,
    MAX_HOLD_US,
    MAX_WORDS,
    HeldChunks,
    Hold,
    PoolLoad,
    Reason,
    admit,
    checked,
    choose_target,
    due,
    ended,
    extended,
    hold_of,
    latest_expiry_us,
    newest,
)

PARIS = ZoneInfo("Europe/Paris")
HOUR_US = 3_600_000_000


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


NOW = utc("2026-02-10T12:00")
HOLD = Hold(
    id="h1",
    streams=(StreamKey("cour", "main"), StreamKey("cour", "sub")),
    from_us=NOW - 2 * HOUR_US,
    to_us=NOW - HOUR_US,
    reason=Reason.INCIDENT,
    words="Dégradation du portail",
    procedure="",
    requester="Principal du collège",
    asked_us=NOW,
    expires_us=NOW + 10 * DAY_US,
)


class TestWhatMayBeHeld:
    def test_a_plain_request_stands_as_it_is(self) -> None:
        assert checked(HOLD, NOW, PARIS) == HOLD

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"to_us": HOLD.from_us}, HoldTimes),
            ({"from_us": NOW, "to_us": NOW + 1}, HoldTimes),
            ({"expires_us": NOW}, HoldTimes),
            ({"from_us": HOLD.to_us - MAX_HOLD_US - 1}, HoldTooLong),
            ({"requester": " "}, HoldNeedsWords),
            ({"words": ""}, HoldNeedsWords),
            ({"words": "x" * (MAX_WORDS + 1)}, HoldNeedsWords),
            ({"reason": Reason.JUDICIAL}, HoldNeedsProcedure),
            ({"expires_us": NOW + 40 * DAY_US}, HoldExpiryTooLate),
        ],
    )
    def test_what_may_not_be_is_refused_by_its_name(
        self, changes: dict[str, object], error: type[ApplianceError]
    ) -> None:
        with pytest.raises(error):
            checked(replace(HOLD, **changes), NOW, PARIS)  # type: ignore[arg-type]

    def test_the_latest_date_is_said_in_the_sites_time(self) -> None:
        with pytest.raises(HoldExpiryTooLate) as refused:
            checked(replace(HOLD, expires_us=NOW + 40 * DAY_US), NOW, PARIS)
        assert "2026-03-10 11:00" in refused.value.sentence("fr"), "a month after the oldest picture, 10:00 UTC"

    def test_a_procedure_lifts_the_month_for_a_year(self) -> None:
        judicial = replace(HOLD, reason=Reason.JUDICIAL, procedure="PV 2026/00123, GN Albi")
        kept = replace(judicial, expires_us=NOW + JUDICIAL_DAYS * DAY_US)
        assert checked(kept, NOW, PARIS) == kept
        with pytest.raises(HoldExpiryTooLate):
            checked(replace(judicial, expires_us=NOW + JUDICIAL_DAYS * DAY_US + 1), NOW, PARIS)


class TestHowLong:
    def test_one_calendar_month_after_the_oldest_picture(self) -> None:
        taken = utc("2026-01-31T09:00")  # 10:00 in Paris
        for reason in (Reason.ALERT, Reason.INCIDENT):
            assert latest_expiry_us(reason, taken, taken + 20 * DAY_US, PARIS) == utc("2026-02-28T09:00")

    def test_a_persons_own_pictures_count_from_the_request(self) -> None:
        taken, asked = utc("2026-01-31T09:00"), utc("2026-02-20T09:00")
        assert latest_expiry_us(Reason.ACCESS, taken, asked, PARIS) == utc("2026-03-20T09:00")

    @given(taken=st.integers(utc("2020-01-01"), utc("2040-01-01")), age=st.integers(0, 31 * DAY_US))
    def test_no_unjudicial_copy_outlives_31_days(self, taken: int, age: int) -> None:
        for reason in Reason:
            latest = latest_expiry_us(reason, taken, taken + age, PARIS)
            if reason in {Reason.ALERT, Reason.INCIDENT}:
                assert 28 * DAY_US - HOUR_US <= latest - taken <= 31 * DAY_US
            elif reason is Reason.ACCESS:
                assert latest - (taken + age) <= 31 * DAY_US

    def test_holds_end_at_their_own_time_and_never_by_a_doubtful_clock(self) -> None:
        over, gone = replace(HOLD, id="h2", expires_us=NOW - 1), ended(replace(HOLD, id="h3"), "released")
        assert due([HOLD, over, gone], NOW) == [over]
        assert due([HOLD], HOLD.expires_us - 1) == []
        assert due([HOLD], HOLD.expires_us) == [HOLD]
        assert due([HOLD, over], None) == []


class TestExtending:
    def test_an_alert_that_lasts_grows_and_one_that_is_over_stops(self) -> None:
        growing = replace(HOLD, to_us=NOW + HOUR_US)
        longer = extended(growing, NOW, PARIS, to_us=NOW + 2 * HOUR_US, expires_us=None)
        assert (longer.to_us, longer.revision) == (NOW + 2 * HOUR_US, 1)
        assert extended(growing, NOW, PARIS, to_us=0, expires_us=None).to_us == NOW, "what is covered stays covered"
        assert extended(HOLD, NOW, PARIS, to_us=0, expires_us=None).to_us == HOLD.to_us

    def test_the_month_holds_for_extensions_too(self) -> None:
        with pytest.raises(HoldExpiryTooLate):
            extended(HOLD, NOW + DAY_US, PARIS, to_us=None, expires_us=NOW + 31 * DAY_US)

    def test_a_judicial_hold_is_confirmed_for_another_year(self) -> None:
        judicial = replace(HOLD, reason=Reason.JUDICIAL, procedure="PV 1", expires_us=NOW + 300 * DAY_US)
        later = NOW + 290 * DAY_US
        again = extended(judicial, later, PARIS, to_us=None, expires_us=later + 365 * DAY_US)
        assert again.asked_us == later


WORDS = st.text(min_size=1, max_size=40)
HOLDS = st.builds(
    Hold,
    id=WORDS,
    streams=st.lists(st.builds(StreamKey, WORDS, st.sampled_from(["main", "sub"])), max_size=4).map(tuple),
    from_us=st.integers(-(2**62), 2**62),
    to_us=st.integers(-(2**62), 2**62),
    reason=st.sampled_from(Reason),
    words=WORDS,
    procedure=WORDS,
    requester=WORDS,
    asked_us=st.integers(-(2**62), 2**62),
    expires_us=st.integers(-(2**62), 2**62),
    revision=st.integers(0, 1000),
    ended=st.sampled_from(["", "released", "expired", "evicted"]),
)


@given(HOLDS)
def test_a_hold_comes_back_from_its_plain_form(hold: Hold) -> None:
    assert hold_of(hold.plain()) == hold


@given(st.lists(HOLDS, max_size=12))
def test_of_what_the_disks_say_the_latest_word_counts(holds: list[Hold]) -> None:
    for name, hold in newest(holds).items():
        assert hold.revision == max(other.revision for other in holds if other.id == name)


class TestWhereCopiesGo:
    def test_another_disk_than_the_source(self) -> None:
        disks = [PoolLoad(0, 5), PoolLoad(1, 3), PoolLoad(2, 4)]
        assert choose_target(disks, 0, None) == 2
        assert choose_target(disks, 2, None) == 0
        assert choose_target(disks, 0, 1) == 1, "a copy goes on where it is"
        assert choose_target(disks, 1, 1) == 0, "unless the source lies there"

    def test_the_same_disk_is_better_than_none(self) -> None:
        assert choose_target([PoolLoad(0, 5)], 0, None) == 0
        assert choose_target([PoolLoad(0, 5), PoolLoad(1, 0)], 0, None) == 0
        assert choose_target([PoolLoad(0, 0), PoolLoad(1, 0)], 0, None) is None

    def test_a_copy_goes_on_in_its_open_chunk_of_a_full_pool(self) -> None:
        assert choose_target([PoolLoad(0, 0), PoolLoad(1, 0)], 0, 1) == 1


class TestRoom:
    def test_a_persons_hold_is_refused_with_what_is_missing(self) -> None:
        alerts = [HeldChunks("a", 1, 50, of_person=False)]
        assert admit(7, 5, alerts, of_person=True, asked_us=9).missing == 2

    def test_the_oldest_alerts_make_room_for_a_newer_one(self) -> None:
        held = [
            HeldChunks("new", 3, 4, of_person=False),
            HeldChunks("old", 1, 2, of_person=False),
            HeldChunks("person", 0, 9, of_person=True),
            HeldChunks("mid", 2, 2, of_person=False),
        ]
        assert admit(5, 2, held, of_person=False, asked_us=9).evict == ("old", "mid")
        assert admit(2, 2, held, of_person=False, asked_us=9).evict == ()

    def test_nobody_goes_in_vain(self) -> None:
        held = [HeldChunks("old", 1, 2, of_person=False), HeldChunks("person", 0, 9, of_person=True)]
        refused = admit(9, 2, held, of_person=False, asked_us=9)
        assert (refused.evict, refused.missing) == ((), 5)

    def test_an_older_alert_takes_nothing_from_a_newer_one(self) -> None:
        assert admit(3, 0, [HeldChunks("new", 8, 5, of_person=False)], of_person=False, asked_us=7).missing == 3


@dataclass
class Model:
    """A pool of so many chunks, and what was admitted to it."""

    size: int
    held: dict[str, HeldChunks] = field(default_factory=dict)

    @property
    def free(self) -> int:
        return self.size - sum(held.chunks for held in self.held.values())


@given(
    size=st.integers(0, 40),
    asks=st.lists(st.tuples(st.integers(1, 15), st.booleans(), st.booleans()), max_size=60),
)
def test_the_pool_is_never_exceeded_and_no_persons_hold_is_given_up(
    size: int, asks: list[tuple[int, bool, bool]]
) -> None:
    model = Model(size)
    for now, (needed, of_person, releases) in enumerate(asks):
        if releases and model.held:
            model.held.pop(next(iter(model.held)))  # one ends by itself: released or expired
        before = dict(model.held)
        result = admit(needed, model.free, model.held.values(), of_person=of_person, asked_us=now)
        if result.missing:
            assert not result.evict
            alerts = 0 if of_person else sum(h.chunks for h in before.values() if not h.of_person)
            assert result.missing == needed - model.free - alerts, "exactly what is missing"
            continue
        for name in result.evict:
            assert not before[name].of_person
            assert not of_person
            del model.held[name]
        kept = [h.asked_us for h in model.held.values() if not h.of_person]
        gone = [before[name].asked_us for name in result.evict]
        assert not gone or not kept or max(gone) < min(kept), "the newest alerts are kept"
        model.held[f"h{now}"] = HeldChunks(f"h{now}", now, needed, of_person)
        assert model.free >= 0
