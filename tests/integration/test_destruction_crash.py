"""The recorder dies at any step of destroying footage: each destroyed chunk is told to the register exactly once."""

import asyncio
import random
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeVar

import pytest

from appliance.core.clock import SimulatedClock
from appliance.ring.protect.policy import Hold, Reason
from appliance.ring.walk import ChunkState, walk
from tests.peers.crash import CRASHED, Breaker, Model, Report, Scenario, check_ring, crash, in_child, steps
from tests.peers.lawful import DAY_S, DAY_US, TWO, Box, FileLines
from tests.peers.ring_rig import KEY, SMALL, Folder, Rig
from tests.peers.times import Sources

DAYS = 4
T = TypeVar("T")


async def box_at(base: Path, days: float, boot: int) -> Box:
    """The appliance of this folder, started `days` after the first picture, in a boot of its own."""
    box = Box(base)
    clock = SimulatedClock()
    clock.advance(days * DAY_S)
    clock.reboot(bytes([boot]) * 16)
    box.rig = Rig(base, clock, [Folder(base / f"disk{i}") for i in range(2)])
    box.sources = Sources(base, clock, ntp=TWO, rtc_off_us=0)
    box.register = FileLines(base / "register")
    await box.start()
    return box


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two disks with a little footage of each of four days."""
    base = tmp_path_factory.mktemp("aged")

    async def prepare(_report: Report) -> None:
        box = await Box(base).format(chunks=20)
        await box.start()
        for _ in range(DAYS):
            await box.day()
        await box.stop()

    outcome = in_child(prepare)
    assert outcome.status == 0, outcome.text
    return base


def destroying(base: Path) -> Scenario:
    """A day later two days' footage goes, and an hour later the register is told."""

    async def scenario(_report: Report) -> None:
        box = await box_at(base, DAYS + 2.5, 1)
        await box.minute()
        await box.pass_time(3600)
        await box.record(2)
        await box.stop()

    return scenario


def finishing(base: Path) -> Scenario:
    """The next life does what is left."""

    async def scenario(_report: Report) -> None:
        box = await box_at(base, DAYS + 2.6, 2)
        await box.minute()
        await box.pass_time(3600)
        await box.stop()
        assert box.rig.ring.destruction.untold == 0

    return scenario


def footage(base: Path, days: float) -> set[tuple[str, int]]:
    """(disk, generation) of every closed chunk whose first picture was taken within the first `days`."""
    until = SimulatedClock().utc_us() + days * DAY_S * 1e6
    found = set()
    for file in sorted(base.glob("disk*/*/*.mp4")):
        data = file.read_bytes()
        seen = walk(lambda at, length, data=data: data[at : at + length], SMALL)  # type: ignore[misc]
        if seen.state is ChunkState.CLOSED and seen.header is not None and seen.entries[0].utc_us < until:
            found.add((seen.header.disk_uuid, seen.header.generation))
    return found


def check(base: Path, aged: Path) -> None:
    due = footage(aged, 1.55)
    assert len(due) >= 2
    assert not footage(base, 1.55), "what was due is gone"
    assert footage(base, 99) >= footage(aged, 99) - due, "what was not is there"
    lines = FileLines(base / "register").lines
    assert sum(int(line["count"]) for line in lines) == len(due), "each told once"
    assert {line["reason"] for line in lines} == {"age"}


def test_without_a_crash_each_is_told_once(aged: Path, tmp_path: Path) -> None:
    base = tmp_path / "box"
    shutil.copytree(aged, base)
    for scenario in (destroying(base), finishing(base)):
        outcome = in_child(scenario)
        assert outcome.status == 0, outcome.text
    check(base, aged)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two disks with a complete hold of a few chunks of the protected pool."""
    base = tmp_path_factory.mktemp("copied")

    async def prepare(_report: Report) -> None:
        box = await Box(base).format(chunks=20, protected=6)
        await box.start()
        await box.record(12)
        now = box.rig.clock.utc_us()
        words = (Reason.INCIDENT, "Essai", "", "Personne")
        asked = Hold("", (KEY,), now - 4_000_000, now - 1_000_000, *words, 0, now + 5 * DAY_US)
        kept = await ticked(box, box.rig.ring.protected.hold(asked))
        await box.record(3)
        await until(box, lambda: kept.state == "complete")
        await box.stop()

    outcome = in_child(prepare)
    assert outcome.status == 0, outcome.text
    return base


async def until(box: Box, condition: Callable[[], bool]) -> None:
    for _ in range(400):
        if condition():
            return
        box.rig.clock.advance(0.01)
        await box.rig.ring.tick()
        await asyncio.sleep(0.002)
    raise AssertionError("did not happen")


async def ticked(box: Box, work: Coroutine[None, None, T]) -> T:
    task = asyncio.create_task(work)
    await until(box, task.done)
    return await task


def releasing(base: Path, boot: int) -> Scenario:
    """The hold, if it is still there, is given back, and an hour later the register is told."""

    async def scenario(_report: Report) -> None:
        box = await box_at(base, 0.5, boot)
        protected = box.rig.ring.protected
        await until(box, lambda: protected.ready_for_holds)
        for name in list(protected.holds):
            await ticked(box, protected.release(name))
        await until(box, lambda: not box.rig.ring._members.all[0].pool.wiped)
        await box.pass_time(3600)
        await box.stop()
        assert box.rig.ring.destruction.untold == 0

    return scenario


def copies_of(base: Path) -> int:
    """Chunks of the protected pools that hold anything."""
    files = [file for disk in sorted(base.glob("disk*")) for file in sorted(disk.glob("*/*.mp4"))[-6:]]
    return sum(any(file.read_bytes()) for file in files)


def check_copies(base: Path, copied: Path) -> None:
    assert copies_of(copied) >= 2
    assert copies_of(base) == 0, "what was given back is gone"
    lines = FileLines(base / "register").lines
    assert sum(int(line["count"]) for line in lines) == copies_of(copied), "each told once"
    assert {line["reason"] for line in lines} == {"hold-released"}


def test_copies_given_back_without_a_crash_are_told_once(copied: Path, tmp_path: Path) -> None:
    base = tmp_path / "box"
    shutil.copytree(copied, base)
    for boot in (1, 2):
        outcome = in_child(releasing(base, boot))
        assert outcome.status == 0, outcome.text
    check_copies(base, copied)


@pytest.mark.timeout(240)
@pytest.mark.full
@pytest.mark.parametrize("model", ["torn", "lost"])
def test_a_crash_at_any_step_of_destroying_copies(copied: Path, tmp_path: Path, model: Model) -> None:
    trial = tmp_path / "trial"
    shutil.copytree(copied, trial)
    names = steps(releasing(trial, 1), [trial / "disk0", trial / "disk1"], SMALL)
    first = names.index("write destroyed")
    chosen = range(max(0, first - 2), len(names))
    reached = 0
    for n in random.Random(model).sample(chosen, min(24, len(chosen))):
        base = tmp_path / f"at{n}"
        shutil.copytree(copied, base)
        died = in_child(releasing(base, 1), Breaker([base / "disk0", base / "disk1"], SMALL, n, model))
        assert died.status in {CRASHED, 0}, died.text  # zeros are written beside the ticks: some end a few steps sooner
        reached += died.status == CRASHED
        outcome = in_child(releasing(base, 2))
        assert outcome.status == 0, f"step {n} {names[n]}: {outcome.text}"
        check_copies(base, copied)
        check_ring(base, f"step {n} {names[n]}")
        shutil.rmtree(base)
    assert reached > 16


@pytest.mark.timeout(240)
@pytest.mark.full
@pytest.mark.parametrize("model", ["torn", "lost"])
def test_a_crash_at_any_step(aged: Path, tmp_path: Path, model: Model) -> None:
    trial = tmp_path / "trial"
    shutil.copytree(aged, trial)
    disks = [trial / "disk0", trial / "disk1"]
    names = steps(destroying(trial), disks, SMALL)
    touching = [n for n, name in enumerate(names) if name in {"zero", "write destroyed", "replace nvr-destroyed.new"}]
    assert {names[n] for n in touching} >= {"zero", "write destroyed"}
    wanted = sorted({max(0, n + d) for n in touching for d in (0, 1)} | {n - 1 for n in touching})
    chosen = [n for n in wanted if 0 <= n < len(names)]
    for n in random.Random(model).sample(chosen, min(24, len(chosen))):
        base = tmp_path / f"at{n}"
        shutil.copytree(aged, base)
        crash(destroying(base), [base / "disk0", base / "disk1"], SMALL, n, model)
        outcome = in_child(finishing(base))
        assert outcome.status == 0, f"step {n} {names[n]}: {outcome.text}"
        check(base, aged)
        check_ring(base, f"step {n} {names[n]}")
        shutil.rmtree(base)
