"""The clock keeper: judged at start and again, saved, doubtful at once when UTC steps, confirmed by a person."""

import asyncio
from pathlib import Path

import pytest

from appliance.core import clock_reason as why
from appliance.core.clock import SimulatedClock
from appliance.core.judgement import DAY_US, Judgement, Ntp
from appliance.core.timesource import RecordNotSaved, load_record
from appliance.media.stream import ClockState
from appliance.ring.chunk import Geometry
from appliance.ring.dating.clock_gate import ClockDoubtful
from appliance.ring.dating.evidence import ask
from appliance.ring.disks.disk import HEARTBEAT, Heartbeat, encode_heartbeat, format_disk
from appliance.services.clock import RECORD_FILE, ClockKeeper
from appliance.services.clock_words import sentence
from tests.peers.times import Sources

TWO = Ntp(synchronised=True, servers=2)
REBOOTED = b"r" * 16
YEAR_S = 365 * 86_400


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(tmp_path, SimulatedClock(), ntp=TWO)


async def opened(sources: Sources, *disks: Path) -> ClockKeeper:
    keeper = sources.keeper(*disks)
    await keeper.open()
    return keeper


async def test_before_it_has_judged_nothing_is_believed(sources: Sources) -> None:
    keeper = sources.keeper()
    assert (keeper.state(), keeper.expiry_now_us(), keeper.anchor()) == (ClockState.DOUBTFUL, None, None)
    assert isinstance(keeper.refusal(), ClockDoubtful)
    assert keeper.status()["reason"] == why.NO_SOURCE.code


async def test_ntp_verifies_then_the_clock_is_held_without_it(sources: Sources) -> None:
    keeper = await opened(sources)
    assert (keeper.state(), keeper.word(), keeper.refusal()) == (ClockState.VERIFIED, "verified", None)
    sources.ntp = Ntp()
    verified_us = sources.clock.utc_us()
    sources.clock.advance(25 * 3600)
    await keeper.judge()
    assert keeper.state() == ClockState.HELD
    assert keeper.status()["since_utc_us"] == verified_us
    assert keeper.refusal() is None
    assert keeper.expiry_now_us() is not None


@pytest.mark.parametrize("step_s", [-YEAR_S, -120, 120, 32 * 86_400, YEAR_S])
async def test_a_step_is_doubt_before_the_next_judgement_and_after(sources: Sources, step_s: int) -> None:
    keeper = await opened(sources)
    before = keeper.expiry_now_us()
    sources.clock.step_utc(step_s)
    for _ in range(2):
        assert keeper.state() == ClockState.DOUBTFUL
        assert keeper.reason() in {why.STEPPED, why.IMPOSSIBLE}
        assert (keeper.expiry_now_us(), keeper.anchor()) == (None, None)
        await keeper.judge()
    sources.clock.step_utc(-step_s)
    sources.clock.advance(10)
    await keeper.judge()
    assert keeper.state() == ClockState.VERIFIED
    assert before is not None
    assert keeper.expiry_now_us() == before + 10_000_000


async def test_expiry_goes_on_between_judgements_by_monotonic_time(sources: Sources) -> None:
    keeper = await opened(sources)
    before = keeper.expiry_now_us()
    assert before == sources.clock.utc_us()
    sources.clock.advance(7)
    assert keeper.expiry_now_us() == before + 7_000_000


async def test_the_record_is_saved_at_a_change_and_each_minute(sources: Sources) -> None:
    keeper = await opened(sources)
    file = sources.folder / RECORD_FILE
    first = await asyncio.to_thread(load_record, file)
    sources.clock.advance(30)
    await keeper.judge()
    assert await asyncio.to_thread(load_record, file) == first
    sources.clock.advance(31)
    await keeper.judge()
    second = await asyncio.to_thread(load_record, file)
    assert first is not None
    assert second is not None
    assert first.anchor is not None
    assert second.anchor is not None
    assert second.anchor.utc_us == first.anchor.utc_us + 61_000_000


async def test_a_system_disk_that_refuses_leaves_the_judgement_and_is_tried_again(sources: Sources) -> None:
    keeper = await opened(sources)
    file = sources.folder / RECORD_FILE
    await asyncio.to_thread(file.unlink)
    await asyncio.to_thread(file.mkdir)
    sources.clock.advance(61)
    with pytest.raises(RecordNotSaved):
        await keeper.judge()
    assert keeper.state() == ClockState.VERIFIED
    await asyncio.to_thread(file.rmdir)
    sources.clock.advance(10)
    await keeper.judge()
    assert await asyncio.to_thread(load_record, file) is not None


async def test_the_next_boot_knows_the_last_trusted_instant(sources: Sources) -> None:
    await opened(sources)
    trusted_us = sources.clock.utc_us()
    sources.ntp = Ntp()
    sources.clock.reboot(REBOOTED)
    sources.clock.step_utc(-sources.clock.utc_us() / 1e6)  # dead battery, no network: 1970
    keeper = await opened(sources)
    assert (keeper.state(), keeper.reason()) == (ClockState.DOUBTFUL, why.IMPOSSIBLE)
    assert keeper.former is not None
    assert keeper.former.utc_us == trusted_us
    sources.clock.step_utc((trusted_us - sources.clock.utc_us()) / 1e6 + 600)
    sources.ntp = TWO
    await keeper.judge()
    assert keeper.state() == ClockState.VERIFIED
    assert keeper.anchor() is not None


async def test_a_person_confirms_and_everybody_who_listens_hears_of_it(sources: Sources) -> None:
    sources.ntp = Ntp()
    keeper = await opened(sources)
    assert keeper.state() == ClockState.DOUBTFUL
    heard: list[Judgement] = []

    async def listener(judgement: Judgement) -> None:
        heard.append(judgement)

    keeper.on_change.append(listener)
    status = await keeper.confirm(1000)
    assert (status["state"], status["reason"]) == ("held", why.CONFIRMED.code)
    assert keeper.refusal() is None
    assert [judgement.reason for judgement in heard] == [why.CONFIRMED]
    await keeper.judge()
    assert len(heard) == 1


async def test_a_disk_written_later_than_the_clock_says_is_believed(sources: Sources) -> None:
    disk = sources.folder / "disk"
    await asyncio.to_thread(format_disk, disk, Geometry(256 << 10, 16 << 10), 1)
    newest = sources.clock.utc_us() + 3 * DAY_US
    beat = Heartbeat(newest, newest, "ab" * 16, 1, 77, ClockState.HELD)
    await asyncio.to_thread((disk / HEARTBEAT).write_bytes, encode_heartbeat(beat))
    keeper = await opened(sources, disk, sources.folder / "absent")
    assert (keeper.state(), keeper.reason()) == (ClockState.DOUBTFUL, why.BEFORE_NEWEST)


async def test_a_heartbeat_that_never_told_its_clock_is_trusted_by_nobody(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    await asyncio.to_thread(format_disk, disk, Geometry(256 << 10, 16 << 10), 1, appliance="cd" * 16)
    assert await asyncio.to_thread(ask, disk) is None  # a new disk has no heartbeat
    beat = encode_heartbeat(Heartbeat(1, 1_795_500_000_000_000, "ab" * 16, 1, 77, ClockState.VERIFIED))
    await asyncio.to_thread((disk / HEARTBEAT).write_bytes, beat)
    own = await asyncio.to_thread(ask, disk, "cd" * 16)
    foreign = await asyncio.to_thread(ask, disk, "ef" * 16)
    assert own is not None
    assert foreign is not None
    assert (own.trusted, own.own, foreign.own) == (True, True, False)
    assert (own.stamp.monotonic_us, own.stamp.boot_id) == (77, b"\xab" * 16)
    for untrusted in (
        Heartbeat(1, 2, "ab" * 16, 1), Heartbeat(1, 2, "ab" * 16, 1, 3, ClockState.DOUBTFUL)
    ):  # fmt: skip
        await asyncio.to_thread((disk / HEARTBEAT).write_bytes, encode_heartbeat(untrusted))
        seen = await asyncio.to_thread(ask, disk)
        assert seen is not None
        assert not seen.trusted
    await asyncio.to_thread((disk / HEARTBEAT).write_bytes, encode_heartbeat(Heartbeat(1, 2, "no boot", 1)))
    assert await asyncio.to_thread(ask, disk) is None


async def test_each_state_is_told_in_words(sources: Sources) -> None:
    keeper = await opened(sources)
    assert sentence(keeper.status(), sources.zone, "fr") == ("heure vérifiée. Heure vérifiée par le réseau.", True)
    sources.clock.step_utc(YEAR_S)
    words, shown = sentence(keeper.status(), sources.zone, "fr")
    assert words.startswith("heure non vérifiée depuis le 24/11/2026 07:00:00. L'heure a sauté")
    assert "ne sont pas montrées" in words
    assert not shown
    sources.clock.step_utc(-YEAR_S)
    sources.ntp = Ntp()
    sources.clock.advance(25 * 3600)
    await keeper.judge()
    words, shown = sentence(keeper.status(), sources.zone, "en")
    assert words.startswith("time not verified since 2026-11-24 07:00:00. Time held")
    assert shown
