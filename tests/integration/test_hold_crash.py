"""The recorder dies at any step of a hold: once it has answered, the sequence is there, whole, whatever follows."""

import asyncio
import random
import shutil
from pathlib import Path

import pytest

from appliance.core.cause import GapCause
from appliance.core.clock import SimulatedClock
from appliance.ring.protect.held import Kept
from appliance.ring.protect.policy import Hold, Reason
from tests.peers.crash import CRASHED, Breaker, Model, Report, Scenario, check_ring, in_child, steps
from tests.peers.pictures import Camera
from tests.peers.ring_rig import KEY, SMALL, Folder, Rig, pictures

DAY_US = 86_400_000_000
CHUNKS, PROTECTED = 20, 6
TICKS = 30
HELD_TICKS = 20
"""Ticks of 0.4 s back that the hold reaches."""

WAIT_TICKS = 300


def rig_of(base: Path, later_s: float, boot: int) -> Rig:
    clock = SimulatedClock()
    clock.advance(later_s)
    clock.reboot(bytes([boot]) * 16)
    return Rig(base, clock, [Folder(base / f"disk{i}") for i in range(2)])


async def complete(rig: Rig, kept: Kept, camera: Camera) -> None:
    """Recording goes on until the copy is whole: it is made in threads between the ticks."""
    for _ in range(WAIT_TICKS):
        if kept.state == "complete":
            return
        await rig.record(1, camera)
        await asyncio.sleep(0.002)
    raise AssertionError(f"still {kept.state}")


def asked(rig: Rig) -> Hold:
    now = rig.clock.utc_us()
    return Hold(
        id="",
        streams=(KEY,),
        from_us=now - HELD_TICKS * 400_000,
        to_us=now,
        reason=Reason.INCIDENT,
        words="Essai",
        procedure="",
        requester="Personne",
        asked_us=0,
        expires_us=now + 5 * DAY_US,
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two disks with a stream and an empty protected pool."""
    base = tmp_path_factory.mktemp("recorded")

    async def prepare(_report: Report) -> None:
        rig = rig_of(base, 0, 1)
        rig.disks.clear()
        await rig.format(disks=2, chunks=CHUNKS, protected=PROTECTED)
        rig.new()
        camera = rig.camera(size=2500)
        async with rig.running():
            camera.start()
            await rig.record(TICKS, camera)

    done = in_child(prepare)
    assert done.status == 0, done.text
    return base


def sent() -> list[bytes]:
    """All pictures of `prepare`, told without a ring."""

    class Nowhere:
        def start_run(self, run: object) -> None: ...
        def append(self, unit: object) -> None: ...
        def end_run(self, cause: object) -> None: ...

    camera = Camera(Nowhere(), SimulatedClock(), size=2500)
    list(camera.units(10 * TICKS))
    return camera.sent


def holding(base: Path) -> Scenario:
    """A hold of the last 8 s; told when it is answered, and when the copy is whole."""

    async def scenario(report: Report) -> None:
        rig = rig_of(base, TICKS * 0.4, 2)
        rig.new()
        async with rig.running() as ring:
            camera = rig.camera(seed=2, size=100)
            await ring.settle()
            camera.start(GapCause.POWER)
            answer = asyncio.create_task(ring.protected.hold(asked(rig)))
            for _ in range(WAIT_TICKS):
                if answer.done():
                    break
                await rig.record(1, camera)
                await asyncio.sleep(0.002)
            kept = await answer
            report.tell("answered", 1)
            await complete(rig, kept, camera)
            report.tell("whole", 1)

    return scenario


def looking(base: Path, *, answered: bool) -> Scenario:
    """Another start: an answered hold is there and becomes whole, bit for bit; what was not answered is either."""

    async def scenario(_report: Report) -> None:
        rig = rig_of(base, TICKS * 0.4 + 60, 3)
        rig.new()
        truth = sent()
        place = set(truth)
        async with rig.running() as ring:
            camera = rig.camera(seed=3, size=100)
            await ring.settle()
            camera.start(GapCause.POWER)
            for _ in range(WAIT_TICKS if answered else 20):  # they are read from the disks beside the ticks
                if ring.protected.holds:
                    break
                await rig.record(1, camera)
                await asyncio.sleep(0.002)
            holds = list(ring.protected.holds.values())
            assert len(holds) == 1 or not answered, "an answered hold is gone"
            for kept in holds:
                await complete(rig, kept, camera)
                day = rig.clock.utc_us() + DAY_US
                copy = await asyncio.to_thread(pictures, await kept.catalogue.ranges(KEY, 0, day))
                first = truth.index(copy[0])
                copy = [data for data in copy if data in place]  # a part at its end may begin the next run
                assert copy == truth[first:], "in order, once, bit for bit, to the end"
                assert first <= 10 * (TICKS - HELD_TICKS)
            assert [data for data in await rig.held() if data in place] == truth, "the ring itself is untouched"
            await rig.record(5, camera)
            disks = ring.state()["disks"]
            assert isinstance(disks, list)
            assert [(disk["error"], disk["suspect"]) for disk in disks] == [("", 0), ("", 0)]

    return scenario


def die_and_look(recorded: Path, base: Path, at: int, model: Model) -> bool:
    """True when the step was reached: copies run beside the ticks, so their steps do not fall alike each time."""
    shutil.rmtree(base, ignore_errors=True)
    shutil.copytree(recorded, base)
    died = in_child(holding(base), Breaker([base / "disk0", base / "disk1"], SMALL, at, model))
    assert died.status in {CRASHED, 0}, died.text
    looked = in_child(looking(base, answered="answered" in died.told))
    assert looked.status == 0, f"{model}, step {at}, told {died.told}: {looked.text}"
    check_ring(base, f"{model}, step {at}")
    return died.status == CRASHED


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("model", ["torn", "lost"])
def test_a_recorder_that_dies_at_any_step_of_a_hold(recorded: Path, tmp_path: Path, model: Model) -> None:
    base = tmp_path / "site"
    shutil.copytree(recorded, base)
    seen = steps(holding(base), [base / "disk0", base / "disk1"], SMALL)
    pick = random.Random(3)
    chosen = sorted(pick.sample(range(len(seen)), min(40, len(seen))))
    reached = [die_and_look(recorded, base, at, model) for at in chosen]
    assert sum(reached) > len(reached) // 2
