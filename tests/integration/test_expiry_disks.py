"""Disks that were away: what expired meanwhile is shown to nobody and goes, dates that were found meanwhile hold."""

import asyncio
from pathlib import Path

import pytest

from appliance.media.stream import ClockState
from tests.peers.lawful import DAY_S, NO_NTP, TWO, Box
from tests.peers.sick_disk import flush_fails


async def lose(box: Box, number: int, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A disk fails and is taken out."""
    member = box.rig.ring._members.all[number]
    with monkeypatch.context() as patch:
        flush_fails(member, patch)
        for _ in range(30):
            await box.record(1)
            if member.failed:
                break
    assert member.failed
    aside = member.disk.path.with_name("out")
    await asyncio.to_thread(member.disk.path.rename, aside)
    return member.disk.path


async def put_back(box: Box, path: Path) -> None:
    await asyncio.to_thread(path.with_name("out").rename, path)
    await box.rig.ring.look()
    await box.rig.ring.tick()
    await box.rig.ring.settle()


async def test_what_expired_while_a_disk_was_away_is_gone_before_its_past_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = await Box(tmp_path).format()
    await box.start()
    for _ in range(4):
        await box.record(8)
        await box.pass_time(DAY_S)
    path = await lose(box, 1, monkeypatch)
    before = len(box.register.lines)
    for _ in range(3):
        await box.pass_time(DAY_S)
    await put_back(box, path)
    assert not box.taken_between(99, 5) & await box.shown()
    assert box.taken_between(4.9, 0) <= await box.shown()
    await box.minute()
    await box.minute()
    assert not box.taken_between(99, 5) & await box.on_disk()
    assert box.taken_between(4.9, 0) <= await box.on_disk()
    await box.stop()
    assert len(box.register.lines) > before
    assert box.rig.ring.destruction.untold == 0


async def test_footage_of_a_doubtful_clock_on_a_disk_that_was_away_is_dated_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = await Box(tmp_path).format()
    box.sources.ntp, box.sources.rtc_off_us = NO_NTP, None
    box.set_clock(-box.true_us)
    await box.start()
    await box.record(12)
    path = await lose(box, 1, monkeypatch)
    box.set_clock(0)
    box.sources.ntp = TWO
    await box.minute()
    assert box.keeper.state() == ClockState.VERIFIED
    await put_back(box, path)
    await box.minute()
    assert await box.shown() == box.taken_between(5, 0)
    for _ in range(6):
        await box.pass_time(DAY_S)
    assert not box.taken_between(99, 5) & await box.on_disk()
    await box.stop()
