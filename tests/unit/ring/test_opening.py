"""A disk that answers late is not lost: neither when the loop was late itself, nor when every try takes too long."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from appliance.ring.disks import opening
from appliance.ring.disks.disk import format_disk
from appliance.ring.disks.opening import NO_OWNER, Opener
from appliance.ring.faults import DiskInUse, DiskSilent
from tests.peers.ring_rig import SMALL, Folder


@pytest.fixture
async def slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A new disk that has a tenth of a second."""
    monkeypatch.setattr(opening, "ANSWER_S", 0.1)
    path = tmp_path / "disk0"
    await asyncio.to_thread(format_disk, path, SMALL, 16)
    return Folder(path)


async def test_an_answer_that_has_come_is_taken_however_late_the_loop_is(slot: Folder) -> None:
    """The time is over and the disk is open in the same turn of the loop."""
    opener = Opener(NO_OWNER)
    asyncio.get_running_loop().call_soon(time.sleep, 0.3)
    disk = await opener.open(slot, None)
    assert disk is not None
    await asyncio.to_thread(disk.leave)


async def test_a_disk_that_answers_after_its_time_is_there_for_whoever_asks_next(
    slot: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, asked = threading.Event(), 0

    def slow(_path: Path) -> None:
        nonlocal asked
        asked += 1
        release.wait(50)

    monkeypatch.setattr(opening, "_ask", slow)
    opener = Opener(NO_OWNER)
    for _ in range(3):
        with pytest.raises(DiskSilent):
            await opener.open(slot, None)
    assert asked == 1, "not tried again while it hangs"
    release.set()
    await asyncio.wait([opener._asked[slot.path].answer])
    disk = await opener.open(slot, None)
    assert disk is not None
    assert asked == 1, "it is the one that was opened then"
    await asyncio.to_thread(disk.leave)


async def test_what_it_refused_late_is_asked_anew(slot: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    release, healthy = threading.Event(), opening._ask

    def refuses(path: Path) -> None:
        release.wait(50)
        raise DiskInUse(path=str(path), pid=1)

    monkeypatch.setattr(opening, "_ask", refuses)
    opener = Opener(NO_OWNER)
    with pytest.raises(DiskSilent):
        await opener.open(slot, None)
    monkeypatch.setattr(opening, "_ask", healthy)
    release.set()
    await asyncio.wait([opener._asked[slot.path].answer])
    disk = await opener.open(slot, None)
    assert disk is not None
    await asyncio.to_thread(disk.leave)


@pytest.mark.parametrize("answered", [False, True])
async def test_a_disk_that_nobody_asks_for_any_more_is_left(
    answered: bool, slot: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ring stops before or after it has answered: the next ring has it."""
    release, healthy = threading.Event(), opening._ask

    def slow(path: Path) -> None:
        release.wait(50)
        healthy(path)

    monkeypatch.setattr(opening, "_ask", slow)
    opener = Opener(NO_OWNER)
    with pytest.raises(DiskSilent):
        await opener.open(slot, None)
    if answered:
        release.set()
        await asyncio.wait([opener._asked[slot.path].answer])
    opener.close()
    release.set()
    disk = None
    async with asyncio.timeout(10):
        while disk is None:
            try:
                disk = await Opener(NO_OWNER).open(slot, None)
            except DiskInUse:
                await asyncio.sleep(0.01)
    await asyncio.to_thread(disk.leave)
