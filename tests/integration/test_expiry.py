"""Footage goes when its time is over, whatever the clocks say: nothing too early, nothing too late, all of it told."""

from pathlib import Path

import pytest

from appliance.core.judgement import Ntp
from appliance.media.stream import ClockState, StreamKey
from appliance.ring.access.protocol import chunk_message
from appliance.ring.access.reader import read_part_bytes, readable
from appliance.ring.expiry.expirer import Terms
from appliance.ring.faults import ChunkReused
from tests.peers.lawful import DAY_S, DAY_US, NO_NTP, TWO, Box
from tests.peers.ring_rig import KEY

YEAR_US = 365 * DAY_US
OTHER = StreamKey("hall", "main")


async def week_old(base: Path) -> Box:
    """A box that has recorded a little each day for four days under a verified clock."""
    box = await Box(base).format()
    await box.start()
    for _ in range(4):
        await box.day()
    return box


async def test_each_day_goes_when_its_days_are_over_and_the_register_says_so(tmp_path: Path) -> None:
    box = await week_old(tmp_path)
    gone: set[bytes] = set()
    for _ in range(4):
        await box.day()
        kept, gone = box.taken_between(4.9, 0), box.taken_between(99, 5)
        on_disk = await box.on_disk()
        assert kept <= on_disk
        assert not gone & on_disk
        assert await box.shown() == kept
    assert gone
    await box.stop()
    lines = box.register.lines
    assert {line["reason"] for line in lines} == {"age"}
    assert sum(int(line["count"]) for line in lines) >= 4
    assert all(int(line["to_utc_us"]) <= box.true_us - 5 * DAY_US for line in lines)
    assert all(line["camera"] == "cam" and not line["late"] for line in lines)
    assert len({line["sha256"] for line in lines}) == len(lines)
    assert box.rig.ring.destruction.untold == 0


async def test_what_is_due_is_shown_to_nobody_before_it_is_destroyed(tmp_path: Path) -> None:
    box = await week_old(tmp_path)
    box.rig.clock.advance(2 * DAY_S)  # no pass has run
    await box.keeper.judge()
    expired = box.taken_between(99, 5)
    assert expired & await box.on_disk() == expired
    shown = await box.shown()
    assert shown == box.taken_between(5, 0)
    assert shown
    await box.stop()


WRONG = {"1970": None, "a year back": -YEAR_US, "32 days ahead": 32 * DAY_US, "a year ahead": YEAR_US}


def error_of(box: Box, name: str) -> int:
    error = WRONG[name]
    return -box.true_us if error is None else error


@pytest.mark.parametrize("ntp", ["none", "later"])
@pytest.mark.parametrize("rtc", ["dead", "as the kernel", "right"])
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("how", ["reboot", "step"])
async def test_a_wrong_clock_destroys_nothing_and_keeps_nothing_for_ever(
    tmp_path: Path, how: str, wrong: str, rtc: str, ntp: str
) -> None:
    box = await week_old(tmp_path)
    before = await box.on_disk()
    box.sources.ntp = NO_NTP
    error = error_of(box, wrong)
    if how == "reboot":
        box.sources.rtc_off_us = {"dead": None, "as the kernel": error, "right": 0}[rtc]
        await box.reboot(error_us=error)
    else:
        box.set_clock(error)
    for _ in range(2):
        await box.record()
        await box.minute()
    assert box.keeper.state() == ClockState.DOUBTFUL
    assert box.keeper.refusal() is not None
    assert await box.on_disk() >= before | box.taken_between(0.01, 0)  # nothing went, and recording went on
    assert not box.register.lines

    if ntp == "later":
        box.set_clock(0)
        box.sources.ntp = TWO
        await box.minute()
        assert box.keeper.state() == ClockState.VERIFIED
        kept = box.taken_between(5, 0)
        assert await box.shown() == kept  # by their true times
        assert await box.on_disk() >= kept
        doubtful = box.taken_between(0.01, 0)
        for _ in range(6):
            assert doubtful <= await box.on_disk() or box.taken_between(5, 0).isdisjoint(doubtful)
            await box.day()
        assert not box.taken_between(99, 5) & await box.on_disk()
        assert box.taken_between(4.9, 0) <= await box.on_disk()
    await box.stop()


async def test_a_boot_that_never_knew_the_time_is_kept_its_days_after_the_next(tmp_path: Path) -> None:
    box = await week_old(tmp_path)
    box.sources.ntp, box.sources.rtc_off_us = NO_NTP, None
    await box.reboot(error_us=-box.true_us)
    await box.record()
    await box.minute()
    unknown = box.taken_between(0.01, 0)
    await box.reboot(off_s=3600, error_us=-box.true_us + 5 * 10**6)
    await box.record()
    box.set_clock(0)
    box.sources.ntp = TWO
    await box.minute()
    assert box.keeper.state() == ClockState.VERIFIED
    assert unknown <= await box.shown()
    spans = await box.rig.ring.spans(KEY, box.true_us - DAY_US, box.true_us + DAY_US)
    assert all(span.to_us <= box.true_us for span in spans)
    for _ in range(4):
        await box.day()
    assert unknown <= await box.on_disk()
    await box.day()
    await box.day()
    assert not unknown & await box.on_disk()
    await box.stop()


async def test_true_times_survive_a_lost_index_and_a_lost_disk_file(tmp_path: Path) -> None:
    box = await week_old(tmp_path)
    box.sources.ntp, box.sources.rtc_off_us = NO_NTP, None
    await box.reboot(error_us=-box.true_us)
    await box.record()
    box.set_clock(0)
    box.sources.ntp = TWO
    await box.minute()
    kept = box.taken_between(5, 0)
    assert await box.shown() == kept
    await box.stop()
    for path in box.base.glob("index.db*"):
        path.unlink()
    (box.rig.disks[0].path / "nvr-redate").unlink()
    await box.start()
    await box.rig.ring.settle()
    assert await box.shown() == kept
    await box.stop()


async def test_a_camera_too_long_or_too_short_is_an_alarm(tmp_path: Path) -> None:
    box = await Box(tmp_path, terms=Terms(5, 5)).format(disks=1, chunks=12)
    await box.start()
    for _ in range(3):
        await box.record(40)
        await box.pass_time(4 * 3600)
    await box.record(300)  # the disk is full: the oldest goes early
    await box.minute()
    (alarm,) = box.rig.ring.expirer.state()
    assert alarm["camera"] == "cam"
    assert int(str(alarm["shorter_us"])) > 4 * DAY_US
    for told in (False, True):  # before the register has the account, and from what is left of it
        await box.reboot(off_s=4000)
        await box.minute()
        (again,) = box.rig.ring.expirer.state()
        assert int(str(again["shorter_us"])) > 4 * DAY_US, f"known after a restart; told before it: {told}"
    await box.pass_time(6 * DAY_S)
    assert not box.rig.ring.expirer.state()
    await box.stop()
    assert {"early", "age"} == {line["reason"] for line in box.register.lines}


async def test_an_unconfirmed_time_destroys_a_twentieth_an_hour_and_shows_nothing_of_it(tmp_path: Path) -> None:
    box = await Box(tmp_path).format(disks=1, chunks=40)
    await box.start()
    for _ in range(8):
        await box.record(6)
        await box.pass_time(4 * 3600)
    before = await box.on_disk()
    box.sources.ntp = Ntp(synchronised=True, servers=2)
    await box.reboot(off_s=10 * DAY_S)
    assert box.keeper.state() == ClockState.VERIFIED
    assert box.keeper.elapsed_confirmed is False
    assert await box.shown() == set()
    for _ in range(3):
        await box.minute()
    assert await box.on_disk() >= before  # a recorder that starts again and again takes no 5 % each time
    await box.pass_time(3600)
    lost = before - await box.on_disk()
    assert 0 < len(lost) <= len(before) // 2
    await box.minute()
    assert before - await box.on_disk() == lost
    (alarm,) = box.rig.ring.expirer.state()
    assert int(str(alarm["longer_us"])) > 3 * DAY_US
    await box.pass_time(25 * 3600)
    await box.minute()
    assert not before & await box.on_disk()
    await box.stop()


async def test_a_reader_of_what_expires_gets_no_other_cameras_pictures(tmp_path: Path) -> None:
    box = await week_old(tmp_path)
    now = box.rig.clock.utc_us()
    told = (await box.rig.ring.ranges(KEY, now - 9 * DAY_US // 2, now))[0]
    chunk = readable(chunk_message(told))
    part = told.parts[0]
    whole = await read_part_bytes(chunk, part.offset, part.length)
    assert any(whole)
    await box.pass_time(2 * DAY_S)
    with pytest.raises(ChunkReused):  # zeroed
        await read_part_bytes(chunk, part.offset, part.length)
    other = box.rig.camera(OTHER, seed=9)
    other.start()
    generations = set()
    for _ in range(200):
        await box.rig.record(1, other)
        now = box.rig.clock.utc_us()
        generations |= {(c.disk, c.number) for c in await box.rig.ring.ranges(OTHER, now - 10**7, now)}
        if (told.disk, told.number) in generations:
            break
    assert (told.disk, told.number) in generations
    with pytest.raises(ChunkReused):  # another camera's by now
        await read_part_bytes(chunk, part.offset, part.length)
    await box.stop()


async def test_what_a_hold_needs_stays_and_a_lease_delays_by_a_minute(tmp_path: Path) -> None:
    box = await week_old(tmp_path)
    now = box.rig.clock.utc_us()
    first = await box.rig.ring.ranges(KEY, now - 9 * DAY_US // 2, now - 7 * DAY_US // 2)
    keeping = box.rig.ring.expirer.keeping
    assert keeping is not None
    keeping.holds = {(chunk.disk, chunk.number) for chunk in first}
    held = box.taken_between(4.5, 3.5)
    await box.pass_time(2 * DAY_S)
    assert held <= await box.on_disk()
    assert not held & await box.shown()
    keeping.holds = ()
    await box.minute()
    on_disk = await box.on_disk()
    assert not held & on_disk

    oldest = min(at for at, data in box.taken if data in on_disk)
    leased = {data for at, data in box.taken if at < oldest + DAY_US / 2}
    leased &= on_disk
    box.rig.clock.advance((oldest + 5 * DAY_US - box.true_us) / 1e6 - 10)
    now = box.rig.clock.utc_us()
    await box.rig.ring.lease(KEY, now - 5 * DAY_US, now, 60)
    box.rig.clock.advance(20)
    await box.keeper.judge()
    await box.rig.ring.keep_lawful(box.keeper.anchor(), box.keeper.former)
    await box.rig.ring.tick()
    assert leased <= await box.on_disk()
    await box.minute()
    await box.minute()
    assert not leased & await box.on_disk()
    await box.stop()


async def test_a_persons_word_against_the_witnesses_hides_and_destroys_nothing(tmp_path: Path) -> None:
    box = await week_old(tmp_path)
    before = await box.on_disk()
    box.sources.ntp = NO_NTP
    await box.reboot(error_us=YEAR_US)
    await box.keeper.confirm(1000)
    assert box.keeper.state() == ClockState.HELD
    await box.record()
    await box.minute()
    assert await box.on_disk() >= before
    assert not before & await box.shown()
    assert not box.register.lines
    await box.stop()
